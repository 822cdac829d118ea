"""The recorder in PostgreSQL, when the server, the network or the disk fails."""

import os
import resource
import selectors
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from uuid import uuid4

import psycopg
import pytest
from eventsourcing.persistence import OperationalError, StoredEvent
from sqlalchemy import make_url

from adapters.databases import StoreUnavailable, store_url
from adapters.event_store.log import EventLog
from adapters.event_store.opening import open_recorder
from adapters.event_store.recorder import CommandAlreadyRecorded, CommandRecord
from domain.clients.client import Person, RegisterClient
from domain.events import office_event_types
from tests.postgres import running_postgres
from tests.waiting import PATIENCE


@pytest.fixture
def stores(stores_in):
    log, others = stores_in("postgres"), stores_in("sqlite")
    return lambda name: (log if name == "log" else others)(name)


@pytest.fixture
def admin(postgres):
    """The server's administrator, who looks and ends connections."""
    with psycopg.connect(postgres.url(), autocommit=True) as connection:
        yield connection


def event(state=b"state"):
    return StoredEvent(uuid4(), 1, "SomethingHappened", state)


def command(command_id=None):
    return CommandRecord(command_id or uuid4(), b"digest", b"answer")


def positions(recorder):
    return [row[0] for block in recorder.scan(0, 1_000_000) for row in block]


def eventually(look):
    until = time.monotonic() + PATIENCE
    while not (found := look()):
        assert time.monotonic() < until, "waited for twenty seconds"
    return found


def backends(admin, url, among="true"):
    found = admin.execute(
        f"SELECT pid FROM pg_stat_activity WHERE datname = %s AND application_name LIKE 'greffier%%' AND {among}",
        (url.database,),
    )
    return [pid for (pid,) in found]


# --- connections that die -----------------------------------------------------------------------------


def test_a_connection_killed_in_an_append_stores_nothing_of_it(recorder, url, raw, admin):
    recorder.insert_events([event()])
    refused, record = [event() for _ in range(3)], command()
    with ThreadPoolExecutor(1) as pool:
        with raw.writing():
            append = pool.submit(recorder.insert_events, refused, commands=[(record, 3)])
            (waiting,) = eventually(lambda: backends(admin, url, "wait_event_type = 'Lock'"))
            admin.execute("SELECT pg_terminate_backend(%s)", (waiting,))
            with pytest.raises(OperationalError):
                append.result(PATIENCE)
        assert recorder.find_command(record.command_id) is None
        assert recorder.insert_events(refused, commands=[(record, 3)]) == [2, 3, 4]


def test_a_connection_killed_in_a_bulk_append_stores_nothing_of_its_transaction(recorder, url, admin):
    recorder.insert_events([event()])
    inner = recorder._copy_in
    recorder._copy_in = lambda some: inner(Stopping(some, at=5, stop=lambda: end_all(admin, url)))
    with pytest.raises(OperationalError):
        recorder.copy_in([event() for _ in range(10)])
    recorder._copy_in = inner
    assert positions(recorder) == [1]
    assert recorder.copy_in([event() for _ in range(10)]) == 10
    assert positions(recorder) == list(range(1, 12))


def end_all(admin, url):
    for pid in backends(admin, url):
        admin.execute("SELECT pg_terminate_backend(%s)", (pid,))
    eventually(lambda: not backends(admin, url))


class Stopping(list):
    """Events, in whose midst something happens."""

    def __init__(self, events, at, stop):
        super().__init__(events)
        self._at, self._stop = at, stop

    def __iter__(self):
        for number, one in enumerate(super().__iter__()):
            if number == self._at:
                self._stop()
            yield one


def test_requests_after_idle_connections_died_meet_none_of_them(recorder, url, admin):
    recorder.insert_events([event()])
    recorder.max_notification_id()
    end_all(admin, url)
    assert recorder.max_notification_id() == 1
    assert recorder.insert_events([event()]) == [2]
    end_all(admin, url)
    assert recorder.insert_events([event()]) == [3]
    assert positions(recorder) == [1, 2, 3]


