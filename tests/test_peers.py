"""Agreement with SpikingJelly 2's exact tempotron, where it is installed (extra `peers`).

It is the same model computed by other means: a unit-peak kernel, input after the output spike
ignored, float64 inside whatever the dtype of the tensors. The brute-force reference of this folder
says which pairs of pattern and output are away from ties and grazing, and is a third opinion on
their values.
"""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import Any

import numpy as np
import pytest
from patterns import bar, time_bar, well_conditioned_crossing, well_conditioned_peak
from reference import Constants, FloatTrajectory

from tempotron_core import Events, Neuron, first_crossing, peak

torch = pytest.importorskip("torch")
pytest.importorskip("spikingjelly")
# asked for here, because the package has no __version__ for importorskip to look at
if int(version("spikingjelly").partition(".")[0]) < 2:
    pytest.skip("SpikingJelly 2 or newer is needed", allow_module_level=True)

from spikingjelly.timing_based.functional import tempotron  # noqa: E402
from spikingjelly.timing_based.neuron import Tempotron as PeerLayer  # noqa: E402

from tempotron_backends.torch import ExactTempotron  # noqa: E402

READOUTS = ("v_max", "t_max", "t_spike")
GRADIENT_BAR = 1e-11  # the bar between backends, relative to the largest entry of a row
# A gradient may vanish identically, as that of a lone spike's peak by its time: rounding is left.
LEAST_GRADIENT = 1e-2


@dataclass(frozen=True)
class Setting:
    """What a batch of random patterns is made of."""

    patterns: int
    afferents: int
    most_spikes: int  # of an afferent; the number is uniform from 0
    outputs: int
    tau: float = 15.0
    tau_s: float = 3.75
    duration: float = 100.0
    threshold: float = 1.0
    strength: float = 1.0  # of the weights, so that some pairs fire and some do not
    whole: bool = False  # whole numbers for times, so that spikes coincide

    @property
    def constants(self) -> Constants:
        return Constants(self.tau, self.tau_s, self.threshold, 1.0)

    @property
    def neuron(self) -> Neuron:
        return Neuron(self.tau, self.tau_s, self.threshold, psp_peak=1.0, shunt=True)


SETTINGS = {
    "few afferents": Setting(200, 10, 2, 2),
    "latencies": Setting(150, 40, 1, 3, duration=200.0, strength=0.8),
    "one afferent": Setting(100, 1, 10, 1, duration=150.0),
    "close": Setting(100, 12, 4, 2, tau_s=14.999),
    "closer": Setting(100, 12, 4, 2, tau_s=15.0 * (1.0 - 1e-8), strength=0.8),
    "swapped": Setting(100, 8, 3, 2, tau=3.0, tau_s=12.0, strength=0.6),
    "fast synapse": Setting(100, 15, 2, 2, tau=20.0, tau_s=0.1, strength=0.6),
    "high threshold": Setting(100, 10, 3, 2, threshold=2.5),
    "many spikes": Setting(50, 80, 3, 2, duration=500.0, strength=0.5),
    "simultaneous": Setting(100, 20, 4, 2, tau_s=10.0, strength=0.9, whole=True),
}
WITHOUT_TIES = [name for name, setting in SETTINGS.items() if not setting.whole]


@dataclass(frozen=True, eq=False)
class Batch:
    """Spike lists in CSR form and weights; float32 numbers, so that both precisions share them."""

    setting: Setting
    times: np.ndarray
    afferents: np.ndarray
    offsets: np.ndarray
    weight: np.ndarray

    def tensors(self, dtype: Any) -> tuple[Any, ...]:
        """Times, afferents, offsets and weight; floats are leaves of the graph."""
        times, weight = (
            torch.from_numpy(x).to(dtype).requires_grad_() for x in (self.times, self.weight)
        )
        return times, torch.from_numpy(self.afferents), torch.from_numpy(self.offsets), weight

    def spikes(self, pattern: int) -> slice:
        return slice(self.offsets[pattern], self.offsets[pattern + 1])


@cache
def random_batch(name: str) -> Batch:
    """Nearly half of the weights are inhibitory."""
    setting = SETTINGS[name]
    rng = np.random.default_rng(list(SETTINGS).index(name))
    counts = rng.integers(0, setting.most_spikes + 1, (setting.patterns, setting.afferents))
    counts[0] = 0  # a pattern without a spike
    offsets = np.concatenate([[0], np.cumsum(counts.sum(axis=1))])
    afferents = np.concatenate(
        [rng.permutation(np.repeat(np.arange(setting.afferents), row)) for row in counts]
    )
    # a few of them before and after the pattern
    times = rng.uniform(-0.05, 1.05, len(afferents)) * setting.duration
    times = np.rint(times) if setting.whole else times
    overlap = counts.sum() / setting.patterns * (setting.tau + setting.tau_s) / setting.duration
    shape = (setting.outputs, setting.afferents)
    size = setting.strength * setting.threshold / max(1.0, overlap) ** 0.5
    weight = size * rng.normal(0.1, 1.0, shape)
    if setting.afferents == 1:
        weight = np.full(shape, 0.7)
    numbers = (array.astype(np.float32).astype(np.float64) for array in (times, weight))
    times, weight = numbers
    return Batch(setting, times, afferents, offsets, weight)


