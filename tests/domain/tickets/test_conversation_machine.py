"""Conversations, the office's own mail, numbers, merging, splitting, runs and undoing, over the real log against a model."""

import tempfile
from contextlib import ExitStack, closing
from dataclasses import dataclass, field
from pathlib import Path
from uuid import UUID, uuid4

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from adapters.databases import sqlite_url
from adapters.desk import Desk
from adapters.event_store.log import EventLog, StaleVersion
from adapters.read_store import open_read_store
from adapters.vault import MasterKey, Vault
from api import runs
from domain.access import Viewer
from domain.aggregates import Refusal
from domain.clients.client import Person, RegisterClient
from domain.contracts.contract import RegisterContract
from domain.email_addresses.email_address import AddressBelongsToAnother, AddressIsOffices, email_address_id
from domain.events import Actor, office_event_types
from domain.office.office import OpenOffice, ReleaseOfficeAddress, ReserveOfficeAddress
from domain.targets import AssociateEmailAddress
from domain.tickets.conversation import MergedWithItself, MergeTickets, SplitMessageOff
from domain.tickets.events import (
    TicketAbsorbed,
    TicketClassified,
    TicketContinued,
    TicketFilingUndone,
    TicketUnclassified,
)
from domain.tickets.filing_by_hand import ClassifyTicket, UnclassifyTicket, UndoFiling
from domain.tickets.handling import BringBackTicket, CloseTicket, DismissTicket
from domain.tickets.refusals import FirstMessageStays, NothingToUndo, TicketIsDismissed, TicketWasMerged
from domain.tickets.ticket import Ticket
from domain.values import Target
from projections import messages
from projections.engine.engine import Engine
from projections.office import office_projections
from projections.queries.paging import Window
from projections.queries.reading import Reading
from projections.tickets import inbox
from tests.correspondence import Letter, taken_in
from tests.soak import times

ANNE, BRUNO, CONTRACT = (UUID(int=number) for number in range(1, 4))
FILES = (Target(kind="client", id=ANNE), Target(kind="client", id=BRUNO), Target(kind="contract", id=CONTRACT))
OF_ANNE, OF_BRUNO, OF_CONTRACT = FILES
NUMBER = "MRH-1001"
"""By which Anne's contract goes."""
CABINET = "contact@cabinet.example"
PEOPLE = ("anne@client.example", "famille@client.example", "inconnu@dehors.example")
MESSAGE_IDS = [f"{number}@mail.example" for number in range(12)]
PROBLEMS = {
    NothingToUndo: "/problems/nothing-to-undo",
    StaleVersion: "/problems/stale-version",
    TicketIsDismissed: "/problems/ticket-is-dismissed",
    TicketWasMerged: "/problems/ticket-was-merged",
}
PLAIN = {"close": CloseTicket, "bring_back": BringBackTicket, "unfile": UnclassifyTicket, "undo": UndoFiling}
"""What is asked with nothing but the ticket."""


@dataclass(eq=False)
class Came:
    """A letter, as the office knew it when it came: who wrote it, on which file it alone would go."""

    letter: Letter
    direction: str
    file: Target | None
    written_to: set = frozenset()

    def belongs_with(self, other):
        """It answers the other, and its sender wrote that or got it, or those to whom the office writes did; or it is a
        robot's to the office.
        """
        sender = self.letter.sender
        if other.letter.message_id not in self.letter.references:
            return False
        taking_part = {other.letter.sender, *other.letter.to}
        if self.direction != "incoming":
            return not self.written_to or bool(self.written_to & taking_part)
        return sender in taking_part or (self.letter.automatic and other.direction == "outgoing")


