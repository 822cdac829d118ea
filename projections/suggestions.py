"""Which files tickets could go to: clues put together from the read models, for the policy in `domain/tickets/suggestions.py`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final
from uuid import UUID

from domain.tickets.suggestions import Clues, Reason, suggest
from domain.values import Target
from projections import clients, companies, contacts, email_addresses, messages, targets
from projections.engine.projection import Projection
from projections.messages import FirstMessage
from projections.queries.name_search import name_key
from projections.queries.reading import Reading, Shown, reads
from projections.signature import names_signed
from projections.targets import TargetLine, Targets
from projections.tickets import traces
from projections.tickets.ticket import tickets
from projections.tickets.traces import Traces

VIEWS: Final[tuple[Projection, ...]] = (
    tickets,
    messages.messages,
    email_addresses.email_addresses,
    *targets.VIEWS,
)
"""What these queries read."""


class Suggestion(Shown):
    """A file that a ticket could go to."""

    file: Target
    """Where the ticket could go."""
    filed_under: list[TargetLine]
    """The file and everything above it."""
    strength: float
    """How much all of `reasons` speak for it together: from 0 to 1."""
    reasons: list[Reason]
    """What speaks for it."""


@reads(*VIEWS)
def suggestions(session: Reading, ticket_ids: Iterable[UUID]) -> dict[UUID, list[Suggestion]]:
    """For each of these tickets, the files that it could go to but for the one that it is on: the strongest first."""
    told = traces.traces(session, ticket_ids)
    first = messages.first_of(session, told)
    gathered = _Gathered(session, told, first)
    clues = {ticket_id: gathered.clues(trace, first.get(ticket_id)) for ticket_id, trace in told.items()}
    names = Targets(session, (target for one in clues.values() for target in _targets(one)))

    return {
        ticket_id: [
            Suggestion(
                file=one.target,
                filed_under=names.line(one.target),
                strength=one.strength,
                reasons=list(one.reasons),
            )
            for one in suggest(known, names.lineage)
            if names.knows(one.target) and one.target != told[ticket_id].filed_on
        ]
        for ticket_id, known in clues.items()
    }


def _targets(clues: Clues) -> Iterable[Target]:
    yield from (*clues.owners, *clues.conversation, *clues.shown, *clues.signed)
    yield from (candidate.target for candidate in clues.candidates)
    yield from (*clues.filed_for_sender, *clues.filed_for_domain)


class _Gathered:
    """What the read models tell about some tickets, each asked once."""

    def __init__(self, session: Reading, told: Mapping[UUID, Traces], first: Mapping[UUID, FirstMessage]) -> None:
        senders = {trace.sender_id for trace in told.values() if trace.sender_id}
        self._owners = email_addresses.owners_of(session, senders)
        self._for_sender = traces.filed_for_senders(session, senders)
        domains = {trace.sender_domain for trace in told.values() if trace.sender_domain}
        self._for_domain = traces.filed_for_domains(session, domains)
        references = {reference for message in first.values() for reference in message.references}
        under = messages.tickets_under(session, references)
        filed_on = traces.filed_on(session, {ticket_id for found in under.values() for ticket_id in found})
        self._conversations = {
            reference: [filed_on[ticket_id] for ticket_id in found if ticket_id in filed_on]
            for reference, found in under.items()
        }
        self._signed = {ticket_id: _names(message) for ticket_id, message in first.items()}
        self._named = _named(session, {key for keys in self._signed.values() for key in keys})

    def clues(self, trace: Traces, message: FirstMessage | None) -> Clues:
        keys = self._signed.get(trace.ticket_id, ())
        shown = name_key(_written_by(message)) if message else ""
        return Clues(
            owners=self._owners.get(trace.sender_id, ()) if trace.sender_id else (),
            candidates=trace.candidates,
            conversation=[
                file
                for reference in (message.references if message else ())
                for file in self._conversations.get(reference, ())
            ],
            shown=self._named.get(shown, ()),
            signed=[file for key in keys if key != shown for file in self._named.get(key, ())],
            filed_for_sender=self._for_sender.get(trace.sender_id, {}) if trace.sender_id else {},
            filed_for_domain=self._for_domain.get(trace.sender_domain, {}) if trace.sender_domain else {},
        )


def _written_by(message: FirstMessage) -> str:
    return message.forwarded.name if message.forwarded else message.from_name


def _names(message: FirstMessage) -> Sequence[str]:
    return names_signed(_written_by(message), message.text)


def _named(session: Reading, keys: set[str]) -> dict[str, list[Target]]:
    """The clients, companies and contacts of these names."""
    found: dict[str, list[Target]] = {}
    for view in (clients, companies, contacts):
        for key, target in view.of_name_keys(session, keys):
            found.setdefault(key, []).append(target)
    return found
