import base64
import signal
import sqlite3
import stat
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path

import psycopg
import pytest
from cryptography.exceptions import InvalidTag

from adapters.databases import StoreUnavailable, libpq_url, sqlite_url
from adapters.databases.postgres import postgres_options
from adapters.event_store.log import EventLog
from adapters.vault import KeyMissing, MasterKey, MasterKeyError, Vault, seal, unseal
from domain.events import office_event_types
from tests.waiting import PATIENCE

NONCE = bytes(12)


@pytest.fixture(params=["sqlite", "postgres"])
def stores(request, stores_in):
    return stores_in(request.param)


@pytest.fixture
def url(stores):
    return stores("vault")


@pytest.fixture
def open_vault(url, master_key):
    """Opens further vaults on the store of `vault`, as other processes or a restart would."""
    opened = []

    def open_vault(key=master_key):
        opened.append(Vault(url, key))
        return opened[-1]

    yield open_vault
    for one in opened:
        one.close()


def trace(cipher):
    """What tells one data key from another, since a cipher doesn't show its key."""
    return cipher.encrypt(NONCE, b"trace", None)


# --- the master key ---------------------------------------------------------------------------


def test_a_master_key_reads_back_from_its_file_which_only_its_owner_may_read(tmp_path, master_key):
    master_key.write(tmp_path / "master.key")
    assert stat.S_IMODE((tmp_path / "master.key").stat().st_mode) == 0o600
    assert MasterKey.read(tmp_path / "master.key").raw == master_key.raw
    assert len(master_key.raw) == 32
    assert MasterKey.generate().raw != master_key.raw


def test_a_master_key_never_replaces_another(tmp_path, master_key):
    master_key.write(tmp_path / "master.key")
    with pytest.raises(FileExistsError):
        MasterKey.generate().write(tmp_path / "master.key")
    assert MasterKey.read(tmp_path / "master.key").raw == master_key.raw


@pytest.mark.parametrize(
    "text",
    [
        base64.b64encode(b"0123456789abcdef0123456789abcde").decode(),
        base64.b64encode(b"0123456789abcdef0123456789abcdefg").decode(),
        base64.b64encode(bytes(32)).decode()[:-1],
        "correct horse battery staple",
        "clé-secrète-de-l’office",
        "0123456789abcdef" * 4,
        "-_" + base64.b64encode(bytes(32)).decode()[2:],
        "",
    ],
)
def test_a_malformed_master_key_is_refused_without_being_told(tmp_path, text):
    (tmp_path / "master.key").write_text(text, "utf-8")
    refusals = []
    for attempt in (lambda: MasterKey.parse(text, "THE_VARIABLE"), lambda: MasterKey.read(tmp_path / "master.key")):
        with pytest.raises(MasterKeyError) as refusal:
            attempt()
        refusals.append(str(refusal.value))
    assert "THE_VARIABLE" in refusals[0]
    assert "master.key" in refusals[1]
    for piece in (text[start : start + 6] for start in range(len(text) - 5)):
        assert not any(piece in message for message in refusals)


def test_a_file_that_holds_a_raw_key_is_refused_without_being_told(tmp_path):
    (tmp_path / "master.key").write_bytes(b"\xe9\x8a" * 16)
    with pytest.raises(MasterKeyError) as refusal:
        MasterKey.read(tmp_path / "master.key")
    assert "e9" not in str(refusal.value)


def test_a_missing_master_key_is_named_by_its_place(tmp_path):
    with pytest.raises(MasterKeyError, match=r"master\.key"):
        MasterKey.read(tmp_path / "master.key")


def test_blanks_around_a_master_key_are_no_part_of_it(master_key):
    text = f" {base64.b64encode(master_key.raw).decode()} \r\n"
    assert MasterKey.parse(text, "here").raw == master_key.raw


def test_a_vault_refuses_another_master_key_and_stays_intact(vault, url, open_vault):
    key_id, cipher = vault.new_key()
    keyed = vault.keyed_id("kind", "value")
    before = content(url)
    with pytest.raises(MasterKeyError, match="not the master key of this vault"):
        open_vault(MasterKey.generate())
    assert content(url) == before
    again = open_vault()
    assert trace(again.cipher(key_id)) == trace(cipher)
    assert again.keyed_id("kind", "value") == keyed


