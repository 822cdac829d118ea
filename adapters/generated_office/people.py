"""The people of a generated office: its staff, its clients and whoever writes about them, drawn from French names.

Nobody here exists: every address is of a reserved domain.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final, Literal, NamedTuple
from uuid import UUID

from adapters.generated_office.letters import LetterKind
from domain.clients.client import Company, Identity, Person
from domain.companies.company import CompanyRole
from domain.contacts.contact import ContactIdentity
from domain.office.office import CollaboratorIdentity
from domain.tickets.events import MessageContent
from domain.values import Target, TargetKind

Arrival = Literal["taken_over", "by_hand", "from_ticket"]
"""How a dossier comes to the office: with its former portfolio, registered by hand, or created from a ticket."""


class Writer(NamedTuple):
    """Whoever writes, under one address."""

    name: str
    address: str


@dataclass(slots=True, eq=False)
class Claim:
    """A claim that the office opened: by what its insurer and the office itself name it."""

    file: Target
    reference: str
    number: int


@dataclass(slots=True, eq=False)
class Contract:
    """A contract that the office has registered, with its claims."""

    file: Target
    number: str
    claims: list[Claim] = field(default_factory=list)


class Place(NamedTuple):
    """Where a message is that others may refer to: its Message-ID, the stream of that, and the ticket that it came to."""

    message_id: str
    stream_id: UUID
    ticket_id: UUID


@dataclass(slots=True, eq=False)
class Dossier:
    """Someone whom a dossier is about, as they are: what the office knows of them is in its events."""

    client: Target
    identity: Identity
    name: str
    arrival: Arrival
    manager: int
    """Which collaborator sees to it, by their place among the staff."""
    weight: float
    """How much they write, beside others."""
    addresses: list[str] = field(default_factory=list)
    """What they write from, the one that they write from most first."""
    household: str | None = None
    """An address that they share with another dossier."""
    contracts: list[Contract] = field(default_factory=list)
    last_message: Remembered | None = None
    """The last that they wrote or were written."""
    registered: bool = False

    def writer(self, address: str) -> Writer:
        return Writer(self.name, address)


@dataclass(frozen=True, slots=True)
class Mail:
    """A message on its way: who wrote it to whom, what it says, and what it is about, as those who read it understand."""

    writer: Writer | None
    letter: MessageContent
    subject: str
    """In place of the letter's own."""
    about: Dossier | None = None
    file: Target | None = None
    """What it is really about: a client, or what its subject names of theirs; a company; nothing."""
    to: Writer | None = None
    """The correspondent, where it is the office that writes."""
    passes_on: Writer | None = None
    """Whose message it passes on."""
    automatic: bool = False

    @property
    def correspondent(self) -> Writer | None:
        return self.to or self.passes_on or self.writer


class Remembered(NamedTuple):
    """A message that may be answered, and the first one of its conversation."""

    place: Place
    first: Place
    mail: Mail


class Correspondent(NamedTuple):
    """Someone of no dossier who writes about the office's clients; `file` is theirs, where they have one."""

    writer: Writer
    kind: LetterKind
    file: Target | None = None


@dataclass(frozen=True, slots=True)
class Partner:
    """A company that the office works with: its own address, and its people with theirs."""

    company: Target
    role: CompanyRole
    mailbox: Writer
    contacts: Sequence[tuple[Target, ContactIdentity, Writer]]

    def correspondents(self, kind: LetterKind) -> list[Correspondent]:
        people = [Correspondent(writer, kind, contact) for contact, _, writer in self.contacts]
        return [Correspondent(self.mailbox, kind, self.company), *people]


