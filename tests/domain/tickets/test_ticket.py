from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.aggregates import NotFound
from domain.clients.client import ClientActivated, Person
from domain.email_addresses.email_address import (
    Address,
    AddressBelongsToAnother,
    EmailAddressMoved,
    EmailAddressRemoved,
)
from domain.events import ERASED
from domain.messages.message import MessageIdentity, MessageTakenIn
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.events import TicketClassified, TicketLeftUnfiled, TicketUnclassified
from domain.tickets.filing import AddressOwned, CollaboratorChoice
from domain.tickets.filing_by_hand import ClassifyTicket, ClientToCreate, UnclassifyTicket
from domain.tickets.refusals import NoSenderAddress
from domain.tickets.ticket import Ticket
from domain.values import Target
from tests.given_when_then import given, keyed_id

DIGEST, OTHER_DIGEST = "a" * 64, "b" * 64
MESSAGE = keyed_id("message_id", "1@example.fr")
CONTENT, OTHER_CONTENT = keyed_id("content", DIGEST), keyed_id("content", OTHER_DIGEST)
TICKET, OTHER_TICKET = keyed_id("ticket", "1"), keyed_id("ticket", "7")
PARTICIPANTS = (keyed_id("email_address", "claire@example.fr"), keyed_id("email_address", "cabinet@example.fr"))


def mail_id(message=MESSAGE, content=CONTENT):
    return keyed_id("mail", f"{message}{content}")


def taken_in(message=MESSAGE, content=CONTENT, ticket=TICKET, participants=PARTICIPANTS):
    return MessageTakenIn(
        content_id=content, mail_id=mail_id(message, content), ticket_id=ticket, participants=participants
    )


TAKEN_IN = taken_in()


def arriving(office, *, digest=DIGEST, message_id="1@example.fr", automatic=False, **content):
    return ReceiveMessage(
        identity=MessageIdentity(message_id=message_id, content_digest=digest),
        content=office.content(**content),
        sent_at=None,
        automatic=automatic,
    )


def filing(office, client_id, address=None):
    return ClassifyTicket(ticket_id=office.ticket_id, on=Target(kind="client", id=client_id), address=address)


def filed(office, client_id, **facts):
    return TicketClassified(
        filed_on=office.target(client_id), dossier_id=client_id, evidence=CollaboratorChoice(), **facts
    )


@pytest.fixture
def ticket(office):
    """Claire and Bruno, a ticket that waits, and what became of its sender's address before."""

    def of(*address_events, after=()):
        return (
            given(office.claire, office.registered())
            .and_given(office.bruno, office.registered("Martin", 2))
            .and_given(office.ticket_id, office.received(), TicketLeftUnfiled(reason="unknown_address"), *after)
            .and_given(office.address_id, *address_events)
        )

    return of


# --- arrival ----------------------------------------------------------------------------------


def test_a_message_from_an_unknown_address_waits(office):
    answer = (
        given()
        .when(arriving(office))
        .then({TICKET: [office.received(), TicketLeftUnfiled(reason="unknown_address")], MESSAGE: [TAKEN_IN]})
    )
    assert (answer.outcome, answer.ticket_id) == ("ticket", TICKET)


def test_a_message_from_a_known_address_is_filed_on_its_owner(office):
    given(office.address_id, office.associated(office.claire)).when(arriving(office)).then(
        {
            TICKET: [
                office.received(),
                TicketClassified(
                    filed_on=office.target(office.claire),
                    dossier_id=office.claire,
                    evidence=AddressOwned(address_id=office.address_id),
                ),
            ],
            MESSAGE: [TAKEN_IN],
        }
    )


def test_the_sender_is_known_however_the_address_is_spelt(office):
    given(office.address_id, office.associated(office.claire)).when(
        arriving(office, from_address="CLAIRE@Example.fr")
    ).then(
        {
            TICKET: [
                office.received(content=office.content(from_address="CLAIRE@Example.fr")),
                TicketClassified(
                    filed_on=office.target(office.claire),
                    dossier_id=office.claire,
                    evidence=AddressOwned(address_id=office.address_id),
                ),
            ],
            MESSAGE: [TAKEN_IN],
        }
    )


