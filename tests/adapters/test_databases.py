import signal
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta, timezone
from uuid import uuid4

import psycopg
import pytest
from sqlalchemy import (
    Column,
    LargeBinary,
    MetaData,
    String,
    Table,
    Uuid,
    event,
    insert,
    select,
)
from sqlalchemy.exc import DBAPIError

from adapters.databases import (
    BadStoreUrl,
    BigId,
    NewerSchema,
    StoreUnavailable,
    libpq_url,
    open_database,
    shown_url,
    sqlite_url,
    store_url,
)
from projections.engine.projection import Utc
from tests.postgres import running_postgres
from tests.waiting import PATIENCE

metadata = MetaData()
things = Table(
    "things",
    metadata,
    Column("thing_id", BigId, primary_key=True, autoincrement=False),
    Column("name", String),
    Column("content", LargeBinary),
    Column("moment", Utc),
    Column("reference", Uuid),
)


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request, stores_in):
    return stores_in(request.param)


@pytest.fixture
def url(stores):
    return stores("desk")


@pytest.fixture
def open_one(url):
    """Opens databases on the store, as other processes would."""
    opened = []

    def open_one(durable=True):
        opened.append(open_database("desk", url, durable=durable))
        return opened[-1]

    yield open_one
    for one in opened:
        one.close()


@pytest.fixture
def database(open_one):
    database = open_one()
    database.migrate([metadata.create_all])
    return database


def count(database):
    with database.reading() as connection:
        return connection.exec_driver_sql("SELECT count(*) FROM things").scalar()


def add(connection, thing_id):
    connection.execute(insert(things).values(thing_id=thing_id))


# --- addresses ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sqlite:///office/log.sqlite", "sqlite:///office/log.sqlite"),
        ("sqlite:////var/lib/office/log.sqlite", "sqlite:////var/lib/office/log.sqlite"),
        ("postgresql://clerk@db.example:5433/office", "postgresql://clerk@db.example:5433/office"),
        ("postgresql://clerk:s3cret@db.example/office", "postgresql://clerk:***@db.example/office"),
        ("postgresql:///office?password=s3cret", "postgresql:///office?password=%2A%2A%2A"),
    ],
)
def test_an_address_is_shown_without_its_password(text, shown):
    assert shown_url(store_url(text)) == shown


@pytest.mark.parametrize(
    "text",
    [
        "office",
        "s3cret",
        "mysql://clerk:s3cret@db.example/office",
        "postgres://clerk:s3cret@db.example/office",
        "postgresql+psycopg://clerk:s3cret@db.example/office",
        "postgresql://clerk:s3cret@db.example",
        "postgresql://clerk:s3cret@db.example:54x/office",
        "postgresql://clerk:p@s3cret@db.example/office",
        "sqlite://office.sqlite",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///office?password=s3cret",
        "",
    ],
)
def test_an_address_that_is_none_is_refused_without_its_password(text):
    with pytest.raises(BadStoreUrl) as refusal:
        store_url(text)
    assert "s3cret" not in str(refusal.value)


def test_an_address_reaches_the_driver_as_it_was_meant():
    url = store_url("postgresql://cl%20erk:p%40ss%2Fw%3Ard@/of%20fice?host=/run/a%20b&sslmode=require")
    assert psycopg.conninfo.conninfo_to_dict(libpq_url(url)) == {
        "user": "cl erk",
        "password": "p@ss/w:rd",
        "dbname": "of fice",
        "host": "/run/a b",
        "sslmode": "require",
    }


# --- schemas ------------------------------------------------------------------------------------


def test_a_store_that_was_never_made_does_not_exist_and_asking_makes_nothing(postgres, tmp_path):
    file = open_database("desk", sqlite_url(tmp_path / "none" / "desk.sqlite"), durable=True)
    absent = open_database("desk", store_url(postgres.url(postgres.new_name())), durable=True)
    for database in (file, absent):
        with closing(database):
            assert not database.exists()
            assert not database.exists()
    assert not (tmp_path / "none").exists()


def test_a_store_is_made_when_it_is_first_migrated(postgres, tmp_path):
    file = open_database("desk", sqlite_url(tmp_path / "some" / "desk.sqlite"), durable=True)
    absent = open_database("desk", store_url(postgres.url(f"Odd name {postgres.new_name()}")), durable=True)
    for database in (file, absent):
        with closing(database):
            database.migrate([metadata.create_all])
            assert database.exists()
            assert count(database) == 0


