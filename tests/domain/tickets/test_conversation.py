"""Conversations: which messages belong together, and merging tickets and splitting messages off (T18, T21, T22)."""

from uuid import UUID

import pytest

from domain.aggregates import NotFound
from domain.clients.client import Person, RegisterClient
from domain.email_addresses.email_address import AddressIsOffices
from domain.events import ERASED
from domain.messages.message import MessageIdentity, MessageReferredTo, MessageTakenIn
from domain.office.office import OpenOffice, ReserveOfficeAddress
from domain.targets import AssociateEmailAddress
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.conversation import MergedWithItself, MergeTickets, SplitMessageOff
from domain.tickets.events import (
    Correspondent,
    Mail,
    MessageContent,
    StoredFile,
    TicketAbsorbed,
    TicketBroughtBack,
    TicketClassified,
    TicketContinued,
    TicketFilingUndone,
    TicketLeftUnfiled,
    TicketMerged,
    TicketMessageTakenOff,
    TicketReceived,
    TicketReopened,
    TicketSplitOff,
)
from domain.tickets.filing import AddressOwned, Candidate, CollaboratorChoice, Filing, RecipientOwned
from domain.tickets.filing_by_hand import ClassifyTicket, UnclassifyTicket, UndoFiling
from domain.tickets.handling import (
    AssignTicket,
    BringBackTicket,
    CloseTicket,
    CommentOnTicket,
    DismissTicket,
    PutTicketOnHold,
)
from domain.tickets.refusals import (
    FirstMessageStays,
    MessageErased,
    NothingToUndo,
    NotOnTicket,
    TicketIsDismissed,
    TicketWasMerged,
)
from domain.values import Target
from tests.given_when_then import given, keyed_id

CABINET, CLAIRE, BRUNO, STRANGER = (f"{name}@example.fr" for name in ("cabinet", "claire", "bruno", "inconnu"))
CLIENT = Target(kind="client", id=UUID(int=1))
OTHER = Target(kind="client", id=UUID(int=2))
UNKNOWN = Filing(reason="unknown_address")
FIRST, SECOND, THIRD = (keyed_id("ticket", str(number)) for number in (1, 2, 3))


def address_id(address):
    return keyed_id("email_address", address)


OWNED = Filing(target=CLIENT, dossier_id=CLIENT.id, evidence=AddressOwned(address_id=address_id(CLAIRE)))


def letter(number, sender=CLAIRE, *, to=(CABINET,), answers=(), digest=None, automatic=False, forwarded=None):
    """A message that answers others, each called by its number."""
    message_id = f"{number}@example.fr"
    return ReceiveMessage(
        identity=MessageIdentity(message_id=message_id, content_digest=f"{digest or number:064x}"),
        content=MessageContent(
            from_address=sender,
            from_name="",
            to=to,
            subject="Attestation",
            text="Bonjour",
            message_id=message_id,
            references=tuple(f"{answered}@example.fr" for answered in answers),
            forwarded=forwarded and Correspondent(address=forwarded),
            raw=StoredFile(name="f", key="00", size=1),
        ),
        sent_at=None,
        automatic=automatic,
    )


def message(number):
    return keyed_id("message_id", f"{number}@example.fr")


def mail_id(letter):
    identity = letter.identity
    content = keyed_id("content", identity.content_digest)
    return keyed_id("mail", f"{keyed_id('message_id', identity.message_id)}{content}")


def written_to(letter):
    """To whom the office wrote but itself, and whose message it passed on."""
    content = letter.content
    original = [content.forwarded.address] if content.forwarded else []
    return tuple(address_id(each) for each in (*content.to, *original) if each != CABINET)


def facts(letter, direction="incoming", *, same_message_id=False):
    content = letter.content
    return {
        "mail_id": mail_id(letter),
        "sender_id": content.from_address and address_id(content.from_address),
        "sent_at": None,
        "direction": direction,
        "written_to": written_to(letter) if direction != "incoming" else (),
        "automatic": letter.automatic,
        "same_message_id": same_message_id,
        "references": tuple(keyed_id("message_id", reference) for reference in content.references),
    }


def received(letter, number, **more):
    return TicketReceived(number=number, content=letter.content, **facts(letter, **more))


def continued(letter, filing=UNKNOWN, *, dossier_id=None, **more):
    """`dossier_id`: where the ticket was when the message came."""
    return TicketContinued(filing=filing, dossier_id=dossier_id, content=letter.content, **facts(letter, **more))


