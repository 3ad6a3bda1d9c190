"""NIR graphs: integrated from NIR's equations, run by other libraries, written, read, refused."""

from __future__ import annotations

import re
import warnings
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from tempotron_core import (
    Events,
    Network,
    Neuron,
    Tempotron,
    first_crossing,
    initial_network,
    peak,
    voltage,
)
from tempotron_core.spiking import output_spikes

nir = pytest.importorskip("nir")
linalg = pytest.importorskip("scipy.linalg")

from tempotron_backends.nir import from_nir, to_nir  # noqa: E402

DURATION = 80.0
NEURONS = {
    "default": Neuron(),
    "equal constants": Neuron(12.0, 12.0, 0.8),
    "nearly equal": Neuron(12.0, 12.0 * (1 - 1e-12)),
    "synapse slower": Neuron(4.0, 13.0, 1.3, psp_peak=0.7),
}


def patterns(seed: int, n_patterns: int, n_afferents: int, dt: float | None = None) -> Any:
    """Up to three spikes per afferent, on multiples of ``dt`` if given; absent ones are inf."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(0.0, DURATION - 1.0, (n_patterns, n_afferents, 3))
    times[rng.random(times.shape) < 0.3] = np.inf
    return times if dt is None else np.round(times / dt) * dt


def raster(times: Any, dt: float) -> Any:
    """Spikes per time step, [steps, B, N]."""
    steps = round(DURATION / dt)
    found = np.zeros((steps + 1, *times.shape[:2]), dtype=np.float32)
    step = np.where(np.isfinite(times), np.floor(times / dt + 0.5), steps).astype(int)
    b, n, _ = np.indices(times.shape)
    np.add.at(found, (np.minimum(step, steps), b, n), 1.0)
    return found[:steps]


def simulate(graph: Any, spikes: Any, dt: float, *, fire: bool = True) -> tuple[Any, Any]:
    """Integrate NIR's equations with impulses of unit area at multiples of ``dt``.

    Exact between them: (I, v) obeys a linear equation, so a step multiplies it by a matrix
    exponential.  Returns v just before, and output spikes at, every multiple: [steps, B, O].
    """
    layer = 0
    while f"linear_{layer}" in graph.nodes:
        weight, node = graph.nodes[f"linear_{layer}"].weight, graph.nodes[f"cubalif_{layer}"]
        tau_syn, tau_mem, r = node.tau_syn[0], node.tau_mem[0], node.r[0]
        step = linalg.expm(np.asarray([[-1 / tau_syn, 0.0], [r / tau_mem, -1 / tau_mem]]) * dt)
        current = np.zeros((spikes.shape[1], weight.shape[0]))
        v = np.zeros_like(current)
        seen, out = [], []
        for arriving in spikes:
            seen.append(v)
            z = (v > node.v_threshold) & fire
            out.append(z)
            v = np.where(z, node.v_reset, v)
            current = current + arriving @ weight.T * node.w_in / tau_syn
            current, v = (
                step[0, 0] * current + step[0, 1] * v,
                step[1, 0] * current + step[1, 1] * v,
            )
        spikes, layer = np.asarray(out), layer + 1
    return np.asarray(seen), spikes


def first(out: Any, dt: float) -> Any:
    """Time of the first output spike of each pattern and neuron, inf if there is none."""
    return np.where(out.any(axis=0), out.argmax(axis=0) * dt, np.inf)


# -- the equations ----------------------------------------------------------------------------


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("time_unit", [1e-3, 1.0])
def test_nirs_equations_give_the_tempotrons_potential(name: str, time_unit: float) -> None:
    neuron, dt = NEURONS[name], 0.5
    times = patterns(3, 6, 8, dt)
    weight = np.random.default_rng(4).normal(0.1, 0.5, (3, 8))
    graph = to_nir(weight, neuron, time_unit=time_unit)
    v, _ = simulate(graph, raster(times, dt), dt * time_unit, fire=False)
    at = np.arange(round(DURATION / dt)) * dt
    expected = voltage(Events.from_trains(times, DURATION), weight, neuron, at)
    np.testing.assert_allclose(v.transpose(1, 2, 0), expected, rtol=0.0, atol=1e-11)
    assert np.abs(expected).max() > 1.0


def test_input_weights_are_those_of_the_formula() -> None:
    weight = np.ones((2, 3))
    node = to_nir(weight, Neuron(15.0, 5.0, 1.0), time_unit=1.0).nodes["cubalif_0"]
    v0 = 1.0 / (3.0**-0.5 - 3.0**-1.5)  # the kernel peaks where exp(-t/15) = 3^-(1/2)
    np.testing.assert_allclose(node.w_in, [v0 * 10.0] * 2, rtol=1e-14)
    alpha = to_nir(weight, Neuron(8.0, 8.0, 1.0, psp_peak=0.6), time_unit=1.0).nodes["cubalif_0"]
    np.testing.assert_allclose(alpha.w_in, [0.6 * np.e * 8.0] * 2, rtol=1e-14)
    for name, value in (("tau_mem", 15.0), ("tau_syn", 5.0), ("r", 1.0), ("v_threshold", 1.0)):
        np.testing.assert_array_equal(getattr(node, name), [value] * 2)
    for name in ("v_leak", "v_reset"):
        np.testing.assert_array_equal(getattr(node, name), [0.0] * 2)


def test_units_and_steps_are_in_the_numbers_and_in_the_metadata() -> None:
    weight, neuron = np.ones((2, 3)), Neuron()
    delta = to_nir(weight, neuron)
    step = to_nir(weight, neuron, spikes="step", dt=0.1)
    bare = to_nir(weight, neuron, time_unit=1.0).nodes["cubalif_0"]
    for graph in (delta, step):
        np.testing.assert_allclose(graph.nodes["cubalif_0"].tau_mem, 0.015, rtol=1e-15)
    np.testing.assert_allclose(delta.nodes["cubalif_0"].w_in, bare.w_in * 1e-3, rtol=1e-14)
    np.testing.assert_allclose(step.nodes["cubalif_0"].w_in, bare.w_in / 0.1, rtol=1e-14)
    assert delta.metadata["spikes"] == "delta"
    assert "dt" not in delta.metadata
    assert (step.metadata["spikes"], step.metadata["time_unit"]) == ("step", 1e-3)
    assert step.metadata["dt"] == pytest.approx(1e-4)
    assert delta.metadata["spike_effect"] != step.metadata["spike_effect"]


# -- there and back ---------------------------------------------------------------------------


def same(network: Network, weights: list[Any], neurons: list[Neuron]) -> None:
    assert len(network.weights) == len(weights)
    for found, weight in zip(network.weights, weights, strict=True):
        assert found.dtype == weight.dtype
        np.testing.assert_array_equal(found, weight)
    for one, other in zip(network.neurons, neurons, strict=True):
        for name in ("tau", "tau_s", "v_threshold"):
            assert getattr(one, name) == pytest.approx(getattr(other, name), rel=1e-14)
        assert one.kernel.psp_peak == pytest.approx(other.kernel.psp_peak, rel=1e-14)


@pytest.mark.on_jax
def test_weights_of_every_library(asarray: Any, to_numpy: Any) -> None:
    weight = asarray(np.random.default_rng(0).normal(size=(2, 4)))
    same(from_nir(to_nir(weight, Neuron())), [to_numpy(weight)], [Neuron()])


@pytest.mark.parametrize("name", NEURONS)
@pytest.mark.parametrize("options", [{}, {"spikes": "step", "dt": 0.3}, {"time_unit": 7.0}])
def test_a_file_keeps_everything(name: str, options: dict[str, Any], tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    weights = [rng.normal(size=shape).astype(np.float32) for shape in ((5, 4), (12, 5), (3, 12))]
    neurons = [NEURONS[name], Neuron(), Neuron(9.0, 2.0, 0.5)]
    graph = to_nir(Network(weights, neurons), **options)
    nir.write(tmp_path / "model.nir", graph)
    read = nir.read(tmp_path / "model.nir")
    assert read.metadata == graph.metadata
    same(from_nir(read), weights, neurons)


def test_a_compatible_tempotron() -> None:
    model = Tempotron(4, 3, T=50, tau=10.0, tau_s=2.0, v_threshold=0.9, rng=0)
    same(from_nir(to_nir(model)), [model.weight], [Neuron(10.0, 2.0, 0.9)])


def test_torch_modules() -> None:
    pytest.importorskip("torch")
    from torch import nn

    from tempotron_backends.torch import ExactTempotron
    from tempotron_backends.torch import Tempotron as Compatible

    def weight(module: Any) -> Any:
        return module.fc.weight.detach().numpy()

    compatible = Compatible(4, 3, 50, tau=10.0, tau_s=2.0, v_threshold=0.9)
    same(from_nir(to_nir(compatible)), [weight(compatible)], [Neuron(10.0, 2.0, 0.9)])
    one = ExactTempotron(4, 3, 50.0, tau=9.0, tau_s=9.0, psp_peak=0.6, ret_type="t_spike")
    two = ExactTempotron(3, 3, 50.0, v_threshold=1.4)
    neurons = [Neuron(9.0, 9.0, psp_peak=0.6), Neuron(v_threshold=1.4)]
    same(from_nir(to_nir(nn.Sequential(one, two))), [weight(one), weight(two)], neurons)
    with pytest.raises(ValueError, match=r"ret_type='t_spike' in all layers .* 'v_max' in place 0"):
        to_nir(nn.Sequential(ExactTempotron(3, 3, 50.0, ret_type="v_max"), two))
    with pytest.raises(TypeError, match="Tempotron and ExactTempotron modules alone, got ReLU"):
        to_nir(nn.Sequential(one, nn.ReLU()))
    with pytest.raises(ValueError, match="shunt=False"):
        to_nir(ExactTempotron(3, 2, 50.0, shunt=True))
    with pytest.raises(TypeError, match=r"model must be a Tempotron, a Network, .* got Linear"):
        to_nir(nn.Linear(3, 2))


def test_a_graph_is_a_copy() -> None:
    weight = np.ones((2, 3))
    graph = to_nir(weight, Neuron())
    network = from_nir(graph)
    weight[:] = 5.0
    graph.nodes["linear_0"].weight[:, 0] = 7.0
    np.testing.assert_array_equal(graph.nodes["linear_0"].weight, [[7.0, 1.0, 1.0]] * 2)
    np.testing.assert_array_equal(network.weights[0], np.ones((2, 3)))


# -- graphs of other libraries ----------------------------------------------------------------


def foreign(n: int = 3, **changes: Any) -> Any:
    """A graph as another library might write it: own names, r other than 1, no metadata."""
    constants = {
        "tau_syn": np.full(n, 4e-3),
        "tau_mem": np.full(n, 20e-3),
        "r": np.full(n, 2.0),
        "v_leak": np.zeros(n),
        "v_threshold": np.full(n, 0.5),
        "v_reset": np.zeros(n),
        "w_in": np.full(n, 1e-2),
    }
    cuba = nir.CubaLIF(**constants | changes)
    return chain(nir.Linear(np.arange(n * 2.0).reshape(n, 2)), cuba)


def chain(*nodes: Any, **options: Any) -> Any:
    named = {f"n{i}": node for i, node in enumerate(nodes)}
    named = {"out": nir.Output(np.asarray([3])), "in": nir.Input(np.asarray([2]))} | named
    names = ["in", *(f"n{i}" for i in range(len(nodes))), "out"]
    edges = list(pairwise(names))
    return nir.NIRGraph(named, edges[::-1], type_check=False, **options)


def test_a_foreign_graph_is_read_as_it_is_told() -> None:
    network = from_nir(foreign(), output="first", spikes="delta", time_unit=1e-3)
    (neuron,) = network.neurons
    assert (neuron.tau, neuron.tau_s) == pytest.approx((20.0, 4.0))
    # r w_in / (tau_mem tau_syn) per second, so a thousandth of it per millisecond
    assert neuron.kernel.rise == pytest.approx(2.0 * 1e-2 / (20e-3 * 4e-3) * 1e-3)
    held = from_nir(foreign(), output="first", spikes="step", dt=0.1, time_unit=1e-3)
    assert held.neurons[0].kernel.rise == pytest.approx(neuron.kernel.rise * 1e-4)
    # constants may be given once for all neurons, and a bias of zero is none
    scalar = {name: np.asarray(v) for name, v in (("tau_syn", 4e-3), ("tau_mem", 20e-3))}
    scalar |= {"r": np.asarray(2.0), "v_leak": np.asarray(0.0), "v_threshold": np.asarray(0.5)}
    cuba = nir.CubaLIF(**scalar, v_reset=np.asarray(0.0), w_in=np.asarray(1e-2))
    graph = chain(nir.Affine(network.weights[0], np.zeros(3)), cuba)
    found = from_nir(graph, output="first", spikes="delta", time_unit=1e-3)
    same(found, list(network.weights), [neuron])


def test_arguments_override_metadata() -> None:
    graph = to_nir(np.ones((3, 2)), Neuron(), spikes="step", dt=0.1)
    (neuron,) = from_nir(graph, time_unit=1.0, dt=1e-4).neurons
    assert (neuron.tau, neuron.kernel.psp_peak) == pytest.approx((0.015, 1.0))
    assert from_nir(graph, dt=0.2).neurons[0].kernel.psp_peak == pytest.approx(2.0)


# -- networks ---------------------------------------------------------------------------------


def test_a_network_whose_neurons_spike_once() -> None:
    """With a reset that keeps them silent, NIR's neurons pass on what a Network's do."""
    dt = 0.05
    times = patterns(8, 60, 12, 1.0)
    events = Events.from_trains(times, DURATION)
    rng = np.random.default_rng(2)
    network = initial_network(
        events, [10], 3, Neuron(), rng, output_potential=2.0, output_spread=0.5, fraction=0.6
    )
    activity = network.forward(events)
    hidden = first_crossing(events, network.weights[0], network.neurons[0])
    silent, again = (
        simulate(to_nir(network, v_reset=v), raster(times, dt), dt * 1e-3)[0] for v in (-1e9, 0.0)
    )
    _, out = simulate(to_nir(network.weights[0], network.neurons[0]), raster(times, dt), dt * 1e-3)
    spiked = np.isfinite(hidden)
    np.testing.assert_array_equal(out.any(axis=0), spiked)
    # the first sample above threshold follows the crossing
    late = first(out, dt)[spiked] - hidden[spiked]
    assert late.min() > -1e-9
    assert late.max() < dt + 1e-9
    v_max, clear = activity.peak.v_max, np.abs(activity.peak.v_max - 1.0) > 0.05
    fired = (silent > 1.0).any(axis=0)
    np.testing.assert_array_equal(fired[clear], (v_max > 1.0)[clear])
    assert 0.1 < fired.mean() < 0.9
    # what the documents warn of: reset to rest, hidden neurons spike again
    assert ((again > 1.0).any(axis=0) != fired).any()


# -- multi-spike neurons ----------------------------------------------------------------------


def clear_counts(events: Any, weight: Any, neuron: Neuron, margin: float = 0.05) -> Any:
    """Counts [B, O], -1 where a part of the threshold would change them."""
    low, exact, high = (
        output_spikes(events, weight, replace(neuron, v_threshold=part * neuron.v_threshold)).counts
        for part in (1.0 - margin, 1.0, 1.0 + margin)
    )
    return np.where((low == exact) & (high == exact), exact, -1)


@pytest.mark.parametrize("name", ["default", "synapse slower"])
def test_nirs_neurons_spike_as_often(name: str, tmp_path: Path) -> None:
    """One layer after the other, each with the spikes that the one before was simulated to have."""
    neuron, dt = replace(NEURONS[name], psp_peak=1.0), 0.01
    times = patterns(11, 30, 12, 1.0)
    rng = np.random.default_rng(3)
    hidden, output = rng.normal(0.2, 0.4, (6, 12)), rng.normal(0.2, 0.4, (3, 6))
    network = Network([hidden, output], neuron, "spikes", readout="counts")
    graph = to_nir(network)
    assert graph.metadata["output"] == "spikes"
    nir.write(tmp_path / "model.nir", graph)
    found = from_nir(nir.read(tmp_path / "model.nir"))
    same(found, [hidden, output], [neuron, neuron])
    assert (found.pass_on, found.readout) == ("spikes", "counts")
    received = raster(times, dt)
    for weight in (hidden, output):
        _, out = simulate(to_nir(weight, neuron, output="spikes"), received, dt * 1e-3)
        expected = clear_counts(Events.from_trains(times, DURATION), weight, neuron, 0.01)
        clear = expected >= 0
        np.testing.assert_array_equal(out.sum(axis=0)[clear], expected[clear])
        assert clear.sum() > 20
        assert expected.max() >= 3
        received = out.astype(np.float32)
        at = np.where(out, np.arange(len(out))[:, None, None] * dt, np.inf)
        times = np.sort(np.moveaxis(at, 0, 2), axis=2)[..., : int(out.sum(axis=0).max())]


def test_another_simulator_counts_alike(tmp_path: Path) -> None:
    """That of snnTorch, which resets to zero and goes on from the current it had."""
    torch = pytest.importorskip("torch")
    pytest.importorskip("snntorch")
    neuron, dt = replace(NEURONS["default"], psp_peak=1.0), 0.05
    times = patterns(5, 60, 20)
    weight = np.random.default_rng(6).normal(0.1, 0.4, (3, 20))
    expected = clear_counts(Events.from_trains(times, DURATION), weight, neuron)
    graph = to_nir(weight, neuron, output="spikes", spikes="step", dt=dt, time_unit=1e-4 / dt)
    nir.write(tmp_path / "model.nir", graph)
    module, state, counts = snntorch(nir.read(tmp_path / "model.nir")), None, 0
    with torch.no_grad():
        for arriving in torch.from_numpy(raster(times, dt)):
            z, state = module(arriving, state)
            counts = counts + (z.numpy() > 0.0)
    clear = expected >= 0
    np.testing.assert_array_equal(counts[clear], expected[clear])
    assert clear.sum() > 30
    assert expected.max() >= 3


def test_torch_modules_of_whole_trains() -> None:
    pytest.importorskip("torch")
    from torch import nn

    from tempotron_backends.torch import ExactTempotron

    one, two = (ExactTempotron(n, 2, 50.0, ret_type="trains") for n in (3, 2))
    graph = to_nir(nn.Sequential(one, two))
    assert (graph.metadata["output"], from_nir(graph).readout) == ("spikes", "counts")
    with pytest.raises(ValueError, match=r"ret_type='trains' in all layers .* 't_spike' in place"):
        to_nir(nn.Sequential(ExactTempotron(3, 2, 50.0, ret_type="t_spike"), two))


def test_what_of_multi_spike_neurons_cannot_be_said() -> None:
    weights = [np.ones((2, 3)), np.ones((1, 2))]
    for options, message in (
        ({"pass_on": "spikes"}, "pass_on='first_crossing' with readout='peak'"),
        ({"readout": "counts"}, "pass_on='spikes' with readout='counts'"),
        ({"pass_on": "spikes", "readout": "counts", "max_spikes": 2}, "max_spikes=None"),
    ):
        with pytest.raises(ValueError, match=message):
            to_nir(Network(weights, Neuron(), **options))
    counting = Network(weights[:1], Neuron(), readout="counts")
    with pytest.raises(ValueError, match="v_reset must be 0 with output='spikes'"):
        to_nir(counting, v_reset=-1.0)
    with pytest.raises(ValueError, match="output must be 'spikes', as the model says, got 'first'"):
        to_nir(counting, output="first")
    with pytest.raises(ValueError, match="output must be one of first, spikes, got 'counts'"):
        to_nir(weights[0], Neuron(), output="counts")
    with pytest.raises(ValueError, match=r"graph must have v_reset=0 .* got -1.0 to -1.0 in node"):
        from_nir(to_nir(weights[0], Neuron(), v_reset=-1.0), output="spikes")


# -- other libraries --------------------------------------------------------------------------


def norse(graph: Any) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own and torch's changes
        module = pytest.importorskip("norse.torch")
        return module.from_nir(graph, dt=float(graph.metadata["dt"]))


def snntorch(graph: Any) -> Any:
    """It takes a time step to be 1e-4 long, and asks for r = tau_mem / dt."""
    for node in graph.nodes.values():
        if isinstance(node, nir.CubaLIF):
            r = node.tau_mem / graph.metadata["dt"]
            node.r, node.w_in = r, node.w_in / r
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = pytest.importorskip("snntorch.import_nir")
        return module.import_from_nir(graph)


PEERS = {"norse": norse, "snntorch": snntorch}


def run(peer: str, weight: Any, neuron: Neuron, times: Any, dt: float, path: Path) -> Any:
    """First spikes of a layer, exported to a file and simulated by another library."""
    torch = pytest.importorskip("torch")
    time_unit = 1e-4 / dt if peer == "snntorch" else 1e-3
    nir.write(path, to_nir(weight, neuron, spikes="step", dt=dt, time_unit=time_unit))
    module, state, out = PEERS[peer](nir.read(path)), None, []
    with torch.no_grad():
        for arriving in torch.from_numpy(raster(times, dt)):
            z, state = module(arriving, state)
            out.append(z.numpy() > 0.0)
    return first(np.asarray(out), dt) + dt  # v is that at the end of a step


@pytest.mark.parametrize("peer", PEERS)
@pytest.mark.parametrize("name", ["default", "equal constants"])
def test_another_simulator_decides_alike(peer: str, name: str, tmp_path: Path) -> None:
    neuron = replace(NEURONS[name], psp_peak=1.0)
    times = patterns(5, 250, 20)
    weight = np.random.default_rng(6).normal(0.0, 0.3, (3, 20))
    events = Events.from_trains(times, DURATION)
    v_max, exact = peak(events, weight, neuron).v_max, first_crossing(events, weight, neuron)
    threshold = neuron.v_threshold
    clear = np.abs(v_max - threshold) > 0.05 * threshold
    fires = v_max > threshold
    assert 0.3 < fires[clear].mean() < 0.9
    assert (weight < 0.0).mean() > 0.3
    # slope at the crossing: from 5 % below threshold to 5 % above, earlier near misses included
    low, high = (
        first_crossing(events, weight, replace(neuron, v_threshold=threshold * part))
        for part in (0.95, 1.05)
    )
    crossed = np.isfinite(high)
    low, high = np.where(crossed, low, 0.0), np.where(crossed, high, 1.0)
    slope = np.where(crossed, 0.1 * threshold / (high - low), 0.0)
    steep = slope > 0.2 * neuron.kernel.rise
    assert steep.sum() > 100
    errors = []
    for dt in (0.4, 0.2, 0.1):
        found = run(peer, weight, neuron, times, dt, tmp_path / "model.nir")
        error = np.abs(found[steep] - exact[steep])
        errors.append(error.mean())
    np.testing.assert_array_equal(np.isfinite(found)[clear], fires[clear])
    assert error.max() <= 2.0 * dt
    assert errors[1] < 0.7 * errors[0]
    assert errors[2] < 0.7 * errors[1]


def test_the_convention_for_spikes_matters() -> None:
    """Norse takes a graph in the other convention for one whose weights are far too small."""
    torch = pytest.importorskip("torch")
    weight, dt = np.full((1, 5), 2.0), 0.1
    fired = {}
    for spikes in ("delta", "step"):
        module = norse(to_nir(weight, Neuron(), spikes=spikes, dt=dt))
        state, fired[spikes] = None, False
        with torch.no_grad():
            for n in range(200):
                z, state = module(torch.full((1, 5), float(n == 0)), state)
                fired[spikes] |= bool(z.any())
    assert fired == {"delta": False, "step": True}


def test_a_graph_that_another_library_wrote() -> None:
    torch = pytest.importorskip("torch")
    dt, (n, o) = 0.1, (20, 3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        snn = pytest.importorskip("snntorch")
        export = pytest.importorskip("snntorch.export_nir").export_to_nir
        linear = torch.nn.Linear(n, o, bias=False)
        weight = np.random.default_rng(9).normal(0.0, 0.3, (o, n))
        linear.weight.data = torch.asarray(weight, dtype=torch.float32)
        constants = {"alpha": 1 - dt / 3.75, "beta": 1 - dt / 15.0, "threshold": 20.0}
        synaptic = snn.Synaptic(
            **{name: torch.full((o,), value) for name, value in constants.items()},
            reset_mechanism="zero",
            reset_delay=False,
            init_hidden=True,
        )
        module = torch.nn.Sequential(linear, synaptic)
        graph = export(module, torch.zeros(1, n), ignore_dims=[0])
    network = from_nir(graph, output="first", spikes="step", dt=dt, time_unit=1e-3)
    times = patterns(10, 100, n)
    synaptic.reset_mem()
    with torch.no_grad():
        out = [module(arriving).numpy() > 0.0 for arriving in torch.from_numpy(raster(times, dt))]
    v_max = network.forward(Events.from_trains(times, DURATION)).peak.v_max
    clear = np.abs(v_max - 20.0) > 1.0
    np.testing.assert_array_equal(np.asarray(out).any(axis=0)[clear], (v_max > 20.0)[clear])
    assert 0.3 < (v_max > 20.0).mean() < 0.9


def test_the_documents_programs_for_other_libraries() -> None:
    """They follow the first program of the document, which runs with all others."""
    torch = pytest.importorskip("torch")
    text = (Path(__file__).parents[3] / "docs" / "nir.md").read_text(encoding="utf-8")
    fences = re.findall(r"^```(py|python)\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    names: dict[str, Any] = {}
    exec(fences[0][1], names)
    programs = [code for language, code in fences if language == "py"]
    assert len(programs) == len(PEERS)
    for library, code in zip(PEERS, programs, strict=True):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            pytest.importorskip(library)
            exec(code, names)
        out, _ = names["module"](torch.ones((1, 20)), None)
        assert out.shape == (1, 3)


# -- bad input --------------------------------------------------------------------------------

ONES = np.ones((3, 2))
ADVICE = {"spikes": "delta", "time_unit": 1e-3}


@pytest.mark.parametrize(
    ("model", "options", "error", "message"),
    [
        (ONES, {}, TypeError, "neuron must be a Neuron if model is an array of weights, got None"),
        (ONES, {"neuron": 15.0}, TypeError, "neuron must be a Neuron, got float"),
        ([ONES], {"neuron": Neuron()}, TypeError, "model must be a Tempotron, .* got list"),
        (None, {}, TypeError, "model must be a Tempotron, .* got NoneType"),
        (ONES[0], {"neuron": Neuron()}, ValueError, r"layer 0 must be \(O, N\), got \(2,\)"),
        (ONES > 0, {"neuron": Neuron()}, TypeError, "layer 0 must be float32 or float64, got bool"),
        (ONES * np.nan, {"neuron": Neuron()}, ValueError, "layer 0 must be finite, got NaN"),
        (
            ONES,
            {"neuron": Neuron(shunt=True)},
            ValueError,
            "layer 0 must have shunt=False: NIR cannot express .* dataclasses.replace",
        ),
        (
            Network([ONES, np.ones((1, 3))], [Neuron(), Neuron(shunt=True)]),
            {},
            ValueError,
            "neuron of layer 1 must have shunt=False",
        ),
        (
            Network([ONES, np.ones((1, 3))], Neuron(), pass_on="peak"),
            {},
            ValueError,
            "pass_on='first_crossing' .* got 'peak'",
        ),
        (
            Network([ONES, np.ones((1, 4))], Neuron(), reference_times=[3.0]),
            {},
            ValueError,
            r"no reference_times .* got \(3.0,\)",
        ),
        (
            Network([ONES], Neuron(), clock=[3.0]),
            {},
            ValueError,
            r"no clock .* got \(3.0,\): its spikes can be part of the input",
        ),
        (
            SimpleNamespace(fc=SimpleNamespace(weight=ONES), clock=(3.0,), neuron=Neuron()),
            {},
            ValueError,
            r"no clock .* got \(3.0,\)",
        ),
        (Network([ONES], Neuron()), {"neuron": Neuron()}, ValueError, "neuron must be None"),
        (
            SimpleNamespace(fc=SimpleNamespace(weight=ONES)),
            {},
            TypeError,
            "model must be a tempotron module, got SimpleNamespace: .*tau",
        ),
        (
            SimpleNamespace(fc=SimpleNamespace(weight=ONES, bias=ONES[0])),
            {},
            ValueError,
            "model must have no bias in fc, got SimpleNamespace with one",
        ),
        (
            ONES,
            {"neuron": Neuron(), "spikes": "unit"},
            ValueError,
            "one of delta, step, got 'unit'",
        ),
        (ONES, {"neuron": Neuron(), "spikes": "step"}, ValueError, "dt must be given with"),
        (ONES, {"neuron": Neuron(), "dt": 0.0}, ValueError, "dt must be positive and finite"),
        (ONES, {"neuron": Neuron(), "time_unit": -1}, ValueError, "time_unit must be positive"),
        (ONES, {"neuron": Neuron(), "v_reset": 1.0}, ValueError, "below the threshold, got 1.0"),
        (ONES, {"neuron": Neuron(), "v_reset": -np.inf}, ValueError, "v_reset must be finite"),
        (ONES, {"neuron": Neuron(), "v_reset": "rest"}, TypeError, "v_reset must be a real number"),
    ],
)
def test_models_that_cannot_be_written(
    model: Any, options: dict[str, Any], error: type, message: str
) -> None:
    with pytest.raises(error, match=message):
        to_nir(model, **options)


def with_nodes(changed: dict[str, Any], *edges: tuple[str, str]) -> Any:
    graph = foreign()
    return nir.NIRGraph(graph.nodes | changed, graph.edges + list(edges), type_check=False)


def lif() -> Any:
    return nir.LIF(np.ones(3), np.ones(3), np.zeros(3), np.ones(3), np.zeros(3))


def convolution() -> Any:
    return nir.Conv2d((8, 8), np.ones((1, 1, 3, 3)), 1, 0, 1, 1, np.zeros(1))


LINEAR, CUBA = foreign().nodes["n0"], foreign().nodes["n1"]
BENT = {"n0": nir.Affine(LINEAR.weight, np.asarray([0.0, 0.0, 0.3]))}


@pytest.mark.parametrize(
    ("graph", "message"),
    [
        (lambda: with_nodes({"n1": lif()}), "got node 'n1' of type LIF"),
        (lambda: with_nodes({"n0": convolution()}), "got node 'n0' of type Conv2d"),
        (lambda: with_nodes({"n1": nir.Delay(np.ones(3))}), "got node 'n1' of type Delay"),
        (lambda: with_nodes({"inner": foreign()}), "got node 'inner' of type NIRGraph"),
        (lambda: with_nodes(BENT), r"no bias.* got node 'n0' of type Affine .* 0.0 to 0.3"),
        (
            lambda: with_nodes({"again": nir.Linear(np.eye(3))}, ("n1", "again"), ("again", "n1")),
            "without branches or recurrent edges, got edges",
        ),
        (lambda: with_nodes({}, ("n1", "n1")), "recurrent edges, got edges 'n1' -> 'n1' and"),
        (lambda: with_nodes({}, ("n1", "n9")), "edges between its nodes, got one of 'n9'"),
        (lambda: with_nodes({"apart": LINEAR}), r"connect all nodes.* got \['apart'\] beside"),
        (lambda: with_nodes({"x": nir.Input(np.asarray([2]))}), r"one Input node, got \['in', 'x'"),
        (lambda: chain(LINEAR), "Linear and CubaLIF in turn.* got 'in' .* 'out'"),
        (lambda: chain(), "Linear and CubaLIF in turn"),
        (lambda: chain(CUBA, LINEAR), "Linear and CubaLIF in turn"),
        (lambda: chain(LINEAR, CUBA, nir.Linear(np.ones((1, 3)))), "Linear and CubaLIF in turn"),
        (lambda: foreign(tau_mem=np.asarray([1.0, 1.0, 2.0])), "one tau_mem for .* 1.0 to 2.0"),
        (lambda: foreign(v_leak=np.full(3, 0.1)), "v_leak=0, got 0.1 in node 'n1'"),
        (lambda: foreign(w_in=-np.ones(3)), r"positive, finite r \* w_in, got r=2.0 and w_in=-1.0"),
        (lambda: foreign(tau_syn=np.zeros(3)), "a tempotron in 'n1': tau_s must be positive"),
        (lambda: foreign(v_threshold=np.full(3, np.nan)), "one v_threshold .* nan to nan"),
        (lambda: chain(LINEAR, foreign(n=4).nodes["n1"]), r"of shape \(3,\) .* got \(4,\)"),
        (lambda: chain(nir.Linear(np.ones((3, 2), int)), CUBA), "float32 or float64 .* int64"),
        (lambda: chain(nir.Linear(LINEAR.weight * np.inf), CUBA), "finite weights.*'n0'"),
    ],
)
@pytest.mark.filterwarnings("ignore:invalid value encountered in multiply")
def test_graphs_that_are_no_tempotrons(graph: Any, message: str) -> None:
    with pytest.raises(ValueError, match=f"graph must .*{message}"):
        from_nir(graph(), output="first", **ADVICE)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"output": None}, "output must be given for a graph without metadata of tempotron_core"),
        ({"output": "spikes"}, "spikes must be given for a graph without metadata"),
        ({"output": "all", **ADVICE}, "output must be one of first, spikes, got 'all'"),
        ({}, "spikes must be given for a graph without metadata of tempotron_core"),
        ({"spikes": "delta"}, "time_unit must be given for a graph without metadata"),
        ({"spikes": "step", "time_unit": 1e-3}, "dt must be given with spikes='step', got None"),
        ({"spikes": "impulse", "time_unit": 1e-3}, "spikes must be one of delta, step"),
    ],
)
def test_a_graph_that_does_not_say_what_it_means(options: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        from_nir(foreign(), **{"output": "first"} | options)


def test_a_path_is_no_graph() -> None:
    with pytest.raises(TypeError, match=r"graph must be a NIRGraph \(nir.read .* got str"):
        from_nir("model.nir")


# -- graphs that contradict themselves, and numbers of other kinds -----------------------------


def unchecked(graph: Any, **changes: Any) -> Any:
    """The graph with other nodes or edges, without NIR's own check of types."""
    parts = {"nodes": graph.nodes, "edges": graph.edges} | changes
    return nir.NIRGraph(parts["nodes"], parts["edges"], metadata=graph.metadata, type_check=False)


