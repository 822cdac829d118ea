"""Every event that puts something under a client, or takes it away, says whose dossier that is: nothing looks it up."""

from uuid import UUID

import pytest

from domain.claims.claim import OpenClaim
from domain.clients.client import Person, RegisterClient
from domain.commands import handlers
from domain.companies.company import RegisterCompany
from domain.contacts.contact import ContactIdentity, RegisterContact
from domain.contracts.contract import RegisterContract
from domain.documents.document import CorrectDocument, DocumentRemoved, DocumentTarget, IndexAttachment, RemoveDocument
from domain.email_addresses.email_address import EmailAddressRemoved
from domain.events import office_event_types
from domain.messages.message import MessageIdentity
from domain.targets import AssociateEmailAddress, RemoveEmailAddress
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.conversation import MergeTickets, SplitMessageOff, current_ticket
from domain.tickets.events import Attachment, TicketAbsorbed, TicketClassified, TicketContinued, TicketMerged
from domain.tickets.filing_by_hand import ClassifyTicket, ClientToCreate, UnclassifyTicket, UndoFiling
from domain.values import Target
from tests.given_when_then import InMemoryStreams

ANNE, BRUNO, NEW = (UUID(int=number) for number in (1, 2, 3))
CONTRACT, OTHER_CONTRACT, CLAIM, COMPANY, CONTACT = (UUID(int=number) for number in range(21, 26))
ON_ANNE, ON_BRUNO = Target(kind="client", id=ANNE), Target(kind="client", id=BRUNO)
ON_CONTRACT, ON_OTHER_CONTRACT = (Target(kind="contract", id=one) for one in (CONTRACT, OTHER_CONTRACT))
ON_CLAIM, ON_COMPANY, ON_CONTACT = (
    Target(kind=kind, id=one) for kind, one in (("claim", CLAIM), ("company", COMPANY), ("contact", CONTACT))
)
DOSSIERS = {
    ON_ANNE: ANNE,
    ON_CONTRACT: ANNE,
    ON_CLAIM: ANNE,
    ON_BRUNO: BRUNO,
    ON_OTHER_CONTRACT: BRUNO,
    ON_COMPANY: None,
    ON_CONTACT: None,
}
FILES = pytest.mark.parametrize("file", DOSSIERS, ids=lambda file: f"{file.kind} {file.id.int}")


class Dossiers:
    """Anne, with a contract and a claim under it; Bruno, with a contract; a company and its contact."""

    def __init__(self, office):
        self._office = office
        self.streams = InMemoryStreams()
        for command in (
            RegisterClient(client_id=ANNE, identity=Person(last_name="Anne")),
            RegisterClient(client_id=BRUNO, identity=Person(last_name="Bruno")),
            RegisterContract(contract_id=CONTRACT, client_id=ANNE, policy_number="MRH-1001"),
            RegisterContract(contract_id=OTHER_CONTRACT, client_id=BRUNO, policy_number="AUTO-2002"),
            OpenClaim(claim_id=CLAIM, contract_id=CONTRACT, insurer_reference="SIN-3003"),
            RegisterCompany(company_id=COMPANY, role="insurer", name="Mutuelle"),
            RegisterContact(contact_id=CONTACT, company_id=COMPANY, identity=ContactIdentity(last_name="Ferrand")),
        ):
            self.do(command)

    def do(self, command):
        """What the handler gives; the events that came of it stand in `decided`."""
        left = handlers()[type(command)](command, self.streams)
        self.decided = [event for events in self.streams.appended.values() for event in events]
        for stream_id, events in self.streams.appended.items():
            self.streams.events[stream_id] += events
        self.streams.appended = {}
        return left

    def of(self, event_type):
        (found,) = (event for event in self.decided if isinstance(event, event_type))
        return found

    def comes(self, number, sender="claire@example.fr", *, subject="Attestation", answers=()):
        """A message comes: gives its ticket and itself."""
        content = self._office.content(
            from_address=sender,
            subject=subject,
            message_id=f"{number}@example.fr",
            references=tuple(f"{answered}@example.fr" for answered in answers),
            attachments=(Attachment(part=2, name="scan.pdf", content_type="application/pdf", size=1),),
        )
        identity = MessageIdentity(message_id=content.message_id, content_digest=f"{number:064x}")
        came = self.do(ReceiveMessage(identity=identity, content=content, sent_at=None))
        return came.ticket_id, came.mail_id

    def file(self, ticket_id, on, **more):
        self.do(ClassifyTicket(ticket_id=ticket_id, on=on, **more))
        return self.decided

    def ticket(self, ticket_id, mail_id):
        return current_ticket(mail_id, ticket_id, self.streams)


