"""Messages as they really come: without a sender, with two, in no charset, twice, or not messages at all.

Written by hand, because no library that writes correct mail would write these.

Places in braces are filled for each message: {mark} (when and as which message it came), {writer}, {stranger} (someone
of no dossier), {earlier} (a date two days before) and whatever else a message is given.
"""

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from email.utils import format_datetime

from adapters.demo_office.envelopes import Arrival, Correspondent, Postmark, attachment_bytes
from adapters.demo_office.letters import NEWSLETTER_HTML, NEWSLETTER_TEXT

_TNEF = b"\x78\x9f\x3e\x22\x01\x00\x01\x06\x90\x08\x00\x04" + bytes(24)
_UTF8 = "Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit"
_STRANGER = Correspondent("", "inconnu@boite-perdue.example")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Template:
    """The lines of a message, correct unless said otherwise; an empty line of its head is left out."""

    subject: str
    body: str
    sender: str = "From: {writer.encoded}"
    recipient: str = "To: {mark.office.encoded}"
    message_id: str = "Message-ID: <{mark.number}@{writer.domain}>"
    notices: str = ""
    content: str = _UTF8
    return_path: str = "{writer.address}"
    before_the_head: str = ""
    line_end: str = "\n"
    charset: str = "utf-8"

    def filled(self, mark: Postmark, writer: Correspondent, **more: object) -> Arrival:
        places = {
            "mark": mark,
            "writer": writer,
            "stranger": _STRANGER,
            "earlier": format_datetime(mark.at - timedelta(days=2)),
            **more,
        }
        return_path = self.return_path.format_map(places)
        head = (
            f"Return-Path: <{return_path}>",
            f"Received: {mark.received(return_path.rpartition('@')[2] or 'relais.example')}",
            "Date: {mark.date}",
            self.sender,
            self.recipient,
            self.subject and f"Subject: {self.subject}",
            self.message_id,
            self.notices,
            "MIME-Version: 1.0",
            self.content,
        )
        text = self.before_the_head + "\n".join(filter(None, head)) + f"\n\n{self.body}\n"
        return Arrival(mark.at, text.format_map(places).replace("\n", self.line_end).encode(self.charset, "replace"))


def _parts(*parts: str) -> str:
    """The body of a message of several parts, each with its own head."""
    return "".join(f"--partie\n{part}\n" for part in parts) + "--partie--"


def _text(text: str, kind: str = "plain") -> str:
    return f"{_UTF8.replace('plain', kind)}\n\n{text}\n"


def _file(content_type: str, name: str, content: bytes) -> str:
    return (
        f'Content-Type: {content_type}; name="{name}"\nContent-Disposition: attachment; filename="{name}"\n'
        f"Content-Transfer-Encoding: base64\n\n{base64.encodebytes(content).decode()}"
    )


def _in_base64_words(text: str) -> str:
    """A header's text in encoded words, thirty characters a word."""
    words = (text[start : start + 30].encode() for start in range(0, len(text), 30))
    return "\n ".join(f"=?UTF-8?B?{base64.b64encode(word).decode()}?=" for word in words)


_IN_PARTS = 'Content-Type: multipart/mixed; boundary="partie"'

