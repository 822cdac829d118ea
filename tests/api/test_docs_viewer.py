"""The documentation page: what the viewer is, what a browser is told that it may do, and that nothing comes from elsewhere."""

import re
from hashlib import sha256

import pytest

from tests.vendored_viewer import FOLDER

LOADED = {
    "docs/start.js": "text/javascript; charset=utf-8",
    "docs/swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "docs/swagger-ui.css": "text/css; charset=utf-8",
}


def get(api, path, **headers):
    return api.get(path, headers={"Authorization": "", **headers})


def page(api):
    answer = get(api, "/docs")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "text/html; charset=utf-8")
    return answer.text


def test_the_page_loads_what_this_server_answers_and_nothing_else(api):
    named = re.findall(r'\b(?:href|src)="([^"]*)"', page(api))

    assert set(named) == {"data:,", "openapi.json", *LOADED}
    for path, media_type in LOADED.items():
        answer = get(api, f"/{path}")
        assert (answer.status_code, answer.headers["content-type"]) == (200, media_type)
    assert get(api, "/docs/swagger-ui-bundle.js").content == (FOLDER / "swagger-ui-bundle.js").read_bytes()
    assert get(api, "/docs/swagger-ui.css").content == (FOLDER / "swagger-ui.css").read_bytes()


def test_the_page_shows_the_document_of_this_server(api):
    started = get(api, "/docs/start.js").text

    assert 'url: "openapi.json"' in started
    assert page(api).count('<div id="viewer">') == started.count('dom_id: "#viewer"') == 1
    assert get(api, "/openapi.json").status_code == 200


def test_what_is_ours_names_no_other_host_and_keeps_no_token(api):
    started = get(api, "/docs/start.js").text

    for text in (page(api), started):
        assert not re.search(r"//\w|@import|url\(", text)
    assert "persistAuthorization: false" in started
    assert "validatorUrl: null" in started
    assert "queryConfigEnabled: false" in started


def test_nothing_of_the_page_is_inline(api):
    shown = page(api)

    assert re.findall(r"<script\b[^>]*>", shown) == re.findall(r'<script src="[^"]*" defer>', shown)
    assert re.findall(r"<script\b[^>]*>([^<]*)</script>", shown) == ["", ""]
    assert not re.search(r"<style\b|\bstyle=|\bon\w+=|javascript:", shown)


@pytest.mark.parametrize("path", ["docs", *LOADED])
def test_a_browser_is_held_to_this_server(api, path):
    headers = get(api, f"/{path}").headers
    policy = dict(part.split(" ", 1) for part in headers["content-security-policy"].split("; "))

    assert policy == {
        "default-src": "'none'",
        "script-src": "'self'",
        "style-src": "'self'",
        "img-src": "data:",
        "connect-src": "'self'",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "no-referrer")


@pytest.mark.parametrize("path", ["docs", *LOADED])
def test_what_a_browser_has_is_not_sent_again(api, path):
    first = get(api, f"/{path}")
    etag = first.headers["etag"]
    again = get(api, f"/{path}", **{"If-None-Match": f'"another", W/{etag}'})
    other = get(api, f"/{path}", **{"If-None-Match": '"another"'})

    assert etag == f'"{sha256(first.content).hexdigest()}"'
    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", etag)
    assert (other.status_code, other.content) == (200, first.content)


@pytest.mark.parametrize("path", ["/docs/", "/docs/index.html", "/docs/swagger-ui.json", "/docs/%2e%2e/app.py"])
def test_nothing_else_of_the_folder_is_shown(api, path):
    assert get(api, path).json()["status"] == 404
