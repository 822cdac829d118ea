"""The bench runs, and writes what is read from it. Its figures are not looked at here: this machine may be busy."""

import json
import math
from contextlib import contextmanager

import pytest

from tests.bench import quality
from tests.bench.__main__ import MEASUREMENTS, main
from tests.bench.measuring import Figure, Measurement, Pair, measured


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
