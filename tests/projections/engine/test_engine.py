import logging
import re
import threading
from contextlib import closing, contextmanager
from dataclasses import replace
from uuid import uuid4

import pytest
from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Uuid,
    event,
    func,
    inspect,
    select,
    text,
)

from adapters.databases import StoreUnavailable
from adapters.event_store import sqlite
from adapters.read_store import open_read_store
from adapters.read_store.store import ViewWriter
from domain.clients.client import ClientActivated, ProspectRegistered
from projections.engine import building
from projections.engine import engine as engine_module
from projections.engine.engine import Engine, UnknownView
from projections.engine.folding import CannotFold
from projections.engine.projection import Projection, stream
from projections.engine.read_store import Busy
from tests.projections.conftest import Office, names_table
from tests.waiting import PATIENCE


@pytest.fixture
def batches_of(monkeypatch):
    def of(size):
        monkeypatch.setattr(engine_module, "BATCH", size)
        monkeypatch.setattr(sqlite, "EVENTS_A_BLOCK", size)

    return of


def seen(office, names):
    return {row["name"]: row["seen"] for row in office.rows(names.projection).values()}


def raising(*_):
    raise AssertionError("nothing was to be read")


# --- following ----------------------------------------------------------------------------------


def test_a_view_is_built_and_then_follows_the_log(office, names):
    claire, _ = office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    assert seen(office, names) == {"Claire": 1, "Bruno": 1}
    office.activate(claire)
    office.register("Chloé")
    assert engine.advance()
    assert not engine.advance()
    assert seen(office, names) == {"Claire": 2, "Bruno": 1, "Chloé": 1}
    assert office.view(names.projection).position == office.log.head() == 4


def test_an_empty_log_makes_empty_views(office, names):
    engine = office.engine(names.projection)
    engine.catch_up()
    assert office.rows(names.projection) == {}
    assert not engine.advance()
    assert [(view.state, view.position, view.lag) for view in engine.status()] == [("live", 0, 0)]


def test_an_engine_without_views_has_nothing_to_do(office):
    office.register("Claire")
    engine = office.engine()
    engine.catch_up()
    assert not engine.advance()


def test_each_event_is_folded_once_across_restarts(office, names, batches_of):
    batches_of(2)
    (claire,) = office.register("Claire")
    for number in range(3):
        office.engine(names.projection).catch_up()
        office.activate(claire) if number == 0 else office.register(f"n{number}")
        engine = office.engine(names.projection)
        engine.open()
        engine.advance()
    office.engine(names.projection).catch_up()
    assert names.folded == office.log.head()
    assert office.rows(names.projection) == office.replayed(names.projection)


def test_what_was_not_committed_is_folded_again_and_counted_once(office, names, monkeypatch):
    (claire,) = office.register("Claire")
    engine = office.engine(names.projection)
    engine.catch_up()
    office.activate(claire)
    with monkeypatch.context() as broken:
        broken.setattr(ViewWriter, "move", raising)  # after the rows were written, before the position is
        with pytest.raises(AssertionError):
            engine.advance()
    assert seen(office, names) == {"Claire": 1}
    engine.catch_up()
    assert seen(office, names) == {"Claire": 2}


def test_no_row_is_written_before_every_fold_has_run(office, make_names, monkeypatch):
    engine = office.engine(make_names("one").projection, make_names("other").projection)
    engine.catch_up()
    steps = []
    for step in ("fold", "write"):
        really = getattr(engine_module.Folding, step)
        noted = lambda *arguments, step=step, really=really: (steps.append(step), really(*arguments))[1]  # noqa: E731  # one step
        monkeypatch.setattr(engine_module.Folding, step, noted)
    office.register("Claire", "Bruno")
    engine.advance()
    assert steps == ["fold", "fold", "write", "write"]


def test_a_batch_of_more_rows_than_one_statement_takes(office):
    pairs = Projection(
        "pairs",
        version=1,
        table=Table(
            "pairs",
            MetaData(),
            Column("client_id", Uuid, primary_key=True),
            Column("number", Integer, primary_key=True),
        ),
    )
    pairs.on(ProspectRegistered, keys=lambda r: [(r.stream_id, number) for number in range(12_000)])(lambda *_: {})
    engine = office.engine(pairs)
    engine.catch_up()
    for _ in range(2):  # the second time, each row of the first is loaded and written again
        office.register("Claire")
        engine.advance()
    assert len(office.rows(pairs)) == 24_000


def test_views_at_different_positions_meet_without_folding_twice(office, make_names, batches_of):
    batches_of(3)
    ahead, behind = make_names("ahead"), make_names("behind")
    office.register(*"abcde")
    office.engine(behind.projection).catch_up()
    office.register(*"fgh")
    office.engine(ahead.projection).catch_up()
    office.register(*"ijk")
    batches_of(100)
    both = office.engine(ahead.projection, behind.projection)
    both.advance()  # nobody waits for who lies behind
    assert (office.view(behind.projection).position, office.view(ahead.projection).position) == (8, 11)
    both.catch_up()
    for each in (ahead, behind):
        assert office.view(each.projection).position == 11
        assert each.folded == 11
        assert office.rows(each.projection) == office.replayed(each.projection)


