"""The letters of a generated office: some hundred, stored once each, which its many messages say again."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Final, Literal, NamedTuple, TypeAlias

from adapters.demo_office import letters as templates
from adapters.demo_office.envelopes import Correspondent, Post, Postmark
from adapters.demo_office.letters import Letter
from adapters.files import FileStore
from adapters.mail.parser import parse_message
from domain.tickets.events import Attachment, MessageContent, StoredFile

LetterKind: TypeAlias = Literal[
    "person", "company", "prospect", "household", "reply", "automatic", "without_sender", "spam",
    "garage", "expert", "notary", "syndic", "accountant", "neighbour", "insurer", "wholesale_broker", "referrer",
    "answer", "first_word", "passed_on",
]  # fmt: skip


class StoredLetter(NamedTuple):
    """What messages say; from whom, to whom, under which Message-ID and about which number is theirs to fill in."""

    content: MessageContent
    subject: str
    """With the places {contract} and {claim}, where it names one."""


Letters: TypeAlias = Mapping[LetterKind, Sequence[StoredLetter]]

_AUTOMATIC: Final = (
    Letter("Absence du bureau", "Bonjour,\n\nJe suis absent jusqu'au {day}. Je lirai votre message à mon retour."),
    Letter("Réponse automatique : fermeture annuelle", "Nos bureaux sont fermés. Nous vous répondrons le {day}."),
    Letter("Accusé de lecture", "Votre message au sujet du contrat {contract} a été affiché le {past_day}."),
)
_WITHOUT_SENDER: Final = (
    Letter("Numérisation terminée", "Le document de 4 pages est joint.", ("numérisation.pdf",)),
    Letter("Télécopie reçue", "Une page, du {phone}.", ("télécopie.png",)),
    Letter("[Formulaire du site] Demande de rappel", "Merci de me rappeler au {phone}, plutôt après le {day}."),
)
_REFERRER: Final = (
    Letter("Mise en relation", "Bonjour,\n\nUn acquéreur cherche une assurance habitation à {town} pour le {day}."),
    Letter("Apports du mois", "Bonjour,\n\nVoici nos mises en relation du mois.", ("apports.pdf",)),
)
_REPLIES: Final = tuple(Letter("Re: Votre dossier {contract}", body) for body in templates.FOLLOW_UPS)
_ANSWERS: Final = tuple(Letter("Re: Votre message", body) for body in templates.OFFICE_REPLIES)
_FIRST_WORDS: Final = tuple(map(Letter, templates.OFFICE_SUBJECTS, templates.OFFICE_REPLIES))
_PASSED_ON: Final = tuple(
    Letter(
        f"TR: {letter.subject}",
        f"{templates.FORWARD_NOTE}\n\n-------- Message transféré --------\nDe : {{correspondent}}\nEnvoyé : {{past_day}}\n"
        f"Objet : {letter.subject}\n\n{letter.body}",
    )
    for letter in templates.FROM_A_PERSON[:6]
)

_TEMPLATES: Final[Mapping[LetterKind, tuple[Letter, ...]]] = {
    "person": templates.FROM_A_PERSON,
    "company": templates.FROM_A_COMPANY,
    "prospect": templates.FROM_A_PROSPECT,
    "household": templates.FROM_A_SHARED_ADDRESS,
    "reply": _REPLIES,
    "automatic": _AUTOMATIC,
    "without_sender": _WITHOUT_SENDER,
    "spam": templates.SPAM,
    "garage": templates.GARAGE_LETTERS,
    "expert": templates.EXPERT_LETTERS,
    "notary": templates.NOTARY_LETTERS,
    "syndic": templates.SYNDIC_LETTERS,
    "accountant": templates.ACCOUNTANT_LETTERS,
    "neighbour": templates.NEIGHBOUR_LETTERS,
    "insurer": templates.FROM_AN_INSURER,
    "wholesale_broker": templates.FROM_A_WHOLESALE_BROKER,
    "referrer": _REFERRER,
    "answer": _ANSWERS,
    "first_word": _FIRST_WORDS,
    "passed_on": _PASSED_ON,
}
_TIMES_FILLED: Final = 4

_OFFICE: Final = Correspondent("Cabinet", "contact@cabinet-valombreuse.example")
_PLACES: Final = {"contract": "{contract}", "claim": "{claim}"}
_WRITER: Final = Correspondent("Correspondance", "correspondance@courrier-type.example")
_FIRST: Final = datetime(2020, 1, 6, 8, tzinfo=UTC)

_VEHICLES: Final = ("citadine grise", "berline noire", "camionnette blanche", "familiale bleue", "voiture électrique")
_STREETS: Final = ("12 rue des Tanneurs", "5 impasse du Lavoir", "31 chemin des Vignes", "2 place du Marché")
_TOWNS: Final = ("Valombreuse", "Saint-Orens-des-Prés", "Kermorvan", "Montreval", "Pont-l'Étang")
_INSURERS: Final = ("Orvanelle Assurances", "la Mutuelle des Trois-Rivages", "Tessandière Prévoyance")
_INSURED: Final = ("votre assuré", "votre assurée", "votre client", "votre sociétaire")
_MONTHS: Final = ("janvier", "mars", "avril", "juin", "septembre", "octobre", "novembre")


def store_letters(files: FileStore, dice: Random) -> Letters:
    """Writes every letter a few times, each time with other particulars, and stores what came of it."""
    written = {kind: [*_written(kind, dice)] for kind in _TEMPLATES}
    return {
        kind: [StoredLetter(_stored(raw, files), subject) for raw, subject in several]
        for kind, several in written.items()
    }


def _written(kind: LetterKind, dice: Random) -> Iterator[tuple[bytes, str]]:
    """Each as it is sent, and its subject with the places that messages fill in."""
    for template in _TEMPLATES[kind] * _TIMES_FILLED:
        particulars = _particulars(dice)
        letter = template.filled(particulars)
        serial = dice.randrange(1 << 24)
        mark = Postmark(_FIRST + timedelta(minutes=serial % 40_000), serial, _OFFICE)
        post = Post(
            mark,
            _WRITER,
            (_OFFICE,),
            letter.subject,
            letter.body,
            attachments=letter.attachments,
            charset=dice.choice(("utf-8", "utf-8", "windows-1252", "iso-8859-1")),
            with_html=dice.random() < 0.4,  # noqa: PLR2004  # as often as in the demonstration's mail
        )
        yield post.sealed().raw, template.subject.format_map(particulars | _PLACES)


def _stored(raw: bytes, files: FileStore) -> MessageContent:
    file, parsed = files.store(io.BytesIO(raw)), parse_message(raw)
    return MessageContent(
        from_address=None,
        from_name="",
        to=parsed.to,
        subject=parsed.subject,
        text=parsed.text,
        message_id=None,
        attachments=tuple(
            Attachment(part=a.part, name=a.name, content_type=a.content_type, size=a.size) for a in parsed.attachments
        ),
        notes=parsed.notes,
        raw=StoredFile(name=file.name, key=file.key.hex(), size=file.size),
    )


def _particulars(dice: Random) -> dict[str, str]:
    """Impossible ones: number plates hold letters that plates never do, telephone numbers are kept for fiction."""
    return {
        "contract": f"VAL-{dice.randint(2008, 2019)}-{dice.randrange(10**5):05d}",
        "claim": f"S{dice.randint(18, 24)}-{dice.randrange(10**5):05d}",
        "vehicle": dice.choice(_VEHICLES),
        "plate": f"O{dice.choice('IOU')}-{dice.randrange(1, 1000):03d}-{dice.choice('IOU')}U",
        "street": dice.choice(_STREETS),
        "town": dice.choice(_TOWNS),
        "day": f"{dice.randint(2, 28)} {dice.choice(_MONTHS)}",
        "past_day": f"{dice.randint(2, 28)} {dice.choice(_MONTHS)}",
        "insurer": dice.choice(_INSURERS),
        "amount": f"{dice.randint(180, 4800)},{dice.randrange(100):02d} €",
        "phone": f"06 39 98 {dice.randrange(100):02d} {dice.randrange(100):02d}",
        "client": dice.choice(_INSURED),
        "correspondent": _WRITER.encoded,
        "manager": dice.choice(("Hélène", "Mathieu", "Rachida", "Bruno")),
    }
