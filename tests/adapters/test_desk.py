import base64
import hashlib
import os
import sqlite3
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from adapters.databases import StoreUnavailable, libpq_url
from adapters.desk import TOKEN_PREFIX, Desk, LogPoint
from adapters.files import SealedFile


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request, stores_in):
    return stores_in(request.param)


@pytest.fixture
def url(stores):
    return stores("desk")


@pytest.fixture
def open_desk(url, vault):
    """Opens further desks on the store of `desk`, as other processes or a restart would."""
    opened = []

    def open_desk():
        opened.append(Desk(url, vault))
        return opened[-1]

    yield open_desk
    for one in opened:
        one.close()


def stored(url):
    """All that the desk's files hold, byte by byte."""
    if url.get_backend_name() == "sqlite":
        path = Path(url.database)
        return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))
    with closing(psycopg.connect(libpq_url(url), autocommit=True)) as opened:
        opened.execute("CHECKPOINT")
        files = opened.execute(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath(oid) FROM pg_class "
            "WHERE relnamespace = 'greffier_desk'::regnamespace AND relkind IN ('r', 'i', 't')"
        )
        return b"".join(Path(name).read_bytes() for (name,) in files.fetchall())


def put_aside(desk, content=b"bytes", reason="no header", origin="box.mbox, message 3"):
    file = SealedFile(uuid4().hex, os.urandom(32), len(content))
    return desk.quarantine(origin, reason, file, hashlib.sha256(content).digest())


# --- numbers ----------------------------------------------------------------------------------


def test_numbers_begin_at_one_and_follow_each_other_by_series(desk):
    assert [desk.next_number("client") for _ in range(70)] == list(range(1, 71))
    assert desk.next_number("ticket") == 1
    assert desk.next_number("client") == 71


@pytest.fixture
def eager_threads():
    """Threads that give way to each other wherever they may."""
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(usual)


def test_no_number_is_given_twice_by_threads_of_one_desk(desk, eager_threads):
    with ThreadPoolExecutor(4) as pool:
        given = list(pool.map(lambda _: [desk.next_number("ticket") for _ in range(500)], range(4)))
    assert sorted(number for some in given for number in some) == list(range(1, 2001))


def test_no_number_is_given_twice_by_threads_or_by_several_desks(desk, open_desk):
    desks = [desk, open_desk(), open_desk()] * 200
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda one: one.next_number("ticket"), desks))
    assert len(set(given)) == 600


NUMBERS = """
import sys
from adapters.databases import store_url
from adapters.desk import Desk
from adapters.vault import MasterKey, Vault

vault = Vault(store_url(sys.argv[2]), MasterKey(bytes.fromhex(sys.argv[3])))
desk = Desk(store_url(sys.argv[1]), vault)
print("ready", flush=True)
sys.stdin.readline()
print(*(desk.next_number("ticket") for _ in range(300)), flush=True)
sys.stdin.readline()
"""


