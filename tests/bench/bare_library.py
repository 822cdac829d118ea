"""The event sourcing library as it comes: its stock recorders, mapper and JSON, nothing sealed."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any
from uuid import UUID

from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import DatetimeAsISO, EventStore, InfrastructureFactory, JSONTranscoder, UUIDAsHex
from eventsourcing.postgres import PostgresFactory
from eventsourcing.sqlite import SQLiteFactory
from eventsourcing.utils import Environment
from psycopg.conninfo import conninfo_to_dict

from domain.events import Recorded, office_event_types


@dataclass(frozen=True)
class BareEvent(DomainEvent):
    """An event of ours, its contents in the clear."""

    kind: str
    facts: dict[str, Any]


@contextmanager
def bare_store(folder: Path) -> Iterator[EventStore[UUID]]:
    with _store(SQLiteFactory(Environment("Bare", {"SQLITE_DBNAME": str(folder / "bare.sqlite")}))) as store:
        yield store


@contextmanager
def bare_store_postgres(url: str) -> Iterator[EventStore[UUID]]:
    with _store(PostgresFactory(Environment("Bare", postgres_environment(url)))) as store:
        yield store


def postgres_environment(url: str) -> dict[str, str]:
    """What the library asks, to find a database."""
    parts = conninfo_to_dict(url)
    return {
        "POSTGRES_DBNAME": str(parts["dbname"]),
        "POSTGRES_HOST": str(parts["host"]),
        "POSTGRES_PORT": "5432",
        "POSTGRES_USER": str(parts["user"]),
        "POSTGRES_PASSWORD": "none is asked",
    }


@contextmanager
def _store(factory: InfrastructureFactory[Any]) -> Iterator[EventStore[UUID]]:
    transcoder = JSONTranscoder()
    transcoder.register(UUIDAsHex())
    transcoder.register(DatetimeAsISO())
    try:
        yield EventStore(factory.mapper(transcoder), factory.application_recorder())
    finally:
        factory.close()


def bare_event(stream_id: UUID, kind: str, facts: dict[str, Any]) -> BareEvent:
    """The one event of a stream."""
    return BareEvent(originator_id=stream_id, originator_version=1, timestamp=datetime.now(UTC), kind=kind, facts=facts)


def saves_of(log: Any, after: int) -> list[Sequence[BareEvent]]:
    """What the log recorded after that position, as the saves that brought it: one for each command."""
    recorded = log.events(every_topic(), after)
    return [[_bare(one) for one in events] for _, events in groupby(recorded, lambda one: one.context.command_id)]


def save_all(store: EventStore[UUID], saves: Iterable[Sequence[BareEvent]]) -> None:
    for events in saves:
        store.put(events)


def _bare(recorded: Recorded[Any]) -> BareEvent:
    return BareEvent(
        originator_id=recorded.stream_id,
        originator_version=recorded.version,
        timestamp=recorded.recorded_at,
        kind=recorded.event.topic(),
        facts=recorded.event.model_dump(mode="json"),
    )


def every_topic() -> list[str]:
    return [event_type.topic() for event_type in office_event_types()]
