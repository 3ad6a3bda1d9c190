"""The multi-spike neuron under autograd, ``torch.compile``, ``torch.export`` and ``torch.func``."""

from __future__ import annotations

import numpy as np
import pytest

from tempotron_core import Events, Neuron
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)

torch = pytest.importorskip("torch")

from torch_cases import traced  # noqa: E402

from tempotron_backends.torch import ExactTempotron  # noqa: E402

T, NEURON = 100.0, Neuron(10.0, 2.5, psp_peak=0.9)
RNG = np.random.default_rng(3)
TRAINS = RNG.uniform(0.0, 110.0, (3, 8, 2))
WEIGHT = RNG.normal(0.4, 0.4, (2, 8))
K = np.asarray([[1, 2], [3, 2], [2, 1]])
WHERE = np.asarray([[True, True], [True, False], [True, True]])


def events_of(trains):
    return Events.from_trains(trains, T)


def leaves():
    return torch.tensor(TRAINS, requires_grad=True), torch.tensor(WEIGHT, requires_grad=True)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=0.0, atol=1e-11 * np.abs(expected).max())


@pytest.mark.parametrize("options", [{}, {"max_spikes": 3}, {"layout": "csr"}])
def test_gradients_of_output_spikes(options):
    trains, weight = leaves()
    found = output_spikes(events_of(trains), weight, NEURON, **options)
    expected = output_spikes(events_of(TRAINS), WEIGHT, NEURON, **options)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.detach(), theirs)
        assert ours.requires_grad == ours.is_floating_point()
    times = found.times[torch.isfinite(found.times)]
    (times.sin() * 3.0).sum().backward()
    padded = output_spikes(
        events_of(TRAINS), WEIGHT, NEURON, max_spikes=options.get("max_spikes")
    ).times
    cotangent = np.where(np.isfinite(padded), 3.0 * np.cos(np.where(padded < T, padded, 0.0)), 0.0)
    gradient = output_spikes_vjp(events_of(TRAINS), WEIGHT, NEURON, padded, cotangent, times=True)
    close(weight.grad, gradient.weight)
    close(trains.grad, gradient.times)


@pytest.mark.parametrize("asked", ["number", "array"])
def test_gradients_of_critical_thresholds(asked):
    trains, weight = leaves()
    k, where = (2, None) if asked == "number" else (K, WHERE)
    expected = critical_threshold(events_of(TRAINS), WEIGHT, NEURON, k, where=where)
    if asked == "array":
        k, where = torch.tensor(k), torch.tensor(where)
    found = critical_threshold(events_of(trains), weight, NEURON, k, where=where)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.detach(), theirs)
    assert [value.requires_grad for value in found] == [True, False, False]
    found.theta.square().sum().backward()
    gradient = critical_threshold_vjp(
        events_of(TRAINS), WEIGHT, NEURON, expected, 2.0 * expected.theta, times=True
    )
    close(weight.grad, gradient.weight)
    close(trains.grad, gradient.times)


def test_second_derivatives_raise():
    _, weight = leaves()
    events = events_of(torch.tensor(TRAINS))
    for value in (
        critical_threshold(events, weight, NEURON, 2).theta.sum(),
        output_spikes(events, weight, NEURON, max_spikes=1).times[0, 0, 0],
    ):
        (gradient,) = torch.autograd.grad(value, weight, create_graph=True)
        with pytest.raises(NotImplementedError, match="second derivatives"):
            gradient.sum().backward()


def layer_of(**options):
    layer = ExactTempotron(8, 2, T, 10.0, 2.5, psp_peak=0.9, ret_type="trains", **options)
    layer = layer.double()
    layer.fc.weight.data = torch.tensor(WEIGHT)
    return layer


def loss_of(trains):
    return torch.where(torch.isfinite(trains), trains, 0.0).sum()