@dataclass(frozen=True)
class Reference:
    """One pair by brute force, and which of its readouts are decided in each precision."""

    scale: float
    v_max: float
    t_max: float
    t_spike: float
    kind: str
    value_decided: dict[str, bool]
    peak_decided: dict[str, bool]
    crossing_decided: dict[str, bool]


def reference(batch: Batch, pattern: int, output: int) -> Reference:
    own = batch.spikes(pattern)
    constants, duration = batch.setting.constants, batch.setting.duration
    weights = batch.weight[output, batch.afferents[own]]
    free = FloatTrajectory(batch.times[own], weights, constants, duration)
    crossing, highest = free.first_crossing(), free.peak()
    shunted = free.shunted()
    found = shunted.peak()
    after = min((abs(t - crossing.time) for t in free.group_times), default=math.inf)
    value, peaks, crossings = {}, {}, {}
    for dtype in ("float32", "float64"):
        fires = abs(highest.v_max - constants.v_threshold) > 2.0 * bar(free.scale, dtype)
        sharp = well_conditioned_crossing(crossing, free, dtype)
        counted = sharp and after > 2.0 * time_bar(duration, dtype)  # which inputs still count
        value[dtype] = fires and (counted or not crossing.fired)
        peaks[dtype] = value[dtype] and well_conditioned_peak(found, shunted, dtype)
        crossings[dtype] = fires and (sharp or not crossing.fired)
    return Reference(
        free.scale,
        found.v_max,
        found.t_max,
        crossing.time,
        found.maximum.kind,
        value,
        peaks,
        crossings,
    )


@cache
def references(name: str) -> dict[tuple[int, int], Reference]:
    batch = random_batch(name)
    pairs = np.ndindex(batch.setting.patterns, batch.setting.outputs)
    return {pair: reference(batch, *pair) for pair in pairs}


def mask(name: str, what: str, dtype: str) -> np.ndarray:
    """Which pairs are decided, [B, O]."""
    found = [getattr(pair, what)[dtype] for pair in references(name).values()]
    return np.asarray(found).reshape(SETTINGS[name].patterns, -1)


def column(name: str, what: str) -> np.ndarray:
    """A value of the reference, [B, O]."""
    found = [getattr(pair, what) for pair in references(name).values()]
    return np.asarray(found).reshape(SETTINGS[name].patterns, -1)


def ours(batch: Batch, tensors: tuple[Any, ...], method: str = "auto") -> dict[str, Any]:
    times, afferents, offsets, weight = tensors
    setting = batch.setting
    events = Events.from_csr(times, afferents, offsets, setting.afferents, setting.duration)
    found = peak(events, weight, setting.neuron, method=method)
    spike = first_crossing(events, weight, setting.neuron, method=method)
    return dict(zip(READOUTS, (*found, spike), strict=True))


def theirs(batch: Batch, tensors: tuple[Any, ...]) -> dict[str, Any]:
    setting = batch.setting
    found = tempotron(*tensors, setting.duration, setting.tau, setting.tau_s, setting.threshold)
    return dict(zip(READOUTS, found, strict=True))


def to_numpy(found: dict[str, Any]) -> dict[str, np.ndarray]:
    return {name: tensor.detach().double().numpy() for name, tensor in found.items()}


