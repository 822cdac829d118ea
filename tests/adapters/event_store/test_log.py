from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from uuid import UUID, uuid4

import pytest
from eventsourcing.persistence import OperationalError
from sqlalchemy import make_url

from adapters.databases import StoreUnavailable, sqlite_url
from adapters.event_store.log import CommandIdReused, EventLog, IfMatch, StaleVersion, TooMuchContention
from adapters.event_store.mapper import Draft, context_json, sealing_key
from domain.aggregates import NotFound
from domain.clients.client import ActivateClient, Client, ClientActivated, Person, ProspectRegistered, RegisterClient
from domain.commands import Warned
from domain.contracts.contract import RegisterContract
from domain.email_addresses.email_address import (
    AddressBelongsToAnother,
    EmailAddress,
    EmailAddressAssociated,
    EmailAddressRemoved,
    email_address_id,
)
from domain.events import Actor, Context, EventTypes, office_event_types
from domain.messages.message import MessageIdentity
from domain.targets import AssociateEmailAddress, RemoveEmailAddress
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.events import MessageContent, StoredFile
from domain.tickets.ticket import Ticket
from domain.values import Target
from projections.engine.log import Unreadable
from tests.waiting import PATIENCE

ADDRESS = "zoe.lefevre@exemple.fr"


def register(client_id=None, *addresses, last_name="Lefèvre"):
    return RegisterClient(
        client_id=client_id or uuid4(), identity=Person(last_name=last_name), email_addresses=addresses
    )


def receive(from_address=ADDRESS):
    return ReceiveMessage(
        identity=MessageIdentity(message_id="<1@exemple.fr>", content_digest="0" * 64),
        content=MessageContent(
            from_address=from_address,
            from_name="",
            subject="Sinistre",
            text="",
            message_id=None,
            raw=StoredFile(name="name", key="key", size=1),
        ),
        sent_at=None,
    )


def events(log):
    return [
        type(recorded.event) for recorded in log.read(0, 1000, {cls.topic() for cls in office_event_types()}).events
    ]


@pytest.fixture
def open_log(url, vault):
    """Opens the log of `log` again, as other processes would."""
    opened = []

    def open_log(next_number=lambda _: 1, types=None, **others):
        opened.append(EventLog(url, vault, types or office_event_types(), next_number=next_number, **others))
        return opened[-1]

    yield open_log
    for one in opened:
        one.close()


# --- executing --------------------------------------------------------------------------------


def test_what_was_decided_is_in_the_log_and_the_answer_says_where(log, actor):
    client_id = uuid4()
    answer = log.execute(register(client_id, ADDRESS), actor)
    assert events(log) == [ProspectRegistered, EmailAddressAssociated]
    assert answer.position == log.head() == 2
    assert (answer.id, answer.version) == (client_id, 1)
    assert answer.result == {}


def test_a_refusal_stores_nothing_and_its_command_may_come_again(log, actor):
    log.execute(register(None, ADDRESS), actor)
    client_id, command_id = uuid4(), uuid4()
    refused = register(client_id, "fresh@exemple.fr", ADDRESS)
    with pytest.raises(AddressBelongsToAnother):
        log.execute(refused, actor, command_id=command_id)
    assert log.head() == 2
    assert log.state(Client, client_id).version == 0
    owner = log.state(EmailAddress, email_address_id(log, ADDRESS)).owners[0]
    log.execute(
        RemoveEmailAddress(owner=Target(kind="client", id=owner.id), address_id=email_address_id(log, ADDRESS)), actor
    )
    assert log.execute(refused, actor, command_id=command_id).position == log.head() == 6


def test_a_decision_that_changes_nothing_appends_nothing(log, actor):
    client_id = uuid4()
    log.execute(register(client_id), actor)
    log.execute(ActivateClient(client_id=client_id), actor)
    answer = log.execute(ActivateClient(client_id=client_id), actor)
    assert events(log) == [ProspectRegistered, ClientActivated]
    assert answer.position == 2
    assert (answer.id, answer.version) == (client_id, 2)


def test_what_does_not_exist_is_not_found(log, actor):
    with pytest.raises(NotFound) as refusal:
        log.execute(ActivateClient(client_id=uuid4()), actor)
    assert refusal.value.kind == "client"
    assert log.head() == 0