def test_a_message_from_a_shared_address_waits_with_every_owner_as_a_candidate(office):
    given(
        office.address_id,
        office.associated(office.claire),
        office.associated(office.bruno, shared_with=[office.claire]),
    ).when(arriving(office)).then(
        {
            TICKET: [
                office.received(),
                TicketLeftUnfiled(
                    reason="shared_address",
                    candidates=office.candidates("shares_address", office.claire, office.bruno),
                ),
            ],
            MESSAGE: [TAKEN_IN],
        }
    )


def test_a_message_from_an_address_that_was_removed_waits(office):
    given(
        office.address_id,
        office.associated(office.claire),
        EmailAddressRemoved(owner=office.target(office.claire), former_dossier_id=office.claire),
    ).when(arriving(office)).then(
        {TICKET: [office.received(), TicketLeftUnfiled(reason="unknown_address")], MESSAGE: [TAKEN_IN]}
    )


def test_a_message_follows_the_owner_who_remains(office):
    given(
        office.address_id,
        office.associated(office.claire),
        office.associated(office.bruno, shared_with=[office.claire]),
        EmailAddressRemoved(
            owner=office.target(office.claire),
            former_dossier_id=office.claire,
            remaining=(office.target(office.bruno),),
        ),
    ).when(arriving(office)).then(
        {
            TICKET: [
                office.received(),
                TicketClassified(
                    filed_on=office.target(office.bruno),
                    dossier_id=office.bruno,
                    evidence=AddressOwned(address_id=office.address_id),
                ),
            ],
            MESSAGE: [TAKEN_IN],
        }
    )


def test_a_message_follows_the_owner_to_whom_its_address_was_moved(office):
    given(
        office.address_id,
        office.associated(office.claire),
        EmailAddressMoved(
            owner=office.target(office.bruno),
            dossier_id=office.bruno,
            former_owners=(office.target(office.claire),),
            former_dossier_ids=(office.claire,),
            written=Address(address=office.address),
        ),
    ).when(arriving(office)).then(
        {
            TICKET: [
                office.received(),
                TicketClassified(
                    filed_on=office.target(office.bruno),
                    dossier_id=office.bruno,
                    evidence=AddressOwned(address_id=office.address_id),
                ),
            ],
            MESSAGE: [TAKEN_IN],
        }
    )


def test_a_message_without_a_usable_address_waits(office):
    given().when(arriving(office, from_address=None)).then(
        {
            TICKET: [
                office.received(sender_id=None, content=office.content(from_address=None)),
                TicketLeftUnfiled(reason="no_sender_address"),
            ],
            MESSAGE: [taken_in(participants=PARTICIPANTS[1:])],
        }
    )


def test_an_automatic_message_says_so(office):
    given().when(arriving(office, automatic=True)).then(
        {
            TICKET: [office.received(automatic=True), TicketLeftUnfiled(reason="unknown_address")],
            MESSAGE: [TAKEN_IN],
        }
    )


def test_the_same_message_again_is_a_duplicate(office):
    known = given(MESSAGE, TAKEN_IN).and_given(TICKET, office.received())
    answer = known.when(arriving(office)).then_nothing()
    assert (answer.outcome, answer.ticket_id) == ("duplicate", TICKET)


def test_another_content_under_the_same_message_id_is_kept_and_marked(office):
    next_ticket = keyed_id("ticket", "2")
    answer = (
        given(MESSAGE, TAKEN_IN)
        .and_given(TICKET, office.received())
        .when(arriving(office, digest=OTHER_DIGEST))
        .then(
            {
                next_ticket: [
                    office.received(number=2, same_message_id=True, mail_id=mail_id(content=OTHER_CONTENT)),
                    TicketLeftUnfiled(reason="unknown_address"),
                ],
                MESSAGE: [taken_in(content=OTHER_CONTENT, ticket=next_ticket)],
            }
        )
    )
    assert answer.ticket_id == next_ticket


