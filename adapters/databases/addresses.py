"""The addresses of the stores, as people write them, see them, and as the drivers take them."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

_RIGHT: Final = "sqlite:///FILE or postgresql://USER@HOST/DATABASE"


class BadStoreUrl(ValueError):
    """A store's address is not `sqlite:///FILE` or `postgresql://…/DATABASE`."""


def store_url(text: str) -> URL:
    """A store's address as someone wrote it. Raises `BadStoreUrl`, which never shows a password."""
    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        raise BadStoreUrl(f"not an address like {_RIGHT}") from None
    if url.drivername not in {"sqlite", "postgresql"}:
        raise BadStoreUrl(f"{url.drivername}:// is no store of ours, which is {_RIGHT}")
    if "@" in (url.host or ""):  # a part of the password, maybe: it is not shown
        raise BadStoreUrl("a password's own @ is written %40, its : %3A, its / %2F")
    if not url.database or url.database == ":memory:":
        raise BadStoreUrl(f"{shown_url(url)} names no {'file' if url.drivername == 'sqlite' else 'database'}: {_RIGHT}")
    if url.drivername == "sqlite" and (url.host or url.query):
        raise BadStoreUrl(f"{shown_url(url)}: sqlite:/// has three slashes, a file's path, and nothing else")
    return url


def sqlite_url(path: Path) -> URL:
    return URL.create("sqlite", database=str(path))


def shown_url(url: URL) -> str:
    """The address without its secrets."""
    query = {name: "***" if "password" in name else value for name, value in url.query.items()}
    return url.set(query=query).render_as_string(hide_password=True)


def libpq_url(url: URL) -> str:
    """The address as psycopg takes it."""
    from psycopg.conninfo import make_conninfo

    named = {"host": url.host, "port": url.port, "user": url.username, "password": url.password, "dbname": url.database}
    options = {name: value if isinstance(value, str) else ",".join(value) for name, value in url.query.items()}
    options |= {name: str(value) for name, value in named.items() if value is not None}
    return make_conninfo("", **options)
