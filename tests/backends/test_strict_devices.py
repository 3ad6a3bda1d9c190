"""A device without double precision, as MPS is one, simulated by array-api-strict.

The suite runs on another of its devices, where an array made without ``device=`` is an error;
here one made without ``dtype=`` is.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from calls import N_STEPS, disagreements, every_call, host_inputs, moved, on_host

from tempotron_backends import Backend, select
from tempotron_core import Tempotron, load, save

strict = pytest.importorskip("array_api_strict")


@pytest.fixture
def device() -> Backend:
    return select("strict:no_float64")


def test_everything_in_single_precision(device: Backend) -> None:
    """All results are float32, on the device, and agree with NumPy's."""
    host = host_inputs("float32")
    how = {"layouts": ("trains",)}  # others are laid out among the functions of arrays
    found = every_call(moved(host, device.from_numpy), **how)
    arrays = [a for each in found.values() for a in each if a is not None]
    assert {a.device for a in arrays} == {device.native_device}
    assert {a.dtype for a in arrays} == {strict.float32}
    assert disagreements(on_host(found, device.to_numpy), every_call(host, **how), "float32") == {}


def test_checkpoint(device: Backend, tmp_path: Path) -> None:
    model = Tempotron(7, 3, N_STEPS, rng=0)
    model(device.from_numpy(host_inputs("float32").latencies), "v_max")
    save(model, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz", xp=device.xp, device=device.native_device)
    assert loaded.weight.device == model.weight.device == device.native_device
    np.testing.assert_array_equal(device.to_numpy(loaded.weight), device.to_numpy(model.weight))


def test_double_precision_is_refused(device: Backend, tmp_path: Path) -> None:
    """Weights in float64 are an error there, never silently something else."""
    model = Tempotron(7, 3, N_STEPS, rng=0, dtype="float64")
    save(model, tmp_path / "model.npz")
    with pytest.raises(ValueError, match=r"no_float64.* does not support dtype=.*float64"):
        load(tmp_path / "model.npz", xp=device.xp, device=device.native_device)
    with pytest.raises(ValueError, match=r"no_float64.* does not support dtype=.*float64"):
        model(device.from_numpy(host_inputs("float32").latencies), "v_max")
