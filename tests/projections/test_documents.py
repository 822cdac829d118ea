from uuid import UUID

import pytest

from domain.claims.claim import ClaimOpened, ClaimReference
from domain.contracts.contract import ContractRegistered, Policy
from domain.documents.document import (
    DocumentContent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentSource,
    DocumentTarget,
)
from domain.events import ERASED
from domain.tickets.events import Attachment, StoredFile, TicketMerged, TicketSplitOff
from domain.values import Target
from projections import documents
from projections.queries.paging import BadCursor
from projections.queries.reading import views_of
from tests.projections.facts import MAIL, person, received

CLAIRE, BRUNO, CONTRACT, CLAIM = (UUID(int=number) for number in range(1, 5))
T1, T2, T3 = (UUID(int=number) for number in range(11, 14))
OTHER_MAIL = UUID(int=0xAA12)
ONE, TWO, THREE = (UUID(int=number) for number in range(31, 34))
SCAN = Attachment(part=2, name="scan.pdf", content_type="application/pdf", size=9)


def of(kind, file_id):
    return DocumentTarget(kind=kind, id=file_id)


def dossier(on):
    return on.id if on.kind == "client" else CLAIRE


def indexed(on, document_type="invoice", *, mail_id=MAIL, ticket_id=T1, name="scan.pdf"):
    raw = StoredFile(name="f", key="00", size=1)
    return DocumentIndexed(
        document_type=document_type,
        on=on,
        dossier_id=dossier(on),
        source=DocumentSource(ticket_id=ticket_id, mail_id=mail_id, part=2),
        content=DocumentContent(name=name, content_type="application/pdf", size=9, raw=raw),
    )


def reclassified(before, on, document_type="invoice"):
    return DocumentReclassified(
        document_type=document_type,
        on=on,
        dossier_id=dossier(on),
        source=before.source,
        previous_type=before.document_type,
        previously_on=before.on,
        former_dossier_id=before.dossier_id,
    )


def removed(before):
    return DocumentRemoved(
        document_type=before.document_type, on=before.on, former_dossier_id=before.dossier_id, source=before.source
    )


@pytest.fixture
def views(telling):
    """Claire, who has a contract and a claim under it; Bruno; and a ticket with a message of each."""
    told = telling(*views_of(documents.of_ticket))
    told.happened(CLAIRE, person("Dupont", "Claire", "Mme"))
    told.happened(BRUNO, person("Martin", number=2))
    told.happened(CONTRACT, ContractRegistered(dossier_id=CLAIRE, policy=Policy(number="MRH-1")))
    told.happened(CLAIM, ClaimOpened(number=7, contract_id=CONTRACT, dossier_id=CLAIRE, reference=ClaimReference()))
    told.happened(T1, received(1, attachments=(SCAN,)))
    told.happened(T2, received(2, mail_id=OTHER_MAIL, attachments=(SCAN,)))
    yield told
    assert told.equal_to_replay()


@pytest.fixture
def on_file(views):
    """The documents of a file and of what stands under it."""

    def listed(kind, file_id, **how):
        page = views.page(documents.of_file, Target(kind=kind, id=file_id), **how)
        return [line.document_id for line in page.items]

    return listed


@pytest.fixture
def on_ticket(views):
    return lambda ticket_id: [line.document_id for line in views.page(documents.of_ticket, ticket_id).items]


def test_a_document_stands_on_its_file_and_on_those_above(views, on_file):
    views.happened(ONE, indexed(of("client", CLAIRE)))
    views.happened(TWO, indexed(of("claim", CLAIM)))
    views.happened(THREE, indexed(of("client", BRUNO), mail_id=OTHER_MAIL))
    assert on_file("client", CLAIRE) == [TWO, ONE]
    assert on_file("contract", CONTRACT) == on_file("claim", CLAIM) == [TWO]
    assert on_file("client", BRUNO) == [THREE]