@pytest.fixture
def dossiers(office):
    return Dossiers(office)


def moved(event):
    """To whose dossier something came, and from whose."""
    return event.dossier_id, event.former_dossier_id


# --- what is under a client for ever --------------------------------------------------------------------------


def test_a_contract_a_claim_and_their_numbers_are_in_their_client_s_dossier(dossiers):
    events = [event for stream in dossiers.streams.events.values() for event in stream]
    told = {(event.topic(), event.dossier_id) for event in events if hasattr(event, "dossier_id")}
    of_anne = {(topic, ANNE) for topic in ("ContractRegistered", "ClaimOpened", "NumberGiven")}
    assert told == of_anne | {(topic, BRUNO) for topic in ("ContractRegistered", "NumberGiven")}


# --- tickets ----------------------------------------------------------------------------------------------------


@FILES
def test_a_ticket_comes_into_a_dossier_and_leaves_it(dossiers, file):
    dossier_id = DOSSIERS[file]
    ticket_id, _ = dossiers.comes(1)
    (classified,) = dossiers.file(ticket_id, file)
    assert moved(classified) == (dossier_id, None)
    dossiers.do(UnclassifyTicket(ticket_id=ticket_id))
    assert dossiers.decided[0].former_dossier_id == dossier_id
    dossiers.do(UndoFiling(ticket_id=ticket_id))
    assert moved(dossiers.decided[0]) == (dossier_id, None)


@FILES
@pytest.mark.parametrize("to", DOSSIERS, ids=lambda file: f"to {file.kind} {file.id.int}")
def test_a_ticket_moves_from_one_dossier_to_another_and_back(dossiers, file, to):
    ticket_id, mail_id = dossiers.comes(1)
    dossiers.file(ticket_id, file)
    if file == to:
        assert dossiers.file(ticket_id, to) == []
        return
    (classified,) = dossiers.file(ticket_id, to)
    assert moved(classified) == (DOSSIERS[to], DOSSIERS[file])
    dossiers.do(UndoFiling(ticket_id=ticket_id))
    assert moved(dossiers.decided[0]) == (DOSSIERS[file], DOSSIERS[to])
    assert dossiers.ticket(ticket_id, mail_id).dossier_id == DOSSIERS[file]


def test_a_ticket_goes_its_way_through_dossiers(dossiers):
    ticket_id, _ = dossiers.comes(1)
    moves = [moved(dossiers.file(ticket_id, on)[0]) for on in (ON_ANNE, ON_OTHER_CONTRACT, ON_COMPANY)]
    assert moves == [(ANNE, None), (BRUNO, ANNE), (None, BRUNO)]
    dossiers.do(UnclassifyTicket(ticket_id=ticket_id))
    assert dossiers.decided[0].former_dossier_id is None
    dossiers.do(UndoFiling(ticket_id=ticket_id))
    assert moved(dossiers.decided[0]) == (None, None)


def test_a_ticket_moves_to_a_dossier_that_is_created_for_it(dossiers):
    ticket_id, _ = dossiers.comes(1)
    dossiers.file(ticket_id, ON_CLAIM)
    dossiers.file(ticket_id, ClientToCreate(client_id=NEW, identity=Person(last_name="Neuf")))
    assert moved(dossiers.of(TicketClassified)) == (NEW, ANNE)


