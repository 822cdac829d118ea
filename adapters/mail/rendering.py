"""HTML of strangers, made safe to show and turned into text."""

import html as entities
import re
from collections import Counter

import nh3

from domain.values import storable

# Not `html.parser`: it takes quadratic time on tags that never end (14 s for 48 kB of "<a " in Python 3.11).
# As in a browser, what never ends lasts to the end of the document.
_TOKEN = re.compile(
    r"""<!--.*?(?:-->|\Z)
      | <(?P<hidden>script|style|title|iframe|template)(?=[\s/>]).*?(?:</(?P=hidden)(?=[\s/>])[^>]*(?:>|\Z)|\Z)
      | <(?P<tag>/?[a-z][^\s/>]*)(?:=\s*"[^"]*(?:"|\Z)|=\s*'[^']*(?:'|\Z)|=|[^>=]++)*+(?:>|\Z)
      | <[!?/][^>]*(?:>|\Z)
      | (?P<text>(?:[^<]++|<(?![a-z!?/]))++)""",
    re.DOTALL | re.IGNORECASE | re.VERBOSE,
)
_VOID = {"area", "base", "br", "col", "embed", "hr", "img", "input", "link", "meta", "param", "source", "wbr"}
_CLOSED_BY_NEXT = {"a", "body", "dd", "dt", "head", "html", "li", "option", "p", "tbody", "td", "th", "thead", "tr"}
_SCOPES = {"table", "object", "marquee"}
_LINES = {"br", "div", "tr", "dt", "dd", "form", "address", "center", "section", "article", "header", "footer"}
_PARAGRAPHS = {"p", "h1", "h2", "h3", "h4", "h5", "h6", "table", "ul", "ol", "dl", "blockquote", "pre", "hr"}
_SPACE = re.compile(r"[ \t\r\n\f\xa0]+")
_BETWEEN_ATTRIBUTES = re.compile(r"[\s/]")
_REFERENCE = re.compile(r"&(?:#\w{1,10};?|\w{1,32};)?")
_BAD_NUMBER = re.compile(r"&#(?:x[0-9a-f]{9,}|[0-9]{9,});?", re.IGNORECASE)  # Python refuses to convert the longest

_MAX_HTML = 4_000_000
_MAX_WORK = 1_000_000

_TAGS = nh3.ALLOWED_TAGS - {"area", "map", "wbr"} | {"font"}
_CELL = {"align", "colspan", "rowspan"}
_ATTRIBUTES = {
    "a": {"href"},
    "font": {"color"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "td": _CELL,
    "th": _CELL,
}
_LINK = re.compile(r"(?:https?|mailto|tel):", re.IGNORECASE)
_IMAGE = re.compile(r"cid:|data:image/(?:png|jpeg|gif|webp);base64,", re.IGNORECASE)


def sanitised_html(html: str) -> str:
    """HTML that runs nothing, sends nothing and loads nothing when shown: links stay, images only if they came with the
    message. What is too large or too entangled to be checked in good time comes back as its text alone.
    """
    html = _REFERENCE.sub(_numbered, storable(html))
    if len(html) > _MAX_HTML or _work(html) > _MAX_WORK:
        return f"<pre>{entities.escape(html_to_text(html))}</pre>"
    return nh3.clean(
        html,
        tags=_TAGS,
        clean_content_tags={"script", "style", "title", "iframe", "template"},
        attributes=_ATTRIBUTES,
        attribute_filter=_harmless,
        link_rel="noopener noreferrer nofollow",
        url_schemes={"http", "https", "mailto", "tel", "cid", "data"},
        url_relative="deny",
    )


def html_to_text(html: str) -> str:
    """The words a reader would see, blocks on lines of their own. Linear in the length of the HTML."""
    pieces: list[str] = []
    line_begins, preformatted = True, False
    for token in _TOKEN.finditer(html):
        text = token["text"] or ""
        if text:
            text = entities.unescape(_BAD_NUMBER.sub("\ufffd", text))
            if not preformatted:
                text = _SPACE.sub(" ", text)
        elif token["tag"]:
            tag = token["tag"].lower()
            preformatted = tag == "pre" or (preformatted and tag != "/pre")
            text = _break(tag)
        if line_begins and not preformatted:
            text = text.lstrip(" ")
        if text:
            pieces.append(text)
            line_begins = text[-1] in "\n "
    lines = "\n".join(line.rstrip() for line in storable("".join(pieces)).splitlines())
    return re.sub(r"\n{3,}", "\n\n", lines).strip("\n")


def _break(tag: str) -> str:
    name = tag.removeprefix("/")
    if name in _PARAGRAPHS:
        return "\n\n"
    if tag == "li":
        return "\n- "
    if name in {"td", "th"}:
        return " "
    return "\n" if name in _LINES else ""


def _numbered(reference: re.Match[str]) -> str:
    """A character reference by number, a bare ampersand too: html5ever takes quadratic time on those with a name."""
    text = entities.unescape(reference[0])
    if text == reference[0]:
        return "&#38;" + text[1:]
    return "".join(f"&#{ord(mark)};" for mark in text)


def _harmless(tag: str, attribute: str, value: str) -> str | None:
    match attribute:
        case "href":
            return value if _LINK.match(value) else None
        case "src":
            return value if _IMAGE.match(value) else None
        case _:
            return value


def _work(html: str) -> int:
    """How many open elements the HTML parser looks through, over all tags: html5ever takes quadratic time and memory on
    elements that are never closed, and on attributes. A newsletter of 5,000 tags, 30 deep, comes to 150,000.
    """
    scopes = [Counter[str]()]  # an end tag closes nothing outside of its table
    depth = work = 0
    for token in _TOKEN.finditer(html):
        if not token["tag"]:
            continue
        work += depth + (len(_BETWEEN_ATTRIBUTES.findall(token[0])) // 100) ** 2
        tag = token["tag"].lower()
        name = tag.removeprefix("/")
        if name in _VOID or name in _CLOSED_BY_NEXT:
            continue
        if name == tag:
            if name in _SCOPES:
                scopes.append(Counter())
            scopes[-1][name] += 1
            depth += 1
        elif scopes[-1][name]:
            scopes[-1][name] -= 1
            depth -= 1
            if name in _SCOPES:
                depth -= scopes.pop().total()
    return work
