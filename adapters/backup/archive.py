"""The file of a backup: a tar, written and read from its beginning to its end, whatever its size.

First `greffier-backup.json`, last `manifest.json`; between them what is backed up, each some megabytes at most but for
stored files, and after every so many members one with their SHA-256. The manifest holds the SHA-256 of all of those, so
that nothing can be missing, altered or out of its order.
"""

from __future__ import annotations

import hashlib
import io
import tarfile
from collections.abc import Callable, Iterator
from contextlib import suppress
from typing import IO, Any, Final, Self

import orjson

FORMAT: Final = 1
_HEADER: Final = "greffier-backup.json"
_MANIFEST: Final = "manifest.json"
_CHECKSUMS: Final = "checksums"
_MEMBERS_A_CHECKSUM: Final = 1_000
_LONGEST_MANIFEST: Final = 1 << 24


class BackupDamaged(Exception):
    """A file is no backup, was cut short or altered, or holds what does not fit together."""


class ArchiveWriter:
    """Writes members one after the other; `finish` makes the file whole. To be left before the file is closed."""

    def __init__(self, file: IO[bytes]) -> None:
        self._tar = tarfile.open(fileobj=file, mode="w|", format=tarfile.PAX_FORMAT)  # noqa: SIM115  # `__exit__` closes it
        self._lines: list[str] = []
        self._all = hashlib.sha256()
        self._numbers: dict[str, int] = {}
        self._write(_HEADER, orjson.dumps({"format": FORMAT}))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(OSError):  # what can't be written was said before, or the archive is whole
            self._tar.close()

    def add(self, kind: str, content: bytes) -> None:
        """Adds a member, the next of its kind."""
        self._write(self._numbered(kind), content)

    def add_file(self, name: str, file: IO[bytes], size: int) -> None:
        self._put(name, file, size)

    def finish(self, summary: dict[str, Any]) -> None:
        self._write_checksums()
        manifest = orjson.dumps({"format": FORMAT, "checksums": self._all.hexdigest(), **summary})
        self._write(_MANIFEST, manifest + b"\n" + hashlib.sha256(manifest).hexdigest().encode() + b"\n")
        self._tar.close()  # which writes what is left

    def _numbered(self, kind: str) -> str:
        self._numbers[kind] = number = self._numbers.get(kind, 0) + 1
        return f"{kind}/{number:06}"

    def _write(self, name: str, content: bytes) -> None:
        self._put(name, io.BytesIO(content), len(content))

    def _put(self, name: str, file: IO[bytes], size: int) -> None:
        member = tarfile.TarInfo(name)
        member.size, member.mode = size, 0o600
        hashing = Hashing(file)
        self._tar.addfile(member, hashing)
        _forget_members(self._tar)
        self._lines.append(f"{hashing.hexdigest()}  {name}\n")
        if len(self._lines) >= _MEMBERS_A_CHECKSUM and not name.startswith(_CHECKSUMS):
            self._write_checksums()

    def _write_checksums(self) -> None:
        checksums = "".join(self._lines).encode()
        self._lines = []
        self._all.update(checksums)
        self.add(_CHECKSUMS, checksums)
        self._lines = []  # what it has of itself


class Hashing:
    """A file that is read once, with the SHA-256 of what was read."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file
        self._digest = hashlib.sha256()

    def read(self, size: int = -1) -> bytes:
        """Raises `BackupDamaged` where the tar that it is read from ends."""
        try:
            content = self._file.read(size)
        except tarfile.TarError as error:
            raise BackupDamaged(f"the backup was cut short or altered: {error}") from None
        self._digest.update(content)
        return content

    def hexdigest(self) -> str:
        return self._digest.hexdigest()


def read_archive(file: IO[bytes], took: Callable[[dict[str, Any]], None]) -> Iterator[tuple[str, Hashing]]:
    """Each member with its content, to be read before the next is asked for; at the end `took` is given the manifest.

    Raises `BackupDamaged`, at the latest at the end: what was given before that may be damaged too.
    """
    try:
        yield from _members(file, took)
    except (tarfile.TarError, EOFError, UnicodeDecodeError, orjson.JSONDecodeError, KeyError) as error:
        raise BackupDamaged(f"{_name(file)} is no backup, or was cut short or altered: {error}") from None


def _members(file: IO[bytes], took: Callable[[dict[str, Any]], None]) -> Iterator[tuple[str, Hashing]]:
    lines: list[str] = []
    everything = hashlib.sha256()
    number = -1
    with tarfile.open(fileobj=file, mode="r|") as tar:
        for number, member in enumerate(iter(tar.next, None)):
            _forget_members(tar)
            content = tar.extractfile(member)
            if content is None or (number == 0) != (member.name == _HEADER):
                raise BackupDamaged(f"{_name(file)} is no backup")
            hashing = Hashing(content)
            if number == 0:
                _check_format(file, orjson.loads(hashing.read()))
            elif member.name.startswith(f"{_CHECKSUMS}/"):
                checksums = hashing.read()
                everything.update(checksums)
                if checksums != "".join(lines).encode():
                    raise BackupDamaged(f"{_name(file)} was altered: {_first_wrong(checksums.decode(), lines)}")
                lines = []
                continue
            elif member.name == _MANIFEST:
                took(_manifest(file, hashing.read(_LONGEST_MANIFEST), everything.hexdigest()))
                return
            else:
                yield member.name, hashing
                while hashing.read(1 << 20):
                    """What nobody wanted is hashed too."""
            lines.append(f"{hashing.hexdigest()}  {member.name}\n")
    raise BackupDamaged(f"{_name(file)} {'is no backup' if number < 0 else 'was cut short: its end is missing'}")


def _forget_members(tar: Any) -> None:
    """A tar file remembers each member that it met."""
    tar.members.clear()


def _check_format(file: IO[bytes], header: dict[str, Any]) -> None:
    if header["format"] > FORMAT:
        raise BackupDamaged(f"{_name(file)} has format {header['format']}: a newer program wrote it")


def _manifest(file: IO[bytes], content: bytes, checksums: str) -> dict[str, Any]:
    written, _, digest = content.partition(b"\n")
    if hashlib.sha256(written).hexdigest().encode() != digest.strip():
        raise BackupDamaged(f"{_name(file)} was altered: its manifest is not what was written")
    manifest: dict[str, Any] = orjson.loads(written)
    if manifest["checksums"] != checksums:
        raise BackupDamaged(f"{_name(file)} was altered: a part of it is missing")
    return manifest


def _first_wrong(written: str, lines: list[str]) -> str:
    expected = written.splitlines(keepends=True)
    wrong = next((line for line, right in zip(lines, expected, strict=False) if line != right), None)
    return "a part of it is missing" if wrong is None else f"{wrong.split()[1]} is not what was written"


def _name(file: IO[bytes]) -> str:
    return str(file.name)
