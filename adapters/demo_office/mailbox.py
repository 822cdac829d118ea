"""A month of the office's mail, from the same dice to the same bytes, and how it lies in a file."""

import random
import re
import time
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta, timezone
from itertools import cycle, islice
from pathlib import Path
from typing import Literal

from adapters.demo_office import letters
from adapters.demo_office.envelopes import Arrival, Correspondent, Post, Postmark
from adapters.demo_office.letters import Letter
from adapters.demo_office.people import DemoOffice
from adapters.demo_office.wild import newsletter, wild_arrivals

DAYS = 30
_PARIS_IN_WINTER = timezone(timedelta(hours=1))
_SATURDAY = 5
_SHARE_OF_WEEK_ENDS_MOVED = 0.8
_SHARE_TO_A_COLLABORATOR = 0.2
_SHARE_IN_HTML = 0.4
_FRENCH_MONTHS = (
    *("janvier", "février", "mars", "avril", "mai", "juin"),
    *("juillet", "août", "septembre", "octobre", "novembre", "décembre"),
)

_GARAGE = Correspondent("Carrosserie Brévignon", "accueil@carrosserie-brevignon.example")
_GLAZIER = Correspondent("Vitrages Poitrenard", "rdv@vitrages-poitrenard.example")
_EXPERT = Correspondent("Cabinet Delmarchais Expertise", "missions@delmarchais-expertise.example")
_NOTARY = Correspondent("Étude de Me Aubrac-Lessardet", "etude@aubrac-lessardet.example")
_SYNDIC = Correspondent("Clos-Mirabel Syndic", "copropriete@clos-mirabel.example")
_ACCOUNTANT = Correspondent("Hérouvel Comptabilité", "dossiers@herouvel-comptabilite.example")
_NEIGHBOUR = Correspondent("Bernadette P.", "bernadette.du.12@boite-perdue.example")

_THIRD_PARTIES = (
    (_GARAGE, letters.GARAGE_LETTERS),
    (_EXPERT, letters.EXPERT_LETTERS),
    (_NOTARY, letters.NOTARY_LETTERS),
    (_GLAZIER, letters.GARAGE_LETTERS),
    (_SYNDIC, letters.SYNDIC_LETTERS),
    (_ACCOUNTANT, letters.ACCOUNTANT_LETTERS),
    (_NEIGHBOUR, letters.NEIGHBOUR_LETTERS),
)
_INSURERS = (
    (Correspondent("Orvanelle Assurances", "gestion@orvanelle.example"), letters.FROM_AN_INSURER),
    (Correspondent("Mutuelle des Trois-Rivages", "sinistres@trois-rivages.example"), letters.FROM_AN_INSURER),
    (Correspondent("Verdanelle Courtage de gros", "cotations@verdanelle.example"), letters.FROM_A_WHOLESALE_BROKER),
    (Correspondent("Tessandière Prévoyance", "production@tessandiere.example"), letters.FROM_AN_INSURER),
)
_INSURER_NAMES = ("Orvanelle Assurances", "la Mutuelle des Trois-Rivages", "Tessandière Prévoyance")
_SPAMMERS = (
    Correspondent("Service des gains", "gains@tirage-mondial.example"),
    Correspondent("Livraison", "suivi@colis-retenu.example"),
    Correspondent("Kevin - SEO", "kevin@premiere-page.example"),
    Correspondent("", "offre@soleil-gratuit.example"),
)

_VEHICLES = ("citadine grise", "berline noire", "camionnette blanche", "familiale bleue", "citadine électrique")
_STREETS = ("14 rue des Lavandières", "3 impasse du Four à chaux", "27 chemin de la Grande Ourse", "8 quai aux Osiers")
_TOWNS = ("Saint-Loup-les-Genêts", "Montreval-sur-Oze", "Kerlannic", "Villebranche", "Valnoise")
_OTHER_DOMAINS = ("hopital-des-remparts.example", "mairie-kerlannic.example", "telephone.example", "perso.example")
_CLOSINGS = ("Cordialement,", "Bien cordialement,", "Merci d'avance,", "Bonne journée,", "Avec mes remerciements,")
_CHARSETS: tuple[Literal["utf-8", "iso-8859-1", "windows-1252"], ...] = ("utf-8", "utf-8", "windows-1252", "iso-8859-1")


