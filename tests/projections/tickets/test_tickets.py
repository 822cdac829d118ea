from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest

from domain.events import ERASED
from domain.tickets.events import (
    Attachment,
    TicketAssigned,
    TicketBroughtBack,
    TicketClosed,
    TicketCommented,
    TicketDismissed,
    TicketLeftUnfiled,
    TicketPutOnHold,
    TicketReopened,
    TicketUnclassified,
)
from domain.tickets.filing import AddressOwned, CollaboratorChoice
from projections import targets
from projections.queries.paging import BadCursor
from projections.tickets import inbox, ticket
from tests.projections.facts import ADDRESS, filed, person, received, sharing, target

CLAIRE, BRUNO = UUID(int=1), UUID(int=2)
T1, T2, T3, T4 = (UUID(int=number) for number in range(11, 15))
UNKNOWN = TicketLeftUnfiled(reason="unknown_address")
ANNE, PAUL = UUID(int=20), UUID(int=21)


@pytest.fixture
def views(telling):
    told = telling(ticket.tickets, *targets.VIEWS)
    yield told
    assert told.equal_to_replay()


@pytest.fixture(name="inbox")
def asked_inbox(views):
    return lambda **options: views.page(inbox.inbox, **options)


@pytest.fixture(name="ticket")
def asked_ticket(views):
    return lambda ticket_id: views.asked(inbox.ticket, ticket_id)


def numbers(page):
    return [line.number for line in page.items]


def test_the_inbox_shows_the_newest_first_whatever_happened_since(views, inbox):
    views.happened(T1, received(1), UNKNOWN)
    views.happened(T2, received(2), UNKNOWN)
    views.happened(T3, received(3), filed(CLAIRE, by_rule=True))
    views.happened(T1, filed(BRUNO))
    assert numbers(inbox()) == [3, 2, 1]
    assert numbers(inbox(filed=True)) == [3, 1]
    assert numbers(inbox(filed=False)) == [2]
    views.happened(T3, TicketUnclassified(previously_on=target(CLAIRE), former_dossier_id=CLAIRE))
    assert numbers(inbox(filed=False)) == [3, 2]


def test_a_line_of_the_inbox(views, inbox):
    views.happened(
        T1,
        received(
            4,
            sent_at=datetime(2026, 3, 30, 9, tzinfo=UTC),
            text="Bonjour,\n\n  voici   " + "x" * 500,
            attachments=(Attachment(part=2, name="a.pdf", content_type="application/pdf", size=3),),
        ),
        UNKNOWN,
    )
    views.happened(T2, received(5), UNKNOWN)
    line = inbox().items[1]
    assert line.model_dump() == {
        "ticket_id": T1,
        "number": 4,
        "received_at": views.noon + timedelta(seconds=1),
        "latest_at": views.noon + timedelta(seconds=1),
        "message_count": 1,
        "direction": "incoming",
        "sent_at": datetime(2026, 3, 30, 9, tzinfo=UTC),
        "from_address": "claire@example.fr",
        "from_name": "Claire Dupont",
        "subject": "Attestation",
        "excerpt": ("Bonjour, voici " + "x" * 500)[:240],
        "automatic": False,
        "attachment_count": 1,
        "filed_on": None,
        "filed_under": [],
        "dossier_id": None,
        "undoable": False,
        "unfiled_reason": "unknown_address",
        "state": "open",
        "assigned_to": None,
        "dismissed": None,
        "merged_into": None,
        "version": 2,
    }


def test_subjects_are_shortened_in_lists_only(views, inbox, ticket):
    views.happened(T1, received(subject="x" * 201))
    views.happened(T2, received(2, subject="y" * 200))
    views.happened(T3, received(3, subject=""))
    assert [line.subject for line in inbox().items] == ["(sans objet)", "y" * 200, "x" * 199 + "…"]
    assert ticket(T1).subject == "x" * 201


def test_pages_hold_while_tickets_arrive(views, inbox):
    for number, ticket_id in enumerate([T1, T2, T3], 1):
        views.happened(ticket_id, received(number), UNKNOWN)
    first = inbox(limit=2, total=True)
    assert (numbers(first), first.total) == ([3, 2], 3)
    views.happened(T4, received(4), UNKNOWN)
    second = inbox(limit=2, cursor=first.next_cursor, total=True)
    assert (numbers(second), second.next_cursor, second.total) == ([1], None, 4)
    views.happened(T1, filed(CLAIRE))
    assert inbox(limit=2, filed=False, total=True).total == 3
    assert numbers(inbox(limit=3, filed=False)) == [4, 3, 2]
    assert inbox(limit=3, filed=False).next_cursor is None
    assert inbox(limit=4).total is None