@contextmanager
def raw(url):
    """The vault's database without the vault."""
    if url.get_backend_name() == "sqlite":
        opened = sqlite3.connect(url.database)
    else:
        opened = psycopg.connect(libpq_url(url), options=postgres_options("vault", durable=True))
    with closing(opened):
        yield opened


def content(url):
    with raw(url) as opened:
        return [
            opened.execute(f"SELECT * FROM {table} ORDER BY 1").fetchall() for table in ("keys", "secrets", "master")
        ]


def stored(url):
    """All that the vault's files hold, byte by byte."""
    if url.get_backend_name() == "sqlite":
        path = Path(url.database)
        return b"".join(file.read_bytes() for file in path.parent.iterdir() if file.name.startswith(path.name))
    with raw(url) as opened:
        opened.autocommit = True
        opened.execute("CHECKPOINT")
        files = opened.execute(
            "SELECT current_setting('data_directory') || '/' || pg_relation_filepath(oid) FROM pg_class "
            "WHERE relnamespace = 'greffier_vault'::regnamespace AND relkind IN ('r', 'i', 't')"
        )
        return b"".join(Path(name).read_bytes() for (name,) in files.fetchall())


def test_a_vault_holds_no_key_in_plain(vault, url, master_key):
    vault.new_key()
    vault.destroy([])
    held = stored(url)
    assert content(url)[0][0][1] in held
    for secret in (master_key.raw, vault._opened_secrets(master_key)["index"]):
        assert secret not in held
        assert secret.hex().encode() not in held
        assert base64.b64encode(secret) not in held


class TestAVaultInAFile:
    @pytest.fixture
    def stores(self, stores_in):
        return stores_in("sqlite")

    def test_that_is_no_vault_says_so(self, url, master_key):
        Path(url.database).write_bytes(b"no database" * 1000)
        with pytest.raises(StoreUnavailable, match="vault"):
            Vault(url, master_key)

    def test_that_has_no_place_says_so(self, tmp_path, master_key):
        (tmp_path / "file").write_bytes(b"")
        with pytest.raises(StoreUnavailable, match="vault"):
            Vault(sqlite_url(tmp_path / "file" / "vault.sqlite"), master_key)

    def test_that_the_first_version_made_still_opens(self, url, master_key):
        with closing(Vault(url, master_key)) as vault:
            given = [vault.new_key() for _ in range(3)]
            keyed = vault.keyed_id("kind", "value")
        with raw(url) as opened, opened:  # its ids were counted by SQLite, its schema had no version
            opened.execute("ALTER TABLE keys RENAME TO now")
            opened.execute("CREATE TABLE keys (key_id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, wrapped BLOB)")
            opened.execute("INSERT INTO keys SELECT * FROM now")
            opened.execute("DROP TABLE now")
            opened.execute("DROP TABLE last_key")
            opened.execute("PRAGMA user_version = 0")
        with closing(Vault(url, master_key)) as vault:
            assert vault.keyed_id("kind", "value") == keyed
            assert [trace(vault.cipher(key_id)) for key_id, _ in given] == [trace(cipher) for _, cipher in given]
            assert vault.new_key()[0] > max(key_id for key_id, _ in content(url)[0]) - 256


# --- data keys --------------------------------------------------------------------------------


def test_every_new_key_is_another_and_opens_after_a_restart(vault, open_vault):
    given = [vault.new_key() for _ in range(600)]
    assert len({key_id for key_id, _ in given}) == 600
    assert len({trace(cipher) for _, cipher in given}) == 600
    again = open_vault().ciphers(key_id for key_id, _ in given)
    assert {key_id: trace(cipher) for key_id, cipher in again.items()} == {key: trace(cipher) for key, cipher in given}


def test_no_key_is_given_twice_by_threads_or_by_several_vaults(vault, open_vault):
    vaults = [vault, open_vault()] * 300
    with ThreadPoolExecutor(8) as pool:
        given = list(pool.map(lambda one: one.new_key(), vaults))
    assert len({key_id for key_id, _ in given}) == 600
    assert len({trace(cipher) for _, cipher in given}) == 600


