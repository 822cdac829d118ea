"""Generating an office of any size."""

import pytest

from tests.cli.command_line import errors


def test_an_office_is_generated_and_told_about(greffier):
    told = greffier.json("generate", "--clients", "30", "--seed", "4", "--events", "900")
    assert {name: told[name] for name in ("clients", "seed", "events")} == {
        "clients": 30,
        "seed": 4,
        "events": sum(told["by_type"].values()),
    }
    assert told["events"] == pytest.approx(900, rel=0.05)
    assert told["seconds"] > 0
    with greffier.open() as office:
        assert office.log.head() == told["events"]
    assert all(view["equal"] for view in greffier.json("projections", "verify"))
    line = greffier.json("tickets", "list", "--limit", "1")["items"][0]
    assert greffier.json("tickets", "show", str(line["number"]))["subject"]


def test_people_are_told_how_much_there_is_of_what(greffier):
    said = greffier("generate", "--clients", "1").stdout
    assert "TicketReceived" in said
    assert "events in" in said


def test_a_history_of_as_many_events_as_clients_bring_needs_no_number_of_events(greffier):
    told = greffier.json("generate", "--clients", "10")
    assert 500 < told["events"] < 800
    assert told["seed"] == 1


def test_an_office_that_was_just_opened_is_filled(opened):
    told = opened.json("generate", "--clients", "5", "--events", "200")
    with opened.open() as office:
        assert office.log.head() == told["events"] + 1


def test_an_office_with_a_history_is_refused(demo):
    with demo.open() as office:
        before = office.log.head()
    (line,) = errors(demo("generate", "--clients", "5", exit_code=1))
    assert str(demo.folder) in line
    assert "history" in line
    with demo.open() as office:
        assert office.log.head() == before


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "--clients"),
        (["--clients", "0"], "--clients"),
        (["--clients", "many"], "--clients"),
        (["--clients", "10", "--seed", "chance"], "--seed"),
        (["--clients", "10", "--events", "0"], "--events"),
        (["--clients", "1000", "--events", "1000"], "--events"),
    ],
)
def test_a_wrong_option_is_named_and_nothing_is_made(greffier, arguments, named):
    (line,) = errors(greffier("generate", *arguments, exit_code=2))
    assert line.startswith("greffier: ")
    assert named in line
    assert not greffier.folder.exists()
