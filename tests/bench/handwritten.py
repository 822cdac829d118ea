"""The read models built by hand: one loop that knows each event and each column, with no engine, model or object mapper.

It shows what the machine allows, and its rows are the engine's rows: whoever changes a fold of these views changes it
here too. Values are written as SQLite keeps them; PostgreSQL's COPY reads the same texts.
"""

import sqlite3
import struct
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any, Final

import orjson
import psycopg
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from psycopg.types.string import ByteaBinaryLoader
from sqlalchemy import Dialect
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.schema import CreateIndex, CreateTable

from adapters.read_store.store import without_key
from projections.engine.projection import views
from projections.queries.name_search import name_key, searched
from projections.tickets.ticket import tickets as _tickets

READ_MODELS: Final = ("ticket_history", "tickets", "clients", "email_addresses", "collaborators")
SCHEMA: Final = "handwritten"
"""Where the loop writes in PostgreSQL: beside the engine's tables, in the same database."""

_SQLITE: Final = sqlite.dialect()
_POSTGRES: Final = postgresql.dialect()
_EVENTS_A_BLOCK: Final = 5_000
_EXCERPT: Final = 240
_EVENTS: Final = """
    SELECT position, originator_id, originator_version, topic, state FROM events WHERE topic IN (
        'TicketReceived', 'TicketContinued', 'TicketSplitOff', 'TicketMessageTakenOff', 'TicketAbsorbed', 'TicketMerged',
        'TicketClassified', 'TicketLeftUnfiled', 'TicketUnclassified', 'TicketFilingUndone', 'TicketPutOnHold',
        'TicketClosed', 'TicketReopened', 'TicketAssigned', 'TicketDismissed', 'TicketBroughtBack', 'TicketCommented',
        'EmailAddressAssociated', 'EmailAddressMoved', 'EmailAddressRemoved', 'ProspectRegistered', 'ClientActivated',
        'CollaboratorJoined')
"""

_FRAME: Final = struct.Struct(">BHII")
_KEY_ID: Final = struct.Struct(">q")

_place = [column.name for column in _tickets.table.columns].index
_VERSION: Final = _place("version")
_ACTIVATED: Final = list(views.tables["clients"].columns.keys()).index("activated_at")
_LATEST: Final = slice(_place("latest_position"), _place("latest_at") + 1)
_MESSAGES: Final = _place("message_count")
_FILED: Final = slice(_place("filed_kind"), _place("evidence") + 1)
_UNFILED: Final = slice(_place("unfiled_reason"), _place("candidates") + 1)
_STATE: Final = _place("state")
_ASSIGNED: Final = _place("assigned_to")
_DISMISSED: Final = slice(_place("dismissed"), _place("dismissal_note") + 1)
_MERGED: Final = _place("merged_into")
_SENT_ONLY: Final = _place("sent_only")
_LEFT_OUT: Final = _place("left_out")

_CHOSEN: Final = '{"kind":"collaborator_choice"}'

_Row = tuple[int, bytes, int, str, bytes]
_Rows = Iterable[Sequence[Any]]


def rebuild_sqlite(log: Path, vault: Path, master_key: bytes, into: Path) -> None:
    """Writes the read models into a new file."""
    with (
        closing(sqlite3.connect(log)) as events,
        closing(sqlite3.connect(vault)) as keys,
        closing(sqlite3.connect(into, isolation_level=None)) as written,
    ):
        # A file that holds nothing yet needs no journal; it is durable once it is committed.
        for pragma in ("journal_mode = OFF", "synchronous = NORMAL", "cache_size = -200000"):
            written.execute(f"PRAGMA {pragma}")
        written.execute("BEGIN")
        for statement in _tables(_SQLITE):
            written.execute(statement)

        def write(table: str, rows: _Rows) -> None:
            values = ", ".join("?" * len(views.tables[table].columns))
            written.executemany(f"INSERT INTO {table} VALUES ({values})", rows)

        wrapped = dict(keys.execute("SELECT key_id, wrapped FROM keys"))
        built = fold(_selected(events), wrapped, master_key, lambda history: write("ticket_history", history))
        for table, rows in built.items():
            write(table, rows)
        for statement in _keys_and_indexes("CREATE UNIQUE INDEX {0}_key ON {0} ({1})", _SQLITE):
            written.execute(statement)
        written.execute("COMMIT")