def demo_messages(office: DemoOffice, *, seed: int = 2026, last_day: date) -> tuple[bytes, ...]:
    """About two hundred raw messages in order of arrival, over the thirty days that end on `last_day`.

    The same arguments give the same bytes. Lines end with a line feed, as in a mailbox file; three entries
    cannot be read as messages at all.
    """
    month = _Month(office, seed, last_day)
    arrivals = [
        *month.letters_from(month.people("client"), letters.FROM_A_PERSON, 36),
        *month.letters_from(month.companies("client"), letters.FROM_A_COMPANY, 16),
        *month.letters_from(month.people("prospect") + month.companies("prospect"), letters.FROM_A_PROSPECT, 12),
        *month.letters_from(month.sharers(), letters.FROM_A_SHARED_ADDRESS, 8),
        *month.letters_from(month.at_second_addresses(), letters.FROM_A_PERSON[::-1], 14),
        *month.threads(month.people("client"), letters.FROM_A_PERSON, 4),
        *month.threads(month.companies("client"), letters.FROM_A_COMPANY, 4),
        *month.answers_to_earlier_mail(6),
        *month.letters_about_clients(_THIRD_PARTIES, 28),
        *month.letters_about_clients(_INSURERS, 14),
        *month.spam(),
        *month.forwarded_by_collaborators(),
        *month.newsletters((141, 142)),
        *wild_arrivals(iter(month.postmark, None), cycle(month.people("client"))),
    ]
    return tuple(arrival.raw for arrival in sorted(arrivals, key=lambda arrival: arrival.at))


def write_mbox(messages: Iterable[bytes], path: Path) -> None:
    """Write an mboxrd file: a dated `From ` line before each message, and such lines inside quoted with `>`.

    The dates only tell the order: a minute a message. A message that ends without a line feed is given one.
    """
    with path.open("wb") as mbox:
        for order, message in enumerate(messages):
            mbox.write(f"From MAILER-DAEMON {time.asctime(time.gmtime(order * 60))}\n".encode("ascii"))
            mbox.write(re.sub(rb"(?m)^(>*From )", rb">\1", message))
            mbox.write(b"\n" if message.endswith(b"\n") or not message else b"\n\n")


