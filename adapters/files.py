"""Stored files: raw messages, sealed, each under a key of its own, in a folder.

A file is named by an HMAC of its content under its own key, so that a name says nothing of it. It is sealed in chunks of
1 MiB with AES-256-GCM, each bound to its place and to whether it is the last (the STREAM construction of Hoang,
Reyhanitabar, Rogaway and Vizár, 2015): memory stays flat, and a truncated or reordered file does not open.
"""

from __future__ import annotations

import fcntl
import hashlib
import hmac
import os
import time
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import IO, Final, Protocol, Self
from uuid import uuid4

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from adapters.databases import StoreUnavailable

_CHUNK: Final = 1 << 20
_TAG_BYTES: Final = 16
_KEY_BYTES: Final = 32
_ABANDONED_AFTER_SECONDS: Final = 86_400
_WRITERS: Final = 8


@dataclass(frozen=True, slots=True)
class SealedFile:
    """A file's name in the folder, the key that opens it, and its size when opened, in bytes."""

    name: str
    key: bytes
    size: int


class Readable(Protocol):
    """What gives bytes, some at a time."""

    def read(self, size: int, /) -> bytes: ...


class FileDamaged(Exception):
    """A stored file is missing, was altered or cut short, or does not open under this key."""


class FileStore:
    """A folder of sealed files. A file is durable once `store` returns, or `storing` was waited for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._writers = ThreadPoolExecutor(_WRITERS)
        folder.mkdir(parents=True, exist_ok=True)
        for left_behind in folder.glob("incoming-*"):
            # What a process that was killed was writing. A younger one may be another process's, at work.
            with suppress(FileNotFoundError):  # that one is done with it meanwhile
                if time.time() - left_behind.stat().st_mtime > _ABANDONED_AFTER_SECONDS:
                    left_behind.unlink()

    def store(self, content: IO[bytes]) -> SealedFile:
        """Seals what `content` holds from where it stands. Raises as `storing` does."""
        with self.storing([content]) as storing:
            storing.wait_for_disk()
        return storing.sealed[0]

    @contextmanager
    def storing(self, contents: Iterable[IO[bytes]]) -> Iterator[Storing]:
        """Seals what each of `contents` holds from where it stands. The files wait for the disk together, while whoever
        asked does something else, and until the end at the latest. What then comes of it is theirs to discard.

        Raises `StoreUnavailable`, and what reading a content raises; then nothing is left behind.
        """
        files: list[_Incoming] = []
        waiting: list[Future[None]] = []
        with ExitStack() as opened:
            with _or_nothing(files):
                for content in contents:
                    files.append(opened.enter_context(_Incoming(self._folder)))
                    files[-1].move(self._path(files[-1].write(content).name))
                opened.callback(wait, waiting)
                waiting.extend(self._writers.submit(file.wait_for_disk) for file in files)
                # A name is durable once its folder is, and that one's in this: another batch may just have made it.
                folders = {self._folder, *(file.path.parent for file in files)}
                waiting.extend(self._writers.submit(make_durable, folder) for folder in folders)
            yield Storing(files, waiting)

    def read(self, name: str, key: bytes) -> bytes:
        """The file's content. Raises `FileDamaged`."""
        return b"".join(self.iter_chunks(name, key))

    def iter_chunks(self, name: str, key: bytes) -> Iterator[bytes]:
        """The file's content in pieces of 1 MiB. Raises `FileDamaged`."""
        cipher = AESGCM(key)
        try:
            with self._path(name).open("rb") as file:
                for number, sealed, is_last in _chunks(file, _CHUNK + _TAG_BYTES):
                    yield cipher.decrypt(_nonce(number, is_last=is_last), sealed, None)
        except (OSError, InvalidTag) as error:
            raise FileDamaged(f"the stored file {name} can't be opened: {type(error).__name__}") from error

    def discard(self, name: str) -> None:
        """Removes a file that nothing came to refer to."""
        self._path(name).unlink(missing_ok=True)

    def names(self, older_than: timedelta = timedelta(0)) -> Iterator[str]:
        """The names of the stored files that have lain there for so long."""
        newest = time.time() - older_than.total_seconds()
        for path in self._folder.glob("??/*"):
            with suppress(FileNotFoundError):  # it was discarded meanwhile
                if path.stat().st_mtime <= newest:
                    yield path.name

    def __contains__(self, name: str) -> bool:
        return self._path(name).is_file()

    def open_sealed(self, name: str) -> IO[bytes]:
        """A file as it lies there, sealed. Raises `FileNotFoundError`."""
        return self._path(name).open("rb")

    def put_sealed(self, name: str, content: Readable) -> int:
        """Puts a file in its place as it lay in another folder; gives its size. Durable after an `os.sync`, as many are."""
        path = self._path(name)
        size = 0
        try:
            path.parent.mkdir(exist_ok=True)
            with path.open("wb") as file:
                while chunk := content.read(_CHUNK):
                    size += file.write(chunk)
        except OSError as error:
            raise _unavailable(error) from error
        return size

    @contextmanager
    def in_flight(self) -> Iterator[None]:
        """To be held from storing a file until something durable refers to it."""
        with self._locked(fcntl.LOCK_SH):
            yield

    def at_rest(self, older_than: timedelta = timedelta(0)) -> set[str]:
        """`names`, once no file is in flight: waits for every thread and process that stores one."""
        with self._locked(fcntl.LOCK_EX):
            return set(self.names(older_than))

    @contextmanager
    def _locked(self, how: int) -> Iterator[None]:
        # The lock is the folder's own. It goes with its descriptor, each holder's another: a killed process holds none.
        try:
            descriptor = os.open(self._folder, os.O_RDONLY)
        except OSError as error:
            raise _unavailable(error) from error
        try:
            fcntl.flock(descriptor, how)
            yield
        finally:
            os.close(descriptor)

    def _path(self, name: str) -> Path:
        return self._folder / name[:2] / name


