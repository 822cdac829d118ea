"""Messages taken in a second: read from a mailbox, parsed, sealed on disk, decided and appended; no view."""

import email
from collections.abc import Callable
from functools import partial
from pathlib import Path

from adapters.mail.sources import iter_messages
from api.bootstrap import Greffier, create_office, open_greffier
from api.settings import Settings
from api.staff import COMMAND_LINE
from domain.office import OpenOffice
from tests.bench.bare_library import bare_store, save_all, saves_of
from tests.bench.measuring import Measurement, Pair, seconds
from tests.end_to_end.mailboxes import letters, write_mbox


def _import(office: Greffier, mailbox: Path) -> None:
    outcomes = [taken.outcome for _, taken in office.intake.take_in_all(iter_messages([mailbox]))]
    assert set(outcomes) == {"ticket"}


def _nothing(_mailbox: Path) -> None:
    """The library reads no mail."""


def _parse_with_the_standard_library(mailbox: Path) -> None:
    for message in iter_messages([mailbox]):
        parsed = email.message_from_binary_file(message.file)
        for part in parsed.walk():
            part.get_payload(decode=True)


def _beside(parse: Callable[[Path], None], folder: Path, size: int) -> Pair:
    mailbox = folder / "mail.mbox"
    write_mbox(letters(size), mailbox)
    settings = Settings(data=folder / "office")
    create_office(settings)
    with open_greffier(settings) as office, bare_store(folder) as store:
        office.log.execute(OpenOffice(name="Banc d'essai"), COMMAND_LINE)
        before = office.log.head()
        ours = seconds(lambda: _import(office, mailbox))
        saves = saves_of(office.log, before)
        assert len(saves) == size
        return Pair(ours, seconds(lambda: (parse(mailbox), save_all(store, saves))))


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
