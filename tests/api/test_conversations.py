"""Conversations and what is done with them, over HTTP: answers, the office's own mail, filing again, merging, splitting."""

import pytest

from tests.api.letters import letter
from tests.api.office import COLLABORATOR

ALICE = COLLABORATOR.email_address
CLAIRE = "claire@courriel.example"
PAUL = "paul@courriel.example"
STRANGER = "inconnu@courriel.example"
FIRST = "<premier@courriel.example>"


@pytest.fixture
def bonnet(api):
    """Claire, who has an address."""
    return api.register("Bonnet", CLAIRE, active=True)


@pytest.fixture
def petit(api):
    """Somebody else, who has another one."""
    return api.register("Petit", PAUL)


@pytest.fixture
def contract(api, bonnet):
    return api.register_contract(bonnet, "VAL-2012-00123")


@pytest.fixture
def others_contract(api, petit):
    return api.register_contract(petit, "AXO-7007-44")


@pytest.fixture
def arrives(api):
    """Sends a message in: what became of it."""

    def send(sender, *, outcome="message", **more):
        taken = api.send_in(letter(sender, **more)).json()
        api.position = max(api.position, taken["position"])
        assert taken["outcome"] == outcome
        return taken

    return send


@pytest.fixture
def conversation(api, bonnet, arrives):
    """Claire's ticket, on which she answered once, and that answer."""
    ticket_id = api.receive_from(CLAIRE, message_id=FIRST)
    answer = arrives(CLAIRE, answers=FIRST, message_id="<second@courriel.example>")
    assert answer["ticket_id"] == ticket_id
    return ticket_id, answer["mail_id"]


def filed_on(api, ticket_id):
    on = api.ticket(ticket_id)["filed_on"]
    return on and (on["kind"], on["id"])


def suggested(api, ticket_id):
    return [(one["target"]["id"], one["reason"]) for one in api.ticket(ticket_id)["candidates"]]


def senders(api, ticket_id):
    return [line["from_address"] for line in api.read(f"/tickets/{ticket_id}/messages")["items"]]


def inbox(api, **filters):
    return {line["ticket_id"] for line in api.read("/tickets", **filters)["items"]}


def refusal(api, path, body=None):
    answer = api.post(path, json=body)
    return answer.status_code, answer.json()["type"]


# --- filed again, and off -----------------------------------------------------------------------------------


