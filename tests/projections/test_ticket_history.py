from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from domain.clients.client import ProspectRegistered
from domain.documents.document import (
    DocumentContent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentSource,
    DocumentTarget,
)
from domain.events import ERASED, Actor
from domain.office.office import OFFICE_ID
from domain.tickets.events import (
    StoredFile,
    TicketAssigned,
    TicketBroughtBack,
    TicketClosed,
    TicketCommented,
    TicketDismissed,
    TicketLeftUnfiled,
    TicketPutOnHold,
    TicketReopened,
    TicketUnclassified,
)
from projections import ticket_history
from projections.queries.reading import views_of
from tests.projections.facts import (
    ADDRESS,
    associated,
    filed,
    joined,
    moved,
    person,
    received,
    removed,
    sharing,
    target,
)

CLAIRE, BRUNO, ANNE = UUID(int=1), UUID(int=2), UUID(int=20)
T1, T2 = UUID(int=11), UUID(int=12)
BY_ANNE = Actor.collaborator(ANNE)


@pytest.fixture
def views(telling):
    told = telling(*views_of(ticket_history.of_ticket))
    told.happened(CLAIRE, person("Dupont", "Claire", "Mme"))
    told.happened(BRUNO, person("Martin", number=2))
    told.happened(OFFICE_ID, joined(ANNE, "Anne", "Petit"))
    told.happened(T2, received(99), filed(BRUNO, by_rule=True))  # another ticket, with a story of its own
    yield told
    assert told.equal_to_replay()


@pytest.fixture
def sentences(views):
    return lambda: [line.sentence for line in views.page(ticket_history.of_ticket, T1).items]


def test_a_message_filed_on_arrival(views, sentences):
    views.happened(T1, received(5), filed(CLAIRE, by_rule=True))
    assert sentences() == [
        "Import du courrier : Message reçu, ticket n° 5 ouvert.",
        (
            "Classement automatique : Classé sur « Mme Claire Dupont » : "
            "l’adresse de l’expéditeur appartient à cette fiche, et à elle seule."
        ),
    ]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("unknown_address", "l’adresse de l’expéditeur n’est connue sur aucune fiche"),
        ("no_sender_address", "le message n’a pas d’adresse d’expéditeur utilisable"),
    ],
)
def test_a_message_that_waits_says_why(views, sentences, reason, why):
    views.happened(T1, received(5, automatic=True), TicketLeftUnfiled(reason=reason))
    assert sentences() == [
        "Import du courrier : Message reçu, ticket n° 5 ouvert (message automatique).",
        f"Classement automatique : Laissé non classé : {why}.",
    ]


def test_a_message_of_a_shared_address_names_the_candidates_and_then_the_choice(views, sentences):
    views.happened(T1, received(), TicketLeftUnfiled(reason="shared_address", candidates=sharing(CLAIRE, BRUNO)))
    views.happened(T1, filed(CLAIRE, candidates=[BRUNO]), actor=BY_ANNE)
    assert sentences()[1:] == [
        (
            "Classement automatique : Laissé non classé (autres fiches possibles : « Mme Claire Dupont », « Martin ») : "
            "l’adresse de l’expéditeur est partagée par plusieurs fiches."
        ),
        "Anne Petit : Classé sur « Mme Claire Dupont » (autres fiches possibles : « Martin ») : choix d’un collaborateur.",
    ]


def test_re_filing_and_unfiling(views, sentences):
    views.happened(T1, received(), filed(BRUNO))
    views.happened(
        T1,
        filed(CLAIRE, previously_on=BRUNO),
        TicketUnclassified(previously_on=target(CLAIRE), former_dossier_id=CLAIRE),
        actor=BY_ANNE,
    )
    assert sentences()[2:] == [
        "Anne Petit : Reclassé de « Martin » sur « Mme Claire Dupont » : choix d’un collaborateur.",
        "Anne Petit : Retiré de « Mme Claire Dupont ».",
    ]


def test_how_far_the_office_was_with_it(views, sentences):
    views.happened(T1, received())
    views.happened(T1, TicketPutOnHold(), TicketClosed(), TicketReopened(), actor=BY_ANNE)
    assert sentences()[1:] == [
        "Anne Petit : Ticket mis en attente.",
        "Anne Petit : Ticket fermé.",
        "Anne Petit : Ticket rouvert.",
    ]


def test_who_saw_to_it(views, sentences):
    paul, gone = UUID(int=21), UUID(int=22)
    views.happened(OFFICE_ID, joined(paul, "Paul", "Roche"))
    views.happened(T1, received())
    views.happened(
        T1,
        TicketAssigned(collaborator_id=paul),
        TicketAssigned(collaborator_id=ANNE, previously=paul),
        TicketAssigned(collaborator_id=None, previously=ANNE),
        TicketAssigned(collaborator_id=gone),
        actor=BY_ANNE,
    )
    assert sentences()[1:] == [
        "Anne Petit : Confié à Paul Roche.",
        "Anne Petit : Repris à Paul Roche et confié à Anne Petit.",
        "Anne Petit : Repris à Anne Petit.",
        "Anne Petit : Confié à un collaborateur inconnu.",
    ]


@pytest.mark.parametrize(
    ("reason", "why"),
    [
        ("advertising", "publicité"),
        ("junk", "indésirable"),
        ("not_for_us", "pas pour le cabinet"),
        ("other", "autre motif"),
    ],
)
def test_why_it_was_put_aside(views, reason, why):
    views.happened(T1, received())
    views.happened(T1, TicketDismissed(reason=reason, note="Démarchage"), TicketBroughtBack(), actor=BY_ANNE)
    _, aside, back = views.page(ticket_history.of_ticket, T1).items
    assert (aside.sentence, aside.why) == (f"Anne Petit : Écarté ({why}).", why)
    assert (back.sentence, back.why) == ("Anne Petit : Rétabli.", None)


