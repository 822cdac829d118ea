"""How a message finds its file: the policy, as a list of named rules, and the evidence that every filing records (X1)."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Final, Literal
from uuid import UUID

from pydantic import Field

from domain.email_addresses.email_address import EmailAddress
from domain.events import Value
from domain.messages.message import Direction
from domain.values import Target, dossier_among


class AddressOwned(Value):
    """The sender's address belonged to that file, and to it alone, when the message came (T2)."""

    kind: Annotated[Literal["address_owned"], Field(description="What the evidence is")] = "address_owned"
    address_id: Annotated[UUID, Field(description="The sender's address")]


class NumberQuoted(Value):
    """The subject named that file, or one under the same client, by its number; the sender's address is its client's (T19)."""

    kind: Annotated[Literal["number_quoted"], Field(description="What the evidence is")] = "number_quoted"
    address_id: Annotated[UUID, Field(description="The sender's address")]


class RecipientOwned(Value):
    """The office wrote to that file: the recipient's address belonged to it, and to it alone (T21)."""

    kind: Annotated[Literal["recipient_owned"], Field(description="What the evidence is")] = "recipient_owned"
    address_id: Annotated[UUID, Field(description="The recipient's address")]


class CollaboratorChoice(Value):
    """A collaborator chose: who and when stand in the envelope."""

    kind: Annotated[Literal["collaborator_choice"], Field(description="What the evidence is")] = "collaborator_choice"


Evidence = Annotated[AddressOwned | NumberQuoted | RecipientOwned | CollaboratorChoice, Field(discriminator="kind")]

CandidateReason = Annotated[
    Literal["owns_address", "shares_address", "number_quoted", "original_sender", "receives"],
    Field(
        description="The sender's address is that file's (`owns_address`), or its among others' (`shares_address`); the "
        "subject names it (`number_quoted`); it is whose message a collaborator passed on (`original_sender`); or the "
        "office wrote to it (`receives`)"
    ),
]


class Candidate(Value):
    """A file that the message could also concern, and why."""

    target: Annotated[Target, Field(description="The file")]
    reason: CandidateReason


UnfiledReason = Literal[
    "no_sender_address",
    "unknown_address",
    "shared_address",
    "another_clients_number",
    "forwarded",
    "unknown_recipient",
    "several_recipients",
]


class Filing(Value):
    """What the policy found for an arriving message: its file and the evidence, or why it waits, with candidates."""

    target: Target | None = None
    dossier_id: UUID | None = None
    """The client whose file that is; none, where it is a company's or a contact's."""
    evidence: Evidence | None = None
    reason: UnfiledReason | None = None
    candidates: tuple[Candidate, ...] = ()


UNDECIDED: Final = Filing()


@dataclass(frozen=True)
class Named:
    """A file that the subject names by its number, and what it belongs to: a claim, its contract, that one's client."""

    lineage: tuple[Target, ...]

    @property
    def file(self) -> Target:
        return self.lineage[0]


@dataclass(frozen=True)
class Arrival:
    """What the policy looks at. `recipients` are strangers to the office, where it wrote; `original` is whose message
    a collaborator passed on.
    """

    sender: EmailAddress | None
    direction: Direction = "incoming"
    named: tuple[Named, ...] = ()
    recipients: tuple[EmailAddress, ...] = ()
    original: EmailAddress | None = None

    @property
    def owners(self) -> tuple[Target, ...]:
        return self.sender.owners if self.sender else ()

    def dossier_of(self, file: Target) -> UUID | None:
        """In whose dossier a file is that the subject names, or that has one of the addresses."""
        return dossier_among(next((named.lineage for named in self.named if named.file == file), (file,)))


def sent_mail_goes_to_its_recipient(arrival: Arrival) -> Filing | None:  # T21
    if arrival.direction != "outgoing":
        return None
    owned = {owner: recipient for recipient in arrival.recipients for owner in recipient.owners}
    if len(owned) == 1:
        ((owner, recipient),) = owned.items()
        files = _lowest_under(arrival, [owner])
        target = files[0] if len(files) == 1 else owner
        return Filing(target=target, evidence=RecipientOwned(address_id=recipient.id))
    candidates = tuple(Candidate(target=owner, reason="receives") for owner in owned)
    return Filing(reason="several_recipients" if owned else "unknown_recipient", candidates=candidates)


def forwarded_waits(arrival: Arrival) -> Filing | None:  # T21
    if arrival.direction != "forwarded":
        return None
    owners = arrival.original.owners if arrival.original else ()
    suggested = tuple(Candidate(target=owner, reason="original_sender") for owner in owners)
    return Filing(reason="forwarded", candidates=(*suggested, *_named(arrival)))


def without_sender_waits(arrival: Arrival) -> Filing | None:
    return Filing(reason="no_sender_address", candidates=_named(arrival)) if arrival.sender is None else None


def unknown_address_waits(arrival: Arrival) -> Filing | None:  # T3, T19
    return None if arrival.owners else Filing(reason="unknown_address", candidates=_named(arrival))


