"""Filing, seeing to tickets and the ownership of addresses, driven over the real log against a plain model of what a broker expects."""

import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, closing
from copy import deepcopy
from dataclasses import dataclass, field
from pathlib import Path
from threading import Barrier
from typing import NamedTuple
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.databases import sqlite_url
from adapters.desk import Desk
from adapters.event_store.log import EventLog
from adapters.read_store import open_read_store
from adapters.vault import MasterKey, Vault
from domain.access import Viewer
from domain.aggregates import NotFound
from domain.claims.claim import OpenClaim
from domain.clients.client import Person, RegisterClient
from domain.companies.company import RegisterCompany
from domain.contacts.contact import ContactIdentity, RegisterContact
from domain.contracts.contract import RegisterContract
from domain.email_addresses.email_address import (
    AddressBelongsToAnother,
    AddressNotOnFile,
    EmailAddress,
    email_address_id,
)
from domain.events import Actor, office_event_types
from domain.messages.message import MessageIdentity
from domain.office.office import CollaboratorIdentity, OpenOffice, WelcomeCollaborator
from domain.targets import AssociateEmailAddress, RemoveEmailAddress
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.events import MessageContent, StoredFile, TicketClassified, TicketLeftUnfiled, TicketReceived
from domain.tickets.filing_by_hand import ClassifyTicket, ClientToCreate, UnclassifyTicket
from domain.tickets.handling import (
    AssignTicket,
    BringBackTicket,
    CloseTicket,
    CommentOnTicket,
    DismissTicket,
    PutTicketOnHold,
    ReopenTicket,
)
from domain.tickets.refusals import NoSenderAddress, TicketIsClosed, TicketIsDismissed
from domain.tickets.ticket import Ticket
from domain.values import Target
from projections import email_addresses, ticket_comments
from projections.engine.engine import Engine
from projections.office import office_projections
from projections.queries.paging import Window
from projections.queries.reading import Reading
from projections.tickets import inbox
from tests.soak import times
from tests.waiting import PATIENCE

ADDRESSES = ("claire@example.fr", "famille@example.fr", None)
WAYS = ("associate", "share", "move")
ANNE, PAUL, STRANGER = UUID(int=20), UUID(int=21), UUID(int=22)
HANDLING = {"hold": PutTicketOnHold, "close": CloseTicket, "reopen": ReopenTicket, "bring_back": BringBackTicket}
"""What is asked with nothing but the ticket."""
REASONS = ("advertising", "junk")
COMMENTS = (UUID(int=31), UUID(int=32))


CONTRACT, CLAIM, COMPANY, CONTACT = (UUID(int=number) for number in range(51, 55))
KINDS = {CONTRACT: "contract", CLAIM: "claim", COMPANY: "company", CONTACT: "contact"}
"""The files that are no client's dossier."""
FIRST_CLIENT = UUID(int=1)
OWNER_OF = {CONTRACT: FIRST_CLIENT, CLAIM: FIRST_CLIENT}
"""Whose an address becomes that is associated with them."""


def target(file_id):
    return Target(kind=KINDS.get(file_id, "client"), id=file_id)


class Mail(NamedTuple):
    """A message that may come, once or several times: its sender, its Message-ID (spoofed or not), its content."""

    address: str | None
    message_id: str | None
    content: str


class Do(NamedTuple):
    """What someone asks for."""

    what: str
    mail: Mail | None = None
    file: UUID | None = None
    address: str | None = None
    how: str | None = None
    collaborator: UUID | None = None
    comment: UUID | None = None


@dataclass
class Filed:
    """A ticket as a broker expects it."""

    address: str | None
    on: UUID | None = None
    reason: str | None = None
    candidates: list[UUID] = field(default_factory=list)
    state: str = "open"
    assigned_to: UUID | None = None
    dismissed: str | None = None
    comments: list[UUID] = field(default_factory=list)