def test_a_view_that_lies_far_behind_is_rebuilt(office, names, monkeypatch):
    engine = office.engine(names.projection)
    engine.catch_up()
    office.register(*"abcde")
    monkeypatch.setattr(engine_module, "REBUILD_BEYOND", 5)
    engine.open()
    assert (office.view(names.projection).generation, office.view(names.projection).position) == (1, 0)
    monkeypatch.setattr(engine_module, "REBUILD_BEYOND", 4)
    engine.open()
    assert (office.view(names.projection).generation, office.view(names.projection).position) == (2, 5)


def test_views_ahead_of_a_log_put_back_from_a_copy_are_rebuilt(office, names):
    office.register("Claire", "Bruno")
    office.engine(names.projection).catch_up()
    office.damage_log("DELETE FROM events WHERE position = 2")
    office.damage_log("DELETE FROM deleted")
    office.engine(names.projection).catch_up()
    assert seen(office, names) == {"Claire": 1}
    office.register("Chloé")
    office.engine(names.projection).catch_up()
    assert seen(office, names) == {"Claire": 1, "Chloé": 1}


def test_a_log_that_lost_its_tail_can_still_be_projected(office, names):
    office.register("Claire", "Bruno")
    office.damage_log("DELETE FROM events WHERE position = 2")
    engine = office.engine(names.projection)
    engine.catch_up()
    engine.rebuild(["names"])
    assert engine.verify("names").equal
    assert seen(office, names) == {"Claire": 1}


# --- faults -------------------------------------------------------------------------------------


@pytest.mark.parametrize("batch", [1, 2, 100])
@pytest.mark.parametrize("live", [True, False])
def test_a_fold_that_raises_stops_its_view_alone_at_that_event(office, make_names, batches_of, batch, live, caplog):
    batches_of(batch)
    good, bad = make_names("good"), make_names("bad")
    bad.fails_on = {"Bruno"}
    engine = office.engine(good.projection, bad.projection)
    if live:
        engine.catch_up()
    office.register("Claire", "Bruno", "Chloé")
    engine.catch_up()
    assert seen(office, good) == {"Claire": 1, "Bruno": 1, "Chloé": 1}
    assert seen(office, bad) == {"Claire": 1}
    stopped = office.view(bad.projection)
    assert (stopped.state, stopped.position) == ("faulted", 1)
    assert re.fullmatch(r"event 2: LookupError in conftest.py, line \d+", stopped.error)  # the name is personal
    assert {view.name: (view.state, view.lag) for view in engine.status()} == {
        "good": ("live", 0),
        "bad": ("faulted", 2),
    }
    assert "the view bad stopped" in caplog.text or "build of the view bad" in caplog.text
    bad.fails_on = set()
    office.register("David")
    office.engine(good.projection, bad.projection).catch_up()
    assert office.view(bad.projection).state == "live"
    assert office.view(bad.projection).error is None
    assert office.rows(bad.projection) == office.replayed(bad.projection) == office.rows(good.projection)
    assert good.folded == 4


def test_a_stopped_view_that_still_can_not_fold_stops_there_again(office, make_names):
    good, bad = make_names("good"), make_names("bad")
    bad.fails_on = {"Bruno"}
    office.register("Claire", "Bruno")
    for _ in range(3):
        office.engine(good.projection, bad.projection).catch_up()
        assert (office.view(bad.projection).state, office.view(bad.projection).position) == ("faulted", 1)
        office.register("Chloé")
    assert office.view(good.projection).position == 4


def test_a_stopped_view_far_behind_holds_nothing_up(office, make_names, monkeypatch):
    good, bad = make_names("good"), make_names("bad")
    bad.fails_on = {"Bruno"}
    office.register("Claire", "Bruno", *"abcdef")
    office.engine(good.projection, bad.projection).catch_up()
    monkeypatch.setattr(engine_module, "REBUILD_BEYOND", 3)
    office.register("Chloé")
    office.engine(good.projection, bad.projection).catch_up()
    assert office.view(good.projection).position == 9
    assert (office.view(bad.projection).state, office.view(bad.projection).position) == ("faulted", 1)
    assert seen(office, bad) == {"Claire": 1}