def test_that_it_was_commented_on(views, sentences):
    views.happened(T1, received())
    views.happened(T1, TicketCommented(comment_id=uuid4(), text="Rappeler"), actor=BY_ANNE)
    assert sentences()[1:] == ["Anne Petit : Commentaire ajouté."]


def test_what_was_done_with_the_address_from_this_ticket(views, sentences):
    views.happened(T1, received())
    views.happened(
        ADDRESS,
        associated(CLAIRE, ticket_id=T1),
        associated(BRUNO, shared_with=[CLAIRE], ticket_id=T1),
        moved(BRUNO, CLAIRE, ticket_id=T1),
        actor=BY_ANNE,
    )
    assert sentences()[1:] == [
        "Anne Petit : Adresse de l’expéditeur associée à « Mme Claire Dupont ».",
        "Anne Petit : Adresse de l’expéditeur associée à « Martin », partagée avec « Mme Claire Dupont ».",
        "Anne Petit : Adresse de l’expéditeur déplacée de « Mme Claire Dupont » à « Martin ».",
    ]


def test_what_became_of_its_attachments(views, sentences):
    source = {"source": DocumentSource(ticket_id=T1, mail_id=uuid4(), part=2)}
    claire, bruno = (DocumentTarget(kind="client", id=client_id) for client_id in (CLAIRE, BRUNO))
    views.happened(T1, received())
    views.happened(
        uuid4(),
        DocumentIndexed(document_type="quote", on=bruno, dossier_id=BRUNO, **source, content=ERASED),
        DocumentReclassified(
            document_type="vehicle_registration",
            on=claire,
            dossier_id=CLAIRE,
            **source,
            previous_type="quote",
            previously_on=bruno,
            former_dossier_id=BRUNO,
        ),
        DocumentRemoved(document_type="vehicle_registration", on=claire, former_dossier_id=CLAIRE, **source),
        actor=BY_ANNE,
    )
    assert sentences()[1:] == [
        "Anne Petit : Pièce jointe indexée comme devis sur « Martin ».",
        "Anne Petit : Document corrigé : carte grise sur « Mme Claire Dupont », au lieu de devis sur « Martin ».",
        "Anne Petit : Document retiré : carte grise sur « Mme Claire Dupont ».",
    ]


def test_what_was_done_elsewhere_is_no_part_of_it(views, sentences):
    views.happened(T1, received())
    views.happened(ADDRESS, associated(CLAIRE), moved(BRUNO, CLAIRE), removed(BRUNO), associated(CLAIRE, ticket_id=T2))
    views.happened(uuid4(), person("Durand", number=3), person("Durand", number=4, ticket_id=T2))
    assert len(sentences()) == 1


def test_a_dossier_created_from_the_ticket(views, sentences):
    views.happened(T1, received())
    views.happened(UUID(int=3), person("Durand", "Zoé", number=3, ticket_id=T1), actor=BY_ANNE)
    assert sentences()[1:] == ["Anne Petit : Fiche créée depuis ce ticket : « Zoé Durand »."]


def test_the_parts_of_a_line(views):
    position = views.happened(T1, filed(CLAIRE), actor=BY_ANNE)
    (line,) = views.page(ticket_history.of_ticket, T1).items
    assert line.model_dump(exclude={"sentence"}) == {
        "position": position,
        "at": views.noon + timedelta(seconds=position),
        "who": "Anne Petit",
        "what": "TicketClassified",
        "why": "choix d’un collaborateur",
    }


def test_who_and_what_was_erased_is_named_so(views, sentences):
    erased, gone = UUID(int=5), Actor.collaborator(UUID(int=21))
    views.happened(erased, ProspectRegistered(number=9, identity=ERASED))
    views.happened(T1, filed(erased), actor=gone)
    assert sentences() == ["un collaborateur inconnu : Classé sur « fiche inconnue » : choix d’un collaborateur."]


@pytest.mark.parametrize(("rule", "who"), [("mail_import", "Import du courrier"), ("a_rule_to_come", "a_rule_to_come")])
def test_rules_act_under_their_name(views, sentences, rule, who):
    views.happened(T1, received(5), actor=Actor.rule(rule))
    assert sentences() == [f"{who} : Message reçu, ticket n° 5 ouvert."]


def test_a_ticket_that_does_not_exist_has_no_history(views):
    assert views.page(ticket_history.of_ticket, uuid4()) is None


def test_no_personal_value_is_kept_in_a_history(views, store):
    views.happened(T1, received(subject="SECRET"))
    views.happened(ADDRESS, associated(CLAIRE, "SECRET@example.fr", ticket_id=T1))
    views.happened(UUID(int=3), person("SECRET", number=3, ticket_id=T1))
    views.happened(
        T1, TicketCommented(comment_id=uuid4(), text="SECRET"), TicketDismissed(reason="junk", note="SECRET")
    )
    source = DocumentSource(ticket_id=T1, mail_id=uuid4(), part=2)
    content = DocumentContent(
        name="SECRET.pdf", content_type="a/b", size=1, raw=StoredFile(name="SECRET", key="00", size=1)
    )
    on = DocumentTarget(kind="client", id=CLAIRE)
    views.happened(
        uuid4(), DocumentIndexed(document_type="quote", on=on, dossier_id=CLAIRE, source=source, content=content)
    )
    with store.reading() as connection:
        assert "SECRET" not in str(list(store.rows(connection, ticket_history.ticket_history)))