def test_a_scan_whose_connection_dies_says_so_and_the_next_one_is_whole(recorder, url, admin):
    recorder.copy_in([event(os.urandom(1000)) for _ in range(30_000)])
    scan = recorder.scan(0, 30_000)
    assert next(scan)[0][0] == 1
    end_all(admin, url)
    with pytest.raises(OperationalError):
        list(scan)
    assert positions(recorder) == list(range(1, 30_001))


# --- acknowledgements that are lost ---------------------------------------------------------------------


class Proxy:
    """Stands between a client and the server, and can lose the server's next answer with the connection."""

    def __init__(self, folder, server):
        self.url = make_url(server).update_query_dict({"host": str(folder)})
        self._server = f"{make_url(server).query['host']}/.s.PGSQL.5432"
        self._listening = socket.socket(socket.AF_UNIX)
        self._listening.bind(f"{folder}/.s.PGSQL.5432")
        self._listening.listen()
        self.loses_next_answer = threading.Event()
        self.lost = threading.Event()
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listening.accept()
            except OSError:
                return
            threading.Thread(target=self._carry, args=(client,), daemon=True).start()

    def _carry(self, client):
        server = socket.socket(socket.AF_UNIX)
        server.connect(self._server)
        with client, server, selectors.DefaultSelector() as readable:
            readable.register(client, selectors.EVENT_READ, server)
            readable.register(server, selectors.EVENT_READ, client)
            while True:
                for key, _ in readable.select():
                    data = key.fileobj.recv(65_536)
                    if key.fileobj is server and self.loses_next_answer.is_set():
                        self.loses_next_answer.clear()
                        self.lost.set()
                        return
                    if not data:
                        return
                    key.data.sendall(data)

    def close(self):
        self._listening.shutdown(socket.SHUT_RDWR)
        self._listening.close()


@pytest.fixture
def proxy(tmp_path_factory, url):
    folder = tmp_path_factory.mktemp("proxy")
    with closing(Proxy(folder, url.render_as_string(hide_password=False))) as proxy:
        yield proxy


def test_who_loses_an_acknowledgement_is_told_so_and_a_retry_finds_the_command(proxy):
    with closing(open_recorder(proxy.url)) as recorder:
        recorder.insert_events([event()])
        record = command()
        proxy.loses_next_answer.set()
        with pytest.raises(OperationalError):
            recorder.insert_events([event(), event()], commands=[(record, 2)])
        assert proxy.lost.is_set()
        assert positions(recorder) == [1, 2, 3]
        assert recorder.find_command(record.command_id).position == 3
        with pytest.raises(CommandAlreadyRecorded):
            recorder.insert_events([event()], commands=[(command(record.command_id), 1)])


def test_the_retry_of_a_command_whose_acknowledgement_was_lost_gets_the_first_answer(proxy, vault, actor):
    command_id, client_id = uuid4(), uuid4()
    register = RegisterClient(client_id=client_id, identity=Person(last_name="Petit"))
    with closing(EventLog(proxy.url, vault, office_event_types(), next_number=lambda _: 1)) as log:
        log.head()
        inner = log._recorder._append_together

        def append(group):
            proxy.loses_next_answer.set()
            return inner(group)

        log._recorder._group._commit = append
        log._recorder._appender._living()
        with pytest.raises(StoreUnavailable, match="log"):
            log.execute(register, actor, command_id=command_id)
        log._recorder._group._commit = inner
        answer = log.execute(register, actor, command_id=command_id)
        assert (answer.position, answer.id, answer.version) == (1, client_id, 1)
        assert len(log.stream(client_id)) == 1


# --- notifications --------------------------------------------------------------------------------------