MISTAKES = {
    "a column that does not exist": ({"name": "B", "seen": 1, "age": 4}, "bad has no column age"),
    "a column that is missing": (
        {"name": "B"},
        "NOT NULL constraint failed: bad.*\\.seen|NotNullViolation bad(__1)? seen",
    ),
    "an empty column": (
        {"name": None, "seen": 1},
        "NOT NULL constraint failed: bad.*\\.name|NotNullViolation bad(__1)? name",
    ),
    "no row at all": (object(), "TypeError"),
    "a value of another type": ({"name": "B", "seen": object()}, "type 'object' is not supported|ProgrammingError"),
    "a flag that is none": (
        {"name": "B", "seen": 1, "flag": "maybe"},
        "can't hold|InvalidTextRepresentation|DatatypeMismatch",
    ),
    "a number too large": ({"name": "B", "seen": 2**70}, "OverflowError|NumericValueOutOfRange"),
    "half a character": ({"name": "\ud800", "seen": 1}, "UnicodeEncodeError"),
    "what the table checks": ({"name": "B", "seen": -1}, "CHECK constraint failed|CheckViolation bad__1_seen_check"),
    "a value that is another row's": (
        {"name": "Claire", "seen": 1},
        "UNIQUE constraint failed|UniqueViolation bad_by_name__1",
    ),
}


def test_a_row_that_is_gone_is_gone_though_a_long_rebuild_had_written_it_out(office, batches_of, monkeypatch):
    batches_of(1)
    monkeypatch.setattr(building, "ROWS_IN_MEMORY", 1)
    prospects = Projection("prospects", version=1, table=names_table("prospects"))
    prospects.on(ProspectRegistered, key=stream)(lambda _, one: {"name": one.event.identity.last_name, "seen": 1})
    prospects.ends(ClientActivated)
    anne, bruno, claire = office.register("Anne", "Bruno", "Claire")
    office.activate(anne)
    office.activate(claire)

    office.engine(prospects).catch_up()

    assert office.rows(prospects) == office.replayed(prospects)
    assert office.rows(prospects).keys() == {(bruno,)}


@pytest.mark.parametrize("mistake", MISTAKES)
@pytest.mark.parametrize(("live", "batch", "row_per_event"), [(True, 100, False), (False, 2, False), (False, 1, True)])
def test_what_a_table_can_not_hold_stops_its_view_alone_at_that_event(
    office, make_names, batches_of, mistake, live, batch, row_per_event
):
    batches_of(batch)
    row, reason = MISTAKES[mistake]
    good = make_names("good")
    table = Table(
        "bad",
        MetaData(),
        Column("client_id", Uuid, primary_key=True),
        Column("name", String, nullable=False),
        Column("seen", Integer, nullable=False),
        Column("flag", Boolean),
        CheckConstraint("seen > 0"),
        Index("bad_by_name", "name", unique=True),
    )
    bad = make_names("bad", table=table, row_per_event=row_per_event)
    bad.returns["Bruno"] = row
    engine = office.engine(good.projection, bad.projection)
    if live:
        engine.catch_up()
    office.register("Claire", "Chloé", "Bruno", "David", "Élise")
    engine.catch_up()
    assert len(seen(office, good)) == 5
    assert seen(office, bad) == {"Claire": 1, "Chloé": 1}
    stopped = office.view(bad.projection)
    assert (stopped.state, stopped.position) == ("faulted", 2)
    assert stopped.error.startswith("event 3: ")
    assert re.search(reason, stopped.error)
    bad.returns.clear()
    office.engine(good.projection, bad.projection).catch_up()
    assert office.rows(bad.projection).keys() == office.rows(good.projection).keys()
    assert {"bad_by_name__1"} == indexes(office, "bad")


def indexes(office, table):
    with office.store.reading() as connection:
        return {found["name"] for found in inspect(connection).get_indexes(table)} - {
            f"{table}__1_key",
            f"{table}__2_key",
        }


def tables(office):
    with office.store.reading() as connection:
        return set(inspect(connection).get_table_names())


@pytest.mark.parametrize("key", ["not a UUID", None, (uuid4(), 1), 3.5, ["no", "key"]])
@pytest.mark.parametrize("live", [True, False])
def test_a_key_that_is_none_stops_its_view_alone(office, make_names, key, live):
    good, bad = make_names("good"), make_names("bad")
    bad.projection.on(ProspectRegistered, key=lambda r: key if r.event.identity.last_name == "Bruno" else r.stream_id)(
        lambda row, _: row or {"name": "?", "seen": 0}
    )
    engine = office.engine(good.projection, bad.projection)
    if live:
        engine.catch_up()
    office.register("Claire", "Bruno", "Chloé")
    engine.catch_up()
    assert len(seen(office, good)) == 3
    assert (office.view(bad.projection).state, office.view(bad.projection).position) == ("faulted", 1)
    assert seen(office, bad) == {"Claire": 1}


def test_values_that_change_places_within_a_batch_are_no_fault(office, make_names):
    table = Table(
        "swapped",
        MetaData(),
        Column("client_id", Uuid, primary_key=True),
        Column("name", String, nullable=False, unique=True),
        Column("seen", Integer, nullable=False),
    )
    swapped = make_names("swapped", table=table)
    engine = office.engine(swapped.projection)
    (claire,) = office.register("Claire")
    engine.catch_up()
    office.activate(claire)
    swapped.projection._rules[ClientActivated].clear()
    swapped.projection.on(ClientActivated, key=stream)(lambda row, _: {**row, "name": "Claire (active)"})
    swapped.returns["Bruno"] = {"name": "Claire", "seen": 1}
    office.register("Bruno")
    engine.advance()
    assert office.view(swapped.projection).state == "live"
    assert seen(office, swapped) == {"Claire (active)": 1, "Claire": 1}


