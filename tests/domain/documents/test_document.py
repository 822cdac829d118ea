"""Documents: what attachments become, corrected and removed."""

from typing import get_args
from uuid import UUID

import pytest
from pydantic import ValidationError

from domain.aggregates import NotFound
from domain.claims.claim import ClaimOpened, ClaimReference
from domain.commands import handlers
from domain.contracts.contract import ContractRegistered, Policy
from domain.documents.document import (
    DOCUMENT_LABELS,
    CorrectDocument,
    DocumentContent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentSource,
    DocumentStandsAlready,
    DocumentTarget,
    DocumentType,
    DocumentWasRemoved,
    IndexAttachment,
    RemoveDocument,
    stored_file_of,
)
from domain.events import ERASED
from domain.tickets.conversation import MergeTickets, SplitMessageOff
from domain.tickets.events import Attachment, StoredFile, TicketClosed, TicketContinued, TicketDismissed
from domain.tickets.filing import Filing
from domain.tickets.refusals import MessageErased, NoSuchAttachment, NotOnTicket, TicketIsDismissed, TicketWasMerged
from tests.given_when_then import InMemoryStreams, given, keyed_id

CONTRACT, CLAIM, OTHER_TICKET, SECOND = (UUID(int=number) for number in (21, 22, 31, 32))
SCAN = Attachment(part=2, name="scan0001.pdf", content_type="application/pdf", size=1_204)
RAW = StoredFile(name="f", key="00", size=1)
CLAIRE, BRUNO = DocumentTarget(kind="client", id=UUID(int=1)), DocumentTarget(kind="client", id=UUID(int=2))


def dossier(on):
    """The contract and the claim are Claire's."""
    return on.id if on.kind == "client" else CLAIRE.id


@pytest.fixture
def papers(office):
    """Two clients, a contract and a claim of Claire's, and a ticket of hers with a scan attached."""

    class Papers:
        first, second = (keyed_id("document", f"{office.mail_id} 2 {number}") for number in (1, 2))

        def given(self, *events, attached=(SCAN,)):
            return (
                given(office.claire, office.registered())
                .and_given(office.bruno, office.registered("Martin", 2))
                .and_given(CONTRACT, ContractRegistered(dossier_id=office.claire, policy=Policy(number="MRH-1")))
                .and_given(
                    CLAIM,
                    ClaimOpened(number=1, contract_id=CONTRACT, dossier_id=office.claire, reference=ClaimReference()),
                )
                .and_given(office.ticket_id, office.received(content=office.content(attachments=attached)), *events)
            )

        def made(self, *events):
            """What it was given, and the first document made of the scan."""
            return self.given().and_given(self.first, *(events or [self.indexed()]))

        def index(self, on=CLAIRE, document_type="vehicle_registration", **changes):
            facts = {"ticket_id": office.ticket_id, "mail_id": office.mail_id, "part": 2, "on": on}
            return IndexAttachment(**facts | changes, document_type=document_type)

        def correct(self, **changes):
            return CorrectDocument(document_id=self.first, **changes)

        def source(self, **changes):
            return DocumentSource(**{"ticket_id": office.ticket_id, "mail_id": office.mail_id, "part": 2} | changes)

        def indexed(self, on=CLAIRE, document_type="vehicle_registration", name="scan0001.pdf", **changes):
            content = DocumentContent(name=name, content_type="application/pdf", size=1_204, raw=RAW)
            return DocumentIndexed(
                document_type=document_type,
                on=on,
                dossier_id=dossier(on),
                source=self.source(**changes),
                content=content,
            )

        def reclassified(
            self, on=CLAIRE, document_type="vehicle_registration", *, was="vehicle_registration", of=CLAIRE
        ):
            return DocumentReclassified(
                document_type=document_type,
                on=on,
                dossier_id=dossier(on),
                source=self.source(),
                previous_type=was,
                previously_on=of,
                former_dossier_id=dossier(of),
            )

        def removed(self, on=CLAIRE, document_type="vehicle_registration"):
            return DocumentRemoved(
                document_type=document_type, on=on, former_dossier_id=dossier(on), source=self.source()
            )

    return Papers()


def test_every_type_has_a_label_of_its_own():
    assert list(DOCUMENT_LABELS) == list(get_args(DocumentType))
    assert len(set(DOCUMENT_LABELS.values())) == len(DOCUMENT_LABELS)


