"""Filing a ticket by hand: on a file that exists or that is made in the same step, elsewhere, off its file, and back."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from domain.clients.client import NewClient, open_dossier
from domain.commands import Command, Streams, handles
from domain.email_addresses.email_address import (
    AddressBelongsToAnother,
    AddressIsOffices,
    EmailAddress,
    Ownership,
    give_address,
)
from domain.targets import dossier_of
from domain.tickets.filing import CollaboratorChoice, owners_as_candidates
from domain.tickets.refusals import NOT_IN_HAND, NoSenderAddress, NothingToUndo
from domain.tickets.ticket import Ticket
from domain.values import Target, TicketId


class ClientToCreate(NewClient):
    kind: Annotated[Literal["new_client"], Field(description="A dossier to create in the same step")] = "new_client"


SenderAddress = Annotated[
    Ownership | None,
    Field(
        description="`associate` gives a free address to the file (to its client, for a contract or a claim), `share` "
        "makes it one more owner, `move` takes it from its owners; without it the address stays as it is"
    ),
]
"""What becomes of the sender's address when a ticket is filed."""


class ClassifyTicket(Command):
    """Files the ticket, or files it elsewhere: on a file that exists, or on a dossier created in the same step.

    The sender's address stays as it is by default (T6, T8), or is given to that file (T7, T14). One that belongs to another is
    refused, with its owners: share it or move it, or leave it alone.
    """

    refuses = (AddressBelongsToAnother, AddressIsOffices, NoSenderAddress, *NOT_IN_HAND)

    ticket_id: TicketId
    on: Annotated[
        Target | ClientToCreate,
        Field(discriminator="kind", description="Where it goes: a file, or a dossier to create"),
    ]
    address: SenderAddress = None


class UnclassifyTicket(Command):
    """Takes the ticket off its file (T16). Its sender's address stays as it is."""

    refuses = NOT_IN_HAND

    ticket_id: TicketId


class UndoFiling(Command):
    """Puts the ticket back where it was before it was filed, or unfiled, last. Its sender's address stays as it is."""

    refuses = (NothingToUndo, *NOT_IN_HAND)

    ticket_id: TicketId


@handles(ClassifyTicket)
def classify_ticket(command: ClassifyTicket, streams: Streams) -> Ticket:
    ticket = streams.load(Ticket, command.ticket_id)
    on = command.on
    file = open_dossier(on, streams, ticket.id).target if isinstance(on, ClientToCreate) else on
    dossier_id = dossier_of(file, streams, field="on.id")
    sender = streams.find(EmailAddress, ticket.sender_id) if ticket.sender_id else None
    candidates = owners_as_candidates(sender) if sender else ()
    if command.address is not None:
        if ticket.sender_address is None:
            raise NoSenderAddress(ticket_id=ticket.id)
        owner = file if dossier_id is None else Target(kind="client", id=dossier_id)
        give_address(ticket.sender_address, owner, command.address, streams, ticket.id)
    return streams.save(ticket, ticket.classify(file, dossier_id, CollaboratorChoice(), candidates))


handles(UnclassifyTicket, by=Ticket.unclassify)
handles(UndoFiling, by=Ticket.undo_filing)
