"""A mailbox as a broker's office has: threads, forms of letters, numbers in subjects; and the office that gets it."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from email.header import Header
from email.utils import format_datetime
from random import Random
from uuid import UUID

from adapters.demo_office import letters as templates
from adapters.demo_office.envelopes import Correspondent, Post, Postmark
from adapters.event_store.log import EventLog
from adapters.staff import COMMAND_LINE
from domain.clients.client import Person, RegisterClient
from domain.contracts.contract import RegisterContract
from domain.office.office import OpenOffice, ReserveOfficeAddress

_OFFICE = Correspondent("Cabinet d'essai", "contact@cabinet-essai.example")
_CLIENTS = 400
"""The first half are the office's; from the others it only gets mail."""
_FIRST = datetime(2024, 1, 8, 8, tzinfo=UTC)
_LETTERS = templates.FROM_A_PERSON + templates.FROM_A_COMPANY
_FORMS_OF_A_LETTER = 3
_REPLIES = 0.45
_BY_THE_OFFICE = 0.4
_LONGEST_THREAD = 8
_QUOTES = 0.4


def open_office(log: EventLog) -> None:
    log.execute(OpenOffice(name=_OFFICE.name), COMMAND_LINE)
    log.execute(ReserveOfficeAddress(address=_OFFICE.address), COMMAND_LINE)
    for number in range(_CLIENTS // 2):
        client_id = UUID(int=1 + number, version=4)
        log.execute(
            RegisterClient(
                client_id=client_id,
                identity=Person(last_name=f"Essai {number}"),
                active=True,
                email_addresses=(_client(number).address,),
            ),
            COMMAND_LINE,
        )
        contract_id = UUID(int=1_000_000 + number, version=4)
        log.execute(
            RegisterContract(contract_id=contract_id, client_id=client_id, policy_number=_number(number)), COMMAND_LINE
        )


def messages(count: int) -> Iterator[bytes]:
    """So many, oldest first: the same every time."""
    dice = Random(count)
    bodies = [body for letter in _LETTERS * _FORMS_OF_A_LETTER for body in [_body(letter, dice)]]
    threads: dict[int, tuple[str, list[str]]] = {}
    for serial in range(count):
        number = dice.randrange(_CLIENTS)
        subject, before = threads.get(number, ("", []))
        if not before or len(before) >= _LONGEST_THREAD or dice.random() >= _REPLIES:
            about = f" - contrat {_number(number)}" if dice.random() < _QUOTES else ""
            subject, before = f"{dice.choice(_LETTERS).subject.partition('{')[0].strip()}{about}", []
        sender, recipient = _client(number), _OFFICE
        if before and dice.random() < _BY_THE_OFFICE:
            sender, recipient = recipient, sender
        message_id = f"<{dice.getrandbits(40):x}.{serial}@{sender.domain}>"
        threads[number] = subject, [*before, message_id]
        yield _message(sender, recipient, f"Re: {subject}" if before else subject, message_id, before, serial) + (
            dice.choice(bodies)
        )


def _message(
    sender: Correspondent, recipient: Correspondent, subject: str, message_id: str, before: Sequence[str], serial: int
) -> bytes:
    lines = [
        f"Received: from mx.{sender.domain} [192.0.2.7] by mx.{recipient.domain} with ESMTPS id {serial:06x}",
        f"From: {sender.encoded}",
        f"To: {recipient.encoded}",
        f"Subject: {Header(subject, 'utf-8').encode() if not subject.isascii() else subject}",
        f"Date: {format_datetime(_FIRST + timedelta(seconds=97 * serial))}",
        f"Message-ID: {message_id}",
    ]
    if before:
        lines += [f"In-Reply-To: {before[-1]}", f"References: {' '.join(before)}"]
    return "\n".join([*lines, ""]).encode("ascii")


def _body(letter: templates.Letter, dice: Random) -> bytes:
    """A letter without the headers that differ: those that say how it is written, and what it says."""
    places = ("contract", "claim", "vehicle", "plate", "street", "town", "day", "past_day", "insurer", "amount")
    filled = letter.filled(
        {place: f"{place} {dice.randrange(1000)}" for place in (*places, "phone", "client", "manager")}
    )
    serial = dice.randrange(1 << 24)
    post = Post(
        Postmark(_FIRST, serial, _OFFICE),
        _OFFICE,
        (_OFFICE,),
        "",
        filled.body,
        attachments=filled.attachments,
        with_html=dice.random() < 0.5,
    )
    headers, blank, content = post.sealed().raw.partition(b"\n\n")
    kept = [
        line for line in headers.split(b"\n") if line.lower().startswith((b"mime-version:", b"content-", b" bound"))
    ]
    return b"\n".join(kept) + blank + content


def _client(number: int) -> Correspondent:
    return Correspondent(f"Personne {number}", f"personne.{number}@courriel.example")


def _number(number: int) -> str:
    return f"VAL-2019-{number:05d}"


def addresses() -> tuple[str, list[str]]:
    """The office's own, and one of each of its clients."""
    return _OFFICE.address, [_client(number).address for number in range(_CLIENTS // 2)]
