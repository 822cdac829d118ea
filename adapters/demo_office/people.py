"""The office of the demonstration and its dossiers: invented people at reserved domains."""

from dataclasses import dataclass
from typing import Literal

SHORTEST_TELLING_VALUE = 5
"""Characters below which a name is too likely to occur in a text by chance."""


@dataclass(frozen=True, slots=True)
class DemoCollaborator:
    """A member of the office's staff."""

    first_name: str
    last_name: str
    email: str


@dataclass(frozen=True, slots=True)
class DemoDossier:
    """The file of a client or a prospect: a person's names, or a company's, never both."""

    kind: Literal["person", "company"]
    status: Literal["prospect", "client"]
    first_name: str
    last_name: str
    company_name: str
    emails: tuple[str, ...]

    @property
    def display_name(self) -> str:
        """The name as its owner writes it."""
        return self.company_name or f"{self.first_name} {self.last_name}"


@dataclass(frozen=True, slots=True)
class DemoInsurer:
    """An insurer, and someone who answers there."""

    name: str
    first_name: str
    last_name: str
    function: str


@dataclass(frozen=True, slots=True)
class DemoContract:
    """A dossier's contract, and the insurer's references of its claims."""

    dossier: str
    """The dossier's `display_name`."""
    policy_number: str
    product: str
    claims: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class DemoOffice:
    """A broker's office with its staff, its dossiers, and the insurer with whom it places their contracts."""

    name: str
    email: str
    collaborators: tuple[DemoCollaborator, ...]
    dossiers: tuple[DemoDossier, ...]
    insurer: DemoInsurer
    contracts: tuple[DemoContract, ...]

    @property
    def shared_emails(self) -> frozenset[str]:
        """The addresses that stand in more than one dossier (X2)."""
        every = [email for dossier in self.dossiers for email in dossier.emails]
        return frozenset(email for email in every if every.count(email) > 1)


def demo_office() -> DemoOffice:
    """The same office every time: nobody in it exists, no address in it can be written to."""
    return DemoOffice(
        name="Cabinet Aubremont Assurances",
        email="contact@cabinet-aubremont.example",
        collaborators=_COLLABORATORS,
        dossiers=(
            *(_person("client", *names_and_emails) for names_and_emails in _CLIENTS),
            *(_company("client", *name_and_emails) for name_and_emails in _CLIENT_COMPANIES),
            *(_person("prospect", *names_and_emails) for names_and_emails in _PROSPECTS),
            *(_company("prospect", *name_and_emails) for name_and_emails in _PROSPECT_COMPANIES),
        ),
        insurer=DemoInsurer("Mutuelle des Deux Rives", "Odile", "Ferrandier", "Gestion des sinistres"),
        contracts=_CONTRACTS,
    )


def personal_values(office: DemoOffice) -> frozenset[str]:
    """Names and addresses of the office's people, for a search of places that must hold none.

    Values shorter than five characters are left out, so that a first name like Zoé does not match
    by chance; so are the office's own name and address, which are no one's.
    """
    values: set[str] = set()
    for person in office.collaborators:
        values |= {person.first_name, person.last_name, person.email}
    for dossier in office.dossiers:
        values |= {dossier.first_name, dossier.last_name, dossier.company_name, *dossier.emails}
    values |= {office.insurer.name, office.insurer.first_name, office.insurer.last_name}
    for contract in office.contracts:
        values |= {contract.policy_number, *contract.claims}
    return frozenset(value for value in values if len(value) >= SHORTEST_TELLING_VALUE)


def _person(status: Literal["prospect", "client"], first_name: str, last_name: str, *emails: str) -> DemoDossier:
    return DemoDossier("person", status, first_name, last_name, "", emails)


def _company(status: Literal["prospect", "client"], company_name: str, *emails: str) -> DemoDossier:
    return DemoDossier("company", status, "", "", company_name, emails)


_COLLABORATORS = (
    DemoCollaborator("Élodie", "Tanguy-Morel", "elodie.tanguy@cabinet-aubremont.example"),
    DemoCollaborator("Karim", "Benhaddou", "karim.benhaddou@cabinet-aubremont.example"),
    DemoCollaborator("Solène", "Guichardet", "solene.guichardet@cabinet-aubremont.example"),
    DemoCollaborator("Baptiste", "Lavergne-Roy", "baptiste.lavergne@cabinet-aubremont.example"),
)

