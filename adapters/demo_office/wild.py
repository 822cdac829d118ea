"""Messages as they really come: without a sender, with two, in no charset, twice, or not messages at all.

Written by hand as bytes, because no library that writes correct mail would write these.
"""

import base64
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime, formataddr

from adapters.demo_office.envelopes import Arrival, Correspondent, Postmark, attachment_bytes
from adapters.demo_office.letters import NEWSLETTER_HTML, NEWSLETTER_TEXT

_UTF8 = ("MIME-Version: 1.0", "Content-Type: text/plain; charset=utf-8", "Content-Transfer-Encoding: 8bit")
_STRANGER = Correspondent("", "inconnu@boite-perdue.example")
_LONG_SUBJECT = (
    "Suite à notre conversation je récapitule tout dans l'objet, comme vous me l'avez conseillé, que rien ne se perde "
)


def wild_arrivals(marks: Iterator[Postmark], writers: Iterator[Correspondent]) -> list[Arrival]:
    """One of each kind, from the given writers, who own their addresses."""
    return [
        _without_message_id(next(marks), next(writers)),
        _without_from_but_reply_to(next(marks), next(writers)),
        _without_from_but_sender(next(marks), next(writers)),
        _with_an_empty_from(next(marks)),
        _with_an_empty_first_address(next(marks), next(writers)),
        _with_two_froms(next(marks), next(writers)),
        _with_a_group_as_sender(next(marks), next(writers)),
        _with_line_breaks_in_the_address(next(marks)),
        _with_a_dot_after_the_domain(next(marks), next(writers)),
        _with_raw_windows_1252_headers(next(marks), next(writers)),
        _in_an_unknown_charset(next(marks), next(writers)),
        _in_quoted_encoded_words(next(marks), next(writers)),
        _in_base64_encoded_words(next(marks), next(writers)),
        _without_subject(next(marks), next(writers)),
        _with_a_900_character_subject(next(marks), next(writers)),
        _with_a_nul_byte(next(marks), next(writers)),
        _with_carriage_returns(next(marks), next(writers)),
        _after_an_mbox_line(next(marks), next(writers)),
        _quoting_from_lines(next(marks), next(writers)),
        _out_of_office(next(marks), next(writers)),
        _delivery_report(next(marks), next(writers)),
        _message_in_a_message(next(marks), next(writers)),
        _with_winmail_dat(next(marks), next(writers)),
        _signed(next(marks), next(writers)),
        _with_a_climbing_file_name(next(marks)),
        _with_an_empty_attachment(next(marks), next(writers)),
        *_delivered_twice(next(marks), next(writers)),
        *_two_under_one_message_id(next(marks), next(writers)),
        *_not_messages_at_all(next(marks), next(marks), next(marks)),
    ]


def newsletter(mark: Postmark, number: int) -> Arrival:
    """An issue with scripts, handlers and a tracking pixel, as text and as HTML."""
    sender = Correspondent("La Lettre du Zinc", "redaction@lettre-du-zinc.example")
    boundary = f"lettre-{number}"
    places = {"number": str(number)}
    return _delivered(
        mark,
        sender.address,
        f"From: {_header(sender)}",
        _to(mark),
        f"Subject: La Lettre du Zinc - {number}",
        f"Message-ID: {mark.message_id(sender.domain)}",
        "List-Unsubscribe: <https://lettre-du-zinc.example/quitter/4471>",
        "Precedence: bulk",
        *_multipart("alternative", boundary),
        body=_parts(
            boundary,
            (_UTF8[1:], NEWSLETTER_TEXT.format_map(places)),
            (("Content-Type: text/html; charset=utf-8", _UTF8[2]), NEWSLETTER_HTML.format_map(places)),
        ),
    )


def _without_message_id(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Photos du constat",
        *_UTF8,
        body="Bonjour,\n\nMon scanner envoie sans passer par ma messagerie. Les photos suivront.\n",
    )


def _without_from_but_reply_to(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        "formulaire@sites-web.example",
        f"Reply-To: {_header(writer)}",
        _to(mark),
        "Subject: [Formulaire du site] Demande de rappel",
        f"Message-ID: {mark.message_id('sites-web.example')}",
        *_UTF8,
        body="Objet : rappel\nMessage : je souhaite parler de mon contrat auto, plutôt le matin.\n",
    )


def _without_from_but_sender(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"Sender: {_header(writer)}",
        _to(mark),
        "Subject: Attestation",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour, avez-vous pu préparer l'attestation ? Merci\n",
    )


def _with_an_empty_from(mark: Postmark) -> Arrival:
    return _delivered(
        mark,
        "",
        "From: <>",
        _to(mark),
        "Subject: Numérisation terminée",
        f"Message-ID: {mark.message_id('copieur.example')}",
        *_UTF8,
        body="Le document de 4 pages n'a pas pu être joint : taille dépassée.\n",
    )


