"""Contacts on the command line."""

from __future__ import annotations

from typing import Annotated
from uuid import uuid4

import typer

from api.cli.naming import CompanyOption, find_file
from api.cli.session import (
    AsOption,
    CursorOption,
    JsonOption,
    LimitOption,
    execute,
    print_changed,
    print_page,
    up_to_date_office,
    viewer,
)
from domain.contact import ContactIdentity, RegisterContact
from domain.values import Title
from projections import companies
from projections import contacts as read_model
from projections.paging import DEFAULT_LIMIT

contacts = typer.Typer(help="The people whom the office writes to: list, add.", no_args_is_help=True)


@contacts.command("list")
def list_contacts(
    name: Annotated[str, typer.Argument(help="Words of the name, in any order, case or accents.")] = "",
    company: CompanyOption = None,
    limit: LimitOption = DEFAULT_LIMIT,
    cursor: CursorOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """List contacts in alphabetical order: all, or those of one company."""
    with up_to_date_office() as greffier, greffier.views.reading() as session:
        page = read_model.search(
            session,
            viewer(greffier, collaborator),
            name=name,
            company_id=None if company is None else find_file(session, "company", company, "--company").id,
            cursor=cursor,
            limit=limit,
            with_total=True,
        )
        at = companies.names(session, {line.company_id for line in page.items if line.company_id})
    print_page(
        page,
        ("n°", "name", "function", "at"),
        lambda line: (
            line.number,
            line.display_name,
            line.function,
            line.company_id and at.get(line.company_id),
        ),
        as_json=as_json,
    )


@contacts.command("add")
def add_contact(
    last_name: Annotated[str, typer.Option(help="Their last name.")],
    first_name: Annotated[str, typer.Option(help="Their first name.")] = "",
    title: Annotated[Title | None, typer.Option(help="Their title.")] = None,
    function: Annotated[str, typer.Option(help="What they do at the company.")] = "",
    company: CompanyOption = None,
    collaborator: AsOption = None,
    as_json: JsonOption = False,
) -> None:
    """Enter a contact: at a company, or of their own."""
    identity = ContactIdentity(title=title, first_name=first_name, last_name=last_name, function=function)
    with up_to_date_office() as greffier:
        with greffier.views.reading() as session:
            company_id = None if company is None else find_file(session, "company", company, "--company").id
        command = RegisterContact(contact_id=uuid4(), company_id=company_id, identity=identity)
        answer = execute(greffier, command, collaborator)
        with greffier.views.reading() as session:
            added = read_model.contact(session, viewer(greffier, collaborator), command.contact_id)
    assert added is not None  # noqa: S101  # it was added, and the views have it
    sentence = f"The contact n° {added.number}, {added.display_name}, is entered."
    print_changed(answer, added.contact_id, sentence, as_json=as_json, number=added.number)
