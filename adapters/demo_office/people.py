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
class DemoOffice:
    """A broker's office with its staff and its dossiers."""

    name: str
    email: str
    collaborators: tuple[DemoCollaborator, ...]
    dossiers: tuple[DemoDossier, ...]

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
        dossiers=_CLIENTS + _CLIENT_COMPANIES + _PROSPECTS + _PROSPECT_COMPANIES,
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
    return frozenset(value for value in values if len(value) >= SHORTEST_TELLING_VALUE)


def _client(first_name: str, last_name: str, *emails: str) -> DemoDossier:
    return DemoDossier("person", "client", first_name, last_name, "", emails)


def _prospect(first_name: str, last_name: str, *emails: str) -> DemoDossier:
    return DemoDossier("person", "prospect", first_name, last_name, "", emails)


def _client_company(company_name: str, *emails: str) -> DemoDossier:
    return DemoDossier("company", "client", "", "", company_name, emails)


def _prospect_company(company_name: str, *emails: str) -> DemoDossier:
    return DemoDossier("company", "prospect", "", "", company_name, emails)


_COLLABORATORS = (
    DemoCollaborator("Élodie", "Tanguy-Morel", "elodie.tanguy@cabinet-aubremont.example"),
    DemoCollaborator("Karim", "Benhaddou", "karim.benhaddou@cabinet-aubremont.example"),
    DemoCollaborator("Solène", "Guichardet", "solene.guichardet@cabinet-aubremont.example"),
    DemoCollaborator("Baptiste", "Lavergne-Roy", "baptiste.lavergne@cabinet-aubremont.example"),
)

_CLIENTS = (
    _client("Claire", "Bonnet", "claire.bonnet@courriel.example", "c.bonnet@lisiere.example"),
    _client("Yannick", "Le Goff", "yannick.legoff@courriel.example", "famille.legoff@foyer.example"),
    _client("Nolwenn", "Le Goff", "famille.legoff@foyer.example"),
    _client("Geoffroy", "d'Arcy", "g.darcy@messagerie.example"),
    _client("Seynabou", "N'Diaye", "seynabou.ndiaye@courriel.example", "s.ndiaye@boite.example"),
    _client("Ingrid", "Müller-Roux", "ingrid.muller-roux@messagerie.example"),
    _client("Thibault", "de La Roncière", "thibault@la-ronciere.example"),
    _client("Marie-Hélène", "Castagnet", "mh.castagnet@courriel.example"),
    _client("Jean-Baptiste", "Ferrandou", "jb.ferrandou@boite.example"),
    _client("Aïcha", "Belkacemi-Durieu", "aicha.belkacemi@courriel.example"),
    _client("Loïc", "Quéméneur", "loic.quemeneur@messagerie.example", "lquemeneur@chantier.example"),
    _client("Françoise", "Delacroix-Mahé", "francoise.delacroix@courriel.example"),
    _client("Étienne", "Vasselot", "etienne.vasselot@boite.example"),
    _client("Ousmane", "Diakhaté", "o.diakhate@courriel.example"),
    _client("Gwenaëlle", "Kervarrec", "gwenaelle.kervarrec@messagerie.example"),
    _client("Hervé", "L'Hostis", "herve.lhostis@courriel.example"),
    _client("Bérénice", "Saint-Aubert", "saint-aubert@foyer.example"),
    _client("Raphaël", "Saint-Aubert", "saint-aubert@foyer.example", "raphael.sa@boite.example"),
    _client("Sandrine", "Pouzergues", "sandrine.pouzergues@courriel.example"),
    _client("Mehdi", "Ouazzanine", "mehdi.ouazzanine@messagerie.example"),
    _client("Paulette", "Escoffard"),
    _client("Linh", "Nguyễn-Bastide", "linh.nguyen@courriel.example", "linh@bastide.example"),
    _client("Augustin", "Cœurdevey", "augustin.coeurdevey@boite.example"),
    _client("Piotr", "Wójcicki", "piotr.wojcicki@messagerie.example"),
    _client("Fernand", "Mazières-Lou"),
)

_CLIENT_COMPANIES = (
    _client_company("Boulangerie Petitjean", "contact@boulangerie-petitjean.example"),
    _client_company("Garage Kermadouen", "atelier@garage-kermadouen.example", "compta@garage-kermadouen.example"),
    _client_company("GAEC des Trois-Noyers", "gaec@trois-noyers.example"),
    _client_company(
        "Atelier Sauvageot-Lin Architectes",
        "agence@sauvageot-lin.example",
        "chantiers@sauvageot-lin.example",
    ),
    _client_company("Pharmacie du Vieux-Lavoir", "officine@vieux-lavoir.example"),
    _client_company("Menuiserie Œuvrard & Fils", "bureau@menuiserie-oeuvrard.example"),
    _client_company("SCI Les Glycines de Keranna", "gerance@glycines-keranna.example"),
    _client_company("Restaurant La Table d'Hermeline", "salle@table-hermeline.example"),
    _client_company("Transports Bouvignat", "exploitation@bouvignat.example"),
    _client_company("Chœur de l'Anse (association)"),
)

_PROSPECTS = (
    _prospect("Maëlys", "Thévenaz", "maelys.thevenaz@courriel.example"),
    _prospect("Zoé", "Lecointrel", "zoe.lecointrel@messagerie.example"),
    _prospect("Corentin", "Baudouin-Leray", "c.baudouin@boite.example"),
    _prospect("Inès", "Fernandes da Silveira", "ines.fds@courriel.example"),
    _prospect("Noé", "d'Hautefeuille", "noe.dhautefeuille@messagerie.example"),
    _prospect("Louise", "Tréhorelle", "louise.trehorelle@courriel.example"),
    _prospect("Anatole", "du Thilleul", "anatole@du-thilleul.example"),
    _prospect("Siham", "El Mansouri-Prat", "siham.elmansouri@boite.example"),
    _prospect("Gaspard", "Roussillac"),
)

_PROSPECT_COMPANIES = (
    _prospect_company("Salon Coiff'Éclat", "salon@coiff-eclat.example"),
    _prospect_company("Plomberie Tannegard", "devis@plomberie-tannegard.example"),
    _prospect_company(
        "Micro-crèche Les P'tits Sabots",
        "direction@ptits-sabots.example",
        "inscriptions@ptits-sabots.example",
    ),
)
