"""The library's projection runner as it comes: its stock PostgreSQL recorder, and one event, one transaction at a time."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final
from uuid import UUID

import psycopg
from eventsourcing.application import Application
from eventsourcing.domain import DomainEvent
from eventsourcing.persistence import Tracking
from eventsourcing.postgres import PostgresTrackingRecorder
from eventsourcing.projection import Projection, ProjectionRunner
from psycopg.sql import SQL
from psycopg.types.json import Json
from sqlalchemy import JSON, Connection, Table, create_engine
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from domain.events import STORED, Context, Recorded, office_event_types
from projections.engine.projection import Key, Row
from projections.office import office_projections
from tests.bench.bare_library import postgres_environment

_POSTGRES: Final = postgresql.dialect()
_TRACKING: Final = "read_models_tracking"
_LONGEST_RUN_SECONDS: Final = 600
_EVENTS_AT_ONCE: Final = 100
"""The library sends all of a save before it reads an answer: a large one fills the buffers both ways, and stands still."""


@dataclass(frozen=True)
class BareRecorded(DomainEvent):
    """An event of ours in its envelope, in the clear."""

    kind: str
    facts: dict[str, Any]
    context: dict[str, Any]


class Views(PostgresTrackingRecorder):
    """The read models' tables, and the position, written in one transaction for each event."""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        super().__init__(*arguments, **named)
        for table in _tables():
            for create in (CreateTable(table), *map(CreateIndex, table.indexes)):
                create.if_not_exists = True
                self.sql_create_statements.append(SQL(str(create.compile(dialect=_POSTGRES))))

    def fold(self, recorded: Recorded[Any], tracking: Tracking) -> None:
        with self.datastore.transaction(commit=True) as cursor:
            for projection in office_projections():
                table = projection.table
                rows = {key: _loaded(cursor, table, key) for key in projection.keys_of(recorded)}
                for key, row in dict(projection.apply(recorded, rows)).items():
                    _write(cursor, table, key, row)
            self._insert_tracking(cursor, tracking)


class ReadModels(Projection[Views]):
    """Every read model, by its own folds."""

    name = "read_models"

    def process_event(self, domain_event: Any, tracking: Tracking) -> None:
        bare: BareRecorded = domain_event
        recorded = Recorded(
            office_event_types()[bare.kind].model_validate(bare.facts, context=STORED),
            stream_id=bare.originator_id,
            version=bare.originator_version,
            position=tracking.notification_id,
            recorded_at=bare.timestamp,
            context=Context.model_validate(bare.context),
        )
        self.view.fold(recorded, tracking)


class BareRunner:
    """The library on a PostgreSQL database of its own."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._environment = {"PERSISTENCE_MODULE": "eventsourcing.postgres"} | postgres_environment(url)

    def store(self, events: Iterable[Recorded[Any]]) -> None:
        """Stores them in their order, from position 1."""
        with Application[UUID](self._environment) as application:
            waiting = map(_bare, events)
            while some := list(islice(waiting, _EVENTS_AT_ONCE)):
                application.events.put(some)

    def project(self, upto: int) -> None:
        """Builds the read models up to this position."""
        with ProjectionRunner(
            application_class=Application[UUID], projection_class=ReadModels, view_class=Views, env=self._environment
        ) as runner:
            runner.wait(upto, timeout=_LONGEST_RUN_SECONDS)

    def forget(self) -> None:
        """Drops the read models."""
        with psycopg.connect(self._url) as connection:
            connection.execute(f"DROP TABLE IF EXISTS {_TRACKING}, {', '.join(table.name for table in _tables())}")

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        engine = create_engine("postgresql+psycopg://", creator=lambda: psycopg.connect(self._url))
        with engine.connect() as connection:
            yield connection
        engine.dispose()


def _bare(recorded: Recorded[Any]) -> BareRecorded:
    return BareRecorded(
        originator_id=recorded.stream_id,
        originator_version=recorded.version,
        timestamp=recorded.recorded_at,
        kind=recorded.event.topic(),
        facts=recorded.event.model_dump(mode="json"),
        context=recorded.context.model_dump(mode="json"),
    )


def _tables() -> list[Table]:
    return [projection.table for projection in office_projections()]


def _loaded(cursor: Any, table: Table, key: Key) -> Row | None:
    row: Row | None = cursor.execute(f"SELECT * FROM {table.name} WHERE {_at_key(table)}", key, prepare=True).fetchone()
    return row


def _write(cursor: Any, table: Table, key: Key, row: Row | None) -> None:
    if row is None:
        cursor.execute(f"DELETE FROM {table.name} WHERE {_at_key(table)}", key, prepare=True)
        return
    names = [f'"{column.name}"' for column in table.columns]
    insert = (
        f"INSERT INTO {table.name} ({', '.join(names)}) VALUES ({', '.join(['%s'] * len(names))}) "
        f"ON CONFLICT ({', '.join(table.primary_key.columns.keys())}) "
        f"DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in names)}"
    )
    values = [
        Json(row[column.name]) if isinstance(column.type, JSON) and row[column.name] is not None else row[column.name]
        for column in table.columns
    ]
    cursor.execute(insert, values, prepare=True)


def _at_key(table: Table) -> str:
    return " AND ".join(f"{column.name} = %s" for column in table.primary_key.columns)
