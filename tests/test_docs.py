"""Every command and snippet of the documentation is run, as it stands, in the order of its page."""

import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.served_office import greffier, projected_apart, served
from tests.waiting import PATIENCE

ROOT = Path(__file__).parent.parent
PAGES = sorted([*ROOT.glob("docs/**/*.md"), ROOT / "README.md"])
_FILE = re.compile(r"^```(python|diff) (\S+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
"""A file that a page tells its reader to write, or how it changes."""
_NOT_THE_HOUSE = shutil.ignore_patterns(".*", "build", "dist", "__pycache__", "*.egg-info")
_BLOCK = re.compile(r"^```(sh|python)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def _blocks(page, language):
    return [text for found, text in _BLOCK.findall(page.read_text("utf-8")) if found == language]


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.soak)])
def demo(request, tmp_path, demonstration):
    """The folder of the demonstration's office, and the setting that names its stores, if any does."""
    folder = tmp_path / "demo"
    if request.param == "sqlite":
        yield shutil.copytree(demonstration.folder, folder), {}
        return
    postgres = request.getfixturevalue("postgres")
    stores = {"GREFFIER_STORE": postgres.url(postgres.new_name())}
    done = greffier("demo", "--once", data=folder, **stores)
    assert done.returncode == 0, done.stderr
    with projected_apart(folder, **stores):
        yield folder, stores


@pytest.mark.parametrize("page", [page for page in PAGES if _blocks(page, "sh")], ids=lambda page: page.name)
def test_the_commands_of_a_page_work(page, tmp_path, demo, warm, request):
    folder, stores = demo
    if stores and any("greffier init" in block for block in _blocks(page, "sh")):
        pytest.skip("the page opens offices of its own, on stores that it names")
    with served(folder, **stores) as (url, token):
        environment = stores | {
            "PATH": f"{warm.parent}:{Path(sys.executable).parent}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "LANG": "C.UTF-8",
            "URL": url,
            "TOKEN": token,
            "GREFFIER_DATA": str(folder),
            "GREFFIER_SMTP_PORT": "0",  # the usual one may be taken
        }
        if any("postgresql://" in block for block in _blocks(page, "sh")):
            environment |= {"PGHOST": str(request.getfixturevalue("postgres").data_folder), "PGUSER": "postgres"}
        script = "\n".join(["set -euo pipefail", *_blocks(page, "sh")])
        done = subprocess.run(
            ["bash", "-c", script],
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
        )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_snippets_of_a_page_work(page):
    for snippet in _blocks(page, "python"):
        exec(compile(snippet, str(page), "exec"), {})  # noqa: S102  # running our own documentation is the point


@pytest.mark.parametrize(
    "page", [page for page in PAGES if _FILE.search(page.read_text("utf-8"))], ids=lambda p: p.name
)
def test_who_writes_the_files_of_a_page_has_what_it_says(page, tmp_path):
    house = tmp_path / "house"
    shutil.copytree(ROOT, house, ignore=_NOT_THE_HOUSE)
    written = []
    for kind, name, text in _FILE.findall(page.read_text("utf-8")):
        path = house / name
        if kind == "diff":
            path.write_text(_changed(path.read_text("utf-8"), text), "utf-8")
        else:
            assert not path.exists()
            path.write_text(text, "utf-8")
        written.append(name)
    for generator in ("tests.golden", "tests.event_schemas"):
        _run(house, generator)
    _run(house, "ruff", "check", *written)
    _run(house, "ruff", "format", "--check", *written)
    tests = [name for name in written if name.startswith("tests/")]
    tests += ["tests/projections/test_ticket_history.py", "tests/projections/tickets/test_tickets.py"]
    tests += ["tests/adapters/event_store/test_golden.py", "tests/test_event_schemas.py", "tests/api/test_described.py"]
    _run(house, "pytest", "-q", "-p", "no:cacheprovider", "-k", "not postgres", *tests)


def _run(folder, module, *arguments):
    """Runs a module of this Python on the house that lies there."""
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder)},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def _changed(text, diff):
    """The text with the changes of a diff, whose parts are told apart by `@@` and found by what they say."""
    for part in re.split(r"^@@\n", diff, flags=re.MULTILINE):
        lines = [line or " " for line in part.splitlines()]
        before = "".join(f"{line[1:]}\n" for line in lines if line[0] in " -")
        after = "".join(f"{line[1:]}\n" for line in lines if line[0] in " +")
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    return text


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_links_of_a_page_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:)([^)#]+)", page.read_text("utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []


def test_every_reason_of_the_rules_is_told_as_a_history_tells_it():
    from projections.ticket_history import _REASONS

    shown = (ROOT / "docs/filing.md").read_text("utf-8")
    assert [reason for reason in _REASONS.values() if reason not in shown] == []


def test_every_setting_is_told():
    from api.settings import Settings

    shown = (ROOT / "docs/settings.md").read_text("utf-8")
    assert [name for name in Settings.model_fields if f"`GREFFIER_{name.upper()}`" not in shown] == []


def test_the_readme_shows_the_summary_that_the_demonstration_prints(demonstration):
    shown = re.search(r"(?:^    .+\n)+(?=\nThen)", (ROOT / "README.md").read_text("utf-8"), re.MULTILINE)
    assert shown
    assert " ".join(shown[0].split()) in " ".join(demonstration.printed.split())


def test_the_readmes_command_for_the_summary_alone_shows_it_and_ends(tmp_path, warm):
    (command,) = re.findall(r"`(make demo .+?)`", (ROOT / "README.md").read_text("utf-8"))
    done = subprocess.run(
        [*shlex.split(command), "--directory", ROOT, "--old-file", "install", f"BIN={warm.parent}"],
        env={**os.environ, "GREFFIER_DATA": str(tmp_path / "demo")},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "in the inbox" in done.stdout
