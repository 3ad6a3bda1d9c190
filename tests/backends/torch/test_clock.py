"""Torch layers with a clock: the core's events with one, in every form of input."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from tempotron_backends.torch import ExactTempotron, fire_like_  # noqa: E402
from tempotron_core import Events, peak  # noqa: E402
from tempotron_core.encoding import with_clock  # noqa: E402

DURATION = 50.0


def layer(**options):
    torch.manual_seed(0)
    return ExactTempotron(4, 3, DURATION, clock="tau", ret_type="v_max", **options)


def spikes():
    return torch.tensor(np.random.default_rng(0).integers(0, 51, (6, 4)), dtype=torch.float32)


def test_every_form_of_spikes_gets_it():
    made, in_spikes = layer(), spikes()
    assert made.clock == (0.0, 15.0, 30.0, 45.0)
    assert (made.in_features, made.fc.weight.shape) == (4, (3, 8))
    assert f"clock={made.clock}" in repr(made)
    events = Events.from_latencies(in_spikes, DURATION)
    wanted = peak(with_clock(events, made.clock), made.fc.weight, made.neuron).v_max
    trains = torch.full((6, 4, 2), -1.0)
    trains[:, :, 1] = in_spikes
    for given in (in_spikes, events, trains, in_spikes.int(), in_spikes.half()):
        torch.testing.assert_close(made(given), wanted, rtol=0.0, atol=0.0)
        if given is not events:
            mapped = torch.func.vmap(made)(given[:, None])[:, 0]
            torch.testing.assert_close(mapped, wanted, rtol=0.0, atol=1e-6)
    with pytest.raises(ValueError, match="in_features = 4, got"):
        made(torch.ones(6, 8))
    made.fc = torch.nn.Linear(4, 3, bias=False)
    with pytest.raises(ValueError, match="in_features = 4 and 4 more for the clock, got"):
        made(in_spikes)


def test_gradients_are_of_the_input_alone():
    made, in_spikes = layer(dtype=torch.float64), spikes().double().requires_grad_()

    def value(in_spikes):
        return made(in_spikes).sum()

    value(in_spikes).backward()
    torch.testing.assert_close(torch.func.grad(value)(in_spikes.detach()), in_spikes.grad)
    assert in_spikes.grad.abs().max() > 0.0
    assert made.fc.weight.grad[:, 4:].abs().max() > 0.0


def test_a_layer_of_it_scales_to_patterns():
    made = fire_like_(layer(), spikes())
    assert made(spikes()).max().item() == pytest.approx(0.5)
