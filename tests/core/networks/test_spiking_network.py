"""Layers of multi-spike neurons: forward spike by spike, gradients against difference quotients."""

from __future__ import annotations

import importlib
import math
from functools import lru_cache

import numpy as np
import pytest
from spiking_reference import SpikingReference

from tempotron_core import Events, Network, Neuron
from tempotron_core.learning import aggregate_labels
from tempotron_core.spiking import CriticalThreshold

DURATION = 80.0
NEURONS = (Neuron(15.0, 4.0, psp_peak=1.0), Neuron(9.0, 3.0, 0.8, psp_peak=1.0))
REFERENCES = (5.0,)
WANTED = np.random.default_rng(3).integers(0, 4, (4, 2))
# readout, and what its loss is of
READOUTS = ("counts", "spike times", "peak")
BISECTS = pytest.mark.slow_backend("strict", reason="bisects for half a minute")


@lru_cache
def patterns():
    """Four patterns on six afferents, up to two spikes each; the last pattern has none."""
    times = np.random.default_rng(8).uniform(0.0, 60.0, (4, 6, 2))
    times[1, :3, 1] = math.inf
    times[3] = math.inf
    return times


@lru_cache
def network_of(readout="counts", max_spikes=None):
    rng = np.random.default_rng(5)
    hidden, output = rng.normal(0.5, 0.5, (5, 6)), rng.normal(0.3, 0.4, (2, 6))
    hidden[1] = -np.abs(hidden[1])  # never spikes
    name = "peak" if readout == "peak" else "counts"
    more = {"readout": name, "max_spikes": max_spikes}
    return Network([hidden, output], NEURONS, "spikes", REFERENCES, **more)


def spikes_of(times, weights, neuron):
    """Spikes of one neuron, in plain Python."""
    given = [(t, w) for train, w in zip(times, weights, strict=True) for t in train if t < math.inf]
    times, weights = zip(*given, strict=True) if given else ((), ())
    peak = neuron.kernel.psp_peak
    alone = SpikingReference(times, weights, neuron.tau, neuron.tau_s, peak, DURATION)
    return alone.spikes(neuron.v_threshold)


def test_forward_is_that_of_neurons_one_by_one():
    network = network_of()
    activity = network.forward(Events.from_trains(patterns(), DURATION))
    for b, pattern in enumerate(patterns()):
        trains = [spikes_of(pattern, row, NEURONS[0]) for row in network.weights[0]]
        received = [*trains, list(REFERENCES)]
        last = [spikes_of(received, row, NEURONS[1]) for row in network.weights[1]]
        for found, expected in ((activity.hidden[0], trains), (activity.spikes, last)):
            np.testing.assert_array_equal(found.counts[b], [len(each) for each in expected])
            flat = found.times[b][np.isfinite(found.times[b])]
            np.testing.assert_allclose(flat, np.concatenate(expected), rtol=0.0, atol=1e-9)
    assert activity.peak is None
    assert activity.hidden[0].counts.max() > 2  # these do more than a first spike
    assert not activity.hidden[0].counts[:, 1].any()
    assert activity.inputs[1].counts.tolist() == (activity.hidden[0].counts.sum(1) + 1).tolist()


def loss_of(readout, network, events):
    """A loss, its cotangent, and the critical thresholds it is of."""
    activity, rng = network.forward(events), np.random.default_rng(7)
    if readout == "peak":
        cotangent = rng.normal(size=WANTED.shape)
        return (activity.peak.v_max * cotangent).sum(), activity, cotangent, None
    if readout == "spike times":
        times = activity.spikes.times
        cotangent = np.where(np.isfinite(times), rng.normal(size=times.shape), 0.0)
        return (np.where(cotangent, times, 0.0) * cotangent).sum(), activity, cotangent, None
    _, k, cotangent, where = aggregate_labels(activity.spikes.counts, WANTED)
    critical = network.critical_threshold(activity, k, where=where)
    return (critical.theta * cotangent).sum(), activity, cotangent, critical


