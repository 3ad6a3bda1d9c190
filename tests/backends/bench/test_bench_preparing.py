"""``tempotron bench --prepare``."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from tempotron_backends.cli.command import main

QUICK = ["bench", "--prepare", "--quick", "--backends", "numpy", "--threads", "1"]


def test_preparation_is_timed(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for heading in ("latencies", "trains", "lists", "moved, sorted anew", "peak"):
        assert heading in printed
    record = json.loads((tmp_path / "bench.json").read_text())
    (case,) = record["preparing"]
    (subject,) = case["subjects"]
    assert record["cases"] == record["spiking"] == []
    assert subject["latencies"]["median"] > 0.0
    assert "moved, sorted anew" in (tmp_path / "bench.md").read_text()


@pytest.mark.parametrize("other", ["--sweep", "--small", "--peers"])
def test_it_is_measured_by_itself(other, capsys):
    assert main([*QUICK, other]) == 2
    assert f"--prepare is measured by itself, got {other} as well" in capsys.readouterr().err