@pytest.mark.parametrize(
    ("owner", "subject", "file"),
    [
        (ON_ANNE, "Attestation", ON_ANNE),
        (ON_ANNE, "Contrat MRH-1001", ON_CONTRACT),
        (ON_ANNE, "Sinistre SIN-3003", ON_CLAIM),
        (ON_COMPANY, "Attestation", ON_COMPANY),
        (ON_CONTACT, "Attestation", ON_CONTACT),
        (ON_COMPANY, "Contrat AUTO-2002", ON_COMPANY),
    ],
)
def test_a_message_that_is_filed_on_arrival_is_in_the_dossier_of_its_file(dossiers, owner, subject, file):
    dossiers.do(AssociateEmailAddress(owner=owner, address="claire@example.fr"))
    dossiers.comes(1, subject=subject)
    classified = dossiers.of(TicketClassified)
    assert (classified.filed_on, moved(classified)) == (file, (DOSSIERS[file], None))


def test_a_message_that_joins_a_ticket_is_in_its_dossier_and_what_it_finds_in_another(dossiers):
    dossiers.do(AssociateEmailAddress(owner=ON_BRUNO, address="claire@example.fr"))
    ticket_id, _ = dossiers.comes(1)
    dossiers.file(ticket_id, ON_CONTRACT)
    _, mail_id = dossiers.comes(2, answers=[1], subject="Contrat AUTO-2002")
    continued = dossiers.of(TicketContinued)
    assert (continued.dossier_id, continued.filing.target, continued.filing.dossier_id) == (
        ANNE,
        ON_OTHER_CONTRACT,
        BRUNO,
    )
    assert dossiers.ticket(ticket_id, mail_id).mail(mail_id).filing == continued.filing


def test_a_conversation_is_filed_by_a_later_message_in_the_dossier_that_that_one_found(dossiers):
    dossiers.comes(1)
    dossiers.do(AssociateEmailAddress(owner=ON_ANNE, address="claire@example.fr"))
    dossiers.comes(2, answers=[1], subject="Sinistre SIN-3003")
    classified = dossiers.of(TicketClassified)
    assert dossiers.of(TicketContinued).dossier_id is None
    assert (classified.filed_on, moved(classified)) == (ON_CLAIM, (ANNE, None))


@FILES
@pytest.mark.parametrize("to", [None, ON_BRUNO, ON_COMPANY], ids=["to no file", "to a client", "to a company"])
def test_a_ticket_that_is_merged_leaves_its_dossier_for_the_other_s(dossiers, file, to):
    kept, _ = dossiers.comes(1)
    if to:
        dossiers.file(kept, to)
    other, mail_id = dossiers.comes(2)
    dossiers.file(other, file)
    dossiers.do(MergeTickets(ticket_id=kept, other_id=other))
    assert dossiers.of(TicketMerged).former_dossier_id == DOSSIERS[file]
    assert dossiers.of(TicketAbsorbed).dossier_id == DOSSIERS.get(to)
    if to is None:
        assert moved(dossiers.of(TicketClassified)) == (DOSSIERS[file], None)
    assert dossiers.ticket(kept, mail_id).dossier_id == DOSSIERS[to or file]


@FILES
def test_a_message_that_is_split_off_stays_in_the_dossier(dossiers, file):
    ticket_id, _ = dossiers.comes(1)
    _, mail_id = dossiers.comes(2, answers=[1])
    dossiers.file(ticket_id, file)
    dossiers.do(SplitMessageOff(ticket_id=ticket_id, mail_id=mail_id))
    assert moved(dossiers.of(TicketClassified)) == (DOSSIERS[file], None)


# --- documents --------------------------------------------------------------------------------------------------


def paper_of(file):
    return DocumentTarget(kind=file.kind, id=file.id)