def test_each_content_under_one_message_id_is_its_own_duplicate(office):
    other = taken_in(content=OTHER_CONTENT, ticket=OTHER_TICKET)
    known = (
        given(MESSAGE, TAKEN_IN, other)
        .and_given(TICKET, office.received())
        .and_given(OTHER_TICKET, office.received(number=7))
    )
    first = known.when(arriving(office)).then_nothing()
    second = known.when(arriving(office, digest=OTHER_DIGEST)).then_nothing()
    assert (first.ticket_id, second.ticket_id) == (TICKET, OTHER_TICKET)


def test_the_same_content_under_another_message_id_is_another_message(office):
    other = keyed_id("message_id", "2@example.fr")
    given(MESSAGE, TAKEN_IN).when(arriving(office, message_id="2@example.fr")).then(
        {
            TICKET: [office.received(mail_id=mail_id(other)), TicketLeftUnfiled(reason="unknown_address")],
            other: [taken_in(other)],
        }
    )


def test_a_message_without_a_message_id_is_known_by_its_content(office):
    stream = keyed_id("message_content", DIGEST)
    received = office.received(mail_id=mail_id(stream))
    given().when(arriving(office, message_id=None)).then(
        {TICKET: [received, TicketLeftUnfiled(reason="unknown_address")], stream: [taken_in(stream)]}
    )
    given(stream, taken_in(stream)).and_given(TICKET, received).when(arriving(office, message_id=None)).then_nothing()


def test_a_hostile_message_is_stored_with_what_can_be_stored(office):
    content = arriving(
        office, subject="a\0b", text="\ud800", notes=("x\0",), to=("\ud800@example.fr",), message_id="m\0@x"
    ).content
    assert (content.subject, content.text, content.notes) == ("a\ufffdb", "\ufffd", ("x\ufffd",))
    assert content.to == ("\ufffd@example.fr",)
    assert arriving(office, message_id="\ud800").identity.message_id == "\ufffd"


def test_a_message_is_identified_by_a_sha_256(office):
    with pytest.raises(ValidationError) as refused:
        arriving(office, digest="abc")
    assert [error["loc"] for error in refused.value.errors()] == [("content_digest",)]


# --- filing by hand ---------------------------------------------------------------------------


def test_a_ticket_is_filed_and_its_address_left_alone(office, ticket):
    answer = ticket().when(filing(office, office.claire)).then({office.ticket_id: [filed(office, office.claire)]})
    assert (answer.id, answer.filed_on) == (office.ticket_id, office.target(office.claire))


def test_filing_may_associate_the_address(office, ticket):
    ticket().when(filing(office, office.claire, "associate")).then(
        {
            office.ticket_id: [filed(office, office.claire)],
            office.address_id: [office.associated(office.claire, ticket_id=office.ticket_id)],
        }
    )


def test_filing_may_share_the_address_and_names_the_other_owner_as_a_candidate(office, ticket):
    ticket(office.associated(office.bruno)).when(filing(office, office.claire, "share")).then(
        {
            office.ticket_id: [
                filed(office, office.claire, candidates=office.candidates("owns_address", office.bruno))
            ],
            office.address_id: [
                office.associated(office.claire, shared_with=[office.bruno], ticket_id=office.ticket_id)
            ],
        }
    )


def test_filing_may_move_the_address(office, ticket):
    ticket(office.associated(office.bruno)).when(filing(office, office.claire, "move")).then(
        {
            office.ticket_id: [
                filed(office, office.claire, candidates=office.candidates("owns_address", office.bruno))
            ],
            office.address_id: [
                EmailAddressMoved(
                    owner=office.target(office.claire),
                    dossier_id=office.claire,
                    former_owners=(office.target(office.bruno),),
                    former_dossier_ids=(office.bruno,),
                    ticket_id=office.ticket_id,
                    written=Address(address=office.address),
                )
            ],
        }
    )


