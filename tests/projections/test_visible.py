"""What `Reading.visible` hides is in no answer: no line, no total, no page of it, no label. Until there are rules, a viewer
of one dossier is made here.
"""

import re
from contextlib import contextmanager
from uuid import UUID

import pytest
from sqlalchemy import event, or_

from domain.claims.claim import ClaimOpened, ClaimReference
from domain.companies.company import CompanyName, CompanyRegistered
from domain.contracts.contract import ContractRegistered, Policy
from domain.documents.document import DocumentContent, DocumentIndexed, DocumentSource, DocumentTarget
from domain.email_addresses.email_address import Address, EmailAddressAssociated
from domain.events import Actor
from domain.tickets.events import StoredFile, TicketCommented
from domain.values import Target
from projections import (
    claims,
    clients,
    contracts,
    documents,
    email_addresses,
    messages,
    suggestions,
    target_search,
    targets,
    ticket_comments,
    ticket_history,
    ticket_search,
)
from projections.office import office_projections
from projections.queries.paging import Following, Window
from projections.queries.reading import Reading
from projections.tickets import inbox
from projections.tickets.ticket import numbered
from tests.projections.facts import filed, person, received

CLAIRE, BRUNO, COMPANY = UUID(int=1), UUID(int=2), UUID(int=3)
UNFILED = UUID(int=4)


class OfOneDossier(Reading):
    """Sees Bruno's, and what is nobody's."""

    def visible(self, statement, dossier):
        return statement.where(or_(dossier.is_(None), dossier == BRUNO))


def of(kind):
    """The id of one such thing of a client."""
    return lambda client: UUID(int=client.int * 100 + kind)


contract, claim, document, ticket, mail, address = (of(kind) for kind in range(1, 7))


@pytest.fixture
def views(telling):
    told = telling(*office_projections())
    told.recorded(COMPANY, CompanyRegistered(role="insurer", identity=CompanyName(name="Dupont Assurances")))
    for number, client in enumerate((CLAIRE, BRUNO), 1):
        told.recorded(client, person("Dupont", number=number))
        policy = Policy(number=f"MRH-{number}")
        told.recorded(contract(client), ContractRegistered(dossier_id=client, policy=policy))
        opened = ClaimOpened(number=number, contract_id=contract(client), dossier_id=client, reference=ClaimReference())
        told.recorded(claim(client), opened)
        letter = received(number, mail_id=mail(client), sender_id=address(client))
        told.recorded(ticket(client), letter, filed(client))
        told.recorded(
            ticket(client),
            TicketCommented(comment_id=UUID(int=9), text="Rappeler"),
            actor=Actor.rule("command_line"),
        )
        told.recorded(address(client), associated(client))
        told.recorded(document(client), indexed(client))
    told.happened(UNFILED, received(3, mail_id=UUID(int=8), sender_id=address(CLAIRE)))
    return told


def associated(client):
    written = Address(address="dupont@courriel.example")
    return EmailAddressAssociated(owner=Target(kind="client", id=client), dossier_id=client, written=written)


def indexed(client):
    return DocumentIndexed(
        document_type="quote",
        on=DocumentTarget(kind="client", id=client),
        dossier_id=client,
        source=DocumentSource(ticket_id=ticket(client), mail_id=mail(client), part=2),
        content=DocumentContent(
            name="a.pdf", content_type="application/pdf", size=1, raw=StoredFile(name="f", key="00", size=1)
        ),
    )


@pytest.fixture
def asked(views):
    def asked(query, *arguments, **options):
        def restricted(session):
            with statements(session.connection.engine) as asked_for:
                answer = query(OfOneDossier(session.connection, session.viewer), *arguments, **options)
            unrestricted = [one for one in asked_for if OF_A_DOSSIER.search(one) and "IS NULL OR" not in one]
            assert [one for one in unrestricted if not IS_THERE.fullmatch(" ".join(one.split()))] == []
            return answer

        return views.asked(restricted)

    return asked


OF_A_DOSSIER = re.compile(r"\bFROM (clients|contracts|claims|documents|email_addresses|tickets)\b")
IS_THERE = re.compile(r"SELECT tickets.ticket_id FROM tickets WHERE tickets.ticket_id = \S+")
"""Whether a ticket is hidden, or was erased: its history tells the second of anybody's."""


