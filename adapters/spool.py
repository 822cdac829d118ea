"""Bytes on their way in: in memory while they are few, then in a temporary file."""

from __future__ import annotations

from contextlib import suppress
from tempfile import SpooledTemporaryFile
from typing import Any, Final

from adapters.databases import StoreUnavailable

IN_MEMORY: Final = 1 << 20
"""How many bytes are held in memory; more wait on disk."""


class Spool(SpooledTemporaryFile[bytes]):
    """A temporary file whose own trouble, such as a full disk, is told apart from that of what is read into it.

    Raises `StoreUnavailable`.
    """

    def __init__(self) -> None:
        super().__init__(max_size=IN_MEMORY)

    def write(self, data: Any) -> int:
        try:
            return super().write(data)
        except OSError as error:
            raise StoreUnavailable("temporary folder", error.strerror or error) from error

    def close(self) -> None:
        with suppress(OSError):  # what could not be written is thrown away anyhow
            super().close()

    def __exit__(self, *_: object) -> None:
        self.close()

    def seek(self, *place: int) -> int:
        try:
            return super().seek(*place)  # what was written may only now reach the disk
        except OSError as error:
            raise StoreUnavailable("temporary folder", error.strerror or error) from error
