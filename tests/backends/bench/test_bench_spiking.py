"""``tempotron bench --spiking``."""

from __future__ import annotations

import json

import pytest

pytest.importorskip("rich")
pytest.importorskip("matplotlib")

from tempotron_backends.cli.command import main

QUICK = ["bench", "--spiking", "--quick", "--backends", "numpy", "--threads", "1"]


def test_multi_spike_neurons_are_timed(tmp_path, capsys):
    assert main([*QUICK, "--out", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    for heading in ("peak", "spikes + gradient", "θ* + gradient", "output spikes per pair"):
        assert heading in printed
    record = json.loads((tmp_path / "bench.json").read_text())
    assert record["cases"] == []
    for case in record["spiking"]:
        assert 1.0 < case["mean_spikes"] < 20.0
        assert {subject["form"] for subject in case["subjects"]} == {"fused", "plain"}
        for subject in case["subjects"]:
            assert subject["spikes"]["median"] > 0.0
            assert subject["threshold_gradient"]["median"] > subject["threshold"]["low"] * 0.5
    assert "θ* + gradient" in (tmp_path / "bench.md").read_text()
    assert not (tmp_path / "bench.png").exists()


def test_jax_calls_the_kernels(tmp_path):
    """For thresholds as well, which take a minute to compile otherwise."""
    pytest.importorskip("jax")
    pytest.importorskip("numba")
    given = [*QUICK[:-3], "jax", "--threads", "1", "--out", str(tmp_path)]
    assert main(given) == 0
    for case in json.loads((tmp_path / "bench.json").read_text())["spiking"]:
        (subject,) = case["subjects"]
        assert subject["form"] == "jit"
        assert subject["threshold_gradient"]["median"] > 0.0


@pytest.mark.parametrize("other", ["--sweep", "--small", "--peers"])
def test_it_is_measured_by_itself(other, capsys):
    assert main([*QUICK, other]) == 2
    assert f"--spiking is measured by itself, got {other} as well" in capsys.readouterr().err
