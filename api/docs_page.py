"""The documentation page: the OpenAPI document as one HTML page that works offline, with nothing to load."""

from __future__ import annotations

from html import escape
from typing import Any, Final

import orjson

_STYLE: Final = """
:root { color-scheme: light dark; --line: #8885; --code: #8882; --accent: #2463eb; }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 0 auto; padding: 2rem 1rem; }
h2 { margin-top: 2.5rem; border-bottom: 1px solid var(--line); text-transform: capitalize; }
details { border: 1px solid var(--line); border-radius: .5rem; margin: .5rem 0; padding: .25rem .75rem; }
summary { cursor: pointer; padding: .35rem 0; }
code, pre { font: 14px/1.45 ui-monospace, monospace; background: var(--code); border-radius: .3rem; }
code { padding: .1rem .3rem; } pre { padding: .75rem; overflow-x: auto; }
.method { display: inline-block; min-width: 4.2rem; font-weight: 700; color: var(--accent); }
table { border-collapse: collapse; width: 100%; } td, th { text-align: left; vertical-align: top; padding: .3rem .6rem .3rem 0; }
.muted { opacity: .75; }
"""


def documentation_page(document: dict[str, Any]) -> str:
    """The page, as HTML."""
    info = document["info"]
    by_tag: dict[str, list[str]] = {}
    for path, item in document["paths"].items():
        for method, operation in item.items():
            by_tag.setdefault(operation["tags"][0], []).append(_operation(method, path, operation))
    sections = "".join(f"<h2>{escape(tag)}</h2>{''.join(shown)}" for tag, shown in by_tag.items())
    schemas = "".join(
        f'<details id="{escape(name)}"><summary><code>{escape(name)}</code></summary>{_json(schema)}</details>'
        for name, schema in sorted(document["components"]["schemas"].items())
    )
    return (
        f'<!doctype html><html lang="en"><meta charset="utf-8">'
        f'<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{escape(info['title'])} {escape(info['version'])}</title><style>{_STYLE}</style>"
        f"<h1>{escape(info['title'])} <small class=muted>{escape(info['version'])}</small></h1>"
        f"<p>{_text(info['description'])}</p>"
        f"<p>Send <code>Authorization: Bearer TOKEN</code>, with a token from <code>greffier token</code>. "
        f'The machine-readable document is <a href="openapi.json">openapi.json</a>.</p>'
        f"{sections}<h2>Schemas</h2>{schemas}</html>"
    )


def _operation(method: str, path: str, operation: dict[str, Any]) -> str:
    parameters = "".join(
        f"<tr><td><code>{escape(p['name'])}</code><td>{escape(p['in'])}{' (required)' if p.get('required') else ''}"
        f"<td>{_text(p.get('description', ''))}"
        for p in operation.get("parameters", ())
    )
    answers = "".join(
        f"<tr><td><code>{escape(status)}</code><td>{_text(answer['description'])}<td>{_links(answer.get('content', {}))}"
        for status, answer in operation["responses"].items()
    )
    body = operation.get("requestBody")
    return (
        f'<details><summary><span class="method">{method.upper()}</span> <code>{escape(path)}</code> '
        f'<span class="muted">{escape(operation.get("summary", ""))}</span></summary>'
        f"<p>{_text(operation.get('description', ''))}</p>"
        + (f"<h4>Parameters</h4><table>{parameters}</table>" if parameters else "")
        + (f"<h4>Body</h4><p>{_links(body['content'])}</p>" if body else "")
        + f"<h4>Answers</h4><table>{answers}</table></details>"
    )


def _links(content: dict[str, Any]) -> str:
    shown = []
    for media_type, described in content.items():
        name = described["schema"].get("$ref", "").rpartition("/")[2]
        link = f' <a href="#{escape(name)}">{escape(name)}</a>' if name else ""
        shown.append(f"<code>{escape(media_type)}</code>{link}")
    return " ".join(shown)


def _text(markdown: str) -> str:
    """A line of text whose `code` shows as code."""
    parts = escape(markdown).split("`")
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))


def _json(value: Any) -> str:
    return f"<pre>{escape(orjson.dumps(value, option=orjson.OPT_INDENT_2).decode())}</pre>"
