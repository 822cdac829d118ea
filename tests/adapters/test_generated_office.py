"""The generated office: the same every time, like a real one, and one that the office could have written itself."""

import io
import re
import shutil
from collections import Counter, defaultdict
from datetime import UTC, datetime
from typing import get_args
from uuid import uuid4
from zoneinfo import ZoneInfo

import pytest

from adapters.generated_office import Extent, NotEmpty, TooFewEvents, generate
from adapters.mail.parser import parse_message
from adapters.staff import COMMAND_LINE, collaborator_id
from api.bootstrap import create_office, open_greffier
from api.settings import Settings
from domain.aggregates import Aggregate
from domain.clients.client import Person, ProspectRegistered, RegisterClient
from domain.companies.company import CompanyRegistered
from domain.contracts.contract import ContractRegistered
from domain.email_addresses.email_address import (
    EmailAddress,
    EmailAddressAssociated,
    EmailAddressEvent,
    EmailAddressMoved,
    EmailAddressRemoved,
    email_address_id,
)
from domain.events import Actor, office_event_types
from domain.office.office import OFFICE_ID, Office, OpenOffice
from domain.targets import RemoveEmailAddress
from domain.tickets.events import TicketClassified, TicketContinued, TicketDismissed, TicketLeftUnfiled, TicketReceived
from domain.tickets.filing import UnfiledReason
from domain.tickets.filing_by_hand import ClassifyTicket
from domain.tickets.ticket import Ticket
from domain.values import TARGET_KINDS, Target
from tests.end_to_end.mailboxes import letter

EXTENT = Extent(clients=150, seed=3, events=6_000)
SMALL = Extent(clients=20, seed=5, events=600)
TOPICS = frozenset(event_type.topic() for event_type in office_event_types())
AGGREGATES = Aggregate.__subclasses__()
NUMBER = re.compile(r"\b(?:VAL-\d{4}|S\d\d)-\d{5}\b")
BEYOND_A_HISTORY = {"DocumentIndexed", "DocumentReclassified", "DocumentRemoved", "EmailAddressReleased"}
"""What the office of a history never comes to do."""


def new_office(folder):
    create_office(Settings(data=folder))
    return folder


def written(folder, extent):
    """The facts of a history, told apart from what the dice of cryptography drew for them."""
    with open_greffier(Settings(data=folder)) as greffier:
        generate(greffier.log, greffier.files, extent)
        return [told(recorded) for recorded in greffier.log.events(TOPICS)]


def told(recorded):
    facts = recorded.event.model_dump(mode="json")
    facts.get("content", {}).pop("raw", None)
    return recorded.stream_id, recorded.version, recorded.event.topic(), facts, recorded.context


@pytest.fixture(scope="module")
def generated(tmp_path_factory):
    """An office with a history, only to be read."""
    with open_greffier(Settings(data=new_office(tmp_path_factory.mktemp("generated") / "office"))) as greffier:
        generate(greffier.log, greffier.files, EXTENT)
        yield greffier


@pytest.fixture(scope="module")
def history(generated):
    return list(generated.log.events(TOPICS))


@pytest.fixture(scope="module")
def told_of(history):
    """The events of each type."""
    by_type = defaultdict(list)
    for recorded in history:
        by_type[type(recorded.event)].append(recorded.event)
    return by_type


@pytest.fixture
def to_go_on_with(generated, tmp_path):
    """A copy of the office with a history, to change."""
    shutil.copytree(generated.settings.data, tmp_path / "copy")
    with open_greffier(Settings(data=tmp_path / "copy")) as greffier:
        yield greffier


def test_the_same_extent_tells_the_same_history_and_another_seed_another(tmp_path):
    one = new_office(tmp_path / "one")
    for name in ("again", "other"):
        shutil.copytree(one, tmp_path / name)
    first = written(one, SMALL)
    assert written(tmp_path / "again", SMALL) == first
    assert written(tmp_path / "other", Extent(SMALL.clients, 6, SMALL.events)) != first


def test_ids_that_are_ours_to_choose_are_the_same_in_every_office(tmp_path):
    histories = [written(new_office(tmp_path / name), SMALL) for name in ("one", "another")]
    registered = [
        [
            (stream_id, facts, context)
            for stream_id, _, topic, facts, context in history
            if topic == "ProspectRegistered"
        ]
        for history in histories
    ]
    for one, other in zip(*registered, strict=True):
        assert one[0] == other[0]
        assert one[1]["identity"] == other[1]["identity"]
        assert (one[2].at, one[2].command_id) == (other[2].at, other[2].command_id)


