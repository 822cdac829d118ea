"""What is personal stands nowhere in the clear but in the views, which can be deleted at will."""

from base64 import b64encode, urlsafe_b64encode

import pytest

from adapters.demo_office import demo_office, personal_values
from adapters.event_store import mapper

SEALED = ("log.sqlite*", "vault.sqlite*", "desk.sqlite*", "files/**/*")
SHORTEST = 6
"""Fewer bytes than these would be met by chance in megabytes of ciphertext."""


def spellings(value):
    """The bytes that would give a value away, however it is encoded."""
    found = set()
    for written in {value, value.casefold(), value.upper()}:
        for text in (written.encode(), written.encode("utf-16-le"), written.encode("utf-16-be")):
            found.add(text)
            found |= {text.hex().encode(), text.hex().upper().encode()}
            for before in range(3):
                for encode in (b64encode, urlsafe_b64encode):
                    found.add(_inner(encode(bytes(before) + text), before, len(text)))
        found.add(written.encode("latin-1", "ignore"))
    return {spelling for spelling in found if len(spelling) >= SHORTEST}


def _inner(encoded, before, length):
    """The characters of base64 that depend on the value alone, and not on what stands around it."""
    return encoded[-(-before * 8 // 6) : (before + length) * 8 // 6]


@pytest.fixture(scope="module")
def needles():
    return {spelling: value for value in personal_values(demo_office()) for spelling in spellings(value)}


def met(paths, needles):
    """The personal values that can be read in these files."""
    content = b"\n".join(path.read_bytes() for path in paths if path.is_file())
    assert content
    return {value for spelling, value in needles.items() if spelling in content}


def sealed(folder):
    return [path for pattern in SEALED for path in folder.glob(pattern)]


def test_a_search_meets_a_value_however_it_is_encoded():
    value = "Seynabou N'Diaye"
    for spelled in (value.encode(), value.encode("utf-16-le"), value.encode().hex().encode()):
        assert any(needle in b"\x00" + spelled for needle in spellings(value))
    for before in range(3):
        for encode in (b64encode, urlsafe_b64encode):
            hidden = encode(b"???"[:before] + value.encode() + b"~~?")
            assert any(needle in hidden for needle in spellings(value)), (before, hidden)


def test_no_personal_value_stands_in_the_log_the_vault_the_desk_or_the_files(demo, needles):
    assert len(list(demo.folder.glob("files/??/*"))) == 198
    with demo.open():  # while it is open, the WAL and its index lie beside
        assert list(demo.folder.glob("log.sqlite-wal"))
        demo("quarantine", "list")
        assert met(sealed(demo.folder), needles) == set()
    demo("token", "lea.dumoulin@cabinet.example", "--first-name", "Léandre", "--last-name", "Dumoulin-Prat")
    demo("tickets", "list")
    new = {s: v for v in ("Léandre", "Dumoulin-Prat", "lea.dumoulin@cabinet.example") for s in spellings(v)}
    assert met(sealed(demo.folder), needles | new) == set()
    assert met([demo.folder / "views.sqlite"], needles | new) >= {"Seynabou", "Quéméneur", "Dumoulin-Prat"}


def test_the_events_hold_those_values_all_the_same(demo, needles):
    """They are sealed, not left out: whoever has the keys reads them in the log."""
    for path in demo.folder.glob("views.sqlite*"):
        path.unlink()
    demo("projections", "rebuild", "--all")
    assert len(met([demo.folder / "views.sqlite"], needles)) > len(personal_values(demo_office())) * 0.9


def test_without_sealing_they_would_be_met(greffier, needles, monkeypatch):
    monkeypatch.setattr(mapper, "seal", lambda _cipher, data, _bound_to: data)
    monkeypatch.setattr(mapper, "unseal", lambda _cipher, data, _bound_to: data)
    greffier("demo", "--once")
    assert len(met(greffier.folder.glob("log.sqlite*"), needles)) > 100
