"""Where an office's parts are."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import URL

from adapters.databases import open_database


class Place(NamedTuple):
    log: URL
    vault: URL
    views: URL
    desk: URL
    files: Path

    def stores(self) -> dict[str, URL]:
        """The stores by the names that their databases know them by."""
        return {"log": self.log, "vault": self.vault, "desk": self.desk, "read store": self.views}

    def occupied(self) -> list[str]:
        """What there is already."""
        found = []
        for name, url in self.stores().items():
            with closing(open_database(name, url, durable=True)) as database:
                if database.exists():
                    found.append(name)
        if any(self.files.glob("??/*")):
            found.append("files")
        return found

    def clear(self) -> None:
        """Removes all of it."""
        for name, url in self.stores().items():
            with closing(open_database(name, url, durable=True)) as database:
                database.drop()
        for path in self.files.glob("??/*"):
            path.unlink(missing_ok=True)
