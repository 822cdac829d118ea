"""A ticket's history in sentences: who did what, when, and why. In French, as the office reads it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from sqlalchemy import JSON, BigInteger, Column, RowMapping, String, Table, Uuid, select

from domain.clients.client import ProspectRegistered
from domain.documents.document import (
    DOCUMENT_LABELS,
    DocumentEvent,
    DocumentIndexed,
    DocumentReclassified,
    DocumentRemoved,
    DocumentType,
)
from domain.email_addresses.email_address import EmailAddressAssociated, EmailAddressMoved
from domain.events import Actor, Event, Recorded
from domain.tickets.events import (
    TicketAbsorbed,
    TicketAssigned,
    TicketBroughtBack,
    TicketClassified,
    TicketClosed,
    TicketCommented,
    TicketContinued,
    TicketDismissed,
    TicketEvent,
    TicketFilingUndone,
    TicketLeftUnfiled,
    TicketMerged,
    TicketMessageTakenOff,
    TicketPutOnHold,
    TicketReceived,
    TicketReopened,
    TicketSplitOff,
    TicketUnclassified,
)
from domain.values import Target
from projections import actors, collaborators, targets
from projections.engine.projection import Key, Projection, Row, Utc, views
from projections.queries.paging import Page, Window, paged
from projections.queries.reading import Reading, Shown, reads
from projections.targets import Targets
from projections.tickets import ticket

_history: Final = Table(
    "ticket_history",
    views,
    Column("ticket_id", Uuid, primary_key=True),
    Column("position", BigInteger, primary_key=True),
    Column("at", Utc, nullable=False),
    Column("actor", JSON, nullable=False),
    Column("what", String, nullable=False),
    Column("facts", JSON, nullable=False),
)

ticket_history: Final = Projection("ticket_history", version=2, table=_history, row_per_event=True)


# --- folds ------------------------------------------------------------------------------------


def _on_ticket(recorded: Recorded[Any]) -> Key:
    return (recorded.stream_id, recorded.position)


def _from_ticket(recorded: Recorded[Any]) -> tuple[Key, ...]:
    """What was done elsewhere from a ticket stands in that ticket's history too."""
    ticket_id = recorded.event.ticket_id
    return () if ticket_id is None else ((ticket_id, recorded.position),)


def _of_attachment(recorded: Recorded[DocumentEvent]) -> Key:
    """What became of an attachment stands in the history of the ticket from which it was indexed."""
    return (recorded.event.source.ticket_id, recorded.position)


@ticket_history.on(EmailAddressAssociated, EmailAddressMoved, ProspectRegistered, keys=_from_ticket)
@ticket_history.on(DocumentIndexed, DocumentReclassified, DocumentRemoved, key=_of_attachment)
def happened(row: Row | None, recorded: Recorded[Event]) -> Row | None:
    event = recorded.event
    facts = recorded.open_facts
    if isinstance(event, ProspectRegistered):
        facts = {**facts, "client_id": str(recorded.stream_id)}
    actor = recorded.actor
    return {
        "at": recorded.at,
        "actor": {"kind": actor.kind, "id": actor.id},
        "what": event.topic(),
        "facts": facts,
    }


# --- queries ----------------------------------------------------------------------------------


class HistoryLine(Shown):
    """One line of the history."""

    position: int
    """Of its event in the log."""
    at: datetime
    """When it happened."""
    who: str
    """Who did it, by name: a collaborator, or the rules of the office."""
    what: str
    """The type of its event, such as `TicketClassified`."""
    why: str | None
    """On what evidence, or for what reason, in French; null where there is nothing to say."""
    sentence: str
    """All of it, in French."""


@reads(ticket_history, ticket.tickets, *targets.VIEWS, collaborators.collaborators)
def of_ticket(session: Reading, ticket_id: UUID, window: Window) -> Page[HistoryLine] | None:
    """Who did what, when and why, in sentences, oldest first; what happened to tickets merged into it, too.

    Raises `BadCursor`.
    """
    of_ticket = select(_history).where(_history.c.ticket_id.in_(ticket.with_absorbed(session, ticket_id)))

    def told(rows: Sequence[RowMapping]) -> list[HistoryLine]:
        people = {Actor.model_validate(row["actor"]) for row in rows}
        people |= {_collaborator(assignee) for row in rows for assignee in _assignees(row["facts"])}
        named = (Target.model_validate(target) for row in rows for target in _targets(row["facts"]))
        names = _Names(Targets(session, named), actors.labels(session, people))
        return [_told(row, names) for row in rows]

    page = paged(session, of_ticket, window, _history.c.position, items=told)
    nothing = not page.items and session.scalar(of_ticket.with_only_columns(_history.c.position).limit(1)) is None
    return None if nothing else page


