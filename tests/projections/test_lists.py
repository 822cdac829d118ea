"""Every list gives all that is in it, page by page, by cursor and by number, with nothing twice."""

from uuid import UUID

import pytest
from pydantic import ValidationError
from sqlalchemy import Column, Integer, MetaData, String, Table, Uuid, select

from domain.claims.claim import ClaimOpened, ClaimReference
from domain.clients.client import Person, ProspectRegistered
from domain.companies.company import CompanyName, CompanyRegistered
from domain.contacts.contact import ContactIdentity, ContactRegistered
from domain.contracts.contract import ContractRegistered, Policy
from domain.documents.document import DocumentContent, DocumentIndexed, DocumentSource, DocumentTarget
from domain.email_addresses.email_address import Address, EmailAddressReserved
from domain.events import Actor
from domain.office.office import OFFICE_ID
from domain.tickets.events import StoredFile, TicketCommented, TicketContinued, TicketMerged
from domain.tickets.filing import Filing
from projections import (
    claims,
    clients,
    collaborators,
    companies,
    contacts,
    contracts,
    documents,
    messages,
    office_addresses,
    ticket_comments,
    ticket_history,
)
from projections.engine.projection import Projection
from projections.office import office_projections
from projections.queries.paging import BadCursor, Window, encode_cursor, paged
from projections.queries.reading import views_of
from projections.tickets import inbox
from tests.projections.conftest import reading
from tests.projections.facts import ADDRESS, filed, joined, person, received, target

CLIENT, CONTRACT, TICKET, ABSORBED = UUID(int=1), UUID(int=2), UUID(int=3), UUID(int=4)
COUNT = 5
BY_ANNE = Actor.collaborator(UUID(int=20))


def nth(kind, number):
    return UUID(int=100 * kind + number)


def fill(views):
    """Five of each on one file or ticket, several of one name, and one elsewhere."""
    views.recorded(CLIENT, person("Martin", number=9))
    views.recorded(CONTRACT, ContractRegistered(dossier_id=nth(1, 1), policy=Policy(number="MRH-0")))
    views.recorded(TICKET, received(9, sender_id=None), filed(nth(1, 1)))
    views.recorded(ABSORBED, received(10, sender_id=None), TicketMerged(into=TICKET, mail_ids=()))
    for number in range(1, COUNT + 1):
        views.recorded(nth(1, number), person("Dupont", number=number))
        policy = Policy(number=f"MRH-{number}")
        views.recorded(nth(2, number), ContractRegistered(dossier_id=CLIENT, policy=policy))
        claim = ClaimOpened(number=number, contract_id=CONTRACT, dossier_id=CLIENT, reference=ClaimReference())
        views.recorded(nth(3, number), claim)
        views.recorded(nth(4, number), CompanyRegistered(role="insurer", identity=CompanyName(name="Axe")))
        views.recorded(nth(5, number), ContactRegistered(number=number, identity=ContactIdentity(last_name="Roy")))
        views.recorded(OFFICE_ID, joined(nth(6, number), "Anne", "Petit"))
        views.recorded(nth(7, number), EmailAddressReserved(written=Address(address="contact@cabinet.example")))
        letter = received(number, mail_id=nth(8, number), sender_id=None)
        facts = {name: value for name, value in letter if name in TicketContinued.model_fields}
        views.recorded(TICKET, TicketContinued(filing=Filing(reason="unknown_address"), **facts))
        views.recorded(nth(9, number), received(number, mail_id=nth(20, number)), filed(CLIENT))
        comment = TicketCommented(comment_id=nth(10, number), text="Rappeler")
        views.recorded(TICKET if number % 2 else ABSORBED, comment, actor=BY_ANNE)
        views.recorded(nth(11, number), indexed())
    views.happened(UUID(int=5), received(11, sender_id=None, mail_id=UUID(int=6), direction="outgoing"))


def indexed():
    source = DocumentSource(ticket_id=TICKET, mail_id=nth(8, 1), part=2)
    raw = StoredFile(name="f", key="00", size=1)
    content = DocumentContent(name="a.pdf", content_type="application/pdf", size=1, raw=raw)
    on = DocumentTarget(kind="client", id=CLIENT)
    return DocumentIndexed(document_type="quote", on=on, dossier_id=CLIENT, source=source, content=content)


def ids(kind, *, newest_first=False):
    found = [nth(kind, number) for number in range(1, COUNT + 1)]
    return found[::-1] if newest_first else found


def the_inbox():
    """The ticket's last message came before the last of the others."""
    return [nth(9, 5), TICKET, *ids(9, newest_first=True)[1:]]


LISTS = {
    "clients": (clients.search, (), {"name": "dupont"}, "client_id", ids(1)),
    "companies": (companies.search, (), {"role": "insurer"}, "company_id", ids(4)),
    "contacts": (contacts.search, (), {}, "contact_id", ids(5)),
    "contracts": (contracts.of_client, (CLIENT,), {}, "contract_id", ids(2, newest_first=True)),
    "claims": (claims.of_contract, (CONTRACT,), {}, "claim_id", ids(3, newest_first=True)),
    "collaborators": (collaborators.everyone, (), {}, "collaborator_id", ids(6)),
    "office addresses": (office_addresses.every, (), {}, "address_id", ids(7)),
    "inbox": (inbox.inbox, (), {}, "ticket_id", the_inbox()),
    "tickets of a file": (inbox.of_file, (target(CLIENT),), {}, "ticket_id", ids(9, newest_first=True)),
    "tickets selected": (inbox.selected, (), {"filed_on": target(CLIENT)}, "ticket_id", ids(9, newest_first=True)),
    "tickets of a sender": (inbox.unfiled_of_sender, (ADDRESS,), {"but": TICKET}, "ticket_id", []),
    "messages": (messages.of_ticket, (TICKET,), {}, "mail_id", [UUID(int=0xAA11), *ids(8)]),
    "comments": (ticket_comments.of_ticket, (TICKET,), {}, "comment_id", ids(10)),
    "documents": (documents.of_file, (target(CLIENT),), {}, "document_id", ids(11, newest_first=True)),
    "documents of a ticket": (documents.of_ticket, (TICKET,), {}, "document_id", ids(11, newest_first=True)),
}