def test_sizes_and_loops_that_nir_would_refuse_are_refused_here_too() -> None:
    graph = to_nir(Network([np.ones((3, 2)), np.ones((1, 3))], Neuron()))
    loop = unchecked(graph, edges=[*graph.edges, ("output", "input")])
    with pytest.raises(ValueError, match="without recurrent edges, got 'output' -> 'input'"):
        from_nir(loop)
    for name, node, message in (
        ("input", nir.Input(np.asarray([7])), r"shape \(O, 7\) in node 'linear_0', got \(3, 2\)"),
        ("linear_1", nir.Linear(np.ones((1, 4))), r"shape \(O, 3\) in node 'linear_1'"),
        ("output", nir.Output(np.asarray([2])), "must end in 2 neurons, as 'output' says, got 1"),
        ("input", nir.Input(np.asarray([1, 2])), r"one axis in node 'input', got shape \[1, 2\]"),
    ):
        with pytest.raises(ValueError, match=message):
            from_nir(unchecked(graph, nodes=graph.nodes | {name: node}))


def test_weights_of_other_dtypes_are_named() -> None:
    torch = pytest.importorskip("torch")
    for weight, name in (
        (np.ones((2, 3), np.float16), "float16"),
        (torch.ones((2, 3), dtype=torch.bfloat16), "torch.bfloat16"),
    ):
        with pytest.raises(TypeError, match=f"must be float32 or float64, got {name}"):
            to_nir(weight, Neuron())
    swapped = to_nir(np.ones((2, 3), ">f8"), Neuron())
    assert from_nir(swapped).weights[0].dtype == np.float64
    swapped.nodes["linear_0"].weight = np.ones((2, 3), ">f4")
    assert from_nir(swapped).weights[0].dtype == np.float32


