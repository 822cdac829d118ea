"""Health and the document: what needs no token."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta

from openapi_pydantic import OpenAPI

from api.health import LATE_AFTER_SECONDS
from api.problems import RETRY_AFTER_SECONDS
from api.routes import office_operations
from projections.tickets.ticket import tickets
from tests.api.letters import letter


def health(client):
    answer = client.get("/health", headers={"Authorization": ""})
    assert answer.headers["content-type"] == "application/json"
    return answer.status_code, answer.json()


def test_an_office_whose_views_are_up_to_date_is_well(api, greffier):
    api.receive(letter())
    api.read("/tickets")

    status, told = health(api)

    assert (status, told["status"], told["lag_seconds"], told["unknown_topics"]) == (200, "ok", 0.0, {})
    assert told["head"] == greffier.log.head()
    assert {view["name"]: (view["state"], view["lag"]) for view in told["views"]}["tickets"] == ("live", 0)


def test_a_view_that_is_faulted_degrades_it_until_that_is_mended(halted, monkeypatch):
    greffier, client = halted
    greffier.catch_up()

    def break_down(*_):
        raise RuntimeError("this event can't be folded")

    with monkeypatch.context() as broken:
        broken.setattr(type(tickets), "apply", break_down)
        client.receive(letter())
        greffier.catch_up()

    status, told = health(client)
    assert (status, told["status"]) == (503, "degraded")
    assert {view["name"]: view["state"] for view in told["views"]}["tickets"] == "faulted"

    greffier.catch_up()
    assert health(client)[0] == 200


def test_views_that_stand_still_degrade_it_once_they_are_late(halted, monkeypatch):
    greffier, client = halted
    greffier.catch_up()
    client.receive(letter())

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return super().now(tz) + timedelta(minutes=1)

    status, told = health(client)
    assert (status, told["status"]) == (200, "ok")
    assert all(view["lag"] > 0 for view in told["views"])
    monkeypatch.setattr("projections.engine.status.datetime", Later)
    status, told = health(client)
    assert (status, told["status"]) == (503, "degraded")
    assert 60 <= told["lag_seconds"] < 120


def test_views_that_were_never_built_degrade_it(halted):
    _, client = halted

    status, told = health(client)

    assert (status, told["status"], {view["state"] for view in told["views"]}) == (503, "not_ready", {"missing"})


def test_views_that_are_built_for_the_first_time_are_not_ready(halted):
    greffier, client = halted
    greffier.catch_up()
    _note(greffier, state="building", rebuilt_to=1)

    status, told = health(client)

    assert (status, told["status"]) == (503, "not_ready")


def test_views_may_lie_behind_while_one_is_rebuilt_but_not_while_that_stands_still(halted, monkeypatch):
    greffier, client = halted
    greffier.catch_up()
    client.receive(letter())
    later = datetime.now(UTC) + timedelta(seconds=LATE_AFTER_SECONDS + 1)

    class Later(datetime):
        @classmethod
        def now(cls, tz=None):
            return later.astimezone(tz)

    monkeypatch.setattr("projections.engine.status.datetime", Later)
    assert health(client)[1]["status"] == "degraded"
    _note(greffier, rebuilt_to=1, rate=100.0, moved_at=later - timedelta(seconds=1))
    status, told = health(client)
    assert (status, told["status"]) == (200, "ok")
    assert {view["name"] for view in told["views"] if view["rebuilding"]} == {"tickets"}
    _note(greffier, rebuilt_to=1, rate=100.0, moved_at=later - timedelta(minutes=1))
    assert health(client)[1]["status"] == "degraded"


def _note(greffier, **changes):
    with greffier.views.writing() as writer:
        writer.put(replace(writer.views()["tickets"], **changes))


def test_who_is_told_that_it_is_not_well_is_told_when_to_ask_again(halted):
    _, client = halted
    answer = client.get("/health")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, str(RETRY_AFTER_SECONDS))


def test_events_of_an_unknown_type_degrade_it(api, greffier, monkeypatch):
    api.read("/tickets")
    greffier.views.note_unknown_topic("TicketTeleported", 3)

    status, told = health(api)

    assert (status, told["status"], told["unknown_topics"]) == (503, "degraded", {"TicketTeleported": 3})


def test_the_document_is_openapi_3_1(api):
    answer = api.get("/openapi.json", headers={"Authorization": ""})

    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    document = answer.json()
    assert OpenAPI.model_validate(document).openapi == "3.1.0"
    assert sum(len(item) for item in document["paths"].values()) == len(office_operations()) + 4
    references = set(re.findall(r'"\$ref":"#/components/schemas/([^"]*)"', answer.text))
    assert references <= document["components"]["schemas"].keys()


def test_health_tells_no_names(api):
    api.register("Bonnet", "claire@courriel.example")

    assert "Bonnet" not in api.get("/health").text
