"""Facts as the office records them, for tests of read models to feed."""

from uuid import UUID

from domain.clients.client import Company, Person, ProspectRegistered
from domain.email_addresses.email_address import Address, EmailAddressAssociated, EmailAddressMoved, EmailAddressRemoved
from domain.office.office import CollaboratorIdentity, CollaboratorJoined
from domain.tickets.events import MessageContent, StoredFile, TicketClassified, TicketReceived
from domain.tickets.filing import AddressOwned, Candidate, CollaboratorChoice
from domain.values import Target

ADDRESS = UUID(int=0xADD)
OTHER_ADDRESS = UUID(int=0xADE)
MAIL = UUID(int=0xAA11)


def target(client_id):
    return Target(kind="client", id=client_id)


def person(last_name, first_name="", title=None, *, number=1, ticket_id=None):
    identity = Person(title=title, first_name=first_name, last_name=last_name)
    return ProspectRegistered(number=number, identity=identity, ticket_id=ticket_id)


def company(name, *, number=1):
    return ProspectRegistered(number=number, identity=Company(company_name=name))


def received(number=1, **changes):
    event = {"sent_at": None, "automatic": False, "same_message_id": False, "sender_id": ADDRESS, "mail_id": MAIL}
    content = {
        "from_address": "claire@example.fr",
        "from_name": "Claire Dupont",
        "subject": "Attestation",
        "text": "Bonjour,\n\nmon attestation ?",
        "message_id": "1@example.fr",
        "raw": StoredFile(name="f", key="00", size=1),
    }
    event |= {name: value for name, value in changes.items() if name in TicketReceived.model_fields}
    content |= {name: value for name, value in changes.items() if name in MessageContent.model_fields}
    return TicketReceived(**{"number": number, "content": MessageContent(**content)} | event)


def filed(client_id, *, previously_on=None, candidates=(), by_rule=False):
    return TicketClassified(
        filed_on=target(client_id),
        dossier_id=client_id,
        previously_on=previously_on and target(previously_on),
        former_dossier_id=previously_on,
        evidence=AddressOwned(address_id=ADDRESS) if by_rule else CollaboratorChoice(),
        candidates=sharing(*candidates),
    )


def sharing(*client_ids):
    return tuple(Candidate(target=target(client_id), reason="shares_address") for client_id in client_ids)


def associated(client_id, address="claire@example.fr", *, shared_with=(), ticket_id=None):
    return EmailAddressAssociated(
        owner=target(client_id),
        dossier_id=client_id,
        shared_with=tuple(map(target, shared_with)),
        ticket_id=ticket_id,
        written=Address(address=address),
    )


def moved(client_id, *former_owners, ticket_id=None, address="claire@example.fr"):
    return EmailAddressMoved(
        owner=target(client_id),
        dossier_id=client_id,
        former_owners=tuple(map(target, former_owners)),
        former_dossier_ids=former_owners,
        ticket_id=ticket_id,
        written=Address(address=address),
    )


def removed(client_id, *remaining):
    return EmailAddressRemoved(
        owner=target(client_id), former_dossier_id=client_id, remaining=tuple(map(target, remaining))
    )


def joined(collaborator_id, first_name, last_name):
    identity = CollaboratorIdentity(first_name=first_name, last_name=last_name, email_address="a@cabinet.example.fr")
    return CollaboratorJoined(collaborator_id=collaborator_id, identity=identity)