def _selected(events: sqlite3.Connection) -> Iterator[Sequence[_Row]]:
    select = f"{_EVENTS} AND position > ? ORDER BY position LIMIT {_EVENTS_A_BLOCK}"
    after = 0
    while block := events.execute(select, (after,)).fetchall():
        yield block
        after = block[-1][0]


def rebuild_postgres(log: str, vault: str, master_key: bytes, into: str) -> None:
    """Writes the read models into the schema `handwritten`, which is not there yet; takes libpq's addresses."""
    with psycopg.connect(vault) as keys:
        wrapped = dict(keys.cursor(binary=True).execute("SELECT key_id, wrapped FROM keys").fetchall())
    with psycopg.connect(log) as events, psycopg.connect(into) as connection, connection.cursor() as written:
        written.execute(f"SET synchronous_commit = off; CREATE SCHEMA {SCHEMA}; SET search_path = {SCHEMA}")
        for statement in _tables(_POSTGRES):
            written.execute(statement)
        with written.copy("COPY ticket_history FROM STDIN") as copy:
            # The server takes the history in while it gives the events out.
            built = fold(_streamed(events), wrapped, master_key, lambda history: _copy_rows(copy, history))
        for table, rows in built.items():
            with written.copy(f"COPY {table} FROM STDIN") as copy:
                _copy_rows(copy, rows)
        for statement in _keys_and_indexes("ALTER TABLE {0} ADD PRIMARY KEY ({1})", _POSTGRES):
            written.execute(statement)


def _streamed(events: psycopg.Connection[Any]) -> Iterator[Sequence[_Row]]:
    with events.cursor(binary=True) as cursor:
        cursor.adapters.register_loader("uuid", ByteaBinaryLoader)
        block: list[_Row] = []
        for row in cursor.stream(f"{_EVENTS} ORDER BY position", binary=True, size=1_000):
            block.append(row)
            if len(block) == _EVENTS_A_BLOCK:
                yield block
                block = []
        yield block


def _copy_rows(copy: psycopg.Copy, rows: _Rows) -> None:
    for row in rows:
        copy.write_row(row)


