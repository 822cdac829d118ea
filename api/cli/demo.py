"""The demonstration: an invented office and its mailbox, imported, summed up, and served."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from adapters.demo_office import furnish
from adapters.staff import find_collaborator
from api.bootstrap import Greffier, create_office, has_office, open_greffier
from api.cli.mail import run_import
from api.cli.office import HostOption, PortOption, listen, serve_api, url_of
from api.cli.session import JsonOption, as_shown, bring_up_to_date, console, print_json, print_table, settings
from api.cli.tickets import WAITS
from domain.access import Viewer
from projections import clients
from projections.queries.paging import Window
from projections.queries.reading import Reading
from projections.tickets import inbox

_FOLDER: Final = Path("greffier-demo")
_WHY: Final = {
    "filed": "filed by themselves: the sender's address is one file's alone, or the subject says which",
    **{reason: f"wait: {told}" for reason, told in WAITS.items()},
}


def demo(
    once: Annotated[bool, typer.Option("--once", help="Stop after the summary.")] = False,
    host: HostOption = None,
    port: PortOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show Greffier at work: an invented French office, a month of its mail, and the API on it."""
    in_force = settings(host=host, port=port)
    if "data" not in in_force.model_fields_set:
        in_force = settings(data=_FOLDER, host=host, port=port)
    if not has_office(in_force):
        create_office(in_force)
    with open_greffier(in_force) as greffier:
        mailbox = furnish(greffier.log, greffier.settings.data)
        imported = run_import(greffier, [mailbox], None, silent=as_json)
        bring_up_to_date(greffier)
        token = greffier.desk.issue_token(find_collaborator(greffier.log, None))
        if as_json:
            print_json(_summary(greffier, imported) | {"token": token})
        else:
            _tell(greffier, imported)
        if once:
            return
        listening = listen(in_force.host, in_force.port)
        console.print("\nTry it:", style="bold")
        line = f"curl -H 'Authorization: Bearer {token}' '{url_of(listening)}/tickets?filed=false&limit=5'"
        console.print(line, markup=False, highlight=False, soft_wrap=True)
        serve_api(greffier, listening)


def _summary(greffier: Greffier, imported: dict[str, int]) -> dict[str, Any]:
    with greffier.views.reading() as connection:
        session = Reading(connection, Viewer(collaborator_id=find_collaborator(greffier.log, None)))
        standing = inbox.counts(session)
        dossiers = clients.search(session, Window(limit=1, total=True)).total
    quarantined = [{"origin": e.origin, "reason": e.reason} for e in greffier.desk.quarantined(limit=20)]
    return {"dossiers": dossiers, "imported": imported, "tickets": standing, "quarantined": quarantined}


def _tell(greffier: Greffier, imported: dict[str, int]) -> None:
    summary = _summary(greffier, imported)
    holds = f"{as_shown(greffier.settings.data)} holds an invented office with {summary['dossiers']} dossiers.\n"
    console.print(holds, markup=False, highlight=False)
    print_table(("messages", "of this import"), [(count, outcome) for outcome, count in imported.items()])
    console.print()
    print_table(("tickets", "in the inbox"), [(n, _WHY[why]) for why, n in sorted(summary["tickets"].items())])
    console.print()
    print_table(("in quarantine", "because"), [(q["origin"], q["reason"]) for q in summary["quarantined"]])
