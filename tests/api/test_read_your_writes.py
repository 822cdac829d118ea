"""Every read of a view can be asked for the position of an earlier write, and never answers from before it (X10)."""

from uuid import uuid4

import pytest

from tests.api.document import IDENTIFIED, required_query
from tests.api.office import opened, serving_halted

READ_NO_VIEW = {
    "health",
    "metrics",
    "this_document",
    "the_documentation_page",
    "show_document_content",
    "list_projections",
    "show_projection",
    "list_quarantine",
    "show_quarantined",
    "show_quarantined_raw",
    "show_body",
    "show_raw",
    "show_attachment",
    "show_message_body",
    "show_message_raw",
    "show_message_attachment",
}
"""What is read from the log, from files or from the desk itself, as it is now; and how the views stand."""

BODIES = {"preview_filings": {"ticket_ids": [str(uuid4())], "on": None}}


def takes_position(operation):
    return "min_position" in {parameter["name"] for parameter in operation.get("parameters", ())}


READS = {name for name, (_, _, operation) in IDENTIFIED.items() if takes_position(operation)}


@pytest.fixture(scope="module")
def behind(tmp_path_factory):
    """An office whose views stand before its last event; and the position of that."""
    with (
        opened(tmp_path_factory.mktemp("office"), read_timeout=0.01) as greffier,
        serving_halted(greffier) as api,
    ):
        greffier.catch_up()
        api.register("Bonnet")
        yield api


@pytest.mark.behaviour("X10")
def test_every_read_of_a_view_takes_a_position():
    reads = {name for name, (method, _, _) in IDENTIFIED.items() if method == "GET"}
    assert reads - READS == READ_NO_VIEW & reads


@pytest.mark.behaviour("X10")
@pytest.mark.parametrize("identified", sorted(READS))
def test_no_read_answers_from_before_the_position_asked_for(behind, identified):
    method, path, operation = IDENTIFIED[identified]
    ids = {parameter["name"]: uuid4() for parameter in operation.get("parameters", ()) if parameter["in"] == "path"}
    answer = behind.request(
        method,
        path.format(**ids),
        params={"min_position": behind.position, **required_query(operation)},
        json=BODIES.get(identified),
    )
    assert answer.status_code == 503, answer.text
    assert answer.json()["type"] == "/problems/views-behind"
    assert answer.headers["Retry-After"]