def waiting_on(recorder, pool, monkeypatch):
    """A wait that has looked at the head in vain, once more after its listener has."""
    looks = threading.Semaphore(0)
    inner = recorder.max_notification_id

    def look():
        found = inner()
        looks.release()
        return found

    monkeypatch.setattr(recorder, "max_notification_id", look)
    waiting = pool.submit(recorder.wait, 0, 60)
    assert looks.acquire(timeout=PATIENCE)
    return waiting


def is_listening(admin, url):
    return backends(admin, url, "query = 'LISTEN greffier_log' AND state = 'idle'")


def test_a_notification_wakes_who_waits_before_the_next_poll(open_recorders, url, admin, monkeypatch):
    recorder, other = open_recorders(), open_recorders()
    monkeypatch.setattr(type(recorder), "poll_seconds", 60)
    with ThreadPoolExecutor(1) as pool:
        waiting = waiting_on(recorder, pool, monkeypatch)
        eventually(lambda: is_listening(admin, url))
        other.insert_events([event()])
        assert waiting.result(PATIENCE) == 1


def test_a_lost_notification_delays_who_waits_until_the_next_poll(open_recorders, monkeypatch):
    recorder, other = open_recorders(), open_recorders()
    monkeypatch.setattr(recorder._listener, "start", lambda: None)
    with ThreadPoolExecutor(1) as pool:
        waiting = waiting_on(recorder, pool, monkeypatch)
        other.insert_events([event()])
        assert waiting.result(PATIENCE) == 1


def test_who_listens_listens_again_after_its_connection_died(open_recorders, url, admin, monkeypatch):
    recorder, other = open_recorders(), open_recorders()
    monkeypatch.setattr("adapters.event_store.postgres._LISTEN_AGAIN_SECONDS", 0.01)
    monkeypatch.setattr(type(recorder), "poll_seconds", 60)
    with ThreadPoolExecutor(1) as pool:
        waiting = waiting_on(recorder, pool, monkeypatch)
        (first,) = eventually(lambda: is_listening(admin, url))
        admin.execute("SELECT pg_terminate_backend(%s)", (first,))
        eventually(lambda: [pid for pid in is_listening(admin, url) if pid != first])
        other.insert_events([event()])
        assert waiting.result(PATIENCE) == 1


# --- maintenance, and a database that takes nothing -----------------------------------------------------


def test_appends_wait_while_the_table_is_rewritten_and_then_succeed(recorder, url):
    recorder.copy_in([event(os.urandom(500)) for _ in range(20_000)])
    stop = threading.Event()
    with ThreadPoolExecutor(4) as pool:

        def append():
            done = []
            while not stop.is_set():
                done += recorder.insert_events([event()], commands=[(command(), 1)])
            return done

        appending = [pool.submit(append) for _ in range(3)]
        try:
            with psycopg.connect(
                url.render_as_string(hide_password=False), options="-c search_path=greffier_log", autocommit=True
            ) as other:
                for _ in range(3):
                    other.execute("VACUUM FULL events")
        finally:
            stop.set()
        appended = [position for one in appending for position in one.result(PATIENCE)]
    assert sorted(appended) == list(range(20_001, 20_001 + len(appended)))
    assert len(appended) > 0


def test_a_read_only_database_refuses_clearly_and_takes_the_command_later(stores, url, vault, actor, admin):
    register = RegisterClient(client_id=uuid4(), identity=Person(last_name="Petit"))
    command_id = uuid4()
    with closing(EventLog(url, vault, office_event_types(), next_number=lambda _: 1)) as log:
        admin.execute(f"ALTER DATABASE {url.database} SET default_transaction_read_only = on")
        end_all(admin, url)
        with pytest.raises(StoreUnavailable, match=r"the log can't be used now: .* read-only"):
            log.execute(register, actor, command_id=command_id)
        assert log.head() == 0
        admin.execute(f"ALTER DATABASE {url.database} RESET default_transaction_read_only")
        end_all(admin, url)
        assert log.execute(register, actor, command_id=command_id).position == 1