def test_another_stores_schema_in_the_same_database_is_not_ones_own(postgres):
    url = store_url(postgres.create_database())
    with (
        closing(open_database("desk", url, durable=True)) as desk,
        closing(open_database("vault", url, durable=True)) as vault,
    ):
        desk.migrate([metadata.create_all])
        assert (desk.exists(), vault.exists()) == (True, False)
        with desk.writing() as connection:
            add(connection, 1)
        vault.migrate([metadata.create_all])
        assert (count(desk), count(vault)) == (1, 0)


def test_each_step_is_done_once_and_in_its_order(open_one):
    done = []

    def step(number):
        return lambda _: done.append(number)

    open_one().migrate([step(1)])
    open_one().migrate([step(1), step(2), step(3)])
    open_one().migrate([step(1), step(2), step(3)])
    assert done == [1, 2, 3]


def test_a_schema_of_a_newer_program_is_left_alone(open_one):
    open_one().migrate([metadata.create_all, lambda _: None])
    with pytest.raises(NewerSchema, match="version 2, and this program knows 1"):
        open_one().migrate([metadata.create_all])


def test_a_step_that_fails_leaves_nothing_of_its_migration(open_one):
    def fail(_):
        raise KeyError("a bug")

    with pytest.raises(KeyError):
        open_one().migrate([metadata.create_all, fail])
    done = []
    open_one().migrate([metadata.create_all, done.append])
    assert len(done) == 1


MIGRATE = """
import sys, time
from sqlalchemy import text
from adapters.databases import open_database, store_url

def create(connection):
    connection.execute(text("CREATE TABLE once (number INTEGER)"))
    time.sleep(0.2)

def fill(connection):
    connection.execute(text("INSERT INTO once VALUES (1)"))

database = open_database("desk", store_url(sys.argv[1]), durable=True)
print("ready", flush=True)
sys.stdin.readline()
database.migrate([create, fill])
print("migrated", flush=True)
"""


def test_processes_that_migrate_at_once_migrate_once(stores_in, postgres, start_python, tmp_path):
    for url in (sqlite_url(tmp_path / "folder" / "desk.sqlite"), store_url(postgres.url(postgres.new_name()))):
        processes = [start_python(MIGRATE, url.render_as_string(hide_password=False)) for _ in range(4)]
        assert [process.stdout.readline() for process in processes] == ["ready\n"] * 4
        for process in processes:
            process.stdin.write("go\n")
            process.stdin.flush()
        assert [process.stdout.readline() for process in processes] == ["migrated\n"] * 4
        with closing(open_database("desk", url, durable=True)) as database, database.reading() as connection:
            assert connection.exec_driver_sql("SELECT count(*) FROM once").scalar() == 1


# --- transactions -------------------------------------------------------------------------------


def test_a_reader_sees_one_state_throughout_and_holds_up_no_writer(database, open_one):
    with database.reading() as reading:
        assert reading.execute(select(things.c.thing_id)).all() == []
        with open_one().writing() as connection:
            add(connection, 1)
        assert reading.execute(select(things.c.thing_id)).all() == []
    assert count(database) == 1


def test_writers_wait_for_each_other(database, open_one):
    other = open_one()

    def raise_it(_):
        with other.writing() as connection:
            last = connection.scalar(select(things.c.thing_id).order_by(things.c.thing_id.desc()).limit(1)) or 0
            add(connection, last + 1)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(raise_it, range(40)))
    assert count(database) == 40


def test_what_is_written_reads_back_the_same(database):
    moment = datetime(2026, 3, 31, 9, 30, 0, 123456, tzinfo=timezone(timedelta(hours=2)))
    rows = [(2**40 + number, f"é{number}\t\\\n", bytes(range(256)), moment, uuid4()) for number in range(12_000)]
    rows.append((1, None, None, None, None))
    with database.writing() as connection:
        assert database.insert_all(connection, things, iter(rows)) == len(rows)
    with database.reading() as connection:
        read = [tuple(row) for row in database.stream(connection, select(things).order_by(things.c.thing_id))]
        assert read == sorted(rows, key=lambda row: row[0])
        assert read[-1][3].tzinfo is UTC
        among = database.rows_among(
            connection, (things.c.thing_id, things.c.content), [1, 2**40 + 5, 77, *range(2**40, 2**40 + 3)]
        )
        assert min(among) == (1, None)
        assert len(among) == 5


def test_a_connection_that_read_may_write_afterwards(database):
    for thing_id in range(3):
        assert count(database) == thing_id
        with database.writing() as connection:
            add(connection, thing_id)


def test_a_row_that_is_there_is_replaced(database):
    for name in ("first", "second"):
        put = database.upsert(things).values(thing_id=1, name=name)
        put = put.on_conflict_do_update(index_elements=[things.c.thing_id], set_={"name": put.excluded.name})
        with database.writing() as connection:
            connection.execute(put)
    with database.reading() as connection:
        assert connection.execute(select(things.c.name)).all() == [("second",)]