@pytest.mark.behaviour("T16")
def test_a_filed_ticket_is_filed_elsewhere_and_leaves_where_it_was(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    assert filed_on(api, ticket_id) == ("client", bonnet)

    api.file(ticket_id, petit)

    assert filed_on(api, ticket_id) == ("client", petit)
    assert (api.tickets_of(bonnet), api.tickets_of(petit)) == ([], [ticket_id])


@pytest.mark.behaviour("T16")
def test_a_filed_ticket_is_taken_off_its_file(api, bonnet):
    ticket_id, other = api.receive_from(CLAIRE), api.receive_from(CLAIRE)

    api.do(f"/tickets/{ticket_id}/unfile")

    assert filed_on(api, ticket_id) is None
    assert api.tickets_of(bonnet) == [other]
    assert inbox(api, filed=False) == {ticket_id}


@pytest.mark.behaviour("T16")
def test_a_ticket_that_someone_took_off_its_file_is_not_put_back_by_an_answer(api, conversation, arrives):
    ticket_id, _ = conversation
    api.do(f"/tickets/{ticket_id}/unfile")

    arrives(CLAIRE, answers=FIRST)

    assert filed_on(api, ticket_id) is None


@pytest.mark.behaviour("X3")
def test_a_filing_is_undone_step_by_step_no_further_than_one(api, bonnet, petit):
    ticket_id = api.receive_from(CLAIRE)
    api.file(ticket_id, petit)

    api.do(f"/tickets/{ticket_id}/undo")

    assert filed_on(api, ticket_id) == ("client", bonnet)
    assert (api.tickets_of(bonnet), api.tickets_of(petit)) == ([ticket_id], [])
    assert refusal(api, f"/tickets/{ticket_id}/undo") == (409, "/problems/nothing-to-undo")


@pytest.mark.behaviour("X3")
def test_taking_a_ticket_off_its_file_is_undone_too(api, bonnet):
    ticket_id = api.receive_from(CLAIRE)
    api.do(f"/tickets/{ticket_id}/unfile")

    api.do(f"/tickets/{ticket_id}/undo")

    assert filed_on(api, ticket_id) == ("client", bonnet)


@pytest.mark.behaviour("X3")
def test_what_arrived_filed_is_unfiled_by_undoing_that(api, bonnet):
    ticket_id = api.receive_from(CLAIRE)

    api.do(f"/tickets/{ticket_id}/undo")

    assert filed_on(api, ticket_id) is None
    assert list(api.addresses_of(bonnet)) == [CLAIRE]


@pytest.mark.behaviour("X3")
def test_where_nothing_was_filed_there_is_nothing_to_undo(api, bonnet):
    ticket_id = api.receive_from(STRANGER)

    assert refusal(api, f"/tickets/{ticket_id}/undo") == (409, "/problems/nothing-to-undo")


# --- states -------------------------------------------------------------------------------------------------


@pytest.mark.behaviour("T18")
def test_a_ticket_is_open_waits_is_closed_and_is_opened_again(api, bonnet):
    ticket_id, told = api.receive_from(CLAIRE), []
    for command in (None, "wait", "close", "reopen"):
        if command:
            api.do(f"/tickets/{ticket_id}/{command}")
        told.append(api.ticket(ticket_id)["state"])
        assert inbox(api, state=told[-1]) == {ticket_id}

    assert told == ["open", "waiting", "closed", "open"]


@pytest.mark.behaviour("T18")
def test_a_clients_answer_opens_a_closed_ticket_again(api, conversation, arrives):
    ticket_id, _ = conversation
    other = api.receive_from(CLAIRE)
    for closed in (ticket_id, other):
        api.do(f"/tickets/{closed}/close")

    arrives(CLAIRE, answers=FIRST)

    assert (api.ticket(ticket_id)["state"], api.ticket(other)["state"]) == ("open", "closed")


@pytest.mark.behaviour("T18")
@pytest.mark.parametrize(
    ("sender", "automatic"), [(CLAIRE, True), (ALICE, False)], ids=["automatic", "the office's own"]
)
def test_no_robot_and_no_collaborator_opens_it_by_writing(api, conversation, arrives, sender, automatic):
    ticket_id, _ = conversation
    api.do(f"/tickets/{ticket_id}/close")

    joined = arrives(sender, answers=FIRST, automatic=automatic, to=CLAIRE)

    assert joined["ticket_id"] == ticket_id
    assert api.ticket(ticket_id)["state"] == "closed"


@pytest.mark.behaviour("T18")
def test_an_answer_leaves_a_ticket_waiting_whom_somebody_sees_to(api, conversation, arrives):
    ticket_id, _ = conversation
    api.do(f"/tickets/{ticket_id}/wait")

    arrives(CLAIRE, answers=FIRST)

    assert api.ticket(ticket_id)["state"] == "waiting"


# --- numbers in subjects --------------------------------------------------------------------------------------


@pytest.mark.behaviour("T19")
@pytest.mark.parametrize("written", ["VAL-2012-00123", "val 2012 00123", "Contrat n° VAL201200123 : attestation"])
def test_a_contracts_number_decides_among_those_who_share_the_address(api, contract, petit, written):
    api.do(f"/clients/{petit}/email-addresses", {"address": CLAIRE, "how": "share"})
    unnamed = api.receive_from(CLAIRE)

    ticket_id = api.receive_from(CLAIRE, subject=written)

    assert filed_on(api, ticket_id) == ("contract", contract)
    assert api.ticket(ticket_id)["evidence"]["kind"] == "number_quoted"
    assert api.ticket(unnamed)["unfiled_reason"] == "shared_address"


@pytest.mark.behaviour("T19")
def test_a_claims_number_decides_and_is_more_precise_than_its_contracts(api, contract, bonnet):
    claim = api.open_claim(contract)
    number = api.read(f"/claims/{claim}")["number"]

    ticket_id = api.receive_from(CLAIRE, subject=f"Sinistre n° {number}, contrat VAL-2012-00123")

    assert filed_on(api, ticket_id) == ("claim", claim)
    assert api.ticket(ticket_id)["evidence"]["kind"] == "number_quoted"


@pytest.mark.behaviour("T19")
def test_a_tickets_number_leads_where_that_ticket_is_filed(api, contract, bonnet):
    before = api.receive_from(STRANGER)
    api.file(before, contract, "contract")
    number = api.ticket(before)["number"]

    ticket_id = api.receive_from(CLAIRE, subject=f"Suite à votre appel [#{number}]")

    assert filed_on(api, ticket_id) == ("contract", contract)
    assert ticket_id != before


@pytest.mark.behaviour("T19")
@pytest.mark.parametrize("quoted", ["contract", "ticket"])
def test_from_an_unknown_address_a_number_only_suggests(api, contract, arrives, quoted):
    before = api.receive_from(CLAIRE)
    api.file(before, contract, "contract")
    number = {"contract": "VAL-2012-00123", "ticket": f"ticket n° {api.ticket(before)['number']}"}[quoted]

    ticket_id = arrives(STRANGER, subject=number, outcome="ticket")["ticket_id"]

    assert (filed_on(api, ticket_id), api.ticket(ticket_id)["unfiled_reason"]) == (None, "unknown_address")
    assert suggested(api, ticket_id) == [(contract, "number_quoted")]


@pytest.mark.behaviour("T19")
def test_another_clients_contract_makes_the_ticket_wait(api, contract, others_contract, bonnet):
    ticket_id = api.receive_from(CLAIRE, subject="Contrat AXO-7007-44")

    assert (filed_on(api, ticket_id), api.ticket(ticket_id)["unfiled_reason"]) == (None, "another_clients_number")
    assert suggested(api, ticket_id) == [(bonnet, "owns_address"), (others_contract, "number_quoted")]


# --- the office's own mail ------------------------------------------------------------------------------------


@pytest.mark.behaviour("T21")
def test_what_the_office_answers_joins_the_conversation(api, conversation, arrives, petit):
    ticket_id, _ = conversation

    joined = arrives(ALICE, to=CLAIRE, answers="<second@courriel.example>")

    assert joined["ticket_id"] == ticket_id
    assert senders(api, ticket_id) == [CLAIRE, CLAIRE, ALICE]
    assert inbox(api) == {ticket_id}


@pytest.mark.behaviour("T21")
def test_what_the_office_writes_first_is_recorded_on_its_recipient_and_is_no_work_until_it_is_answered(
    api, bonnet, petit, arrives
):
    sent = arrives(ALICE, to=CLAIRE, message_id=FIRST, outcome="recorded")["ticket_id"]

    assert filed_on(api, sent) == ("client", bonnet)
    assert api.ticket(sent)["evidence"]["kind"] == "recipient_owned"
    assert (api.tickets_of(bonnet), api.tickets_of(petit)) == ([sent], [])
    assert (inbox(api), inbox(api, sent=True)) == (set(), {sent})

    answered = arrives(CLAIRE, answers=FIRST)["ticket_id"]

    assert answered == sent
    assert (inbox(api), inbox(api, sent=True)) == ({sent}, set())
    assert api.ticket(sent)["state"] == "open"


@pytest.mark.behaviour("T21")
@pytest.mark.parametrize(
    ("to", "reason"), [(STRANGER, "unknown_recipient"), (f"{CLAIRE}, {PAUL}", "several_recipients")]
)
def test_what_the_office_writes_to_nobody_certain_is_on_no_file(api, bonnet, petit, arrives, to, reason):
    sent = arrives(ALICE, to=to, outcome="recorded")["ticket_id"]

    assert (filed_on(api, sent), api.ticket(sent)["unfiled_reason"]) == (None, reason)
    expected = {(bonnet, "receives"), (petit, "receives")} if reason == "several_recipients" else set()
    assert set(suggested(api, sent)) == expected


@pytest.mark.behaviour("T21")
def test_what_a_collaborator_forwards_is_a_ticket_with_its_original_sender_suggested(api, bonnet, petit, arrives):
    text = (
        f"Pour le dossier.\n\n---------- Message transféré ----------\nDe : Claire <{CLAIRE}>\nObjet : Devis\n\nBonjour"
    )

    ticket_id = arrives(ALICE, to=ALICE, subject="TR: Devis", text=text, outcome="ticket")["ticket_id"]

    ticket = api.ticket(ticket_id)
    assert (ticket["filed_on"], ticket["unfiled_reason"], ticket["direction"]) == (None, "forwarded", "forwarded")
    assert suggested(api, ticket_id) == [(bonnet, "original_sender")]
    assert ticket["forwarded"]["address"] == CLAIRE
    assert inbox(api) == {ticket_id}


@pytest.mark.behaviour("T21")
def test_filing_a_forwarded_message_may_give_the_original_senders_address_to_the_file(api, petit, arrives):
    text = f"---------- Message transféré ----------\nDe : Claire <{CLAIRE}>\nObjet : Devis\n\nBonjour"
    ticket_id = arrives(ALICE, to=ALICE, subject="TR: Devis", text=text, outcome="ticket")["ticket_id"]

    api.file(ticket_id, petit, address="associate")

    assert sorted(api.addresses_of(petit)) == [CLAIRE, PAUL]


@pytest.mark.behaviour("T21")
def test_a_stranger_who_quotes_a_conversation_opens_a_ticket_of_their_own(api, conversation, arrives):
    ticket_id, _ = conversation

    apart = arrives(STRANGER, answers=FIRST, outcome="ticket")["ticket_id"]

    assert apart != ticket_id
    assert senders(api, ticket_id) == [CLAIRE, CLAIRE]


# --- put aside, noted, merged, split ------------------------------------------------------------------------------


@pytest.mark.behaviour("T22")
def test_a_ticket_is_dismissed_for_a_reason_and_brought_back(api, bonnet):
    ticket_id, other = api.receive_from(CLAIRE), api.receive_from(CLAIRE)

    api.do(f"/tickets/{ticket_id}/dismiss", {"reason": "advertising"})

    assert (inbox(api), inbox(api, dismissed=True)) == ({other}, {ticket_id})
    assert api.ticket(ticket_id)["dismissed"] == "advertising"
    assert refusal(api, f"/tickets/{ticket_id}/close") == (409, "/problems/ticket-is-dismissed")

    api.do(f"/tickets/{ticket_id}/bring-back")

    assert (inbox(api), inbox(api, dismissed=True)) == ({ticket_id, other}, set())


@pytest.mark.behaviour("T22")
def test_a_client_who_writes_again_brings_a_dismissed_ticket_back_a_stranger_does_not(api, conversation, arrives):
    ticket_id, _ = conversation
    junk = api.receive_from(STRANGER, message_id="<offre@courriel.example>")
    for dismissed in (ticket_id, junk):
        api.do(f"/tickets/{dismissed}/dismiss", {"reason": "junk"})

    arrives(CLAIRE, answers=FIRST)
    arrives(STRANGER, answers="<offre@courriel.example>")

    assert (inbox(api), inbox(api, dismissed=True)) == ({ticket_id}, {junk})


@pytest.mark.behaviour("T22")
def test_collaborators_note_on_a_ticket_what_the_office_alone_reads(api, bonnet):
    ticket_id, other = api.receive_from(CLAIRE), api.receive_from(CLAIRE)

    api.do(f"/tickets/{ticket_id}/comments", {"text": "Rappeler après 18 h"})

    assert [one["text"] for one in api.read(f"/tickets/{ticket_id}/comments")["items"]] == ["Rappeler après 18 h"]
    assert api.read(f"/tickets/{other}/comments")["items"] == []


@pytest.mark.behaviour("T22")
def test_two_tickets_are_merged_and_answers_to_either_go_on_there(api, conversation, petit, arrives):
    ticket_id, _ = conversation
    other = api.receive_from(PAUL, message_id="<autre@courriel.example>")

    api.do(f"/tickets/{ticket_id}/merge", {"other_id": other})

    assert senders(api, ticket_id) == [CLAIRE, CLAIRE, PAUL]
    assert senders(api, other) == []
    assert (api.ticket(other)["merged_into"], inbox(api)) == (ticket_id, {ticket_id})
    assert arrives(PAUL, answers="<autre@courriel.example>")["ticket_id"] == ticket_id
    assert refusal(api, f"/tickets/{other}/close") == (409, "/problems/ticket-was-merged")


@pytest.mark.behaviour("T22")
def test_a_ticket_is_not_merged_with_itself(api, bonnet):
    ticket_id = api.receive_from(CLAIRE)

    status, problem = refusal(api, f"/tickets/{ticket_id}/merge", {"other_id": ticket_id})

    assert (status, problem) == (409, "/problems/merged-with-itself")


@pytest.mark.behaviour("T22")
def test_a_ticket_on_no_file_goes_where_the_one_that_it_takes_in_is(api, conversation, bonnet):
    ticket_id, _ = conversation
    unfiled = api.receive_from(STRANGER)

    api.do(f"/tickets/{unfiled}/merge", {"other_id": ticket_id})

    assert filed_on(api, unfiled) == ("client", bonnet)
    assert api.tickets_of(bonnet) == [unfiled]


@pytest.mark.behaviour("T22")
def test_a_message_split_off_is_a_ticket_of_its_own_on_the_same_file_and_answers_to_it_go_there(
    api, conversation, bonnet, arrives
):
    ticket_id, answer = conversation

    split = api.do(f"/tickets/{ticket_id}/messages/{answer}/split")

    new = split["id"]
    assert [len(senders(api, each)) for each in (ticket_id, new)] == [1, 1]
    assert filed_on(api, new) == ("client", bonnet)
    assert set(api.tickets_of(bonnet)) == {ticket_id, new}
    assert arrives(CLAIRE, answers="<second@courriel.example>")["ticket_id"] == new
    assert refusal(api, f"/tickets/{ticket_id}/messages/{answer}/split") == (404, "/problems/not-on-ticket")


@pytest.mark.behaviour("T22")
def test_the_message_that_opened_a_ticket_is_not_split_off(api, conversation):
    ticket_id, _ = conversation
    first = api.read(f"/tickets/{ticket_id}/messages")["items"][0]["mail_id"]

    assert refusal(api, f"/tickets/{ticket_id}/messages/{first}/split") == (409, "/problems/first-message-stays")


@pytest.mark.behaviour("T22")
def test_what_was_split_off_is_merged_back(api, conversation):
    ticket_id, answer = conversation
    new = api.do(f"/tickets/{ticket_id}/messages/{answer}/split")["id"]

    api.do(f"/tickets/{ticket_id}/merge", {"other_id": new})

    assert [line["mail_id"] for line in api.read(f"/tickets/{ticket_id}/messages")["items"]][1] == answer
    assert inbox(api) == {ticket_id}


@pytest.mark.behaviour("T22")
def test_tickets_that_somebody_merged_stay_where_they_were_filed(api, conversation, petit, arrives, bonnet):
    elder = api.receive_from(PAUL, message_id="<autre@courriel.example>", date="Mon, 02 Mar 2020 09:00:00 +0100")
    ticket_id, _ = conversation
    api.do(f"/tickets/{ticket_id}/merge", {"other_id": elder})
    assert filed_on(api, ticket_id) == ("client", bonnet)

    arrives(CLAIRE, answers=FIRST)

    assert filed_on(api, ticket_id) == ("client", bonnet)


@pytest.mark.behaviour("T21")
def test_what_the_office_wrote_is_no_work_either_once_it_was_dismissed_and_brought_back(api, bonnet, arrives):
    sent = arrives(ALICE, to=CLAIRE, message_id=FIRST, outcome="recorded")["ticket_id"]
    api.do(f"/tickets/{sent}/dismiss", {"reason": "other"})
    api.do(f"/tickets/{sent}/bring-back")

    assert (inbox(api), inbox(api, sent=True)) == (set(), {sent})