def another_clients_number_waits(arrival: Arrival) -> Filing | None:  # T19
    """An insurer or a partner names its clients' contracts every day: it is clients who name no one else's."""
    if not any(owner.kind == "client" for owner in arrival.owners) or not _named_of_others(arrival):
        return None
    return Filing(reason="another_clients_number", candidates=(*_owners(arrival), *_named(arrival)))


def number_decides_among_owners(arrival: Arrival) -> Filing | None:  # T19, X2
    files = _lowest_under(arrival, arrival.owners)
    if not files or arrival.sender is None:
        return None
    evidence = NumberQuoted(address_id=arrival.sender.id)
    if len(files) == 1:
        return Filing(target=files[0], evidence=evidence, candidates=_owners(arrival, but=files[0]))
    lineages = [named.lineage for named in arrival.named if named.file in files]
    shared = [owner for owner in arrival.owners if all(owner in lineage for lineage in lineages)]
    if len(shared) != 1:  # numbers of several owners
        return None
    return Filing(target=shared[0], evidence=evidence, candidates=(*_owners(arrival, but=shared[0]), *_named(arrival)))


def _lowest_under(arrival: Arrival, owners: Sequence[Target]) -> list[Target]:
    """Of the files that the subject names, those that are an owner's: a claim, and not the contract that it is on."""
    files = [named for named in arrival.named if set(named.lineage) & set(owners)]
    above = {higher for named in files for higher in named.lineage[1:]}
    return list(dict.fromkeys(named.file for named in files if named.file not in above))


def shared_address_waits(arrival: Arrival) -> Filing | None:  # X2
    if len(arrival.owners) < 2:  # noqa: PLR2004  # two owners are what sharing means
        return None
    return Filing(reason="shared_address", candidates=(*_owners(arrival), *_named(arrival)))


def single_owner_files(arrival: Arrival) -> Filing | None:  # T2, T9
    if arrival.sender is None or len(arrival.owners) != 1:
        return None
    target = arrival.owners[0]
    return Filing(target=target, evidence=AddressOwned(address_id=arrival.sender.id), candidates=_named(arrival))


RULES: Final[tuple[Callable[[Arrival], Filing | None], ...]] = (
    sent_mail_goes_to_its_recipient,
    forwarded_waits,
    without_sender_waits,
    unknown_address_waits,
    another_clients_number_waits,
    number_decides_among_owners,
    shared_address_waits,
    single_owner_files,
)


def file_on_arrival(arrival: Arrival) -> Filing:
    """What the first rule that applies says. Only a single certain owner files by itself."""
    found = next(filing for rule in RULES if (filing := rule(arrival)) is not None)
    return found.model_copy(update={"dossier_id": arrival.dossier_of(found.target)}) if found.target else found


_NO_DATE: Final = datetime.max.replace(tzinfo=UTC)


def file_conversation(found: Iterable[tuple[datetime | None, Filing]]) -> Filing:
    """Where a conversation goes, by what the policy found for each of its messages and when those were sent.

    The earliest message that found a file decides: so it is all one in which order they came in. What the others found
    are candidates.
    """
    earliest_first = sorted(found, key=_earliest_first)
    filings = [filing for _, filing in earliest_first]
    decides = next((filing for filing in filings if filing.target is not None), filings[0])
    others = [candidate for filing in filings for candidate in (*_found(filing), *filing.candidates)]
    candidates = tuple({other.target: other for other in others if other.target != decides.target}.values())
    return decides.model_copy(update={"candidates": candidates})


def _earliest_first(found: tuple[datetime | None, Filing]) -> tuple[datetime, str, str]:
    """Messages of one moment are told apart by what they found, not by the order in which they came."""
    sent_at, filing = found
    return sent_at or _NO_DATE, str(filing.target or "~"), filing.reason or ""


def _found(filing: Filing) -> Sequence[Candidate]:
    if filing.target is None or filing.evidence is None:
        return ()
    reasons: dict[str, CandidateReason] = {"number_quoted": "number_quoted", "recipient_owned": "receives"}
    return [Candidate(target=filing.target, reason=reasons.get(filing.evidence.kind, "owns_address"))]


def owners_as_candidates(address: EmailAddress, *, but: Target | None = None) -> tuple[Candidate, ...]:
    reason: CandidateReason = "owns_address" if len(address.owners) == 1 else "shares_address"
    return tuple(Candidate(target=owner, reason=reason) for owner in address.owners if owner != but)


def _owners(arrival: Arrival, *, but: Target | None = None) -> tuple[Candidate, ...]:
    return owners_as_candidates(arrival.sender, but=but) if arrival.sender else ()


def _named(arrival: Arrival) -> tuple[Candidate, ...]:
    return tuple(
        Candidate(target=file, reason="number_quoted") for file in dict.fromkeys(n.file for n in arrival.named)
    )


def _named_of_others(arrival: Arrival) -> bool:
    owners = set(arrival.owners)
    return any(named.lineage[-1].kind == "client" and not owners.intersection(named.lineage) for named in arrival.named)