@pytest.mark.parametrize("wrong", ["SELECT * FROM nothing", "SELEC 1", "SELECT nothing FROM things"])
def test_a_mistake_of_ours_is_not_taken_for_a_store_that_fails(database, wrong):
    with pytest.raises(DBAPIError), database.reading() as connection:
        connection.exec_driver_sql(wrong)


def test_a_row_that_is_refused_is_not_taken_for_a_store_that_fails(database):
    with pytest.raises(DBAPIError), database.writing() as connection:
        connection.execute(insert(things), [{"thing_id": 1}, {"thing_id": 1}])
    assert count(database) == 0


# --- locks --------------------------------------------------------------------------------------


def test_a_lock_is_one_holders_at_a_time_and_known_by_its_name(database, open_one):
    other = open_one()
    with database.lock("projections") as held:
        held.confirm()
        with other.lock("projections") as refused, other.lock("rotation") as another:
            assert refused is None
            assert another
    with other.lock("projections") as held:
        assert held


def test_a_lock_can_be_waited_for(database, open_one):
    with ThreadPoolExecutor(1) as pool:

        def wait():
            with open_one().lock("rotation", wait=True) as held:
                return held is not None

        with database.lock("rotation"):
            waiting = pool.submit(wait)
            with pytest.raises(TimeoutError):
                waiting.result(0.2)
        assert waiting.result(PATIENCE)


HOLD = """
import sys
from adapters.databases import open_database, store_url

with open_database("desk", store_url(sys.argv[1]), durable=True).lock("projections") as held:
    print(held is not None, flush=True)
    sys.stdin.readline()
"""


def test_a_lock_dies_with_its_process(database, url, start_python):
    process = start_python(HOLD, url)
    assert process.stdout.readline() == "True\n"
    with database.lock("projections") as held:
        assert held is None
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with database.lock("projections", wait=True) as held:
        assert held


# --- stores that fail -----------------------------------------------------------------------------


def test_a_store_that_may_only_be_read_says_so(database, url):
    if url.get_backend_name() == "sqlite":
        event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA query_only = ON"))
    else:
        with database.writing() as connection:
            connection.exec_driver_sql(f'ALTER DATABASE "{url.database}" SET default_transaction_read_only = on')
    database.engine.dispose()
    assert count(database) == 0
    with (
        pytest.raises(StoreUnavailable, match=r"the desk can't be used now: .*read-?only"),
        database.writing() as writing,
    ):
        add(writing, 1)


def test_a_disk_that_is_full_is_said(database, url):
    if url.get_backend_name() == "sqlite":
        event.listen(database.engine, "connect", lambda raw, _: raw.execute("PRAGMA max_page_count = 1"))
        database.engine.dispose()
        with pytest.raises(StoreUnavailable, match="full"), database.writing() as connection:
            connection.execute(insert(things).values(thing_id=1, content=bytes(1_000_000)))
    else:
        full = "DO $$ BEGIN RAISE SQLSTATE '53100' USING MESSAGE = 'could not extend file: No space left'; END $$"
        with pytest.raises(StoreUnavailable, match="No space left"), database.writing() as connection:
            connection.exec_driver_sql(full)
    assert count(database) == 0


WRITE_TOO_MUCH = """
import resource, signal, sys
from sqlalchemy import text
from adapters.databases import StoreUnavailable, open_database, store_url

database = open_database("desk", store_url(sys.argv[1]), durable=True)
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, 1_000_000))
try:
    with database.writing() as connection:
        connection.execute(text("INSERT INTO things (thing_id, content) VALUES (1, zeroblob(4000000))"))
except StoreUnavailable as error:
    print(error, flush=True)
"""


def test_a_file_that_can_grow_no_more_is_said(tmp_path, start_python):
    url = sqlite_url(tmp_path / "desk.sqlite")
    with closing(open_database("desk", url, durable=True)) as database:
        database.migrate([metadata.create_all])
        process = start_python(WRITE_TOO_MUCH, url)
        assert process.stdout.readline().startswith("the desk can't be used now: ")
        assert count(database) == 0


def test_a_file_that_was_damaged_is_said(tmp_path):
    url = sqlite_url(tmp_path / "desk.sqlite")
    with closing(open_database("desk", url, durable=True)) as database:
        database.migrate([metadata.create_all])
        with database.writing() as connection:
            database.insert_all(connection, things, [(n, "x" * 100, b"", None, None) for n in range(2_000)])
    with closing(sqlite3.connect(url.database)) as raw:
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = (tmp_path / "desk.sqlite").read_bytes()
    (tmp_path / "desk.sqlite").write_bytes(content[:8192] + b"\xff" * 4096 * 10 + content[8192 + 40_960 :])
    with (
        closing(open_database("desk", url, durable=True)) as database,
        pytest.raises(StoreUnavailable, match="malformed"),
    ):
        count(database)


