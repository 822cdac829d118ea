import pytest
from hypothesis import given, strategies

from domain.email_address import EmailAddress
from domain.filing import RULES, AddressOwned, Candidate, file_on_arrival
from domain.values import Target

ADDRESS = "00000000-0000-0000-0000-0000000000aa"
targets = strategies.builds(Target, kind=strategies.just("client"), id=strategies.uuids())
senders = strategies.none() | strategies.builds(
    EmailAddress, id=strategies.uuids(), owners=strategies.lists(targets, max_size=4, unique=True).map(tuple)
)


@given(senders)
def test_exactly_one_rule_speaks_for_any_sender(sender):
    assert len([rule for rule in RULES if rule(sender) is not None]) == 1


@given(senders)
def test_only_a_single_certain_owner_files_and_everything_else_waits_for_a_reason(sender):
    filing = file_on_arrival(sender)
    owners = sender.owners if sender else ()
    if len(owners) == 1:
        assert (filing.target, filing.evidence) == (owners[0], AddressOwned(address_id=sender.id))
        assert (filing.reason, filing.candidates) == (None, ())
    else:
        assert (filing.target, filing.evidence) == (None, None)
        assert filing.reason is not None
        assert tuple(candidate.target for candidate in filing.candidates) == owners


@pytest.mark.parametrize(
    ("owners", "reason"), [(None, "no_sender_address"), (0, "unknown_address"), (2, "shared_address")]
)
def test_why_a_message_waits(office, owners, reason):
    both = (office.target(office.claire), office.target(office.bruno))
    sender = None if owners is None else EmailAddress(id=ADDRESS, owners=both[:owners])
    filing = file_on_arrival(sender)
    assert filing.reason == reason
    assert filing.candidates == tuple(Candidate(target=t, reason="shares_address") for t in both[: owners or 0])