@pytest.mark.parametrize("cursor", ["!", "WyJhIl0", "W10", "WzFd" * 9])
def test_a_cursor_of_another_list(inbox, cursor):
    with pytest.raises(BadCursor):
        inbox(cursor=cursor)


def test_the_tickets_of_a_file_follow_re_filing(views):
    def of(client_id, **how):
        return numbers(views.page(inbox.of_file, target(client_id), **how))

    views.happened(CLAIRE, person("Dupont"))
    views.happened(BRUNO, person("Martin", number=2))
    views.happened(T1, received(1), filed(CLAIRE))
    views.happened(T2, received(2), filed(BRUNO))
    views.happened(T3, received(3), filed(CLAIRE))
    assert (of(CLAIRE), of(BRUNO)) == ([3, 1], [2])
    views.happened(T1, filed(BRUNO, previously_on=CLAIRE))
    assert (of(CLAIRE), of(BRUNO)) == ([3], [2, 1])
    views.happened(T3, TicketUnclassified(previously_on=target(CLAIRE), former_dossier_id=CLAIRE))
    assert of(CLAIRE) == []
    page = views.page(inbox.of_file, target(BRUNO), limit=1, total=True)
    assert (page.total, of(BRUNO, limit=1, cursor=page.next_cursor)) == (2, [1])


def test_a_ticket_with_what_it_says_of_itself(views, ticket):
    attachment = Attachment(part=2, name="a.pdf", content_type="application/pdf", size=3)
    views.happened(
        T1,
        received(
            automatic=True,
            same_message_id=True,
            to=("cabinet@example.fr",),
            cc=("a@example.fr", "b@example.fr"),
            attachments=(attachment,),
            notes=("no Date",),
        ),
        filed(CLAIRE, by_rule=True),
    )
    views.happened(T2, received(2), UNKNOWN)
    found = ticket(T1)
    assert (found.to, found.cc, found.notes) == (["cabinet@example.fr"], ["a@example.fr", "b@example.fr"], ["no Date"])
    assert (found.attachments, found.attachment_count) == ([attachment], 1)
    assert (found.automatic, found.same_message_id, found.message_id) == (True, True, "1@example.fr")
    assert (found.version, found.filed_on, found.unfiled_reason) == (2, target(CLAIRE), None)
    assert (found.evidence, found.candidates) == (AddressOwned(address_id=ADDRESS), [])
    assert ticket(T3) is None


def test_why_a_ticket_is_where_it_is(views, ticket):
    views.happened(T1, received(), TicketLeftUnfiled(reason="shared_address", candidates=sharing(CLAIRE, BRUNO)))
    views.happened(T2, received(2), UNKNOWN)
    waits = ticket(T1)
    assert (waits.unfiled_reason, tuple(waits.candidates), waits.evidence) == (
        "shared_address",
        sharing(CLAIRE, BRUNO),
        None,
    )
    views.happened(T1, filed(CLAIRE, candidates=[BRUNO]))
    chosen = ticket(T1)
    assert (chosen.unfiled_reason, tuple(chosen.candidates), chosen.evidence) == (
        None,
        sharing(BRUNO),
        CollaboratorChoice(),
    )
    views.happened(T1, TicketUnclassified(previously_on=target(CLAIRE), former_dossier_id=CLAIRE))
    unfiled = ticket(T1)
    assert (unfiled.filed_on, unfiled.evidence, unfiled.version) == (None, None, 4)
    assert ticket(T2).unfiled_reason == "unknown_address"


def test_the_inbox_tells_how_far_tickets_are(views, inbox, ticket):
    views.happened(T1, received(1), TicketPutOnHold())
    views.happened(T2, received(2), TicketPutOnHold(), TicketClosed())
    views.happened(T3, received(3), TicketClosed(), TicketReopened())
    views.happened(T4, received(4))
    assert [line.state for line in inbox().items] == ["open", "open", "closed", "waiting"]
    assert numbers(inbox(state="open")) == [4, 3]
    assert numbers(inbox(state="waiting")) == [1]
    assert numbers(inbox(state="closed")) == [2]
    views.happened(T4, filed(CLAIRE))
    assert numbers(inbox(state="open", filed=True)) == [4]
    assert (ticket(T2).state, ticket(T2).version) == ("closed", 3)