def test_no_number_is_given_twice_by_processes_nor_after_one_was_killed(desk, stores, master_key, start_python):
    processes = [start_python(NUMBERS, stores("desk"), stores("vault"), master_key.raw.hex()) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    given = [int(number) for process in processes for number in process.stdout.readline().split()]
    for process in processes:
        process.kill()
        process.wait()
    given += [desk.next_number("ticket") for _ in range(100)]
    assert len(given) == len(set(given)) == 700


def test_a_number_is_never_given_again_after_a_restart(desk, open_desk):
    given = [desk.next_number("client") for _ in range(5)]
    desk.close()
    again = open_desk()
    assert again.next_number("client") > max(given)


def test_numbers_go_on_after_the_highest_that_was_found_elsewhere(desk, open_desk):
    point = LogPoint(50, datetime(2026, 3, 31, 9, 30, 0, 1, tzinfo=UTC))
    assert desk.next_number("ticket") == 1
    assert open_desk().numbered_up_to() is None
    desk.number_after({"ticket": 1_000, "client": 70}, point)
    assert desk.next_number("ticket") == 1_001
    assert desk.next_number("client") == 71
    assert open_desk().numbered_up_to() == point


def test_numbers_never_go_back(desk, open_desk):
    given = [desk.next_number("ticket") for _ in range(40)]
    desk.number_after({"ticket": 3}, LogPoint(9, None))
    desk.number_after({}, LogPoint(4, None))
    assert desk.numbered_up_to() == LogPoint(4, None)
    assert desk.next_number("ticket") > max(given)
    assert open_desk().next_number("ticket") > max(given)


# --- tokens -----------------------------------------------------------------------------------


def test_a_token_names_its_collaborator_and_no_other_text_does(desk, open_desk):
    zoe, paul = uuid4(), uuid4()
    tokens = {desk.issue_token(zoe): zoe, desk.issue_token(paul): paul, desk.issue_token(zoe): zoe}
    assert len(tokens) == 3
    for token, collaborator_id in tokens.items():
        assert token.startswith(TOKEN_PREFIX)
        assert open_desk().collaborator_of(token) == collaborator_id
        for wrong in (token[:-1], token + "x", token.upper(), token.removeprefix(TOKEN_PREFIX), f"{token} "):
            assert desk.collaborator_of(wrong) is None
    for wrong in ("", TOKEN_PREFIX, "\ud800", "é" * 1000, "' OR 1=1 --"):
        assert desk.collaborator_of(wrong) is None


def test_only_the_digest_of_a_token_is_kept(desk, url):
    token = desk.issue_token(uuid4())
    secret = token.removeprefix(TOKEN_PREFIX)
    raw = base64.urlsafe_b64decode(secret + "=")
    assert len(raw) == 32
    held = stored(url)
    assert hashlib.sha256(token.encode()).digest() in held
    for form in (secret.encode(), raw, raw.hex().encode()):
        assert form not in held


# --- quarantine -------------------------------------------------------------------------------


def test_a_quarantined_message_is_kept_with_where_it_came_from_and_why(desk, open_desk):
    before = datetime.now(UTC)
    file = SealedFile("file name", os.urandom(32), 1234)
    entry, is_new = desk.quarantine("box.mbox, message 3", "no header", file, b"d" * 32)
    assert is_new
    assert (entry.origin, entry.reason, entry.file) == ("box.mbox, message 3", "no header", file)
    assert before <= entry.received_at <= datetime.now(UTC)
    assert open_desk().quarantine_entry(entry.entry_id) == entry
    assert desk.quarantined() == [entry]
    assert len(list(desk.all_quarantined())) == 1


def test_a_content_is_quarantined_once(desk):
    first, _ = put_aside(desk, b"one")
    again, is_new = put_aside(desk, b"one", reason="another reason", origin="elsewhere")
    assert (again, is_new) == (first, False)
    other, is_new = put_aside(desk, b"other")
    assert is_new
    assert desk.quarantined() == [first, other]


def test_one_content_that_comes_many_times_at_once_is_quarantined_once(desk, open_desk):
    desks = [desk, open_desk()] * 8
    with ThreadPoolExecutor(8) as pool:
        entries = list(pool.map(put_aside, desks))
    assert sum(is_new for _, is_new in entries) == 1
    assert len({entry.entry_id for entry, _ in entries}) == 1


class Clock(datetime):
    """Three messages in each microsecond."""

    calls = 0

    @classmethod
    def now(cls, tz):
        cls.calls += 1
        return datetime(2026, 3, 31, 9, 30, tzinfo=tz) + timedelta(microseconds=cls.calls // 3)


def test_the_quarantine_is_paged_oldest_first_without_gap_or_repetition(desk, monkeypatch):
    monkeypatch.setattr("adapters.desk.datetime", Clock)
    entries = [put_aside(desk, bytes([number]))[0] for number in range(11)]
    paged, after = [], None
    for length in (2, 2, 2, 2, 2, 1, 0):
        page = desk.quarantined(after, limit=2)
        assert len(page) == length
        paged += page
        after = (paged[-1].received_at, paged[-1].entry_id)
    assert paged == sorted(entries, key=lambda entry: (entry.received_at, entry.entry_id))
    assert len(list(desk.all_quarantined())) == 11


def test_a_released_message_is_gone_and_may_come_again(desk):
    entry, _ = put_aside(desk, b"one")
    kept, _ = put_aside(desk, b"other")
    desk.release(entry.entry_id)
    desk.release(entry.entry_id)
    assert desk.quarantine_entry(entry.entry_id) is None
    assert desk.quarantined() == [kept]
    again, is_new = put_aside(desk, b"one")
    assert is_new
    assert again.entry_id != entry.entry_id


def test_an_unknown_entry_is_none(desk):
    assert desk.quarantine_entry(uuid4()) is None
    assert desk.quarantined() == []
    assert len(list(desk.all_quarantined())) == 0


def test_the_desk_tells_neither_origin_nor_key_nor_digest_of_a_quarantined_message(desk, url):
    entry, _ = put_aside(desk, b"one")
    held = stored(url)
    assert entry.file.name.encode() in held
    for secret in (entry.file.key, hashlib.sha256(b"one").digest(), b"box.mbox"):
        for form in (secret, secret.hex().encode(), base64.b64encode(secret), base64.urlsafe_b64encode(secret)):
            assert form not in held


def test_an_entry_opens_only_under_its_own_name(desk):
    put_aside(desk, b"one")
    with desk._database.writing() as connection:
        connection.exec_driver_sql(f"UPDATE quarantine SET entry_id = '{uuid4().hex}'")
    with pytest.raises(InvalidTag):
        desk.quarantined()


def test_an_origin_does_not_open_as_a_key(desk):
    put_aside(desk, b"one")
    with desk._database.writing() as connection:
        connection.exec_driver_sql("UPDATE quarantine SET wrapped_key = sealed_origin")
    with pytest.raises(InvalidTag):
        desk.quarantined()


# --- when it can't be used --------------------------------------------------------------------


class TestADeskInAFile:
    @pytest.fixture
    def stores(self, stores_in):
        return stores_in("sqlite")

    def test_that_cannot_be_opened_says_so(self, url, vault):
        Path(url.database).write_bytes(b"no database" * 1000)
        with pytest.raises(StoreUnavailable, match="desk"):
            Desk(url, vault)

    def test_that_the_first_version_made_still_opens(self, url, vault):
        with closing(Desk(url, vault)) as desk:
            entry, _ = put_aside(desk)
        with closing(sqlite3.connect(url.database)) as opened:
            opened.execute("PRAGMA user_version = 0")
        with closing(Desk(url, vault)) as desk:
            assert desk.quarantined() == [entry]


def test_a_desk_that_is_written_by_another_for_too_long_says_so(url, vault, monkeypatch):
    for kind in ("sqlite", "postgres"):
        monkeypatch.setattr(f"adapters.databases.{kind}.BUSY_TIMEOUT_SECONDS", 0.01)
    with closing(Desk(url, vault)) as desk, closing(Desk(url, vault)) as other:
        with other._database.writing(), pytest.raises(StoreUnavailable, match="desk"):
            desk.next_number("client")
        assert desk.next_number("client") == 1


def test_a_reason_that_no_database_could_hold_is_kept(desk, open_desk):
    entry, _ = put_aside(desk, reason="nul \0 and half a character \ud83d")
    assert open_desk().quarantined() == [entry]
    assert entry.reason == "nul \ufffd and half a character \ufffd"


def test_what_fails_in_a_transaction_leaves_nothing_behind(desk):
    def fail():
        with desk._database.writing() as connection:
            connection.exec_driver_sql("INSERT INTO counters VALUES ('client', 50)")
            raise KeyError("a bug")

    with pytest.raises(KeyError):
        fail()
    assert desk.next_number("client") == 1
