"""Messages, as bytes."""

from email.message import EmailMessage
from itertools import count

_numbers = count(1)


def letter(
    sender="Claire Bonnet <claire@courriel.example>",
    *,
    to="office@office.example",
    subject="Bonjour",
    text="Bonjour,",
    message_id=None,
    answers=None,
    automatic=False,
    attached=None,
    date=None,
):
    """A plain message, as bytes; each is another one. `answers` is the Message-ID of the one that it answers, `attached`
    are PDF files, by name.
    """
    message = EmailMessage()
    message["From"] = sender
    message["To"] = to
    message["Subject"] = subject
    message["Message-ID"] = message_id or f"<{next(_numbers)}@courriel.example>"
    if answers:
        message["In-Reply-To"] = answers
    if date:
        message["Date"] = date
    if automatic:
        message["Auto-Submitted"] = "auto-replied"
    message.set_content(text)
    for name, content in (attached or {}).items():
        message.add_attachment(content, maintype="application", subtype="pdf", filename=name)
    return message.as_bytes()