def test_constants_may_be_tensors_that_require_gradients() -> None:
    torch = pytest.importorskip("torch")
    graph = to_nir(ONES, Neuron())
    cuba = graph.nodes["cubalif_0"]
    cuba.tau_mem = torch.tensor(cuba.tau_mem, requires_grad=True)
    assert from_nir(graph).neurons[0].tau == pytest.approx(15.0, rel=1e-14)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"v_reset": "-1"}, TypeError, "v_reset must be a real number, got '-1'"),
        ({"v_reset": False}, TypeError, "v_reset must be a real number, got False"),
        ({"spikes": "step", "dt": 1e-323}, ValueError, "dt in the graph's unit must be positive"),
        ({"time_unit": 1e308}, ValueError, "time_unit and dt must leave constants .*tau_syn=inf"),
        ({"time_unit": 1e-323}, ValueError, "time_unit and dt must leave constants"),
    ],
)
def test_numbers_out_of_range(options: dict[str, Any], error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        to_nir(ONES, Neuron(), **options)


def test_the_metadata_say_what_the_unit_means() -> None:
    graph = to_nir(ONES, Neuron(), spikes="step", dt=0.1)
    assert "multiplied by time_unit" in graph.metadata["times"]
    assert graph.metadata["dt"] == pytest.approx(1e-4)
