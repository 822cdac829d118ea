"""Messages, as bytes."""

from email.message import EmailMessage
from itertools import count

_numbers = count(1)


def letter(sender="Claire Bonnet <claire@courriel.example>", *, subject="Bonjour", text="Bonjour,", message_id=None):
    """A plain message, as bytes; each is another one."""
    message = EmailMessage()
    message["From"] = sender
    message["To"] = "office@office.example"
    message["Subject"] = subject
    message["Message-ID"] = message_id or f"<{next(_numbers)}@courriel.example>"
    message.set_content(text)
    return message.as_bytes()