# --- indexing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "on", [CLAIRE, DocumentTarget(kind="contract", id=CONTRACT), DocumentTarget(kind="claim", id=CLAIM)]
)
def test_an_attachment_is_indexed_on_a_client_a_contract_or_a_claim(papers, on):
    answer = papers.given().when(papers.index(on)).then({papers.first: [papers.indexed(on)]})
    assert answer.id == papers.first


@pytest.mark.parametrize("kind", ["company", "contact"])
def test_a_document_is_no_company_s_and_no_contact_s(kind):
    with pytest.raises(ValidationError, match="'client', 'contract' or 'claim'"):
        DocumentTarget(kind=kind, id=CONTRACT)


def test_a_document_goes_by_the_name_that_it_was_given(papers):
    papers.given().when(papers.index(name=" Carte\ngrise ")).then({papers.first: [papers.indexed(name="Carte grise")]})


def test_what_an_attachment_is_already_it_stays(papers):
    again = papers.made().when(papers.index(name="Autre")).then_nothing()
    assert again.id == papers.first


@pytest.mark.parametrize(("on", "document_type"), [(BRUNO, "vehicle_registration"), (CLAIRE, "bank_details")])
def test_an_attachment_is_a_document_of_several_files_and_of_several_types(papers, on, document_type):
    command, indexed = papers.index(on, document_type), papers.indexed(on, document_type)
    papers.made().when(command).then({papers.second: [indexed]})
    papers.made().and_given(papers.second, indexed).when(command).then_nothing()


def test_an_attachment_whose_document_was_removed_or_moved_is_indexed_anew(papers):
    for left in (papers.removed(), papers.reclassified(BRUNO)):
        papers.made(papers.indexed(), left).when(papers.index()).then({papers.second: [papers.indexed()]})
    papers.made(papers.indexed(), papers.reclassified(BRUNO)).when(papers.index(BRUNO)).then_nothing()


def test_what_is_not_there_is_not_indexed(office, papers):
    unknown = UUID(int=77)
    papers.given().when(papers.index(part=3)).then_raises(NoSuchAttachment, ticket_id=office.ticket_id, part=3)
    papers.given(attached=()).when(papers.index()).then_raises(NoSuchAttachment, ticket_id=office.ticket_id, part=2)
    papers.given().when(papers.index(mail_id=unknown)).then_raises(
        NotOnTicket, ticket_id=office.ticket_id, mail_id=unknown
    )
    papers.given().when(papers.index(ticket_id=unknown)).then_raises(NotFound, kind="ticket", id=unknown)
    for kind in ("client", "contract", "claim"):
        nobody = DocumentTarget(kind=kind, id=unknown)
        papers.given().when(papers.index(nobody)).then_raises(NotFound, kind=kind, id=unknown, field="on.id")


def test_an_erased_message_has_nothing_to_index(office, papers):
    given(office.claire, office.registered()).and_given(office.ticket_id, office.received(content=ERASED)).when(
        papers.index()
    ).then_raises(MessageErased, ticket_id=office.ticket_id, mail_id=office.mail_id)


def test_a_closed_ticket_s_attachments_are_indexed_and_a_dismissed_one_s_are_not(office, papers):
    papers.given(TicketClosed()).when(papers.index()).then({papers.first: [papers.indexed()]})
    papers.given(TicketDismissed(reason="junk")).when(papers.index()).then_raises(
        TicketIsDismissed, ticket_id=office.ticket_id, reason="junk"
    )


# --- after its message went to another ticket -------------------------------------------------------------


def replies(office):
    """A second message, with the scan attached to it alone."""
    return TicketContinued(
        mail_id=SECOND,
        sender_id=office.address_id,
        sent_at=None,
        automatic=False,
        content=office.content(attachments=(SCAN,)),
        filing=Filing(reason="unknown_address"),
    )


def done(streams, command):
    """The streams once a command was handled on them."""
    answer = handlers()[type(command)](command, streams)
    for stream_id, events in streams.appended.items():
        streams.events[stream_id] += events
    streams.appended = {}
    return answer


@pytest.fixture
def conversation(office):
    """Claire's ticket, of two messages, and another one of hers."""
    streams = InMemoryStreams()
    streams.events[office.claire] = [office.registered()]
    streams.events[office.ticket_id] = [office.received(), replies(office)]
    streams.events[OTHER_TICKET] = [office.received(number=2, mail_id=UUID(int=33))]
    return streams