def split_off(letter, number, **more):
    return TicketSplitOff(number=number, from_ticket_id=FIRST, content=letter.content, **facts(letter, **more))


def undone(back_on, previously_on):
    return TicketFilingUndone(
        filed_on=back_on,
        dossier_id=back_on and back_on.id,
        previously_on=previously_on,
        former_dossier_id=previously_on and previously_on.id,
    )


def mail(letter, ticket_id, filing=UNKNOWN, **more):
    return Mail(kept_in=ticket_id, filing=filing, **facts(letter, **more))


def taken_in(letter, ticket_id, direction="incoming"):
    content = letter.content
    return MessageTakenIn(
        content_id=keyed_id("content", letter.identity.content_digest),
        mail_id=mail_id(letter),
        ticket_id=ticket_id,
        participants=tuple({address_id(each): each for each in (content.from_address, *content.to) if each}),
        direction=direction,
    )


def referred(letter, ticket_id):
    known = {name: fact for name, fact in facts(letter).items() if name in MessageReferredTo.model_fields}
    return MessageReferredTo(ticket_id=ticket_id, **known)


def waits(reason="unknown_address", *candidates):
    return TicketLeftUnfiled(reason=reason, candidates=candidates)


def merging(kept, other):
    return MergeTickets(ticket_id=kept, other_id=other)


def splitting(ticket_id, letter):
    return SplitMessageOff(ticket_id=ticket_id, mail_id=mail_id(letter))


def filing(ticket_id, on=OTHER, **more):
    return ClassifyTicket(ticket_id=ticket_id, on=on, **more)


ONE = letter(1)
ANSWER = letter(2, answers=[1])
REPLY = letter(3, answers=[2])
APART = letter(4, BRUNO)
"""What has nothing to do with the others."""
SENT = letter(1, CABINET, to=(CLAIRE,))


@pytest.fixture
def office():
    """An office with an address of its own, which knows nobody."""
    return given().and_done(OpenOffice(name="Cabinet Petit"), ReserveOfficeAddress(address=CABINET))


@pytest.fixture
def knowing(office):
    """The office, with two clients; Claire's address is the first one's."""
    return office.and_done(
        *(RegisterClient(client_id=c.id, identity=Person(last_name="A")) for c in (CLIENT, OTHER)),
        AssociateEmailAddress(owner=CLIENT, address=CLAIRE),
    )


@pytest.fixture
def conversation(knowing):
    """Two messages of Claire's on one ticket."""
    return knowing.and_done(ONE, ANSWER)


# --- what belongs together ------------------------------------------------------------------------------------


def test_an_answer_joins_the_ticket_of_what_it_answers(office):
    answer = office.and_done(ONE).when(ANSWER).then({FIRST: [continued(ANSWER)], message(2): [taken_in(ANSWER, FIRST)]})
    assert (answer.outcome, answer.ticket_id, answer.mail_id) == ("message", FIRST, mail_id(ANSWER))


def test_in_reply_to_alone_will_do(office):
    reply = letter(2)
    reply = reply.model_copy(update={"content": reply.content.model_copy(update={"in_reply_to": "1@example.fr"})})
    assert office.and_done(ONE).when(reply).answered().ticket_id == FIRST


def test_whoever_was_written_to_takes_part(office):
    reply = letter(2, BRUNO, answers=[1])
    assert office.and_done(letter(1, to=(CABINET, BRUNO))).when(reply).answered().ticket_id == FIRST


def test_a_stranger_who_quotes_a_conversation_opens_a_ticket_of_their_own(office):
    stranger = letter(2, STRANGER, answers=[1])
    office.and_done(ONE).when(stranger).then(
        {
            SECOND: [received(stranger, 2), waits()],
            message(1): [referred(stranger, SECOND)],
            message(2): [taken_in(stranger, SECOND)],
        }
    )


def test_who_has_no_address_takes_part_in_nothing(office):
    nobody = letter(2, None, answers=[1])
    assert office.and_done(letter(1, None)).when(nobody).answered().outcome == "ticket"


def test_what_is_answered_comes_late_and_joins_what_came_before_it(office):
    office.and_done(ANSWER).when(ONE).then({FIRST: [continued(ONE)], message(1): [taken_in(ONE, FIRST)]})


def test_a_message_that_refers_to_itself_refers_to_nothing(office):
    itself = letter(1, answers=[1])
    assert office.when(itself).answered().outcome == "ticket"


