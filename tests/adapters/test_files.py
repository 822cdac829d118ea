import io
import os
import stat
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures import TimeoutError as NotYet
from datetime import timedelta
from pathlib import Path

import pytest

from adapters.databases import StoreUnavailable
from adapters.files import FileDamaged, FileStore
from tests.waiting import PATIENCE

MIB = 1 << 20
SEALED_CHUNK = MIB + 16


@pytest.fixture
def folder(tmp_path):
    return tmp_path / "files"


@pytest.fixture
def files(folder):
    return FileStore(folder)


def on_disk(folder):
    return [path for path in folder.rglob("*") if path.is_file()]


def stored_path(folder):
    (path,) = on_disk(folder)
    return path


@pytest.mark.parametrize("size", [0, 1, MIB - 1, MIB, MIB + 1, 3 * MIB])
def test_a_file_reads_back_as_it_was(files, size):
    content = os.urandom(size)
    stored = files.store(io.BytesIO(content))
    assert stored.size == size
    assert files.read(stored.name, stored.key) == content
    assert b"".join(files.iter_chunks(stored.name, stored.key)) == content
    assert list(files.names()) == [stored.name]


def test_a_content_is_stored_from_where_it_stands(files):
    content = io.BytesIO(b"head and body")
    content.seek(9)
    stored = files.store(content)
    assert files.read(stored.name, stored.key) == b"body"


class Trickle(io.RawIOBase):
    """A content that gives less than it is asked for, as a pipe or an upload does."""

    def __init__(self, content):
        self._content = io.BytesIO(content)

    def read(self, size=-1):
        return self._content.read(min(size, 100_000))


@pytest.mark.parametrize("size", [1, MIB, 2 * MIB + 1])
def test_a_content_that_comes_in_small_pieces_is_stored_whole(files, size):
    content = os.urandom(size)
    stored = files.store(Trickle(content))
    assert stored.size == size
    assert files.read(stored.name, stored.key) == content


def test_what_lies_in_the_folder_says_nothing(files, folder):
    content = b"Relev\xc3\xa9 d'information de Zo\xc3\xa9 Lef\xc3\xa8vre" * 10
    first, second = files.store(io.BytesIO(content)), files.store(io.BytesIO(content))
    assert first.name != second.name
    assert first.key != second.key
    assert {path.name for path in on_disk(folder)} == {first.name, second.name}
    contents = [path.read_bytes() for path in on_disk(folder)]
    assert contents[0] != contents[1]
    for stored in contents:
        assert b"Lef" not in stored
        assert first.key not in stored
    assert all(len(path.name) == 64 for path in on_disk(folder))
    assert all(path.stat().st_mode & 0o077 == 0 for path in on_disk(folder))


def swapped(sealed):
    return sealed[SEALED_CHUNK : 2 * SEALED_CHUNK] + sealed[:SEALED_CHUNK] + sealed[2 * SEALED_CHUNK :]


def flipped(sealed, place):
    return sealed[:place] + bytes([sealed[place] ^ 1]) + sealed[place + 1 :]


@pytest.mark.parametrize(
    "damage",
    [
        lambda _: b"",
        lambda sealed: sealed[:10],
        lambda sealed: sealed[:-1],
        lambda sealed: sealed[: 2 * SEALED_CHUNK],
        lambda sealed: sealed[:SEALED_CHUNK],
        lambda sealed: sealed[SEALED_CHUNK:],
        swapped,
        lambda sealed: sealed + b"\0",
        lambda sealed: sealed + sealed[-116:],
        lambda sealed: flipped(sealed, 0),
        lambda sealed: flipped(sealed, SEALED_CHUNK + 5),
        lambda sealed: flipped(sealed, len(sealed) - 1),
    ],
    ids=[
        "empty",
        "less than a tag",
        "last byte cut off",
        "last chunk cut off",
        "two chunks cut off",
        "first chunk cut off",
        "chunks reordered",
        "a byte more",
        "last chunk twice",
        "first byte altered",
        "second chunk altered",
        "last byte altered",
    ],
)
def test_a_file_that_was_tampered_with_does_not_open(files, folder, damage):
    stored = files.store(io.BytesIO(os.urandom(2 * MIB + 100)))
    path = stored_path(folder)
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(FileDamaged):
        files.read(stored.name, stored.key)