def test_a_store_that_can_not_be_used_is_no_view_s_fault(office, names):
    engine = office.engine(names.projection)
    engine.catch_up()
    office.register("Claire")
    with only_readable(office.store), pytest.raises(StoreUnavailable, match=r"read-?only"):
        engine.advance()
    assert (office.view(names.projection).state, office.view(names.projection).position) == ("live", 0)


def test_a_full_disk_interrupts_the_engine_and_loses_nothing(log, names, tmp_path, stores_in):
    with closing(open_read_store(stores_in("sqlite")("views"))) as store:
        office = Office(log, store, tmp_path / "log.sqlite")
        engine = office.engine(names.projection)
        engine.catch_up()
        office.register(*(f"{number:04}{'x' * 190}" for number in range(600)))
        with full_disk(store):
            with pytest.raises(StoreUnavailable, match="full"):
                engine.advance()
            with pytest.raises(StoreUnavailable, match="full"):
                engine.rebuild(["names"])
        assert (office.view(names.projection).state, office.view(names.projection).position) == ("live", 0)
        engine.catch_up()
        assert len(office.rows(names.projection)) == 600
        assert engine.verify("names").equal


@contextmanager
def full_disk(store):
    """No file of the store grows any more."""

    def begun(connection):
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar_one()
        connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")

    event.listen(store.database.engine, "begin", begun)
    yield
    event.remove(store.database.engine, "begin", begun)
    store.database.engine.dispose()


@contextmanager
def only_readable(store):
    """What the store's connections meet on a file that may only be read."""

    def begun(connection):
        on_sqlite = connection.dialect.name == "sqlite"
        connection.exec_driver_sql("PRAGMA query_only = ON" if on_sqlite else "SET TRANSACTION READ ONLY")

    event.listen(store.database.engine, "begin", begun)
    yield
    event.remove(store.database.engine, "begin", begun)
    store.database.engine.dispose()


def test_a_value_in_an_error_is_not_told(office, make_names):
    bad = make_names("bad")
    bad.returns["Bruno"] = {"name": "SECRET", "seen": 2**70}
    office.register("Bruno")
    office.engine(bad.projection).catch_up()
    assert "SECRET" not in office.view(bad.projection).error


def test_an_unknown_topic_stops_nothing_and_is_reported(office, names, caplog):
    office.register("Claire", "Bruno", "Chloé")
    office.damage_log("UPDATE events SET topic = 'FromTheFuture' WHERE position IN (1, 2)")
    engine = office.engine(names.projection)
    with caplog.at_level(logging.WARNING):
        engine.catch_up()
    assert seen(office, names) == {"Chloé": 1}
    assert engine.unknown_topics == {"FromTheFuture": 1}
    assert caplog.text.count("FromTheFuture") == 1
    assert engine.verify("names").equal


@pytest.mark.parametrize("state", [b"", b"\1", b"altered" * 9])
@pytest.mark.parametrize("live", [True, False])
def test_an_unreadable_event_stops_only_those_who_want_it(office, make_names, state, live):
    wants, wants_not = make_names("wants"), make_names("wants_not", row_per_event=True)
    engine = office.engine(wants.projection, wants_not.projection)
    if live:
        engine.catch_up()
    (claire,) = office.register("Claire")
    office.activate(claire)
    office.register("Bruno")
    office.damage_log("UPDATE events SET state = ? WHERE position = 2", state)
    engine.catch_up()
    assert seen(office, wants_not) == {"Claire": 1, "Bruno": 1}
    assert seen(office, wants) == {"Claire": 1}
    stopped = office.view(wants.projection)
    assert (stopped.state, stopped.position) == ("faulted", 1)
    assert stopped.error.startswith("event 2: ")
    with pytest.raises(CannotFold, match="event 2"):
        list(engine.explain("wants", (claire,)))
    assert engine.verify("wants").equal  # as far as it came


# --- versions and rebuilds ----------------------------------------------------------------------


def test_another_version_of_the_code_rebuilds_the_view(office, make_names):
    office.register("Claire", "Bruno")
    office.engine(make_names().projection).catch_up()
    newer = make_names(version=2)
    engine = office.engine(newer.projection)
    assert [view.state for view in engine.status()] == ["outdated"]
    with pytest.raises(CannotFold, match="another version"):
        engine.verify("names")
    office.register("Chloé")
    assert engine.advance()
    assert newer.folded == 3
    assert [(view.state, view.version) for view in engine.status()] == [("live", 2)]
    assert office.view(newer.projection).generation == 2


