"""The read models on the command line, whether this process projects them or a server does."""

import io
import re
import sqlite3
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from itertools import count

import pytest
from rich.console import Console

from api.cli import session
from projections.office import office_projections
from tests.cli.command_line import errors
from tests.waiting import PATIENCE, wait_until

NAMES = [projection.name for projection in office_projections()]


def empty(verified):
    """The views without a row: in the demonstration, nobody indexed a document yet."""
    return {view["name"] for view in verified if not view["rows"]}


@pytest.fixture(params=["alone", "beside a server"])
def projected(request, demo):
    """The demonstration's office, its views projected by each command or by a server."""
    if request.param == "beside a server":
        demo.serve()
    return demo


def test_each_views_state_is_shown(projected):
    status = projected.json("projections", "status")
    assert [view["name"] for view in status["views"]] == NAMES
    assert {(view["state"], view["position"], view["lag"], view["error"]) for view in status["views"]} == {
        ("live", status["head"], 0, None)
    }
    said = projected("projections", "status").stdout
    assert all(name in said for name in NAMES)


def comment_on_first(office):
    ticket_id = office.json("tickets", "show", "1")["ticket_id"]
    office("api", "POST", f"/tickets/{ticket_id}/comments", "text=Rappeler")


def test_views_are_rebuilt_and_equal_a_replay(projected):
    comment_on_first(projected)  # of all else, the demonstration has some
    before = _generations(projected)
    assert projected.json("projections", "rebuild", "tickets", "clients")["rebuilt"] == ["tickets", "clients"]
    after = _generations(projected)
    assert {name for name in NAMES if after[name] == before[name] + 1} == {"tickets", "clients"}
    assert projected.json("projections", "rebuild", "--all")["rebuilt"] == NAMES
    assert all(_generations(projected)[name] > after[name] for name in NAMES)
    verified = projected.json("projections", "verify")
    assert [(view["name"], view["equal"]) for view in verified] == [(name, True) for name in NAMES]
    assert empty(verified) == {"documents"}


def _generations(greffier):
    with greffier.open() as office:
        return {name: view.generation for name, view in office.views.views().items()}


def test_a_row_that_is_not_what_the_log_says_is_found(projected):
    with closing(sqlite3.connect(projected.folder / "views.sqlite", isolation_level=None)) as views:
        views.execute("UPDATE tickets SET subject = 'forged' WHERE number = 7")
        views.execute("DELETE FROM tickets WHERE number = 8")
    ran = projected("projections", "verify", "tickets", "clients", "--json", exit_code=5)
    found = {view["name"]: view for view in ran.json}
    assert [(name, found[name]["equal"]) for name in ("tickets", "clients")] == [("tickets", False), ("clients", True)]
    assert (len(found["tickets"]["different"]), len(found["tickets"]["missing"])) == (1, 1)
    assert errors(ran) == ["greffier: not equal to a replay of the log: tickets"]
    projected("projections", "rebuild", "tickets")
    projected("projections", "verify")


def test_views_that_were_deleted_are_made_again(demo):
    comment_on_first(demo)
    for path in demo.folder.glob("views.sqlite*"):
        path.unlink()
    assert {view["state"] for view in demo.json("projections", "status")["views"]} == {"missing"}
    assert empty(demo.json("projections", "verify")) == {"documents"}
    for path in demo.folder.glob("views.sqlite*"):
        path.unlink()
    assert demo.json("projections", "rebuild", "--all")["events"]
    assert demo.json("tickets", "list")["total"] == 179


def test_the_events_behind_a_row_are_listed(projected):
    (ticket,) = projected.json("tickets", "list", "--filed", "--limit", "1")["items"]
    events = projected.json("projections", "explain", "tickets", ticket["ticket_id"])
    assert [event["event"] for event in events] == ["TicketReceived", "TicketClassified"]
    assert {event["stream_id"] for event in events} == {ticket["ticket_id"]}
    assert {event["actor"] for event in events} == {"rule:mail_import"}
    assert "TicketReceived" in projected("projections", "explain", "tickets", ticket["ticket_id"]).stdout