@traced
def test_compiled_layers_are_the_eager_ones():
    layer, trains = layer_of(max_spikes=4, min_slope=0.0), torch.tensor(TRAINS)
    expected = layer(trains)
    (gradient,) = torch.autograd.grad(loss_of(expected), layer.fc.weight)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    found = compiled(trains)
    torch.testing.assert_close(found[..., : expected.shape[2]], expected, rtol=0, atol=0)
    (by_graph,) = torch.autograd.grad(loss_of(found), layer.fc.weight)
    torch.testing.assert_close(by_graph, gradient, rtol=0, atol=0)
    exported = torch.export.export(layer, (trains,)).module()
    torch.testing.assert_close(exported(trains), found, rtol=0, atol=0)
    loss_of(exported(trains)).backward()
    torch.testing.assert_close(exported.fc.weight.grad, gradient, rtol=0, atol=0)


@traced
def test_graphs_need_the_longest_train():
    with pytest.raises(Exception, match="max_spikes must be given in a graph"):
        torch.compile(layer_of(), fullgraph=True, backend="aot_eager")(torch.tensor(TRAINS))


@pytest.mark.parametrize("mapped", ["weights", "both"])
def test_vmap(mapped):
    weights = torch.tensor(np.stack([WEIGHT, 0.7 * WEIGHT]))
    trains = torch.tensor(np.stack([TRAINS, TRAINS[::-1].copy()]))
    events, layer = events_of(trains[0]), layer_of(max_spikes=3, min_slope=0.0)

    def of_weight(weight):
        theta = critical_threshold(events, weight, NEURON, torch.tensor(K)).theta
        return theta.sum() + loss_of(output_spikes(events, weight, NEURON, max_spikes=3).times)

    def of_both(weight, trains):
        return loss_of(torch.func.functional_call(layer, {"fc.weight": weight}, (trains,)))

    if mapped == "weights":
        call, given = torch.func.grad(of_weight), (weights,)
    else:
        call, given = torch.func.grad(of_both, (0, 1)), (weights, trains)
    found = torch.func.vmap(call)(*given)
    for v in range(2):
        expected = call(*(a[v] for a in given))
        pairs = [(found[v], expected)]
        if isinstance(found, tuple):
            pairs = [(f[v], e) for f, e in zip(found, expected, strict=True)]
        for ours, theirs in pairs:
            torch.testing.assert_close(ours, theirs, rtol=0, atol=1e-11)


def test_gradcheck_through_two_layers():
    first, second = layer_of(min_slope=0.0), ExactTempotron(2, 2, T, 10.0, 2.5, ret_type="trains")
    second = second.double()
    second.min_slope = 0.0
    second.fc.weight.data = torch.tensor([[0.9, 0.6], [1.4, -0.3]], dtype=torch.float64)
    stack = torch.nn.Sequential(first, second)
    trains = torch.tensor(TRAINS)
    hidden, found = first(trains), stack(trains)
    assert (torch.isfinite(hidden).sum(dim=2) > 1).any()
    assert (torch.isfinite(found).sum(dim=2) > 1).any()

    def call(trains, weight, further):
        given = {"0.fc.weight": weight, "1.fc.weight": further}
        out = torch.func.functional_call(stack, given, (trains,))
        return torch.where(torch.isfinite(out), out, 0.0)

    given = [trains, first.fc.weight.detach(), second.fc.weight.detach()]
    given = [a.clone().requires_grad_() for a in given]
    assert torch.autograd.gradcheck(call, given, eps=1e-7, atol=1e-5, rtol=1e-5)


def test_bad_settings_of_a_layer():
    with pytest.raises(ValueError, match="max_spikes must be from 1"):
        ExactTempotron(2, 1, T, max_spikes=0)
    layer = ExactTempotron(2, 1, T, shunt=True, ret_type="trains")
    with pytest.raises(ValueError, match="made with shunt=True"):
        layer(torch.ones((1, 2)))