@dataclass(eq=False)
class Conversation:
    """A ticket as a broker sees it."""

    letters: list[Came] = field(default_factory=list)
    on: Target | None = None
    before: list[Target | None] = field(default_factory=list)
    """Where undoing puts it."""
    state: str = "open"
    dismissed: bool = False
    decided: bool = False
    """A person said where it is filed."""
    seen_to: bool = False
    merged: bool = False
    answered: bool = False
    """Somebody else than the office ever wrote in it."""
    run: UUID | None = None
    """The run that put it where it is."""

    @property
    def sent_only(self):
        return all(came.direction == "outgoing" for came in self.letters)

    def put(self, file, *, by_hand, run=None):
        if self.on != file:
            self.before, self.on, self.run = [self.on], file, run
            self.decided, self.seen_to = self.decided or by_hand, self.seen_to or by_hand

    def follow_rules(self):
        """The earliest letter that has a file decides, unless a person did."""
        files = [came.file for came in sorted(self.letters, key=lambda came: came.letter.minute) if came.file]
        if files and not self.decided:
            self.put(files[0], by_hand=False)

    def swallow(self, other):
        self.letters += other.letters
        self.answered = self.answered or not other.sent_only
        if self.state == "closed" != other.state:
            self.state = "open"
        other.letters, other.merged = [], True

    def why_not(self):
        return TicketWasMerged if self.merged else TicketIsDismissed if self.dismissed else None


class Model:
    """The office: whose each address is, and its conversations in the order in which they were opened."""

    def __init__(self):
        self.owners = {address: [] for address in (CABINET, *PEOPLE)}
        self.offices = {CABINET}
        self.conversations = []

    def standing(self, message_id):
        return next((one for one in self.conversations for c in one.letters if c.letter.message_id == message_id), None)

    def receive(self, letter):
        came = self._came(letter)
        pieces = [
            one for one in self.conversations if any(came.belongs_with(c) or c.belongs_with(came) for c in one.letters)
        ]
        if not pieces:
            opened = Conversation([came], state="closed" if came.direction == "outgoing" else "open")
            self.conversations.append(opened)
            opened.answered = not opened.sent_only
            opened.follow_rules()
            return opened
        kept, *others = sorted(pieces, key=lambda one: (one.dismissed, not one.seen_to))
        for other in others:
            if not other.seen_to:
                kept.swallow(other)
        asks = came.direction != "outgoing"
        answers = asks and not letter.automatic
        if answers and came.file:
            kept.dismissed = False
        if (asks and kept.sent_only) or (answers and kept.state == "closed"):
            kept.state = "open"
        kept.letters.append(came)
        kept.answered = kept.answered or asks
        kept.follow_rules()
        return kept

    def _came(self, letter):
        if letter.sender not in self.offices:
            return Came(letter, "incoming", self._file_of(letter))
        strangers = set(letter.to) - self.offices
        written_to = ({*letter.to, letter.original} - {None}) - self.offices
        if letter.original and not strangers:
            return Came(letter, "forwarded", None, written_to)
        owners = {owner for address in strangers for owner in self.owners[address]}
        file = owners.pop() if len(owners) == 1 else None
        contract = NUMBER in letter.subject and file == OF_ANNE
        return Came(letter, "outgoing", OF_CONTRACT if contract else file, written_to)

    def _file_of(self, letter):
        owners = self.owners[letter.sender]
        if NUMBER in letter.subject and owners:
            return OF_CONTRACT if OF_ANNE in owners else None
        return owners[0] if len(owners) == 1 else None

    def file(self, one, file, run=None):
        if refused := one.why_not():
            return refused
        return one.put(file, by_hand=True, run=run)

    def unfile(self, one):
        return self.file(one, None)

    def undo(self, one):
        if refused := one.why_not():
            return refused
        if not one.before:
            return NothingToUndo
        (one.on,), one.before, one.decided, one.seen_to, one.run = one.before, [], True, True, None
        return None

    def close(self, one):
        if refused := one.why_not():
            return refused
        one.seen_to, one.state = one.seen_to or one.state != "closed", "closed"
        return None

    def dismiss(self, one):
        if one.merged:
            return TicketWasMerged
        one.dismissed = one.seen_to = True
        return None

    def bring_back(self, one):
        if one.merged:
            return TicketWasMerged
        one.dismissed = False
        return None

    def merge(self, kept, other):
        if kept is other:
            return MergedWithItself
        if refused := kept.why_not() or other.why_not():
            return refused
        kept.swallow(other)
        kept.seen_to = True
        if kept.on is None:
            kept.put(other.on, by_hand=True)
        kept.decided = kept.decided or kept.on is not None
        return None

    def split(self, one, came):
        if refused := one.why_not():
            return refused
        if came is one.letters[0]:
            return FirstMessageStays
        one.letters.remove(came)
        one.decided = one.seen_to = True
        new = Conversation([came], state="closed" if came.direction == "outgoing" else "open")
        new.put(one.on, by_hand=True)
        new.decided = new.seen_to = True
        new.answered = not new.sent_only
        self.conversations.append(new)
        return None

    def share(self, address, owner):
        if address in self.offices:
            return AddressIsOffices
        if owner not in self.owners[address]:
            self.owners[address].append(owner)
        return None

    def reserve(self, address):
        if self.owners[address]:
            return AddressBelongsToAnother
        self.offices.add(address)
        return None

    def release(self, address):
        self.offices.discard(address)