def test_an_attachment_is_indexed_from_the_ticket_that_its_message_was_split_off_to(office, papers, conversation):
    new = done(conversation, SplitMessageOff(ticket_id=office.ticket_id, mail_id=SECOND)).id
    made = done(conversation, papers.index(ticket_id=new, mail_id=SECOND)).id
    assert conversation.events[made] == [papers.indexed(ticket_id=new, mail_id=SECOND)]
    with pytest.raises(NotOnTicket):
        done(conversation, papers.index(mail_id=SECOND))


def test_what_is_a_document_before_a_split_or_a_merge_is_the_same_after_it(office, papers, conversation):
    made = done(conversation, papers.index(mail_id=SECOND))
    new = done(conversation, SplitMessageOff(ticket_id=office.ticket_id, mail_id=SECOND)).id
    assert done(conversation, papers.index(ticket_id=new, mail_id=SECOND)) == made
    done(conversation, MergeTickets(ticket_id=OTHER_TICKET, other_id=new))
    assert done(conversation, papers.index(ticket_id=OTHER_TICKET, mail_id=SECOND)) == made


def test_an_attachment_is_indexed_from_the_ticket_that_its_own_was_merged_into(office, papers, conversation):
    done(conversation, MergeTickets(ticket_id=OTHER_TICKET, other_id=office.ticket_id))
    with pytest.raises(TicketWasMerged):
        done(conversation, papers.index(mail_id=SECOND))
    made = done(conversation, papers.index(ticket_id=OTHER_TICKET, mail_id=SECOND)).id
    assert conversation.events[made] == [papers.indexed(ticket_id=OTHER_TICKET, mail_id=SECOND)]


# --- corrections ------------------------------------------------------------------------------------------


def test_a_document_is_given_its_right_type_and_its_right_file(papers):
    claim = DocumentTarget(kind="claim", id=CLAIM)
    invoice, moved = papers.reclassified(document_type="invoice"), papers.reclassified(claim)
    both = papers.reclassified(claim, "invoice", was="quote", of=BRUNO)
    papers.made().when(papers.correct(document_type="invoice")).then({papers.first: [invoice]})
    papers.made().when(papers.correct(on=claim)).then({papers.first: [moved]})
    papers.made(papers.indexed(), papers.reclassified(BRUNO, "quote")).when(
        papers.correct(document_type="invoice", on=claim)
    ).then({papers.first: [both]})


@pytest.mark.parametrize("same", [{}, {"document_type": "vehicle_registration"}, {"on": CLAIRE}])
def test_a_correction_to_what_it_is_changes_nothing(papers, same):
    papers.made().when(papers.correct(**same)).then_nothing()


def test_a_correction_makes_no_two_documents_one(papers):
    correct = CorrectDocument(document_id=papers.second, on=CLAIRE)
    papers.made().and_given(papers.second, papers.indexed(BRUNO)).when(correct).then_raises(
        DocumentStandsAlready, document_id=papers.first
    )
    papers.made(papers.indexed(), papers.removed()).and_given(papers.second, papers.indexed(BRUNO)).when(correct).then(
        {papers.second: [papers.reclassified(CLAIRE, of=BRUNO)]}
    )


def test_a_document_is_moved_only_to_a_file_that_is_there(papers):
    unknown = DocumentTarget(kind="contract", id=UUID(int=77))
    papers.made().when(papers.correct(on=unknown)).then_raises(NotFound, kind="contract", id=unknown.id, field="on.id")


def test_a_document_is_removed_once_and_stays_so(papers):
    remove = RemoveDocument(document_id=papers.first)
    papers.made().when(remove).then({papers.first: [papers.removed()]})
    papers.made(papers.indexed(), papers.removed()).when(remove).then_nothing()
    papers.made(papers.indexed(), papers.removed()).when(papers.correct(document_type="invoice")).then_raises(
        DocumentWasRemoved, document_id=papers.first
    )


@pytest.mark.parametrize("command", [RemoveDocument, CorrectDocument])
def test_what_was_never_indexed_is_not_there(command):
    given().when(command(document_id=CLAIM)).then_raises(NotFound, kind="document", id=CLAIM)


# --- the file that it lies in -----------------------------------------------------------------------------


def test_a_document_keeps_its_stored_file(papers):
    assert stored_file_of(papers.indexed()) == RAW
    assert stored_file_of(papers.indexed().model_copy(update={"content": ERASED})) is None
    assert stored_file_of(papers.removed()) is None
