"""What Prometheus reads: how the views and stores stand at that moment, and what was answered until then."""

import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from api.problems import RETRY_AFTER_SECONDS
from projections.office import office_projections
from projections.tickets.ticket import tickets
from tests.api.letters import letter
from tests.api.office import opened, serving, serving_halted
from tests.postgres import running_postgres
from tests.waiting import wait_until

PAGE = Path(__file__).parents[2] / "docs/metrics.md"
NAMES = {projection.name for projection in office_projections()}


class Scraped:
    """What `/metrics` gave."""

    def __init__(self, api):
        answer = api.get("/metrics", headers={"Authorization": ""})
        assert (answer.status_code, answer.headers["content-type"].partition(";")[0]) == (200, "text/plain")
        self.text = answer.text
        self.families = list(text_string_to_metric_families(answer.text))

    def __call__(self, name, **labels):
        """The values of a metric, by its labels but for those given."""
        return {
            tuple(value for label, value in sample.labels.items() if label not in labels): sample.value
            for family in self.families
            for sample in family.samples
            if sample.name == name and labels.items() <= sample.labels.items()
        }


def test_each_view_and_store_is_told(api, greffier):
    api.receive(letter())
    api.read("/tickets")
    wait_until(lambda: not any(view.lag for view in greffier.engine.status()), "the views")

    told = Scraped(api)

    head = greffier.log.head()
    assert told("greffier_log_head_position") == {(): head}
    assert told("greffier_view_position") == {(name,): head for name in NAMES}
    assert set(told("greffier_view_lag_events").values()) == set(told("greffier_view_lag_seconds").values()) == {0}
    assert told("greffier_view_state", state="live") == {(name,): 1 for name in NAMES}
    assert not any(told("greffier_view_state", state="faulted").values())
    assert told("greffier_store_up") == {(store,): 1 for store in ("log", "vault", "views", "desk")}
    assert told("process_resident_memory_bytes")[()] > 1e6


def test_views_that_nobody_brings_on_fall_behind(halted):
    greffier, api = halted
    greffier.catch_up()
    head = greffier.log.head()
    api.receive(letter())

    told = Scraped(api)

    assert told("greffier_view_lag_events", view="tickets")[()] == told("greffier_log_head_position")[()] - head > 0
    assert told("greffier_view_lag_seconds", view="tickets")[()] > 0


def test_a_view_that_stops_is_told(halted, monkeypatch):
    greffier, api = halted
    greffier.catch_up()

    def break_down(*_):
        raise RuntimeError("Madame Bonnet")

    monkeypatch.setattr(type(tickets), "apply", break_down)
    api.receive(letter())
    greffier.catch_up()

    told = Scraped(api)
    assert told("greffier_view_state", view="tickets") == {
        ("live",): 0, ("faulted",): 1, ("building",): 0, ("outdated",): 0, ("missing",): 0
    }  # fmt: skip
    assert "Bonnet" not in told.text


def test_how_far_a_rebuild_is(halted):
    greffier, api = halted
    greffier.catch_up()
    assert not Scraped(api)("greffier_view_rebuilt_to_position")

    rebuilt(greffier, "tickets", to=3, rate=250.0)

    assert Scraped(api)("greffier_view_rebuilt_to_position") == {("tickets",): 3}
    assert Scraped(api)("greffier_view_events_per_second", view="tickets") == {(): 250}


def rebuilt(greffier, name, *, to, rate):
    """Notes in the read store how far a rebuild has come, as the process that does it would."""
    with greffier.views.writing() as writer:
        view = writer.views()[name]
        writer.put(replace(view, rebuilt_to=to, rate=rate, moved_at=datetime.now(UTC)))


def test_events_of_unknown_types_are_told(halted, monkeypatch):
    greffier, api = halted
    assert not Scraped(api)("greffier_unknown_topic_position")
    greffier.views.note_unknown_topic("TicketTeleported", 3)
    assert Scraped(api)("greffier_unknown_topic_position") == {("TicketTeleported",): 3}


def test_answers_are_counted_by_operation_and_status(api):
    for path in ("/tickets", "/tickets", "/tickets?limit=0"):
        api.get(path)
    api.get("/tickets", headers={"Authorization": ""})

    told = Scraped(api)

    by_status = {("200",): 2, ("422",): 1, ("401",): 1}
    assert told("greffier_http_requests_total", operation="list_tickets") == by_status
    assert told("greffier_http_request_seconds_count", operation="list_tickets") == {(): 4}
    assert 0 < told("greffier_http_request_seconds_sum", operation="list_tickets")[()] < 60


def test_two_applications_of_one_process_count_apart(api, greffier):
    api.get("/tickets")
    with serving_halted(greffier) as other:
        assert not Scraped(other)("greffier_http_requests_total")


def test_no_name_is_told(api):
    api.register("Bonnet", "claire@courriel.example")
    assert "Bonnet" not in Scraped(api).text


def test_every_metric_is_explained(api, greffier, monkeypatch):
    api.get("/tickets")
    greffier.views.note_unknown_topic("TicketTeleported", 3)
    told = {family.name for family in Scraped(api).families if not family.name.endswith("_created")}
    told = {f"{name}_total" if name in {"greffier_http_requests", "process_cpu_seconds"} else name for name in told}
    told |= {"greffier_view_rebuilt_to_position"}

    explained = set(re.findall(r"`((?:greffier|process)_\w+)[`{]", PAGE.read_text("utf-8")))
    assert {name for name in told if name.startswith("greffier")} | {"process_resident_memory_bytes"} <= explained
    assert explained <= told


# --- a server that is gone ------------------------------------------------------------------------


@pytest.fixture
def server():
    with running_postgres() as server:
        yield server


def test_while_postgresql_is_down_all_say_so_and_come_back_by_themselves(server, tmp_path):
    with opened(tmp_path / "office", store=server.url(server.new_name())) as greffier, serving(greffier) as api:
        api.receive(letter())
        assert api.read("/tickets")["items"]

        server.kill()

        for path in ("/tickets", "/projections", "/health"):
            answer = api.get(path)
            assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
            assert answer.headers["retry-after"] == str(RETRY_AFTER_SECONDS)
        sent = api.send_in(letter(message_id="<second@courriel.example>"))
        assert (sent.status_code, sent.headers["retry-after"]) == (503, str(RETRY_AFTER_SECONDS))
        told = Scraped(api)
        assert told("greffier_store_up") == {(store,): 0 for store in ("log", "vault", "views", "desk")}
        assert not told("greffier_view_position")
        assert told("greffier_http_requests_total", operation="list_tickets")[("503",)] == 1

        server.start()

        wait_until(lambda: api.get("/health").status_code == 200, "the office is well again")
        api.receive(letter(message_id="<second@courriel.example>"))
        assert len(api.read("/tickets")["items"]) == 2
        assert set(Scraped(api)("greffier_store_up").values()) == {1}