@pytest.fixture
def views(telling):
    told = telling(*office_projections())
    fill(told)
    return told


def by_cursor(views, query, arguments, **options):
    page = views.page(query, *arguments, **options)
    yield page
    while page.next_cursor is not None:
        page = views.page(query, *arguments, cursor=page.next_cursor, **options)
        yield page


@pytest.mark.parametrize("name", LISTS)
def test_a_list_gives_everything_once(views, name):
    query, arguments, filters, key, expected = LISTS[name]
    for limit in (1, 2, len(expected) or 1, 50):
        options = {"limit": limit, "total": True, **filters}
        pages = list(by_cursor(views, query, arguments, **options))
        assert [getattr(item, key) for page in pages for item in page.items] == expected
        assert {page.total for page in pages} == {len(expected)}
        by_number = [views.page(query, *arguments, page=number, **options) for number in range(1, len(pages) + 2)]
        assert [page.items for page in by_number] == [page.items for page in pages] + [[]]
        assert {page.total for page in by_number} == {len(expected)}
    assert views.page(query, *arguments, **filters).total is None


def test_every_line_of_a_history_is_told_once(views):
    whole = views.page(ticket_history.of_ticket, TICKET)
    pages = list(by_cursor(views, ticket_history.of_ticket, (TICKET,), limit=3, total=True))
    assert [line for page in pages for line in page.items] == whole.items
    assert {page.total for page in pages} == {len(whole.items)}
    assert [line.position for line in whole.items] == sorted(line.position for line in whole.items)


@pytest.mark.parametrize(
    ("query", "nobody"),
    [
        (contracts.of_client, UUID(int=99)),
        (claims.of_contract, UUID(int=99)),
        (messages.of_ticket, UUID(int=99)),
        (ticket_comments.of_ticket, UUID(int=99)),
        (ticket_history.of_ticket, UUID(int=99)),
        (documents.of_ticket, UUID(int=99)),
        (documents.of_file, target(UUID(int=99))),
        (inbox.of_file, target(UUID(int=99))),
    ],
)
def test_what_is_not_there_has_no_list(views, query, nobody):
    assert views.page(query, nobody) is None


OF_NUMBERS, OF_NAMES, OF_IDS = encode_cursor(7), encode_cursor("a", 7), encode_cursor("a", CLIENT)
TAKES = dict.fromkeys(("clients", "companies", "contacts"), OF_NAMES) | dict.fromkeys(
    ("collaborators", "office addresses"), OF_IDS
)


@pytest.mark.parametrize("name", LISTS)
def test_a_cursor_of_another_list_is_refused(views, name):
    query, arguments, filters, *_ = LISTS[name]
    views.page(query, *arguments, cursor=TAKES.get(name, OF_NUMBERS), **filters)
    for cursor in {OF_NUMBERS, OF_NAMES, OF_IDS, encode_cursor("a\0", 7)} - {TAKES.get(name, OF_NUMBERS)}:
        with pytest.raises(BadCursor):
            views.page(query, *arguments, cursor=cursor, **filters)


@pytest.mark.parametrize("name", LISTS)
def test_a_list_reads_no_view_but_those_that_it_says(telling, name):
    query, arguments, filters, _, expected = LISTS[name]
    views = telling(*views_of(query))
    fill(views)
    assert len(views.page(query, *arguments, **filters).items) == len(expected)


# --- windows --------------------------------------------------------------------------------------


def test_a_page_is_asked_for_by_cursor_or_by_number():
    assert Window(page=2).page == 2
    with pytest.raises(ValidationError) as refused:
        Window(cursor="x", page=1)
    (error,) = refused.value.errors()
    assert (error["loc"], "together with a cursor" in error["msg"]) == (("page",), True)
    for wrong in ({"limit": 0}, {"limit": 201}, {"page": 0}, {"page": 1_000_001}, {"cursor": "x" * 2001}):
        with pytest.raises(ValidationError):
            Window(**wrong)


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_an_order_of_several_columns_each_its_own_way(telling, store, limit):
    columns = (Column("client_id", Uuid, primary_key=True), Column("name", String), Column("number", Integer))
    table = Table("people", MetaData(), *columns)
    people = Projection("people", version=1, table=table)

    @people.begins(ProspectRegistered)
    def registered(recorded):
        identity: Person = recorded.event.identity
        return {"name": identity.last_name, "number": recorded.event.number}

    views = telling(people)
    known = {UUID(int=n): (name, n % 3) for n, name in enumerate("abcabcabcabbb", 1)}
    for client_id, (name, number) in known.items():
        views.happened(client_id, person(name, number=number))
    for order, expected in (
        ((table.c.name, table.c.number.desc(), table.c.client_id), lambda id_: (known[id_][0], -known[id_][1], id_)),
        (
            (table.c.name.desc(), table.c.number, table.c.client_id.desc()),
            lambda id_: (-ord(known[id_][0]), known[id_][1], -id_.int),
        ),
    ):
        found, window = [], Window(limit=limit)
        with reading(store) as session:
            while window:
                page = paged(session, select(table), window, *order, items=list)
                found += [row["client_id"] for row in page.items]
                window = page.next_cursor and Window(limit=limit, cursor=page.next_cursor)
        assert found == sorted(known, key=expected)
