from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.aggregates import NotFound
from domain.events import ERASED
from domain.office.office import OFFICE_ID, CollaboratorIdentity, CollaboratorJoined, OfficeOpened
from domain.tickets.events import (
    TicketAssigned,
    TicketBroughtBack,
    TicketClassified,
    TicketClosed,
    TicketCommented,
    TicketDismissed,
    TicketPutOnHold,
    TicketReopened,
    TicketUnclassified,
)
from domain.tickets.filing import CollaboratorChoice
from domain.tickets.filing_by_hand import ClassifyTicket, UnclassifyTicket
from domain.tickets.handling import (
    AssignTicket,
    BringBackTicket,
    CloseTicket,
    CommentOnTicket,
    DismissTicket,
    PutTicketOnHold,
    ReopenTicket,
)
from domain.tickets.refusals import TicketIsClosed, TicketIsDismissed
from domain.values import LONGEST_COMMENT, Target
from tests.given_when_then import given

ANNE, PAUL, STRANGER = UUID(int=20), UUID(int=21), UUID(int=22)
COMMENT, OTHER_COMMENT = UUID(int=31), UUID(int=32)
ADVERTISING = TicketDismissed(reason="advertising")
WAITING = [TicketPutOnHold()]
CLOSED = [TicketClosed()]
DISMISSED = [ADVERTISING]


def joined(collaborator_id, last_name):
    identity = CollaboratorIdentity(last_name=last_name, email_address="someone@cabinet.example.fr")
    return CollaboratorJoined(collaborator_id=collaborator_id, identity=identity)


@pytest.fixture
def ticket(office):
    """A ticket with what happened to it since it arrived, in an office of Anne and Paul."""

    def of(*since):
        opened = OfficeOpened(name="Cabinet Petit", time_zone="Europe/Paris")
        return (
            given(OFFICE_ID, opened, joined(ANNE, "Petit"), joined(PAUL, "Roche"))
            .and_given(office.claire, office.registered())
            .and_given(office.ticket_id, office.received(), *since)
        )

    return of


@pytest.fixture
def hold(office):
    return PutTicketOnHold(ticket_id=office.ticket_id)


@pytest.fixture
def close(office):
    return CloseTicket(ticket_id=office.ticket_id)


@pytest.fixture
def reopen(office):
    return ReopenTicket(ticket_id=office.ticket_id)


@pytest.fixture
def bring_back(office):
    return BringBackTicket(ticket_id=office.ticket_id)


@pytest.fixture
def assign(office):
    return lambda collaborator_id: AssignTicket(ticket_id=office.ticket_id, collaborator_id=collaborator_id)


@pytest.fixture
def dismiss(office):
    return lambda reason="advertising", note=None: DismissTicket(ticket_id=office.ticket_id, reason=reason, note=note)


@pytest.fixture
def comment(office):
    return lambda text="Rappeler", comment_id=COMMENT: CommentOnTicket(
        ticket_id=office.ticket_id, comment_id=comment_id, text=text
    )


@pytest.fixture
def file(office):
    return ClassifyTicket(ticket_id=office.ticket_id, on=Target(kind="client", id=office.claire))


# --- its state ----------------------------------------------------------------------------------


def test_a_ticket_waits_once_someone_sees_to_it(office, ticket, hold):
    answer = ticket().when(hold).then({office.ticket_id: [TicketPutOnHold()]})
    assert answer.id == office.ticket_id
    ticket(*WAITING).when(hold).then_nothing()


@pytest.mark.parametrize("before", [[], WAITING, [*CLOSED, TicketReopened()]], ids=["open", "waiting", "reopened"])
def test_a_ticket_is_closed_once_from_any_state(office, ticket, close, before):
    ticket(*before).when(close).then({office.ticket_id: [TicketClosed()]})
    ticket(*before, *CLOSED).when(close).then_nothing()