_FILING_RULES: Final = "Classement automatique"
_REASONS: Final = {
    "unknown_address": "l’adresse de l’expéditeur n’est connue sur aucune fiche",
    "no_sender_address": "le message n’a pas d’adresse d’expéditeur utilisable",
    "shared_address": "l’adresse de l’expéditeur est partagée par plusieurs fiches",
    "another_clients_number": "l’objet cite le numéro d’un autre client",
    "forwarded": "un collaborateur a transféré ce message",
    "unknown_recipient": "l’adresse du destinataire n’est connue sur aucune fiche",
    "several_recipients": "les destinataires sont sur plusieurs fiches",
    "address_owned": "l’adresse de l’expéditeur appartient à cette fiche, et à elle seule",
    "number_quoted": "l’objet cite un numéro de cette fiche, à laquelle appartient l’adresse de l’expéditeur",
    "recipient_owned": "l’adresse du destinataire appartient à cette fiche, et à elle seule",
    "collaborator_choice": "choix d’un collaborateur",
}
_DISMISSALS: Final = {
    "advertising": "publicité",
    "junk": "indésirable",
    "not_for_us": "pas pour le cabinet",
    "other": "autre motif",
}


def _targets(facts: dict[str, Any]) -> list[dict[str, str]]:
    """Every file that an event's facts name."""
    found = [facts[name] for name in ("filed_on", "previously_on", "owner", "on") if facts.get(name)]
    found += [candidate["target"] for candidate in facts.get("candidates", ())]
    found += [*facts.get("former_owners", ()), *facts.get("shared_with", ())]
    return found + ([{"kind": "client", "id": facts["client_id"]}] if "client_id" in facts else [])


def _assignees(facts: dict[str, Any]) -> list[str]:
    """The id of every collaborator whom a ticket was entrusted to or taken from."""
    return [facts[name] for name in ("collaborator_id", "previously") if facts.get(name)]


def _collaborator(collaborator_id: str) -> Actor:
    return Actor(kind="collaborator", id=collaborator_id)


class _Names:
    """How a sentence names files and people."""

    def __init__(self, files: Targets, people: dict[Actor, str]) -> None:
        self._files = files
        self._people = people

    def file(self, target: dict[str, str]) -> str:
        return f"« {self._files.label(Target.model_validate(target))} »"  # so that no « de » has to be elided

    def files(self, several: list[dict[str, str]]) -> str:
        return ", ".join(map(self.file, several))

    def candidates(self, facts: dict[str, Any]) -> str:
        others = [candidate["target"] for candidate in facts["candidates"]]
        return f" (autres fiches possibles : {self.files(others)})" if others else ""

    def who(self, actor: Actor) -> str:
        return self._people[actor]


def _received(facts: dict[str, Any], names: _Names) -> str:
    if facts["direction"] == "outgoing":
        return f"Message envoyé par le cabinet, enregistré sous le n° {facts['number']}{_automatic(facts)}"
    return f"{_came(facts)}, ticket n° {facts['number']} ouvert{_automatic(facts)}"


def _continued(facts: dict[str, Any], names: _Names) -> str:
    came = "Message envoyé par le cabinet" if facts["direction"] == "outgoing" else _came(facts)
    return f"{came} dans la même conversation{_automatic(facts)}"


def _came(facts: dict[str, Any]) -> str:
    return "Message transféré par un collaborateur" if facts["direction"] == "forwarded" else "Message reçu"


def _automatic(facts: dict[str, Any]) -> str:
    return " (message automatique)" if facts["automatic"] else ""


def _undone(facts: dict[str, Any], names: _Names) -> str:
    back = facts["filed_on"]
    return f"Classement annulé : de nouveau {f'sur {names.file(back)}' if back else 'non classé'}"


def _count(facts: dict[str, Any], name: str) -> str:
    number = len(facts[name])
    return "un message" if number == 1 else f"{number} messages"


def _classified(facts: dict[str, Any], names: _Names) -> str:
    before = facts["previously_on"]
    begins = f"Reclassé de {names.file(before)} sur" if before else "Classé sur"
    return f"{begins} {names.file(facts['filed_on'])}{names.candidates(facts)}"


def _associated(facts: dict[str, Any], names: _Names) -> str:
    shared = f", partagée avec {names.files(facts['shared_with'])}" if facts["shared_with"] else ""
    return f"Adresse de l’expéditeur associée à {names.file(facts['owner'])}{shared}"