def test_filing_does_not_take_the_address_of_another(office, ticket):
    ticket(office.associated(office.bruno)).when(filing(office, office.claire, "associate")).then_raises(
        AddressBelongsToAnother,
        address=office.address,
        address_id=office.address_id,
        owners=(office.target(office.bruno),),
    )


def test_a_ticket_of_a_shared_address_is_filed_on_one_owner_and_names_the_other(office, ticket):
    shared = [office.associated(office.claire), office.associated(office.bruno, shared_with=[office.claire])]
    ticket(*shared).when(filing(office, office.claire)).then(
        {office.ticket_id: [filed(office, office.claire, candidates=office.candidates("shares_address", office.bruno))]}
    )


def test_re_filing_says_where_the_ticket_was(office, ticket):
    ticket(after=[filed(office, office.bruno)]).when(filing(office, office.claire)).then(
        {
            office.ticket_id: [
                filed(office, office.claire, previously_on=office.target(office.bruno), former_dossier_id=office.bruno)
            ]
        }
    )


def test_re_filing_away_from_the_owner_names_the_owner_as_a_candidate(office, ticket):
    ticket(office.associated(office.bruno), after=[filed(office, office.bruno)]).when(
        filing(office, office.claire)
    ).then(
        {
            office.ticket_id: [
                filed(
                    office,
                    office.claire,
                    previously_on=office.target(office.bruno),
                    former_dossier_id=office.bruno,
                    candidates=office.candidates("owns_address", office.bruno),
                )
            ]
        }
    )


def test_filing_where_the_ticket_is_changes_nothing(office, ticket):
    ticket(after=[filed(office, office.claire)]).when(filing(office, office.claire)).then_nothing()


def test_the_address_may_be_associated_later_from_a_filed_ticket(office, ticket):
    ticket(after=[filed(office, office.claire)]).when(filing(office, office.claire, "associate")).then(
        {office.address_id: [office.associated(office.claire, ticket_id=office.ticket_id)]}
    )


def test_a_ticket_without_an_address_is_filed_by_hand(office):
    without = given(office.claire, office.registered()).and_given(
        office.ticket_id, office.received(sender_id=None, content=office.content(from_address=None))
    )
    without.when(filing(office, office.claire)).then({office.ticket_id: [filed(office, office.claire)]})


@pytest.mark.parametrize("erased", [False, True])
def test_there_may_be_no_address_to_associate(office, erased):
    received = (
        office.received(content=ERASED)
        if erased
        else office.received(sender_id=None, content=office.content(from_address=None))
    )
    given(office.claire, office.registered()).and_given(office.ticket_id, received).when(
        filing(office, office.claire, "associate")
    ).then_raises(NoSenderAddress, ticket_id=office.ticket_id)


def test_a_ticket_whose_content_was_erased_can_still_be_filed(office):
    given(office.claire, office.registered()).and_given(office.ticket_id, office.received(content=ERASED)).and_given(
        office.address_id, office.associated(office.bruno)
    ).when(filing(office, office.claire)).then(
        {office.ticket_id: [filed(office, office.claire, candidates=office.candidates("owns_address", office.bruno))]}
    )


def test_tickets_are_filed_on_files_that_exist(office):
    given(office.ticket_id, office.received()).when(filing(office, office.claire)).then_raises(
        NotFound, kind="client", id=office.claire, field="on.id"
    )


def test_only_tickets_are_filed(office):
    given(office.claire, office.registered()).when(filing(office, office.claire)).then_raises(
        NotFound, kind="ticket", id=office.ticket_id
    )


# --- creation from the ticket -------------------------------------------------------------------


def creating(office, address=None, *, active=False):
    new = ClientToCreate(client_id=UUID(int=3), identity=Person(last_name="Durand"), active=active)
    return ClassifyTicket(ticket_id=office.ticket_id, on=new, address=address)