class _Month:
    """The month being written: its dice, its calendar and the numbers it has given."""

    def __init__(self, office: DemoOffice, seed: int, last_day: date) -> None:
        self._office = office
        self._dice = random.Random(seed)
        self._first_day = last_day - timedelta(days=DAYS - 1)
        self._serial = 0
        self._own = Correspondent(office.name, office.email)
        self._staff = tuple(
            Correspondent(f"{person.first_name} {person.last_name}", person.email) for person in office.collaborators
        )

    def people(self, status: Literal["client", "prospect"]) -> list[Correspondent]:
        return self._owners("person", status)

    def companies(self, status: Literal["client", "prospect"]) -> list[Correspondent]:
        return self._owners("company", status)

    def sharers(self) -> list[Correspondent]:
        """Everyone who writes from an address that others share."""
        return [
            Correspondent(dossier.display_name, email)
            for dossier in self._office.dossiers
            for email in dossier.emails
            if email in self._office.shared_emails
        ]

    def at_second_addresses(self) -> list[Correspondent]:
        """Clients at work or at home, at addresses that their dossiers do not hold."""
        return [
            Correspondent(dossier.display_name, f"{_as_local_part(dossier.display_name)}@{domain}")
            for dossier, domain in zip(self._office.dossiers, cycle(_OTHER_DOMAINS), strict=False)
            if (dossier.kind, dossier.status) == ("person", "client")
        ]

    def postmark(self, *, days: int = DAYS) -> Postmark:
        """A moment of the first `days` days, seldom of a week-end."""
        day = self._first_day + timedelta(days=self._dice.randrange(days))
        if day.weekday() >= _SATURDAY and self._dice.random() < _SHARE_OF_WEEK_ENDS_MOVED:
            day = max(day - timedelta(days=2), self._first_day)
        noon = datetime(day.year, day.month, day.day, 12, tzinfo=_PARIS_IN_WINTER)
        return self._stamped(noon + timedelta(seconds=self._dice.randint(-5 * 3600, 9 * 3600)))

    def letters_from(self, writers: Sequence[Correspondent], choice: Sequence[Letter], count: int) -> Iterator[Arrival]:
        """`count` letters: every writer in turn, every letter in turn."""
        in_turn = self._dice.sample(writers, len(writers))
        for writer, letter in islice(zip(cycle(in_turn), cycle(choice), strict=False), count):
            yield self._written(self.postmark(), writer, letter).sealed()

    def letters_about_clients(
        self, writers: Sequence[tuple[Correspondent, Sequence[Letter]]], count: int
    ) -> Iterator[Arrival]:
        """`count` letters of third parties or partners, each naming a client in its text."""
        clients = [dossier.display_name for dossier in self._office.dossiers if dossier.status == "client"]
        for turn, (writer, choice) in enumerate(islice(cycle(writers), count)):
            letter = choice[turn // len(writers) % len(choice)]
            yield self._written(self.postmark(), writer, letter, client=self._dice.choice(clients)).sealed()

    def threads(self, writers: Sequence[Correspondent], choice: Sequence[Letter], count: int) -> Iterator[Arrival]:
        """A client's letter, a collaborator's answer with the office in copy, and the client's reply."""
        exchanges = zip(self._dice.sample(writers, count), choice, letters.FOLLOW_UPS, strict=False)
        for writer, letter, follow_up in exchanges:
            opening = self._written(self.postmark(days=DAYS - 4), writer, letter)
            answer = self._reply(opening, self._dice.choice(self._staff), self._dice.choice(letters.OFFICE_REPLIES))
            yield opening.sealed()
            yield answer.sealed()
            yield self._reply(answer, writer, follow_up).sealed()

    def answers_to_earlier_mail(self, count: int) -> Iterator[Arrival]:
        """Replies to mail the office sent before the month began: the text is quoted, the mail is not here."""
        writers = self._dice.sample(self.people("client"), count)
        exchanges = zip(writers, letters.FOLLOW_UPS, cycle(letters.OFFICE_SUBJECTS), strict=False)
        for writer, follow_up, subject in exchanges:
            mark = self.postmark(days=DAYS - 4)
            sent = replace(mark, at=mark.at - timedelta(days=DAYS))
            letter = Letter(subject, self._dice.choice(letters.OFFICE_REPLIES))
            reminder = self._written(sent, self._dice.choice(self._staff), letter, to=writer)
            yield replace(self._reply(reminder, writer, follow_up), mark=mark).sealed()

    def newsletters(self, numbers: Sequence[int]) -> Iterator[Arrival]:
        marks = sorted((self.postmark() for _ in numbers), key=lambda mark: mark.at)
        yield from map(newsletter, marks, numbers)

    def spam(self) -> Iterator[Arrival]:
        for sender, letter in zip(_SPAMMERS, letters.SPAM, strict=True):
            yield Post(self.postmark(), sender, (self._own,), letter.subject, letter.body, with_html=True).sealed()

    def forwarded_by_collaborators(self) -> Iterator[Arrival]:
        """What reached a collaborator's own mailbox: forwarded as an attachment, then within the text."""
        for attached, collaborator, writer in zip((True, False), self._staff, self.people("client")[5:], strict=False):
            original = self._written(self.postmark(days=DAYS - 4), writer, letters.FROM_A_PERSON[5], to=collaborator)
            note = letters.FORWARD_NOTE.format(manager=collaborator.name)
            shown = (
                f"{note}\n\n-------- Message transféré --------\n"
                f"Objet : {original.subject}\nDate : {original.mark.date}\n"
                f"De : {writer.name} <{writer.address}>\nPour : {collaborator.address}\n\n{original.text}"
            )
            yield Post(
                self._soon_after(original.mark),
                collaborator,
                (self._own,),
                f"TR: {original.subject}",
                note if attached else shown,
                forwarded=original.sealed().raw if attached else None,
            ).sealed()

    def _owners(self, kind: Literal["person", "company"], status: Literal["client", "prospect"]) -> list[Correspondent]:
        """Whoever can write from an address that is theirs alone."""
        return [
            Correspondent(dossier.display_name, email)
            for dossier in self._office.dossiers
            if (dossier.kind, dossier.status) == (kind, status)
            for email in dossier.emails
            if email not in self._office.shared_emails
        ]

    def _stamped(self, at: datetime) -> Postmark:
        self._serial += 1
        return Postmark(at, self._serial, self._own)

    def _soon_after(self, mark: Postmark) -> Postmark:
        return self._stamped(mark.at + timedelta(days=self._dice.randrange(2), minutes=self._dice.randint(20, 110)))

    def _written(
        self,
        mark: Postmark,
        writer: Correspondent,
        letter: Letter,
        *,
        client: str = "",
        to: Correspondent | None = None,
    ) -> Post:
        text = letter.filled(self._particulars(mark, client))
        to_a_collaborator = self._dice.random() < _SHARE_TO_A_COLLABORATOR
        office_or_staff = (self._dice.choice(self._staff), self._own) if to_a_collaborator else (self._own,)
        recipients = (to,) if to else office_or_staff
        return Post(
            mark,
            writer,
            recipients[:1],
            text.subject,
            f"{text.body}\n\n{self._signature(writer)}",
            cc=recipients[1:],
            attachments=text.attachments,
            charset=self._dice.choice(_CHARSETS),
            with_html=self._dice.random() < _SHARE_IN_HTML,
        )

    def _reply(self, answered: Post, writer: Correspondent, body: str) -> Post:
        mark = self._soon_after(answered.mark)
        subject = answered.subject if answered.subject.startswith("Re: ") else f"Re: {answered.subject}"
        return Post(
            mark,
            writer,
            (answered.sender,),
            subject,
            f"{body.format_map(self._particulars(mark))}\n\n{self._signature(writer)}",
            cc=(self._own,),
            answers=answered,
            charset=self._dice.choice(_CHARSETS),
            with_html=self._dice.random() < _SHARE_IN_HTML,
        )

    def _signature(self, writer: Correspondent) -> str:
        phone = self._dice.choice(("", f"\nTél. {self._phone()}", f"\n-- \n{self._phone()}"))
        return f"{self._dice.choice(_CLOSINGS)}\n{writer.name}{phone}"

    def _phone(self) -> str:
        """A number of the ranges that the French regulator keeps for fiction."""
        first_six = self._dice.choice(("01 99 00", "06 39 98"))
        return f"{first_six} {self._dice.randrange(100):02d} {self._dice.randrange(100):02d}"

    def _particulars(self, mark: Postmark, client: str = "") -> dict[str, str]:
        dice = self._dice
        return {
            "contract": f"AUB-{dice.randint(2015, 2024)}-{dice.randrange(10**5):05d}",
            "claim": f"S{mark.at:%y}-{dice.randrange(10**5):05d}",
            "vehicle": dice.choice(_VEHICLES),
            "plate": f"O{dice.choice('IOU')}-{dice.randrange(1, 1000):03d}-{dice.choice('IOU')}U",
            "street": dice.choice(_STREETS),
            "town": dice.choice(_TOWNS),
            "day": _in_french(mark.at + timedelta(days=dice.randint(5, 30))),
            "past_day": _in_french(mark.at - timedelta(days=dice.randint(1, 4))),
            "insurer": dice.choice(_INSURER_NAMES),
            "amount": f"{dice.randint(180, 4800)},{dice.randrange(100):02d} €",
            "phone": self._phone(),
            "client": client,
            "manager": dice.choice(self._office.collaborators).first_name,
        }


def _in_french(day: date) -> str:
    number = "1er" if day.day == 1 else str(day.day)
    return f"{number} {_FRENCH_MONTHS[day.month - 1]}"


def _as_local_part(name: str) -> str:
    letters_and_marks = unicodedata.normalize("NFKD", name.replace("œ", "oe"))
    return re.sub(r"[^a-z]+", ".", letters_and_marks.encode("ascii", "ignore").decode().lower()).strip(".")