@pytest.fixture(scope="module")
def own_server():
    """A server that the tests of this module may kill."""
    with running_postgres() as server:
        yield server


def test_a_server_that_is_gone_is_said_and_met_again_when_it_is_back(own_server):
    with closing(open_database("desk", store_url(own_server.create_database()), durable=True)) as database:
        database.migrate([metadata.create_all])
        with database.reading(), database.reading():
            """Two connections wait in the pool."""
        with database.lock("projections") as held:
            own_server.kill()
            with pytest.raises(StoreUnavailable):
                held.confirm()
        for attempt in (database.exists, lambda: count(database), lambda: database.migrate([metadata.create_all])):
            with pytest.raises(StoreUnavailable, match="the desk can't be used now"):
                attempt()
        with pytest.raises(StoreUnavailable), database.writing():
            pass
        with pytest.raises(StoreUnavailable), database.lock("projections"):
            pass
        own_server.start()
        assert count(database) == 0
        with database.writing() as connection:
            add(connection, 1)
        assert count(database) == 1


def test_a_server_that_dies_within_a_transaction_is_said(own_server):
    with closing(open_database("desk", store_url(own_server.create_database()), durable=True)) as database:
        database.migrate([metadata.create_all])
        for how in (database.reading, database.writing):
            with pytest.raises(StoreUnavailable), how() as connection:
                _ask_after(own_server.kill, connection)
            own_server.start()
        assert count(database) == 0


def _ask_after(what_happens, connection):
    what_happens()
    connection.exec_driver_sql("SELECT 1")


def test_a_connection_that_an_administrator_ends_is_said(own_server):
    with closing(open_database("desk", store_url(own_server.create_database()), durable=True)) as database:
        database.migrate([metadata.create_all])
        with pytest.raises(StoreUnavailable, match="terminat"), database.reading() as connection:
            connection.exec_driver_sql("SELECT pg_terminate_backend(pg_backend_pid())")
        assert count(database) == 0


@pytest.fixture
def guarded(own_server):
    """The server, which asks the role `clerk` for its password; what else it may is each test's own business."""
    folder = own_server.data_folder
    before = (folder / "pg_hba.conf").read_text()
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("CREATE ROLE clerk LOGIN PASSWORD 'r1ght'")
        (folder / "pg_hba.conf").write_text("local all clerk scram-sha-256\n" + before)
        connection.execute("SELECT pg_reload_conf()")
    yield own_server
    (folder / "pg_hba.conf").write_text(before)
    with psycopg.connect(own_server.url(), autocommit=True) as connection:
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("DROP OWNED BY clerk")
        connection.execute("DROP ROLE clerk")


def _as_clerk(url, password="r1ght"):  # noqa: S107  # invented
    return store_url(url).set(username="clerk", password=password)


def _refusal(url, attempt):
    with closing(open_database("desk", url, durable=True)) as database, pytest.raises(StoreUnavailable) as refusal:
        attempt(database)
    return str(refusal.value)


def test_a_wrong_password_is_said_and_not_shown(guarded):
    url = _as_clerk(guarded.create_database(), "wr0ng")
    for attempt in (lambda one: one.exists(), lambda one: one.migrate([metadata.create_all])):
        said = _refusal(url, attempt)
        assert "password authentication failed" in said
        assert "wr0ng" not in said


def test_a_role_that_may_not_create_the_database_is_told_what_to_ask_for(guarded):
    url = _as_clerk(guarded.url("of_its_own"))
    with closing(open_database("desk", url, durable=True)) as database:
        assert not database.exists()
    said = _refusal(url, lambda one: one.migrate([metadata.create_all]))
    assert 'CREATE DATABASE "of_its_own" OWNER "clerk"' in said
    assert "r1ght" not in said


def test_a_role_that_may_create_no_schema_is_told_so_unless_one_was_made_for_it(guarded):
    url = guarded.create_database()
    said = _refusal(_as_clerk(url), lambda one: one.migrate([metadata.create_all]))
    assert "permission denied for database" in said
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("CREATE SCHEMA greffier_desk AUTHORIZATION clerk")
    with closing(open_database("desk", _as_clerk(url), durable=True)) as database:
        database.migrate([metadata.create_all])
        assert count(database) == 0
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("DROP SCHEMA greffier_desk CASCADE")
