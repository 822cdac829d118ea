"""How commands end, where that is not said beside what they do."""

import pytest

from api.cli import mail
from tests.cli.command_line import address_of, errors, interrupt


@pytest.mark.parametrize(
    ("arguments", "named"),
    [
        ([], "Missing command"),
        (["nonsense"], "nonsense"),
        (["tickets", "nonsense"], "nonsense"),
        (["tickets", "show"], "TICKET"),
        (["tickets", "list", "--limit", "0"], "--limit"),
        (["tickets", "list", "--colour"], "--colour"),
        (["serve", "--port", "high"], "--port"),
    ],
)
def test_a_wrong_command_line_is_named_in_one_line(greffier, arguments, named):
    (line,) = errors(greffier(*arguments, exit_code=2))
    assert line.startswith("greffier: ")
    assert named in line


@pytest.mark.parametrize("group", ["tickets", "mail", "quarantine", "projections", "keys"])
def test_a_group_alone_shows_what_it_holds(greffier, group):
    ran = greffier(group, exit_code=2)
    assert "Commands" in ran.stdout
    assert not ran.stderr
    assert greffier(group, "--help").stdout.strip() == ran.stdout.strip()


def test_help_names_the_environment(greffier):
    assert "GREFFIER_DATA" in greffier("--help").stdout
    assert "GREFFIER_PORT" in greffier("serve", "--help").stdout


def test_an_interrupted_command_says_so_by_its_exit_code(greffier, apart):
    process = greffier.start("demo", "--port", "0")
    address_of(process)
    assert interrupt(process) in {130, -2}
    assert b"Traceback" not in process.stderr.read()


def test_output_that_nobody_reads_is_no_fault_of_ours(demo):
    process = demo.start("tickets", "list", "--limit", "200", "--json")
    process.stdout.close()
    err = process.stderr.read()
    assert process.wait() == 1
    assert b"Traceback" not in err


def test_an_error_that_nobody_foresaw_is_shown_whole(opened, apart, monkeypatch):
    (apart / "a.eml").write_bytes(b"From: a@b.example\n\n")
    monkeypatch.setattr(mail, "inspected", lambda *_: 1 // 0)
    with pytest.raises(ZeroDivisionError):
        opened("mail", "inspect", "a.eml")