def test_what_was_sealed_opens_only_where_it_was_bound(vault):
    _, cipher = vault.new_key()
    sealed = seal(cipher, b"personal", b"stream 1")
    assert unseal(cipher, sealed, b"stream 1") == b"personal"
    assert b"personal" not in sealed
    with pytest.raises(InvalidTag):
        unseal(cipher, sealed, b"stream 2")
    with pytest.raises(InvalidTag):
        unseal(vault.new_key()[1], sealed, b"stream 1")


def test_a_key_that_the_vault_never_had_is_missing(vault):
    key_id, _ = vault.new_key()
    with pytest.raises(KeyMissing, match="99999"):
        vault.cipher(99_999)
    with pytest.raises(KeyMissing, match="99999"):
        vault.ciphers([key_id, 99_999])


def test_a_destroyed_key_is_gone_for_ever_and_told_from_a_missing_one(vault, url, open_vault):
    (doomed, _), (kept, cipher), (other, _) = (vault.new_key() for _ in range(3))
    wrapped = dict(content(url)[0])[doomed]
    assert len(wrapped) == 60
    vault.destroy([doomed, other])
    for one in (vault, open_vault()):
        assert one.ciphers([doomed, other]) == {doomed: None, other: None}
        assert trace(one.cipher(kept)) == trace(cipher)
    assert wrapped not in stored(url)


def test_a_destroyed_key_is_gone_though_others_are_reading_the_vault(vault, url, open_vault):
    doomed, _ = vault.new_key()
    with open_vault()._database.reading() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM keys").scalar() == 256
        vault.destroy([doomed])
        assert vault.cipher(doomed) is None
    assert open_vault().cipher(doomed) is None


def test_the_id_of_a_key_is_never_given_again_whatever_becomes_of_its_row(vault, url, open_vault):
    given = {vault.new_key()[0] for _ in range(10)}
    with raw(url) as opened, opened:
        opened.execute("DELETE FROM keys")
    assert open_vault().new_key()[0] > max(given)


def test_many_keys_are_read_and_destroyed_at_once(vault, open_vault, monkeypatch):
    monkeypatch.setattr("adapters.vault._KEYS_A_STATEMENT", 3)
    given = [vault.new_key()[0] for _ in range(10)]
    vault.destroy(given[:8])
    found = open_vault().ciphers(given)
    assert [key_id for key_id in given if found[key_id] is not None] == given[8:]


def test_blocks_of_keys_grow_while_many_are_asked_for(vault, url, monkeypatch):
    monkeypatch.setattr("adapters.vault._BULK_SECONDS", 30)  # however slow the machine is
    for _ in range(12_000):
        vault.new_key()
    assert [vault._block, len(content(url)[0])] == [4096, 256 + 512 + 1024 + 2048 + 4096 + 4096]
    vault._block_begun -= 60
    while vault._unused:
        vault.new_key()
    vault.new_key()
    assert vault._block == 256


def test_a_key_that_is_destroyed_while_it_is_read_is_not_remembered(vault, open_vault, monkeypatch):
    key_id, _ = vault.new_key()
    reader = open_vault()
    unwrapped = reader._unwrapped

    def destroyed_meanwhile(key_ids):
        read = unwrapped(key_ids)
        monkeypatch.undo()
        reader.destroy([key_id])
        return read

    monkeypatch.setattr(reader, "_unwrapped", destroyed_meanwhile)
    assert reader.cipher(key_id) is None
    assert reader.ciphers([key_id]) == {key_id: None}


def test_a_bulk_read_of_keys_holds_up_no_new_key(vault, open_vault):
    given = [vault.new_key()[0] for _ in range(300)]
    reader = open_vault()
    with reader._database.reading() as connection:
        connection.exec_driver_sql("SELECT * FROM keys").all()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(reader.new_key).result(PATIENCE)[0] not in given


