"""Collections of real messages: each file is accounted for, whatever is in it."""

import json
import os
from collections import Counter
from importlib.resources import files
from pathlib import Path

import pytest

from tests.end_to_end.accounts import check_views, stored_for_nothing


@pytest.fixture(params=["Python's own tests", "GREFFIER_MAIL_COLLECTION"])
def collection(request):
    """A folder of messages that others collected."""
    if request.param == "GREFFIER_MAIL_COLLECTION":
        named = _NAMED
        if not named:
            pytest.skip("GREFFIER_MAIL_COLLECTION names no folder of messages")
        if not Path(named).is_dir():
            pytest.skip(f"GREFFIER_MAIL_COLLECTION: there is no folder {named}")
        return Path(named).resolve()
    try:
        data = files("test.test_email") / "data"
    except ModuleNotFoundError:
        pytest.skip("this Python comes without its own tests (test.test_email)")
    if not data.is_dir():
        pytest.skip(f"this Python's tests come without their messages ({data})")
    return Path(str(data))


_NAMED = os.environ.get("GREFFIER_MAIL_COLLECTION")  # read before the tests clear the environment


def test_every_file_of_a_collection_is_accounted_for(opened, apart, collection):
    summary = opened.json("import-mail", collection, "--report", apart / "report.jsonl")
    report = [json.loads(line) for line in (apart / "report.jsonl").read_text().splitlines()]
    assert summary.pop("messages") == len(report)
    assert Counter(line["outcome"] for line in report) == summary
    assert summary.keys() <= {"ticket", "message", "duplicate", "quarantined"}
    every = {str(path) for path in collection.rglob("*") if path.is_file()}
    assert {line["origin"].partition("#")[0] for line in report} == every
    for line in report:
        assert line.keys() >= ({"quarantine_id", "reason"} if line["outcome"] == "quarantined" else {"ticket_id"}), line
    quarantined = len(opened.json("quarantine", "list"))

    again = opened.json("import-mail", collection)
    assert again.pop("messages") == len(report)
    assert again == {
        "duplicate": sum(summary.get(outcome, 0) for outcome in ("ticket", "message", "duplicate")),
        **({"quarantined": summary["quarantined"]} if quarantined else {}),
    }
    assert len(opened.json("quarantine", "list")) == quarantined
    with opened.open() as office:
        check_views(office)
        assert not stored_for_nothing(office)
