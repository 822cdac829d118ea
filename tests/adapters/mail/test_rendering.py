"""HTML of strangers: what the office sees of it, and what it must never load or run."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adapters.mail.rendering import html_to_text, sanitised_html


@pytest.mark.parametrize(
    ("html", "shown"),
    [
        ("<p>Bonjour <b>madame</b></p>", "<p>Bonjour <b>madame</b></p>"),
        ("<script>alert(1)</script>Bonjour", "Bonjour"),
        ("<style>@import url(http://pisteur.example)</style>Bonjour", "Bonjour"),
        ("<title>Facture</title>Bonjour", "Bonjour"),
        ('<p onclick="x()" style="background:url(//pisteur.example/a)">a</p>', "<p>a</p>"),
        ('<td background="http://pisteur.example/a">a</td>', "a"),
        ('<iframe src="https://pisteur.example">a</iframe>b', "b"),
        ('<form action="https://pisteur.example"><input name="iban"><button>Envoyer</button></form>', "Envoyer"),
        ('<link rel="stylesheet" href="http://pisteur.example/a.css">a', "a"),
        ('<base href="http://pisteur.example/">a', "a"),
        ('<meta http-equiv="refresh" content="0;url=http://pisteur.example">a', "a"),
        ("<!--[if mso]>a<![endif]-->b", "b"),
        ('<img src="http://pisteur.example/1.gif" alt="Logo">', '<img alt="Logo">'),
        ('<img src=" https://pisteur.example/1.gif">', "<img>"),
        ('<img src="//pisteur.example/1.gif">', "<img>"),
        ('<img srcset="http://pisteur.example/1.gif 2x">', "<img>"),
        ('<img src="data:image/svg+xml;base64,PHN2Zz4=">', "<img>"),
        ('<img src="cid:logo@essai.example" width="20">', '<img src="cid:logo@essai.example" width="20">'),
        ('<img src="data:image/png;base64,iVBORw==">', '<img src="data:image/png;base64,iVBORw==">'),
        ("R&D, l&eacute;gal &amp; s&ucirc;r &inconnu; &#233; &#233", "R&amp;D, légal &amp; sûr &amp;inconnu; é é"),
        ("a\0b\ud800", "a\ufffdb\ufffd"),
        ("", ""),
    ],
)
def test_what_runs_or_loads_is_removed(html, shown):
    assert sanitised_html(html) == shown


@pytest.mark.parametrize(
    "href", ["javascript:alert(1)", "java\tscript:alert(1)", "data:text/html,x", "//essai.example", "/x", "cid:a", ""]
)
def test_a_link_that_is_no_link_loses_its_target(href):
    assert sanitised_html(f'<a href="{href}">a</a>') == '<a rel="noopener noreferrer nofollow">a</a>'


@pytest.mark.parametrize(
    "href", ["https://essai.example/?a=1&amp;copy=2", "mailto:luc@essai.example", "tel:+33100000000"]
)
def test_a_link_keeps_its_target_and_tells_it_nothing(href):
    assert sanitised_html(f'<a href="{href}">a</a>') == f'<a href="{href}" rel="noopener noreferrer nofollow">a</a>'


def test_what_is_too_large_to_check_is_shown_as_text():
    shown = sanitised_html("<p>Bonjour &lt;b&gt;</p>" + "<!-- x -->" * 400_001)
    assert shown == "<pre>Bonjour &lt;b&gt;</pre>"


@pytest.mark.parametrize(
    "hostile",
    [
        "<div>",
        "<b></i>",
        "<ul><li>",
        "<div><table><td></div></td></table>",
        "<div><object></div></object>",
        "&amp",
        "&a;",
        "<a ",
        '<a href="',
        "<!--",
        "</script",
        "<",
    ],
)
def test_hostile_html_takes_no_more_than_linear_time(hostile):
    html = hostile * 60_000  # minutes, for a parser in quadratic time
    began = time.process_time()
    sanitised_html(html)
    html_to_text(html)
    assert time.process_time() - began < 20


def test_a_tag_of_too_many_attributes_is_not_looked_into():
    assert sanitised_html("Bonjour<a " + " ".join(f"x{n}" for n in range(200_000))) == "<pre>Bonjour</pre>"


def test_a_long_table_that_is_well_formed_is_shown_as_it_is():
    row = "<tr><td><div><b>Prime</b></div></td><td>120 €</td></tr>"
    assert "<td>120 €</td>" in sanitised_html("<table>" + row * 3000 + "</table>")


@pytest.mark.parametrize(
    ("html", "text"),
    [
        ("<p>Bonjour,</p><p>Au revoir</p>", "Bonjour,\n\nAu revoir"),
        ("<div>a</div><div>b</div>c<br>d", "a\n\nb\nc\nd"),
        ("a<ul><li>un</li><li>deux</li></ul>b", "a\n\n- un\n- deux\n\nb"),
        ("<table><tr><td>Prime</td><td>120&nbsp;€</td></tr><tr><td>Taxe</td></tr></table>", "Prime 120 €\n\nTaxe"),
        ("<style>p{}</style><script>a<b</script><title>t</title>Bonjour", "Bonjour"),
        ("<SCRIPT>a</SCRIPT >Bonjour", "Bonjour"),
        ("<script>jamais fermé", ""),
        ("a<!-- <p> -->b<!jamais><?xml x?></ >c", "abc"),
        ("  a \n\t b  ", "a b"),
        ("<pre>  a\n    b</pre>  c", "  a\n    b\n\nc"),
        ("&eacute;t&eacute; &#233; &lt;b&gt; &inconnu;", "été é <b> &inconnu;"),
        ("&#" + "9" * 5000 + ";&#0;&#xd800;", "\ufffd\ufffd\ufffd"),
        ("3 < 4 et 5 > 4", "3 < 4 et 5 > 4"),
        ("<p title=l'avis>a</p><p title=\"b>c\" class='d>e' id = x>b</p>", "a\n\nb"),
        ('<a href="jamais fermé>a', ""),
        ("a\0\ud800", "a\ufffd\ufffd"),
        ("", ""),
    ],
)
def test_html_is_read_as_text(html, text):
    assert html_to_text(html) == text


FRAGMENTS = [
    *("<", ">", "</", "<p>", "</p>", "<table>", "</table>", "<td>", "<div ", "a=", '"', "'", "&", "&#", "9" * 20, ";"),
    *("<pre>", "</pre>", "<script>", "</script>", "<!--", "-->", "é", "\0", "\ud800", " ", "\n", "<img src=x>"),
]


@given(
    st.lists(
        st.sampled_from(FRAGMENTS),
        max_size=40,
    ).map("".join)
)
def test_no_html_breaks_the_rendering(html):
    html_to_text(html).encode()
    shown = sanitised_html(html)
    shown.encode()
    assert "<script" not in shown
    assert 'src="' not in shown