def distance(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Absolute difference, 0 between equal infinities."""
    return np.where(a == b, 0.0, np.abs(a - np.where(a == b, 0.0, b)))


def test_a_thousand_patterns_away_from_ties_and_grazing() -> None:
    assert sum(SETTINGS[name].patterns for name in WITHOUT_TIES) == 1000
    kinds: Counter[str] = Counter()
    for name in WITHOUT_TIES:
        pairs = references(name).values()
        kinds.update(pair.kind for pair in pairs)
        kinds.update("fires" if math.isfinite(pair.t_spike) else "silent" for pair in pairs)
        for dtype in ("float64", "float32"):
            for what in ("value_decided", "peak_decided", "crossing_decided"):
                assert mask(name, what, dtype).mean() > 0.95, (name, what, dtype)
        fires = np.isfinite(column(name, "t_spike")).mean()
        assert 0.15 < fires < 0.85, (name, fires)
    # every kind of peak: at rest, smooth, at an inhibitory spike, at the end
    assert min(kinds[kind] for kind in ("rest", "smooth", "kink", "end")) >= 20, kinds


@pytest.mark.parametrize("method", ["auto", "static"])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", SETTINGS)
def test_values_agree(name: str, dtype: str, method: str) -> None:
    batch = random_batch(name)
    tensors = batch.tensors(getattr(torch, dtype))
    own, peer = to_numpy(ours(batch, tensors, method)), to_numpy(theirs(batch, tensors))
    scale, duration = column(name, "scale"), batch.setting.duration
    for readout, what, allowed in (
        ("v_max", "value_decided", bar(scale, dtype)),
        ("t_max", "peak_decided", time_bar(duration, dtype)),
        ("t_spike", "crossing_decided", time_bar(duration, dtype)),
    ):
        decided, expected = mask(name, what, dtype), column(name, readout)
        for one, other, who in (
            (own[readout], peer[readout], "both"),
            (own[readout], expected, "ours and the reference"),
        ):
            ratio = np.where(decided, distance(one, other) / allowed, 0.0)
            worst = np.unravel_index(ratio.argmax(), ratio.shape)
            assert ratio[worst] <= 1.0, f"{readout}, {who}, pair {worst}: {ratio[worst]:.3g} bars"


def random_cotangent(name: str, readout: str) -> Any:
    """Zero where the readout is not decided, or there is no spike."""
    decided = mask(name, "crossing_decided" if readout == "t_spike" else "peak_decided", "float64")
    if readout == "t_spike":
        decided = decided & np.isfinite(column(name, "t_spike"))
    numbers = np.random.default_rng(5).normal(size=decided.shape)
    return torch.from_numpy(np.where(decided, numbers, 0.0))


def gradients(compute: Any, name: str, readout: str) -> tuple[np.ndarray, np.ndarray]:
    """Towards the spike times and the weights, in float64."""
    batch = random_batch(name)
    times, afferents, offsets, weight = batch.tensors(torch.float64)
    value = compute(batch, (times, afferents, offsets, weight))[readout]
    found = torch.autograd.grad(value, (times, weight), random_cotangent(name, readout))
    return found[0].numpy(), found[1].numpy()


def check_rows(own: list[np.ndarray], peer: list[np.ndarray], what: str) -> None:
    assert sum(bool(np.any(row)) for row in own) >= len(own) / 8
    for index, (one, other) in enumerate(zip(own, peer, strict=True)):
        largest = max(LEAST_GRADIENT, np.abs(other).max(initial=0.0))
        error = np.abs(one - other).max(initial=0.0) / largest
        assert error <= GRADIENT_BAR, f"{what} {index}: {error:.3g}"


@pytest.mark.parametrize("readout", READOUTS)
@pytest.mark.parametrize("name", WITHOUT_TIES)
def test_gradients_agree(name: str, readout: str) -> None:
    """Towards the spike times of each pattern and towards the weights of each output."""
    batch = random_batch(name)
    (times, weight), (times_2, weight_2) = (gradients(f, name, readout) for f in (ours, theirs))
    patterns = [batch.spikes(b) for b in range(batch.setting.patterns)]
    check_rows([times[own] for own in patterns], [times_2[own] for own in patterns], "pattern")
    check_rows([*weight], [*weight_2], "output")


@pytest.mark.parametrize("readout", READOUTS)
def test_gradients_of_simultaneous_spikes_agree_in_sum(readout: str) -> None:
    """At a peak on a group of spikes they move the first one alone, we all by their weights.

    Both are subgradients. They add up to the same, which is what moving the group does; and every
    other spike, and the weights, get the same gradient.
    """
    name = "simultaneous"
    batch = random_batch(name)
    (times, weight), (times_2, weight_2) = (gradients(f, name, readout) for f in (ours, theirs))
    groups, groups_2, differing = [], [], 0
    for b in range(batch.setting.patterns):
        own = batch.spikes(b)
        _, group = np.unique(batch.times[own], return_inverse=True)
        groups.append(np.bincount(group, times[own]))
        groups_2.append(np.bincount(group, times_2[own]))
        apart = np.abs(times[own] - times_2[own]) > 1e-9
        differing += int(apart.any())
        size = np.bincount(group)[group]
        at_peak = np.isin(batch.times[own], column(name, "t_max")[b])
        assert not (apart & ~((size > 1) & at_peak)).any()
    check_rows(groups, groups_2, "pattern")
    check_rows([*weight], [*weight_2], "output")
    assert (differing > 0) == (readout != "t_spike")  # the test has something to show


def test_the_layer_takes_the_weights_of_theirs() -> None:
    """Through both libraries' modules: a state dict of one read by the other, the same answers."""
    batch = random_batch("high threshold")
    setting = batch.setting
    shape = (setting.afferents, setting.outputs, setting.duration)
    constants = (setting.tau, setting.tau_s, setting.threshold)
    peer = PeerLayer(*shape, *constants).double()
    times, afferents, offsets, weight = batch.tensors(torch.float64)
    peer.weight.data = weight.detach()
    own = ExactTempotron(*shape, *constants, psp_peak=1.0, shunt=True, ret_type="all").double()
    own.load_state_dict(peer.state_dict())
    events = Events.from_csr(times, afferents, offsets, setting.afferents, setting.duration)
    with torch.no_grad():
        found, expected = own(events), peer(times, afferents, offsets)
    assert torch.isfinite(found.t_spike).any()
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(one, other, rtol=0.0, atol=1e-9)
