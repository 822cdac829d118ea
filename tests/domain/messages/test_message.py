from uuid import UUID

from domain.messages.message import MOST_AWAITING, Message, MessageReferredTo, MessageTakenIn, referred_stream_ids
from tests.given_when_then import InMemoryStreams, keyed_id

STREAM, CONTENT, TICKET = UUID(int=1), UUID(int=2), UUID(int=3)
TAKEN_IN = MessageTakenIn(content_id=CONTENT, mail_id=UUID(int=8), ticket_id=TICKET)


def test_a_content_is_taken_in_once():
    message = Message(id=STREAM)
    assert message.take_in(TAKEN_IN) == [TAKEN_IN]
    assert message.after([TAKEN_IN]).take_in(TAKEN_IN.model_copy(update={"ticket_id": UUID(int=4)})) == []


def test_the_ticket_of_each_content_is_known():
    other = MessageTakenIn(content_id=UUID(int=5), mail_id=UUID(int=9), ticket_id=UUID(int=6))
    message = Message(id=STREAM).after([TAKEN_IN, other])
    assert message.version == 2
    assert message.known(CONTENT) == TAKEN_IN
    assert message.known(UUID(int=5)) == other
    assert message.known(UUID(int=7)) is None


def test_only_so_many_messages_wait_for_one_that_they_refer_to():
    referred = MessageReferredTo(mail_id=UUID(int=8), ticket_id=TICKET, sender_id=None)
    waiting = Message(id=STREAM).after([referred] * (MOST_AWAITING - 1))
    assert waiting.refer(referred) == [referred]
    assert waiting.after([referred]).refer(referred) == []


def test_of_many_references_the_first_and_the_last_are_followed():
    ids = [f"{number}@example.fr" for number in range(30)]
    followed = [ids[0], *ids[-8:], "parent@example.fr"]
    expected = tuple(keyed_id("message_id", one) for one in followed)
    assert referred_stream_ids(InMemoryStreams(), ids, "parent@example.fr") == expected
    assert len(referred_stream_ids(InMemoryStreams(), ids[:3], ids[2])) == 3


def test_a_fact_that_decisions_do_not_need_changes_no_state(office):
    message = Message(id=STREAM)
    assert message.evolve(office.registered()) == message
