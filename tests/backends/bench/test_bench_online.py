"""``tempotron bench --online``."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from tempotron_backends.cli.command import main

QUICK = ["bench", "--online", "--quick", "--backends", "numpy", "--threads", "1"]


def test_epochs_are_timed_beside_a_scan(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for heading in (
        "first epoch",
        "mean epoch",
        "late epoch",
        "first / peak",
        "mean / peak",
        "% wrong",
    ):
        assert heading in printed
    record = json.loads((tmp_path / "bench.json").read_text())
    (case,) = record["online"]
    (subject,) = case["subjects"]
    assert record["cases"] == record["steps"] == []
    first, scan = subject["first"]["runs"], subject["scan"]["runs"]
    assert subject["times_scan"]["first"]["runs"] == [
        a / b for a, b in zip(first, scan, strict=True)
    ]
    wrong = subject["wrong"]
    assert 0.0 <= wrong["late"] < wrong["mean"] < wrong["first"] <= 1.0
    assert 1 < subject["epochs"] <= 100
    assert "late epoch" in (tmp_path / "bench.md").read_text()


def test_it_is_measured_by_itself(capsys):
    assert main([*QUICK, "--sweep"]) == 2
    assert "--online is measured by itself, got --sweep as well" in capsys.readouterr().err