def test_a_stream_of_another_kind_is_not_found(log, actor):
    client_id = uuid4()
    log.execute(register(client_id, ADDRESS), actor)
    with pytest.raises(NotFound) as refusal:
        log.state(EmailAddress, client_id)
    assert str(refusal.value) == f"there is no e-mail address {client_id}"
    with pytest.raises(NotFound):
        log.execute(RemoveEmailAddress(owner=Target(kind="client", id=client_id), address_id=client_id), actor)
    with pytest.raises(NotFound):
        log.execute(ActivateClient(client_id=email_address_id(log, ADDRESS)), actor)


def test_every_event_of_a_command_carries_its_envelope(open_log, actor):
    at = datetime(2026, 3, 31, 9, 30, 15, 123456, tzinfo=UTC)
    log = open_log(clock=lambda: at)
    command_id, correlation_id, causation_id, client_id = uuid4(), uuid4(), uuid4(), uuid4()
    log.execute(
        register(client_id, ADDRESS),
        actor,
        command_id=command_id,
        correlation_id=correlation_id,
        causation_id=causation_id,
    )
    recorded = [*log.stream(client_id), *log.stream(email_address_id(log, ADDRESS))]
    assert [one.position for one in recorded] == [1, 2]
    for one in recorded:
        assert (one.actor, one.at) == (actor, at)
        assert one.context.command_id == command_id
        assert (one.context.correlation_id, one.context.causation_id) == (correlation_id, causation_id)
        assert one.recorded_at == recorded[0].recorded_at


def test_commands_of_several_threads_that_share_appends_are_each_answered_for_themselves(log, actor):
    clients = [uuid4() for _ in range(60)]
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda one: log.execute(register(one, f"{one}@exemple.fr"), actor), clients))
    assert sorted(answer.position for answer in answers) == list(range(2, 121, 2))
    for client_id, answer in zip(clients, answers, strict=True):
        (recorded,) = log.stream(client_id)
        assert (recorded.position, answer.version) == (answer.position - 1, 1)


def test_drafts_are_appended_as_they_are_and_read_as_any_event(log, vault, actor):
    context = Context(actor=actor, at=datetime(2026, 3, 31, tzinfo=UTC), command_id=uuid4())
    streams, key = [uuid4() for _ in range(5)], vault.new_key()
    registered = ProspectRegistered(number=7, identity=Person(last_name="Petit"))
    drafts = [Draft(stream_id, 1, registered, context_json(context), key) for stream_id in streams]
    assert log.append_drafts(iter(drafts)) == 5
    for position, stream_id in enumerate(streams, 1):
        (recorded,) = log.stream(stream_id)
        assert (recorded.position, recorded.event, recorded.context) == (position, registered, context)
    assert log.execute(ActivateClient(client_id=streams[0]), actor).position == 6


def test_a_command_without_an_id_gets_one_of_its_own(log):
    rule = Actor.rule("certain sender")
    clients = [uuid4(), uuid4()]
    for client_id in clients:
        log.execute(register(client_id, f"{client_id}@exemple.fr"), rule)
    contexts = [one.context for one in log.read(0, 10, {cls.topic() for cls in office_event_types()}).events]
    assert [context.actor for context in contexts] == [rule] * 4
    ids = [context.command_id for context in contexts]
    assert ids[0] == ids[1] != ids[2] == ids[3]
    assert contexts[0].correlation_id is None


# --- the same command again -------------------------------------------------------------------


def test_a_retry_gets_the_first_answer_whatever_happened_since(log, actor):
    client_id, command_id = uuid4(), uuid4()
    first = log.execute(register(client_id, ADDRESS), actor, command_id=command_id)
    log.execute(ActivateClient(client_id=client_id), actor)
    assert log.execute(register(client_id, ADDRESS), actor, command_id=command_id) == first
    assert events(log) == [ProspectRegistered, EmailAddressAssociated, ClientActivated]


def test_a_retry_gets_the_first_answer_of_a_command_that_reads_more_than_it_writes(log, actor):
    client_id, command_id = uuid4(), uuid4()
    log.execute(register(client_id), actor)
    command = AssociateEmailAddress(owner=Target(kind="client", id=client_id), address=ADDRESS)
    first = log.execute(command, actor, command_id=command_id)
    assert (first.id, first.version) == (email_address_id(log, ADDRESS), 1)
    assert log.execute(command, actor, command_id=command_id) == first


