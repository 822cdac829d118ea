"""Any history, folded in any batches, makes the rows that a naive replay makes."""

import tempfile
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adapters.databases import sqlite_url
from adapters.read_store import open_read_store
from domain.claims.claim import ClaimOpened, ClaimReference
from domain.clients.client import ClientActivated, Company, Person, ProspectRegistered
from domain.companies.company import CompanyName, CompanyRegistered
from domain.contacts.contact import ContactIdentity, ContactRegistered
from domain.contracts.contract import ContractRegistered, Policy
from domain.documents.document import (
    DocumentContent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentSource,
    DocumentTarget,
)
from domain.email_addresses.email_address import (
    Address,
    EmailAddressAssociated,
    EmailAddressMoved,
    EmailAddressRemoved,
    EmailAddressReserved,
)
from domain.events import ERASED, Actor, Context, Recorded, office_event_types
from domain.messages.message import MessageTakenIn
from domain.office.office import CollaboratorIdentity, CollaboratorJoined, OfficeOpened
from domain.tickets.events import (
    Attachment,
    MessageContent,
    StoredFile,
    TicketClassified,
    TicketCommented,
    TicketContinued,
    TicketDismissed,
    TicketLeftUnfiled,
    TicketReceived,
    TicketSplitOff,
    TicketUnclassified,
)
from domain.tickets.filing import AddressOwned, Candidate, CollaboratorChoice, Filing
from domain.values import Target, storable
from projections.engine import building, replay
from projections.engine import engine as engine_module
from projections.engine.engine import Engine
from projections.engine.projection import fold_all
from projections.office import office_projections
from tests.soak import times

ids = st.sampled_from([UUID(int=number) for number in range(1, 5)])
targets = st.builds(Target, id=ids)
texts = st.text(max_size=12).map(storable)
moments = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001  # hypothesis adds the zone
candidates = st.lists(st.builds(Candidate, target=targets), max_size=2).map(tuple)
addresses = st.builds(Address, address=texts) | st.just(ERASED)
contents = st.builds(
    MessageContent,
    from_address=st.none() | texts,
    from_name=texts,
    to=st.lists(texts, max_size=2).map(tuple),
    subject=texts,
    text=texts,
    message_id=st.none() | texts,
    attachments=st.lists(
        st.builds(Attachment, name=texts, content_type=texts, part=st.just(1), size=st.just(2)), max_size=1
    ).map(tuple),
    raw=st.just(StoredFile(name="f", key="00", size=1)),
)
identities = st.builds(Person, first_name=texts, last_name=st.just("Dupont")) | st.builds(
    Company, company_name=st.just("Œuvre SARL")
)
message = {
    "mail_id": ids,
    "sender_id": st.none() | ids,
    "sent_at": st.none() | moments,
    "direction": st.sampled_from(["incoming", "outgoing", "forwarded"]),
    "automatic": st.booleans(),
    "references": st.lists(ids, max_size=2).map(tuple),
    "content": contents | st.just(ERASED),
}
papers = st.builds(
    DocumentContent,
    name=texts,
    content_type=texts,
    size=st.just(2),
    raw=st.just(StoredFile(name="f", key="00", size=1)),
)
papers_of = st.builds(DocumentTarget, id=ids)
document = {
    "on": papers_of,
    "source": st.builds(DocumentSource, ticket_id=ids, mail_id=ids, part=st.just(1)),
}
EVENTS = {
    ProspectRegistered: st.builds(
        ProspectRegistered, number=st.integers(1, 9), ticket_id=st.none() | ids, identity=identities | st.just(ERASED)
    ),
    ClientActivated: st.builds(ClientActivated),
    EmailAddressAssociated: st.builds(
        EmailAddressAssociated, owner=targets, ticket_id=st.none() | ids, written=addresses
    ),
    EmailAddressMoved: st.builds(
        EmailAddressMoved,
        owner=targets,
        former_owners=st.lists(targets, max_size=2, unique=True).map(tuple),
        ticket_id=st.none() | ids,
        written=addresses,
    ),
    EmailAddressRemoved: st.builds(EmailAddressRemoved, owner=targets),
    TicketReceived: st.builds(TicketReceived, number=st.integers(1, 9), **message),
    TicketContinued: st.builds(TicketContinued, filing=st.just(Filing(reason="unknown_address")), **message),
    TicketSplitOff: st.builds(TicketSplitOff, number=st.integers(1, 9), from_ticket_id=ids, **message),
    EmailAddressReserved: st.builds(EmailAddressReserved, written=addresses),
    TicketClassified: st.builds(
        TicketClassified,
        filed_on=targets,
        dossier_id=st.none() | ids,
        previously_on=st.none() | targets,
        evidence=st.builds(CollaboratorChoice) | st.builds(AddressOwned, address_id=ids),
        candidates=candidates,
    ),
    TicketLeftUnfiled: st.builds(TicketLeftUnfiled, candidates=candidates),
    TicketUnclassified: st.builds(TicketUnclassified, previously_on=targets, former_dossier_id=st.none() | ids),
    ContractRegistered: st.builds(
        ContractRegistered,
        dossier_id=ids,
        policy=st.builds(Policy, number=st.just("MRH-1"), product=texts) | st.just(ERASED),
    ),
    ClaimOpened: st.builds(
        ClaimOpened,
        number=st.integers(1, 9),
        contract_id=ids,
        dossier_id=ids,
        reference=st.builds(ClaimReference, insurer_reference=texts) | st.just(ERASED),
    ),
    ContactRegistered: st.builds(
        ContactRegistered,
        number=st.integers(1, 9),
        company_id=st.none() | ids,
        identity=st.builds(ContactIdentity, first_name=texts, last_name=st.just("Dupont")) | st.just(ERASED),
    ),
    CompanyRegistered: st.builds(CompanyRegistered, identity=st.just(CompanyName(name="Axe")) | st.just(ERASED)),
    TicketDismissed: st.builds(
        TicketDismissed, reason=st.sampled_from(["junk", "other"]), note=st.none() | texts | st.just(ERASED)
    ),
    TicketCommented: st.builds(TicketCommented, comment_id=ids, text=texts | st.just(ERASED)),
    DocumentIndexed: st.builds(DocumentIndexed, **document, dossier_id=ids, content=papers | st.just(ERASED)),
    DocumentReclassified: st.builds(
        DocumentReclassified, **document, dossier_id=ids, previously_on=papers_of, former_dossier_id=ids
    ),
    DocumentRemoved: st.builds(DocumentRemoved, **document, former_dossier_id=ids),
    MessageTakenIn: st.builds(MessageTakenIn, content_id=ids, mail_id=ids, ticket_id=ids),
    OfficeOpened: st.builds(OfficeOpened, name=texts, time_zone=st.just("Europe/Paris")),
    CollaboratorJoined: st.builds(
        CollaboratorJoined,
        collaborator_id=ids,
        identity=st.just(CollaboratorIdentity(last_name="Petit", email_address="p@example.fr")) | st.just(ERASED),
    ),
}
OTHERS = [st.from_type(event_type) for event_type in office_event_types() if event_type not in EVENTS]
"""Of event types that need no more than their fields say."""
histories = st.lists(st.tuples(ids, st.one_of(*EVENTS.values(), *OTHERS), moments), max_size=30)


