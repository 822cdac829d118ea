from datetime import UTC, datetime

import pytest
from hypothesis import given, strategies

from domain.email_addresses.email_address import EmailAddress
from domain.tickets.filing import (
    RULES,
    AddressOwned,
    Arrival,
    Candidate,
    Filing,
    Named,
    NumberQuoted,
    RecipientOwned,
    file_conversation,
    file_on_arrival,
)
from domain.values import Target

ADDRESS = "00000000-0000-0000-0000-0000000000aa"
kinds = strategies.sampled_from(["client", "company", "contact"])
targets = strategies.builds(Target, kind=kinds, id=strategies.uuids())
addresses = strategies.builds(
    EmailAddress, id=strategies.uuids(), owners=strategies.lists(targets, max_size=4, unique=True).map(tuple)
)
senders = strategies.none() | addresses
arrivals = strategies.builds(
    Arrival,
    sender=senders,
    direction=strategies.sampled_from(["incoming", "outgoing", "forwarded"]),
    named=strategies.lists(targets.map(lambda file: Named((file,))), max_size=3).map(tuple),
    recipients=strategies.lists(addresses, max_size=3).map(tuple),
    original=senders,
)


def address(*owners):
    return EmailAddress(id=ADDRESS, owners=owners)


def target(number, kind="client"):
    return Target(kind=kind, id=f"00000000-0000-0000-0000-{number:012}")


def named(number, *, contract):
    """A client's contract, named in a subject."""
    return Named((target(contract, "contract"), target(number)))


@given(arrivals)
def test_a_rule_speaks_for_any_arrival(arrival):
    assert any(rule(arrival) is not None for rule in RULES)


@given(senders)
def test_only_a_single_certain_owner_files_and_everything_else_waits_for_a_reason(sender):
    filing = file_on_arrival(Arrival(sender))
    owners = sender.owners if sender else ()
    if len(owners) == 1:
        assert (filing.target, filing.evidence) == (owners[0], AddressOwned(address_id=sender.id))
        assert (filing.reason, filing.candidates) == (None, ())
    else:
        assert (filing.target, filing.evidence) == (None, None)
        assert filing.reason is not None
        assert tuple(candidate.target for candidate in filing.candidates) == owners


@given(arrivals)
def test_nothing_is_filed_but_where_an_address_belongs(arrival):
    filing = file_on_arrival(arrival)
    owners = set(arrival.owners) | {owner for recipient in arrival.recipients for owner in recipient.owners}
    of_owners = {one.file for one in arrival.named if owners & set(one.lineage)}
    assert filing.target is None or filing.target in owners | of_owners
    assert (filing.target is None) != (filing.reason is None)


def test_a_message_that_has_no_date_decides_after_all_that_have_one():
    undated, dated = (Filing(target=target(n), evidence=AddressOwned(address_id=ADDRESS)) for n in (1, 2))

    found = file_conversation([(None, undated), (datetime(2099, 12, 31, tzinfo=UTC), dated)])

    assert found.target == target(2)
    assert [candidate.target for candidate in found.candidates] == [target(1)]


@pytest.mark.parametrize(
    ("owners", "reason"), [(None, "no_sender_address"), (0, "unknown_address"), (2, "shared_address")]
)
def test_why_a_message_waits(office, owners, reason):
    both = (office.target(office.claire), office.target(office.bruno))
    sender = None if owners is None else address(*both[:owners])
    filing = file_on_arrival(Arrival(sender))
    assert filing.reason == reason
    assert filing.candidates == tuple(Candidate(target=t, reason="shares_address") for t in both[: owners or 0])


def test_a_number_decides_among_those_who_share_the_address():
    filing = file_on_arrival(Arrival(address(target(1), target(2)), named=(named(2, contract=12),)))
    assert (filing.target, filing.evidence) == (target(12, "contract"), NumberQuoted(address_id=ADDRESS))
    assert [candidate.target for candidate in filing.candidates] == [target(1), target(2)]


def test_a_claim_is_more_precise_than_the_contract_that_it_is_on():
    contract = named(1, contract=11)
    claim = Named((target(111, "claim"), *contract.lineage))
    assert file_on_arrival(Arrival(address(target(1)), named=(contract, claim))).target == target(111, "claim")


def test_two_contracts_of_one_client_leave_the_message_with_the_client():
    both = (named(1, contract=11), named(1, contract=12))
    assert file_on_arrival(Arrival(address(target(1), target(2)), named=both)).target == target(1)


def test_contracts_of_two_who_share_the_address_decide_nothing():
    both = (named(1, contract=11), named(2, contract=12))
    assert file_on_arrival(Arrival(address(target(1), target(2)), named=both)).reason == "shared_address"


@pytest.mark.parametrize("owners", [(target(1),), (target(1), target(2))])
def test_another_clients_number_makes_the_message_wait(owners):
    filing = file_on_arrival(Arrival(address(*owners), named=(named(1, contract=11), named(3, contract=13))))
    assert filing.reason == "another_clients_number"
    assert {target(13, "contract"), target(1)} <= {candidate.target for candidate in filing.candidates}


def test_an_insurer_may_name_any_clients_contract():
    insurer = target(9, "company")
    filing = file_on_arrival(Arrival(address(insurer), named=(named(3, contract=13),)))
    assert filing.target == insurer
    assert [candidate.target for candidate in filing.candidates] == [target(13, "contract")]


def test_a_number_from_an_unknown_address_only_suggests():
    filing = file_on_arrival(Arrival(address(), named=(named(3, contract=13),)))
    assert filing == Filing(
        reason="unknown_address", candidates=(Candidate(target=target(13, "contract"), reason="number_quoted"),)
    )


def test_what_the_office_wrote_goes_to_its_one_recipient():
    sent = Arrival(address(), "outgoing", recipients=(address(target(1)), address()))
    assert file_on_arrival(sent) == Filing(
        target=target(1), dossier_id=target(1).id, evidence=RecipientOwned(address_id=ADDRESS)
    )
    several = Arrival(address(), "outgoing", recipients=(address(target(1)), address(target(2))))
    assert file_on_arrival(several).reason == "several_recipients"
    assert file_on_arrival(Arrival(address(), "outgoing")).reason == "unknown_recipient"


def test_what_a_collaborator_forwards_waits_with_the_original_sender_suggested():
    filing = file_on_arrival(Arrival(address(), "forwarded", original=address(target(1))))
    assert filing == Filing(reason="forwarded", candidates=(Candidate(target=target(1), reason="original_sender"),))


found = strategies.tuples(
    strategies.none() | strategies.datetimes(timezones=strategies.timezones()), arrivals.map(file_on_arrival)
)


@given(strategies.lists(found, min_size=1, max_size=5), strategies.randoms())
def test_a_conversation_is_filed_alike_in_whatever_order_its_messages_come(mails, dice):
    shuffled = list(mails)
    dice.shuffle(shuffled)
    first, second = file_conversation(mails), file_conversation(shuffled)
    assert (first.target, first.reason) == (second.target, second.reason)
    assert {one.target for one in first.candidates} == {one.target for one in second.candidates}
