"""Messages that pass another one on, as each mail program writes them, and those that only look alike."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.forwarding import author_of_forward, says_forward
from adapters.mail.headers import Mailbox
from adapters.mail.parser import ParsedMessage, parse_message

CLAIRE = Mailbox("Claire Bonnet", "claire.bonnet@courriel.example")

OUTLOOK = """\
Pour le dossier, merci.

Jeanne

De : Claire Bonnet <claire.bonnet@courriel.example>
Envoyé : lundi 2 mars 2026 18:04
À : Jeanne Petit <jeanne@cabinet.example>
Objet : Bris de glace

Bonjour, mon pare-brise est fendu.
"""


def read(subject: str, text: str, *headers: str, kind: str = "text/plain") -> ParsedMessage:
    lines = ["From: jeanne@cabinet.example", f"Subject: {subject}", f"Content-Type: {kind}; charset=utf-8", *headers]
    return parse_message("\n".join([*lines, "", text]).encode())


# --- the subject ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "subject",
    [
        *("TR: Bris de glace", "TR : Bris de glace", "Tr : RE: Bris de glace", "tr:", "Fwd: devis", "FWD: devis"),
        *("Fw: devis", "WG: Angebot", "Rv: presupuesto", "I: preventivo", "[EXT] TR: devis", "[Fwd: devis]"),
        "TR\u00a0: Bris de glace",
        "[TR: devis",
    ],
)
def test_the_subject_of_a_forward(subject):
    assert says_forward(parse_message(f"Subject: {subject}\n\n".encode()).subject)


@pytest.mark.parametrize("subject", ["RE: TR: devis", "Travaux : devis", "TR 12", "Ici : devis", "", "[TR] devis"])
def test_the_subject_of_something_else(subject):
    assert not says_forward(subject)


# --- the header block in the text -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        pytest.param("TR: Bris de glace", OUTLOOK, id="Outlook"),
        pytest.param("TR: Bris de glace", OUTLOOK.replace(" :", "\u00a0:"), id="Outlook, spaces that do not break"),
        pytest.param("TR: Bris de glace", OUTLOOK.replace(" :", "\u202f:"), id="narrow spaces that do not break"),
        pytest.param("TR: Bris de glace", OUTLOOK.replace("\n", "\r\n"), id="Outlook, lines of the network"),
        pytest.param(
            "TR: Bris de glace",
            OUTLOOK.replace("<claire.bonnet@courriel.example>", "[mailto:claire.bonnet@courriel.example]"),
            id="Outlook of old",
        ),
        pytest.param(
            "TR: Bris de glace",
            OUTLOOK.replace("example>\nEnv", "example<mailto:claire.bonnet@courriel.example>>\nEnv"),
            id="Outlook, links written out",
        ),
        pytest.param(
            "Tr : Bris de glace",
            "*De :* Claire Bonnet <claire.bonnet@courriel.example>\n*Envoyé :* lundi\n*À :* Jeanne\n*Objet :* x\n",
            id="Outlook, bold type as stars",
        ),
        pytest.param(
            "FW: Broken windscreen",
            "FYI\n\n-----Original Message-----\nFrom: Claire Bonnet <claire.bonnet@courriel.example>\n"
            "Sent: Monday, March 2, 2026 6:04 PM\nTo: Jeanne Petit <jeanne@cabinet.example>\nSubject: x\n\nHello\n",
            id="Outlook in English",
        ),
        pytest.param(
            "Fwd: Bris de glace",
            "---------- Forwarded message ---------\nDe : Claire Bonnet <claire.bonnet@courriel.example>\n"
            "Date: lun. 2 mars 2026 à 18:04\nSubject: Bris de glace\nTo: <jeanne@cabinet.example>\n\n\nBonjour\n",
            id="Gmail",
        ),
        pytest.param(
            "Bris de glace",
            "---------- Message transféré ---------\nDe : Claire Bonnet\n<claire.bonnet@courriel.example>\n"
            "Date: lun. 2 mars 2026 à 18:04\nSubject: Bris de glace\nTo: Jeanne\n\nBonjour\n",
            id="Gmail, another subject, the address on the next line",
        ),
        pytest.param(
            "Bris de glace",
            "-------- Message transféré --------\nSujet : \tBris de glace, vu\ndepuis mon balcon\n"
            "Date : \tMon, 2 Mar 2026 18:04:00 +0100\nDe : \tClaire Bonnet <claire.bonnet@courriel.example>\n"
            "Pour : \tjeanne@cabinet.example\n\nBonjour\n",
            id="Thunderbird",
        ),
        pytest.param(
            "Windscreen",
            "-------- Forwarded Message --------\nSubject: \tWindscreen\nDate: \tMon, 2 Mar 2026 18:04:00 +0100\n"
            "From: \tClaire Bonnet <claire.bonnet@courriel.example>\nTo: \tjeanne@cabinet.example\n\nHello\n",
            id="Thunderbird in English",
        ),
        pytest.param(
            "Bris de glace",
            "Début du message réexpédié :\n\n> De: Claire Bonnet <claire.bonnet@courriel.example>\n"
            "> Objet: Bris de glace\n> Date: 2 mars 2026 à 18:04:00 UTC+1\n> À: jeanne@cabinet.example\n> \n> Bonjour\n",
            id="Apple Mail",
        ),
        pytest.param(
            "Windscreen",
            "Begin forwarded message:\n\nFrom: Claire Bonnet <claire.bonnet@courriel.example>\nSubject: Windscreen\n"
            "Date: 2 March 2026 at 18:04:00 CET\nTo: jeanne@cabinet.example\n\nHello\n",
            id="Apple Mail in English",
        ),
        pytest.param(
            "Bris de glace",
            "Début du message re\u0301expe\u0301die\u0301 :\n\nDe : Claire Bonnet <claire.bonnet@courriel.example>\n",
            id="accents as marks of their own",
        ),
        pytest.param(
            "Bris de glace",
            '----- Mail transféré -----\nDe: "Claire Bonnet" <claire.bonnet@courriel.example>\n'
            'À: "Jeanne" <jeanne@cabinet.example>\nEnvoyé: Lundi 2 Mars 2026 18:04:00\nObjet: Bris de glace\n',
            id="Zimbra",
        ),
    ],
)
def test_a_forward_names_the_writer_of_the_message(subject, text):
    assert read(subject, text).forwarded == CLAIRE


OUTLOOK_HTML = """\
<p>Pour le dossier</p>
<div style="border-top:solid #E1E1E1 1.0pt"><p><b>De&nbsp;:</b> Claire Bonnet
&lt;claire.bonnet@courriel.example&gt;<br><b>Envoyé&nbsp;:</b> lundi 2 mars 2026<br><b>À&nbsp;:</b> Jeanne<br>
<b>Objet&nbsp;:</b> Bris de glace</p></div><p>Bonjour</p>
"""
THUNDERBIRD_HTML = """\
<div>-------- Message transféré --------<table><tbody>
<tr><th>Sujet : </th><td>Bris de glace</td></tr>
<tr><th>Date : </th><td>Mon, 2 Mar 2026</td></tr>
<tr><th>De : </th><td>Claire Bonnet <a href="mailto:x">&lt;claire.bonnet@courriel.example&gt;</a></td></tr>
<tr><th>Pour : </th><td>jeanne@cabinet.example</td></tr>
</tbody></table>Bonjour</div>
"""
APPLE_HTML = """\
<div>Début du message réexpédié :</div>
<blockquote><div><b>De: </b>Claire Bonnet &lt;<a>claire.bonnet@courriel.example</a>&gt;</div>
<div><b>Objet: </b>Bris de glace</div><div><b>Date: </b>2 mars 2026</div></blockquote>
"""


@pytest.mark.parametrize("html", [OUTLOOK_HTML, THUNDERBIRD_HTML, APPLE_HTML])
def test_a_forward_in_html_alone(html):
    assert read("TR: Bris de glace", html, kind="text/html").forwarded == CLAIRE


def test_html_says_forward_by_its_marker_too():
    assert read("Bris de glace", OUTLOOK_HTML, kind="text/html").forwarded is None
    assert read("Bris de glace", THUNDERBIRD_HTML, kind="text/html").forwarded == CLAIRE
    assert read("Bris de glace", APPLE_HTML, kind="text/html").forwarded == CLAIRE


@pytest.mark.parametrize(
    ("written", "author"),
    [
        ("Claire Bonnet", Mailbox("Claire Bonnet", None)),
        ("Claire Bonnet </O=CABINET/CN=CLAIRE>", Mailbox("Claire Bonnet", None)),
        ("claire.bonnet@courriel.example", Mailbox("", "claire.bonnet@courriel.example")),
        ("BONNET, Claire <claire@courriel.example>", Mailbox("BONNET, Claire", "claire@courriel.example")),
        ("'Claire Bonnet' <'claire@Courriel.example'>", Mailbox("Claire Bonnet", "claire@courriel.example")),
        ("Claire (Nice) <c@essai.example> de la part de p@essai.example", Mailbox("Claire (Nice)", "c@essai.example")),
        ("Claire @ Nice <c@essai.example>", Mailbox("Claire @ Nice", "c@essai.example")),
        ("Claire <\u202ac@essai.example\u202c>", Mailbox("Claire", "c@essai.example")),
        ("", None),
        ("<>", None),
    ],
)
def test_the_writer_as_mail_programs_write_names(written, author):
    text = f"De : {written}\nEnvoyé : lundi 2 mars 2026\nÀ : Jeanne\nObjet : devis\n\nBonjour\n"
    assert author_of_forward("TR: devis", text) == author


def block(name: str) -> str:
    return f"De : {name} <{name.lower()}@essai.example>\nEnvoyé : lundi\nÀ : Jeanne\nObjet : devis\n\nBonjour\n\n"


MARKED = f"--- Message transféré ---\n{block('Luc')}"


def test_the_topmost_of_several_blocks_counts():
    text = "Objet : à traiter\n\n" + block("Claire") + block("Paul") + MARKED
    assert author_of_forward("TR: devis", text) == Mailbox("Claire", "claire@essai.example")


# --- what only looks like a forward ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("subject", "text"),
    [
        ("RE: Bris de glace", OUTLOOK),
        ("Re: TR: Bris de glace", OUTLOOK),
        ("RE: devis", block("Claire") + MARKED),
        ("Re: Fwd: devis", f"Le 2 mars 2026 à 18:04, Jeanne <j@essai.example>\na écrit :\n\n{MARKED}"),
        ("Re: Fwd: devis", f"Merci\n> {MARKED}"),
        ("TR: devis", "Ci-joint le devis.\n"),
        ("TR: trajet", "De : Paris\nÀ : Lyon\nMerci\n"),
        ("Bonjour", "---- Message transféré ----\n\nvoir la pièce jointe\n\nDe : Paris\nDate : lundi\nÀ : Lyon\n"),
        ("Bonjour", "Devis transmis : voir plus bas\nDe : Paris\n"),
        ("TR: devis", "De : Claire\n" + "des lignes\n" * 4 + "Envoyé : lundi\nObjet : devis\n"),
        ("TR: devis", ""),
    ],
)
def test_what_passes_nothing_on(subject, text):
    assert read(subject, text).forwarded is None


# --- the message attached -------------------------------------------------------------------------

ORIGINAL = """\
From: Claire Bonnet <claire.bonnet@courriel.example>
Subject: Bris de glace
Message-ID: <b7@courriel.example>