def _moved(facts: dict[str, Any], names: _Names) -> str:
    former = names.files(facts["former_owners"])
    return f"Adresse de l’expéditeur déplacée de {former} à {names.file(facts['owner'])}"


def _assigned(facts: dict[str, Any], names: _Names) -> str:
    before, now = facts["previously"], facts["collaborator_id"]
    if before is None:
        return f"Confié à {names.who(_collaborator(now))}"
    taken = f"Repris à {names.who(_collaborator(before))}"
    return taken if now is None else f"{taken} et confié à {names.who(_collaborator(now))}"


def _document(document_type: DocumentType, on: dict[str, str], names: _Names) -> str:
    return f"{DOCUMENT_LABELS[document_type]} sur {names.file(on)}"


def _indexed(facts: dict[str, Any], names: _Names) -> str:
    return f"Pièce jointe indexée comme {_document(facts['document_type'], facts['on'], names)}"


def _reclassified(facts: dict[str, Any], names: _Names) -> str:
    now = _document(facts["document_type"], facts["on"], names)
    before = _document(facts["previous_type"], facts["previously_on"], names)
    return f"Document corrigé : {now}, au lieu de {before}"


_SENTENCES: Final[dict[type[Event], Callable[[dict[str, Any], _Names], str]]] = {
    TicketReceived: _received,
    TicketContinued: _continued,
    TicketSplitOff: lambda facts, _: f"Message détaché d’un autre ticket, ticket n° {facts['number']} ouvert",
    TicketMessageTakenOff: lambda _, __: "Un message détaché, qui a son propre ticket",
    TicketAbsorbed: lambda facts, _: f"Autre ticket fusionné dans celui-ci, avec {_count(facts, 'mails')}",
    TicketMerged: lambda facts, _: f"Ticket fusionné dans un autre, avec {_count(facts, 'mail_ids')}",
    TicketFilingUndone: _undone,
    TicketClassified: _classified,
    TicketLeftUnfiled: lambda facts, names: f"Laissé non classé{names.candidates(facts)}",
    TicketUnclassified: lambda facts, names: f"Retiré de {names.file(facts['previously_on'])}",
    TicketPutOnHold: lambda _, __: "Ticket mis en attente",
    TicketClosed: lambda _, __: "Ticket fermé",
    TicketReopened: lambda _, __: "Ticket rouvert",
    TicketAssigned: _assigned,
    TicketDismissed: lambda facts, _: f"Écarté ({_DISMISSALS[facts['reason']]})",
    TicketBroughtBack: lambda _, __: "Rétabli",
    TicketCommented: lambda _, __: "Commentaire ajouté",
    DocumentIndexed: _indexed,
    DocumentReclassified: _reclassified,
    DocumentRemoved: lambda facts, names: f"Document retiré : {_document(facts['document_type'], facts['on'], names)}",
    EmailAddressAssociated: _associated,
    EmailAddressMoved: _moved,
    ProspectRegistered: lambda facts, names: (
        f"Fiche créée depuis ce ticket : {names.file({'kind': 'client', 'id': facts['client_id']})}"
    ),
}
"""What is told of each event; of a ticket's, that it is told is all there is to add."""

ticket_history.on(*(one for one in _SENTENCES if issubclass(one, TicketEvent)), key=_on_ticket)(happened)

_SENTENCE_OF: Final = {event_type.topic(): sentence for event_type, sentence in _SENTENCES.items()}


def _told(row: RowMapping, names: _Names) -> HistoryLine:
    # Whoever brings a message in doesn't file it: what the rules decided is told in their name.
    facts, what = row["facts"], row["what"]
    who = _FILING_RULES if _decided_by_rule(what, facts) else names.who(Actor.model_validate(row["actor"]))
    why = _why(facts)
    sentence = f"{who} : {_SENTENCE_OF[what](facts, names)}{f' : {why}' if why else ''}."
    return HistoryLine.of(row, who=who, why=why or _DISMISSALS.get(facts.get("reason")), sentence=sentence)


def _decided_by_rule(what: str, facts: dict[str, Any]) -> bool:
    by_evidence = what == TicketClassified.topic() and facts["evidence"]["kind"] != "collaborator_choice"
    return by_evidence or what == TicketLeftUnfiled.topic()


def _why(facts: dict[str, Any]) -> str | None:
    evidence = facts.get("evidence")
    return _REASONS.get(evidence["kind"] if evidence else facts.get("reason", ""))
