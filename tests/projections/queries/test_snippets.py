import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from projections.queries.name_search import plain, searched
from projections.queries.snippets import _words_in, snippet


def marked(text, query, **options):
    """The snippet with « » around its hits."""
    found = snippet(text, query, **options)
    shown = found.text
    for start, end in reversed(found.hits):
        shown = f"{shown[:start]}«{shown[start:end]}»{shown[end:]}"
    return shown


@pytest.mark.parametrize(
    ("text", "query", "shown"),
    [
        ("Je vous prie de résilier.", "RESILIER", "Je vous prie de «résilier»."),
        ("L'Œuvre d'Élodie,\n\n bien à vous", "oeuvre elodie", "L'«Œuvre» d'«Élodie», bien à vous"),
        ("réside, résilie, résiliation", "resil*", "réside, «résilie», «résiliation»"),
        ("Bonjour", "absent", "Bonjour"),
        ("Bonjour", "", "Bonjour"),
        ("", "bonjour", ""),
        ("e\u0301te\u0301", "été", "«e\u0301te\u0301»"),
        ("½ part", "1", "«½» part"),
        ("😀 été 😀", "été", "😀 «été» 😀"),
        ("jean-pierre", "pierre", "jean-«pierre»"),
    ],
)
def test_words_are_shown_where_they_stand(text, query, shown):
    assert marked(text, query) == shown


def test_a_long_text_is_cut_around_the_words():
    text = "avant " * 100 + "le contrat de Bonnet est résilié " + "après " * 100
    shown = marked(text, "bonnet résilié", length=60)
    assert "contrat de «Bonnet» est «résilié»" in shown
    assert shown.startswith("… avant")
    assert shown.endswith(" …")
    assert len(snippet(text, "bonnet", length=60).text) <= 64
    assert snippet(text, "absent", length=20).text == "avant avant avant …"
    assert marked(text + "fin", "fin", length=30).endswith("après «fin»")


def test_the_piece_with_the_most_words_is_shown():
    text = "Bonnet " + "rien " * 100 + "Bonnet résilie " + "rien " * 100
    assert "«Bonnet» «résilie»" in marked(text, "bonnet résilie")
    assert marked(text, "bonnet").startswith("«Bonnet» rien")


def test_a_word_longer_than_the_piece_is_cut():
    found = snippet("x" * 500 + " fin", "x*", length=50)
    assert found.text == "x" * 50 + " …"
    assert found.hits == [(0, 50)]


WORDS = st.text(st.sampled_from("aéŒ½'- \n\u0301ßİ㈱x")) | st.text(max_size=40)


@given(WORDS)
def test_words_in_place_are_the_words_that_are_searched(text):
    assert [word for word, *_ in _words_in(text)] == searched(text).split()
    assert "".join(map(plain, unicodedata.normalize("NFKD", text))).split() == searched(text).split()


@given(WORDS, WORDS, st.integers(1, 50))
def test_hits_lie_within_the_text(text, query, length):
    found = snippet(text, query, length=length)
    assert "\n" not in found.text
    assert len(found.text) <= length + 4
    ends = [0]
    for start, end in found.hits:
        assert ends[-1] <= start < end <= len(found.text)
        ends.append(end)