def test_a_closed_ticket_is_reopened_and_then_open(office, ticket, reopen, hold):
    ticket(*WAITING, *CLOSED).when(reopen).then({office.ticket_id: [TicketReopened()]})
    reopened = [*WAITING, *CLOSED, TicketReopened()]
    ticket(*reopened).when(reopen).then_nothing()
    ticket(*reopened).when(hold).then({office.ticket_id: [TicketPutOnHold()]})


def test_reopening_what_is_open_changes_nothing(ticket, reopen):
    ticket().when(reopen).then_nothing()


def test_a_ticket_that_waits_is_opened_again(office, ticket, reopen):
    ticket(*WAITING).when(reopen).then({office.ticket_id: [TicketReopened()]})


def test_a_closed_ticket_neither_waits_nor_is_assigned(office, ticket, hold, assign):
    for command in (hold, assign(ANNE), assign(None)):
        ticket(*CLOSED).when(command).then_raises(TicketIsClosed, ticket_id=office.ticket_id)


def test_a_closed_ticket_is_filed_and_taken_off_its_file(office, ticket, file):
    filed = TicketClassified(
        filed_on=office.target(office.claire), dossier_id=office.claire, evidence=CollaboratorChoice()
    )
    ticket(*CLOSED).when(file).then({office.ticket_id: [filed]})
    ticket(*CLOSED, filed).when(UnclassifyTicket(ticket_id=office.ticket_id)).then(
        {
            office.ticket_id: [
                TicketUnclassified(previously_on=office.target(office.claire), former_dossier_id=office.claire)
            ]
        }
    )


# --- who sees to it -----------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], WAITING], ids=["open", "waiting"])
def test_a_ticket_is_assigned_to_a_collaborator(office, ticket, assign, before):
    answer = ticket(*before).when(assign(ANNE)).then({office.ticket_id: [TicketAssigned(collaborator_id=ANNE)]})
    assert answer.id == office.ticket_id


def test_a_ticket_changes_hands_and_says_whose_it_was(office, ticket, assign):
    by_anne = TicketAssigned(collaborator_id=ANNE)
    ticket(by_anne).when(assign(PAUL)).then({office.ticket_id: [TicketAssigned(collaborator_id=PAUL, previously=ANNE)]})
    ticket(by_anne).when(assign(None)).then({office.ticket_id: [TicketAssigned(collaborator_id=None, previously=ANNE)]})


def test_assigning_to_whom_it_is_assigned_changes_nothing(ticket, assign):
    ticket(TicketAssigned(collaborator_id=ANNE)).when(assign(ANNE)).then_nothing()
    ticket().when(assign(None)).then_nothing()


def test_tickets_are_assigned_to_collaborators_of_the_office_only(office, ticket, assign):
    ticket().when(assign(STRANGER)).then_raises(NotFound, kind="collaborator", id=STRANGER, field="collaborator_id")
    given(office.ticket_id, office.received()).when(assign(ANNE)).then_raises(
        NotFound, kind="collaborator", id=ANNE, field="collaborator_id"
    )


def test_a_reopened_ticket_is_still_whose_it_was(ticket, assign):
    ticket(TicketAssigned(collaborator_id=ANNE), TicketClosed(), TicketReopened()).when(assign(ANNE)).then_nothing()


# --- put aside ----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], WAITING, CLOSED], ids=["open", "waiting", "closed"])
def test_a_ticket_is_dismissed_from_any_state(office, ticket, dismiss, before):
    answer = ticket(*before).when(dismiss()).then({office.ticket_id: [ADVERTISING]})
    assert answer.id == office.ticket_id
    with_note = TicketDismissed(reason="other", note="Doublon")
    ticket(*before).when(dismiss("other", "Doublon")).then({office.ticket_id: [with_note]})


def test_a_ticket_is_dismissed_once(ticket, dismiss):
    ticket(*DISMISSED).when(dismiss()).then_nothing()
    ticket(TicketDismissed(reason="other", note="Doublon")).when(dismiss("other", "Doublon")).then_nothing()