def test_a_retry_gets_the_first_answer_of_a_command_that_changed_nothing(log, actor):
    client_id, command_id = uuid4(), uuid4()
    log.execute(register(client_id, ADDRESS), actor)
    command = AssociateEmailAddress(owner=Target(kind="client", id=client_id), address=ADDRESS)
    first = log.execute(command, actor, command_id=command_id)
    assert (first.id, first.version) == (email_address_id(log, ADDRESS), 1)
    log.execute(
        RemoveEmailAddress(owner=Target(kind="client", id=client_id), address_id=email_address_id(log, ADDRESS)), actor
    )
    assert log.execute(command, actor, command_id=command_id) == first
    assert events(log)[-1] is EmailAddressRemoved


def test_a_retry_gets_the_first_answer_after_a_restart_and_under_its_former_condition(log, open_log, actor):
    client_id, command_id = uuid4(), uuid4()
    log.execute(register(client_id), actor)
    activate = ActivateClient(client_id=client_id)
    first = log.execute(activate, actor, command_id=command_id, if_match=IfMatch(client_id, 1))
    assert open_log().execute(activate, actor, command_id=command_id, if_match=IfMatch(client_id, 1)) == first


def test_a_retry_is_warned_of_what_the_first_answer_warned_of(log, open_log, actor):
    client_id, contract_id, command_id = uuid4(), uuid4(), uuid4()
    log.execute(register(client_id), actor)
    contract = RegisterContract(contract_id=contract_id, client_id=client_id, policy_number="MRH-1001")
    assert log.execute(contract, actor).warnings == ()
    same_number = contract.model_copy(update={"contract_id": uuid4()})
    first = log.execute(same_number, actor, command_id=command_id)
    assert first.warnings == (Warned(code="policy_number_taken", field="policy_number", ids=(contract_id,)),)
    log.execute(contract.model_copy(update={"contract_id": uuid4()}), actor)
    assert open_log().execute(same_number, actor, command_id=command_id) == first


def test_each_of_several_commands_warns_for_itself(log, actor):
    client_id, contracts = uuid4(), [uuid4(), uuid4(), uuid4()]
    commands = [RegisterContract(contract_id=one, client_id=client_id, policy_number="MRH-1001") for one in contracts]
    answers = log.execute_all([register(client_id), *commands, register()], actor)
    warned = [[warning.ids for warning in answer.warnings] for answer in answers]
    assert warned == [[], [], [(contracts[0],)], [tuple(contracts[:2])], []]


def test_a_command_id_cannot_be_used_for_another_command(log, actor):
    client_id, command_id = uuid4(), uuid4()
    log.execute(register(client_id), actor, command_id=command_id)
    for other in (register(client_id, last_name="Petit"), ActivateClient(client_id=client_id)):
        with pytest.raises(CommandIdReused):
            log.execute(other, actor, command_id=command_id)
    assert events(log) == [ProspectRegistered]


def test_a_command_that_arrives_twice_at_once_is_done_once(log, open_log, actor):
    client_id, command_id = uuid4(), uuid4()
    command = register(client_id, ADDRESS)
    answers = []

    def interleave(_):
        answers.append(log.execute(command, actor, command_id=command_id))
        return 1000

    answers.append(open_log(interleave).execute(command, actor, command_id=command_id))
    assert answers[0] == answers[1]
    assert events(log) == [ProspectRegistered, EmailAddressAssociated]


# --- meanwhile, others ------------------------------------------------------------------------


def test_a_version_that_has_passed_is_stale(log, actor):
    client_id = uuid4()
    log.execute(register(client_id), actor)
    with pytest.raises(StaleVersion) as refusal:
        log.execute(ActivateClient(client_id=client_id), actor, if_match=IfMatch(client_id, 2))
    assert refusal.value.facts() == {"kind": "client", "id": client_id, "expected": 2, "actual": 1}
    assert log.head() == 1
    log.execute(ActivateClient(client_id=client_id), actor, if_match=IfMatch(client_id, 1))
    assert log.head() == 2


@pytest.mark.parametrize("version", [0, 1])
def test_what_does_not_exist_has_no_version_to_compare(log, actor, version):
    client_id = uuid4()
    with pytest.raises(NotFound) as refusal:
        log.execute(ActivateClient(client_id=client_id), actor, if_match=IfMatch(client_id, version))
    assert refusal.value.facts() == {"kind": "client", "id": client_id}