# --- a view that stops ----------------------------------------------------------------------------


@pytest.fixture
def stopped(demo):
    """The demonstration's office; its tickets' view stopped at an event that was altered, and is whole again."""
    state = "SELECT position, state FROM events WHERE topic = 'TicketReceived' ORDER BY position DESC LIMIT 1"
    with closing(sqlite3.connect(demo.folder / "log.sqlite", isolation_level=None)) as log:
        ((position, whole),) = log.execute(state).fetchall()
        log.execute("UPDATE events SET state = ? WHERE position = ?", (whole[:-1], position))
        with demo.open() as office:
            with office.views.writing() as writer:
                for view in writer.views().values():
                    writer.put(replace(view, fingerprint="another"))
            office.engine.open()
        yield demo, position, lambda: log.execute("UPDATE events SET state = ? WHERE position = ?", (whole, position))


def test_a_view_that_stopped_is_shown_with_its_error_and_by_the_exit_code(stopped):
    demo, position, _ = stopped
    ran = demo("projections", "status", "--json", exit_code=5)
    shown = {view["name"]: view for view in ran.json["views"]}
    assert shown["tickets"]["state"] == "faulted"
    assert f"event {position}: " in shown["tickets"]["error"]
    assert shown["tickets"]["lag"] == ran.json["head"] - position + 1
    assert shown["clients"]["state"] == "live"
    (line,) = errors(ran)
    assert line.startswith("greffier: at an event that can't be folded: ")
    assert "tickets" in line
    assert f"event {position}: " in demo("projections", "status", exit_code=5).stdout


@pytest.mark.parametrize("with_server", [False, True], ids=["alone", "beside a server"])
def test_a_view_that_stopped_goes_on_once_it_is_mended_and_retried(stopped, with_server):
    demo, position, mend = stopped
    if with_server:
        _serve_until_it_projects(demo)
    ran = demo("projections", "retry", "tickets", "--json", exit_code=5)
    assert ran.json["state"] == "faulted"
    assert errors(ran)[-1].startswith(f"greffier: tickets stopped again: event {position}: ")
    mend()
    if with_server:
        assert demo("projections", "retry", "tickets").stdout.startswith("tickets goes on: it stands at ")
    else:
        assert demo.json("projections", "retry", "tickets")["state"] == "live"
    demo("projections", "verify", "tickets")
    (line,) = errors(demo("projections", "retry", "tickets", exit_code=1))
    assert "nothing to retry" in line


def _serve_until_it_projects(demo):
    """Serves the office, and waits until the engine has begun: then it tries what had stopped once more."""
    with demo.open() as office:
        with office.views.writing() as writer:
            writer.put(replace(writer.views()["clients"], fingerprint="another"))
        demo.serve()
        wait_until(lambda: office.views.views()["clients"].fingerprint != "another", "the server's engine")
        wait_until(lambda: office.views.views()["tickets"].state == "faulted", "what it can't fold")


# --- progress -------------------------------------------------------------------------------------