class People:
    """Everyone around the office. The same dice draw the same people."""

    def __init__(self, dossiers: int, dice: Random) -> None:
        self._dice = dice
        self._taken: dict[str, int] = {}
        self._numbers: set[str] = set()
        self.staff: Sequence[CollaboratorIdentity] = self._staff(min(_LARGEST_STAFF, 4 + dossiers // 1500))
        self.dossiers: Sequence[Dossier] = self._dossiers(dossiers)
        self.partners: Sequence[Partner] = [self._partner(role, name) for role, name in _PARTNERS]
        self.correspondents: Sequence[Correspondent] = self._correspondents(len(_TRADES) + dossiers // 40)

    def new_address(self, name: str) -> str:
        """An address that nobody else has."""
        dice = self._dice
        words = plain(name).split(".")
        first, last = words[0], words[-1]
        local = dice.choice((f"{first}.{last}", f"{first[0]}.{last}", f"{last}.{first}", f"{first}{last}"))
        return self._unique(local, dice.choices(_MAIL_DOMAINS, _MAIL_SHARES)[0])

    def stranger(self) -> Writer:
        """Someone who has not written before."""
        name = self._dice.choice(_FIRST_NAMES)[1] + " " + self._dice.choice(_LAST_NAMES)
        return Writer(name, self.new_address(name))

    def new_number(self, year: int) -> str:
        """A contract's number that no other contract has."""
        return self._new_number(f"VAL-{year}")

    def new_reference(self, year: int) -> str:
        """How an insurer names a claim, and no other one."""
        return self._new_number(f"S{year % 100}")

    def _new_number(self, series: str) -> str:
        while (number := f"{series}-{self._dice.randrange(10**6):06d}") in self._numbers:
            pass
        self._numbers.add(number)
        return number

    def _target(self, kind: TargetKind) -> Target:
        return Target(kind=kind, id=UUID(int=self._dice.getrandbits(128), version=4))

    def _staff(self, size: int) -> list[CollaboratorIdentity]:
        staff = []
        for _ in range(size):
            first, last = self._dice.choice(_FIRST_NAMES)[1], self._dice.choice(_LAST_NAMES)
            address = self._unique(f"{plain(first)}.{plain(last)}", OFFICE_DOMAIN)
            staff.append(CollaboratorIdentity(first_name=first, last_name=last, email_address=address))
        return staff

    def _dossiers(self, count: int) -> list[Dossier]:
        dossiers: list[Dossier] = []
        for rank in range(count):
            among_the_first = rank < count * _SHARE_THAT_WRITES_MOST
            dossier = self._dossier(
                rank, count, company=self._dice.random() < (_BIG_COMPANIES if among_the_first else _COMPANIES)
            )
            if among_the_first:
                dossier.arrival = "taken_over"
            if rank and self._dice.random() < _HOUSEHOLDS:
                self._join_household(dossiers[-1], dossier)
            dossiers.append(dossier)
        return dossiers

    def _dossier(self, rank: int, count: int, *, company: bool) -> Dossier:
        dice = self._dice
        identity, name, addresses = self._company() if company else self._person()
        return Dossier(
            client=self._target("client"),
            identity=identity,
            name=name,
            arrival=dice.choices(_ARRIVALS, _ARRIVAL_SHARES)[0],
            manager=dice.randrange(len(self.staff)),
            weight=1 / (rank + 1 + count / 1000),
            addresses=addresses,
        )

    def _person(self) -> tuple[Identity, str, list[str]]:
        title, first = self._dice.choice(_FIRST_NAMES)
        last = self._dice.choice(_LAST_NAMES)
        if self._dice.random() < _DOUBLE_NAMES:
            last = f"{last}-{self._dice.choice(_LAST_NAMES)}"
        name = f"{first} {last}"
        how_many = self._dice.choices((0, 1, 2, 3), _ADDRESSES_OF_A_PERSON)[0]
        return (
            Person(title=title, first_name=first, last_name=last),
            name,
            [self.new_address(name) for _ in range(how_many)],
        )

    def _company(self) -> tuple[Identity, str, list[str]]:
        last = self._dice.choice(_LAST_NAMES)
        name = self._dice.choice(_COMPANY_NAMES).format(last)
        domain = f"{plain(name).replace('.', '-')}.example"
        how_many = self._dice.choices((1, 2, 3, 4), _ADDRESSES_OF_A_COMPANY)[0]
        mailboxes = self._dice.sample(_MAILBOXES, how_many)
        return Company(company_name=name), name, [self._unique(mailbox, domain) for mailbox in mailboxes]

    def _join_household(self, one: Dossier, other: Dossier) -> None:
        if not (isinstance(one.identity, Person) and isinstance(other.identity, Person)) or one.household:
            return
        address = self._unique(f"famille.{plain(one.identity.last_name)}", "foyer.example")
        one.household = other.household = address

    def _partner(self, role: CompanyRole, name: str) -> Partner:
        dice = self._dice
        domain = f"{plain(name).replace('.', '-')}.example"
        contacts = []
        for _ in range(dice.choice((1, 1, 2, 3))):
            title, first = dice.choice(_FIRST_NAMES)
            last = dice.choice(_LAST_NAMES)
            identity = ContactIdentity(title=title, first_name=first, last_name=last, function=dice.choice(_FUNCTIONS))
            address = self._unique(f"{plain(first)}.{plain(last)}", domain)
            contacts.append((self._target("contact"), identity, Writer(f"{first} {last}", address)))
        mailbox = Writer(name, self._unique(dice.choice(_MAILBOXES), domain))
        return Partner(self._target("company"), role, mailbox, contacts)

    def _correspondents(self, count: int) -> list[Correspondent]:
        """The first of them write most."""
        found = [one for partner in self.partners for one in partner.correspondents(_WRITES_AS[partner.role])]
        for number in range(count):
            kind, name = _TRADES[number] if number < len(_TRADES) else self._dice.choice(_TRADES)
            name = name.format(self._dice.choice(_LAST_NAMES))
            domain = f"{plain(name).replace('.', '-')}.example"
            found.append(Correspondent(Writer(name, self._unique(self._dice.choice(_MAILBOXES), domain)), kind))
        self._dice.shuffle(found)
        return found

    def _unique(self, local: str, domain: str) -> str:
        address = f"{local}@{domain}"
        before = self._taken.get(address, 0)
        self._taken[address] = before + 1
        return address if before == 0 else self._unique(f"{local}{before + 1}", domain)


def plain(name: str) -> str:
    """A name as addresses spell it: `jean.le.goff`."""
    letters = unicodedata.normalize("NFKD", name.replace("œ", "oe").replace("Œ", "Oe"))
    return re.sub(r"[^a-z]+", ".", letters.encode("ascii", "ignore").decode().lower()).strip(".")


OFFICE_NAME: Final = "Cabinet Valombreuse Assurances"
OFFICE_DOMAIN: Final = "cabinet-valombreuse.example"
PARTNER_KINDS: Final = frozenset(("company", "contact"))

_LARGEST_STAFF: Final = 24
_SHARE_THAT_WRITES_MOST: Final = 0.02
_BIG_COMPANIES: Final = 0.7
_COMPANIES: Final = 0.14
_HOUSEHOLDS: Final = 0.06
_DOUBLE_NAMES: Final = 0.12
_ARRIVALS: Final[tuple[Arrival, ...]] = ("taken_over", "by_hand", "from_ticket")
_ARRIVAL_SHARES: Final = (0.55, 0.25, 0.2)
_ADDRESSES_OF_A_PERSON: Final = (0.04, 0.66, 0.24, 0.06)
_ADDRESSES_OF_A_COMPANY: Final = (0.5, 0.3, 0.15, 0.05)

_MAIL_DOMAINS: Final = ("courriel.example", "messagerie.example", "boite.example", "lisiere.example", "perso.example")
_MAIL_SHARES: Final = (0.45, 0.25, 0.15, 0.1, 0.05)
_MAILBOXES: Final = ("contact", "compta", "gestion", "accueil", "direction", "secretariat", "sinistres", "bureau")

_PARTNERS: Final[tuple[tuple[CompanyRole, str], ...]] = (
    ("insurer", "Orvanelle Assurances"),
    ("insurer", "Mutuelle des Trois-Rivages"),
    ("insurer", "Tessandière Prévoyance"),
    ("wholesale_broker", "Verdanelle Courtage de gros"),
    ("referrer", "Immobilière des Tanneurs"),
)
_WRITES_AS: Final[dict[CompanyRole, LetterKind]] = {
    "insurer": "insurer",
    "wholesale_broker": "wholesale_broker",
    "referrer": "referrer",
}
_FUNCTIONS: Final = ("gestionnaire sinistres", "souscription", "production", "inspection", "comptabilité", "")
_TRADES: Final[tuple[tuple[LetterKind, str], ...]] = (
    ("expert", "Cabinet {} Expertise"),
    ("garage", "Carrosserie {}"),
    ("syndic", "Syndic {} Immobilier"),
    ("notary", "Étude de Me {}"),
    ("accountant", "{} Comptabilité"),
    ("garage", "Vitrages {}"),
    ("expert", "{} Expertise bâtiment"),
)
_COMPANY_NAMES: Final = (
    *("Boulangerie {}", "Garage {}", "Menuiserie {} & Fils", "Transports {}", "Pharmacie {}", "Restaurant {}"),
    *("SARL {}", "SAS {} Rénovation", "SCI {}", "GAEC {}", "Plomberie {}", "Ets {} Frères", "Cabinet {} Architectes"),
    *("Taxis {}", "Institut {}", "Maçonnerie {}", "Domaine {}", "Association {} Solidarité", "Clinique {}"),
)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.split())


_WOMEN: Final = _names("""
    Marie Nathalie Isabelle Sylvie Catherine Françoise Martine Christine Monique Valérie Sandrine Véronique Nicole
    Stéphanie Sophie Céline Chantal Patricia Anne Julie Aurélie Émilie Laura Camille Léa Manon Chloé Inès Jade Louise
    Alice Lina Zoé Agathe Élodie Aïcha Fatima Samira Nadia Leïla Awa Fatou Mariama Linh Mai Carmen Giulia Ewa Solène
    Gwenaëlle Maëlys Bérénice Clémence Hélène Odile Colette Yvonne Simone Anne-Laure Marie-Hélène Marie-Pierre
""")
_MEN: Final = _names("""
    Jean Pierre Michel Philippe Alain Patrick Nicolas Christophe Daniel Bernard Christian Frédéric Laurent Stéphane
    Éric David Pascal Gérard Thierry Julien Olivier François Sébastien Alexandre Thomas Antoine Hugo Lucas Théo Nathan
    Enzo Louis Gabriel Raphaël Arthur Jules Karim Mehdi Mohamed Youssef Rachid Ousmane Mamadou Ibrahima Minh Piotr João
    Marco Loïc Yannick Erwan Étienne Aurélien Baptiste Gaspard Noé Célestin Jean-Luc Jean-Baptiste Pierre-Yves
""")
_FIRST_NAMES: Final[tuple[tuple[Literal["M.", "Mme"], str], ...]] = (
    *(("Mme", name) for name in _WOMEN),
    *(("M.", name) for name in _MEN),
)
_LAST_NAMES: Final = _names("""
    Martin Bernard Thomas Petit Robert Richard Durand Dubois Moreau Laurent Simon Michel Lefèvre Leroy Roux David
    Bertrand Morel Fournier Girard Bonnet Dupont Lambert Fontaine Rousseau Vincent Muller Faure Mercier Blanc Guérin
    Boyer Garnier Chevalier Gauthier Perrin Robin Clément Morin Henry Roussel Mathieu Masson Marchand Duval Denis
    Dumont Lemaire Noël Meyer Dufour Meunier Brun Blanchard Giraud Joly Rivière Lucas Brunet Gaillard Barbier Arnaud
    Martinez Gérard Roche Renard Schmitt Roy Leroux Colin Vidal Caron Picard Roger Fabre Aubert Lemoine Renaud Dumas
    Lacroix Olivier Philippe Bourgeois Pierre Benoît Rey Leclerc Payet Rolland Leclercq Guillaume Lecomte Lopez Dupuy
    Guillot Hubert Berger Carpentier Sanchez Dupuis Moulin Deschamps Huet Vasseur Perez Boucher Fleury Royer Klein
    Jacquet Paris Poirier Marty Aubry Guyot Carré Charles Renault Charpentier Ménard Maillard Baron Bertin Bailly Hervé
    Schneider Fernandez Collet Léger Bouvier Prévost Millet Perrot Cousin Germain Breton Besson Langlois Rémy Barre
    Ollivier Quéméneur Cœurdevey N'Diaye Diallo Traoré Benali Belkacem Haddad Nguyen Tran Ferreira Kowalski Rossi
    Castagnet Ferrandou Escoffard Kervarrec L'Hostis Saliou Tanguy Delahaye Delattre Vasselot d'Arcy
""")
