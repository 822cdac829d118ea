"""What happens to the clients of a generated office: their contracts, their claims, their addresses."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import partial
from typing import Final

from adapters.generated_office.office import GeneratedOffice
from adapters.generated_office.people import Claim, Contract, Dossier
from domain.claims.claim import ClaimOpened, CloseClaim, OpenClaim, ReopenClaim
from domain.clients.client import ActivateClient, RegisterClient
from domain.contracts.contract import RegisterContract, TerminateContract
from domain.email_addresses.email_address import email_address_id
from domain.events import Actor
from domain.targets import RemoveEmailAddress
from domain.values import Target

# Contracts and claims.
_CONTRACTS_OF_A_CLIENT: Final = (0.15, 0.45, 0.25, 0.15)
_CONTRACT_KNOWN_AT_ONCE: Final = 0.7
_TERMINATED: Final = 0.12
_HAS_A_CLAIM: Final = 0.3
_CLAIM_CLOSED: Final = 0.7
_CLAIM_REOPENED: Final = 0.12

# Clients and their addresses.
NEW_CLIENT_AT_ONCE: Final = 0.15
_PROSPECTS_ACTIVATED: Final = 0.75
_CHANGES_ADDRESS: Final = 0.25
_CHANGE_TOLD: Final = 0.7
_FORMER_ADDRESS_REMOVED: Final = 0.5
_ADDRESS_PASSED_ON: Final = 0.03
_ADDRESS_SHARED: Final = 0.03

_PRODUCTS: Final = ("Auto", "Multirisque habitation", "Multirisque professionnelle", "Santé", "Flotte", "Décennale")


class Dossiers:
    """What comes to happen to the office's clients: their contracts, their claims, their addresses."""

    def __init__(self, office: GeneratedOffice) -> None:
        self._office = office
        self._streams = office.streams
        self._dice = office.dice
        self._people = office.people

    def register_by_hand(self, dossier: Dossier, at: datetime) -> None:
        self.register(dossier, self._office.collaborator(dossier), at, active=self._office.happens(NEW_CLIENT_AT_ONCE))

    def register(self, dossier: Dossier, actor: Actor, at: datetime, *, active: bool) -> None:
        known = dossier.addresses[:1] if self._office.happens(0.9) else []
        free = tuple(address for address in known if not self._office.owners(address))
        registers = RegisterClient(
            client_id=dossier.client.id, identity=dossier.identity, active=active, email_addresses=free
        )
        self._office.decide(registers, actor, at)
        self.becomes_known(dossier, actor, at, active=active)

    def becomes_known(self, dossier: Dossier, actor: Actor, at: datetime, *, active: bool) -> None:
        """From now on the dossier is the office's, and things come to happen to it."""
        self._office.take_on(dossier)
        if dossier.household is not None:
            self._office.associate(dossier.client, dossier.household, "share", actor, at)
        if not active and self._office.happens(_PROSPECTS_ACTIVATED):
            self._office.later(at, timedelta(days=self._dice.uniform(1, 60)), partial(self._activate, dossier))
        for _ in range(self._dice.choices((0, 1, 2, 3), _CONTRACTS_OF_A_CLIENT)[0]):
            if active and self._office.happens(_CONTRACT_KNOWN_AT_ONCE):
                self._insure(dossier, actor, at)
            else:
                self._office.plan(
                    self._office.some_working_time(at.date()),
                    lambda at: self._insure(dossier, self._office.collaborator(dossier), at),
                )
        for how_often, event in (
            (_CHANGES_ADDRESS, self._change_address),
            (_ADDRESS_PASSED_ON, self._pass_address_on),
            (_ADDRESS_SHARED, self._share_address),
        ):
            if self._office.happens(how_often):
                self._office.plan(self._office.some_working_time(at.date()), partial(event, dossier))

    def _insure(self, dossier: Dossier, actor: Actor, at: datetime) -> None:
        contract = Contract(Target(kind="contract", id=self._office.new_id()), self._people.new_number(at.year))
        insurer = self._dice.choice([one for one in self._people.partners if one.role != "referrer"])
        registers = RegisterContract(
            contract_id=contract.file.id,
            client_id=dossier.client.id,
            company_id=insurer.company.id,
            starts_on=at.date(),
            policy_number=contract.number,
            product=self._dice.choice(_PRODUCTS),
        )
        self._office.decide(registers, actor, at)
        dossier.contracts.append(contract)
        if self._office.happens(_HAS_A_CLAIM):
            self._office.plan(self._office.some_working_time(at.date()), partial(self._open_claim, dossier, contract))
        if self._office.happens(_TERMINATED):
            self._office.plan(self._office.some_working_time(at.date()), partial(self._terminate, dossier, contract))

    def _terminate(self, dossier: Dossier, contract: Contract, at: datetime) -> None:
        ends = TerminateContract(contract_id=contract.file.id, effective_on=at.date() + timedelta(days=30))
        self._office.decide(ends, self._office.collaborator(dossier), at)

    def _open_claim(self, dossier: Dossier, contract: Contract, at: datetime) -> None:
        file, reference = Target(kind="claim", id=self._office.new_id()), self._people.new_reference(at.year)
        opens = OpenClaim(
            claim_id=file.id,
            contract_id=contract.file.id,
            occurred_on=at.date() - timedelta(days=self._dice.randrange(1, 9)),
            insurer_reference=reference,
        )
        self._office.decide(opens, self._office.collaborator(dossier), at)
        number = next(event.number for event in self._streams.latest() if isinstance(event, ClaimOpened))
        contract.claims.append(Claim(file, reference, number))
        if self._office.happens(_CLAIM_CLOSED):
            self._office.later(
                at, timedelta(days=self._dice.uniform(20, 300)), partial(self._close_claim, dossier, file)
            )

    def _close_claim(self, dossier: Dossier, claim: Target, at: datetime) -> None:
        self._office.decide(CloseClaim(claim_id=claim.id), self._office.collaborator(dossier), at)
        if self._office.happens(_CLAIM_REOPENED):
            reopens = ReopenClaim(claim_id=claim.id)
            delay = timedelta(days=self._dice.uniform(2, 60))
            self._office.later(
                at, delay, lambda at: self._office.decide(reopens, self._office.collaborator(dossier), at)
            )

    def _activate(self, dossier: Dossier, at: datetime) -> None:
        self._office.decide(ActivateClient(client_id=dossier.client.id), self._office.collaborator(dossier), at)

    def _change_address(self, dossier: Dossier, at: datetime) -> None:
        """Someone writes from another address from now on, and mostly says so."""
        former = dossier.addresses[:1]
        address = self._people.new_address(dossier.name)
        dossier.addresses[:1] = [address]
        if self._office.happens(_CHANGE_TOLD):
            self._office.associate(dossier.client, address, "associate", self._office.collaborator(dossier), at)
        if former and self._office.happens(_FORMER_ADDRESS_REMOVED):
            self._office.later(at, timedelta(days=self._dice.uniform(0, 30)), partial(self.remove, dossier, former[0]))

    def _pass_address_on(self, dossier: Dossier, at: datetime) -> None:
        """An address becomes another client's alone: a business was sold, an assistant changed employers."""
        heir = self._office.some_client()
        if dossier.addresses and heir is not dossier:
            address = dossier.addresses.pop()
            heir.addresses.append(address)
            self._office.associate(heir.client, address, "move", self._office.collaborator(heir), at)

    def _share_address(self, dossier: Dossier, at: datetime) -> None:
        """An address is another client's too: one accountant for two companies."""
        other = self._office.some_client()
        if dossier.addresses and other is not dossier and dossier.client in self._office.owners(dossier.addresses[-1]):
            other.addresses.append(dossier.addresses[-1])
            self._office.associate(other.client, dossier.addresses[-1], "share", self._office.collaborator(other), at)

    def remove(self, dossier: Dossier, address: str, at: datetime) -> None:
        if dossier.client in self._office.owners(address):
            address_id = email_address_id(self._streams, address)
            command = RemoveEmailAddress(owner=dossier.client, address_id=address_id)
            self._office.decide(command, self._office.collaborator(dossier), at)