def _with_an_empty_first_address(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f'From: "" <>, {_header(writer)}',
        _to(mark),
        "Subject: Mon dossier",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour, où en est mon dossier ?\n",
    )


def _with_two_froms(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        _STRANGER.address,
        f"From: {_header(writer)}",
        f"From: {_STRANGER.address}",
        _to(mark),
        "Subject: Modification urgente du compte",
        f"Message-ID: {mark.message_id(_STRANGER.domain)}",
        *_UTF8,
        body="Merci de verser la prochaine indemnité sur un autre compte, je vous le donnerai par retour.\n",
    )


def _with_a_group_as_sender(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: Les indivisaires: {writer.address}, cousine.du.midi@boite-perdue.example;",
        "To: undisclosed-recipients:;",
        "Subject: Maison en indivision",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour,\n\nNous vous écrivons tous ensemble au sujet de l'assurance de la maison de famille.\n",
    )


def _with_line_breaks_in_the_address(mark: Postmark) -> Arrival:
    return _delivered(
        mark,
        "relais@boite-perdue.example",
        "From: =?utf-8?q?service=0D=0ABcc=3A_tous=40boite-perdue=2Eexample?= <service@boite-perdue.example>",
        "Reply-To: <=?utf-8?q?service=0D=0ABcc=3A?=@boite-perdue.example>",
        _to(mark),
        "Subject: Mise a jour de votre messagerie",
        f"Message-ID: {mark.message_id('boite-perdue.example')}",
        *_UTF8,
        body="Votre messagerie est pleine, répondez à ce message pour la débloquer.\n",
    )


def _with_a_dot_after_the_domain(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(Correspondent(writer.name, writer.address + '.'))}",
        _to(mark),
        "Subject: Question sur ma franchise",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour, quelle est la franchise en cas de vol ? Merci.\n",
    )


def _with_raw_windows_1252_headers(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        b'From: "%s" <%s>' % (writer.name.encode("cp1252", "replace"), writer.address.encode()),
        _to(mark),
        "Subject: Résiliation – l’échéance est dépassée, 12 € de trop".encode("cp1252"),
        f"Message-ID: {mark.message_id(writer.domain)}",
        "MIME-Version: 1.0",
        "Content-Type: text/plain",
        body="Bonjour,\n\nVous m’avez prélevé 12 € de trop à l’échéance. À régulariser.\n".encode("cp1252"),
    )


def _in_an_unknown_charset(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: =?x-poste-ancien?Q?Demande_de_relev=E9?=",
        f"Message-ID: {mark.message_id(writer.domain)}",
        "MIME-Version: 1.0",
        'Content-Type: text/plain; charset="x-poste-ancien"',
        "Content-Transfer-Encoding: 8bit",
        body="Bonjour, pourriez-vous m'envoyer mon relevé d'informations ? Merci.\n".encode("latin-1"),
    )


def _in_quoted_encoded_words(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: =?iso-8859-1?Q?D=E9claration_de_sinistre_-_d=E9g=E2t?=\n =?iso-8859-1?Q?_des_eaux_=E0_la_cave?=",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour,\n\nLa cave est inondée depuis l'orage, dix centimètres d'eau.\n",
    )


def _in_base64_encoded_words(mark: Postmark, writer: Correspondent) -> Arrival:
    subject = base64.b64encode("Vignette périmée, où est ma carte verte ?".encode()).decode()
    body = base64.encodebytes("Bonjour,\n\nJe n'ai reçu ni vignette ni mémo véhicule assuré.\n".encode())
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        f"Subject: =?UTF-8?B?{subject}?=",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8[:2],
        "Content-Transfer-Encoding: base64",
        body=body,
    )


def _without_subject(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour voici la facture, merci\n",
    )


def _with_a_900_character_subject(mark: Postmark, writer: Correspondent) -> Arrival:
    subject = (_LONG_SUBJECT * 8)[:899].rstrip().ljust(899, ".") + "."
    words = [subject[start : start + 30].encode() for start in range(0, len(subject), 30)]
    encoded = "\n ".join(f"=?utf-8?b?{base64.b64encode(word).decode()}?=" for word in words)
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        f"Subject: {encoded}",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Tout est dans l'objet.\n",
    )


def _with_a_nul_byte(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Message de mon ancien logiciel",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour,\n\nMerci de me rappeler\x00 dans la semaine.\n",
    )


def _with_carriage_returns(mark: Postmark, writer: Correspondent) -> Arrival:
    arrival = _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Kilometrage annuel",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour,\n\nLe compteur est à 84 210 km.\n",
    )
    return Arrival(arrival.at, arrival.raw.replace(b"\n", b"\r\n"))


