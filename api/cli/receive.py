"""Receiving mail by SMTP."""

from __future__ import annotations

import asyncio
import signal
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Annotated

import orjson
import typer

from api.cli.office import ProjectOption, keeps_views_up, listen, listening_at, tell_who_projects
from api.cli.session import JsonOption, console, office
from api.settings import Settings


def receive(
    host: Annotated[
        str | None, typer.Option(help="The address to listen on (environment: GREFFIER_SMTP_HOST).")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="The port; 0 takes a free one (environment: GREFFIER_SMTP_PORT).")
    ] = None,
    certificate: Annotated[
        Path | None, typer.Option(help="Its certificate, to offer STARTTLS (environment: GREFFIER_SMTP_CERTIFICATE).")
    ] = None,
    key: Annotated[Path | None, typer.Option(help="The certificate's key (environment: GREFFIER_SMTP_KEY).")] = None,
    require_tls: Annotated[
        bool | None,
        typer.Option(
            "--require-tls/--no-require-tls",
            help="Whether to take mail over TLS only (environment: GREFFIER_SMTP_REQUIRE_TLS).",
        ),
    ] = None,
    project: ProjectOption = None,
    as_json: JsonOption = False,
) -> None:
    """Receive the mail that a mail server delivers by SMTP; where the views are in SQLite, keep them up, too."""
    from adapters.mail.smtp import receive as receive_on

    with office(
        smtp_host=host, smtp_port=port, smtp_certificate=certificate, smtp_key=key, smtp_require_tls=require_tls
    ) as greffier:
        in_force = greffier.settings
        tls = _tls(in_force)
        projects = keeps_views_up(in_force, project)

        async def run() -> None:
            with _told_to_stop() as told_to_stop:
                _tell(listening, tls=tls is not None, projects=projects, as_json=as_json)
                await receive_on(
                    greffier.intake, listening, told_to_stop, tls=tls, requires_tls=in_force.smtp_require_tls
                )

        with (
            listen(in_force.smtp_host, in_force.smtp_port) as listening,
            greffier.projecting() if projects else nullcontext(),
        ):
            asyncio.run(run())


def _tls(in_force: Settings) -> ssl.SSLContext | None:
    """What STARTTLS needs, if it is to be offered."""
    if in_force.smtp_certificate is None or in_force.smtp_key is None:
        return None
    for name, path in (("smtp_certificate", in_force.smtp_certificate), ("smtp_key", in_force.smtp_key)):
        if not path.is_file():
            raise typer.BadParameter(f"{name}: there is no file {path}")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(
            in_force.smtp_certificate, in_force.smtp_key, password=""
        )  # nobody can be asked for one
    except OSError as error:
        raise typer.BadParameter(
            f"smtp_certificate, smtp_key: {in_force.smtp_certificate} and {in_force.smtp_key} are no certificate and its "
            f"key, without a password: {error.strerror or error}"
        ) from None
    return context


def _tell(listening: socket.socket, *, tls: bool, projects: bool, as_json: bool) -> None:
    if as_json:
        host, port = listening.getsockname()[:2]
        print(orjson.dumps({"host": host, "port": port, "starttls": tls}).decode(), flush=True)
        return
    console.print(f"Greffier receives mail on {listening_at(listening)}{' (STARTTLS)' if tls else ''}", soft_wrap=True)
    tell_who_projects(projects=projects)


@contextmanager
def _told_to_stop() -> Iterator[asyncio.Event]:
    """Is set when the process is told to stop; a second time, that ends it."""
    told = asyncio.Event()
    loop = asyncio.get_running_loop()
    signals = (signal.SIGINT, signal.SIGTERM)

    def hear() -> None:
        told.set()
        for number in signals:
            loop.remove_signal_handler(number)

    for number in signals:
        loop.add_signal_handler(number, hear)
    yield told