def test_a_version_that_passes_between_decision_and_append_is_stale(log, open_log, actor):
    client_id = uuid4()

    def interleave(_):
        log.execute(register(client_id), actor)
        return 1000

    with pytest.raises(StaleVersion):
        open_log(interleave).execute(register(client_id), actor, if_match=IfMatch(client_id, 0))
    assert events(log) == [ProspectRegistered]


def test_a_change_between_decision_and_append_is_decided_on_again(log, open_log, actor):
    client_id = uuid4()

    def interleave(_):
        log.execute(register(client_id, last_name="Petit"), actor)
        return 1000

    answer = open_log(interleave).execute(register(client_id), actor)
    assert [one.event.identity.last_name for one in log.stream(client_id)] == ["Petit"]
    assert (answer.id, answer.version) == (client_id, 1)


def test_a_stream_that_was_only_read_counts_too(log, open_log, actor):
    """The message would go to the file that owned its sender's address when it was read, and no longer does."""
    former, present = uuid4(), uuid4()
    log.execute(register(former, ADDRESS), actor)
    log.execute(register(present), actor)
    calls = []

    def interleave(series):
        calls.append(series)
        if len(calls) == 1:
            log.execute(
                AssociateEmailAddress(owner=Target(kind="client", id=present), address=ADDRESS, how="move"), actor
            )
        return 1000 + len(calls)

    answer = open_log(interleave).execute(receive(), actor)
    received, filed = log.read(answer.position - 3, 3, {"TicketReceived", "TicketClassified"}).events
    assert filed.event.filed_on.id == present
    assert received.event.number == 1002


def test_a_refusal_is_decided_on_the_present_state(log, open_log, actor):
    mine, theirs = uuid4(), uuid4()

    def interleave(_):
        log.execute(register(theirs, ADDRESS), actor)
        return 1000

    with pytest.raises(AddressBelongsToAnother) as refusal:
        open_log(interleave).execute(register(mine, ADDRESS), actor)
    assert [owner.id for owner in refusal.value.owners] == [theirs]
    assert log.state(Client, mine).version == 0


def test_the_loser_of_a_race_seals_under_the_key_of_the_winner(log, open_log, actor, monkeypatch):
    """A stream has one data key, or erasing it would leave some of it readable."""
    mine, theirs, loser = uuid4(), uuid4(), open_log()
    for client_id in (mine, theirs):
        log.execute(register(client_id), actor)

    def interleave():
        log.execute(AssociateEmailAddress(owner=Target(kind="client", id=theirs), address=ADDRESS, how="share"), actor)
        return log.new_key()

    monkeypatch.setattr(loser, "new_key", interleave)
    loser.execute(AssociateEmailAddress(owner=Target(kind="client", id=mine), address=ADDRESS, how="share"), actor)
    assert [owner.id for owner in log.state(EmailAddress, email_address_id(log, ADDRESS)).owners] == [theirs, mine]
    stored = log._recorder.select_events(email_address_id(log, ADDRESS))
    assert len(stored) == 2
    assert len({sealing_key(one.state) for one in stored}) == 1


def test_after_its_key_was_destroyed_a_stream_is_sealed_under_a_new_one(log, actor, vault):
    client_id, address_id = uuid4(), email_address_id(log, ADDRESS)
    log.execute(register(client_id, ADDRESS), actor)
    key_id = sealing_key(log._recorder.select_events(address_id)[0].state)
    vault.destroy([key_id])
    log.execute(RemoveEmailAddress(owner=Target(kind="client", id=client_id), address_id=address_id), actor)
    log.execute(AssociateEmailAddress(owner=Target(kind="client", id=client_id), address=ADDRESS), actor)
    erased, _, after = (one.event for one in log.stream(address_id))
    assert erased.written.erased
    assert after.written.address == ADDRESS


def test_who_meets_another_change_each_time_gives_up(log, open_log, actor):
    first, other = uuid4(), uuid4()
    log.execute(register(first, ADDRESS), actor)
    log.execute(register(other), actor)
    owners = [first, other]
    attempts = []

    def interleave(series):
        attempts.append(series)
        owners.reverse()
        log.execute(
            AssociateEmailAddress(owner=Target(kind="client", id=owners[0]), address=ADDRESS, how="move"), actor
        )
        return 1000 + len(attempts)

    with pytest.raises(TooMuchContention):
        open_log(interleave).execute(receive(), actor)
    assert len(attempts) > 2
    assert log.read(0, 1000, {"TicketReceived"}).events == []


