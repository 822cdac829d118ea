"""What a new dossier is prefilled with, from the message that it is created from (T5)."""

from __future__ import annotations

from domain.client import Company, Identity, Person

_COMPANY_WORDS = frozenset(
    # legal forms, then what French businesses call themselves by
    ["sarl", "sas", "sasu", "eurl", "sci", "scp", "scm", "snc", "sa", "gaec", "earl"]
    + ["agence", "association", "boulangerie", "cabinet", "entreprise", "ets", "établissements", "étude", "garage"]
    + ["mairie", "pharmacie", "société", "syndic"]
)


def prefilled_identity(from_name: str, from_address: str | None) -> Identity | None:
    """The sender as a person (`Claire Dupont`, `DUPONT Claire`) or a company, or None where nothing tells a name."""
    words = from_name.replace(",", " ").split()
    if not words and from_address:
        words = [
            word.capitalize() for word in from_address.split("@")[0].replace("_", ".").split(".") if word.isalpha()
        ]
    if not words:
        return None
    if any(word.casefold() in _COMPANY_WORDS for word in words):
        return Company(company_name=" ".join(words)[:200])
    if len(words) > 1 and words[0].isupper() and not words[-1].isupper():
        surnames = [word for word in words if word.isupper()]
        firsts = [word for word in words if not word.isupper()]
        return Person(first_name=" ".join(firsts)[:200], last_name=" ".join(surnames).title()[:200])
    return Person(
        first_name=" ".join(words[:1])[:200] if len(words) > 1 else "", last_name=" ".join(words[1:] or words)[:200]
    )