def test_keys_that_were_used_lately_are_remembered(vault, open_vault, monkeypatch):
    monkeypatch.setattr("adapters.vault._CACHED_KEYS", 20)
    given = [vault.new_key()[0] for _ in range(100)]
    reader = open_vault()
    read = []
    unwrapped = reader._unwrapped
    monkeypatch.setattr(reader, "_unwrapped", lambda key_ids: (read.extend(key_ids), unwrapped(key_ids))[1])
    for key_id in given:
        reader.cipher(given[0])
        reader.cipher(key_id)
    assert read == given
    remembered = reader._remembered
    assert len(remembered.recent) + len(remembered._former) <= 20


def test_keys_are_found_though_the_vault_forgets_those_it_had_in_memory(vault, monkeypatch):
    monkeypatch.setattr("adapters.vault._CACHED_KEYS", 4)
    given = [vault.new_key() for _ in range(50)]
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda key: trace(vault.cipher(key[0])), given * 4))
    assert found == [trace(cipher) for _, cipher in given * 4]


def test_the_office_seals_what_belongs_to_no_stream(vault, open_vault):
    sealed = vault.seal_for_office(b"key of a file", b"entry")
    assert open_vault().unseal_for_office(sealed, b"entry") == b"key of a file"
    with pytest.raises(InvalidTag):
        vault.unseal_for_office(sealed, b"another entry")


STORE_AN_EVENT = """
import sys
from uuid import UUID
from adapters.databases import store_url
from adapters.event_store.log import EventLog
from adapters.vault import MasterKey, Vault
from domain.clients.client import Person, RegisterClient
from domain.events import Actor, office_event_types

vault = Vault(store_url(sys.argv[1]), MasterKey(bytes.fromhex(sys.argv[2])))
log = EventLog(store_url(sys.argv[3]), vault, office_event_types(), next_number=lambda _: 1)
log.execute(RegisterClient(client_id=UUID(int=7), identity=Person(last_name="Lefèvre")), Actor.rule("a rule"))
print("stored", flush=True)
sys.stdin.readline()
"""


def test_an_event_is_readable_though_its_process_was_killed_at_once(url, tmp_path, master_key, start_python):
    log_url = sqlite_url(tmp_path / "log.sqlite")
    process = start_python(STORE_AN_EVENT, url, master_key.raw.hex(), log_url)
    assert process.stdout.readline() == "stored\n"
    process.kill()
    assert process.wait() == -signal.SIGKILL
    with (
        closing(Vault(url, master_key)) as vault,
        closing(EventLog(log_url, vault, office_event_types(), next_number=lambda _: 1)) as log,
    ):
        (recorded,) = log.read(0, 10, {"ProspectRegistered"}).events
        assert recorded.event.identity.last_name == "Lefèvre"


def test_a_key_is_in_the_vault_before_it_is_given(vault, url):
    key_id, _ = vault.new_key()
    assert key_id in dict(content(url)[0])
    is_durable = {"sqlite": ("PRAGMA synchronous", 2), "postgresql": ("SHOW synchronous_commit", "on")}
    statement, value = is_durable[url.get_backend_name()]
    with vault._database.reading() as connection:
        assert connection.exec_driver_sql(statement).scalar() == value


# --- keyed ids --------------------------------------------------------------------------------


def test_keyed_ids_are_the_same_after_a_restart_and_distinct_by_kind_value_and_vault(vault, open_vault, tmp_path):
    keyed = vault.keyed_id("email_address", "zoe@exemple.fr")
    assert keyed == open_vault().keyed_id("email_address", "zoe@exemple.fr")
    assert keyed.version == 8
    assert keyed.variant == "specified in RFC 4122"
    with closing(Vault(sqlite_url(tmp_path / "other.sqlite"), MasterKey.generate())) as other:
        others = [
            vault.keyed_id("message_id", "zoe@exemple.fr"),
            vault.keyed_id("email_address", "zoé@exemple.fr"),
            vault.keyed_id("email", "_addresszoe@exemple.fr"),
            other.keyed_id("email_address", "zoe@exemple.fr"),
        ]
    assert len({keyed, *others}) == 5


# --- rotation ---------------------------------------------------------------------------------