def test_a_message_between_two_tickets_makes_one_of_them(office):
    office.and_done(ONE, REPLY).when(ANSWER).then(
        {
            FIRST: [TicketAbsorbed(ticket_id=SECOND, mails=(mail(REPLY, SECOND),)), continued(ANSWER)],
            SECOND: [TicketMerged(into=FIRST, mail_ids=(mail_id(REPLY),))],
            message(2): [taken_in(ANSWER, FIRST)],
        }
    )


def test_what_the_office_wrote_first_is_open_once_it_turns_out_to_be_answered(office):
    between = letter(5, CABINET, to=(CLAIRE, BRUNO), answers=[1, 4])
    office.and_done(SENT, APART).when(between).then(
        {
            FIRST: [
                TicketAbsorbed(ticket_id=SECOND, mails=(mail(APART, SECOND),)),
                TicketReopened(),
                continued(between, Filing(reason="unknown_recipient"), direction="outgoing"),
                waits(),
            ],
            SECOND: [TicketMerged(into=FIRST, mail_ids=(mail_id(APART),))],
            message(5): [taken_in(between, FIRST, "outgoing")],
        }
    )


def test_what_came_into_a_ticket_that_was_merged_goes_on_where_that_is(office):
    more = letter(5, answers=[3])
    assert office.and_done(ONE, REPLY, ANSWER).when(more).answered().ticket_id == FIRST


@pytest.mark.parametrize("merged", [FIRST, SECOND])
def test_a_message_that_came_already_is_told_where_it_is_now(office, merged):
    kept = SECOND if merged == FIRST else FIRST
    office = office.and_done(ONE, APART, merging(kept, merged))
    for known in (ONE, APART):
        answer = office.when(known).then_nothing()
        assert (answer.outcome, answer.ticket_id, answer.mail_id) == ("duplicate", kept, mail_id(known))


SEEN_TO = {
    "on hold": PutTicketOnHold(ticket_id=SECOND),
    "closed": CloseTicket(ticket_id=SECOND),
    "noted on": CommentOnTicket(ticket_id=SECOND, comment_id=UUID(int=7), text="Rappeler"),
    "filed": filing(SECOND),
    "put aside": DismissTicket(ticket_id=SECOND, reason="junk"),
}


@pytest.mark.parametrize("seen_to", SEEN_TO.values(), ids=SEEN_TO)
def test_a_ticket_to_which_somebody_saw_is_the_one_that_stays(knowing, seen_to):
    office = knowing.and_done(ONE, REPLY, seen_to)
    kept = FIRST if isinstance(seen_to, DismissTicket) else SECOND
    assert office.when(ANSWER).answered().ticket_id == kept


def test_two_tickets_to_which_somebody_saw_stay_apart(knowing):
    office = knowing.and_done(ONE, REPLY, filing(FIRST), filing(SECOND))
    expected = {FIRST: [continued(ANSWER, OWNED, dossier_id=OTHER.id)], message(2): [taken_in(ANSWER, FIRST)]}
    office.when(ANSWER).then(expected)


def test_a_dismissed_ticket_takes_nothing_in_where_there_is_another(knowing):
    office = knowing.and_done(ONE, REPLY, DismissTicket(ticket_id=FIRST, reason="junk"))
    office.when(ANSWER).then(
        {SECOND: [continued(ANSWER, OWNED, dossier_id=CLIENT.id)], message(2): [taken_in(ANSWER, SECOND)]}
    )


# --- one Message-ID, several contents ---------------------------------------------------------------------------


SPOOFED = letter(1, STRANGER, digest=99)


def test_a_spoofed_message_id_hides_nothing(office):
    office.and_done(ONE).when(SPOOFED).then(
        {
            SECOND: [received(SPOOFED, 2, same_message_id=True), waits()],
            message(1): [taken_in(SPOOFED, SECOND)],
        }
    )


@pytest.mark.parametrize("order", [(ONE, SPOOFED), (SPOOFED, ONE)])
def test_an_answer_joins_the_content_in_which_its_sender_takes_part(office, order):
    kept = FIRST if order[0] is ONE else SECOND
    assert office.and_done(*order).when(ANSWER).answered().ticket_id == kept


def test_an_answer_waits_for_the_content_in_which_its_sender_takes_part(office):
    assert office.and_done(SPOOFED, ANSWER).when(ONE).answered().ticket_id == SECOND


