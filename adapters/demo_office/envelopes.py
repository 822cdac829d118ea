"""How a letter becomes a raw message: headers, thread, text and HTML, attachments.

Nothing is drawn from the clock or from chance: the same post under the same postmark is the same
bytes.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from email import message_from_bytes, policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime, formataddr
from html import escape
from typing import Literal, Self

_type_of_suffix = {
    "pdf": ("application", "pdf"),
    "jpg": ("image", "jpeg"),
    "png": ("image", "png"),
    "docx": ("application", "vnd.openxmlformats-officedocument.wordprocessingml.document"),
}


@dataclass(frozen=True, slots=True)
class Correspondent:
    """Whoever writes to the office or is written to; the name may be empty."""

    name: str
    address: str

    @property
    def domain(self) -> str:
        return self.address.rpartition("@")[2]

    @property
    def header(self) -> Address:
        return Address(display_name=self.name, addr_spec=self.address)

    @property
    def encoded(self) -> str:
        """As it stands in a header, in ASCII."""
        return formataddr((self.name, self.address))


@dataclass(frozen=True, slots=True)
class Postmark:
    """When a message reached the office, and as which one."""

    at: datetime
    serial: int
    office: Correspondent

    @property
    def date(self) -> str:
        return format_datetime(self.at)

    @property
    def number(self) -> str:
        """What a message id begins with."""
        return f"{self.at:%Y%m%d%H%M%S}.{self.serial:04d}"

    def received(self, domain: str) -> str:
        relay = f"mx.{domain} [192.0.2.{self.serial % 254 + 1}]"
        return f"from {relay} by mx.{self.office.domain} with ESMTPS id {self.serial:06x}; {self.date}"

    def later(self, minutes: int) -> Self:
        """The next delivery of the same sender, by another relay."""
        return replace(self, at=self.at + timedelta(minutes=minutes), serial=self.serial + 5000)


@dataclass(frozen=True, slots=True)
class Arrival:
    """A raw message and when it came."""

    at: datetime
    raw: bytes


@dataclass(frozen=True, slots=True)
class Post:
    """What someone sends, before it is sealed."""

    mark: Postmark
    sender: Correspondent
    to: tuple[Correspondent, ...]
    subject: str
    body: str
    cc: tuple[Correspondent, ...] = ()
    attachments: tuple[str, ...] = ()
    forwarded: bytes | None = None
    answers: "Post | None" = None
    charset: Literal["utf-8", "iso-8859-1", "windows-1252"] = "utf-8"
    with_html: bool = False

    @property
    def message_id(self) -> str:
        return f"<{self.mark.number}@{self.sender.domain}>"

    @property
    def references(self) -> tuple[str, ...]:
        if self.answers is None:
            return ()
        return (*self.answers.references, self.answers.message_id)

    @property
    def text(self) -> str:
        """The body, followed by what it answers, quoted."""
        if self.answers is None:
            return f"{self.body}\n"
        first = self.answers
        quoted = "\n".join(f"> {line}".rstrip() for line in first.text.splitlines())
        day, hour = f"{first.mark.at:%d/%m/%Y}", f"{first.mark.at:%H:%M}"
        introduction = f"Le {day} à {hour}, {first.sender.name} <{first.sender.address}> a écrit :"
        return f"{self.body}\n\n{introduction}\n{quoted}\n"

    def sealed(self) -> Arrival:
        """The message as it lies in the office's mailbox."""
        message = EmailMessage(policy=policy.default)
        message["Return-Path"] = f"<{self.sender.address}>"
        message["Received"] = self.mark.received(self.sender.domain)
        message["From"] = self.sender.header
        message["To"] = [each.header for each in self.to]
        if self.cc:
            message["Cc"] = [each.header for each in self.cc]
        message["Subject"] = self.subject
        message["Date"] = self.mark.date
        message["Message-ID"] = self.message_id
        if self.answers is not None:
            message["In-Reply-To"] = self.answers.message_id
            message["References"] = " ".join(self.references)
        message.set_content(self.text, charset=_charset_that_holds(self.text, self.charset))
        if self.with_html:
            message.add_alternative(_as_html(self.text), subtype="html")
        for name in self.attachments:
            maintype, subtype = _type_of_suffix[name.rpartition(".")[2]]
            message.add_attachment(attachment_bytes(name), maintype=maintype, subtype=subtype, filename=name)
        if self.forwarded is not None:
            message.add_attachment(message_from_bytes(self.forwarded, policy=policy.default))
        return Arrival(self.mark.at, _with_fixed_boundaries(message, self.mark.serial))


def attachment_bytes(name: str) -> bytes:
    """Small contents that look like the file its name promises."""
    ascii_name = name.encode("ascii", "replace")
    match name.rpartition(".")[2]:
        case "pdf":
            return b"%%PDF-1.4\n%%\xe2\xe3\xcf\xd3\n1 0 obj\n<< /Title (%s) >>\nendobj\n%%%%EOF\n" % ascii_name
        case "jpg":
            return b"\xff\xd8\xff\xe0\x00\x10JFIF\x00\x01\x01" + ascii_name * 6 + b"\xff\xd9"
        case "png":
            return b"\x89PNG\r\n\x1a\n" + ascii_name * 4 + b"IEND\xaeB`\x82"
        case "docx":
            return b"PK\x05\x06" + bytes(18)  # the shortest valid zip: an empty one
        case other:
            raise ValueError(f"no sample of a .{other} file")


def _charset_that_holds(text: str, wished: str) -> str:
    try:
        text.encode(wished)
    except UnicodeEncodeError:
        return "utf-8"
    return wished


def _as_html(text: str) -> str:
    paragraphs = (escape(paragraph).replace("\n", "<br>\n") for paragraph in text.strip().split("\n\n"))
    return "<html><body>\n" + "\n".join(f"<p>{paragraph}</p>" for paragraph in paragraphs) + "\n</body></html>\n"


def _with_fixed_boundaries(message: EmailMessage, serial: int) -> bytes:
    """The bytes, with boundaries that the library would otherwise draw at random."""
    for number, part in enumerate(message.walk()):
        if part.get_content_maintype() == "multipart":
            part.set_boundary(f"=_partie_{serial:06x}_{number}")
    return message.as_bytes()
