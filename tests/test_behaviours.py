"""Every behaviour that docs/behaviours.md lists has a test that is marked with its id, and the other way round."""

import ast
import re
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).parents[1]
HOUSE = ("domain", "projections", "adapters", "api")
LISTED = ROOT / "docs" / "behaviours.md"


def listed_ids(page):
    return re.findall(r"^\| ([A-Z]+\d+) \| [^\s|]", page, re.MULTILINE)


def marked_ids(source):
    """The ids that marks name, where each is a text; another mark would escape this test, and is refused."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Call) and ast.unparse(node.func) == "pytest.mark.behaviour":
            (identifier,) = node.args
            assert isinstance(identifier, ast.Constant), f"line {node.lineno}: name the behaviour itself"
            yield identifier.value


def all_marked():
    found = defaultdict(set)
    for path in ROOT.glob("tests/**/test_*.py"):
        for identifier in marked_ids(path.read_text(encoding="utf-8")):
            found[identifier].add(path.name)
    return dict(found)


def test_each_id_is_listed_once():
    listed = listed_ids(LISTED.read_text(encoding="utf-8"))

    assert listed
    assert len(listed) == len(set(listed))


def test_each_listed_behaviour_has_a_test():
    assert set(listed_ids(LISTED.read_text(encoding="utf-8"))) - all_marked().keys() == set()


def test_each_tested_behaviour_is_listed():
    listed = set(listed_ids(LISTED.read_text(encoding="utf-8")))

    assert {identifier: where for identifier, where in all_marked().items() if identifier not in listed} == {}


def test_each_listed_behaviour_is_found_in_the_code_by_its_id():
    code = "\n".join(path.read_text("utf-8") for package in HOUSE for path in ROOT.glob(f"{package}/**/*.py"))
    cited = set(re.findall(r"\b[A-Z]+\d+\b", code))

    assert set(listed_ids(LISTED.read_text(encoding="utf-8"))) - cited == set()


def test_marks_and_lines_are_found():
    """This test's own eyes: what it overlooked could not fail it."""
    source = '@pytest.mark.behaviour("T1")\ndef test_a(): ...\nx = pytest.param(1, marks=[pytest.mark.behaviour("X2")])'
    assert sorted(marked_ids(source)) == ["T1", "X2"]
    assert listed_ids("# T9\n| id | |\n|---|---|\n| T1 | Something. |\n| X2 | |\n| K10 | More. |") == ["T1", "K10"]