def test_other_columns_rebuild_the_view(office, make_names):
    office.register("Claire")
    office.engine(make_names().projection).catch_up()
    table = Table(
        "names",
        MetaData(),
        Column("client_id", Uuid, primary_key=True),
        Column("name", String, nullable=False),
        Column("seen", Integer, nullable=False),
        Column("initial", String),
    )
    newer = make_names(table=table)
    newer.returns["Claire"] = {"name": "Claire", "seen": 1, "initial": "C"}
    office.engine(newer.projection).catch_up()
    assert [row["initial"] for row in office.rows(newer.projection).values()] == ["C"]
    assert indexes(office, "names") == set()


def test_another_index_rebuilds_the_view(office, make_names):
    office.engine(make_names().projection).catch_up()
    newer = make_names()
    Index("names_by_seen", newer.projection.table.c.seen)
    office.engine(newer.projection).catch_up()
    assert indexes(office, "names") == {"names_by_name__2", "names_by_seen__2"}


def test_a_new_version_that_faults_still_replaces_what_its_folds_do_not_fit(office, make_names):
    office.register("Claire", "Bruno")
    office.engine(make_names().projection).catch_up()
    newer = make_names(version=2)
    newer.fails_on = {"Bruno"}
    office.engine(newer.projection).catch_up()
    assert (office.view(newer.projection).state, office.view(newer.projection).position) == ("faulted", 1)
    assert seen(office, newer) == {"Claire": 1}


def test_a_rebuild_that_faults_leaves_the_view_as_it_was(office, names):
    office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    names.fails_on = {"Claire"}
    with pytest.raises(CannotFold, match="names: event 1: LookupError"):
        engine.rebuild(["names"])
    assert seen(office, names) == {"Claire": 1, "Bruno": 1}
    office.register("Chloé")
    engine.advance()
    assert seen(office, names) == {"Claire": 1, "Bruno": 1, "Chloé": 1}
    (status,) = engine.status()
    assert status.state == "live"
    assert status.error.startswith("rebuild: event 1: LookupError in ")
    assert "names__2" not in tables(office)
    names.fails_on = set()
    engine.rebuild(["names"])
    assert engine.status()[0].error is None


def test_a_rebuild_that_faults_for_one_view_succeeds_for_the_others(office, make_names):
    good, bad = make_names("good"), make_names("bad")
    office.register("Claire", "Bruno")
    engine = office.engine(good.projection, bad.projection)
    engine.catch_up()
    bad.fails_on = {"Bruno"}
    with pytest.raises(CannotFold) as failed:
        engine.rebuild(["bad", "good", "bad"])
    assert "good" not in str(failed.value)
    assert (office.view(good.projection).generation, office.view(bad.projection).generation) == (2, 1)


def test_a_rebuild_mends_a_table_that_was_changed(office, names):
    office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    with office.store.database.writing() as connection:
        connection.execute(text("UPDATE names SET name = 'Mallory'"))
    progress = []
    engine.rebuild(["names"], lambda *at: progress.append(at))
    assert seen(office, names) == {"Claire": 1, "Bruno": 1}
    assert progress == [(2, 2)]


def test_a_rebuild_mends_a_view_that_stopped(office, names):
    names.fails_on = {"Bruno"}
    office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    names.fails_on = set()
    office.store.request_rebuild(["names"])
    assert engine.advance()
    assert (office.view(names.projection).state, office.view(names.projection).position) == ("live", 2)


def test_what_a_build_that_died_left_behind_is_dropped(office, names, monkeypatch):
    office.register("Claire")
    engine = office.engine(names.projection)
    engine.catch_up()
    with monkeypatch.context() as dying:
        dying.setattr(engine_module.Build, "finish", raising)
        with pytest.raises(AssertionError):
            engine.rebuild(["names"])
    assert "names__2" in tables(office)
    office.engine(names.projection).open()
    assert "names__2" not in tables(office)
    assert seen(office, names) == {"Claire": 1}


def test_another_process_can_ask_for_a_rebuild(office, names, views_url):
    office.register("Claire")
    engine = office.engine(names.projection)
    engine.catch_up()
    elsewhere = open_read_store(views_url)
    try:
        elsewhere.request_rebuild(["names", "unheard of"])
    finally:
        elsewhere.close()
    assert engine.advance()
    assert not engine.advance()
    assert office.view(names.projection).generation == 2
    assert not office.view(names.projection).rebuild_requested


def test_a_rebuild_asked_for_while_a_batch_is_folded_is_not_forgotten(office, names):
    office.register("Claire")
    engine = office.engine(names.projection)
    engine.catch_up()
    office.register("Bruno")
    scan = office.log.scan

    def ask_meanwhile(*arguments):
        office.log.scan = scan
        office.store.request_rebuild(["names"])
        return scan(*arguments)

    office.log.scan = ask_meanwhile
    while engine.advance():
        pass
    assert office.view(names.projection).generation == 2
    assert seen(office, names) == {"Claire": 1, "Bruno": 1}


