"""The office's collaborators, found by their address: who acts on the command line, and who a token is for."""

from __future__ import annotations

from typing import Final
from uuid import UUID

from adapters.event_store.log import EventLog
from domain.events import Actor
from domain.office.office import OFFICE_ID, CollaboratorIdentity, CollaboratorJoined, Office, WelcomeCollaborator
from domain.values import address_key

COMMAND_LINE: Final = Actor.rule("command_line")
"""Who acts where no collaborator is named: whoever can run commands on the office's machine."""


class NoSuchCollaborator(Exception):
    def __init__(self, email_address: str | None) -> None:
        who = f"nobody with the address {email_address}" if email_address else "nobody yet"
        super().__init__(
            f"there is {who} among the collaborators: "
            "`greffier token ADDRESS --first-name … --last-name …` welcomes someone"
        )


def collaborator_id(log: EventLog, email_address: str) -> UUID:
    """The id of the collaborator of this address, whoever they are: one address is one person."""
    return log.keyed_id("collaborator", address_key(email_address))


def find_collaborator(log: EventLog, email_address: str | None) -> UUID:
    """The collaborator of this address, or the first who joined. Raises `NoSuchCollaborator`."""
    if email_address is None:
        for recorded in log.stream(OFFICE_ID):
            if isinstance(recorded.event, CollaboratorJoined):
                return recorded.event.collaborator_id
        raise NoSuchCollaborator(None)
    found = collaborator_id(log, email_address)
    if found not in log.state(Office, OFFICE_ID).collaborators:
        raise NoSuchCollaborator(email_address)
    return found


def welcome(log: EventLog, identity: CollaboratorIdentity) -> UUID:
    """Welcomes a collaborator, if they aren't one yet. Raises `OfficeNotOpen`."""
    found = collaborator_id(log, identity.email_address)
    log.execute(WelcomeCollaborator(collaborator_id=found, identity=identity), COMMAND_LINE)
    return found