def test_the_answers_to_one_content_are_found_by_another(office):
    resent = letter(1, digest=98)
    assert office.and_done(ONE, ANSWER).when(resent).answered().ticket_id == FIRST


# --- the office's own mail ----------------------------------------------------------------------------------------


def test_what_the_office_writes_first_is_recorded_and_closed(office):
    answer = office.when(SENT).then(
        {
            FIRST: [received(SENT, 1, direction="outgoing"), waits("unknown_recipient")],
            message(1): [taken_in(SENT, FIRST, "outgoing")],
        }
    )
    assert answer.outcome == "recorded"
    office.and_done(SENT).when(CloseTicket(ticket_id=FIRST)).then_nothing()


def test_it_is_filed_on_its_recipient(knowing):
    knowing.when(SENT).then(
        {
            FIRST: [
                received(SENT, 1, direction="outgoing"),
                TicketClassified(
                    filed_on=CLIENT, dossier_id=CLIENT.id, evidence=RecipientOwned(address_id=address_id(CLAIRE))
                ),
            ],
            message(1): [taken_in(SENT, FIRST, "outgoing")],
        }
    )


@pytest.mark.parametrize("automatic", [False, True], ids=["a person", "a robot"])
def test_the_first_answer_to_what_the_office_wrote_opens_the_ticket(office, automatic):
    answer = letter(2, answers=[1], automatic=automatic)
    office.and_done(SENT).when(answer).then(
        {FIRST: [continued(answer), TicketReopened(), waits()], message(2): [taken_in(answer, FIRST)]}
    )


@pytest.mark.parametrize("written_by_office", [True, False])
def test_a_bounce_comes_from_nobody_that_was_written_to_but_answers_the_office_alone(office, written_by_office):
    bounce = letter(2, "mailer-daemon@example.fr", answers=[1], automatic=True)
    first = SENT if written_by_office else ONE
    outcome = office.and_done(first).when(bounce).answered().outcome
    assert outcome == ("message" if written_by_office else "ticket")


def test_the_office_joins_the_conversation_of_those_to_whom_it_writes(office):
    reply = letter(2, CABINET, answers=[1], to=(CLAIRE,))
    office.and_done(ONE).when(reply).then(
        {
            FIRST: [continued(reply, Filing(reason="unknown_recipient"), direction="outgoing")],
            message(2): [taken_in(reply, FIRST, "outgoing")],
        }
    )


def test_what_the_office_passes_on_to_somebody_else_joins_the_conversation_that_it_is_from(office):
    passed_on = letter(2, CABINET, to=(STRANGER,), answers=[1], forwarded=CLAIRE)
    assert office.and_done(ONE).when(passed_on).answered().ticket_id == FIRST


def test_what_the_office_notes_for_itself_joins_the_conversation(office):
    assert office.and_done(ONE).when(letter(2, CABINET, answers=[1])).answered().ticket_id == FIRST


def test_a_copied_message_id_is_no_way_into_a_conversation_that_the_office_answered(office):
    reply, copy = letter(2, CABINET, to=(CLAIRE,), answers=[1]), letter(1, STRANGER, digest=9)
    for first, second in ((reply, copy), (copy, reply)):
        answered = office.and_done(ONE).and_done(first).when(second).answered()
        assert answered.ticket_id == (SECOND if second is copy else FIRST)


def test_what_the_office_sends_itself_is_no_work(office):
    office.when(loop := letter(1, CABINET)).then(
        {
            FIRST: [received(loop, 1, direction="outgoing"), waits("unknown_recipient")],
            message(1): [taken_in(loop, FIRST, "outgoing")],
        }
    )


FORWARD = letter(1, CABINET, forwarded=CLAIRE)


def test_what_is_forwarded_to_the_office_is_a_ticket_with_the_original_sender_suggested(knowing):
    suggested = Candidate(target=CLIENT, reason="original_sender")
    answer = knowing.when(FORWARD).then(
        {
            FIRST: [received(FORWARD, 1, direction="forwarded"), waits("forwarded", suggested)],
            message(1): [taken_in(FORWARD, FIRST, "forwarded")],
        }
    )
    assert answer.outcome == "ticket"


def test_what_a_colleague_wrote_and_another_passes_on_takes_no_correspondent_in(knowing):
    forward = letter(1, CABINET, forwarded=CABINET)
    knowing.when(forward).then(
        {
            FIRST: [received(forward, 1, direction="forwarded"), waits("forwarded")],
            message(1): [taken_in(forward, FIRST, "forwarded")],
        }
    )
    assert received(forward, 1, direction="forwarded").written_to == ()