def test_two_engines_that_both_believe_to_hold_the_store_fold_nothing_twice(office, names):
    (claire,) = office.register("Claire")
    one, other = office.engine(names.projection), office.engine(names.projection)
    one.catch_up()
    office.activate(claire)
    scan = office.log.scan

    def overtaken(*arguments):
        office.log.scan = scan
        other.advance()
        return scan(*arguments)

    office.log.scan = overtaken
    while one.advance():
        pass
    assert seen(office, names) == {"Claire": 2}


@pytest.mark.behaviour("X9")
def test_readers_never_see_a_view_empty_or_half_built_nor_its_position_go_back(office, names, batches_of):
    """A thread counts rows without pause while another writes and views are rebuilt under both."""
    batches_of(7)
    office.register(*(f"n{number}" for number in range(60)))
    engine = office.engine(names.projection)
    engine.catch_up()
    written, done, looked = threading.Event(), threading.Event(), []

    def write():
        for number in range(60):
            office.register(f"m{number}")
        written.set()

    def look():
        while not done.is_set():
            with office.store.reading() as connection:
                rows = connection.execute(select(func.count()).select_from(names.projection.table)).scalar_one()
                looked.append((office.store.views(connection)["names"].position, rows))

    threads = [threading.Thread(target=target) for target in (write, look)]
    for thread in threads:
        thread.start()
    try:
        while not written.is_set():
            engine.rebuild(["names"])
            engine.advance()
    finally:
        written.wait(PATIENCE)
        done.set()
        for thread in threads:
            thread.join(PATIENCE)
    engine.catch_up()
    assert all(position == rows for position, rows in looked)  # an event a row
    assert looked == sorted(looked)
    assert looked[0][1] >= 60
    assert len(office.rows(names.projection)) == 120
    assert office.view(names.projection).generation > 1
    assert engine.verify("names").equal


def test_a_rebuild_and_the_live_engine_in_one_process_take_turns(office, names, batches_of):
    batches_of(3)
    office.register(*"abcdefgh")
    engine = office.engine(names.projection)
    engine.catch_up()
    rebuilders = [threading.Thread(target=engine.rebuild, args=(["names"],)) for _ in range(3)]
    for thread in rebuilders:
        thread.start()
    office.register(*"ijklmn")
    while any(thread.is_alive() for thread in rebuilders):
        engine.advance()
    engine.catch_up()
    assert office.view(names.projection).generation == 4
    assert engine.verify("names").equal
    assert len(office.rows(names.projection)) == 14


def test_the_live_view_follows_the_log_while_it_is_rebuilt(office, names, batches_of):
    batches_of(2)
    office.register(*"abcdef")
    engine = office.engine(names.projection)
    engine.catch_up()
    live = []

    def meanwhile(_done, _total):
        if len(live) < 3:
            office.register("new")
        live.append(len(office.rows(names.projection)))

    engine.rebuild(["names"], meanwhile)
    assert live[1] > 6
    assert len(office.rows(names.projection)) == office.log.head() == 9


# --- looking ------------------------------------------------------------------------------------


def test_verify_finds_what_was_changed_lost_and_added(office, names):
    claire, bruno, _ = office.register("Claire", "Bruno", "Chloé")
    engine = office.engine(names.projection)
    engine.catch_up()
    assert engine.verify("names").equal
    assert engine.verify("names").rows == 3
    stray = uuid4()
    with office.store.database.writing() as connection:
        table = names.projection.table
        connection.execute(table.update().where(table.c.client_id == claire).values(name="Clara"))
        connection.execute(table.delete().where(table.c.client_id == bruno))
        connection.execute(table.insert().values(client_id=stray, name="Mallory", seen=1))
    found = engine.verify("names")
    assert not found.equal
    assert (found.different, found.missing, found.unexpected) == (((claire,),), ((bruno,),), ((stray,),))


def test_verify_compares_at_the_position_of_the_view(office, names, batches_of):
    batches_of(2)
    office.register(*"abcde")
    engine = office.engine(names.projection)
    engine.catch_up()
    office.register("later")
    progress = []
    found = engine.verify("names", lambda *at: progress.append(at))
    assert found.equal
    assert (found.position, found.rows) == (5, 5)
    assert progress == [(2, 5), (4, 5), (5, 5)]


def test_verify_of_a_view_that_was_never_built(office, names):
    office.register("Claire")
    engine = office.engine(names.projection)
    assert [(view.state, view.lag) for view in engine.status()] == [("missing", 1)]
    assert engine.verify("names").equal


def test_verify_says_where_today_s_code_can_not_replay(office, names):
    office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    names.fails_on = {"Bruno"}
    with pytest.raises(CannotFold, match="event 2: LookupError"):
        engine.verify("names")


