from uuid import UUID

import pytest

from domain.clients.client import ClientActivated, Person, ProspectRegistered
from domain.email_addresses.email_address import Address, EmailAddressAssociated
from domain.tickets.events import MessageContent, StoredFile, TicketReceived
from domain.tickets.filing import Candidate
from domain.values import Target
from tests.given_when_then import keyed_id


class Office:
    """Two clients, a ticket from Claire's address, and the words to tell their stories with."""

    claire = UUID(int=1)
    bruno = UUID(int=2)
    ticket_id = UUID(int=9)
    mail_id = keyed_id("mail", f"{keyed_id('message_id', '1@example.fr')}{keyed_id('content', 'a' * 64)}")
    address = "claire@example.fr"
    address_id = keyed_id("email_address", "claire@example.fr")

    def target(self, client_id):
        return Target(kind="client", id=client_id)

    def registered(self, name="Dupont", number=1, ticket_id=None):
        return ProspectRegistered(number=number, identity=Person(last_name=name), ticket_id=ticket_id)

    def activated(self):
        return ClientActivated()

    def content(self, **changes):
        facts = {
            "from_address": self.address,
            "from_name": "Claire Dupont",
            "to": ("cabinet@example.fr",),
            "subject": "Attestation",
            "text": "Bonjour",
            "message_id": "1@example.fr",
            "raw": StoredFile(name="f", key="00", size=1),
        }
        return MessageContent(**facts | changes)

    def received(self, **changes):
        facts = {
            "number": 1,
            "mail_id": self.mail_id,
            "sender_id": self.address_id,
            "sent_at": None,
            "automatic": False,
            "content": self.content(),
        }
        return TicketReceived(**facts | changes)

    def associated(self, client_id, *, shared_with=(), ticket_id=None):
        return EmailAddressAssociated(
            owner=self.target(client_id),
            dossier_id=client_id,
            shared_with=tuple(map(self.target, shared_with)),
            ticket_id=ticket_id,
            written=Address(address=self.address),
        )

    def candidates(self, reason, *client_ids):
        return tuple(Candidate(target=self.target(client_id), reason=reason) for client_id in client_ids)


@pytest.fixture
def office():
    return Office()