def test_what_is_forwarded_to_a_stranger_is_the_offices_own_mail(knowing):
    forward = letter(1, CABINET, to=(STRANGER,), forwarded=CLAIRE)
    assert knowing.when(forward).answered().outcome == "recorded"


def test_who_forwards_for_others_is_no_collaborator(office):
    office.when(plain := letter(1, CLAIRE, forwarded=BRUNO)).then(
        {FIRST: [received(plain, 1), waits()], message(1): [taken_in(plain, FIRST)]}
    )


@pytest.mark.parametrize("how", ["associate", "share", "move"])
def test_the_offices_address_is_given_to_nobody(knowing, how):
    knowing.and_done(SENT).when(filing(FIRST, address=how)).then_raises(
        AddressIsOffices, address=CABINET, address_id=address_id(CABINET)
    )


# --- an answer to a ticket that is done with (T18) --------------------------------------------------------------


def test_an_answer_opens_a_closed_ticket_again(conversation):
    conversation.and_done(CloseTicket(ticket_id=FIRST)).when(REPLY).then(
        {FIRST: [continued(REPLY, OWNED, dossier_id=CLIENT.id), TicketReopened()], message(3): [taken_in(REPLY, FIRST)]}
    )


@pytest.mark.parametrize(
    ("reply", "direction", "found"),
    [
        (letter(3, answers=[2], automatic=True), "incoming", OWNED),
        (
            letter(3, CABINET, to=(CLAIRE,), answers=[2]),
            "outgoing",
            Filing(target=CLIENT, dossier_id=CLIENT.id, evidence=RecipientOwned(address_id=address_id(CLAIRE))),
        ),
    ],
    ids=["automatic", "the office's own"],
)
def test_no_robot_nor_the_office_itself_opens_it(conversation, reply, direction, found):
    conversation.and_done(CloseTicket(ticket_id=FIRST)).when(reply).then(
        {
            FIRST: [continued(reply, found, dossier_id=CLIENT.id, direction=direction)],
            message(3): [taken_in(reply, FIRST, direction)],
        }
    )


def test_a_ticket_on_hold_stays_so(conversation):
    conversation.and_done(PutTicketOnHold(ticket_id=FIRST)).when(REPLY).then(
        {FIRST: [continued(REPLY, OWNED, dossier_id=CLIENT.id)], message(3): [taken_in(REPLY, FIRST)]}
    )


def test_a_client_who_answers_brings_a_dismissed_ticket_back(conversation):
    conversation.and_done(DismissTicket(ticket_id=FIRST, reason="junk")).when(REPLY).then(
        {
            FIRST: [continued(REPLY, OWNED, dossier_id=CLIENT.id), TicketBroughtBack()],
            message(3): [taken_in(REPLY, FIRST)],
        }
    )


def test_a_client_s_robot_does_not(conversation):
    reply = letter(3, answers=[2], automatic=True)
    conversation.and_done(DismissTicket(ticket_id=FIRST, reason="junk")).when(reply).then(
        {FIRST: [continued(reply, OWNED, dossier_id=CLIENT.id)], message(3): [taken_in(reply, FIRST)]}
    )


def test_a_stranger_who_answers_does_not(office):
    office.and_done(ONE, DismissTicket(ticket_id=FIRST, reason="junk")).when(ANSWER).then(
        {FIRST: [continued(ANSWER)], message(2): [taken_in(ANSWER, FIRST)]}
    )


# --- where a conversation is filed --------------------------------------------------------------------------------


def test_a_later_message_from_a_known_address_files_the_ticket(knowing):
    first = letter(1, STRANGER, to=(CLAIRE, CABINET))
    filed = TicketClassified(
        filed_on=CLIENT, dossier_id=CLIENT.id, evidence=AddressOwned(address_id=address_id(CLAIRE))
    )
    knowing.and_done(first).when(ANSWER).then(
        {FIRST: [continued(ANSWER, OWNED), filed], message(2): [taken_in(ANSWER, FIRST)]}
    )


