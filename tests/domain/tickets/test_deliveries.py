"""In whatever order letters come, and however often: the same tickets, conversations and files."""

from collections import Counter
from functools import cache

from hypothesis import given
from hypothesis import strategies as st

from domain.commands import handlers
from domain.messages.message import Message, content_stream_id, message_stream_id
from domain.tickets.conversation import current_ticket
from domain.tickets.events import TicketClassified
from domain.tickets.ticket import Ticket
from tests.correspondence import FURNISHING, conversations, deliveries, mailboxes, taken_in, told
from tests.given_when_then import InMemoryStreams


def execute(streams, command):
    answer = handlers()[type(command)](command, streams)
    for stream_id, events in streams.appended.items():
        streams.events[stream_id] += events
    streams.appended = {}
    return answer


@cache
def furnished():
    streams = InMemoryStreams()
    for command in FURNISHING:
        execute(streams, command)
    return {stream_id: tuple(events) for stream_id, events in streams.events.items()}


class Delivered:
    """An office to which letters came in this order."""

    def __init__(self, letters):
        self.streams = InMemoryStreams()
        self.streams.events.update((stream_id, list(events)) for stream_id, events in furnished().items())
        self.outcomes = []
        self.places = {}
        for letter in letters:
            answer = execute(self.streams, taken_in(letter))
            self.outcomes.append(answer.outcome)
            self.places[letter] = answer.mail_id, answer.ticket_id

    def ticket(self, letter):
        return current_ticket(*self.places[letter], self.streams)

    def mail(self, letter):
        mail_id, _ = self.places[letter]
        return self.ticket(letter).mail(mail_id)

    def tickets(self):
        """The letters of each ticket."""
        found = {}
        for letter in self.places:
            found.setdefault(self.ticket(letter).id, set()).add(letter)
        return found

    def told(self):
        return told(self.streams.load(Ticket, ticket_id) for ticket_id in self.tickets())


small = mailboxes(of=(2, 9), ids=5)


@given(small, st.data())
def test_who_answers_whom_is_one_ticket_with_them_in_whatever_order_they_come(mailbox, data):
    delivered = Delivered(data.draw(deliveries(mailbox)))

    assert {frozenset(letters) for letters in delivered.tickets().values()} == conversations(mailbox)
    for ticket_id, letters in delivered.tickets().items():
        sent_only = {letter.direction for letter in letters} == {"outgoing"}
        assert delivered.streams.load(Ticket, ticket_id).state == ("closed" if sent_only else "open")


@given(small, st.data())
def test_a_shuffled_delivery_is_filed_as_a_quiet_one(mailbox, data):
    assert Delivered(data.draw(deliveries(mailbox))).told() == Delivered(mailbox).told()


@given(small, st.data())
def test_nothing_is_lost_or_doubled(mailbox, data):
    order = data.draw(deliveries(mailbox))
    delivered = Delivered(order)

    assert delivered.outcomes.count("duplicate") == len(order) - len(mailbox)
    standing = [mail.mail_id for ticket in delivered.tickets() for mail in delivered.streams.load(Ticket, ticket).mails]
    assert Counter(standing) == Counter(mail_id for mail_id, _ in delivered.places.values())
    for letter in mailbox:
        mail = delivered.mail(letter)
        assert (mail.direction, mail.automatic, mail.sent_at) == (letter.direction, letter.automatic, letter.sent_at)
        identity = taken_in(letter).identity
        message = delivered.streams.load(Message, message_stream_id(delivered.streams, identity))
        assert message.known(content_stream_id(delivered.streams, identity)).mail_id == mail.mail_id
    marked = Counter(letter.message_id for letter in mailbox if delivered.mail(letter).same_message_id)
    ids = Counter(letter.message_id for letter in mailbox if letter.message_id)
    assert marked == +Counter({message_id: count - 1 for message_id, count in ids.items()})


@given(small, st.data())
def test_a_ticket_is_filed_on_what_one_of_its_letters_gave(mailbox, data):
    delivered = Delivered(data.draw(deliveries(mailbox)))

    for ticket_id in delivered.tickets():
        ticket = delivered.streams.load(Ticket, ticket_id)
        filed = [event for event in delivered.streams.events[ticket_id] if isinstance(event, TicketClassified)]
        found = [(mail.filing.target, mail.filing.evidence) for mail in ticket.mails if mail.filing.target]
        assert bool(filed) == bool(found)
        if filed:
            assert (filed[-1].filed_on, filed[-1].evidence) in found