def fold(  # noqa: C901, PLR0912, PLR0915  # a call for each event would cost what this loop is to show
    blocks: Iterable[Sequence[_Row]],
    wrapped_keys: Mapping[int, bytes | None],
    master_key: bytes,
    write_history: Callable[[_Rows], None],
) -> dict[str, _Rows]:
    """The rows of every read model but the history, which is handed on block by block."""
    frame, key_id_in, loads, unwrap = _FRAME.unpack_from, _KEY_ID.unpack_from, orjson.loads, AESGCM(master_key).decrypt
    tickets: dict[str, list[Any]] = {}
    clients: dict[str, list[Any]] = {}
    addresses: dict[tuple[str, str], tuple[str | None, ...]] = {}
    collaborators: dict[str, tuple[str, str]] = {}
    context, at, actor, run = b"", "", "", None

    def unsealed(state: bytes, start: int, stream: bytes, version: int) -> Any:
        (key_id,) = key_id_in(state, start)
        wrapped = wrapped_keys[key_id]
        if wrapped is None:
            return None
        cipher = AESGCM(unwrap(wrapped[:12], wrapped[12:], b"key %d" % key_id))
        return loads(cipher.decrypt(state[start + 8 : start + 20], state[start + 20 :], stream + version.to_bytes(8)))

    for block in blocks:
        history: list[tuple[str, int, str, str, str, str]] = []
        for position, stream, version, topic, state in block:
            _, _, context_length, facts_length = frame(state)
            start = 11 + context_length
            end = start + facts_length
            if state[11:start] != context:  # a command's events follow each other
                context = state[11:start]
                stamp = loads(context)
                at, actor = _moment(stamp["at"]), _json(stamp["actor"])
                run = stamp.get("correlation_id") and stamp["correlation_id"].replace("-", "")
            stored = state[start:end]
            facts = loads(stored)
            id_ = stream.hex()

            if topic.startswith("Ticket"):
                history.append((id_, position, at, actor, topic, stored.decode()))
                row = tickets.get(id_)

                if topic in {"TicketReceived", "TicketSplitOff"}:
                    if (content := unsealed(state, end, stream, version)) is not None:
                        sent_at, direction = facts["sent_at"], facts["direction"]
                        sent = direction == "outgoing"
                        tickets[id_] = [
                            id_,
                            facts["number"],
                            version,
                            position,
                            at,
                            position,
                            at,
                            1,
                            direction,
                            _bare(facts["sender_id"]),
                            content["from_address"] and content["from_address"].rpartition("@")[2],
                            sent_at and _moment(sent_at),
                            content["from_address"],
                            content["from_name"],
                            _json(content["to"]),
                            _json(content["cc"]),
                            content["subject"],
                            " ".join(content["text"][: 4 * _EXCERPT].split())[:_EXCERPT],
                            int(facts["automatic"]),
                            int(facts["same_message_id"]),
                            content["message_id"],
                            _json(content["attachments"]),
                            _json(content["notes"]),
                            content["forwarded"] and _json(content["forwarded"]),
                            None,
                            None,
                            None,
                            None,
                            0,
                            None,
                            None,
                            "[]",
                            "closed" if sent else "open",
                            None,
                            None,
                            None,
                            None,
                            int(sent),
                            "sent" if sent else None,
                        ]
                    continue
                if row is None:
                    continue

                row[_VERSION] = version
                if topic == "TicketClassified":
                    row[_FILED] = *_filed(facts), run, 1, _json(facts["evidence"])
                    row[_UNFILED] = None, _json(facts["candidates"])
                elif topic == "TicketContinued":
                    row[_LATEST] = position, at
                    row[_MESSAGES] += 1
                    if row[_SENT_ONLY] and facts["direction"] != "outgoing":
                        row[_SENT_ONLY] = 0
                        if row[_LEFT_OUT] == "sent":
                            row[_LEFT_OUT] = None
                elif topic == "TicketLeftUnfiled":
                    row[_UNFILED] = facts["reason"], _json(facts["candidates"])
                elif topic == "TicketClosed":
                    row[_STATE] = "closed"
                elif topic == "TicketReopened":
                    row[_STATE] = "open"
                elif topic == "TicketPutOnHold":
                    row[_STATE] = "waiting"
                elif topic == "TicketAssigned":
                    row[_ASSIGNED] = _bare(facts["collaborator_id"])
                elif topic == "TicketDismissed":
                    row[_DISMISSED] = facts["reason"], unsealed(state, end, stream, version)
                    row[_LEFT_OUT] = "dismissed"
                elif topic == "TicketBroughtBack":
                    row[_DISMISSED] = None, None
                    row[_LEFT_OUT] = "sent" if row[_SENT_ONLY] else None
                elif topic == "TicketUnclassified":
                    row[_FILED] = None, None, None, run, 1, None
                elif topic == "TicketFilingUndone":
                    row[_FILED] = *_filed(facts), None, 0, _CHOSEN if facts["filed_on"] else None
                    row[_UNFILED] = None, "[]"
                elif topic == "TicketMessageTakenOff":
                    row[_MESSAGES] -= 1
                elif topic == "TicketAbsorbed":
                    row[_LATEST] = position, at
                    row[_MESSAGES] += len(facts["mails"])
                    if row[_SENT_ONLY] and any(mail["direction"] != "outgoing" for mail in facts["mails"]):
                        row[_SENT_ONLY] = 0
                        if row[_LEFT_OUT] == "sent":
                            row[_LEFT_OUT] = None
                elif topic == "TicketMerged":
                    row[_MESSAGES], row[_MERGED], row[_LEFT_OUT] = 0, facts["into"].replace("-", ""), "merged"

            elif topic in {"EmailAddressAssociated", "EmailAddressMoved"}:
                if (ticket_id := facts["ticket_id"]) is not None:
                    history.append((ticket_id.replace("-", ""), position, at, actor, topic, stored.decode()))
                key = (id_, facts["owner"]["id"].replace("-", ""))
                written = unsealed(state, end, stream, version)
                if written is None:
                    addresses.pop(key, None)
                elif key not in addresses:
                    addresses[key] = (*key, facts["owner"]["kind"], _bare(facts["dossier_id"]), written["address"], at)
                for former in facts.get("former_owners", ()):
                    addresses.pop((id_, former["id"].replace("-", "")), None)

            elif topic == "EmailAddressRemoved":
                addresses.pop((id_, facts["owner"]["id"].replace("-", "")), None)

            elif topic == "ProspectRegistered":
                if (ticket_id := facts["ticket_id"]) is not None:
                    facts["client_id"] = f"{id_[:8]}-{id_[8:12]}-{id_[12:16]}-{id_[16:20]}-{id_[20:]}"
                    history.append((ticket_id.replace("-", ""), position, at, actor, topic, _json(facts)))
                if (identity := unsealed(state, end, stream, version)) is not None:
                    clients[id_] = _registered(id_, facts["number"], version, identity, at)

            elif topic == "ClientActivated":
                if (row := clients.get(id_)) is not None:
                    row[2], row[4], row[_ACTIVATED] = version, "active", at

            elif (identity := unsealed(state, end, stream, version)) is not None:  # CollaboratorJoined
                id_ = facts["collaborator_id"].replace("-", "")
                collaborators[id_] = (id_, f"{identity['first_name']} {identity['last_name']}".strip())
        write_history(history)
    return {
        "tickets": tickets.values(),
        "clients": clients.values(),
        "email_addresses": addresses.values(),
        "collaborators": collaborators.values(),
    }


