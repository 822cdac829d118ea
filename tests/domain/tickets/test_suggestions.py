from hypothesis import given
from hypothesis import strategies as st

from domain.tickets.filing import Candidate
from domain.tickets.suggestions import MOST_SUGGESTIONS, RULES, Clues, suggest
from domain.values import Target


def client(number):
    return Target(kind="client", id=f"00000000-0000-0000-0000-{number:012}")


CLAIRE, BRUNO = client(1), client(2)
CONTRACT = Target(kind="contract", id=CLAIRE.id)


def alone(target):
    return [target]


def under_claire(target):
    return [target, CLAIRE] if target == CONTRACT else [target]


def quoted(target):
    return Candidate(target=target, reason="number_quoted")


def told(suggested):
    return [(one.target, [reason.reason for reason in one.reasons]) for one in suggested]


def test_nothing_known_suggests_nothing():
    assert suggest(Clues(), alone) == []


def test_every_rule_speaks_for_what_it_is_about():
    clues = Clues(
        owners=[CLAIRE],
        candidates=[quoted(CLAIRE)]
        + [Candidate(target=CLAIRE, reason=reason) for reason in ("original_sender", "receives")],
        conversation=[CLAIRE],
        shown=[CLAIRE],
        signed=[CLAIRE],
        filed_for_sender={CLAIRE: 3},
        filed_for_domain={CLAIRE: 1, BRUNO: 1},
    )
    said = [{found.reason for found in rule(clues)} for rule in RULES]
    assert [len(reasons) for reasons in said] == [1] * len(RULES)
    assert len(set.union(*said)) == len(RULES)


def test_what_speaks_for_several_speaks_less_for_each():
    (alone_one,) = suggest(Clues(owners=[CLAIRE]), alone)
    one, other = suggest(Clues(owners=[CLAIRE, BRUNO]), alone)
    assert one.strength == other.strength < alone_one.strength
    assert {reason.reason for reason in one.reasons} == {"shares_address"}


def test_the_name_tells_apart_those_who_share_an_address():
    suggested = suggest(Clues(owners=[CLAIRE, BRUNO], shown=[BRUNO]), alone)
    assert told(suggested) == [(BRUNO, ["shares_address", "name_shown"]), (CLAIRE, ["shares_address"])]


def test_what_speaks_for_a_client_speaks_for_the_contract_that_is_quoted():
    suggested = suggest(Clues(candidates=[quoted(CONTRACT)], shown=[CLAIRE]), under_claire)
    assert told(suggested) == [(CONTRACT, ["number_quoted", "name_shown"]), (CLAIRE, ["name_shown"])]


def test_earlier_filings_speak_in_proportion():
    suggested = suggest(Clues(filed_for_sender={CLAIRE: 9, BRUNO: 1}), alone)
    assert told(suggested) == [(CLAIRE, ["filed_for_sender"]), (BRUNO, ["filed_for_sender"])]
    assert [one.strength for one in suggested] == [0.54, 0.06]


files = st.lists(st.integers(1, 9).map(client), max_size=8)
counted = st.dictionaries(st.integers(1, 9).map(client), st.integers(1, 50), max_size=8)


@given(st.builds(Clues, owners=files, conversation=files, shown=files, signed=files, filed_for_sender=counted))
def test_suggestions_are_few_ranked_and_each_has_its_reasons(clues):
    suggested = suggest(clues, alone)
    assert len(suggested) <= MOST_SUGGESTIONS
    assert [one.strength for one in suggested] == sorted((one.strength for one in suggested), reverse=True)
    assert len({one.target for one in suggested}) == len(suggested)
    for one in suggested:
        assert one.reasons
        assert max(reason.strength for reason in one.reasons) <= one.strength + 0.01 <= 1.01