def test_an_empty_file_that_was_cut_off_does_not_open(files, folder):
    stored = files.store(io.BytesIO())
    stored_path(folder).write_bytes(b"")
    with pytest.raises(FileDamaged):
        files.read(stored.name, stored.key)


def test_a_file_opens_under_its_own_key_only(files):
    stored, other = files.store(io.BytesIO(b"content")), files.store(io.BytesIO(b"content"))
    with pytest.raises(FileDamaged):
        files.read(stored.name, other.key)


def test_a_file_that_is_missing_or_was_discarded_is_named(files):
    stored = files.store(io.BytesIO(b"content"))
    files.discard(stored.name)
    with pytest.raises(FileDamaged, match=stored.name):
        files.read(stored.name, stored.key)
    files.discard(stored.name)
    assert list(files.names()) == []


class Failing(io.BytesIO):
    def __init__(self, error):
        super().__init__(os.urandom(3 * MIB))
        self._error = error

    def read(self, size=-1):
        if self.tell() >= 2 * MIB:
            raise self._error
        return super().read(size)


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ValueError("no message"), ValueError),
        (OSError("gone"), StoreUnavailable),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_content_that_fails_midway_leaves_nothing_behind(files, folder, error, raised):
    with pytest.raises(raised):
        files.store(Failing(error))
    assert on_disk(folder) == []


def failing_for(kind, monkeypatch, *, but=0):
    """The disk keeps so many files, or folders, and no more; gives what it was asked to keep."""
    fsync, synced, left = os.fsync, [], iter(range(but))

    def failing(descriptor):
        mode = os.fstat(descriptor).st_mode
        synced.append(stat.S_IFMT(mode))
        if stat.S_IFMT(mode) == kind and next(left, None) is None:
            raise OSError(5, "Input/output error")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", failing)
    return synced


@pytest.mark.parametrize("kind", [stat.S_IFREG, stat.S_IFDIR], ids=["content", "name"])
def test_a_file_that_the_disk_does_not_keep_is_not_left_behind(files, folder, monkeypatch, kind):
    synced = failing_for(kind, monkeypatch)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        files.store(io.BytesIO(b"content"))
    assert sorted(synced) == [stat.S_IFDIR, stat.S_IFDIR, stat.S_IFREG], "the file, its folder and the one of that"
    assert on_disk(folder) == []


def test_a_disk_that_lets_nothing_be_removed_either_is_said_to_be_unavailable(files, monkeypatch):
    def read_only(*_, **__):
        raise OSError(30, "Read-only file system")

    failing_for(stat.S_IFREG, monkeypatch)
    monkeypatch.setattr(Path, "unlink", read_only)
    with pytest.raises(StoreUnavailable, match="Input/output error"):
        files.store(io.BytesIO(b"content"))