def test_a_prospect_is_created_from_the_ticket_in_the_same_step(office, ticket):
    new = UUID(int=3)
    answer = (
        ticket()
        .when(creating(office))
        .then({new: [office.registered("Durand", 1, office.ticket_id)], office.ticket_id: [filed(office, new)]})
    )
    assert answer.filed_on == office.target(new)


def test_a_client_is_created_from_the_ticket_with_its_address(office, ticket):
    new = UUID(int=3)
    ticket().when(creating(office, "associate", active=True)).then(
        {
            new: [office.registered("Durand", 1, office.ticket_id), ClientActivated()],
            office.ticket_id: [filed(office, new)],
            office.address_id: [office.associated(new, ticket_id=office.ticket_id)],
        }
    )


def test_no_dossier_is_created_where_its_address_is_another_s(office, ticket):
    ticket(office.associated(office.bruno)).when(creating(office, "associate")).then_raises(
        AddressBelongsToAnother,
        address=office.address,
        address_id=office.address_id,
        owners=(office.target(office.bruno),),
    )


def test_no_dossier_is_created_from_a_ticket_that_does_not_exist(office):
    given().when(creating(office)).then_raises(NotFound, kind="ticket", id=office.ticket_id)


@pytest.mark.parametrize(
    ("on", "field"),
    [
        ({"kind": "client"}, ("on", "client", "id")),
        ({"kind": "client", "id": "x"}, ("on", "client", "id")),
        (
            {"kind": "new_client", "client_id": UUID(int=3), "identity": {"kind": "person", "last_name": " "}},
            ("on", "new_client", "identity", "person", "last_name"),
        ),
        ({"kind": "folder", "id": UUID(int=3)}, ("on",)),
    ],
)
def test_what_is_wrong_with_a_filing_is_named(office, on, field):
    with pytest.raises(ValidationError) as refused:
        ClassifyTicket(ticket_id=office.ticket_id, on=on)
    assert [error["loc"] for error in refused.value.errors()] == [field]


# --- unfiling -----------------------------------------------------------------------------------


def test_a_ticket_is_taken_off_its_file(office, ticket):
    answer = (
        ticket(after=[filed(office, office.claire)])
        .when(UnclassifyTicket(ticket_id=office.ticket_id))
        .then(
            {
                office.ticket_id: [
                    TicketUnclassified(previously_on=office.target(office.claire), former_dossier_id=office.claire)
                ]
            }
        )
    )
    assert answer.id == office.ticket_id


def test_taking_off_a_ticket_that_waits_changes_nothing(office, ticket):
    ticket().when(UnclassifyTicket(ticket_id=office.ticket_id)).then_nothing()
    ticket(
        after=[
            filed(office, office.claire),
            TicketUnclassified(previously_on=office.target(office.claire), former_dossier_id=office.claire),
        ]
    ).when(UnclassifyTicket(ticket_id=office.ticket_id)).then_nothing()


def test_only_tickets_are_taken_off(office):
    given(office.claire, office.registered()).when(UnclassifyTicket(ticket_id=office.claire)).then_raises(
        NotFound, kind="ticket", id=office.claire
    )


def test_a_ticket_taken_off_is_filed_again_as_if_it_never_was(office, ticket):
    ticket(
        after=[
            filed(office, office.claire),
            TicketUnclassified(previously_on=office.target(office.claire), former_dossier_id=office.claire),
        ]
    ).when(filing(office, office.claire)).then({office.ticket_id: [filed(office, office.claire)]})


def test_removing_an_address_moves_no_ticket(office, ticket):
    state = Ticket(id=office.ticket_id).after([office.received(), filed(office, office.claire)])
    assert (
        state.evolve(EmailAddressRemoved(owner=office.target(office.claire), former_dossier_id=office.claire)).filed_on
        == state.filed_on
    )