Bonjour, mon pare-brise est fendu.
"""


def with_attached(
    subject: str, text: str, *headers: str, original: str = ORIGINAL, kind: str = "message/rfc822", outer: str = "mixed"
) -> ParsedMessage:
    body = f"--x\n\n{text}\n--x\nContent-Type: {kind}\n\n{original}\n--x--\n"
    fields = ["From: jeanne@cabinet.example", f"Subject: {subject}", f"Content-Type: multipart/{outer}; boundary=x"]
    return parse_message("\n".join([*headers, *fields, "", body]).encode())


LONG = "Veuillez trouver ci-joint le courrier de notre assurée. " * 8


@pytest.mark.parametrize(
    ("subject", "text", "author"),
    [
        ("TR: Bris de glace", LONG, CLAIRE),
        ("TR: Bris de glace", block("Paul"), CLAIRE),
        ("Bris de glace", "Pour le dossier.\n-- \nJeanne", CLAIRE),
        ("", "", CLAIRE),
        ("Bris de glace", LONG, None),
    ],
)
def test_the_writer_of_an_attached_message(subject, text, author):
    assert with_attached(subject, text).forwarded == author


@pytest.mark.parametrize(
    ("original", "author"),
    [
        ("Reply-To: luc@essai.example\n\nBonjour", Mailbox("", "luc@essai.example")),
        ("From: <>\nSender: Luc <luc@essai.example>\n\nBonjour", Mailbox("Luc", "luc@essai.example")),
        ("From: Luc Petit <>\n\nBonjour", Mailbox("Luc Petit", None)),
        ("Subject: sans expéditeur\n\nBonjour", Mailbox("Paul", "paul@essai.example")),
        ("", Mailbox("Paul", "paul@essai.example")),
    ],
)
def test_an_attached_message_without_sender_leaves_it_to_the_text(original, author):
    assert with_attached("TR: devis", block("Paul"), original=original).forwarded == author


@pytest.mark.parametrize(
    "header", ["Return-Path: <>", "Auto-Submitted: auto-replied", "From: MAILER-DAEMON@essai.example"]
)
def test_a_message_that_comes_back_is_not_forwarded(header):
    assert with_attached("Non remis", "Adresse inconnue.", header).forwarded is None


def test_a_delivery_report_is_never_a_forward():
    assert with_attached("TR: Non remis", block("Paul"), outer="report").forwarded is None


def test_a_forward_by_a_rule_of_the_mailbox_says_so_in_its_subject():
    assert with_attached("TR: Bris de glace", "", "Auto-Submitted: auto-generated").forwarded == CLAIRE


# --- whatever comes -------------------------------------------------------------------------------


def test_the_beginning_of_a_very_long_text_is_enough():
    assert author_of_forward("TR: devis", OUTLOOK + "Bonjour\n" * 1_000_000) == CLAIRE
    assert author_of_forward("TR: devis", "Bonjour\n" * 500_000 + OUTLOOK + "Bonjour\n" * 500_000) is None


@pytest.mark.parametrize(
    "junk",
    [
        *("De : ", "De :\n", "-", "--transféré", "--transféré\n", "@", "a@", "De : @@@", "[", "<", "\u00a0", "> "),
        *("Le \n", "Le a écrit ", "Le\n a écrit", "Début transféré:\nDe : x\n", "À : ", "e\u0301", "\ufdfa", "*"),
    ],
)
def test_junk_takes_no_time(junk):
    text = "De : " + junk * (2_000_000 // len(junk))
    begun = time.process_time()
    author_of_forward("[a] " * 500_000, text)
    author_of_forward("TR: x", text)
    author_of_forward("x", junk * 1000)
    assert time.process_time() - begun < 2


PIECES = [
    *("De :", "From: ", "À : ", "Date : ", "Objet : ", "Claire ", "<c@essai.example>", "[mailto:", "@", "\n", "> "),
    *("--- Message transféré ---\n", "Début du message réexpédié :\n", "Le 2 mars, x a écrit :\n", "\u00a0", "\0", "*"),
]


@given(
    st.sampled_from(["", "TR: ", "RE: "]),
    st.text() | st.lists(st.sampled_from(PIECES) | st.text(max_size=3)).map("".join),
)
def test_no_text_breaks_the_reading_of_forwards(prefix, text):
    author = author_of_forward(prefix + text, text)
    assert author is None or author.name or author.email
    if author:
        line = f"{author.name} {author.email}"
        assert not set(line) & set("\r\n\0")
        line.encode()
