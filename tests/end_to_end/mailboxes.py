"""Invented mailboxes of any size, the same messages every time."""

import random
from base64 import encodebytes

from adapters.demo_office import write_mbox

__all__ = ["letter", "letters", "write_eml", "write_maildir", "write_mbox"]


def letter(number, attached=0):
    """A message, with an attachment of so many bytes."""
    dice = random.Random(number)
    words = " ".join(dice.choices(("contrat", "sinistre", "prime", "échéance", "véhicule", "avenant", "devis"), k=60))
    headers = (
        f"From: Personne {number} <personne.{number % 40}@courriel.example>\n"
        "To: contact@cabinet-essai.example\n"
        f"Subject: =?utf-8?q?Lettre_n=C2=B0_{number}?=\n"
        f"Date: Mon, 02 Mar 2026 {number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02} +0100\n"
        f"Message-ID: <{number}@courriel.example>\nMIME-Version: 1.0\n"
    )
    text = f"Content-Type: text/plain; charset=utf-8\nContent-Transfer-Encoding: 8bit\n\nBonjour,\n\n{words}.\n"
    if not attached:
        return (headers + text).encode()
    start = headers + f'Content-Type: multipart/mixed; boundary="cut-{number}"\n\n--cut-{number}\n' + text
    part = (
        f"--cut-{number}\nContent-Type: application/pdf\nContent-Transfer-Encoding: base64\n"
        f'Content-Disposition: attachment; filename="piece-{number}.pdf"\n\n'
    )
    return start.encode() + part.encode() + encodebytes(dice.randbytes(attached)) + f"--cut-{number}--\n".encode()


def letters(count, first=1, attached=0):
    """So many messages, one at a time."""
    return (letter(number, attached) for number in range(first, first + count))


def write_eml(messages, folder):
    """A folder of .eml files, in folders of ten."""
    for order, message in enumerate(messages):
        inner = folder / f"{order // 10:03}"
        inner.mkdir(parents=True, exist_ok=True)
        (inner / f"{order:05}.eml").write_bytes(message)
    return folder


def write_maildir(messages, folder):
    for name in ("cur", "new", "tmp"):
        (folder / name).mkdir(parents=True)
    for order, message in enumerate(messages):
        place, flags = ("cur", ":2,S") if order % 2 else ("new", "")
        (folder / place / f"{order:05}.host{flags}").write_bytes(message)
    (folder / "tmp" / "being-delivered").write_bytes(b"From: half@a.example\n")
    return folder