@pytest.mark.parametrize("file", [file for file, dossier_id in DOSSIERS.items() if dossier_id])
@pytest.mark.parametrize("to", [ON_CONTRACT, ON_OTHER_CONTRACT, ON_BRUNO])
def test_a_document_comes_into_a_dossier_moves_and_leaves(dossiers, file, to):
    ticket_id, mail_id = dossiers.comes(1)
    document = dossiers.do(
        IndexAttachment(ticket_id=ticket_id, mail_id=mail_id, part=2, document_type="contract", on=paper_of(file))
    )
    assert dossiers.decided[0].dossier_id == DOSSIERS[file]
    dossiers.do(CorrectDocument(document_id=document.id, document_type="quote"))
    assert moved(dossiers.decided[0]) == (DOSSIERS[file], DOSSIERS[file])
    dossiers.do(CorrectDocument(document_id=document.id, on=paper_of(to)))
    assert [moved(event) for event in dossiers.decided] == ([] if file == to else [(DOSSIERS[to], DOSSIERS[file])])
    dossiers.do(RemoveDocument(document_id=document.id))
    assert dossiers.decided[0].former_dossier_id == DOSSIERS[to]


# --- addresses --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("owner", [ON_ANNE, ON_COMPANY, ON_CONTACT], ids=lambda owner: owner.kind)
def test_an_address_comes_into_a_dossier_and_leaves_it(dossiers, owner):
    address = dossiers.do(AssociateEmailAddress(owner=owner, address="a@example.fr"))
    assert dossiers.decided[0].dossier_id == DOSSIERS[owner]
    dossiers.do(RemoveEmailAddress(owner=owner, address_id=address.id))
    assert dossiers.of(EmailAddressRemoved).former_dossier_id == DOSSIERS[owner]


def test_an_address_moves_from_the_dossiers_of_all_its_owners(dossiers):
    for owner in (ON_ANNE, ON_COMPANY, ON_BRUNO):
        dossiers.do(AssociateEmailAddress(owner=owner, address="a@example.fr", how="share"))
        assert dossiers.decided[0].dossier_id == DOSSIERS[owner]
    dossiers.do(AssociateEmailAddress(owner=ON_BRUNO, address="a@example.fr", how="move"))
    assert (dossiers.decided[0].dossier_id, dossiers.decided[0].former_dossier_ids) == (BRUNO, (ANNE,))
    dossiers.do(AssociateEmailAddress(owner=ON_CONTACT, address="a@example.fr", how="move"))
    assert (dossiers.decided[0].dossier_id, dossiers.decided[0].former_dossier_ids) == (None, (BRUNO,))


def test_an_address_given_with_a_filing_is_in_the_dossier_of_the_file(dossiers):
    ticket_id, _ = dossiers.comes(1)
    given, filed = dossiers.file(ticket_id, ON_CLAIM, address="associate")
    assert (given.owner, given.dossier_id, filed.dossier_id) == (ON_ANNE, ANNE, ANNE)


# --- all of them ------------------------------------------------------------------------------------------------

_PUTS = {"filed_on", "on", "owner", "file", "contract_id"}
_TAKES = {"previously_on", "former_owners"}
_NAMES = {"dossier_id", "former_dossier_id", "former_dossier_ids"}


@pytest.mark.parametrize("event_type", list(office_event_types()), ids=lambda event_type: event_type.topic())
def test_no_event_names_a_file_and_not_its_dossier(event_type):
    fields = event_type.model_fields.keys()
    assert "client_id" not in fields, "an event calls it `dossier_id`"
    if fields & (_PUTS | _TAKES):
        assert fields & _NAMES
    if fields & _TAKES:
        assert fields & {"former_dossier_id", "former_dossier_ids"}
    if fields & _PUTS:  # or it was the owner's, or the paper's
        leaves = event_type in {EmailAddressRemoved, DocumentRemoved}
        assert ("dossier_id" in fields) != leaves