def gradients(readout, network, asarray, to_numpy, integers=np.asarray):
    """Of the loss, in NumPy."""
    events = Events.from_trains(patterns(), DURATION)
    _, _, cotangent, critical = loss_of(readout, network_of(readout), events)
    moved = network.with_weights([asarray(weight) for weight in network.weights])
    activity = moved.forward(Events.from_trains(asarray(patterns()), DURATION))
    if critical is not None:
        k = aggregate_labels(network_of().forward(events).spikes.counts, WANTED)
        critical = moved.critical_threshold(activity, integers(k.k), where=integers(k.where))
    found = moved.vjp(activity, asarray(cotangent), times=True, critical=critical)
    return [to_numpy(array) for array in (*found.weights, found.times)]


@pytest.mark.parametrize("readout", READOUTS)
def test_gradient_is_the_difference_quotient(readout):
    network = network_of(readout)
    found = gradients(readout, network, np.asarray, np.asarray)

    def value(weights, times):
        events = Events.from_trains(times, DURATION)
        return loss_of(readout, network.with_weights(weights), events)[0]

    given = [*network.weights, patterns()]
    rng, step = np.random.default_rng(0), 1e-5
    for which, array in enumerate(given):
        scale = np.abs(found[which]).max()
        assert scale > 1e-3
        places = np.argwhere(np.isfinite(array))
        for place in map(tuple, rng.permutation(places)[:16]):
            expected = 0.0  # to fourth order in the step
            for steps, factor in ((1, 8.0), (-1, -8.0), (2, -1.0), (-2, 1.0)):
                changed = array.copy()
                changed[place] += steps * step
                arrays = [*given[:which], changed, *given[which + 1 :]]
                expected += factor * value(arrays[:2], arrays[2]) / (12.0 * step)
            assert abs(found[which][place] - expected) < 1e-7 * max(scale, 1.0)
    assert not found[0][1].any()  # the neuron that never spikes
    assert not found[2][3].any()


@pytest.mark.skip_backend("jax", reason="compiles for each operation; compiled as a whole below")
@pytest.mark.parametrize(
    "readout",
    [pytest.param("counts", marks=BISECTS), *READOUTS[1:]],
)
def test_backends_agree(readout, backend, asarray, to_numpy, dtype, xp):
    network = network_of(readout)
    expected = gradients(readout, network, np.asarray, np.asarray)
    found = gradients(readout, network, asarray, to_numpy, backend.from_numpy)
    bar = 1e-11 if dtype == xp.float64 else 2e-3
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=bar * np.abs(theirs).max())


def test_autograd_of_torch():
    torch = pytest.importorskip("torch")
    network = network_of()
    expected = gradients("counts", network, np.asarray, np.asarray)
    weights = [torch.tensor(w, requires_grad=True) for w in network.weights]
    times = torch.tensor(patterns(), requires_grad=True)
    moved = network.with_weights(weights)
    activity = moved.forward(Events.from_trains(times, DURATION))
    _, k, cotangent, where = aggregate_labels(activity.spikes.counts, torch.tensor(WANTED))
    critical = moved.critical_threshold(activity, k, where=where)
    (critical.theta * cotangent).sum().backward()
    for ours, theirs in zip((*weights, times), expected, strict=True):
        np.testing.assert_allclose(ours.grad, theirs, rtol=0.0, atol=1e-10 * np.abs(theirs).max())


WAYS = ["traced", "vjp", "grad"]