class ConversationMachine(RuleBasedStateMachine):
    def __init__(self):
        super().__init__()
        self.opened = ExitStack()
        folder = Path(self.opened.enter_context(tempfile.TemporaryDirectory(prefix="greffier-test-")))
        vault = self.opened.enter_context(closing(Vault(sqlite_url(folder / "vault.sqlite"), MasterKey.generate())))
        desk = self.opened.enter_context(closing(Desk(sqlite_url(folder / "desk.sqlite"), vault)))
        log = EventLog(sqlite_url(folder / "log.sqlite"), vault, office_event_types(), next_number=desk.next_number)
        self.log = self.opened.enter_context(closing(log))
        self.store = self.opened.enter_context(closing(open_read_store(sqlite_url(folder / "views.sqlite"))))
        self.engine = Engine(self.log, self.store, office_projections())
        self.actor = Actor.collaborator(uuid4())
        self.viewer = Viewer(collaborator_id=uuid4())
        self.model = Model()
        self.ids = {}
        """The ticket of each conversation."""
        self.mail_ids = {}
        """What each letter goes by."""

    def teardown(self):
        try:
            self.events_tell_how_tickets_pass_from_dossier_to_dossier()
            self.views_tell_the_same()
        finally:
            self.opened.close()

    # --- what may happen --------------------------------------------------------------------

    @initialize()
    def furnish(self):
        for command in (
            OpenOffice(name="Cabinet Petit"),
            ReserveOfficeAddress(address=CABINET),
            *(RegisterClient(client_id=c, identity=Person(last_name="A")) for c in (ANNE, BRUNO)),
            RegisterContract(contract_id=CONTRACT, client_id=ANNE, policy_number=NUMBER),
        ):
            self.log.execute(command, self.actor)
        self.an_address_is_given(PEOPLE[0], OF_ANNE)

    @precondition(lambda self: len(self.mail_ids) < len(MESSAGE_IDS))
    @rule(
        sender=st.sampled_from([*PEOPLE, CABINET]),
        to=st.lists(st.sampled_from([*PEOPLE, CABINET]), max_size=2, unique=True).map(tuple),
        references=st.lists(st.sampled_from(MESSAGE_IDS), max_size=3, unique=True).map(tuple),
        subject=st.sampled_from(["Attestation", f"Contrat {NUMBER}"]),
        original=st.none() | st.sampled_from(PEOPLE),
        automatic=st.booleans(),
        data=st.data(),
    )
    def a_message_arrives(self, data, sender, to, references, subject, original, automatic):
        message_id = data.draw(st.sampled_from([one for one in MESSAGE_IDS if one not in self.mail_ids]))
        minute = data.draw(st.sampled_from([n for n in range(30) if n not in self.minutes()]))
        letter = Letter(message_id, sender, to, references, subject, original, automatic, minute)
        before = set(self.model.conversations)
        conversation = self.model.receive(letter)
        answer = self.log.execute(taken_in(letter), self.actor).result
        self.mail_ids[message_id] = UUID(answer["mail_id"])
        if conversation not in before:
            self.ids[conversation] = UUID(answer["ticket_id"])
            assert answer["outcome"] == ("recorded" if conversation.sent_only else "ticket")
        else:
            assert (answer["outcome"], UUID(answer["ticket_id"])) == ("message", self.ids[conversation])

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def a_message_arrives_again(self, data):
        came = data.draw(st.sampled_from([came for one in self.model.conversations for came in one.letters]))
        head = self.log.head()
        answer = self.log.execute(taken_in(came.letter), self.actor).result
        standing = self.model.standing(came.letter.message_id)
        assert (answer["outcome"], UUID(answer["ticket_id"])) == ("duplicate", self.ids[standing])
        assert self.log.head() == head

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), file=st.sampled_from(FILES))
    def a_ticket_is_filed(self, data, file):
        one = self.any_ticket(data)
        self.ask(self.model.file(one, file), ClassifyTicket(ticket_id=self.ids[one], on=file))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), what=st.sampled_from(list(PLAIN)))
    def a_ticket_is_seen_to(self, data, what):
        one = self.any_ticket(data)
        self.ask(getattr(self.model, what)(one), PLAIN[what](ticket_id=self.ids[one]))

    @precondition(lambda self: self.ids)
    @rule(data=st.data())
    def a_ticket_is_dismissed(self, data):
        one = self.any_ticket(data)
        self.ask(self.model.dismiss(one), DismissTicket(ticket_id=self.ids[one], reason="junk"))

    @precondition(lambda self: self.ids)
    @rule(data=st.data(), file=st.none() | st.sampled_from(FILES))
    def tickets_are_filed_together(self, data, file):
        ones = data.draw(st.lists(st.sampled_from(self.model.conversations), min_size=1, max_size=5, unique=True))
        stale = data.draw(st.sets(st.sampled_from(ones), max_size=1))
        run_id = uuid4()
        self.previewed(ones, file)
        expected = {one: StaleVersion if one in stale else self.model.file(one, file, run_id) for one in ones}
        versions = {one: self.log.state(Ticket, self.ids[one]).version - (one in stale) for one in ones}
        self.run(run_id, [runs.filing(self.ids[one], file, versions[one]) for one in ones], expected)

    @precondition(lambda self: any(one.run for one in self.model.conversations))
    @rule(data=st.data())
    def a_run_is_undone(self, data):
        run_id = data.draw(st.sampled_from([one.run for one in self.model.conversations if one.run]))
        ones = [one for one in self.model.conversations if one.run == run_id and not one.merged]
        self.engine.catch_up()
        with self.store.reading() as connection:
            session = Reading(connection, self.viewer)
            lines = inbox.of_run(session, run_id, Window(limit=100)).items
        assert {line.ticket_id for line in lines} == {self.ids[one] for one in ones}
        self.run(uuid4(), map(runs.undoing, lines), {one: self.model.undo(one) for one in ones})

    @precondition(lambda self: len(self.ids) > 1)
    @rule(data=st.data())
    def tickets_are_merged(self, data):
        kept, other = self.any_ticket(data), self.any_ticket(data)
        if kept is not other and other.merged:
            return  # merging what was merged already may be asked twice
        command = MergeTickets(ticket_id=self.ids[kept], other_id=self.ids[other])
        self.ask(self.model.merge(kept, other), command)

    @precondition(lambda self: any(len(one.letters) > 1 for one in self.model.conversations))
    @rule(data=st.data())
    def a_message_is_split_off(self, data):
        one = data.draw(st.sampled_from([one for one in self.model.conversations if len(one.letters) > 1]))
        came = data.draw(st.sampled_from(one.letters))
        command = SplitMessageOff(ticket_id=self.ids[one], mail_id=self.mail_ids[came.letter.message_id])
        count = len(self.model.conversations)
        answer = self.ask(self.model.split(one, came), command)
        for new in self.model.conversations[count:]:
            self.ids[new] = answer.id

    @rule(address=st.sampled_from(PEOPLE), owner=st.sampled_from([OF_ANNE, OF_BRUNO]))
    def an_address_is_given(self, address, owner):
        self.ask(self.model.share(address, owner), AssociateEmailAddress(owner=owner, address=address, how="share"))

    @rule(address=st.sampled_from(PEOPLE))
    def an_address_becomes_the_offices(self, address):
        self.ask(self.model.reserve(address), ReserveOfficeAddress(address=address))

    @precondition(lambda self: len(self.model.offices) > 1)
    @rule(data=st.data())
    def an_address_is_no_longer_the_offices(self, data):
        address = data.draw(st.sampled_from(sorted(self.model.offices - {CABINET})))
        self.model.release(address)
        self.ask(None, ReleaseOfficeAddress(address_id=email_address_id(self.log, address)))

    # --- what must hold ---------------------------------------------------------------------

    @invariant()
    def the_log_tells_the_same(self):
        for one, ticket_id in self.ids.items():
            ticket = self.log.state(Ticket, ticket_id)
            assert (ticket.merged_into is not None) == one.merged
            if not one.merged:
                expected = [self.mail_ids[came.letter.message_id] for came in one.letters]
                assert sorted(mail.mail_id for mail in ticket.mails) == sorted(expected)
                assert (ticket.filed_on, ticket.state) == (one.on, one.state)
                assert ticket.dossier_id == (ANNE if one.on == OF_CONTRACT else one.on and one.on.id)
                assert (ticket.dismissed is not None) == one.dismissed

    def events_tell_how_tickets_pass_from_dossier_to_dossier(self):
        for ticket_id in self.ids.values():
            dossier_id = None
            for event in (recorded.event for recorded in self.log.stream(ticket_id)):
                if hasattr(event, "former_dossier_id"):
                    assert event.former_dossier_id == dossier_id
                if isinstance(event, TicketContinued | TicketAbsorbed):
                    assert event.dossier_id == dossier_id
                elif isinstance(event, TicketClassified | TicketUnclassified | TicketFilingUndone):
                    dossier_id = getattr(event, "dossier_id", None)
            assert self.log.state(Ticket, ticket_id).dossier_id == dossier_id

    def views_tell_the_same(self):
        self.engine.catch_up()
        with self.store.reading() as connection:
            session = Reading(connection, self.viewer)
            for one, ticket_id in self.ids.items():
                shown = inbox.ticket(session, ticket_id)
                listed = messages.of_ticket(session, ticket_id, Window(limit=100))
                assert {line.message_id for line in listed.items} == {came.letter.message_id for came in one.letters}
                assert shown.message_count == len(one.letters)
                if not one.merged:
                    assert (shown.filed_on, shown.state) == (one.on, one.state)
                    assert (shown.dismissed is not None) == one.dismissed
            waiting = inbox.inbox(session, Window(limit=100))
            assert {line.ticket_id for line in waiting.items} == {
                self.ids[one] for one in self.model.conversations if one.answered and not (one.merged or one.dismissed)
            }

    # --- how it is asked ----------------------------------------------------------------------

    def previewed(self, ones, file):
        """What would move: each ticket that isn't there already, and with which anything is done."""
        self.engine.catch_up()
        with self.store.reading() as connection:
            session = Reading(connection, self.viewer)
            ids = [self.ids[one] for one in ones]
            lines = inbox.selected(session, Window(limit=100), ticket_ids=ids).items
        assert {line.ticket_id: runs.moves(line, file) for line in lines} == {
            self.ids[one]: one.on != file and not one.dismissed for one in ones if not one.merged
        }

    def run(self, run_id, steps, expected):
        """Gives each ticket its command: those that are refused are told one by one, and the others done."""
        done = runs.run(self.log, self.actor, steps, run_id)
        assert {one.id for one in done.changed} == {self.ids[one] for one, no in expected.items() if no is None}
        assert {one.id: one.problem.type for one in done.failed} == {
            self.ids[one]: PROBLEMS[no] for one, no in expected.items() if no is not None
        }

    def any_ticket(self, data):
        return data.draw(st.sampled_from(self.model.conversations))

    def minutes(self):
        return {came.letter.minute for one in self.model.conversations for came in one.letters}

    def ask(self, refusal, command):
        """Gives the command, which is refused as expected; its answer."""
        try:
            answer = self.log.execute(command, self.actor)
        except Refusal as refused:
            assert type(refused) is refusal  # noqa: PT017  # a refusal is an answer, too
            return None
        assert refusal is None
        return answer


ConversationMachine.TestCase.settings = settings(max_examples=times(10, soak=100), stateful_step_count=30)
TestConversations = ConversationMachine.TestCase