class _Incoming:
    """A file on its way into a folder: under a name of its own there until it is written."""

    sealed: SealedFile

    def __init__(self, folder: Path) -> None:
        self.path = folder / f"incoming-{uuid4().hex}"
        self._file = os.fdopen(os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what could not be written before can't be written now
            self._file.close()

    def write(self, content: IO[bytes]) -> SealedFile:
        key = os.urandom(_KEY_BYTES)
        cipher = AESGCM(key)
        named = hmac.new(key, digestmod=hashlib.sha256)
        size = 0
        for number, chunk, is_last in _chunks(content):
            named.update(chunk)
            size += len(chunk)
            self._file.write(cipher.encrypt(_nonce(number, is_last=is_last), chunk, None))
        self._file.flush()
        self.sealed = SealedFile(named.hexdigest(), key, size)
        return self.sealed

    def move(self, path: Path) -> None:
        try:
            self.path = self.path.rename(path)
        except FileNotFoundError:
            path.parent.mkdir(exist_ok=True)
            self.path = self.path.rename(path)

    def wait_for_disk(self) -> None:
        os.fsync(self._file.fileno())


class Storing:
    """Files that have their names and keys, and are on their way to the disk."""

    def __init__(self, files: Sequence[_Incoming], waiting: Sequence[Future[None]]) -> None:
        self.sealed = [file.sealed for file in files]
        self._files = files
        self._waiting = waiting

    def wait_for_disk(self) -> None:
        """After this the files are durable. Raises `StoreUnavailable`; then nothing is left behind."""
        with _or_nothing(self._files):
            wait(self._waiting)
            for done in self._waiting:
                done.result()


@contextmanager
def _or_nothing(files: Sequence[_Incoming]) -> Iterator[None]:
    """Removes the files where something fails, as far as the disk lets it. Raises `StoreUnavailable` where that did."""
    try:
        yield
    except BaseException as error:
        for file in files:
            with suppress(OSError):
                file.path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise _unavailable(error) from error
        raise


def _unavailable(error: OSError) -> StoreUnavailable:
    return StoreUnavailable("file store", error.strerror or error)


def _chunks(content: IO[bytes], size: int = _CHUNK) -> Iterator[tuple[int, bytes, bool]]:
    number = 0
    chunk = _read_fully(content, size)
    while True:
        following = _read_fully(content, size) if len(chunk) == size else b""
        yield number, chunk, not following
        if not following:
            return
        number, chunk = number + 1, following


def _read_fully(content: IO[bytes], size: int) -> bytes:
    """`size` bytes, or what is left: one `read` of a pipe or an upload may give fewer, and more to come."""
    chunk = content.read(size)
    while len(chunk) < size and (more := content.read(size - len(chunk))):
        chunk += more
    return chunk


def make_durable(folder: Path) -> None:
    """Makes what was created in or renamed into `folder` survive a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _nonce(number: int, *, is_last: bool) -> bytes:
    return number.to_bytes(11) + bytes([is_last])
