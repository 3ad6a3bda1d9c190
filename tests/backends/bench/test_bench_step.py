"""``tempotron bench --step``."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")
pytest.importorskip("numba")

from tempotron_backends.cli.command import main

QUICK = ["bench", "--step", "--quick", "--backends", "numpy", "--threads", "1"]


def test_a_step_is_timed_beside_its_kernels(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "a step of training" in printed
    assert "times the kernels" in printed
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["cases"] == []
    (case,) = record["steps"]
    (row,) = case["subjects"]
    assert row["label"] == "numpy:cpu fused"
    assert row["step"]["low"] > 0.0
    runs = zip(row["step"]["runs"], row["kernels"]["runs"], strict=True)
    assert row["times_kernels"]["runs"] == pytest.approx([step / kernels for step, kernels in runs])
    assert "times the kernels" in (tmp_path / "bench.md").read_text()


@pytest.mark.parametrize("other", ["--sweep", "--small", "--peers", "--spiking"])
def test_it_is_measured_by_itself(other, capsys):
    assert main([*QUICK, other]) == 2
    assert f"is measured by itself, got {'--step' if other == '--spiking' else other}" in (
        capsys.readouterr().err
    )


def test_tensors_take_a_step(capsys):
    pytest.importorskip("torch")
    assert main([*QUICK[:4], "torch", *QUICK[5:]]) == 0
    assert "torch:cpu" in capsys.readouterr().out


def test_one_output_is_no_choice_of_classes(capsys):
    assert main([*QUICK, "--outputs", "1"]) == 0
    assert "numpy:cpu left out" in capsys.readouterr().out
