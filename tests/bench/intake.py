"""Messages taken in a second: read from a mailbox, parsed, sealed on disk, decided and appended; no view."""

import email
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from email.message import Message
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from eventsourcing.persistence import EventStore

from adapters.databases import store_url
from adapters.mail.sources import iter_messages
from adapters.staff import COMMAND_LINE
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from domain.office.office import OpenOffice
from tests.bench import mailbox
from tests.bench.bare_library import bare_event, bare_store, bare_store_postgres, save_all, saves_of
from tests.bench.measuring import Measurement, Pair, fresh_folder, seconds
from tests.end_to_end.mailboxes import letters, write_mbox
from tests.postgres import running_postgres


def _import(office: Greffier, mail: Path) -> None:
    outcomes = [taken.outcome for _, taken in office.intake.take_in_all(iter_messages([mail]))]
    assert set(outcomes) == {"ticket"}


def _nothing(_mail: Path) -> None:
    """The library reads no mail."""


def _parse_with_the_standard_library(mail: Path) -> None:
    for message in iter_messages([mail]):
        parsed = email.message_from_binary_file(message.file)
        for part in parsed.walk():
            part.get_payload(decode=True)


def _beside(parse: Callable[[Path], None], folder: Path, size: int) -> Pair:
    mail = folder / "mail.mbox"
    write_mbox(letters(size), mail)
    settings = Settings(data=folder / "office")
    create_office(settings)
    with open_greffier(settings) as office, bare_store(folder) as store:
        office.log.execute(OpenOffice(name="Banc d'essai"), COMMAND_LINE)
        before = office.log.head()
        ours = seconds(lambda: _import(office, mail))
        saves = saves_of(office.log, before)
        assert len(saves) == size
        return Pair(ours, seconds(lambda: (parse(mail), save_all(store, saves))))


STORED = Measurement(
    "messages imported per second",
    "the same events, stored by the bare library",
    partial(_beside, _nothing),
    size=150,
)
PARSED_AND_STORED = Measurement(
    "messages imported per second",
    "parsed by the standard library, and the same events stored by the bare library",
    partial(_beside, _parse_with_the_standard_library),
    size=150,
)


class _Given(NamedTuple):
    """A mailbox, and where an office and a bare store for it are: each time others."""

    mail: Path
    settings: Callable[[Path], Settings]
    bare: Callable[[Path], AbstractContextManager[EventStore[UUID]]]


@contextmanager
def _in_sqlite(folder: Path, size: int) -> Iterator[_Given]:
    yield _Given(_mailbox_in(folder, size), lambda fresh: Settings(data=fresh / "office"), bare_store)


@contextmanager
def _in_postgres(folder: Path, size: int) -> Iterator[_Given]:
    with running_postgres() as server:
        yield _Given(
            _mailbox_in(folder, size),
            lambda fresh: Settings(data=fresh / "office", store=store_url(server.url(server.new_name()))),
            lambda _fresh: bare_store_postgres(server.create_database()),
        )


def _mailbox_in(folder: Path, size: int) -> Path:
    mail = folder / "mail.mbox"
    write_mbox(mailbox.messages(size), mail)
    return mail


def _filing_beside(given: _Given, size: int) -> Pair:
    with fresh_folder() as folder:
        settings = given.settings(folder)
        create_office(settings)
        with open_greffier(settings) as office, given.bare(folder) as store:
            mailbox.open_office(office.log)
            outcomes: list[str] = []
            ours = seconds(lambda: outcomes.extend(_taken_in(office, given.mail)))
            assert len(outcomes) == size
            assert set(outcomes) <= {"ticket", "message", "recorded"}
            return Pair(ours, seconds(lambda: _parse_and_store(given.mail, store)))


def _taken_in(office: Greffier, mail: Path) -> Iterator[str]:
    return (taken.outcome for _, taken in office.intake.take_in_all(iter_messages([mail])))


def _parse_and_store(mail: Path, store: EventStore[UUID]) -> None:
    for message, number in zip(iter_messages([mail]), count(1)):
        parsed = email.message_from_binary_file(message.file)
        store.put([bare_event(UUID(int=number), "MessageReceived", _facts(parsed))])


def _facts(parsed: Message) -> dict[str, Any]:
    """What anyone would keep of a message: who wrote, to whom, when, about what, and the text."""
    texts = [
        part.get_payload(decode=True).decode(part.get_content_charset("utf-8"), "replace")
        for part in parsed.walk()
        if part.get_content_type() == "text/plain"
    ]
    return {name: str(parsed[name]) for name in ("From", "To", "Subject", "Date", "Message-ID")} | {"text": texts}


IMPORTED: tuple[Measurement, ...] = tuple(
    Measurement(
        "messages of conversations imported and filed per second",
        "parsed by the standard library, and one event each stored by the bare library",
        _filing_beside,
        size=50_000,
        at_least=0.5,
        store=store,
        prepare=prepare,
        runs=1,
        quick_size=20,
    )
    for store, prepare in (("SQLite", _in_sqlite), ("PostgreSQL", _in_postgres))
)