def recorded(history):
    return [
        Recorded(
            event,
            stream_id=stream_id,
            version=position,
            position=position,
            recorded_at=at,
            context=Context(actor=Actor.rule("test"), at=at, command_id=uuid4()),
        )
        for position, (stream_id, event, at) in enumerate(history, 1)
    ]


@pytest.fixture(scope="module")
def folder():
    with tempfile.TemporaryDirectory(prefix="greffier-test-") as made:
        yield Path(made)


@settings(
    max_examples=times(10, soak=100),
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    history=histories,
    batch=st.integers(1, 9),
    held=st.integers(1, 20),
    arrivals=st.lists(st.integers(1, 12), max_size=6),
)
def test_incremental_rebuilt_and_replayed_rows_are_equal(
    folder, memory_log, monkeypatch, history, batch, held, arrivals
):
    monkeypatch.setattr(engine_module, "BATCH", batch)
    monkeypatch.setattr(building, "ROWS_IN_MEMORY", held)
    monkeypatch.setattr(replay, "ROWS_IN_MEMORY", held)
    events, log = recorded(history), memory_log(block=batch)
    with closing(open_read_store(sqlite_url(folder / f"{uuid4()}.sqlite"))) as store:
        for size in [0, *arrivals, len(events)]:
            log.events += events[len(log.events) : len(log.events) + size]
            Engine(log, store, office_projections()).catch_up()  # each time as after a restart
        engine = Engine(log, store, office_projections())
        assert {view.state for view in engine.status()} == {"live"}, engine.status()
        replayed = {projection.name: fold_all(projection, events) for projection in office_projections()}
        assert rows_in(store) == replayed
        engine.rebuild([projection.name for projection in office_projections()])
        assert rows_in(store) == replayed
        assert all(engine.verify(projection.name).equal for projection in office_projections())


def rows_in(store):
    with store.reading() as connection:
        return {projection.name: dict(store.rows(connection, projection)) for projection in office_projections()}