def test_verify_reads_a_log_that_lost_its_tail(office, names):
    office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    office.damage_log("DELETE FROM events WHERE position = 2")
    assert len(engine.verify("names").unexpected) == 1


def test_explain_lists_exactly_the_events_of_a_row(office, names, batches_of):
    batches_of(2)
    claire, bruno = office.register("Claire", "Bruno")
    office.activate(bruno)
    office.activate(claire)
    engine = office.engine(names.projection)
    assert [(event.position, event.event.topic()) for event in engine.explain("names", (claire,))] == [
        (1, "ProspectRegistered"),
        (4, "ClientActivated"),
    ]
    assert list(engine.explain("names", (uuid4(),))) == []


def test_a_view_nobody_knows(office, names):
    engine = office.engine(names.projection)
    for ask in (
        engine.named,
        engine.verify,
        lambda name: engine.rebuild([name]),
        lambda name: next(engine.explain(name, ())),
    ):
        with pytest.raises(UnknownView, match="no view 'nemo': there are names"):
            ask("nemo")
    assert engine.named("names") is names.projection


# --- running ------------------------------------------------------------------------------------


@pytest.fixture
def running():
    """Runs engines in threads of their own, and stops them."""
    stop, threads = threading.Event(), []

    def run(engine):
        threads.append(threading.Thread(target=engine.run, args=(stop,), kwargs={"poll_seconds": 0.01}))
        threads[-1].start()
        return stop, threads[-1]

    yield run
    stop.set()
    for thread in threads:
        thread.join(PATIENCE)
        assert not thread.is_alive()


def test_an_engine_at_work_brings_readers_what_they_wrote(office, names, running):
    engine = office.engine(names.projection)
    running(engine)
    for number in range(10):
        office.register(f"n{number}")
        assert engine.wait_for(office.log.head(), ["names"], timeout=PATIENCE)
        assert len(office.rows(names.projection)) == number + 1


def test_one_engine_projects_a_store_at_a_time(office, names, views_url, running):
    other_store = open_read_store(views_url)
    try:
        with other_store.lock() as held:
            assert held
            with office.store.lock() as second:
                assert not second
            engine = office.engine(names.projection)
            running(engine)
            office.register("Claire")
            assert not engine.wait_for(1, ["names"], timeout=0.1)
            assert names.folded == 0
        assert engine.wait_for(1, ["names"], timeout=PATIENCE)  # it takes over
        with other_store.lock() as held:
            assert not held
    finally:
        other_store.close()


def test_waiting_for_another_process_s_engine(office, names, tmp_path):
    office.register("Claire")
    here, elsewhere = office.engine(names.projection), office.engine(names.projection)
    assert not here.wait_for(1, ["names"], timeout=0)
    waiting = threading.Thread(target=elsewhere.catch_up)
    waiting.start()
    assert here.wait_for(1, ["names"], timeout=PATIENCE)
    waiting.join(PATIENCE)
    assert here.wait_for(0, [], timeout=0)
    assert not here.wait_for(1, ["names", "unheard of"], timeout=0)
    assert not here.wait_for(2, ["names"], timeout=0.03)


def test_a_view_that_is_being_built_for_the_first_time_is_waited_for(office, names, monkeypatch):
    engine = office.engine(names.projection)
    with monkeypatch.context() as dying:
        dying.setattr(engine_module.Build, "finish", raising)
        with pytest.raises(AssertionError):
            engine.open()
    assert not engine.wait_for(0, ["names"], timeout=0)  # it has no table yet
    engine.open()
    assert engine.wait_for(0, ["names"], timeout=0)


def test_nobody_waits_for_a_view_that_stands_still(office, make_names, monkeypatch):
    bad = make_names("bad")
    bad.fails_on = {"Bruno"}
    engine = office.engine(bad.projection)
    office.register("Claire", "Bruno")
    engine.catch_up()
    engine._readers._await_move = lambda *_: pytest.fail("nothing is to be waited for")
    assert engine.wait_for(1, ["bad"], timeout=PATIENCE)
    assert not engine.wait_for(2, ["bad"], timeout=PATIENCE)


def test_moves_of_the_log_do_not_shorten_a_wait(office, names, monkeypatch):
    """However often the views move meanwhile, a wait lasts as long as was asked."""
    engine = office.engine(names.projection)
    engine.catch_up()
    now, looks = [100.0], []
    monkeypatch.setattr(engine_module.time, "monotonic", lambda: now[0])

    def look(seen, timeout):
        looks.append(timeout)
        now[0] += 0.001  # woken by a move at once
        if len(looks) == 500:
            office.register("Claire")
            engine.catch_up()

    engine._readers._await_move = look
    assert engine.wait_for(1, ["names"], timeout=PATIENCE)


