"""The inbox and the search, asked over HTTP in an office of a million tickets, beside one of a tenth.

Both are filled with invented rows, put straight into the tables as a rebuild does: a log of them would take hours to write.
Words come as often as in letters (Zipf); clients' names, topics and files are as frequent in both, so that pages are full.
"""

import random
import statistics
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import accumulate, islice
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID, uuid5

from api.bootstrap import Greffier, open_greffier
from projections.engine.building import ROWS_A_STEP, of_generation
from projections.engine.projection import Projection
from projections.engine.read_store import StoredView, ViewWriter
from projections.messages import messages
from projections.tickets.ticket import tickets
from tests.api.office import Api, opened, serving_halted
from tests.bench.measuring import Measurement, Pair
from tests.bench.rebuilding import Place, in_postgres, in_sqlite

TICKETS = 100_000
_TIMES_MORE = 10
_REQUESTS = 15
_BODIES = 20_000
_WORDS_A_BODY = 60
_VOCABULARY = 30_000
_NAMES = 300
_ON_ONE_FILE = 200
_FIRST_DAY = datetime(2020, 1, 1, tzinfo=UTC)
_ADDRESSES = UUID(int=7)

Rows = Iterator[dict[str, Any]]


class Office(NamedTuple):
    """A client of an office's API, and a file that some tickets are on."""

    api: Api
    file_id: str
    collaborator_id: str


# --- filling ----------------------------------------------------------------------------------


@contextmanager
def _two_offices(places: Callable[[], Any], folder: Path, size: int) -> Iterator[tuple[Office, Office]]:
    with places() as place, ExitStack() as stack:
        small, large = (
            stack.enter_context(_office(place, folder / name, count))
            for name, count in (("small", size), ("large", size * _TIMES_MORE))
        )
        yield small, large


@contextmanager
def _office(place: Place, folder: Path, count: int) -> Iterator[Office]:
    settings = place(folder)
    with opened(folder, **settings.model_dump(exclude={"data"}, exclude_unset=True)) as greffier:
        with serving_halted(greffier) as api:
            file_id = api.register("Bonnet")
            greffier.catch_up()
            collaborator_id = api.read("/collaborators")["items"][0]["collaborator_id"]
        _fill(greffier, count, UUID(file_id), UUID(collaborator_id))
    with open_greffier(settings) as greffier, serving_halted(greffier) as api:
        yield Office(api, file_id, collaborator_id)


def _fill(greffier: Greffier, count: int, file_id: UUID, collaborator_id: UUID) -> None:
    bodies = _bodies()
    _put_in_place(greffier, messages, _messages(count, bodies))
    _put_in_place(greffier, tickets, _tickets(count, file_id, collaborator_id))


def _put_in_place(greffier: Greffier, projection: Projection, rows: Rows) -> None:
    """A table of the next generation, filled as a rebuild fills it, and swapped in."""
    view = greffier.views.views()[projection.name]
    table = of_generation(projection.table, view.generation + 1)
    _in_a_transaction(greffier, lambda writer: writer.create_table(table))
    while some := list(islice(rows, ROWS_A_STEP)):
        _in_a_transaction(greffier, lambda writer, some=some: writer.insert(table, some))
    _in_a_transaction(greffier, lambda writer: writer.create_key(table))
    for index in table.indexes:
        _in_a_transaction(greffier, lambda writer, index=index: writer.create_index(index))
    if "full_text" in table.info:
        after = _in_a_transaction(greffier, lambda writer: writer.make_searchable(table, None))
        while after is not None:
            after = _in_a_transaction(greffier, lambda writer, after=after: writer.make_searchable(table, after))
    with greffier.views.writing() as writer:
        writer.swap(projection.table, table, None)
        writer.put(StoredView(projection.name, projection.fingerprint, view.generation + 1, view.position))


def _in_a_transaction(greffier: Greffier, work: Callable[[ViewWriter], Any]) -> Any:
    with greffier.views.building() as writer:
        return work(writer)


def _bodies() -> list[str]:
    """As many texts as are needed for no word to be nearer to another than chance has it."""
    dice = random.Random(5)
    words = ["bonjour", "contrat", "attestation", "sinistre", *(f"mot{number}" for number in range(_VOCABULARY))]
    weights = list(accumulate(1 / rank for rank in range(3, len(words) + 3)))
    return [" ".join(dice.choices(words, cum_weights=weights, k=_WORDS_A_BODY)) for _ in range(_BODIES)]


def _name(number: int) -> str:
    return "bonnet" if number % _NAMES == 0 else f"nom{number % _NAMES}"