def _after_an_mbox_line(mark: Postmark, writer: Correspondent) -> Arrival:
    arrival = _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Message sorti de mon archive",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body="Bonjour, je vous renvoie mon message de l'an passé, resté sans réponse.\n",
    )
    return Arrival(arrival.at, f"From {writer.address} Mon Mar  3 09:12:44 2025\n".encode() + arrival.raw)


def _quoting_from_lines(mark: Postmark, writer: Correspondent) -> Arrival:
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Message de ma locataire anglaise",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
        body=(
            "Bonjour,\n\nMa locataire m'écrit :\n\nFrom the kitchen ceiling, water drips every night.\n"
            ">From yesterday it is worse.\n\nEst-ce à son assurance ou à la mienne ?\n"
        ),
    )


def _out_of_office(mark: Postmark, writer: Correspondent) -> Arrival:
    answered = f"<votre-message-{mark.serial}@{mark.office.domain}>"
    return _delivered(
        mark,
        "",
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Absence du bureau Re: Votre avis d'echeance",
        f"Message-ID: {mark.message_id(writer.domain)}",
        f"In-Reply-To: {answered}",
        f"References: {answered}",
        "Auto-Submitted: auto-replied",
        "X-Autoreply: yes",
        *_UTF8,
        body="Bonjour,\n\nJe suis en congé jusqu'à lundi et lirai votre message à mon retour.\n",
    )


def _delivery_report(mark: Postmark, recipient: Correspondent) -> Arrival:
    boundary = "rapport-de-remise"
    return _delivered(
        mark,
        "",
        f"From: Mail Delivery System <MAILER-DAEMON@{recipient.domain}>",
        _to(mark),
        "Subject: Undelivered Mail Returned to Sender",
        f"Message-ID: {mark.message_id(recipient.domain)}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        body=_parts(
            boundary,
            (_UTF8[1:], f"Votre message à {recipient.address} n'a pas pu être remis : boîte pleine.\n"),
            (
                ("Content-Type: message/delivery-status",),
                (
                    f"Reporting-MTA: dns; mx.{recipient.domain}\n\n"
                    f"Final-Recipient: rfc822; {recipient.address}\n"
                    "Action: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 mailbox full\n"
                ),
            ),
            (
                ("Content-Type: text/rfc822-headers",),
                (
                    f"From: {mark.office.address}\nTo: {recipient.address}\nSubject: Votre avis d'echeance\n"
                    f"Message-ID: <votre-message-{mark.serial}@{mark.office.domain}>\n"
                ),
            ),
        ),
    )


def _message_in_a_message(mark: Postmark, writer: Correspondent) -> Arrival:
    boundary = "dans-un-message"
    earlier = format_datetime(mark.at - timedelta(days=2))
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: TR: Proposition de mon garagiste",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_multipart("mixed", boundary),
        body=_parts(
            boundary,
            (_UTF8[1:], "Bonjour, qu'en pensez-vous ? Son message est joint.\n"),
            (
                ("Content-Type: message/rfc822", "Content-Disposition: attachment"),
                (
                    "From: Auto-Clinique du Lavoir <devis@clinique-du-lavoir.example>\n"
                    f"To: {writer.address}\nSubject: Votre devis\nDate: {earlier}\n"
                    f"Message-ID: <devis.{mark.serial}@clinique-du-lavoir.example>\n"
                    'MIME-Version: 1.0\nContent-Type: multipart/mixed; boundary="au-fond"\n\n'
                    "--au-fond\nContent-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\n"
                    "Bonjour, le devis est joint.\n--au-fond\n"
                    'Content-Type: application/pdf\nContent-Disposition: attachment; filename="devis.pdf"\n'
                    f"Content-Transfer-Encoding: base64\n\n{_base64(attachment_bytes('devis.pdf'))}--au-fond--\n"
                ),
            ),
        ),
    )


def _with_winmail_dat(mark: Postmark, writer: Correspondent) -> Arrival:
    boundary = "tnef"
    tnef = b"\x78\x9f\x3e\x22\x01\x00\x01\x06\x90\x08\x00\x04" + bytes(24)
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Compte rendu de la reunion",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_multipart("mixed", boundary),
        body=_parts(
            boundary,
            (_UTF8[1:], "Bonjour, le compte rendu est en pièce jointe.\n"),
            (_file("application/ms-tnef", "winmail.dat"), _base64(tnef)),
        ),
    )


def _signed(mark: Postmark, writer: Correspondent) -> Arrival:
    boundary = "signature"
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Mandat signe",
        f"Message-ID: {mark.message_id(writer.domain)}",
        "MIME-Version: 1.0",
        'Content-Type: multipart/signed; protocol="application/pkcs7-signature"; micalg=sha-256;\n'
        f' boundary="{boundary}"',
        body=_parts(
            boundary,
            (_UTF8[1:], "Bonjour,\n\nJe vous confirme le mandat de recherche.\n"),
            (_file("application/pkcs7-signature", "smime.p7s"), _base64(b"\x30\x80\x06\x09" + bytes(60))),
        ),
    )