@pytest.mark.parametrize(
    ("decision", "dossier_id"),
    [(filing(FIRST), OTHER.id), (UnclassifyTicket(ticket_id=FIRST), None), (UndoFiling(ticket_id=FIRST), None)],
)
def test_what_somebody_decided_no_later_message_changes(conversation, decision, dossier_id):
    conversation.and_done(decision).when(REPLY).then(
        {FIRST: [continued(REPLY, OWNED, dossier_id=dossier_id)], message(3): [taken_in(REPLY, FIRST)]}
    )


# --- merging ----------------------------------------------------------------------------------------------------


def test_the_messages_of_a_ticket_that_is_merged_stand_on_the_other_which_stays_where_it_is_filed(conversation):
    answer = (
        conversation.and_done(APART)
        .when(merging(FIRST, SECOND))
        .then(
            {
                FIRST: [
                    TicketAbsorbed(ticket_id=SECOND, mails=(mail(APART, SECOND),), dossier_id=CLIENT.id, by_hand=True)
                ],
                SECOND: [TicketMerged(into=FIRST, mail_ids=(mail_id(APART),))],
            }
        )
    )
    assert (answer.id, answer.filed_on) == (FIRST, CLIENT)


def test_a_ticket_on_no_file_goes_to_the_others(conversation):
    mails = (mail(ONE, FIRST, OWNED), mail(ANSWER, FIRST, OWNED))
    conversation.and_done(APART).when(merging(SECOND, FIRST)).then(
        {
            SECOND: [
                TicketAbsorbed(ticket_id=FIRST, mails=mails, by_hand=True),
                TicketClassified(filed_on=CLIENT, dossier_id=CLIENT.id, evidence=CollaboratorChoice()),
            ],
            FIRST: [TicketMerged(into=SECOND, mail_ids=(mail_id(ONE), mail_id(ANSWER)), former_dossier_id=CLIENT.id)],
        }
    )


@pytest.mark.parametrize("closed", [FIRST, SECOND])
def test_a_closed_ticket_that_takes_in_an_open_one_is_open(conversation, closed):
    absorbed = TicketAbsorbed(ticket_id=SECOND, mails=(mail(APART, SECOND),), dossier_id=CLIENT.id, by_hand=True)
    conversation.and_done(APART, CloseTicket(ticket_id=closed)).when(merging(FIRST, SECOND)).then(
        {
            FIRST: [absorbed, TicketReopened()] if closed == FIRST else [absorbed],
            SECOND: [TicketMerged(into=FIRST, mail_ids=(mail_id(APART),))],
        }
    )


def test_merging_again_changes_nothing(conversation):
    again = conversation.and_done(APART, merging(FIRST, SECOND)).when(merging(FIRST, SECOND))
    assert again.then_nothing().filed_on == CLIENT


def test_a_ticket_is_not_merged_with_itself(conversation):
    conversation.when(merging(FIRST, FIRST)).then_raises(MergedWithItself, ticket_id=FIRST)


@pytest.mark.parametrize(("kept", "other", "named"), [(FIRST, THIRD, {"field": "other_id"}), (THIRD, FIRST, {})])
def test_tickets_that_are_merged_exist(conversation, kept, other, named):
    conversation.when(merging(kept, other)).then_raises(NotFound, kind="ticket", id=THIRD, **named)


@pytest.mark.parametrize("dismissed", [FIRST, SECOND])
def test_a_dismissed_ticket_is_merged_with_none(conversation, dismissed):
    conversation.and_done(APART, DismissTicket(ticket_id=dismissed, reason="junk")).when(
        merging(FIRST, SECOND)
    ).then_raises(TicketIsDismissed, ticket_id=dismissed, reason="junk")


@pytest.mark.parametrize(("kept", "other"), [(SECOND, THIRD), (THIRD, SECOND)])
def test_a_ticket_that_was_merged_is_merged_with_no_other(conversation, kept, other):
    conversation.and_done(APART, letter(5), merging(FIRST, SECOND)).when(merging(kept, other)).then_raises(
        TicketWasMerged, ticket_id=SECOND, into=FIRST
    )


REFUSED_ON_MERGED = [
    filing(SECOND),
    UnclassifyTicket(ticket_id=SECOND),
    UndoFiling(ticket_id=SECOND),
    CloseTicket(ticket_id=SECOND),
    PutTicketOnHold(ticket_id=SECOND),
    AssignTicket(ticket_id=SECOND, collaborator_id=None),
    DismissTicket(ticket_id=SECOND, reason="junk"),
    BringBackTicket(ticket_id=SECOND),
    CommentOnTicket(ticket_id=SECOND, comment_id=UUID(int=7), text="Rappeler"),
]


