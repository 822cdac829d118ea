"""The bench runs, and writes what is read from it. Its figures are not looked at here: this machine may be busy."""

import json
import math

from tests.bench.__main__ import MEASUREMENTS, main
from tests.bench.measuring import Figure, Measurement, Pair


def test_the_bench_writes_a_line_for_each_measurement(tmp_path, capsys):
    output = tmp_path / "build" / "bench.json"
    main(["--quick", "--output", str(output)])
    written = json.loads(output.read_text())
    assert [(line["what"], line["beside"]) for line in written] == [(m.what, m.beside) for m in MEASUREMENTS]
    for line in written:
        assert line.keys() == {"what", "beside", "ratio", "target", "runs"}
        assert line["runs"] == 1
        assert line["ratio"] > 0
        assert line["target"] is None or line["target"].startswith("≥ ")
    assert "ratio" in capsys.readouterr().out


def test_a_ratio_is_of_medians():
    pairs = (Pair(1.0, 0.5), Pair(2.0, 1.0), Pair(100.0, 0.6))
    figure = Figure(Measurement("a", "b", lambda _folder, _size: pairs[0], size=1, at_least=0.25), 10, pairs)
    assert math.isclose(figure.ours, 5)
    assert math.isclose(figure.ratio, 0.3)
    assert figure.as_json() == {"what": "a", "beside": "b", "ratio": 0.3, "target": "≥ 0.25", "runs": 3}