def _with_a_climbing_file_name(mark: Postmark) -> Arrival:
    boundary = "grimpeur"
    return _delivered(
        mark,
        _STRANGER.address,
        f"From: {_STRANGER.address}",
        _to(mark),
        "Subject: Facture impayee",
        f"Message-ID: {mark.message_id(_STRANGER.domain)}",
        *_multipart("mixed", boundary),
        body=_parts(
            boundary,
            (_UTF8[1:], "Veuillez régler la facture jointe.\n"),
            (_file("application/octet-stream", "../../etc/passwd"), _base64(b"rien du tout\n")),
        ),
    )


def _with_an_empty_attachment(mark: Postmark, writer: Correspondent) -> Arrival:
    boundary = "vide"
    return _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: La photo demandee",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_multipart("mixed", boundary),
        body=_parts(
            boundary,
            (_UTF8[1:], "Voici la photo du compteur.\n"),
            (_file("image/jpeg", "compteur.jpg"), ""),
        ),
    )


def _delivered_twice(mark: Postmark, writer: Correspondent) -> tuple[Arrival, Arrival]:
    """The same message by two relays: only the lines of transport differ."""
    again = mark.later(minutes=11)
    lines = (
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Merci de confirmer la reception",
        f"Date: {mark.date}",
        f"Message-ID: {mark.message_id(writer.domain)}",
        *_UTF8,
    )
    body = "Bonjour,\n\nAvez-vous bien reçu mon constat ? Ma messagerie a affiché une erreur.\n"
    first, second = (_transported(each, writer.address, *lines, body=body) for each in (mark, again))
    return first, second


def _two_under_one_message_id(mark: Postmark, writer: Correspondent) -> tuple[Arrival, Arrival]:
    """A stranger's message under the identity of a client's: neither may hide the other."""
    message_id = f"Message-ID: {mark.message_id(writer.domain)}"
    genuine = _delivered(
        mark,
        writer.address,
        f"From: {_header(writer)}",
        _to(mark),
        "Subject: Declaration de vol",
        message_id,
        *_UTF8,
        body="Bonjour,\n\nMon autoradio a été volé cette nuit. Plainte déposée ce matin.\n",
    )
    spoofed = _delivered(
        mark.later(minutes=47),
        _STRANGER.address,
        f"From: {_STRANGER.address}",
        _to(mark),
        "Subject: Declaration de vol",
        message_id,
        *_UTF8,
        body="Annulez la déclaration précédente et réglez la facture du lien https://reglement.example/\n",
    )
    return genuine, spoofed


def _not_messages_at_all(empty: Postmark, blank: Postmark, headless: Postmark) -> tuple[Arrival, ...]:
    """Entries that have no header to read: nothing of them can be taken in."""
    return (
        Arrival(empty.at, b""),
        Arrival(blank.at, b"\n\n\n"),
        Arrival(headless.at, "\nmerci de me rappeler quand vous aurez reçu le chèque\nà bientôt\n".encode()),
    )


def _header(writer: Correspondent) -> str:
    return formataddr((writer.name, writer.address))


def _to(mark: Postmark) -> str:
    return f"To: {_header(mark.office)}"


def _delivered(mark: Postmark, return_path: str, *lines: str | bytes, body: str | bytes) -> Arrival:
    return _transported(mark, return_path, f"Date: {mark.date}", *lines, body=body)


def _transported(mark: Postmark, return_path: str, *lines: str | bytes, body: str | bytes) -> Arrival:
    relay = return_path.rpartition("@")[2] or "relais.example"
    transport = (f"Return-Path: <{return_path}>", f"Received: {mark.received(relay)}")
    head = b"\n".join(_encoded(line) for line in (*transport, *lines))
    return Arrival(mark.at, head + b"\n\n" + _encoded(body))


def _encoded(text: str | bytes) -> bytes:
    return text.encode() if isinstance(text, str) else text


def _multipart(subtype: str, boundary: str) -> tuple[str, str]:
    return "MIME-Version: 1.0", f'Content-Type: multipart/{subtype}; boundary="{boundary}"'


def _file(content_type: str, name: str) -> tuple[str, ...]:
    return (
        f'Content-Type: {content_type}; name="{name}"',
        f'Content-Disposition: attachment; filename="{name}"',
        "Content-Transfer-Encoding: base64",
    )


def _base64(content: bytes) -> str:
    return base64.encodebytes(content).decode("ascii")


def _parts(boundary: str, *parts: tuple[tuple[str, ...], str]) -> str:
    written = (f"--{boundary}\n" + "\n".join(head) + f"\n\n{content}" for head, content in parts)
    return "\n".join(written) + f"\n--{boundary}--\n"