_TEMPLATES = {
    "without a message id": _Template(
        subject="Photos du constat",
        body="Bonjour,\n\nMon scanner envoie sans passer par ma messagerie. Les photos suivront.",
        message_id="",
    ),
    "without From but Reply-To": _Template(
        subject="[Formulaire du site] Demande de rappel",
        body="Objet : rappel\nMessage : je souhaite parler de mon contrat auto, plutôt le matin.",
        sender="Reply-To: {writer.encoded}",
        message_id="Message-ID: <{mark.number}@sites-web.example>",
        return_path="formulaire@sites-web.example",
    ),
    "without From but Sender": _Template(
        subject="Attestation",
        body="Bonjour, avez-vous pu préparer l'attestation ? Merci",
        sender="Sender: {writer.encoded}",
    ),
    "with an empty From": _Template(
        subject="Numérisation terminée",
        body="Le document de 4 pages n'a pas pu être joint : taille dépassée.",
        sender="From: <>",
        message_id="Message-ID: <{mark.number}@copieur.example>",
        return_path="",
    ),
    "with an empty first address": _Template(
        subject="Mon dossier",
        body="Bonjour, où en est mon dossier ?",
        sender='From: "" <>, {writer.encoded}',
    ),
    "with two Froms": _Template(
        subject="Modification urgente du compte",
        body="Merci de verser la prochaine indemnité sur un autre compte, je vous le donnerai par retour.",
        sender="From: {writer.encoded}\nFrom: {stranger.address}",
        message_id="Message-ID: <{mark.number}@{stranger.domain}>",
        return_path="{stranger.address}",
    ),
    "from a group": _Template(
        subject="Maison en indivision",
        body="Bonjour,\n\nNous vous écrivons tous ensemble au sujet de l'assurance de la maison de famille.",
        sender="From: Les indivisaires: {writer.address}, cousine.du.midi@boite-perdue.example;",
        recipient="To: undisclosed-recipients:;",
    ),
    "with line breaks in the address": _Template(
        subject="Mise a jour de votre messagerie",
        body="Votre messagerie est pleine, répondez à ce message pour la débloquer.",
        sender=(
            "From: =?utf-8?q?service=0D=0ABcc=3A_tous=40boite-perdue=2Eexample?= <service@boite-perdue.example>\n"
            "Reply-To: <=?utf-8?q?service=0D=0ABcc=3A?=@boite-perdue.example>"
        ),
        message_id="Message-ID: <{mark.number}@boite-perdue.example>",
        return_path="relais@boite-perdue.example",
    ),
    "with a dot after the domain": _Template(
        subject="Question sur ma franchise",
        body="Bonjour, quelle est la franchise en cas de vol ? Merci.",
        sender="From: <{writer.address}.>",
    ),
    "with raw Windows-1252 headers": _Template(
        subject="Résiliation – l’échéance est dépassée, 12 € de trop",
        body="Bonjour,\n\nVous m’avez prélevé 12 € de trop à l’échéance. À régulariser.",
        sender='From: "{writer.name} (privé)" <{writer.address}>',
        content="Content-Type: text/plain",
        charset="cp1252",
    ),
    "in an unknown charset": _Template(
        subject="=?x-poste-ancien?Q?Demande_de_relev=E9?=",
        body="Bonjour, pourriez-vous m'envoyer mon relevé d'informations ? Merci.",
        content='Content-Type: text/plain; charset="x-poste-ancien"\nContent-Transfer-Encoding: 8bit',
        charset="latin-1",
    ),
    "in quoted encoded words": _Template(
        subject="=?iso-8859-1?Q?D=E9claration_de_sinistre_-_d=E9g=E2t?=\n =?iso-8859-1?Q?_des_eaux_=E0_la_cave?=",
        body="Bonjour,\n\nLa cave est inondée depuis l'orage, dix centimètres d'eau.",
    ),
    "in base64": _Template(
        subject=_in_base64_words("Vignette périmée, ma carte ?"),
        body=base64.encodebytes("Bonjour,\n\nJe n'ai reçu ni vignette ni mémo véhicule assuré.\n".encode()).decode(),
        content="Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: base64",
    ),
    "without a subject": _Template(subject="", body="Bonjour voici la facture, merci"),
    "with a subject of 900 characters": _Template(
        subject=_in_base64_words(
            ("Suite à notre conversation je récapitule tout ici, que rien ne se perde, merci ; " * 12)[:899] + "."
        ),
        body="Tout est dans l'objet.",
    ),
    "with a NUL byte": _Template(
        subject="Message de mon ancien logiciel", body="Bonjour,\n\nMerci de me rappeler\x00 dans la semaine."
    ),
    "with carriage returns": _Template(
        subject="Kilometrage annuel", body="Bonjour,\n\nLe compteur est à 84 210 km.", line_end="\r\n"
    ),
    "after an mbox line": _Template(
        subject="Message sorti de mon archive",
        body="Bonjour, je vous renvoie mon message de l'an passé, resté sans réponse.",
        before_the_head="From {writer.address} Mon Mar  3 09:12:44 2025\n",
    ),
    "quoting lines that begin with From": _Template(
        subject="Message de ma locataire anglaise",
        body="Bonjour,\n\nMa locataire m'écrit :\n\nFrom the kitchen ceiling, water drips every night.\n"
        ">From yesterday it is worse.\n\nEst-ce à son assurance ou à la mienne ?",
    ),
    "out of office": _Template(
        subject="Absence du bureau Re: Votre avis d'echeance",
        body="Bonjour,\n\nJe suis en congé jusqu'à lundi et lirai votre message à mon retour.",
        notices=(
            "In-Reply-To: <votre-message-{mark.serial}@{mark.office.domain}>\n"
            "References: <votre-message-{mark.serial}@{mark.office.domain}>\n"
            "Auto-Submitted: auto-replied\nX-Autoreply: yes"
        ),
        return_path="",
    ),
    "delivery report": _Template(
        subject="Undelivered Mail Returned to Sender",
        body=_parts(
            _text("Votre message à {writer.address} n'a pas pu être remis : boîte pleine."),
            "Content-Type: message/delivery-status\n\nReporting-MTA: dns; mx.{writer.domain}\n\n"
            "Final-Recipient: rfc822; {writer.address}\n"
            "Action: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 mailbox full\n",
            "Content-Type: text/rfc822-headers\n\nFrom: {mark.office.address}\nTo: {writer.address}\n"
            "Subject: Votre avis d'echeance\nMessage-ID: <votre-message-{mark.serial}@{mark.office.domain}>\n",
        ),
        sender="From: Mail Delivery System <MAILER-DAEMON@{writer.domain}>",
        notices="Auto-Submitted: auto-replied",
        content='Content-Type: multipart/report; report-type=delivery-status; boundary="partie"',
        return_path="",
    ),
    "a message in a message": _Template(
        subject="TR: Proposition de mon garagiste",
        body=_parts(
            _text("Bonjour, qu'en pensez-vous ? Son message est joint."),
            "Content-Type: message/rfc822\nContent-Disposition: attachment\n\n"
            "From: Auto-Clinique du Lavoir <devis@clinique-du-lavoir.example>\nTo: {writer.address}\n"
            "Subject: Votre devis\nDate: {earlier}\nMessage-ID: <devis.{mark.serial}@clinique-du-lavoir.example>\n"
            'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="au-fond"\n\n'
            f"--au-fond\n{_text('Bonjour, le devis est joint.')}--au-fond\n"
            f"{_file('application/pdf', 'devis.pdf', attachment_bytes('devis.pdf'))}--au-fond--\n",
        ),
        content=_IN_PARTS,
    ),
    "with winmail.dat": _Template(
        subject="Compte rendu de la reunion",
        body=_parts(
            _text("Bonjour, le compte rendu est en pièce jointe."),
            _file("application/ms-tnef", "winmail.dat", _TNEF),
        ),
        content=_IN_PARTS,
    ),
    "signed": _Template(
        subject="Mandat signe",
        body=_parts(
            _text("Bonjour,\n\nJe vous confirme le mandat de recherche."),
            _file("application/pkcs7-signature", "smime.p7s", b"\x30\x80\x06\x09" + bytes(60)),
        ),
        content='Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256;\n'
        ' boundary="partie"',
    ),
    "with a file name that climbs": _Template(
        subject="Facture impayee",
        body=_parts(
            _text("Veuillez régler la facture jointe."),
            _file("application/octet-stream", "../../etc/passwd", b"rien du tout\n"),
        ),
        sender="From: {stranger.address}",
        message_id="Message-ID: <{mark.number}@{stranger.domain}>",
        content=_IN_PARTS,
        return_path="{stranger.address}",
    ),
    "with an empty attachment": _Template(
        subject="La photo demandee",
        body=_parts(_text("Voici la photo du compteur."), _file("image/jpeg", "compteur.jpg", b"")),
        content=_IN_PARTS,
    ),
}