@pytest.mark.parametrize(("reason", "note"), [("junk", None), ("advertising", "Démarchage")])
def test_a_ticket_is_not_dismissed_for_another_reason_too(office, ticket, dismiss, reason, note):
    ticket(*DISMISSED).when(dismiss(reason, note)).then_raises(
        TicketIsDismissed, ticket_id=office.ticket_id, reason="advertising"
    )


def test_nothing_is_done_with_a_dismissed_ticket(office, ticket, hold, close, reopen, assign, file):
    unfile = UnclassifyTicket(ticket_id=office.ticket_id)
    for before in ([], CLOSED):
        for command in (hold, close, reopen, assign(ANNE), assign(None), file, unfile):
            ticket(*before, *DISMISSED).when(command).then_raises(
                TicketIsDismissed, ticket_id=office.ticket_id, reason="advertising"
            )


def test_a_ticket_is_brought_back_once(office, ticket, bring_back):
    ticket(*DISMISSED).when(bring_back).then({office.ticket_id: [TicketBroughtBack()]})
    ticket(*DISMISSED, TicketBroughtBack()).when(bring_back).then_nothing()
    ticket().when(bring_back).then_nothing()


def test_a_ticket_that_was_brought_back_is_as_it_was(office, ticket, hold, close, assign, dismiss):
    back = [*DISMISSED, TicketBroughtBack()]
    ticket(*WAITING, *back).when(hold).then_nothing()
    ticket(*CLOSED, *back).when(close).then_nothing()
    ticket(TicketAssigned(collaborator_id=ANNE), *back).when(assign(ANNE)).then_nothing()
    ticket(*back).when(hold).then({office.ticket_id: [TicketPutOnHold()]})
    ticket(*back).when(dismiss("junk")).then({office.ticket_id: [TicketDismissed(reason="junk")]})


def test_a_ticket_whose_dismissal_s_note_was_erased_is_brought_back(office, ticket, bring_back):
    ticket(TicketDismissed(reason="other", note=ERASED)).when(bring_back).then(
        {office.ticket_id: [TicketBroughtBack()]}
    )


# --- comments -----------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [[], WAITING, CLOSED, DISMISSED], ids=["open", "waiting", "closed", "dismissed"])
def test_a_ticket_is_commented_on_in_any_state(office, ticket, comment, before):
    noted = TicketCommented(comment_id=COMMENT, text="Rappeler")
    answer = ticket(*before).when(comment()).then({office.ticket_id: [noted]})
    assert answer.id == office.ticket_id


def test_a_comment_is_added_once_and_another_one_may_say_the_same(office, ticket, comment):
    noted = TicketCommented(comment_id=COMMENT, text="Rappeler")
    ticket(noted).when(comment()).then_nothing()
    ticket(noted).when(comment(comment_id=OTHER_COMMENT)).then(
        {office.ticket_id: [TicketCommented(comment_id=OTHER_COMMENT, text="Rappeler")]}
    )


def test_a_comment_is_stored_as_it_can_be(comment):
    assert comment("a\0\ud800\n  b ").text == "a\ufffd\ufffd\n  b "


@pytest.mark.parametrize("text", ["", " \n\t", "\x1b\x9f", "x" * (LONGEST_COMMENT + 1)])
def test_what_is_wrong_with_a_text_is_named(comment, dismiss, text):
    with pytest.raises(ValidationError) as refused:
        comment(text)
    assert [error["loc"] for error in refused.value.errors()] == [("text",)]
    with pytest.raises(ValidationError) as refused:
        dismiss("other", text)
    assert [error["loc"] for error in refused.value.errors()] == [("note",)]


def test_only_tickets_are_seen_to(office, hold, close, reopen, assign, dismiss, bring_back, comment):
    for command in (hold, close, reopen, assign(None), dismiss(), bring_back, comment()):
        given(office.claire, office.registered()).when(command).then_raises(
            NotFound, kind="ticket", id=office.ticket_id
        )