def test_a_store_that_can_not_be_used_interrupts_the_engine_and_no_more(office, names, running, monkeypatch, caplog):
    engine = office.engine(names.projection)
    stop, _ = running(engine)
    office.register("Claire")
    assert engine.wait_for(1, ["names"], timeout=PATIENCE)
    writing, refused = office.store.writing, threading.Event()

    def full():
        refused.set()
        raise StoreUnavailable("read store", "disk full")

    monkeypatch.setattr(office.store, "writing", full)
    office.register("Bruno")
    assert refused.wait(PATIENCE)
    monkeypatch.setattr(office.store, "writing", writing)
    assert engine.wait_for(2, ["names"], timeout=PATIENCE)
    assert seen(office, names) == {"Claire": 1, "Bruno": 1}
    assert "tries again" in caplog.text
    assert not stop.is_set()


def test_an_engine_stops_promptly_when_idle(office, names):
    engine = office.engine(names.projection)
    stop, waited = threading.Event(), threading.Event()
    wait = office.log.wait
    office.log.wait = lambda *arguments: (waited.set(), wait(*arguments))[1]
    thread = threading.Thread(target=engine.run, args=(stop,), kwargs={"poll_seconds": 3600})
    thread.start()
    assert waited.wait(PATIENCE)
    stop.set()
    thread.join(PATIENCE)
    assert not thread.is_alive()


def test_an_engine_stops_in_the_middle_of_a_build(office, names, batches_of):
    batches_of(1)
    office.register(*"abcdef")
    engine = office.engine(names.projection)
    stop = threading.Event()
    names.projection.on(ProspectRegistered, key=stream)(
        lambda row, recorded: stop.set() or row if recorded.position == 3 else row
    )
    engine.run(stop)  # comes back by itself
    assert names.folded == 3
    assert [(view.state, view.position) for view in engine.status()] == [("building", 0)]
    engine.catch_up()
    assert len(office.rows(names.projection)) == 6


def test_a_rebuild_that_was_asked_for_ends_while_others_write(office, names):
    office.register("Claire", "Bruno")
    engine = office.engine(names.projection)
    engine.catch_up()
    office.store.request_rebuild(["names"])
    written = iter(["Chloé", "David"])

    def write_meanwhile(_done, _total):
        office.register(*[name for name in [next(written, None)] if name])

    assert engine.advance(write_meanwhile)
    engine.catch_up()
    assert office.view(names.projection).generation == 2
    assert not office.view(names.projection).rebuild_requested
    assert office.rows(names.projection) == office.replayed(names.projection)


def test_a_view_ahead_of_the_log_whose_build_stops_keeps_nothing_of_another_past(office, names):
    office.register("Claire", "Bruno", "Chloé")
    engine = office.engine(names.projection)
    engine.catch_up()
    office.damage_log("DELETE FROM events WHERE position = 3")
    office.damage_log("DELETE FROM deleted")
    names.fails_on = {"Bruno"}
    again = office.engine(names.projection)
    again.catch_up()
    assert (office.view(names.projection).state, office.view(names.projection).position) == ("faulted", 1)
    assert seen(office, names) == {"Claire": 1}


def test_a_rebuild_that_died_is_not_told_as_going_on(office, names):
    office.register("Claire")
    office.engine(names.projection).catch_up()
    with office.store.writing() as writer:
        writer.put(replace(writer.views()["names"], rebuilt_to=1))
    engine = office.engine(names.projection)
    engine.open()
    assert [view.rebuilt_to for view in engine.status()] == [None]


def test_an_engine_stops_while_readers_keep_it_from_a_swap(office, names, monkeypatch):
    office.register("Claire")
    engine, stop, tried = office.engine(names.projection), threading.Event(), []

    def busy(_build, _writer, _head, readers):
        tried.append(readers)
        if len(tried) == 3:
            stop.set()
        raise Busy("7")

    monkeypatch.setattr(engine_module.Build, "put_in_place", busy)
    engine.run(stop)  # comes back by itself
    assert tried == [None, "7", "7"]


def test_a_request_reaches_an_engine_at_work(office, names, running):
    office.register("Claire")
    engine = office.engine(names.projection)
    running(engine)
    assert engine.wait_for(1, ["names"], timeout=PATIENCE)
    moved = threading.Event()
    tell = engine._readers.tell_moved
    engine._readers.tell_moved = lambda: (tell(), moved.set())
    office.store.request_rebuild(["names"])
    assert moved.wait(PATIENCE)
    assert office.view(names.projection).generation == 2


def test_catching_up_tells_how_far_it_is(office, names, batches_of):
    batches_of(2)
    engine = office.engine(names.projection)
    engine.catch_up()
    office.register(*"abcde")
    progress = []
    engine.catch_up(lambda *at: progress.append(at))
    assert progress == [(2, 5), (4, 5), (5, 5)]


def test_the_log_of_another_process_is_followed(office, names, reopened_log):
    office.register("Claire")
    engine = Engine(reopened_log, office.store, [names.projection])
    engine.catch_up()
    office.register("Bruno")
    engine.catch_up()
    assert len(office.rows(names.projection)) == 2