def test_a_rotation_wraps_everything_under_the_new_key_and_changes_no_data_key(vault, url, open_vault, master_key):
    given = [vault.new_key() for _ in range(3)]
    vault.destroy([given[2][0]])
    keyed, sealed = vault.keyed_id("kind", "value"), vault.seal_for_office(b"data", b"entry")
    before = content(url)
    new = MasterKey.generate()
    assert vault.rotate(new) == 255 + 2  # a block of keys without the one destroyed, and two secrets

    with pytest.raises(MasterKeyError):
        open_vault(master_key)
    rotated = open_vault(new)
    for one in (rotated, vault):
        assert [trace(one.cipher(key_id)) for key_id, _ in given[:2]] == [trace(cipher) for _, cipher in given[:2]]
        assert one.cipher(given[2][0]) is None
        assert one.keyed_id("kind", "value") == keyed
        assert one.unseal_for_office(sealed, b"entry") == b"data"
    formerly = [wrapped for table in before[:2] for _, wrapped in table if wrapped]
    assert len(formerly) == 257
    left = stored(url)
    assert not [wrapped for wrapped in formerly if wrapped in left]


def test_after_a_rotation_this_process_gives_keys_that_the_new_master_key_opens(vault, open_vault):
    new = MasterKey.generate()
    vault.new_key()
    vault.rotate(new)
    given = [vault.new_key() for _ in range(300)]
    again = open_vault(new).ciphers(key_id for key_id, _ in given)
    assert {key_id: trace(cipher) for key_id, cipher in again.items()} == {key: trace(cipher) for key, cipher in given}


def test_after_a_rotation_who_holds_the_old_key_can_neither_commit_keys_nor_rotate(vault, open_vault, url):
    behind = open_vault()
    vault.rotate(MasterKey.generate())
    before = content(url)
    with pytest.raises(MasterKeyError, match="rotated"):
        behind.new_key()
    with pytest.raises(MasterKeyError, match="rotated"):
        behind.rotate(MasterKey.generate())
    assert content(url) == before


def test_a_rotation_that_fails_leaves_the_vault_under_the_old_key(vault, open_vault, url, monkeypatch):
    key_id, cipher = vault.new_key()
    before, new = content(url), MasterKey.generate()
    wrap, wrapped = new.wrap, []

    def failing(key, name):
        wrapped.append(name)
        if len(wrapped) > 100:
            raise OSError("the key's device was unplugged")
        return wrap(key, name)

    monkeypatch.setattr(new, "wrap", failing)
    with pytest.raises(OSError, match="unplugged"):
        vault.rotate(new)
    assert content(url) == before
    assert trace(open_vault().cipher(key_id)) == trace(cipher)
    vault.rotate(MasterKey.generate())


KILLED_IN_ROTATION = """
import os, signal, sys
from sqlalchemy import event
from adapters.databases import store_url
from adapters.vault import MasterKey, Vault

vault = Vault(store_url(sys.argv[1]), MasterKey(bytes.fromhex(sys.argv[2])))

@event.listens_for(vault._database.engine, "after_cursor_execute")
def die(connection, cursor, statement, *_):
    if statement.startswith(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)

vault._database.forget = lambda _: die(None, None, "checkpoint")
vault.rotate(MasterKey(bytes.fromhex(sys.argv[3])))
"""


@pytest.mark.parametrize(
    ("last_statement", "committed"), [("UPDATE keys", False), ("UPDATE master", False), ("checkpoint", True)]
)
def test_a_process_killed_in_a_rotation_leaves_the_vault_under_one_key(
    vault, url, open_vault, master_key, start_python, last_statement, committed
):
    given = [vault.new_key() for _ in range(300)]
    new = MasterKey.generate()
    process = start_python(KILLED_IN_ROTATION, url, master_key.raw.hex(), new.raw.hex(), last_statement)
    assert process.wait(PATIENCE) == -signal.SIGKILL
    right, wrong = (new, master_key) if committed else (master_key, new)
    with pytest.raises(MasterKeyError):
        open_vault(wrong)
    again = open_vault(right).ciphers(key_id for key_id, _ in given)
    assert {key_id: trace(cipher) for key_id, cipher in again.items()} == {key: trace(cipher) for key, cipher in given}