def test_a_full_disk_costs_nothing_that_was_acknowledged():
    """The server may make no file larger than those of its write-ahead log, which it has made."""
    with running_postgres() as server, closing(open_recorder(store_url(server.create_database()))) as recorder:
        server.stop()
        with files_no_larger_than(16 * 1024 * 1024 + 65_536):
            server.start()
        with pytest.raises(OperationalError, match="could not extend file"):
            append_until_refused(recorder)
        given = positions(recorder)
        assert given == list(range(1, len(given) + 1))
        assert len(given) > 1
        server.stop()
        server.start()
        assert positions(recorder) == given
        assert recorder.insert_events([event(os.urandom(1_000_000))]) == [len(given) + 1]


def append_until_refused(recorder):
    for _ in range(100):
        recorder.insert_events([event(os.urandom(1_000_000))])


@contextmanager
def files_no_larger_than(size):
    """For the processes that are started meanwhile."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


# --- a server that is killed ----------------------------------------------------------------------------

_THREADS = 4
_ANSWERS_BETWEEN_KILLS = 150


def test_what_was_acknowledged_survives_a_killed_server_and_nothing_is_stored_twice():
    with running_postgres() as server, closing(open_recorder(store_url(server.create_database()))) as recorder:
        answers, refusals, enough = Counted(), Counted(), threading.Event()

        def work():
            given = []
            while not enough.is_set():
                given.append(done(recorder, uuid4(), answers, refusals))
            return given

        with ThreadPoolExecutor(_THREADS) as pool:
            working = [pool.submit(work) for _ in range(_THREADS)]
            try:
                for _ in range(2):
                    answers.wait_for(answers.count + _ANSWERS_BETWEEN_KILLS)
                    server.kill()
                    refusals.wait_for(refusals.count + _THREADS)
                    server.start()
                answers.wait_for(answers.count + _ANSWERS_BETWEEN_KILLS)
            finally:
                enough.set()
            given = [position for one in working for position in one.result(PATIENCE)]
        assert sorted(given) == positions(recorder) == list(range(1, len(given) + 1))


def done(recorder, command_id, answers, refusals):
    """The position of a command that is given, under one id, until it is acknowledged; each time with another stream, so
    that its id alone keeps it from being done twice.
    """
    while True:
        try:
            if first := recorder.find_command(command_id):
                return answers.counted(first.position)
            (position,) = recorder.insert_events([event()], commands=[(command(command_id), 1)])
            return answers.counted(position)
        except OperationalError:
            refusals.counted(None)
        except CommandAlreadyRecorded:
            """The next look finds its answer."""


class Counted:
    def __init__(self):
        self.count = 0
        self._more = threading.Condition()

    def counted(self, value):
        with self._more:
            self.count += 1
            self._more.notify_all()
        return value

    def wait_for(self, count):
        with self._more:
            assert self._more.wait_for(lambda: self.count >= count, timeout=PATIENCE)


def test_while_the_server_is_down_requests_fail_soon_and_the_first_one_after_it_works(monkeypatch):
    monkeypatch.setattr("adapters.event_store.postgres._SECONDS_FOR_A_CONNECTION", PATIENCE)
    with running_postgres() as server, closing(open_recorder(store_url(server.create_database()))) as recorder:
        recorder.insert_events([event()])
        server.kill()
        begun = time.monotonic()
        for request in (
            recorder.max_notification_id,
            lambda: recorder.insert_events([event()]),
            lambda: positions(recorder),
        ):
            with pytest.raises(OperationalError):
                request()
        assert time.monotonic() - begun < PATIENCE, "nobody waits for a connection"
        server.start()
        assert recorder.insert_events([event()]) == [2]
        assert recorder.max_notification_id() == 2
        assert recorder.wait(1, timeout=PATIENCE) == 2
        assert positions(recorder) == [1, 2]
