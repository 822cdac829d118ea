from uuid import UUID

from domain.message import Message, MessageTakenIn

STREAM, CONTENT, TICKET = UUID(int=1), UUID(int=2), UUID(int=3)


def test_a_content_is_taken_in_once():
    message = Message(id=STREAM)
    taken_in = message.take_in(CONTENT, TICKET)
    assert taken_in == [MessageTakenIn(content_id=CONTENT, ticket_id=TICKET)]
    assert message.after(taken_in).take_in(CONTENT, UUID(int=4)) == []


def test_the_ticket_of_each_content_is_known():
    other = MessageTakenIn(content_id=UUID(int=5), ticket_id=UUID(int=6))
    message = Message(id=STREAM).after([MessageTakenIn(content_id=CONTENT, ticket_id=TICKET), other])
    assert message.version == 2
    assert message.ticket_of(CONTENT) == TICKET
    assert message.ticket_of(UUID(int=5)) == UUID(int=6)
    assert message.ticket_of(UUID(int=7)) is None


def test_a_fact_that_decisions_do_not_need_changes_no_state(office):
    message = Message(id=STREAM)
    assert message.evolve(office.registered()) == message
