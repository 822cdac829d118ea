"""Tickets found by what their messages say and by how they stand, as mail arrives and tickets move."""

from datetime import timedelta
from uuid import UUID

import pytest

from domain.contracts.contract import ContractRegistered, Policy
from domain.events import ERASED
from domain.messages.message import MessageTakenIn
from domain.tickets.events import (
    Attachment,
    TicketAbsorbed,
    TicketAssigned,
    TicketBroughtBack,
    TicketClassified,
    TicketClosed,
    TicketContinued,
    TicketDismissed,
    TicketMerged,
    TicketMessageTakenOff,
    TicketPutOnHold,
    TicketReceived,
    TicketSplitOff,
)
from domain.tickets.filing import Filing
from domain.values import Target
from projections import ticket_search
from projections.queries.paging import BadCursor
from projections.queries.reading import views_of
from tests.projections.facts import filed, person, received, target

CLAIRE, BRUNO, CONTRACT = UUID(int=1), UUID(int=2), UUID(int=3)
ANNE, PAUL = UUID(int=20), UUID(int=21)


class Mailbox:
    """The tickets of an office, by the number of each; `found` are those that a search gives, in its order."""

    def __init__(self, views):
        self.views = views
        self._mails = 0

    def receive(self, number, text="", **more):
        """A message opens a ticket. Gives what the message goes by."""
        self._mails += 1
        mail_id = UUID(int=1000 + self._mails)
        self.views.happened(ticket(number), received(number, text=text, mail_id=mail_id, **FROM_NOBODY | more))
        return mail_id

    def go_on(self, number, text="", **more):
        """One more message of the ticket's conversation."""
        self._mails += 1
        mail_id = UUID(int=1000 + self._mails)
        first = received(number, text=text, mail_id=mail_id, **FROM_NOBODY | more)
        facts = {name: value for name, value in first if name in TicketContinued.model_fields}
        self.views.happened(ticket(number), TicketContinued(filing=Filing(reason="unknown_address"), **facts))
        return mail_id

    def happened(self, number, *events):
        self.views.happened(ticket(number), *events)

    def search(self, text=None, **options):
        return self.views.page(ticket_search.search, text=text, **options)

    def found(self, text=None, **options):
        return numbers(self.search(text, **options))

    def at(self, position):
        return self.views.noon + timedelta(seconds=position)


FROM_NOBODY = {"subject": "", "from_name": "", "from_address": None}


def ticket(number):
    return UUID(int=100 + number)


def numbers(page):
    return [found.ticket.number for found in page.items]


@pytest.fixture(params=["few", "many"])
def mailbox(request, telling, monkeypatch):
    """Searched through the tickets' messages, and through the words' index: both find the same."""
    if request.param == "many":
        monkeypatch.setattr(ticket_search, "_FEW", -1)
    told = telling(*views_of(ticket_search.search))
    yield Mailbox(told)
    assert told.equal_to_replay()


# --- words ----------------------------------------------------------------------------------------


def test_every_word_is_in_the_message_wherever_it_stands(mailbox):
    mailbox.receive(1, "Je résilie mon contrat.", subject="Résiliation", from_name="Claire Bonnet")
    mailbox.receive(2, "Je déclare un sinistre.", subject="Sinistre", from_name="Claire Bonnet")
    mailbox.receive(3, "Je résilie.", from_name="Bruno Martin", from_address="bruno@cabinet-bonnet.example")
    mailbox.receive(4, "Bonjour", to=("contrats@deux-rives.example",), cc=("copie@deux-rives.example",))
    mailbox.receive(5, attachments=(Attachment(part=2, name="Relevé-2026.pdf", content_type="x/y", size=3),))
    assert mailbox.found("bonnet") == [3, 2, 1]
    assert mailbox.found("Bonnet résilie") == [3, 1]
    assert mailbox.found("BONNET resilie contrat") == [1]
    assert mailbox.found("résil* claire") == [1]
    assert mailbox.found("bonnet@") == [3, 2, 1]
    assert mailbox.found("copie deux-rives") == [4]
    assert mailbox.found("releve 2026") == [5]
    assert mailbox.found("résil") == mailbox.found("bonnet martin sinistre") == mailbox.found("…") == []


def test_a_hit_tells_its_message_and_shows_the_words(mailbox):
    views = mailbox.views
    views.happened(CLAIRE, person("Bonnet", "Claire"))
    mailbox.receive(1, "Bonjour,\n\nje  résilie mon contrat.", subject="Contrat", from_name="Claire")
    mailbox.happened(1, filed(CLAIRE))
    answer = mailbox.go_on(1, "Votre résiliation est enregistrée.", direction="outgoing")
    mailbox.receive(2, "Autre chose", subject="Résiliation")
    second, first = mailbox.search("résil*").items
    assert (first.ticket.number, first.ticket.filed_under[0].label, first.ticket.subject) == (
        1,
        "Claire Bonnet",
        "Contrat",
    )
    assert (first.mail_id, first.direction, first.subject, first.part) == (answer, "outgoing", "(sans objet)", "body")
    assert first.received_at == mailbox.at(4)
    assert (first.snippet.text, first.snippet.hits) == ("Votre résiliation est enregistrée.", [(6, 17)])
    assert (second.part, second.snippet.text, second.snippet.hits) == ("subject", "Résiliation", [(0, 11)])
    (without_words,) = mailbox.search(on=target(CLAIRE)).items
    assert (without_words.part, without_words.snippet.hits) == ("body", [])


