"""Every function on real accelerators, against NumPy; skipped, with the reason, where none is.

This file tries every accelerator itself: ``python -m pytest -m gpu tests/test_gpu.py`` needs no
environment variable, unlike the rest of the suite's torch and JAX tests on CUDA.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from accelerators import ACCELERATORS, obtain_or_skip
from calls import (
    N_STEPS,
    NEURONS,
    READOUTS,
    WITHOUT_SHUNT,
    disagreements,
    events_of,
    every_call,
    host_inputs,
    moved,
    on_host,
)

from tempotron_backends import Backend, select
from tempotron_backends.interchange.moving import to_backend
from tempotron_core import Tempotron, load, peak, save

pytestmark = pytest.mark.gpu


def placed(accelerator: Backend) -> Any:
    """The device of an array on it; ``mps`` is not the name that MPS arrays give theirs."""
    return accelerator.from_numpy(np.ones(1, dtype="float32")).device


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ACCELERATORS)
def test_agrees_with_numpy(name: str, dtype: str) -> None:
    """Every function, in every layout, with the pruned form and the static one."""
    accelerator = obtain_or_skip(name)
    if dtype not in accelerator.dtypes:
        pytest.skip(f"{accelerator} has no {dtype}")
    host = host_inputs(dtype)
    # JAX has no pruned form, and compiles every single operation of the other.
    methods = ("auto",) if accelerator.name == "jax" else ("auto", "static")
    given = {"methods": methods, "spiking": accelerator.name != "jax"}  # likewise
    found = every_call(moved(host, accelerator.from_numpy), **given)
    accelerator.synchronise()
    elsewhere = {
        key
        for key, arrays in found.items()
        for array in arrays
        if array is not None and array.device != placed(accelerator)
    }
    assert elsewhere == set()
    expected = every_call(host, **given)
    assert disagreements(on_host(found, accelerator.to_numpy), expected, dtype) == {}


@pytest.mark.parametrize("name", ACCELERATORS)
def test_checkpoint(name: str, tmp_path: Path) -> None:
    accelerator = obtain_or_skip(name)
    model = Tempotron(7, 3, N_STEPS, rng=0)
    model(accelerator.from_numpy(host_inputs("float32").latencies), "v_max")
    assert model.weight.device == placed(accelerator)
    save(model, tmp_path / "model.npz")
    loaded = load(tmp_path / "model.npz", xp=accelerator.xp, device=accelerator.native_device)
    assert loaded.weight.device == placed(accelerator)
    weights = (accelerator.to_numpy(each.weight) for each in (loaded, model))
    np.testing.assert_array_equal(*weights)


@pytest.mark.parametrize("layout", ["latencies", "trains"])
def test_static_form_never_waits(layout: str) -> None:
    """Once events are made, the host only queues work; torch warns where it waits."""
    accelerator = obtain_or_skip("torch:cuda")
    inputs = moved(host_inputs("float32"), accelerator.from_numpy)
    events = events_of(inputs, layout)
    import torch

    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            for neuron in NEURONS.values():
                for readout, call in READOUTS.items():
                    if not (neuron.shunt and readout in WITHOUT_SHUNT):
                        call(inputs, events, neuron, "static")
            waits = len(caught)
            inputs.weight[0, 0].item()  # the check itself: this does wait
            assert len(caught) > waits
        finally:
            torch.cuda.set_sync_debug_mode("default")
    messages = [str(each.message) for each in caught[:waits]]
    assert [text for text in messages if "synchronizing" in text and "prototype" not in text] == []


# -- between libraries --------------------------------------------------------------------------


def address(array: Any) -> int:
    """Where an array's memory begins on the device."""
    pointers = {
        "cupy": lambda: array.data.ptr,
        "torch": lambda: array.data_ptr(),
        "jax": lambda: array.unsafe_buffer_pointer(),
    }
    return int(pointers[type(array).__module__.partition(".")[0].removesuffix("lib")]())


@pytest.mark.parametrize("target", ["cupy:cuda", "torch:cuda", "jax:cuda"])
@pytest.mark.parametrize("source", ["cupy:cuda", "torch:cuda", "jax:cuda"])
def test_libraries_share_the_memory_of_a_device(source: str, target: str) -> None:
    """Events, weights and results, by DLPack; what one computes the other gets."""
    one, other = obtain_or_skip(source), obtain_or_skip(target)
    host = host_inputs("float64")
    events = to_backend(events_of(host, "csr"), one)
    weight = one.from_numpy(host.weight)
    there, rows = to_backend(events, other), to_backend(weight, other)
    for field in ("times", "afferents", "counts", "order", "source_lengths"):
        assert address(getattr(there, field)) == address(getattr(events, field)), field
    assert address(rows) == address(weight)
    neuron = NEURONS["default"]
    found = to_backend(peak(there, rows, neuron), one)
    assert found.v_max.device == placed(one)
    expected = peak(events_of(host, "csr"), host.weight, neuron)
    np.testing.assert_allclose(one.to_numpy(found.v_max), expected.v_max, rtol=0, atol=1e-12)
    np.testing.assert_allclose(one.to_numpy(found.t_max), expected.t_max, rtol=0, atol=1e-9)
    home = to_backend(found, select("numpy"))
    np.testing.assert_array_equal(home.v_max, one.to_numpy(found.v_max))