def test_a_rebuild_in_another_process_is_shown(demo):
    with demo.open() as office, office.views.writing() as writer:
        view = writer.views()["tickets"]
        writer.put(replace(view, rebuilt_to=view.position // 4, rate=1234.0, moved_at=datetime.now(UTC)))
    shown = {view["name"]: view for view in demo.json("projections", "status")["views"]}
    assert (shown["tickets"]["rebuilt_to"], shown["tickets"]["rate"]) == (view.position // 4, 1234)
    said = demo("projections", "status").stdout
    assert "25%" in said
    assert "1,234/s" in said


def test_a_progress_bar_tells_the_rate_and_the_time_left(monkeypatch):
    screen, clock = io.StringIO(), count()
    watched = Console(file=screen, force_terminal=True, width=120, get_time=lambda: float(next(clock)))
    monkeypatch.setattr(session, "notices", watched)
    with session.progress_bar("Rebuilding", silent=False) as show:
        for done in range(0, 5_000, 500):
            show(done, 10_000)
    last = screen.getvalue()
    assert "Rebuilding" in last
    assert re.search(r"\d+/s", last)
    assert re.search(r"\d:\d\d:\d\d", last)


def test_a_progress_bar_that_was_full_goes_on_when_there_is_more_to_do(monkeypatch):
    screen, clock = io.StringIO(), count()
    watched = Console(file=screen, force_terminal=True, width=120, get_time=lambda: float(next(clock)))
    monkeypatch.setattr(session, "notices", watched)
    with session.progress_bar("Projecting", silent=False) as show:
        show(500, 500)
        for done in range(500, 5_000, 500):
            show(done, 10_000)
    assert re.search(r"4500/10000\S*\s+\d+/s", re.sub(r"\x1b\[[0-9;]*m", "", screen.getvalue()))


def test_nothing_is_shown_where_nobody_watches(capsys):
    with session.progress_bar("Rebuilding", silent=False) as show:
        show(1, 2)
    assert capsys.readouterr() == ("", "")


UNKNOWN = "00000000-0000-4000-8000-000000000000"


@pytest.mark.parametrize(
    ("arguments", "exit_code", "named"),
    [
        (["explain", "tickets", UNKNOWN], 1, UNKNOWN),
        (["explain", "tickets", "seven"], 1, "KEY"),
        (["explain", "tickets", UNKNOWN, UNKNOWN], 1, "KEY"),
        (["explain", "nothing", UNKNOWN], 1, "nothing"),
        (["rebuild", "nothing"], 1, "nothing"),
        (["verify", "nothing"], 1, "nothing"),
        (["retry", "nothing"], 1, "nothing"),
        (["retry", "tickets"], 1, "nothing to retry"),
        (["rebuild"], 2, "--all"),
        (["rebuild", "tickets", "--all"], 2, "--all"),
    ],
)
def test_what_cannot_be_done_is_said_in_one_line(demo, arguments, exit_code, named):
    (line,) = errors(demo("projections", *arguments, exit_code=exit_code))
    assert named in line


@pytest.fixture
def damaged(demo):
    """The demonstration's office; one ticket's events were altered since the views took them in."""
    with closing(sqlite3.connect(demo.folder / "log.sqlite", isolation_level=None)) as log:
        (position,) = log.execute("SELECT min(position) FROM events WHERE topic = 'TicketReceived'").fetchone()
        log.execute("UPDATE events SET state = substr(state, 1, length(state) - 1) WHERE position = ?", (position,))
    return demo


@pytest.mark.parametrize("with_server", [False, True], ids=["alone", "beside a server"])
def test_a_rebuild_that_meets_an_altered_event_fails_and_leaves_the_view(damaged, with_server):
    if with_server:
        damaged.serve()
    line = errors(damaged.run("projections", "rebuild", "tickets", exit_code=5))[-1]
    assert line.startswith("greffier: tickets: ")
    assert "event " in line
    assert damaged.json("tickets", "list")["total"] == 179
    (line,) = errors(damaged("projections", "verify", "tickets", exit_code=5))
    assert "event " in line


def test_a_rebuild_asked_of_a_server_that_ends_is_done_here(demo):
    with demo.open() as office, office.views.lock() as held:
        assert held
        before = {name: view.generation for name, view in office.views.views().items()}
        process = demo.start("projections", "rebuild", "tickets", "--json")
        while not office.views.views()["tickets"].rebuild_requested:
            assert process.poll() is None
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
    assert _generations(demo)["tickets"] == before["tickets"] + 1


def test_a_rebuild_asked_of_a_server_waits_for_views_that_are_still_missing(demo):
    for path in demo.folder.glob("views.sqlite*"):
        path.unlink()
    with demo.open() as office, office.views.lock() as held:
        assert held
        process = demo.start("projections", "rebuild", "--all", "--json")
        office.engine.open()
    _, err = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, err
