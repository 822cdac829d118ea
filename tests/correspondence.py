"""Invented correspondence of an office with clients, a couple that shares an address, a garage and strangers."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from hashlib import sha256
from typing import NamedTuple
from uuid import UUID

from hypothesis import strategies as st

from domain.claims.claim import OpenClaim
from domain.clients.client import Person, RegisterClient
from domain.companies.company import RegisterCompany
from domain.contracts.contract import RegisterContract
from domain.messages.message import MessageIdentity
from domain.office.office import CollaboratorIdentity, OpenOffice, ReserveOfficeAddress, WelcomeCollaborator
from domain.targets import AssociateEmailAddress
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.events import Correspondent, MessageContent, StoredFile
from domain.values import Target

ANNE, BRUNO, GARAGE, CONTRACT, CLAIM, OTHER_CONTRACT, ALICE = (UUID(int=number) for number in range(1, 8))
CABINET = "contact@cabinet.example"
COLLABORATOR = "alice@cabinet.example"
OFFICES = {CABINET, COLLABORATOR}
OWNERS = {
    "anne@client.example": [Target(kind="client", id=ANNE)],
    "bruno@client.example": [Target(kind="client", id=BRUNO)],
    "famille@client.example": [Target(kind="client", id=ANNE), Target(kind="client", id=BRUNO)],
    "garage@partner.example": [Target(kind="company", id=GARAGE)],
}
STRANGERS = ("inconnu@dehors.example", "autre@dehors.example")
SUBJECTS = (
    "Attestation",
    "Contrat MRH-1001",
    "AUTO 2002",
    "sinistre n° 1, contrat MRH-1001",
    "MRH-1001 / AUTO-2002",
    "",
)
"""Among them some that name Anne's contract, the claim on it, and Bruno's contract."""

FURNISHING = (
    OpenOffice(name="Cabinet Essai"),
    WelcomeCollaborator(
        collaborator_id=ALICE, identity=CollaboratorIdentity(last_name="Martin", email_address=COLLABORATOR)
    ),
    ReserveOfficeAddress(address=CABINET),
    RegisterClient(client_id=ANNE, identity=Person(last_name="Anne")),
    RegisterClient(client_id=BRUNO, identity=Person(last_name="Bruno")),
    RegisterCompany(company_id=GARAGE, role="partner", name="Garage du Port"),
    RegisterContract(contract_id=CONTRACT, client_id=ANNE, policy_number="MRH-1001"),
    RegisterContract(contract_id=OTHER_CONTRACT, client_id=BRUNO, policy_number="AUTO-2002"),
    OpenClaim(claim_id=CLAIM, contract_id=CONTRACT),
    *(
        AssociateEmailAddress(owner=owner, address=address, how="share")
        for address, owners in OWNERS.items()
        for owner in owners
    ),
)
"""The same files, under the same ids, in every office."""


class Letter(NamedTuple):
    """A message: who wrote it to whom under which Message-ID, to which ones it refers, and whose it passes on."""

    message_id: str | None
    sender: str | None
    to: tuple[str, ...]
    references: tuple[str, ...] = ()
    subject: str = "Attestation"
    original: str | None = None
    automatic: bool = False
    minute: int | None = None
    text: str = "Bonjour"

    @property
    def direction(self):
        if self.sender not in OFFICES:
            return "incoming"
        return "forwarded" if self.original and OFFICES.issuperset(self.to) else "outgoing"

    @property
    def sent_at(self):
        return None if self.minute is None else datetime(2026, 3, 2, 9, tzinfo=UTC) + timedelta(minutes=self.minute)

    def takes_part(self, other):
        """Whether its sender is part of the other's conversation; of the office's, those to whom it wrote."""
        taking_part = {other.sender, *other.to} - {None}
        if self.direction != "incoming":
            written_to = ({*self.to, self.original} - {None}) - set(OFFICES)
            return not written_to or bool(written_to & taking_part)
        return self.sender in taking_part or (self.automatic and other.direction == "outgoing")

    def answers(self, other):
        refers = other.message_id in self.references and self.message_id != other.message_id
        return refers and self.takes_part(other)


def conversations(letters):
    """Who answers whom is one conversation with them: the letters, a set for each."""
    together = [{letter} for letter in letters]
    for one in letters:
        for other in letters:
            if one.answers(other):
                mine, theirs = (next(some for some in together if each in some) for each in (one, other))
                if mine is not theirs:
                    together.remove(theirs)
                    mine |= theirs
    return {frozenset(some) for some in together}


def taken_in(letter):
    """The command that takes the letter in."""
    return ReceiveMessage(
        identity=MessageIdentity(
            message_id=letter.message_id, content_digest=sha256(repr(letter).encode()).hexdigest()
        ),
        content=MessageContent(
            from_address=letter.sender,
            from_name="",
            to=letter.to,
            subject=letter.subject,
            text=letter.text,
            message_id=letter.message_id,
            references=letter.references,
            forwarded=Correspondent(address=letter.original) if letter.original else None,
            raw=StoredFile(name="f", key="00", size=1),
        ),
        sent_at=letter.sent_at,
        automatic=letter.automatic,
    )


def written(letter):
    """The letter as bytes: what `taken_in` says is read in them."""
    subject, text = letter.subject, f"{letter.text}\n"
    if letter.original:
        subject = f"TR: {subject}"
        text += (
            f"\n---------- Message transféré ----------\nDe : {letter.original}\nObjet : {letter.subject}\n\nVoici.\n"
        )
    fields = {
        "From": letter.sender,
        "To": ", ".join(letter.to),
        "Subject": subject,
        "Date": letter.sent_at and format_datetime(letter.sent_at),
        "Message-ID": letter.message_id and f"<{letter.message_id}>",
        "References": " ".join(f"<{reference}>" for reference in letter.references),
        "Auto-Submitted": "auto-replied" if letter.automatic else None,
        "Content-Type": "text/plain; charset=utf-8",
    }
    lines = "".join(f"{name}: {value}\n" for name, value in fields.items() if value)
    return f"{lines}\n{text}".encode()


def told(tickets):
    """What the office holds: for the messages of each ticket where they lie, or why they wait and whose they could be."""
    found = {}
    for ticket in tickets:
        waits = ticket.filed_on is None and (
            ticket.unfiled.reason,
            frozenset(candidate.target for candidate in ticket.unfiled.candidates),
        )
        mails = frozenset(mail.mail_id for mail in ticket.mails)
        found[mails] = (ticket.filed_on, waits, ticket.state, ticket.sent_only)
    return found


_PEOPLE = (*OWNERS, *STRANGERS, CABINET, COLLABORATOR)
_WRITERS = (None, *_PEOPLE)


def mailboxes(*, of, ids):
    """Mailboxes of so many letters, no two alike, under so many Message-IDs: few, so that much is answered and bridged."""
    message_ids = st.sampled_from([f"{number}@mail.example" for number in range(ids)])
    letters = st.builds(
        Letter,
        message_id=st.none() | message_ids,
        sender=st.sampled_from(_WRITERS),
        to=st.lists(st.sampled_from(_PEOPLE), max_size=2, unique=True).map(tuple),
        references=st.lists(message_ids, max_size=3, unique=True).map(tuple),
        subject=st.sampled_from(SUBJECTS),
        original=st.none() | st.sampled_from(["anne@client.example", "famille@client.example", *STRANGERS]),
        automatic=st.booleans(),
        minute=st.none() | st.integers(0, 3),
        text=st.sampled_from(["Bonjour", "Merci"]),
    )
    least, most = of
    return st.lists(letters, min_size=least, max_size=most, unique=True)


@st.composite
def deliveries(draw, mailbox):
    """The letters in another order, some of them several times."""
    again = draw(st.lists(st.sampled_from(mailbox), max_size=4))
    return draw(st.permutations([*mailbox, *again]))