def test_there_are_as_many_events_and_clients_as_were_asked_for(history, told_of):
    assert len(history) == pytest.approx(EXTENT.events, rel=0.03)
    assert [recorded.position for recorded in history] == list(range(1, len(history) + 1))
    assert len(told_of[ProspectRegistered]) == pytest.approx(EXTENT.clients, rel=0.02)


def test_a_few_clients_write_most(told_of):
    on_clients = (event.filed_on for event in told_of[TicketClassified] if event.filed_on.kind == "client")
    many = [count for _, count in Counter(on_clients).most_common()]
    assert sum(many[: EXTENT.clients // 100 + 1]) > 0.15 * sum(many)
    assert many[len(many) // 2] < 12


def test_everything_that_can_happen_does(told_of):
    assert {event_type.topic() for event_type in told_of} == TOPICS - BEYOND_A_HISTORY
    assert {event.reason for event in told_of[TicketLeftUnfiled]} == set(get_args(UnfiledReason))
    filings = told_of[TicketClassified]
    assert {event.evidence.kind for event in filings} == {
        "address_owned",
        "number_quoted",
        "recipient_owned",
        "collaborator_choice",
    }
    assert {event.filed_on.kind for event in filings} == set(TARGET_KINDS)
    assert any(event.previously_on for event in filings)
    assert {candidate.reason for event in filings for candidate in event.candidates} >= {
        "number_quoted",
        "owns_address",
        "shares_address",
    }
    received = told_of[TicketReceived]
    assert {event.direction for event in received} == {"incoming", "outgoing", "forwarded"}
    assert any(event.same_message_id for event in received)
    assert any(event.content.message_id is None for event in received)
    assert any(event.content.attachments for event in received)
    assert any(event.sent_at is None for event in received)
    assert any(event.ticket_id for event in told_of[ProspectRegistered])
    continued = told_of[TicketContinued]
    assert {event.direction for event in continued} >= {"incoming", "outgoing"}
    assert any(event.automatic for event in continued)
    assert all(event.content.in_reply_to for event in continued if not event.same_message_id)
    assert {event.reason for event in told_of[TicketDismissed]} == {"advertising", "junk", "not_for_us"}
    associated = told_of[EmailAddressAssociated]
    assert any(event.ticket_id for event in associated)
    assert any(event.shared_with for event in associated)
    assert {event.owner.kind for event in associated} == {"client", "company", "contact"}
    assert {event.role for event in told_of[CompanyRegistered]} == {"insurer", "wholesale_broker", "referrer"}


def test_numbers_of_contracts_are_no_two_clients(told_of):
    numbers = [event.policy.number for event in told_of[ContractRegistered]]
    assert len(set(numbers)) == len(numbers) > EXTENT.clients


def test_conversations_go_on_for_several_messages(told_of):
    messages = Counter(event.references[0] for event in told_of[TicketContinued] if event.references)
    assert max(messages.values()) >= 4


def test_mail_comes_at_any_time_and_collaborators_work_when_they_do(history):
    times = [recorded.at for recorded in history]
    assert times == sorted(times)
    assert datetime(2020, 1, 6, tzinfo=UTC) <= times[0] < times[-1] < datetime(2025, 1, 1, tzinfo=UTC)
    assert times[-1] - times[0] > (datetime(2024, 12, 1, tzinfo=UTC) - datetime(2020, 1, 6, tzinfo=UTC))
    acted = [r.at.astimezone(ZoneInfo("Europe/Paris")) for r in history if r.actor.kind == "collaborator"]
    assert {moment.weekday() for moment in acted} == {0, 1, 2, 3, 4}
    assert all(9 <= moment.hour < 18 for moment in acted)


def test_mail_is_filed_as_it_arrives_by_rule(history):
    for recorded in history:
        event = recorded.event
        by_rule = isinstance(event, TicketClassified) and event.evidence.kind != "collaborator_choice"
        if by_rule or isinstance(event, TicketReceived | TicketContinued):
            assert recorded.actor == Actor.rule("mail_import")


def test_every_stream_folds_and_addresses_have_the_owners_that_the_facts_say(generated, history):
    owners = defaultdict(list)
    versions = Counter()
    for recorded in history:
        versions[recorded.stream_id] += 1
        assert recorded.version == versions[recorded.stream_id]
        event = recorded.event
        held = owners[recorded.stream_id] if isinstance(event, EmailAddressEvent) else None
        if isinstance(event, EmailAddressAssociated):
            assert list(event.shared_with) == held
            held.append(event.owner)
        elif isinstance(event, EmailAddressMoved):
            assert list(event.former_owners) == [owner for owner in held if owner != event.owner]
            held[:] = [event.owner]
        elif isinstance(event, EmailAddressRemoved):
            held.remove(event.owner)
            assert list(event.remaining) == held
    kinds = {recorded.stream_id: type(recorded.event) for recorded in history}
    for stream_id, event_type in kinds.items():
        aggregate = next(each for each in AGGREGATES if issubclass(event_type, each.event_type))
        state = generated.log.state(aggregate, stream_id)
        assert state.version == versions[stream_id]
        if aggregate is EmailAddress:
            assert list(state.owners) == owners[stream_id]


def test_every_view_verifies(to_go_on_with):
    assert to_go_on_with.catch_up()
    for view in to_go_on_with.engine.status():
        assert view.error is None
        assert to_go_on_with.engine.verify(view.name).equal


def test_what_a_message_says_lies_in_its_stored_letter(generated, told_of):
    """But for who wrote to whom, in answer to what, and the numbers that its subject names: those are its own."""
    messages = [event for kind in (TicketReceived, TicketContinued) for event in told_of[kind]]
    letters = {event.content.raw.name: event for event in messages}
    assert 100 < len(letters) < 800
    for event in letters.values():
        content = event.content
        raw = generated.files.read(content.raw.name, bytes.fromhex(content.raw.key))
        assert len(raw) == content.raw.size
        parsed = parse_message(raw)
        assert parsed.text == content.text
        assert [attached.name for attached in parsed.attachments] == [each.name for each in content.attachments]
        assert bool(parsed.forwarded) == bool(content.forwarded) == (event.direction == "forwarded")
        if not content.in_reply_to:
            assert content.subject.startswith(NUMBER.split(parsed.subject)[0])


def test_the_office_goes_on_from_there(to_go_on_with, told_of):
    log, intake = to_go_on_with.log, to_go_on_with.intake
    numbered = max(event.number for event in told_of[TicketReceived])
    content = letter(1)
    taken = intake.take_in("test", len(content), io.BytesIO(content))
    (first, left, *_) = log.stream(taken.ticket_id)
    assert isinstance(left.event, TicketLeftUnfiled)
    assert first.event.number > numbered

    client = next(event.filed_on for event in told_of[TicketClassified] if event.filed_on.kind == "client")
    staff = Actor.collaborator(next(iter(log.state(Office, OFFICE_ID).collaborators)))
    log.execute(
        ClassifyTicket(ticket_id=taken.ticket_id, on=Target(kind="client", id=client.id), address="associate"), staff
    )
    content = letter(41)  # of the same writer
    again = intake.take_in("test", len(content), io.BytesIO(content))
    assert log.state(Ticket, again.ticket_id).filed_on == client

    address = next(
        event.written.address
        for event in told_of[EmailAddressAssociated]
        if event.owner.kind == "client"
        if log.state(EmailAddress, email_address_id(log, event.written.address)).owners == (event.owner,)
    )
    state = log.state(EmailAddress, email_address_id(log, address))
    log.execute(RemoveEmailAddress(owner=Target(kind="client", id=state.owners[0].id), address_id=state.id), staff)
    log.execute(
        RegisterClient(client_id=uuid4(), identity=Person(last_name="Suivant"), email_addresses=(address,)), staff
    )
    assert to_go_on_with.catch_up()
    assert all(to_go_on_with.engine.verify(view.name).equal for view in to_go_on_with.engine.status())


def test_its_collaborators_are_found_by_their_address(generated, history):
    joined = [recorded.event for recorded in history if recorded.event.topic() == "CollaboratorJoined"]
    assert len(joined) > 2
    for event in joined:
        assert collaborator_id(generated.log, event.identity.email_address) == event.collaborator_id


def test_an_office_that_was_just_opened_keeps_its_name(tmp_path):
    with open_greffier(Settings(data=new_office(tmp_path / "office"))) as greffier:
        greffier.log.execute(OpenOffice(name="Cabinet Essai"), COMMAND_LINE)
        by_type = generate(greffier.log, greffier.files, SMALL)
        assert by_type["OfficeOpened"] == 0
        assert greffier.log.head() == by_type.total() + 1
        assert greffier.log.state(Office, OFFICE_ID).name == "Cabinet Essai"


def test_an_office_that_has_a_history_is_left_alone(tmp_path):
    with open_greffier(Settings(data=new_office(tmp_path / "office"))) as greffier:
        greffier.log.execute(RegisterClient(client_id=uuid4(), identity=Person(last_name="Ancien")), COMMAND_LINE)
        with pytest.raises(NotEmpty):
            generate(greffier.log, greffier.files, SMALL)
        assert greffier.log.head() == 1
        assert not list(greffier.files.names())


def test_an_extent_takes_a_client_and_events_enough():
    with pytest.raises(ValueError, match="one client"):
        Extent(clients=0, seed=1)
    with pytest.raises(TooFewEvents, match="1000 clients"):
        Extent(clients=1000, seed=1, events=1000)
    assert Extent(clients=1000, seed=1).about > 20_000
