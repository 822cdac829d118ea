"""What a new dossier is prefilled with, from the message that it is created from (T5)."""

from __future__ import annotations

from domain.clients.client import Company, Identity, Person

_LEGAL_FORMS = frozenset(("sarl", "sas", "sasu", "eurl", "sci", "scp", "scm", "snc", "sa", "gaec", "earl"))
_SHOPS = frozenset(("atelier", "boucherie", "boulangerie", "carrosserie", "garage", "hôtel", "pharmacie", "restaurant"))
_OFFICES = frozenset(("agence", "cabinet", "clinique", "entreprise", "ets", "établissements", "étude", "transports"))
_BODIES = frozenset(("association", "mairie", "société", "syndic", "syndicat"))
_COMPANY_WORDS = _LEGAL_FORMS | _SHOPS | _OFFICES | _BODIES
"""What French businesses call themselves by."""


def prefilled_identity(from_name: str, from_address: str | None) -> Identity | None:
    """The sender as a person (`Claire Dupont`, `DUPONT Claire`) or a company, or None where nothing tells a name."""
    words = [word for word in from_name.replace(",", " ").split() if any(map(str.isalnum, word))]
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