@contextmanager
def statements(engine):
    """What is asked of the database meanwhile."""
    asked_for = []

    def note(_connection, _cursor, statement, *_):
        asked_for.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    try:
        yield asked_for
    finally:
        event.remove(engine, "before_cursor_execute", note)


ONE = {
    "client": (clients.client, lambda client: client),
    "contract": (contracts.contract, contract),
    "claim": (claims.claim, claim),
    "document": (documents.document, document),
    "ticket": (inbox.ticket, ticket),
}
UNDER = {
    "contracts": (contracts.of_client, lambda client: client),
    "claims": (claims.of_contract, contract),
    "tickets of a client": (inbox.of_file, lambda client: Target(kind="client", id=client)),
    "tickets of a contract": (inbox.of_file, lambda client: Target(kind="contract", id=contract(client))),
    "documents of a client": (documents.of_file, lambda client: Target(kind="client", id=client)),
    "documents of a ticket": (documents.of_ticket, ticket),
    "messages": (messages.of_ticket, ticket),
    "comments": (ticket_comments.of_ticket, ticket),
    "history": (ticket_history.of_ticket, ticket),
}


@pytest.mark.parametrize("name", ONE)
def test_one_thing_of_a_hidden_dossier_is_not_there(asked, views, name):
    query, of_client = ONE[name]
    assert views.asked(query, of_client(CLAIRE)) is not None
    assert asked(query, of_client(CLAIRE)) is None
    assert asked(query, of_client(BRUNO)) is not None


@pytest.mark.parametrize("name", UNDER)
def test_what_stands_under_a_hidden_dossier_is_not_there(asked, views, name):
    query, of_client = UNDER[name]
    assert views.asked(query, of_client(CLAIRE), Window()) is not None
    assert asked(query, of_client(CLAIRE), Window()) is None
    assert asked(query, of_client(BRUNO), Window()) is not None


def test_lists_neither_show_nor_count_what_is_hidden(asked):
    everyone = asked(clients.search, Window(total=True), name="dupont")
    assert ([one.client_id for one in everyone.items], everyone.total) == ([BRUNO], 1)
    listed = asked(inbox.inbox, Window(total=True))
    assert ({one.ticket_id for one in listed.items}, listed.total) == ({UNFILED, ticket(BRUNO)}, 2)
    assert asked(inbox.counts) == {"filed": 1, "unfiled": 1}
    chosen = asked(inbox.selected, Window(total=True), filed_on=Target(kind="client", id=CLAIRE))
    assert (chosen.items, chosen.total) == ([], 0)
    assert asked(numbered, 1) is None
    assert [one.ticket_id for one in asked(inbox.unfiled_of_sender, address(CLAIRE), Window(), but=BRUNO).items] == [
        UNFILED
    ]
    assert asked(inbox.of_run, UUID(int=98), Window()).items == []
    found = asked(target_search.called, Window(total=True), name="dupont")
    assert ([one.id for one in found.items], found.total) == ([BRUNO, COMPANY], 2)


def test_a_search_finds_nothing_that_is_hidden(asked):
    found = asked(ticket_search.search, Following(), text="attestation").items
    assert {one.ticket.ticket_id for one in found} == {UNFILED, ticket(BRUNO)}
    on_claire = Target(kind="client", id=CLAIRE)
    assert asked(ticket_search.search, Following(), on=on_claire).items == []


def test_nothing_that_is_hidden_is_named_or_suggested(asked, views):
    hidden = Target(kind="contract", id=contract(CLAIRE))
    assert not asked(targets.exists, hidden)
    assert asked(targets.Targets, [hidden]).label(hidden) == "fiche inconnue"
    assert asked(email_addresses.of_owner, CLAIRE) == []
    assert asked(email_addresses.owners_of, [address(CLAIRE), address(BRUNO)]).keys() == {address(BRUNO)}
    assert next(one.file.id for one in views.asked(suggestions.suggestions, [UNFILED])[UNFILED]) == CLAIRE
    assert CLAIRE not in [one.file.id for one in asked(suggestions.suggestions, [UNFILED])[UNFILED]]