def test_what_a_document_tells(views):
    position = views.happened(ONE, indexed(of("claim", CLAIM), "claim_report", name="Constat"))
    views.happened(TWO, indexed(of("client", BRUNO), mail_id=OTHER_MAIL, ticket_id=T2))
    shown = views.asked(documents.document, ONE)
    assert (shown.document_type, shown.label, shown.name) == ("claim_report", "constat", "Constat")
    assert (shown.content_type, shown.size, shown.version) == ("application/pdf", 9, 1)
    assert shown.on == Target(kind="claim", id=CLAIM)
    assert [file.label for file in shown.filed_under] == ["sinistre n° 7", "contrat MRH-1", "Mme Claire Dupont"]
    assert shown.source == DocumentSource(ticket_id=T1, mail_id=MAIL, part=2)
    assert (views.noon - shown.indexed_at).total_seconds() == -position
    assert views.asked(documents.document, THREE) is None


def test_a_corrected_document_stands_on_its_right_file_in_its_place(views, on_file):
    wrong, other = indexed(of("client", BRUNO), "quote"), indexed(of("client", CLAIRE), mail_id=OTHER_MAIL)
    views.happened(ONE, wrong)
    views.happened(TWO, other)
    views.happened(ONE, reclassified(wrong, of("contract", CONTRACT)))
    assert on_file("client", BRUNO) == []
    assert on_file("client", CLAIRE) == [TWO, ONE]
    shown = views.asked(documents.document, ONE)
    assert (shown.document_type, shown.on.id, shown.version) == ("invoice", CONTRACT, 2)


def test_a_removed_document_is_in_no_list(views, on_file, on_ticket):
    mine, other = indexed(of("client", CLAIRE)), indexed(of("client", CLAIRE), "quote")
    views.happened(ONE, mine)
    views.happened(TWO, other)
    views.happened(ONE, removed(mine))
    assert on_file("client", CLAIRE) == on_ticket(T1) == [TWO]
    assert views.asked(documents.document, ONE) is None


def test_what_was_erased_is_in_no_list(views, on_file):
    erased = indexed(of("client", CLAIRE)).model_copy(update={"content": ERASED})
    views.happened(ONE, erased, reclassified(erased, of("client", CLAIRE), "quote"))
    views.happened(TWO, indexed(of("client", CLAIRE)))
    assert on_file("client", CLAIRE) == [TWO]


def test_a_document_goes_with_its_message(views, on_ticket):
    views.happened(ONE, indexed(of("client", CLAIRE)))
    views.happened(TWO, indexed(of("client", BRUNO), mail_id=OTHER_MAIL, ticket_id=T2))
    assert (on_ticket(T1), on_ticket(T2)) == ([ONE], [TWO])
    again = received(mail_id=OTHER_MAIL).model_dump(exclude={"number"})
    views.happened(T3, TicketSplitOff(**again, number=3, from_ticket_id=T2))
    assert (on_ticket(T2), on_ticket(T3)) == ([], [TWO])
    views.happened(T3, TicketMerged(into=T1, mail_ids=(OTHER_MAIL,)))
    assert (on_ticket(T1), on_ticket(T3)) == ([TWO, ONE], [])
    assert views.asked(documents.document, TWO).source.ticket_id == T1


def test_a_document_whose_message_is_gone_is_listed_all_the_same(views):
    views.happened(ONE, indexed(of("client", CLAIRE), mail_id=UUID(int=99)))
    assert views.asked(documents.document, ONE).source.ticket_id == T1


def test_documents_come_in_pages(views, on_file):
    for document_id in (ONE, TWO, THREE):
        views.happened(document_id, indexed(of("client", CLAIRE)))
    views.happened(UUID(int=34), indexed(of("client", BRUNO)))
    first = views.page(documents.of_file, Target(kind="client", id=CLAIRE), limit=2, total=True)
    assert [line.document_id for line in first.items] == [THREE, TWO]
    assert first.total == 3
    assert on_file("client", CLAIRE, limit=2, cursor=first.next_cursor) == [ONE]
    with pytest.raises(BadCursor):
        views.page(documents.of_ticket, T1, limit=2, cursor="x")