_CONTRACTS = (
    DemoContract("Claire Bonnet", "MRH-2201457", "Multirisque habitation", ("SIN-88-20417",)),
    DemoContract("Claire Bonnet", "AUT-5510382", "Automobile"),
    DemoContract("Yannick Le Goff", "AUT-5510944", "Automobile", ("SIN-88-20592", "SIN-88-20788")),
)
_CLIENTS = (
    ("Claire", "Bonnet", "claire.bonnet@courriel.example", "c.bonnet@lisiere.example"),
    ("Yannick", "Le Goff", "yannick.legoff@courriel.example", "famille.legoff@foyer.example"),
    ("Nolwenn", "Le Goff", "famille.legoff@foyer.example"),
    ("Geoffroy", "d'Arcy", "g.darcy@messagerie.example"),
    ("Seynabou", "N'Diaye", "seynabou.ndiaye@courriel.example", "s.ndiaye@boite.example"),
    ("Ingrid", "Müller-Roux", "ingrid.muller-roux@messagerie.example"),
    ("Thibault", "de La Roncière", "thibault@la-ronciere.example"),
    ("Marie-Hélène", "Castagnet", "mh.castagnet@courriel.example"),
    ("Jean-Baptiste", "Ferrandou", "jb.ferrandou@boite.example"),
    ("Aïcha", "Belkacemi-Durieu", "aicha.belkacemi@courriel.example"),
    ("Loïc", "Quéméneur", "loic.quemeneur@messagerie.example", "lquemeneur@chantier.example"),
    ("Françoise", "Delacroix-Mahé", "francoise.delacroix@courriel.example"),
    ("Étienne", "Vasselot", "etienne.vasselot@boite.example"),
    ("Ousmane", "Diakhaté", "o.diakhate@courriel.example"),
    ("Gwenaëlle", "Kervarrec", "gwenaelle.kervarrec@messagerie.example"),
    ("Hervé", "L'Hostis", "herve.lhostis@courriel.example"),
    ("Bérénice", "Saint-Aubert", "saint-aubert@foyer.example"),
    ("Raphaël", "Saint-Aubert", "saint-aubert@foyer.example", "raphael.sa@boite.example"),
    ("Sandrine", "Pouzergues", "sandrine.pouzergues@courriel.example"),
    ("Mehdi", "Ouazzanine", "mehdi.ouazzanine@messagerie.example"),
    ("Paulette", "Escoffard"),
    ("Linh", "Nguyễn-Bastide", "linh.nguyen@courriel.example", "linh@bastide.example"),
    ("Augustin", "Cœurdevey", "augustin.coeurdevey@boite.example"),
    ("Piotr", "Wójcicki", "piotr.wojcicki@messagerie.example"),
    ("Fernand", "Mazières-Lou"),
)

_CLIENT_COMPANIES = (
    ("Boulangerie Petitjean", "contact@boulangerie-petitjean.example"),
    ("Garage Kermadouen", "atelier@garage-kermadouen.example", "compta@garage-kermadouen.example"),
    ("GAEC des Trois-Noyers", "gaec@trois-noyers.example"),
    ("Atelier Sauvageot-Lin Architectes", "agence@sauvageot-lin.example", "chantiers@sauvageot-lin.example"),
    ("Pharmacie du Vieux-Lavoir", "officine@vieux-lavoir.example"),
    ("Menuiserie Œuvrard & Fils", "bureau@menuiserie-oeuvrard.example"),
    ("SCI Les Glycines de Keranna", "gerance@glycines-keranna.example"),
    ("Restaurant La Table d'Hermeline", "salle@table-hermeline.example"),
    ("Transports Bouvignat", "exploitation@bouvignat.example"),
    ("Chœur de l'Anse (association)",),
)

_PROSPECTS = (
    ("Maëlys", "Thévenaz", "maelys.thevenaz@courriel.example"),
    ("Zoé", "Lecointrel", "zoe.lecointrel@messagerie.example"),
    ("Corentin", "Baudouin-Leray", "c.baudouin@boite.example"),
    ("Inès", "Fernandes da Silveira", "ines.fds@courriel.example"),
    ("Noé", "d'Hautefeuille", "noe.dhautefeuille@messagerie.example"),
    ("Louise", "Tréhorelle", "louise.trehorelle@courriel.example"),
    ("Anatole", "du Thilleul", "anatole@du-thilleul.example"),
    ("Siham", "El Mansouri-Prat", "siham.elmansouri@boite.example"),
    ("Gaspard", "Roussillac"),
)

_PROSPECT_COMPANIES = (
    ("Salon Coiff'Éclat", "salon@coiff-eclat.example"),
    ("Plomberie Tannegard", "devis@plomberie-tannegard.example"),
    ("Micro-crèche Les P'tits Sabots", "direction@ptits-sabots.example", "inscriptions@ptits-sabots.example"),
)