def test_the_part_that_is_shown_is_one_in_which_a_word_stands(mailbox):
    mailbox.receive(1, "Bonjour", from_name="Claire Bonnet", from_address="claire@courriel.example")
    mailbox.receive(2, "Bonjour", to=("bonnet@office.example",))
    mailbox.receive(3, attachments=(Attachment(part=2, name="bonnet.pdf", content_type="x/y", size=3),))
    shown = [(one.part, one.snippet.text) for one in mailbox.search("bonnet").items]
    assert shown == [
        ("attachments", "bonnet.pdf"),
        ("to", "bonnet@office.example"),
        ("from", "Claire Bonnet <claire@courriel.example>"),
    ]


def test_a_message_is_found_once_it_is_known_under_its_identity(mailbox):
    mail_id = mailbox.receive(1, "résiliation")
    mailbox.receive(2, "sinistre")
    taken = MessageTakenIn(content_id=UUID(int=7), mail_id=mail_id, ticket_id=ticket(1))
    mailbox.views.happened(UUID(int=8), taken)
    assert mailbox.found("résiliation") == [1]


def test_what_was_erased_is_not_found(mailbox):
    mailbox.receive(1, "résiliation", content=ERASED)
    mailbox.receive(2, "résiliation")
    assert mailbox.found("résiliation") == mailbox.found() == [2]


# --- the period, and how tickets stand ------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "bonnet"])
def test_a_period_begins_with_its_first_moment_and_ends_before_its_last(mailbox, text):
    for number in (1, 2, 3, 4):
        mailbox.receive(number, "bonnet")
    assert mailbox.found(text, since=mailbox.at(2)) == [4, 3, 2]
    assert mailbox.found(text, before=mailbox.at(3)) == [2, 1]
    assert mailbox.found(text, since=mailbox.at(2), before=mailbox.at(3)) == [2]
    assert mailbox.found(text, since=mailbox.at(2), before=mailbox.at(2)) == []
    assert mailbox.found(text, since=mailbox.at(5)) == mailbox.found(text, before=mailbox.at(1)) == []
    assert mailbox.found(text, since=mailbox.at(1_000_000)) == []
    assert mailbox.found(text, before=mailbox.at(1_000_000)) == [4, 3, 2, 1]


@pytest.mark.parametrize("text", [None, "bonnet"])
def test_periods_far_apart(mailbox, text):
    """Beyond what the clocks of an office may differ by."""
    mailbox.views.noon -= timedelta(days=30)
    mailbox.receive(1, "bonnet")
    mailbox.receive(2, "bonnet")
    mailbox.views.noon += timedelta(days=30)
    mailbox.receive(3, "bonnet")
    mailbox.receive(4, "bonnet")
    day = timedelta(days=1)
    assert mailbox.found(text, since=mailbox.at(0) - day) == [4, 3]
    assert mailbox.found(text, before=mailbox.at(0) - day) == [2, 1]
    assert mailbox.found(text, since=mailbox.at(0) - 40 * day, before=mailbox.at(0) - 20 * day) == [2, 1]
    assert mailbox.found(text, since=mailbox.at(0) - 20 * day, before=mailbox.at(0) - 10 * day) == []


def test_the_newest_hit_of_the_period_is_shown(mailbox):
    first = mailbox.receive(1, "bonnet")
    second = mailbox.go_on(1, "bonnet", direction="outgoing")
    mailbox.go_on(1, "martin")
    mailbox.receive(2, "martin")

    def shown(text, **options):
        return [found.mail_id for found in mailbox.search(text, **options).items]

    assert shown("bonnet") == [second]
    assert shown("bonnet", before=mailbox.at(2)) == [first]
    assert shown("bonnet", direction="incoming") == [first]
    assert mailbox.found("bonnet martin") == []
    assert mailbox.found("martin") == mailbox.found() == [2, 1]
    assert mailbox.found(direction="outgoing") == [1]


def test_tickets_are_those_that_stand_so(mailbox):
    for number in (1, 2, 3, 4):
        mailbox.receive(number, "bonnet")
    mailbox.happened(1, TicketPutOnHold(), TicketAssigned(collaborator_id=ANNE))
    mailbox.happened(2, TicketClosed(), filed(CLAIRE))
    mailbox.happened(3, TicketAssigned(collaborator_id=PAUL))
    for text in (None, "bonnet"):
        assert mailbox.found(text, state="waiting") == [1]
        assert mailbox.found(text, state="open") == [4, 3]
        assert mailbox.found(text, filed=True) == [2]
        assert mailbox.found(text, filed=False) == [4, 3, 1]
        assert mailbox.found(text, assigned=True) == [3, 1]
        assert mailbox.found(text, assigned=False, state="open") == [4]
        assert mailbox.found(text, assigned_to=ANNE) == [1]
        assert mailbox.found(text, assigned_to=ANNE, filed=True) == []