_SENT_TWICE = _Template(
    subject="Merci de confirmer la reception",
    body="Bonjour,\n\nAvez-vous bien reçu mon constat ? Ma messagerie a affiché une erreur.",
)
_GENUINE = _Template(
    subject="Declaration de vol",
    body="Bonjour,\n\nMon autoradio a été volé cette nuit. Plainte déposée ce matin.",
)
_SPOOFED = _Template(
    subject="Declaration de vol",
    body="Annulez la déclaration précédente et réglez la facture du lien https://reglement.example/",
    message_id="Message-ID: <{copied.number}@{victim.domain}>",
)
_NEWSLETTER = _Template(
    subject="La Lettre du Zinc - {number}",
    body=_parts(_text(NEWSLETTER_TEXT), _text(NEWSLETTER_HTML, "html")),
    notices="List-Unsubscribe: <https://lettre-du-zinc.example/quitter/4471>\nPrecedence: bulk",
    content='Content-Type: multipart/alternative; boundary="partie"',
)


def wild_arrivals(marks: Iterator[Postmark], writers: Iterator[Correspondent]) -> list[Arrival]:
    """One of each kind, from the given writers, who own their addresses."""
    return [
        *(template.filled(next(marks), next(writers)) for template in _TEMPLATES.values()),
        *_delivered_twice(next(marks), next(writers)),
        *_two_under_one_message_id(next(marks), next(writers)),
        *_not_messages_at_all(next(marks), next(marks), next(marks)),
    ]


def newsletter(mark: Postmark, number: int) -> Arrival:
    """An issue with scripts, handlers and a tracking pixel, as text and as HTML."""
    sender = Correspondent("La Lettre du Zinc", "redaction@lettre-du-zinc.example")
    return _NEWSLETTER.filled(mark, sender, number=number)


def _delivered_twice(mark: Postmark, writer: Correspondent) -> tuple[Arrival, Arrival]:
    """The same message by two relays: only the lines of transport differ."""
    again = mark.later(minutes=11)
    first = _SENT_TWICE.filled(mark, writer)
    by_one, by_another = (each.received(writer.domain).encode() for each in (mark, again))
    return first, Arrival(again.at, first.raw.replace(by_one, by_another))


def _two_under_one_message_id(mark: Postmark, writer: Correspondent) -> tuple[Arrival, Arrival]:
    """A stranger's message under the identity of a client's: neither may hide the other."""
    spoofed = _SPOOFED.filled(mark.later(minutes=47), _STRANGER, copied=mark, victim=writer)
    return _GENUINE.filled(mark, writer), spoofed


def _not_messages_at_all(empty: Postmark, blank: Postmark, headless: Postmark) -> tuple[Arrival, ...]:
    """Entries that have no header to read: nothing of them can be taken in."""
    return (
        Arrival(empty.at, b""),
        Arrival(blank.at, b"\n\n\n"),
        Arrival(headless.at, "\nmerci de me rappeler quand vous aurez reçu le chèque\nà bientôt\n".encode()),
    )