def test_threads_that_change_one_thing_at_once_lose_no_change(log, actor):
    clients = [uuid4() for _ in range(8)]
    for client_id in clients:
        log.execute(register(client_id), actor)
    with ThreadPoolExecutor(4) as pool:
        shares = [
            AssociateEmailAddress(owner=Target(kind="client", id=one), address=ADDRESS, how="share") for one in clients
        ]
        list(pool.map(lambda command: log.execute(command, actor), shares))
    address = log.state(EmailAddress, email_address_id(log, ADDRESS))
    assert {owner.id for owner in address.owners} == set(clients)
    assert address.version == 8


# --- reading ----------------------------------------------------------------------------------


def test_reading_gives_the_events_of_the_wanted_topics_up_to_the_limit(log, actor):
    clients = [uuid4(), uuid4()]
    for client_id in clients:
        log.execute(register(client_id, f"{client_id}@exemple.fr"), actor)
    batch = log.read(0, 3, {"ProspectRegistered"})
    assert [(one.position, one.stream_id) for one in batch.events] == [(1, clients[0]), (3, clients[1])]
    assert batch.last == 3
    rest = log.read(3, 3, {"ProspectRegistered"})
    assert (rest.last, rest.events) == (4, [])
    assert log.read(4, 3, {"ProspectRegistered"}).last == 4


def test_an_event_of_an_unknown_type_is_told_to_every_reader(log, open_log, actor):
    log.execute(register(None, ADDRESS), actor)
    older = open_log(types=EventTypes([EmailAddressAssociated]))
    unknown, known = older.read(0, 10, {"EmailAddressAssociated"}).events
    assert isinstance(unknown, Unreadable)
    assert (unknown.position, unknown.topic, unknown.known_topic) == (1, "ProspectRegistered", False)
    assert known.position == 2
    (unknown,) = older.read(0, 10, ()).events
    assert unknown.known_topic is False


def damage(raw, position, state):
    raw.change("UPDATE events SET state = :state WHERE position = :position", state=state, position=position)


@pytest.mark.parametrize("length", [0, 5, 40, -1])
def test_a_damaged_event_is_told_to_who_wants_it_and_stops_no_other(log, actor, raw, length):
    for _ in range(3):
        log.execute(register(), actor)
    state = log._recorder.select_notifications(2, 1)[0].state
    damage(raw, 2, state[:length])
    first, damaged, third = log.read(0, 10, {"ProspectRegistered"}).events
    assert (first.position, third.position) == (1, 3)
    assert isinstance(damaged, Unreadable)
    assert (damaged.position, damaged.topic, damaged.known_topic) == (2, "ProspectRegistered", True)
    assert log.read(0, 10, {"ClientActivated"}).events == []


def test_an_event_whose_key_is_missing_is_told_at_its_position(log, actor, raw):
    for _ in range(2):
        log.execute(register(), actor)
    state = log._recorder.select_notifications(1, 1)[0].state
    key_id = sealing_key(state)
    damage(raw, 1, state.replace(key_id.to_bytes(8), (99_999).to_bytes(8)))
    missing, readable = log.read(0, 10, {"ProspectRegistered"}).events
    assert isinstance(missing, Unreadable)
    assert (missing.position, missing.known_topic) == (1, True)
    assert "99999" in missing.reason
    assert readable.event.identity.last_name == "Lefèvre"


def test_waiting_ends_at_once_where_the_log_is_ahead_and_in_time_where_it_is_not(log, actor):
    log.execute(register(), actor)
    assert log.wait(0, timeout=PATIENCE) == 1
    assert log.wait(1, timeout=0) == 1
    assert log.wait(1, timeout=0.01) == 1


# --- when the store can't be used ---------------------------------------------------------------


def test_a_log_that_cannot_be_written_says_so_and_takes_the_command_later(log, actor, monkeypatch):
    client_id, command_id = uuid4(), uuid4()
    with monkeypatch.context() as broken:
        broken.setattr(log._recorder._group, "_commit", refuse)
        with pytest.raises(StoreUnavailable, match="the log can't be used now: the disk is full"):
            log.execute(register(client_id), actor, command_id=command_id)
    assert log.execute(register(client_id), actor, command_id=command_id).position == 1