class Model:
    """The office in a few dicts: whose each address is, and where each message's ticket lies."""

    def __init__(self):
        self.clients = []
        self.owners = {address: [] for address in ADDRESSES if address}
        self.tickets = {}

    def do(self, asked):
        """What is answered: a word, or the type of the refusal. A refusal changes nothing."""
        return getattr(self, f"_{asked.what}")(asked)

    def _receive(self, asked):
        key = (asked.mail.message_id, asked.mail.content)
        if key in self.tickets:
            return "duplicate"
        ticket = self.tickets[key] = Filed(asked.mail.address)
        owners = self.owners.get(asked.mail.address)
        if owners is None:
            ticket.reason = "no_sender_address"
        elif not owners:
            ticket.reason = "unknown_address"
        elif len(owners) == 1:
            ticket.on = owners[0]
        else:
            ticket.reason, ticket.candidates = "shared_address", list(owners)
        return "ticket"

    def _file(self, asked):
        ticket = self.tickets[asked.mail.message_id, asked.mail.content]
        before = list(self.owners.get(ticket.address, ()))
        if asked.how is not None:
            if ticket.address is None:
                return NoSenderAddress
            if refusal := self._give(ticket.address, OWNER_OF.get(asked.file, asked.file), asked.how):
                return refusal
        if ticket.dismissed:
            if ticket.address is not None:
                self.owners[ticket.address] = before
            return TicketIsDismissed
        if asked.file not in (*self.clients, *KINDS):
            self.clients.append(asked.file)
        if ticket.on != asked.file:
            ticket.on, ticket.reason = asked.file, None
            ticket.candidates = [owner for owner in before if owner != asked.file]
        return "done"

    def _unfile(self, asked):
        ticket = self.tickets[asked.mail.message_id, asked.mail.content]
        if ticket.dismissed:
            return TicketIsDismissed
        ticket.on = None
        return "done"

    def _hold(self, asked):
        return self._turn(asked, "waiting", unless="closed")

    def _close(self, asked):
        return self._turn(asked, "closed")

    def _reopen(self, asked):
        return self._turn(asked, "open")

    def _turn(self, asked, state, *, unless=None):
        ticket = self.tickets[asked.mail.message_id, asked.mail.content]
        if ticket.dismissed:
            return TicketIsDismissed
        if ticket.state == unless:
            return TicketIsClosed
        ticket.state = state
        return "done"

    def _assign(self, asked):
        ticket = self.tickets[asked.mail.message_id, asked.mail.content]
        if asked.collaborator == STRANGER:
            return NotFound
        if ticket.dismissed:
            return TicketIsDismissed
        if ticket.state == "closed":
            return TicketIsClosed
        ticket.assigned_to = asked.collaborator
        return "done"

    def _dismiss(self, asked):
        ticket = self.tickets[asked.mail.message_id, asked.mail.content]
        if ticket.dismissed not in {None, asked.how}:
            return TicketIsDismissed
        ticket.dismissed = asked.how
        return "done"

    def _bring_back(self, asked):
        self.tickets[asked.mail.message_id, asked.mail.content].dismissed = None
        return "done"

    def _comment(self, asked):
        noted = self.tickets[asked.mail.message_id, asked.mail.content].comments
        if asked.comment not in noted:
            noted.append(asked.comment)
        return "done"

    def _give_address(self, asked):
        return self._give(asked.address, asked.file, asked.how) or "done"

    def _give(self, address, owner, how):
        owners = self.owners[address]
        if how == "move":
            owners[:] = [owner]
        elif owner not in owners:
            if owners and how == "associate":
                return AddressBelongsToAnother
            owners.append(owner)
        return None

    def _remove(self, asked):
        if asked.file not in self.owners[asked.address]:
            return AddressNotOnFile
        self.owners[asked.address].remove(asked.file)
        return "done"


mails = st.builds(
    Mail,
    address=st.sampled_from(ADDRESSES),
    message_id=st.sampled_from(["1@example.fr", "2@example.fr", "3@example.fr"]),
    content=st.sampled_from("ab"),
).map(lambda mail: mail._replace(content=f"{mail.address}{mail.content}"))


class FilingMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.opened = ExitStack()
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory(prefix="greffier-test-")))
        vault = self.opened.enter_context(closing(Vault(sqlite_url(folder / "vault.sqlite"), MasterKey.generate())))
        desk = self.opened.enter_context(closing(Desk(sqlite_url(folder / "desk.sqlite"), vault)))
        self.log = self.opened.enter_context(
            closing(
                EventLog(sqlite_url(folder / "log.sqlite"), vault, office_event_types(), next_number=desk.next_number)
            )
        )
        self.store = self.opened.enter_context(closing(open_read_store(sqlite_url(folder / "views.sqlite"))))
        self.threads = self.opened.enter_context(ThreadPoolExecutor(2))
        self.engine = Engine(self.log, self.store, office_projections())
        self.actor = Actor.collaborator(uuid4())
        self.viewer = Viewer(collaborator_id=uuid4())
        self.model = Model()
        self.ticket_ids = {}
        self.answered = []

    def teardown(self):
        try:
            self.views_tell_the_same()
        finally:
            self.opened.close()

    # --- what may happen --------------------------------------------------------------------

    @initialize()
    def welcome_collaborators(self):
        self.log.execute(OpenOffice(name="Cabinet Petit"), self.actor)
        for collaborator_id in (ANNE, PAUL):
            identity = CollaboratorIdentity(last_name="Petit", email_address="petit@example.fr")
            self.log.execute(WelcomeCollaborator(collaborator_id=collaborator_id, identity=identity), self.actor)

    @initialize(count=st.integers(2, 3))
    def register_files(self, count):
        for number in range(count):
            client_id = UUID(int=number + 1)
            self.log.execute(
                RegisterClient(client_id=client_id, identity=Person(last_name=f"Client {number}")), self.actor
            )
            self.model.clients.append(client_id)
        for command in (
            RegisterContract(contract_id=CONTRACT, client_id=FIRST_CLIENT, policy_number="MRH-1"),
            OpenClaim(claim_id=CLAIM, contract_id=CONTRACT),
            RegisterCompany(company_id=COMPANY, role="insurer", name="Mutuelle des Deux Rives"),
            RegisterContact(contact_id=CONTACT, company_id=COMPANY, identity=ContactIdentity(last_name="Ferrand")),
        ):
            self.log.execute(command, self.actor)

    @rule(mail=mails)
    def a_message_arrives(self, mail):
        self.ask(Do("receive", mail=mail))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), how=st.none() | st.sampled_from(WAYS), new=st.booleans())
    def a_ticket_is_filed(self, data, how, new):
        self.ask(self.filing(data, how, new=new))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data())
    def a_ticket_is_unfiled(self, data):
        self.ask(Do("unfile", mail=data.draw(st.sampled_from(self.mails_taken_in()))))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), what=st.sampled_from(list(HANDLING)))
    def a_ticket_is_seen_to(self, data, what):
        self.ask(Do(what, mail=data.draw(st.sampled_from(self.mails_taken_in()))))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), collaborator=st.sampled_from([ANNE, PAUL, STRANGER, None]))
    def a_ticket_is_assigned(self, data, collaborator):
        mail = data.draw(st.sampled_from(self.mails_taken_in()))
        self.ask(Do("assign", mail=mail, collaborator=collaborator))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), reason=st.sampled_from(REASONS))
    def a_ticket_is_dismissed(self, data, reason):
        self.ask(Do("dismiss", mail=data.draw(st.sampled_from(self.mails_taken_in())), how=reason))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), comment=st.sampled_from(COMMENTS))
    def a_ticket_is_commented_on(self, data, comment):
        self.ask(Do("comment", mail=data.draw(st.sampled_from(self.mails_taken_in())), comment=comment))

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), how=st.sampled_from(WAYS), what=st.sampled_from(["hold", "close", "reopen"]))
    def a_ticket_is_filed_while_it_is_seen_to(self, data, how, what):
        filing = self.filing(data, how, new=False)
        self.ask_at_once(filing, Do(what, mail=filing.mail))

    @rule(data=st.data(), how=st.sampled_from(WAYS))
    def an_address_is_given(self, data, how):
        self.ask(self.giving(data, how))

    @rule(data=st.data())
    def an_address_is_removed_from_anyone(self, data):
        self.ask(self.giving(data, None)._replace(what="remove"))

    @precondition(lambda self: any(self.model.owners.values()))
    @rule(data=st.data())
    def an_address_is_removed_from_an_owner(self, data):
        owned = [(address, owner) for address, owners in self.model.owners.items() for owner in owners]
        address, owner = data.draw(st.sampled_from(owned))
        self.ask(Do("remove", file=owner, address=address))

    @precondition(lambda self: self.answered)
    @rule(data=st.data())
    def a_command_is_sent_again(self, data):
        command_id, asked, answer = data.draw(st.sampled_from(self.answered))
        head = self.log.head()
        assert self.log.execute(self.command(asked), self.actor, command_id=command_id) == answer
        assert self.log.head() == head

    @rule(mail=mails)
    def a_message_arrives_twice_at_once(self, mail):
        self.ask_at_once(Do("receive", mail=mail), Do("receive", mail=mail))

    @rule(data=st.data(), mail=mails, how=st.sampled_from([*WAYS, "remove"]))
    def a_message_arrives_while_its_address_changes_hands(self, data, mail, how):
        change = self.giving(data, how)
        if mail.address is not None:
            change = change._replace(address=mail.address)
        if how == "remove":
            change = change._replace(what="remove", how=None)
        self.ask_at_once(Do("receive", mail=mail), change)

    @precondition(lambda self: self.model.tickets)
    @rule(data=st.data(), how=st.sampled_from(WAYS), mail=mails)
    def a_message_arrives_while_another_is_filed(self, data, how, mail):
        self.ask_at_once(self.filing(data, how, new=False), Do("receive", mail=mail))

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def the_log_tells_what_the_model_expects(self):
        assert self.told() == self.expected(self.model)

    @precondition(lambda self: self.model.tickets)
    @rule()
    def views_tell_the_same(self):
        self.engine.catch_up()
        self.views_equal_the_model()
        self.engine.rebuild([projection.name for projection in office_projections()])
        self.views_equal_the_model()

    def views_equal_the_model(self):
        assert all(self.engine.verify(projection.name).equal for projection in office_projections())
        with self.store.reading() as connection:
            session = Reading(connection, self.viewer)
            for dismissed in (False, True):
                listed = inbox.inbox(session, Window(limit=1, total=True), dismissed=dismissed)
                expected = [one for one in self.model.tickets.values() if (one.dismissed is not None) == dismissed]
                assert listed.total == len(expected)
            for key, ticket in self.model.tickets.items():
                shown = inbox.ticket(session, self.ticket_ids[key])
                assert (shown.filed_on.id if shown.filed_on else None) == ticket.on
                assert shown.unfiled_reason == ticket.reason
                assert [candidate.target.id for candidate in shown.candidates] == ticket.candidates
                assert (shown.state, shown.assigned_to, shown.dismissed) == (
                    ticket.state,
                    ticket.assigned_to,
                    ticket.dismissed,
                )
                noted = ticket_comments.of_ticket(session, self.ticket_ids[key], Window()).items
                assert [comment.comment_id for comment in noted] == ticket.comments
            for owner in (*self.model.clients, COMPANY, CONTACT):
                assert {(each.address, each.shared) for each in email_addresses.of_owner(session, owner)} == {
                    (address, len(owners) > 1) for address, owners in self.model.owners.items() if owner in owners
                }
            for file_id in (*self.model.clients, *KINDS):
                self.its_tickets_are_listed(session, file_id)

    def its_tickets_are_listed(self, session, file_id):
        below = {
            FIRST_CLIENT: {FIRST_CLIENT, CONTRACT, CLAIM},
            CONTRACT: {CONTRACT, CLAIM},
            COMPANY: {COMPANY, CONTACT},
        }
        listed = inbox.of_file(session, target(file_id), Window(limit=200))
        assert {line.ticket_id for line in (listed.items if listed else ())} == {
            self.ticket_ids[key]
            for key, ticket in self.model.tickets.items()
            if ticket.on in below.get(file_id, {file_id})
        }

    # --- how it is asked ----------------------------------------------------------------------

    def mails_taken_in(self):
        return [Mail(ticket.address, *key) for key, ticket in self.model.tickets.items()]

    def filing(self, data, how, *, new):
        mail = data.draw(st.sampled_from(self.mails_taken_in()))
        file = UUID(int=100 + len(self.answered)) if new else data.draw(st.sampled_from([*self.model.clients, *KINDS]))
        return Do("file", mail=mail, file=file, how=how)

    def giving(self, data, how):
        address = data.draw(st.sampled_from(list(self.model.owners)))
        owners = st.sampled_from([*self.model.clients, COMPANY, CONTACT])
        return Do("give_address", file=data.draw(owners), address=address, how=how)

    def ask(self, asked):
        expected = self.model.do(asked)
        assert self.answer_to(asked) == expected

    def ask_at_once(self, one, other):
        """Two at the same moment end as if one had come after the other, whichever came first."""
        barrier = Barrier(2)

        def at_once(asked):
            barrier.wait(PATIENCE)
            return self.answer_to(asked)

        answers = list(self.threads.map(at_once, (one, other)))
        for order in ((0, 1), (1, 0)):
            model, expected = deepcopy(self.model), {}
            for each in order:
                expected[each] = model.do((one, other)[each])
            if [expected[0], expected[1]] == answers and self.expected(model) == self.told():
                self.model = model
                return
        raise AssertionError(f"{one} and {other} were answered {answers}: as in no order")

    def answer_to(self, asked):
        command, command_id = self.command(asked), uuid4()
        try:
            answer = self.log.execute(command, self.actor, command_id=command_id)
        except (
            AddressBelongsToAnother,
            AddressNotOnFile,
            NoSenderAddress,
            NotFound,
            TicketIsClosed,
            TicketIsDismissed,
        ) as refusal:
            return type(refusal)
        self.answered.append((command_id, asked, answer))
        if asked.what != "receive":
            return "done"
        ticket_id = UUID(answer.result["ticket_id"])
        assert self.ticket_ids.setdefault((asked.mail.message_id, asked.mail.content), ticket_id) == ticket_id
        return answer.result["outcome"]

    def command(self, asked):
        match asked.what:
            case "receive":
                return _received(asked.mail)
            case "unfile":
                return UnclassifyTicket(ticket_id=self.ticket_id(asked))
            case "file" if asked.file.int >= 100:
                new = ClientToCreate(client_id=asked.file, identity=Person(last_name="Créé"))
                return ClassifyTicket(ticket_id=self.ticket_id(asked), on=new, address=asked.how)
            case "file":
                return ClassifyTicket(ticket_id=self.ticket_id(asked), on=target(asked.file), address=asked.how)
            case "give_address":
                return AssociateEmailAddress(owner=target(asked.file), address=asked.address, how=asked.how)
            case "remove":
                address_id = email_address_id(self.log, asked.address)
                return RemoveEmailAddress(owner=target(asked.file), address_id=address_id)
            case _:
                return self.handling(asked)

    def handling(self, asked):
        ticket_id = self.ticket_id(asked)
        match asked.what:
            case "assign":
                return AssignTicket(ticket_id=ticket_id, collaborator_id=asked.collaborator)
            case "dismiss":
                return DismissTicket(ticket_id=ticket_id, reason=asked.how)
            case "comment":
                return CommentOnTicket(ticket_id=ticket_id, comment_id=asked.comment, text="Rappeler")
            case what:
                return HANDLING[what](ticket_id=ticket_id)

    def ticket_id(self, asked):
        return self.ticket_ids[asked.mail.message_id, asked.mail.content]

    def expected(self, model):
        return (
            {address: list(owners) for address, owners in model.owners.items()},
            {
                key: (
                    ticket.on,
                    ticket.candidates,
                    ticket.state,
                    ticket.assigned_to,
                    ticket.dismissed,
                    frozenset(ticket.comments),
                )
                for key, ticket in model.tickets.items()
            },
        )

    def told(self):
        owners = {
            address: [owner.id for owner in self.log.state(EmailAddress, email_address_id(self.log, address)).owners]
            for address in self.model.owners
        }
        filed = {}
        for key, ticket_id in self.ticket_ids.items():
            received, outcome, *later = [recorded.event for recorded in self.log.stream(ticket_id)]
            assert isinstance(received, TicketReceived)
            assert isinstance(outcome, TicketClassified | TicketLeftUnfiled)
            *_, last = [event for event in (outcome, *later) if isinstance(event, TicketClassified | TicketLeftUnfiled)]
            ticket = self.log.state(Ticket, ticket_id)
            filed[key] = (
                ticket.filed_on and ticket.filed_on.id,
                [candidate.target.id for candidate in last.candidates],
                ticket.state,
                ticket.assigned_to,
                ticket.dismissed and ticket.dismissed.reason,
                ticket.comments,
            )
        return owners, filed


def _received(mail):
    return ReceiveMessage(
        identity=MessageIdentity(
            message_id=mail.message_id, content_digest=mail.content.encode().hex().ljust(64, "0")[:64]
        ),
        content=MessageContent(
            from_address=mail.address,
            from_name="",
            subject="",
            text=mail.content,
            message_id=mail.message_id,
            raw=StoredFile(name="f", key="00", size=1),
        ),
        sent_at=None,
    )


FilingMachine.TestCase.settings = settings(max_examples=times(6, soak=60), stateful_step_count=25)
TestFiling = FilingMachine.TestCase
