"""The bench runs, and writes what is read from it. Its figures are not looked at here: this machine may be busy."""

import json
import math
import subprocess
from contextlib import contextmanager

import pytest

from tests.bench import before, quality
from tests.bench.__main__ import MEASUREMENTS, main
from tests.bench.measuring import Figure, Measurement, Pair, measured


@pytest.mark.soak
def test_the_bench_writes_a_line_for_each_measurement(tmp_path, capsys):
    output = tmp_path / "build" / "bench.json"
    main(["--quick", "--output", str(output)])
    written = json.loads(output.read_text())
    measurements = [measurement for some in MEASUREMENTS.values() for measurement in some]
    assert [(line["store"], line["what"], line["beside"]) for line in written] == [
        (m.store, m.what, m.beside) for m in measurements
    ]
    for line in written:
        assert line["runs"] == 1
        assert line["ratio"] > 0
        assert line["target"] is None or line["target"].startswith("≥ ")
        assert line["reached"] in ({None} if line["target"] is None else {True, False})
    printed = capsys.readouterr().out
    assert "ratio" in printed
    assert "filed themselves" in printed


@pytest.mark.soak
def test_the_bench_measures_how_well_mail_files_itself(tmp_path, capsys):
    main(["quality", "--quick", "--output", str(tmp_path / "bench.json")])
    printed = capsys.readouterr().out
    assert "ratio" not in printed
    assert "by the policy" in printed


def test_the_bench_fails_where_the_policy_files_wrongly(tmp_path, monkeypatch):
    monkeypatch.setattr(quality, "measured", lambda _clients: [quality.Row("wrong", 1, 9, none=True)])
    with pytest.raises(SystemExit, match="wrong: 1 of 9"):
        main(["quality", "--output", str(tmp_path / "bench.json")])


def test_the_bench_measures_what_is_named(tmp_path):
    output = tmp_path / "bench.json"
    main(["rebuilds", "--store", "SQLite", "--quick", "--output", str(output)])
    assert {line["store"] for line in json.loads(output.read_text())} == {"SQLite"}
    with pytest.raises(SystemExit):
        main(["rebuild", "--quick", "--output", str(output)])


@pytest.mark.soak
def test_the_bench_measures_memory(capsys):
    main(["--memory", "--store", "SQLite", "--quick"])
    assert "MiB" in capsys.readouterr().out


def test_the_bench_fails_where_what_stands_beside_is_too_slow(tmp_path, monkeypatch):
    too_slow = Measurement("a", "b", lambda _folder, _size: Pair(2.0, 1.0), size=1, at_least=0.9, runs=1, must=True)
    monkeypatch.setitem(MEASUREMENTS, "intake", (too_slow,))
    with pytest.raises(SystemExit, match="too slow"):
        main(["intake", "--output", str(tmp_path / "bench.json")])


def test_what_is_prepared_is_made_once():
    made, ran = [], []

    @contextmanager
    def prepare(folder, size):
        made.append(size)
        yield folder

    def run(folder, size):
        ran.append(folder)
        return Pair(1.0, 1.0)

    measurements = [Measurement(what, "b", run, size=5, prepare=prepare, runs=3) for what in ("a", "c")]
    assert [figure.measurement.what for figure in measured(measurements)] == ["a", "c"]
    assert made == [5]
    assert len(ran) == 8
    assert len(set(ran)) == 1


def test_a_ratio_is_of_medians():
    pairs = (Pair(1.0, 0.5), Pair(2.0, 1.0), Pair(100.0, 0.6))
    figure = Figure(Measurement("a", "b", lambda _folder, _size: pairs[0], size=1, at_least=0.25), 10, pairs)
    assert math.isclose(figure.ours, 5)
    assert math.isclose(figure.ratio, 0.3)
    assert figure.reached
    assert figure.as_json() == {
        "store": "SQLite",
        "what": "a",
        "beside": "b",
        "ours_per_second": 5,
        "beside_per_second": 17,
        "ratio": 0.3,
        "target": "≥ 0.25",
        "reached": True,
        "runs": 3,
    }


# --- beside a commit ------------------------------------------------------------------------------


@pytest.mark.soak
def test_a_commit_is_measured_beside_what_stands_here(tmp_path, capsys):
    output = tmp_path / "build" / "before.json"
    before.main(["HEAD", "--quick", "--output", str(output)])
    written = json.loads(output.read_text())
    lines = [(row, line.what) for row, measured in before.ROWS.items() for line in measured.lines]
    assert [(figure["row"], figure["what"]) for figure in written["figures"]] == lines
    assert written["now"].removesuffix("-dirty") == written["before"]
    for figure in written["figures"]:
        assert min(figure["before"], figure["now"], figure["ratio"]) > 0
        assert len(figure["pairs"]) == 1
    printed = capsys.readouterr().out
    assert "within 5 %" in printed
    assert written["before"] in printed


def test_what_a_commit_is_measured_on_is_named(capsys):
    for wrong, said in (
        (["HEAD", "inbocks"], "inbocks: there are rebuild"),
        (["no-such-commit"], "there is no commit"),
    ):
        with pytest.raises(SystemExit):
            before.main(wrong)
        assert said in capsys.readouterr().err


def test_a_commits_worktree_is_removed_whatever_happens():
    def interrupted():
        with before.checked_out("HEAD") as tree:
            assert (tree / "pyproject.toml").is_file()
            trees.append(tree)
            raise KeyboardInterrupt

    trees = []
    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert not trees[0].parent.exists()
    listed = subprocess.run(["git", "worktree", "list"], cwd=before.ROOT, capture_output=True, text=True, check=True)
    assert str(trees[0]) not in listed.stdout


@pytest.mark.parametrize(
    ("unit", "faster"), [(before.PER_SECOND, (10.0, 20.0)), (before.SECONDS, (20.0, 10.0))], ids=["rate", "seconds"]
)
def test_what_is_faster_now_has_a_ratio_above_one(unit, faster):
    figure = before.Figure("SQLite", "a", before.Shown("b", unit), (faster, (10.0, 10.0), faster))
    assert math.isclose(figure.ratio, 2)
    assert figure.spread == (1.5, 2)
    assert figure.within
    assert figure.reached is None
    slower = before.Figure("SQLite", "a", before.Shown("b", unit), (faster[::-1],))
    assert math.isclose(slower.ratio, 0.5)
    assert not slower.within


def test_a_target_is_an_amount_or_a_ratio():
    def reached(target, pair):
        return before.Figure("SQLite", "a", before.Shown("b", before.SECONDS, target), (pair,)).reached

    assert reached(before.Target("≤ 0.3 s", now_at_most=0.3), (1.0, 0.3))
    assert not reached(before.Target("≤ 0.3 s", now_at_most=0.3), (1.0, 0.31))
    assert reached(before.Target("≤ 0.75 × before", ratio_at_least=1 / 0.75), (1.0, 0.74))
    assert not reached(before.Target("≤ 0.75 × before", ratio_at_least=1 / 0.75), (1.0, 0.76))


def test_each_pair_begins_with_the_other_one():
    measured = []

    def measure(side, _size):
        measured.append(side)
        return (1.0,)

    row = before.Row((before.Shown("a"),), measure, 1, 1)
    assert before._measured(row, ("before", "now"), 3) == [((1.0,), (1.0,))] * 3
    assert measured == ["before", "now", "now", "before"] * 2