@pytest.mark.slow  # test_fit_counts.py has a run
@pytest.mark.parametrize("way", WAYS)
def test_jax_compiles(way):
    """One output and few spikes: what is compiled, for half a minute, grows with both."""
    jax = pytest.importorskip("jax")
    jnp = importlib.import_module("jax.numpy")
    full = network_of()
    weights, more = [full.weights[0], full.weights[1][:1]], {"readout": "counts", "max_spikes": 2}
    host = Network(weights, NEURONS, "spikes", REFERENCES, **more)
    trains, wanted = patterns()[:2], np.asarray([[2], [0]])
    activity = host.forward(Events.from_trains(trains, DURATION))
    counts = np.minimum(activity.spikes.counts, 2)  # as many as JAX looks for
    _, k, cotangent, where = aggregate_labels(counts, wanted)
    critical = host.critical_threshold(activity, k, where=where)
    expected = host.vjp(activity, cotangent, critical=critical, times=True)

    def loss(weights, times):
        network = host.with_weights(weights)
        activity = network.forward(Events.from_trains(times, DURATION))
        _, k, cotangent, where = aggregate_labels(activity.spikes.counts, jnp.asarray(wanted))
        critical = network.critical_threshold(activity, k, where=where)
        if way != "grad":
            found = network.vjp(activity, cotangent, critical=critical, times=True)
            return (found.weights, found.times), activity.spikes.counts
        return (critical.theta * cotangent).sum(), activity.spikes.counts

    by_jax = jax.jit(loss if way != "grad" else jax.grad(loss, (0, 1), has_aux=True))
    with jax.enable_x64(True):
        given = tuple(map(jnp.asarray, host.weights)), jnp.asarray(trains)
        if way == "traced":
            (of_weights, of_times), found = jax.eval_shape(by_jax, *given)
            assert found.shape == counts.shape
            for ours, theirs in zip(
                (*of_weights, of_times), (*expected.weights, expected.times), strict=True
            ):
                assert (ours.shape, ours.dtype) == (theirs.shape, theirs.dtype)
            return
        (of_weights, of_times), found = by_jax(*given)
        moved, there = host.with_weights(given[0]), jax.tree.map(jnp.asarray, activity)
        with pytest.raises(ValueError, match="k must be at most max_spikes, 2, got 4"):
            moved.critical_threshold(there, jnp.full((2, 1), 4))
    np.testing.assert_array_equal(found, counts)
    pairs = zip((*of_weights, of_times), (*expected.weights, expected.times), strict=True)
    for ours, theirs in pairs:
        np.testing.assert_allclose(ours, theirs, rtol=0.0, atol=1e-10 * np.abs(theirs).max())


def test_max_spikes_limits_what_is_passed_on():
    events = Events.from_trains(patterns(), DURATION)
    one = network_of(max_spikes=1).forward(events)
    assert one.hidden[0].times.shape[2] == 1
    assert one.inputs[1].counts.max() <= 6
    assert one.spikes.times.shape[2] == 1
    full = network_of().forward(events)
    np.testing.assert_array_equal(one.hidden[0].times[..., 0], full.hidden[0].times[..., 0])


def test_of_what_a_network_is_made():
    network = network_of(max_spikes=7)
    assert repr(network).endswith("readout='counts', max_spikes=7)")
    other = network.with_weights(network.weights)
    assert (other.pass_on, other.readout, other.max_spikes) == ("spikes", "counts", 7)


def test_no_patterns(asarray):
    network = network_of()
    network = network.with_weights([asarray(w) for w in network.weights])
    activity = network.forward(Events.from_trains(asarray(np.empty((0, 6, 2))), DURATION))
    assert tuple(activity.spikes.counts.shape) == (0, 2)
    critical = network.critical_threshold(activity, 1)
    assert isinstance(critical, CriticalThreshold)
    found = network.vjp(activity, critical.theta, critical=critical, times=True)
    assert [tuple(w.shape) for w in found.weights] == [(5, 6), (2, 6)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"readout": "spikes"}, "readout must be one of peak, counts, got 'spikes'"),
        ({"max_spikes": 0}, "max_spikes must be"),
        ({"max_spikes": 2}, "max_spikes must be None unless pass_on is 'spikes' or readout"),
        ({"readout": "counts", "neuron": Neuron(shunt=True)}, "neuron must have shunt=False"),
        ({"pass_on": "spikes", "neuron": Neuron(shunt=True)}, "neuron must have shunt=False"),
    ],
)
def test_bad_networks(changes, message):
    given = {"weights": [np.ones((2, 3)), np.ones((1, 2))], "neuron": Neuron()} | changes
    with pytest.raises(ValueError, match=message):
        Network(**given)


def test_weights_that_are_no_numbers():
    hidden = np.ones((2, 6))
    hidden[1, 3] = math.nan
    network = Network([hidden, np.ones((1, 2))], Neuron(), "spikes")
    with pytest.raises(ValueError, match="spikes of layer 0 must not hold NaN"):
        network.forward(Events.from_trains(patterns(), DURATION))