def test_who_is_interrupted_while_the_disk_is_waited_for_leaves_nothing_behind(files, folder, monkeypatch):
    def interrupted(_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched, files.storing([io.BytesIO(b"content")]) as storing:
        patched.setattr("adapters.files.wait", interrupted)
        with pytest.raises(KeyboardInterrupt):
            storing.wait_for_disk()
    assert on_disk(folder) == []


def test_files_are_on_their_way_to_the_disk_together(files):
    contents = [os.urandom(size) for size in (0, 1, 2 * MIB)]
    with files.storing(map(io.BytesIO, contents)) as storing:
        storing.wait_for_disk()
    assert [files.read(one.name, one.key) for one in storing.sealed] == contents


def test_where_the_disk_does_not_keep_one_file_none_is_left_behind(files, folder, monkeypatch):
    failing_for(stat.S_IFREG, monkeypatch, but=1)
    with (
        files.storing(io.BytesIO(b"content") for _ in range(3)) as storing,
        pytest.raises(StoreUnavailable, match="Input/output error"),
    ):
        storing.wait_for_disk()
    assert on_disk(folder) == []


def test_a_content_that_fails_takes_those_before_it_along(files, folder):
    with (
        pytest.raises(ValueError, match="no message"),
        files.storing([io.BytesIO(b"content"), Failing(ValueError("no message"))]),
    ):
        raise AssertionError("nothing is stored")
    assert on_disk(folder) == []


def test_a_folder_opens_while_another_process_finishes_its_files(files, folder, monkeypatch):
    (folder / "incoming-there").write_bytes(b"")
    monkeypatch.setattr(Path, "glob", lambda *_: [folder / "incoming-gone", folder / "incoming-there"])
    FileStore(folder)


FULL_DISK = """
import io, resource, sys
from pathlib import Path
from adapters.databases import StoreUnavailable
from adapters.files import FileStore

files = FileStore(Path(sys.argv[1]))
_, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, hard))
try:
    files.store(io.BytesIO(bytes(3_000_000)))
except StoreUnavailable as error:
    assert "file store" in str(error)
else:
    sys.exit("the disk was not full")
assert [path for path in Path(sys.argv[1]).rglob("*") if path.is_file()] == []
stored = files.store(io.BytesIO(b"small"))
assert files.read(stored.name, stored.key) == b"small"
"""


def test_a_full_disk_leaves_nothing_behind_and_the_next_file_is_stored(folder, start_python):
    process = start_python(FULL_DISK, folder)
    assert process.wait(PATIENCE) == 0
    assert len(on_disk(folder)) == 1


class Large(io.RawIOBase):
    """64 MiB that are nowhere in memory."""

    left = 64

    def read(self, size=-1):
        assert size == MIB
        self.left -= 1
        return bytes(size) if self.left >= 0 else b""


def test_memory_stays_flat_however_large_the_file(files):
    tracemalloc.start()
    try:
        stored = files.store(Large())
        total = sum(len(chunk) for chunk in files.iter_chunks(stored.name, stored.key))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert total == stored.size == 64 * MIB
    assert peak < 8 * MIB


def test_what_a_killed_process_was_writing_is_swept_away_a_day_later(tmp_path):
    FileStore(tmp_path)
    old, young = tmp_path / "incoming-old", tmp_path / "incoming-young"
    for path in (old, young):
        path.write_bytes(b"half")
    two_days_ago = time.time() - 2 * 86_400
    os.utime(old, (two_days_ago, two_days_ago))
    FileStore(tmp_path)
    assert not old.exists()
    assert young.exists()


# --- files in flight ------------------------------------------------------------------------------


def test_who_asks_for_the_files_at_rest_waits_for_those_in_flight(files, folder):
    with ThreadPoolExecutor(1) as other:
        with files.in_flight(), FileStore(folder).in_flight():
            asked = other.submit(files.at_rest)
            stored = files.store(io.BytesIO(b"content"))
            with pytest.raises(NotYet):
                asked.result(0.2)
        assert asked.result(PATIENCE) == {stored.name}
    assert files.at_rest(timedelta(hours=1)) == set()


IN_FLIGHT = """
import sys
from pathlib import Path
from adapters.files import FileStore

with FileStore(Path(sys.argv[1])).in_flight():
    print("in flight", flush=True)
    sys.stdin.readline()
"""


def test_files_in_flight_are_another_process_s_too_until_it_dies(files, folder, start_python):
    process = start_python(IN_FLIGHT, folder)
    assert process.stdout.readline() == "in flight\n"
    with ThreadPoolExecutor(1) as other:
        asked = other.submit(files.at_rest)
        with pytest.raises(NotYet):
            asked.result(0.2)
        process.kill()
        assert asked.result(PATIENCE) == set()


def test_a_file_that_is_discarded_meanwhile_is_not_named(files, monkeypatch):
    stored = [files.store(io.BytesIO(b"content")) for _ in range(3)]
    glob = type(files._folder).glob

    def discarding(folder, pattern):
        found = list(glob(folder, pattern))
        files.discard(stored[1].name)
        return iter(found)

    monkeypatch.setattr(type(files._folder), "glob", discarding)
    assert set(files.names()) == {stored[0].name, stored[2].name}