def test_the_inbox_tells_whose_tickets_are(views, inbox, ticket):
    views.happened(T1, received(1), TicketAssigned(collaborator_id=ANNE))
    views.happened(T2, received(2), TicketAssigned(collaborator_id=PAUL))
    views.happened(T3, received(3), TicketAssigned(collaborator_id=ANNE))
    views.happened(T4, received(4))
    assert numbers(inbox(assigned_to=ANNE)) == [3, 1]
    assert (numbers(inbox(assigned=True)), numbers(inbox(assigned=False))) == ([3, 2, 1], [4])
    views.happened(T1, TicketAssigned(collaborator_id=PAUL, previously=ANNE))
    views.happened(T3, TicketAssigned(collaborator_id=None, previously=ANNE))
    assert (numbers(inbox(assigned_to=ANNE)), numbers(inbox(assigned_to=PAUL))) == ([], [2, 1])
    assert [line.assigned_to for line in inbox().items] == [None, None, PAUL, PAUL]
    assert (ticket(T1).assigned_to, ticket(T1).version) == (PAUL, 3)


def test_the_inbox_leaves_out_what_was_dismissed_unless_it_is_asked_for(views, inbox, ticket):
    views.happened(T1, received(1), TicketPutOnHold(), TicketDismissed(reason="advertising", note="Démarchage"))
    views.happened(T2, received(2), TicketDismissed(reason="junk"))
    views.happened(T3, received(3))
    assert numbers(inbox()) == [3]
    aside = inbox(dismissed=True, total=True)
    assert ([line.dismissed for line in aside.items], aside.total) == (["junk", "advertising"], 2)
    assert numbers(inbox(dismissed=True, state="waiting")) == [1]
    assert (ticket(T1).dismissed, ticket(T1).dismissal_note, ticket(T2).dismissal_note) == (
        "advertising",
        "Démarchage",
        None,
    )
    views.happened(T1, TicketBroughtBack())
    back = ticket(T1)
    assert (back.state, back.dismissed, back.dismissal_note, back.version) == ("waiting", None, None, 4)
    assert (numbers(inbox()), numbers(inbox(dismissed=True))) == ([3, 1], [2])


def test_a_dismissal_s_note_may_be_erased(views, ticket):
    views.happened(T1, received(1), TicketDismissed(reason="other", note=ERASED))
    views.happened(T2, received(2), TicketDismissed(reason="other", note="Doublon"))
    assert (ticket(T1).dismissed, ticket(T1).dismissal_note) == ("other", None)
    assert ticket(T2).dismissal_note == "Doublon"


def test_a_comment_moves_its_ticket_s_version_alone(views, ticket):
    views.happened(T1, received(1))
    views.happened(T2, received(2))
    before = ticket(T1)
    views.happened(T1, TicketCommented(comment_id=UUID(int=7), text="Rappeler"))
    assert ticket(T1) == before.model_copy(update={"version": 2})
    assert ticket(T2).version == 1


def test_the_tickets_of_a_file_show_what_was_dismissed(views):
    views.happened(T1, received(1), filed(CLAIRE), TicketDismissed(reason="advertising"))
    views.happened(T2, received(2), filed(BRUNO))
    views.happened(CLAIRE, person("Dupont"))
    page = views.page(inbox.of_file, target(CLAIRE))
    assert [(line.number, line.dismissed) for line in page.items] == [(1, "advertising")]


def test_a_ticket_by_its_number(views):
    views.happened(T1, received(7))
    views.happened(T2, received(8))
    assert views.asked(ticket.numbered, 8) == T2
    assert views.asked(ticket.numbered, 9) is None


def test_how_many_wait_and_why(views):
    views.happened(T1, received(1), UNKNOWN)
    views.happened(
        T2, received(2), filed(CLAIRE), TicketUnclassified(previously_on=target(CLAIRE), former_dossier_id=CLAIRE)
    )
    views.happened(T3, received(3), filed(CLAIRE))
    views.happened(T4, received(4), filed(BRUNO))
    assert views.asked(inbox.counts) == {"unknown_address": 1, "unfiled": 1, "filed": 2}
    views.happened(T3, TicketDismissed(reason="junk"))
    assert views.asked(inbox.counts) == {"unknown_address": 1, "unfiled": 1, "filed": 1}


def test_an_erased_ticket_is_not_shown(views, inbox, ticket):
    views.happened(
        T1,
        received(content=ERASED),
        UNKNOWN,
        filed(CLAIRE),
        TicketUnclassified(previously_on=target(CLAIRE), former_dossier_id=CLAIRE),
    )
    views.happened(
        T1,
        TicketAssigned(collaborator_id=ANNE),
        TicketPutOnHold(),
        TicketClosed(),
        TicketReopened(),
        TicketCommented(comment_id=UUID(int=7), text=ERASED),
        TicketDismissed(reason="junk", note=ERASED),
        TicketBroughtBack(),
    )
    views.happened(T2, received(2))
    assert numbers(inbox()) == [2]
    assert ticket(T1) is None