@pytest.mark.parametrize("asked", REFUSED_ON_MERGED, ids=lambda asked: type(asked).__name__)
def test_nothing_is_done_with_a_ticket_that_was_merged(conversation, asked):
    conversation.and_done(APART, merging(FIRST, SECOND)).when(asked).then_raises(
        TicketWasMerged, ticket_id=SECOND, into=FIRST
    )


# --- splitting ----------------------------------------------------------------------------------------------------


def test_a_message_split_off_is_a_ticket_of_its_own_on_the_same_file(conversation):
    answer = conversation.when(splitting(FIRST, ANSWER)).then(
        {
            FIRST: [TicketMessageTakenOff(mail_id=mail_id(ANSWER), to_ticket_id=SECOND)],
            SECOND: [
                split_off(ANSWER, 2),
                TicketClassified(filed_on=CLIENT, dossier_id=CLIENT.id, evidence=CollaboratorChoice()),
            ],
        }
    )
    assert answer.id == SECOND


def test_split_off_a_ticket_on_no_file_it_tells_why_it_waits(office):
    office.and_done(ONE, ANSWER).when(splitting(FIRST, ANSWER)).then(
        {
            FIRST: [TicketMessageTakenOff(mail_id=mail_id(ANSWER), to_ticket_id=SECOND)],
            SECOND: [split_off(ANSWER, 2), waits()],
        }
    )


def test_what_it_was_filed_by_is_split_off_and_the_ticket_stays_where_it_is(knowing):
    """A person takes the message off, and finds the ticket where it was; no rule moves it meanwhile."""
    first = letter(1, STRANGER, to=(CLAIRE, CABINET))
    knowing.and_done(first, ANSWER).when(splitting(FIRST, ANSWER)).then(
        {
            FIRST: [TicketMessageTakenOff(mail_id=mail_id(ANSWER), to_ticket_id=SECOND)],
            SECOND: [
                split_off(ANSWER, 2),
                TicketClassified(filed_on=CLIENT, dossier_id=CLIENT.id, evidence=CollaboratorChoice()),
            ],
        }
    )


def test_answers_to_it_go_where_it_is(conversation):
    assert conversation.and_done(splitting(FIRST, ANSWER)).when(REPLY).answered().ticket_id == SECOND


def test_answers_to_what_stayed_stay(conversation):
    reply = letter(3, answers=[1])
    assert conversation.and_done(splitting(FIRST, ANSWER)).when(reply).answered().ticket_id == FIRST


def test_answers_to_it_go_where_it_is_though_the_ticket_that_it_left_was_merged(conversation):
    office = conversation.and_done(splitting(FIRST, ANSWER), APART, merging(THIRD, FIRST))
    assert office.when(REPLY).answered().ticket_id == SECOND


def test_what_answers_both_what_was_split_off_and_what_stayed_leaves_them_apart(conversation):
    reply = letter(3, answers=[1, 2])
    conversation.and_done(splitting(FIRST, ANSWER)).when(reply).then(
        {FIRST: [continued(reply, OWNED, dossier_id=CLIENT.id)], message(3): [taken_in(reply, FIRST)]}
    )


def test_it_is_merged_back(conversation):
    office = conversation.and_done(splitting(FIRST, ANSWER), merging(FIRST, SECOND))
    assert office.when(REPLY).answered().ticket_id == FIRST
    assert office.when(ANSWER).answered().ticket_id == FIRST
    assert office.when(splitting(FIRST, ANSWER)).answered().id == THIRD


def test_the_ticket_that_it_left_is_merged_into_it(conversation):
    office = conversation.and_done(splitting(FIRST, ANSWER), merging(SECOND, FIRST))
    for asked in (REPLY, ANSWER, ONE, letter(5, answers=[1])):
        assert office.when(asked).answered().ticket_id == SECOND


def test_what_is_split_off_of_a_ticket_that_took_in_others_is_found_again(conversation):
    office = conversation.and_done(APART, merging(SECOND, FIRST), splitting(SECOND, ANSWER))
    assert office.when(REPLY).answered().ticket_id == THIRD


