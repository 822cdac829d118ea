"""Who writes to a generated office and whom it answers: about what, when, and in answer to what."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from itertools import accumulate
from typing import Final, Literal, NamedTuple
from uuid import UUID

from adapters.generated_office.clerks import Clerks
from adapters.generated_office.letters import LetterKind, Letters, StoredLetter
from adapters.generated_office.office import OFFICE, Action, GeneratedOffice
from adapters.generated_office.people import PARTNER_KINDS, Dossier, Mail, Place, Remembered, Writer
from adapters.mail.intake import MAIL_IMPORT
from domain.clients.client import Company
from domain.messages.message import MessageIdentity, message_stream_id
from domain.tickets.arrival import ReceiveMessage
from domain.tickets.events import Correspondent
from domain.values import Target

# Of a hundred messages that nobody asked for: whom they come from, and what is wrong with some.
_FROM_CORRESPONDENTS: Final = 0.2
_FROM_STRANGERS: Final = 0.015
_SPAM: Final = 0.03
_WITHOUT_SENDER: Final = 0.012
_FROM_THE_OFFICE: Final = 0.05
_PASSED_ON: Final = 0.02
_AUTOMATIC: Final = 0.01
_REPLIES: Final = 0.1
_FROM_FIRST_ADDRESS: Final = 0.8
_FROM_HOUSEHOLD_ADDRESS: Final = 0.6
_WITHOUT_MESSAGE_ID: Final = 0.01
_UNDATED: Final = 0.005
_TO_A_COLLABORATOR_TOO: Final = 0.15
_DELIVERED_TWICE: Final = 0.01
_MESSAGE_ID_COPIED: Final = 0.004

# What messages are about, and whether they name it.
_ABOUT_A_CONTRACT: Final = 0.7
_ABOUT_A_CLAIM: Final = 0.5
_QUOTES_ITS_NUMBER: Final = 0.6
_QUOTES_A_TICKET: Final = 0.03
_QUOTES_ANOTHER_CLIENTS: Final = 0.005
_BY_THE_OFFICES_NUMBER: Final = 0.25
_SPELT_ANOTHER_WAY: Final = 0.25

# Conversations.
_ANSWERED: Final = 0.3
_ANSWER_IS_REPLIED_TO: Final = 0.45
_ANSWERED_AUTOMATICALLY: Final = 0.03


class Truth(NamedTuple):
    """What a message is really about, beside what the office makes of it."""

    mail_id: UUID
    file: Target | None
    """The client, or what the message names of theirs; the company or contact that wrote; nothing."""
    misled: bool
    """The correspondent's address belongs to another file and not to this one's: someone gave it to the wrong one."""


Tell = Callable[[Truth], None]


class _Named(NamedTuple):
    """What a message is about, and the number by which its subject names that, where it does."""

    file: Target
    kind: Literal["contrat", "sinistre", "ticket"] | None = None
    number: str = ""


class Correspondents:
    """Those who write to the office, and to whom it writes: about what, when, and in answer to what."""

    def __init__(self, office: GeneratedOffice, clerks: Clerks, letters: Letters, seed: int, tell: Tell | None) -> None:
        self._office = office
        self._clerks = clerks
        self._letters = letters
        self._seed = seed
        self._tell = tell
        self._streams = office.streams
        self._dice = office.dice
        self._calendar = office.calendar
        self._people = office.people
        self._correspondents = self._people.correspondents
        self._correspondent_weights = list(accumulate(1 / (rank + 1) for rank in range(len(self._correspondents))))

    # --- what messages are about ------------------------------------------------------------------

    def _named_by(self, dossier: Dossier) -> _Named:
        """What someone who writes about a client has in mind, and whether they name it."""
        if (
            not dossier.contracts
            or not self._office.happens(_ABOUT_A_CONTRACT)
            or not self._office.happens(_QUOTES_ITS_NUMBER)
        ):
            return _Named(dossier.client)
        contract = self._dice.choice(dossier.contracts)
        if not contract.claims or not self._office.happens(_ABOUT_A_CLAIM):
            return _Named(contract.file, "contrat", self._spelt(contract.number))
        claim = self._dice.choice(contract.claims)
        if self._office.happens(_BY_THE_OFFICES_NUMBER):
            return _Named(claim.file, "sinistre", f"n° {claim.number}")
        return _Named(claim.file, "sinistre", self._spelt(claim.reference))

    def _spelt(self, number: str) -> str:
        """People copy numbers as they like."""
        if not self._office.happens(_SPELT_ANOTHER_WAY):
            return number
        return self._dice.choice((number.replace("-", " "), number.replace("-", ""), number.lower()))

    def _subject(self, letter: StoredLetter, dossier: Dossier, named: _Named) -> str:
        """The letter's own, naming what it is about; a letter that names something else by itself names the client."""
        said = "" if named.number.startswith("n°") else named.number
        subject = letter.subject.format(contract=said or dossier.name, claim=said or dossier.name)
        if named.kind is None or (said and said in subject):
            return subject
        return f"{subject} - {named.kind} {named.number}"

    def _about(self, writer: Writer | None, says: LetterKind, dossier: Dossier, named: _Named) -> Mail:
        letter = self._dice.choice(self._letters[says])
        return Mail(writer, letter.content, self._subject(letter, dossier, named), dossier, named.file)

    # --- mail -------------------------------------------------------------------------------------

    def some_mail(self, at: datetime) -> None:
        drawn = self._dice.random()
        for how_often, write in (
            (_SPAM, self._spam),
            (_WITHOUT_SENDER, self._without_sender),
            (_FROM_STRANGERS, self._from_a_stranger),
            (_FROM_THE_OFFICE, self._from_the_office),
            (_PASSED_ON, self._passed_on),
            (_FROM_CORRESPONDENTS, self._from_a_correspondent),
        ):
            if drawn < how_often:
                write(at)
                return
            drawn -= how_often
        self._from_a_client(at)

    def _from_a_client(self, at: datetime) -> None:
        dossier = self._office.some_client()
        if not (dossier.addresses or dossier.household):
            self._from_a_correspondent(at)
            return
        if dossier.household and (not dossier.addresses or self._office.happens(_FROM_HOUSEHOLD_ADDRESS)):
            writer = dossier.writer(dossier.household)
            self._receive(self._about(writer, "household", dossier, self._named_by(dossier)), at)
            return
        first = len(dossier.addresses) == 1 or self._office.happens(_FROM_FIRST_ADDRESS)
        writer = dossier.writer(dossier.addresses[0] if first else self._dice.choice(dossier.addresses[1:]))
        last = dossier.last_message
        if self._office.happens(_AUTOMATIC):
            self._receive(
                replace(self._about(writer, "automatic", dossier, _Named(dossier.client)), automatic=True), at
            )
        elif last and self._office.happens(_REPLIES):
            self._receive(self._reply(last, writer, "reply"), at, last)
        else:
            says: LetterKind = "company" if isinstance(dossier.identity, Company) else "person"
            self._receive(self._about(writer, says, dossier, self._named_by_client(dossier, writer)), at)

    def _named_by_client(self, dossier: Dossier, writer: Writer) -> _Named:
        """Clients name a ticket of theirs, too; and now and then a number that isn't theirs."""
        last = dossier.last_message
        if last and last.mail.file and self._office.happens(_QUOTES_A_TICKET):
            return _Named(last.mail.file, "ticket", f"n° {self._office.ticket(last.place.ticket_id).number}")
        if self._office.happens(_QUOTES_ANOTHER_CLIENTS):
            other = self._office.some_client()
            if other.contracts and other is not dossier and other.client not in self._office.owners(writer.address):
                return _Named(dossier.client, "contrat", self._spelt(other.contracts[0].number))
        return self._named_by(dossier)

    def _from_a_correspondent(self, at: datetime) -> None:
        writer, says, file = self._dice.choices(self._correspondents, cum_weights=self._correspondent_weights)[0]
        dossier = self._office.some_client()
        mail = self._about(writer, says, dossier, self._named_by(dossier))
        self._receive(replace(mail, file=file) if file else mail, at)

    def _from_a_stranger(self, at: datetime) -> None:
        dossier = self._office.some_client()
        self._receive(self._about(self._people.stranger(), "neighbour", dossier, _Named(dossier.client)), at)

    def _spam(self, at: datetime) -> None:
        self._receive(self._some_spam(), at)

    def _some_spam(self) -> Mail:
        letter = self._dice.choice(self._letters["spam"])
        return Mail(self._people.stranger(), letter.content, letter.subject)

    def _without_sender(self, at: datetime) -> None:
        dossier = self._office.some_client()
        self._receive(self._about(None, "without_sender", dossier, self._named_by(dossier)), at)

    def first_message(self, dossier: Dossier, at: datetime) -> None:
        """Someone whom the office doesn't know yet."""
        if not dossier.addresses:
            dossier.addresses.append(self._people.new_address(dossier.name))
        writer = dossier.writer(dossier.addresses[0])
        self._receive(self._about(writer, "prospect", dossier, _Named(dossier.client)), at)

    def _from_the_office(self, at: datetime) -> None:
        """A collaborator writes to a client first."""
        dossier = self._office.some_client()
        if addresses := [*dossier.addresses[:2], *filter(None, [dossier.household])]:
            mail = self._about(self._office.clerk(dossier), "first_word", dossier, self._named_by(dossier))
            mail = replace(mail, to=dossier.writer(self._dice.choice(addresses)))
            self._office.plan(self._calendar.working_time(at), partial(self._receive, mail))

    def _passed_on(self, at: datetime) -> None:
        """A client wrote to a collaborator alone, who passes it on to the office."""
        dossier = self._office.some_client()
        if dossier.addresses:
            _, colleague = self._office.colleague(dossier)
            mail = self._about(colleague, "passed_on", dossier, self._named_by(dossier))
            mail = replace(mail, passes_on=dossier.writer(dossier.addresses[0]))
            self._office.plan(self._calendar.working_time(at), partial(self._receive, mail))

    def _receive(self, mail: Mail, at: datetime, answers: Remembered | None = None, copied: str | None = None) -> None:
        """A message comes; `copied` is the Message-ID of another, where it goes by that one."""
        serial = next(self._office.serial)
        message_id = copied or self._message_id(serial, mail.writer)
        command = self._message(mail, message_id, f"{self._seed}/{serial}", answers, at)
        answer = self._office.decide(command, MAIL_IMPORT, at)
        if self._tell:
            self._tell(self._truth(answer.mail_id, mail))
        ticket_id = answer.ticket_id
        self._streams.keep(ticket_id)
        message: Remembered | None = None
        if message_id:
            place = Place(message_id, message_stream_id(self._streams, command.identity), ticket_id)
            message = Remembered(place, answers.first if answers else place, mail)
            self._keep(message)
        if answer.outcome == "ticket":
            self._clerks.take_up(ticket_id, mail, at)
        elif answer.outcome == "message":
            self._clerks.go_on(ticket_id, answer.mail_id, mail, at)
        if message:
            if not copied:
                self._may_come_again(message, command, at)
            if mail.about and not mail.automatic:
                self._goes_on(message, mail.about, at)
            self._release(message)
        self._streams.release(ticket_id)

    def _truth(self, mail_id: UUID, mail: Mail) -> Truth:
        owners = self._office.owners(mail.correspondent.address) if mail.correspondent else ()
        whose = mail.about.client if mail.about and mail.file and mail.file.kind not in PARTNER_KINDS else mail.file
        return Truth(mail_id, mail.file, misled=bool(owners) and whose not in owners)

    def _may_come_again(self, message: Remembered, command: ReceiveMessage, at: datetime) -> None:
        """Another delivery, or another message under the same Message-ID."""
        soon = at + timedelta(minutes=self._dice.uniform(1, 600))
        if self._office.happens(_DELIVERED_TWICE):
            self._plan_about(message, soon, lambda at: self._office.decide(command, MAIL_IMPORT, at))
        elif self._office.happens(_MESSAGE_ID_COPIED):
            copied = message.place.message_id
            self._plan_about(message, soon, lambda at: self._receive(self._some_spam(), at, copied=copied))

    def _message(
        self, mail: Mail, message_id: str | None, content: str, answers: Remembered | None, at: datetime
    ) -> ReceiveMessage:
        referred = dict.fromkeys((answers.first.message_id, answers.place.message_id)) if answers else ()
        says = mail.letter.model_copy(
            update={
                "from_address": mail.writer and mail.writer.address,
                "from_name": mail.writer.name if mail.writer else "",
                "to": self._recipients(mail, answers),
                "subject": mail.subject,
                "message_id": message_id,
                "in_reply_to": answers and answers.place.message_id,
                "references": tuple(referred),
                "forwarded": mail.passes_on and Correspondent(address=mail.passes_on.address, name=mail.passes_on.name),
            }
        )
        sent = at - timedelta(seconds=self._dice.randrange(2, 240))
        return ReceiveMessage(
            identity=MessageIdentity(
                message_id=message_id, content_digest=hashlib.sha256(content.encode()).hexdigest()
            ),
            content=says,
            sent_at=None if self._office.happens(_UNDATED) else sent.replace(microsecond=0),
            automatic=mail.automatic,
        )

    def _recipients(self, mail: Mail, answers: Remembered | None) -> tuple[str, ...]:
        if mail.to:
            return (mail.to.address,)
        if answers and answers.mail.to and answers.mail.writer:
            return (answers.mail.writer.address,)
        if self._office.happens(_TO_A_COLLABORATOR_TOO):
            return (OFFICE.address, self._dice.choice(self._office.staff)[1].address)
        return (OFFICE.address,)

    def _message_id(self, serial: int, writer: Writer | None) -> str | None:
        if writer is None or self._office.happens(_WITHOUT_MESSAGE_ID):
            return None
        return f"<{self._dice.getrandbits(48):012x}.{serial}@{writer.address.rpartition('@')[2]}>"

    # --- conversations ----------------------------------------------------------------------------

    def _goes_on(self, message: Remembered, dossier: Dossier, at: datetime) -> None:
        """The office answers what it gets, and its correspondents what they get."""
        mail = message.mail
        correspondent = mail.correspondent
        if correspondent is None:
            return
        if correspondent.address == dossier.household or correspondent.address in dossier.addresses:
            self._keep(message)
            if dossier.last_message:
                self._release(dossier.last_message)
            dossier.last_message = message
        if mail.to is None:
            if self._office.happens(_ANSWERED):
                soon = self._calendar.working_time(at + timedelta(hours=self._dice.expovariate(0.1)))
                self._plan_about(message, soon, partial(self._answer, message))
        elif self._office.happens(_ANSWERED_AUTOMATICALLY):
            automatic = replace(self._reply(message, correspondent, "automatic"), automatic=True)
            soon = at + timedelta(minutes=self._dice.uniform(1, 5))
            self._plan_about(message, soon, partial(self._receive, automatic, answers=message))
        elif self._office.happens(_ANSWER_IS_REPLIED_TO):
            reply = self._reply(message, correspondent, "reply")
            soon = at + timedelta(hours=self._dice.expovariate(0.03))
            self._plan_about(message, soon, partial(self._receive, reply, answers=message))

    def _answer(self, message: Remembered, at: datetime) -> None:
        answer = self._reply(message, self._office.clerk(message.mail.about), "answer")
        self._receive(replace(answer, to=message.mail.correspondent), at, message)

    def _reply(self, message: Remembered, writer: Writer, says: LetterKind) -> Mail:
        letter, mail = self._dice.choice(self._letters[says]), message.mail
        subject = mail.subject if mail.subject.startswith("Re: ") else f"Re: {mail.subject}"
        return Mail(writer, letter.content, subject, mail.about, mail.file)

    def _plan_about(self, message: Remembered, at: datetime, action: Action) -> None:
        """What is known of a message is still needed then."""
        self._keep(message)

        def come(at: datetime) -> None:
            action(at)
            self._release(message)

        self._office.plan(at, come)

    def _keep(self, message: Remembered) -> None:
        for place in (message.place, message.first):
            self._streams.keep(place.stream_id)

    def _release(self, message: Remembered) -> None:
        for place in (message.place, message.first):
            self._streams.release(place.stream_id)