def _messages(count: int, bodies: list[str]) -> Rows:
    """One for each ticket, and an answer to each fifth."""
    dice = random.Random(7)
    blank = dict.fromkeys(map(str, messages.table.columns.keys()))
    position = 0
    for number in range(1, count + 1):
        for answer in range(1 + (number % 5 == 0)):
            position += 1
            body, name = dice.choice(bodies), _name(number)
            yield blank | {
                "mail_id": UUID(int=number << 1 | answer),
                "ticket_id": _ticket_id(number),
                "kept_in": _ticket_id(number),
                "received_position": position,
                "received_at": _FIRST_DAY + timedelta(minutes=position),
                "direction": "outgoing" if answer else "incoming",
                "automatic": False,
                "same_message_id": False,
                "from_address": f"{name}@courriel.example",
                "from_name": name.capitalize(),
                "to": ["contact@cabinet.example"],
                "cc": [],
                "subject": body[:40],
                "text": body,
                "references": [],
                "attachments": [],
                "notes": [],
                "searched": " ".join(dict.fromkeys(f"{name} courriel example contact cabinet {body}".split())),
            }


def _tickets(count: int, file_id: UUID, collaborator_id: UUID) -> Rows:
    """Most are closed and on a file; some hundred on one, and some hundred somebody's, whatever the office's size."""
    blank = dict.fromkeys(map(str, tickets.table.columns.keys()))
    seldom = max(count // _ON_ONE_FILE, 1)
    for number in range(1, count + 1):
        position = number + number // 5
        at = _FIRST_DAY + timedelta(minutes=position)
        filed = number % 7 != 0
        file = (file_id if number % seldom == 1 else UUID(int=number // 20)) if filed else None
        yield blank | {
            "ticket_id": _ticket_id(number),
            "number": number,
            "version": 2,
            "received_position": position,
            "received_at": at,
            "latest_position": position,
            "latest_at": at,
            "message_count": 1 + (number % 5 == 0),
            "direction": "incoming",
            "sender_id": uuid5(_ADDRESSES, _name(number)),
            "sender_domain": "courriel.example",
            "from_address": f"{_name(number)}@courriel.example",
            "from_name": _name(number).capitalize(),
            "to": ["contact@cabinet.example"],
            "cc": [],
            "subject": f"Objet {number}",
            "excerpt": "Bonjour, voici ce que je vous demande. " * 4,
            "automatic": False,
            "same_message_id": False,
            "attachments": [],
            "notes": [],
            "candidates": [],
            "filed_kind": "client" if filed else None,
            "filed_id": file,
            "dossier_id": file,
            "undoable": filed,
            "unfiled_reason": None if filed else "unknown_address",
            "assigned_to": collaborator_id if number % seldom == 2 else None,
            "state": "open" if number % 50 == 0 else "waiting" if number % seldom == 3 else "closed",
            "dismissed": "junk" if number % 11 == 0 else None,
            "sent_only": False,
            "left_out": "dismissed" if number % 11 == 0 else None,
        }


def _ticket_id(number: int) -> UUID:
    return UUID(int=number | 1 << 100)


# --- measuring --------------------------------------------------------------------------------


def _large_beside_small(path: str, query: Mapping[str, str], offices: tuple[Office, Office], size: int) -> Pair:
    """A median of so many of each, in turns, as if each had been asked `size` times."""
    small, large = offices
    taken: tuple[list[float], list[float]] = [], []
    for _ in range(_REQUESTS):
        for office, times in zip((large, small), taken, strict=True):
            times.append(_asked(office, path, query))
    return Pair(*(statistics.median(times) * size for times in taken))


def _asked(office: Office, path: str, query: Mapping[str, str]) -> float:
    params = {name: value.format(**office._asdict()) for name, value in query.items()}
    start = time.perf_counter()
    answered = office.api.get(path, params=params)
    taken = time.perf_counter() - start
    assert answered.status_code == 200, answered.text
    return taken


_ASKED: Mapping[str, tuple[str, Mapping[str, str]]] = {
    "the inbox's first page": ("/tickets", {}),
    "the open and unfiled tickets": ("/tickets", {"state": "open", "filed": "false"}),
    "somebody's tickets": ("/tickets", {"assigned_to": "{collaborator_id}"}),
    "anybody's tickets": ("/tickets", {"assigned": "true"}),
    "the dismissed tickets": ("/tickets", {"dismissed": "true"}),
    "a search of a client's name and a topic": ("/tickets/search", {"text": "bonnet attestation"}),
    "a search of two frequent words": ("/tickets/search", {"text": "contrat sinistre"}),
    "a search of two frequent words on one file": (
        "/tickets/search",
        {"text": "contrat bonjour", "on_kind": "client", "on_id": "{file_id}"},
    ),
    "a search of a frequent word in open and unfiled tickets": (
        "/tickets/search",
        {"text": "contrat", "state": "open", "filed": "false"},
    ),
}

SEARCHES: tuple[Measurement, ...] = tuple(
    Measurement(
        f"{what}, at {_TIMES_MORE} times the tickets",
        f"at {TICKETS:,} tickets",
        partial(_large_beside_small, *asked),
        size=TICKETS,
        at_least=0.67,  # 1.5 times as long
        store=store,
        prepare=prepare,
        runs=5,
        quick_size=100,
    )
    for store, prepare in (
        ("SQLite", partial(_two_offices, in_sqlite)),
        ("PostgreSQL", partial(_two_offices, in_postgres)),
    )
    for what, asked in _ASKED.items()
)