def test_the_offices_own_message_split_off_is_closed_and_opens_by_an_answer(conversation):
    sent = letter(3, CABINET, to=(CLAIRE,), answers=[2])
    answer = letter(4, answers=[3])
    office = conversation.and_done(sent, splitting(FIRST, sent))
    office.when(CloseTicket(ticket_id=SECOND)).then_nothing()
    office.when(answer).then(
        {
            SECOND: [continued(answer, OWNED, dossier_id=CLIENT.id), TicketReopened()],
            message(4): [taken_in(answer, SECOND)],
        }
    )


def test_the_message_that_opened_a_ticket_stays(conversation):
    conversation.when(splitting(FIRST, ONE)).then_raises(FirstMessageStays, ticket_id=FIRST, mail_id=mail_id(ONE))


@pytest.mark.parametrize("elsewhere", [APART, REPLY], ids=["on another ticket", "nowhere"])
def test_only_a_message_of_the_ticket_is_split_off(conversation, elsewhere):
    conversation.and_done(APART).when(splitting(FIRST, elsewhere)).then_raises(
        NotOnTicket, ticket_id=FIRST, mail_id=mail_id(elsewhere)
    )


def test_a_message_is_split_off_once(conversation):
    conversation.and_done(splitting(FIRST, ANSWER)).when(splitting(FIRST, ANSWER)).then_raises(
        NotOnTicket, ticket_id=FIRST, mail_id=mail_id(ANSWER)
    )


def test_nothing_is_split_off_a_dismissed_ticket(conversation):
    conversation.and_done(DismissTicket(ticket_id=FIRST, reason="junk")).when(splitting(FIRST, ANSWER)).then_raises(
        TicketIsDismissed, ticket_id=FIRST, reason="junk"
    )


def test_nothing_is_split_off_a_ticket_that_was_merged(conversation):
    conversation.and_done(APART, merging(SECOND, FIRST)).when(splitting(FIRST, ANSWER)).then_raises(
        TicketWasMerged, ticket_id=FIRST, into=SECOND
    )


def test_nothing_is_split_off_a_ticket_that_does_not_exist(conversation):
    conversation.when(splitting(THIRD, ANSWER)).then_raises(NotFound, kind="ticket", id=THIRD)


def test_a_message_that_was_erased_is_not_split_off():
    erased = TicketContinued(filing=UNKNOWN, content=ERASED, **facts(ANSWER))
    given(FIRST, received(ONE, 1), waits(), erased).when(splitting(FIRST, ANSWER)).then_raises(
        MessageErased, ticket_id=FIRST, mail_id=mail_id(ANSWER)
    )


# --- undoing a filing (X3) ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("done", "back_on", "from_"),
    [
        ([], None, CLIENT),
        ([filing(FIRST)], CLIENT, OTHER),
        ([UnclassifyTicket(ticket_id=FIRST)], CLIENT, None),
        ([UnclassifyTicket(ticket_id=FIRST), filing(FIRST)], None, OTHER),
    ],
    ids=["filed on arrival", "filed elsewhere", "taken off", "filed again"],
)
def test_the_last_filing_is_undone(conversation, done, back_on, from_):
    answer = conversation.and_done(*done).when(UndoFiling(ticket_id=FIRST)).then({FIRST: [undone(back_on, from_)]})
    assert answer.filed_on == back_on


def test_it_is_undone_once(conversation):
    conversation.and_done(filing(FIRST), UndoFiling(ticket_id=FIRST)).when(UndoFiling(ticket_id=FIRST)).then_raises(
        NothingToUndo, ticket_id=FIRST
    )


def test_where_nothing_was_filed_there_is_nothing_to_undo(knowing):
    knowing.and_done(APART).when(UndoFiling(ticket_id=FIRST)).then_raises(NothingToUndo, ticket_id=FIRST)


def test_a_dismissed_tickets_filing_is_not_undone(conversation):
    conversation.and_done(DismissTicket(ticket_id=FIRST, reason="junk")).when(UndoFiling(ticket_id=FIRST)).then_raises(
        TicketIsDismissed, ticket_id=FIRST, reason="junk"
    )


def test_undoing_leaves_the_address_alone(knowing):
    knowing.and_done(letter(1, BRUNO), filing(FIRST, address="associate"), UndoFiling(ticket_id=FIRST)).when(
        later := letter(2, BRUNO)
    ).then(
        {
            SECOND: [
                received(later, 2),
                TicketClassified(
                    filed_on=OTHER, dossier_id=OTHER.id, evidence=AddressOwned(address_id=address_id(BRUNO))
                ),
            ],
            message(2): [taken_in(later, SECOND)],
        }
    )