def test_what_was_dismissed_shows_only_where_it_is_asked_for(mailbox):
    mailbox.receive(1, "bonnet")
    mailbox.receive(2, "bonnet")
    mailbox.happened(1, TicketDismissed(reason="advertising"))
    assert mailbox.found("bonnet") == mailbox.found() == [2]
    assert mailbox.found("bonnet", with_dismissed=True) == [2, 1]
    mailbox.happened(1, TicketBroughtBack())
    assert mailbox.found("bonnet") == [2, 1]


def test_what_the_office_wrote_is_found_too(mailbox):
    mailbox.receive(1, "bonnet", direction="outgoing")
    mailbox.receive(2, "bonnet")
    assert mailbox.found("bonnet") == [2, 1]
    assert mailbox.found("bonnet", direction="outgoing") == [1]


def test_a_file_s_tickets_are_those_on_what_stands_under_it_too(mailbox):
    views = mailbox.views
    views.happened(CLAIRE, person("Bonnet"))
    views.happened(BRUNO, person("Martin", number=2))
    views.happened(CONTRACT, ContractRegistered(dossier_id=CLAIRE, policy=Policy(number="MRH-1", product="")))
    for number in (1, 2, 3, 4):
        mailbox.receive(number, "résiliation")
    on_contract = Target(kind="contract", id=CONTRACT)
    mailbox.happened(1, filed(CLAIRE))
    mailbox.happened(2, filed(BRUNO))
    mailbox.happened(3, TicketClassified(filed_on=on_contract, dossier_id=CLAIRE, evidence=filed(CLAIRE).evidence))
    for text in (None, "résil*"):
        assert mailbox.found(text, on=target(CLAIRE)) == [3, 1]
        assert mailbox.found(text, on=on_contract) == [3]
        assert mailbox.found(text, on=target(BRUNO)) == [2]
        assert mailbox.found(text, on=target(UUID(int=9))) == []
    assert mailbox.found("sinistre", on=target(CLAIRE)) == []


def test_messages_are_found_on_the_ticket_where_they_stand_now(mailbox):
    mail = mailbox.receive(1, "bonnet")
    mailbox.receive(2, "martin")
    mailbox.happened(1, TicketMerged(into=ticket(2), mail_ids=(mail,)))
    mailbox.happened(2, TicketAbsorbed(ticket_id=ticket(1), mails=()))
    assert mailbox.found("bonnet") == mailbox.found("martin") == mailbox.found() == [2]
    assert mailbox.found("bonnet", with_dismissed=True) == [2]
    second = mailbox.go_on(2, "durand")
    assert mailbox.found("durand") == [2]
    mailbox.happened(2, TicketMessageTakenOff(mail_id=second, to_ticket_id=ticket(3)))
    split = received(3, text="durand", mail_id=second, **FROM_NOBODY)
    facts = {name: value for name, value in split if name in TicketReceived.model_fields}
    mailbox.happened(3, TicketSplitOff(from_ticket_id=ticket(2), **facts))
    assert mailbox.found("durand") == [3]
    assert mailbox.found() == [3, 2]


# --- pages ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [None, "bonnet"])
def test_pages_show_each_ticket_once_though_mail_arrives_meanwhile(mailbox, text):
    for number in (1, 2, 3, 4, 5):
        mailbox.receive(number, "bonnet")
    mailbox.go_on(2, "bonnet")
    first = mailbox.search(text, limit=2)
    assert numbers(first) == [2, 5]
    mailbox.go_on(1, "bonnet")
    mailbox.go_on(5, "bonnet")
    mailbox.receive(6, "bonnet")
    second = mailbox.search(text, limit=2, cursor=first.next_cursor)
    mailbox.go_on(3, "bonnet")
    third = mailbox.search(text, limit=2, cursor=second.next_cursor)
    assert (numbers(second), numbers(third), third.next_cursor) == ([4, 3], [1], None)
    assert mailbox.found(text) == [3, 6, 5, 1, 2, 4]


def test_the_last_page_says_that_it_is(mailbox):
    mailbox.receive(1, "bonnet")
    mailbox.receive(2, "bonnet")
    assert mailbox.search("bonnet", limit=2).next_cursor is None
    assert mailbox.search("bonnet", limit=1).next_cursor is not None
    assert mailbox.search("martin", limit=1).items == []
    assert mailbox.search("bonnet").total is None


@pytest.mark.parametrize("cursor", ["!", "WzFd", "WzEsImEiXQ"])
def test_a_cursor_of_another_list(mailbox, cursor):
    with pytest.raises(BadCursor):
        mailbox.search("bonnet", cursor=cursor)