def _filed(facts: dict[str, Any]) -> tuple[str | None, str | None, str | None]:
    """The kind and id of the file that a ticket is on, and its dossier."""
    filed_on = facts["filed_on"] or {"kind": None, "id": None}
    return filed_on["kind"], _bare(filed_on["id"]), _bare(facts["dossier_id"])


def _bare(id_: str | None) -> str | None:
    return id_ and id_.replace("-", "")


def _registered(id_: str, number: int, version: int, identity: dict[str, Any], at: str) -> list[Any]:
    if identity["kind"] == "person":
        title, first, last = identity["title"], identity["first_name"], identity["last_name"]
        names = (title, first, last, None)
        shown = " ".join(filter(None, (title, first, last)))
        sorted_ = " ".join(filter(None, (last, first, title)))
    else:
        shown = sorted_ = identity["company_name"]
        names = (None, None, None, shown)
    return [
        id_,
        number,
        version,
        identity["kind"],
        "prospect",
        *names,
        shown,
        searched(sorted_),
        name_key(sorted_),
        at,
        None,
    ]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode() if value else "[]"  # nothing that is stored so is an empty object


def _moment(written: str) -> str:
    """A moment as the stores keep it, from JSON: mostly `2020-01-06T09:24:15.019000Z`, or without its fraction."""
    if len(written) == 27 and written[-1] == "Z":
        return f"{written[:10]} {written[11:-1]}"
    at = datetime.fromisoformat(written)
    return at.astimezone(UTC).replace(tzinfo=None).isoformat(" ", "microseconds")


@cache
def _tables(dialect: Dialect) -> list[str]:
    return [str(CreateTable(without_key(views.tables[name])).compile(dialect=dialect)) for name in READ_MODELS]


@cache
def _keys_and_indexes(key: str, dialect: Dialect) -> list[str]:
    tables = [views.tables[name] for name in READ_MODELS]
    keys = [key.format(table.name, ", ".join(table.primary_key.columns.keys())) for table in tables]
    return keys + [str(CreateIndex(index).compile(dialect=dialect)) for table in tables for index in table.indexes]
