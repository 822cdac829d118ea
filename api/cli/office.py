"""Opening an office, serving it, who has access to it, and the settings in force."""

from __future__ import annotations

import logging
import socket
from typing import Annotated

import typer
from rich.markup import escape

from adapters.databases import shown_url
from adapters.staff import COMMAND_LINE, find_collaborator, welcome
from api.bootstrap import Greffier, OfficeExists, create_office, has_office, open_greffier, place_of
from api.cli.session import CommandFailed, JsonOption, console, office, print_json, print_table, settings
from api.settings import Settings
from domain.office.office import OFFICE_ID, CollaboratorIdentity, Office, OpenOffice

HostOption = Annotated[str | None, typer.Option(help="The address to listen on (environment: GREFFIER_HOST).")]
PortOption = Annotated[int | None, typer.Option(help="The port; 0 takes a free one (environment: GREFFIER_PORT).")]
ProjectOption = Annotated[
    bool | None,
    typer.Option(
        "--project/--no-project",
        help="Whether to keep the views up in this process; on PostgreSQL `greffier projections run` does, if not given.",
    ),
]


def init(
    name: Annotated[str, typer.Argument(help="The office's name.")],
    time_zone: Annotated[str, typer.Option(help="An IANA time zone.")] = "Europe/Paris",
) -> None:
    """Open an office: its data folder, vault and master key. One that was cut short is finished."""
    command = OpenOffice(name=name, time_zone=time_zone)
    in_force = settings()
    if not has_office(in_force):
        create_office(in_force)
    with open_greffier(in_force) as greffier:
        if greffier.log.state(Office, OFFICE_ID).name is not None:
            raise OfficeExists(place_of(in_force))
        greffier.log.execute(command, COMMAND_LINE)
    console.print(f"The office is open in [bold]{escape(place_of(in_force))}[/].", end=" ")
    if in_force.master_key is None:
        console.print(f"Its master key is in {escape(str(in_force.key_file))}:")
        console.print("keep a copy elsewhere, and never with the backups. Without it nothing can be read.")
    else:
        console.print("Its master key is the one in GREFFIER_MASTER_KEY.")
    console.print("Next: [bold]greffier token ADDRESS --first-name … --last-name …[/], then [bold]greffier serve[/].")


def serve(host: HostOption = None, port: PortOption = None, project: ProjectOption = None) -> None:
    """Serve the API of the office; where the views are in SQLite, keep them up, too."""
    with office(host=host, port=port) as greffier:
        in_force = greffier.settings
        serve_api(greffier, listen(in_force.host, in_force.port), projects=keeps_views_up(in_force, project))


def keeps_views_up(in_force: Settings, project: bool | None) -> bool:
    """Whether a process that serves does that too: as it was told, else where the views are in SQLite."""
    return in_force.stores.views.get_backend_name() == "sqlite" if project is None else project


def tell_who_projects(*, projects: bool) -> None:
    if not projects:
        console.print("It leaves the views to whichever process runs `greffier projections run`.", soft_wrap=True)


def listen(host: str, port: int) -> socket.socket:
    """The socket to serve on. Raises `CommandFailed`."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        listening = socket.create_server((host, port), family=family, backlog=2048)
    except (OSError, OverflowError) as error:
        raise CommandFailed(f"can't listen on {host}:{port}: {error}") from None
    # Each connection has it from here. Without it, an answer's last bytes wait 40 ms for a delayed acknowledgement.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return listening


def url_of(listening: socket.socket) -> str:
    return f"http://{listening_at(listening)}"


def listening_at(listening: socket.socket) -> str:
    """Its address and port, as they stand in a URL."""
    host, port = listening.getsockname()[:2]
    return f"[{host}]:{port}" if listening.family == socket.AF_INET6 else f"{host}:{port}"


def serve_api(greffier: Greffier, listening: socket.socket, *, projects: bool = True) -> None:
    """Serves until it is interrupted."""
    import uvicorn

    from api.app import create_app

    logging.getLogger().setLevel(logging.INFO)
    address = url_of(listening)
    console.print(f"Greffier answers on {address} (documentation: {address}/docs)", soft_wrap=True)
    tell_who_projects(projects=projects)
    config = uvicorn.Config(create_app(greffier, projects=projects), log_level="warning", server_header=False)
    with listening:
        uvicorn.Server(config).run(sockets=[listening])


def token(
    email_address: Annotated[str | None, typer.Argument(help="The collaborator's; the first's, if not given.")] = None,
    first_name: Annotated[str, typer.Option(help="Of a new collaborator.")] = "",
    last_name: Annotated[str, typer.Option(help="Of a new collaborator.")] = "",
    as_json: JsonOption = False,  # typer's own way to declare a flag
) -> None:
    """Give a collaborator a token for the API; it is shown once."""
    new = None
    if first_name or last_name:
        if email_address is None:
            raise typer.BadParameter("a new collaborator has an ADDRESS too: give it before the names")
        new = CollaboratorIdentity(first_name=first_name, last_name=last_name, email_address=email_address)
    with office() as greffier:
        collaborator_id = welcome(greffier.log, new) if new else find_collaborator(greffier.log, email_address)
        given = greffier.desk.issue_token(collaborator_id)
    if as_json:
        print_json({"collaborator_id": collaborator_id, "token": given})
    else:
        print(given)


def show_settings(as_json: JsonOption = False) -> None:
    """Print the settings in force, secrets masked."""
    in_force = settings()
    shown = in_force.model_dump(mode="json") | {"master_key_file": str(in_force.key_file)}
    shown |= {name: shown_url(url) for name, url in in_force.stores._asdict().items()}
    if as_json:
        print_json(shown)
        return
    described = Settings.model_fields
    print_table(
        ("setting", "value", "environment", "meaning"),
        [(name, value, f"GREFFIER_{name.upper()}", described[name].description) for name, value in shown.items()],
    )