def refuse(_appends):
    raise OperationalError("the disk is full")


def test_a_log_that_cannot_be_opened_says_so(tmp_path, vault):
    with pytest.raises(StoreUnavailable, match="log"):
        EventLog(sqlite_url(tmp_path), vault, office_event_types(), next_number=lambda _: 1)
    nowhere = make_url(f"postgresql://postgres@/office?host={tmp_path}")
    with pytest.raises(StoreUnavailable, match="log"):
        EventLog(nowhere, vault, office_event_types(), next_number=lambda _: 1)


def test_a_closed_log_says_so(log, actor):
    log.head()
    log.close()
    with pytest.raises(StoreUnavailable):
        log.head()
    with pytest.raises(StoreUnavailable):
        log.execute(register(), actor)


# --- several commands in one append -------------------------------------------------------------


def test_commands_executed_together_answer_as_if_they_came_one_by_one(log, actor):
    mine, other = uuid4(), uuid4()
    associate = AssociateEmailAddress(owner=Target(kind="client", id=mine), address=ADDRESS)
    answers = log.execute_all([register(mine), register(other), associate, associate], actor)
    assert [answer.position for answer in answers] == [1, 2, 3, 3]
    address_id = email_address_id(log, ADDRESS)
    assert [(answer.id, answer.version) for answer in answers] == [
        (mine, 1),
        (other, 1),
        (address_id, 1),
        (address_id, 1),
    ]
    assert [(one.position, one.stream_id) for one in log.stream(other)] == [(2, other)]
    assert log.stream(mine)[0].context.command_id != log.stream(other)[0].context.command_id


def test_commands_executed_together_that_change_nothing_answer_with_the_head(log, actor):
    log.execute(register(), actor)
    log.execute(ActivateClient(client_id=log.read(0, 1, {"ProspectRegistered"}).events[0].stream_id), actor)
    client_id = log.read(0, 1, {"ProspectRegistered"}).events[0].stream_id
    assert [answer.position for answer in log.execute_all([ActivateClient(client_id=client_id)] * 2, actor)] == [2, 2]


def test_a_refusal_among_commands_executed_together_stores_none_of_them(log, actor):
    with pytest.raises(NotFound):
        log.execute_all(
            [register(), AssociateEmailAddress(owner=Target(kind="client", id=uuid4()), address=ADDRESS)], actor
        )
    assert log.head() == 0


def test_commands_executed_together_are_decided_again_when_what_they_read_has_changed(log, open_log, actor):
    mine, theirs, calls = uuid4(), uuid4(), []

    def interleave(series):
        calls.append(series)
        if len(calls) == 1:
            log.execute(register(theirs, ADDRESS), actor)
        return 1000 + len(calls)

    answers = open_log(interleave).execute_all([receive(), register(mine)], actor)
    filed = log.read(answers[0].position - 3, 3, {"TicketClassified"}).events[0]
    assert filed.event.filed_on.id == theirs
    assert [one.event.number for one in log.stream(mine)] == [1004]


def test_what_commands_will_ask_for_is_read_together(log, actor, monkeypatch):
    asked, select = [], log._recorder.select_streams

    def counting(stream_ids):
        asked.append(set(stream_ids))
        return select(stream_ids)

    monkeypatch.setattr(log._recorder, "select_streams", counting)
    (answer,) = log.execute_all([receive()], actor)
    together, ticket = asked
    assert email_address_id(log, ADDRESS) in together
    assert ticket == {UUID(answer.result["ticket_id"])}, "its number was not known before"


def test_a_stream_that_moves_on_after_it_was_read_ahead_is_read_again(log, actor):
    client = uuid4()
    log.execute(register(client), actor)
    owner = Target(kind="client", id=client)

    def meanwhile():
        log.execute(AssociateEmailAddress(owner=owner, address=ADDRESS), actor)

    (answer,) = log.execute_all([receive()], actor, before_append=meanwhile)
    assert log.state(Ticket, UUID(answer.result["ticket_id"])).filed_on == owner


def test_nothing_is_stored_where_what_comes_before_an_append_fails(log, actor):
    def fails():
        raise StoreUnavailable("file store", "disk full")

    with pytest.raises(StoreUnavailable):
        log.execute_all([receive()], actor, before_append=fails)
    assert log.head() == 0
