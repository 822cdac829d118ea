"""How the read models stand, as collaborators are told."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from projections.office import office_projections
from projections.tickets.ticket import tickets
from tests.api.letters import letter

NAMES = [projection.name for projection in office_projections()]


def listed(api):
    answer = api.get("/projections")
    assert answer.status_code == 200, answer.text
    return {view["name"]: view for view in answer.json()["items"]}


def test_every_view_is_listed_with_its_state_and_lag(api, greffier):
    api.receive(letter())
    for path in ("/tickets", "/clients"):
        api.read(path)

    told = api.get("/projections").json()

    assert (told["head"], [view["name"] for view in told["items"]]) == (greffier.log.head(), NAMES)
    shown = api.get("/projections/tickets").json()
    assert shown | {"rate": 0} == {
        "name": "tickets",
        "version": tickets.version,
        "state": "live",
        "position": told["head"],
        "lag": 0,
        "lag_seconds": 0.0,
        "rate": 0,
        "rebuilt_to": None,
        "error": None,
    }


def test_what_a_view_waits_for_is_told(halted):
    greffier, api = halted
    assert {view["state"] for view in listed(api).values()} == {"missing"}
    greffier.catch_up()
    api.receive(letter())

    view = listed(api)["tickets"]
    assert view["lag"] == greffier.log.head() - view["position"] > 0
    assert view["lag_seconds"] > 0


def test_where_and_why_a_view_stopped_is_told(halted, monkeypatch):
    greffier, api = halted
    greffier.catch_up()

    def break_down(*_):
        raise RuntimeError("this event can't be folded")

    monkeypatch.setattr(type(tickets), "apply", break_down)
    api.receive(letter())
    greffier.catch_up()

    view = listed(api)["tickets"]
    assert view["state"] == "faulted"
    assert view["error"].startswith(f"event {view['position'] + 1}: RuntimeError in test_projections.py, line ")


def test_how_far_a_rebuild_is(halted):
    greffier, api = halted
    greffier.catch_up()
    with greffier.views.writing() as writer:
        moving = {"rebuilt_to": 3, "rate": 250.0, "moved_at": datetime.now(UTC)}
        writer.put(replace(writer.views()["tickets"], **moving))

    told = listed(api)
    assert (told["tickets"]["rebuilt_to"], told["tickets"]["rate"]) == (3, 250.0)
    assert told["clients"]["rebuilt_to"] is None


@pytest.mark.parametrize(("name", "status"), [("nothing", 404), ("Tickets", 422)])
def test_a_view_that_there_is_none_of(api, name, status):
    answer = api.get(f"/projections/{name}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    if status == 404:
        assert answer.json()["type"] == "/problems/unknown-view"


def test_only_collaborators_are_told(api):
    for path in ("/projections", "/projections/tickets"):
        assert api.get(path, headers={"Authorization": ""}).status_code == 401
