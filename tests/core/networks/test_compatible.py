"""The compatible `Tempotron` against a dense torch model of the same neuron, with autograd."""

from __future__ import annotations

import math

import numpy as np
import pytest
from patterns import ELSEWHERE, place

from tempotron_core import Tempotron

torch = pytest.importorskip("torch")
DenseTempotron = pytest.importorskip("dense").DenseTempotron

N_STEPS = 30
CONSTANTS = [
    (15.0, 15.0 / 4, 1.0),
    (10.0, 5.0, 0.5),
    (3.0, 9.0, 2.0),
    (20.0, 1.0, 1.0),
]
EVERY_CONSTANTS = [
    pytest.param(c, id=f"{c[0]:g}:{c[1]:g}", marks=[] if c is CONSTANTS[0] else ELSEWHERE)
    for c in CONSTANTS
]
RET_TYPES = ("v", "v_max", "spikes")


def patterns(seed: int, n_patterns: int, n_afferents: int, *, whole: bool) -> np.ndarray:
    """Latencies with silent afferents; `whole` times lie on the samples."""
    rng = np.random.default_rng(seed)
    times = rng.uniform(0.0, N_STEPS, (n_patterns, n_afferents))
    if whole:
        times = np.floor(times)
    times[rng.uniform(size=times.shape) < 0.15] = -1.0
    if n_patterns > 2:
        times[1] = -1.0
    return times


def pair_of_models(backend, constants, n_afferents, n_outputs, seed=0, scale=1.0):
    """The library's model on `backend` and the dense one, with the same weights."""
    tau, tau_s, v_threshold = constants
    rng = np.random.default_rng(seed)
    weight = rng.normal(0.1, scale, (n_outputs, n_afferents))
    model = Tempotron(
        n_afferents, n_outputs, N_STEPS, tau, tau_s, v_threshold, weight=place(backend, weight)
    )
    dense = DenseTempotron(
        torch.tensor(weight, requires_grad=True), N_STEPS, tau, tau_s, v_threshold
    )
    return model, dense


@pytest.mark.parametrize("whole", [True, False], ids=["on samples", "between samples"])
@pytest.mark.parametrize("constants", EVERY_CONSTANTS)
def test_values(backend, constants, whole):
    """'v' and 'v_max' to rounding, 'spikes' equal."""
    times = patterns(1, 6, 9, whole=whole)
    model, dense = pair_of_models(backend, constants, 9, 4)
    in_spikes = place(backend, times)
    expected = {kind: dense(torch.tensor(times), kind).detach().numpy() for kind in RET_TYPES}
    found = {kind: backend.to_numpy(model(in_spikes, kind)) for kind in RET_TYPES}
    scale = constants[2] * max(1.0, float(dense.weight.detach().abs().sum(dim=1).max()))
    assert found["v"].shape == (6, 4, N_STEPS)
    for kind in ("v", "v_max"):
        assert found[kind].dtype == np.float64
        np.testing.assert_allclose(found[kind], expected[kind], rtol=0, atol=1e-12 * scale)
    np.testing.assert_array_equal(found["v_max"].shape, (6, 4))
    np.testing.assert_array_equal(found["spikes"], expected["spikes"])
    assert (expected["spikes"] >= 0).any()
    assert (expected["spikes"] < 0).any()


@pytest.mark.parametrize("whole", [True, False], ids=["on samples", "between samples"])
@pytest.mark.parametrize("kind", RET_TYPES)
@pytest.mark.parametrize("constants", EVERY_CONSTANTS)
def test_gradients(backend, constants, kind, whole):
    """`value_and_grad` against autograd, by weights and times; K'(0+) at a spike's own sample."""
    times = patterns(2, 5, 7, whole=whole)
    # Small weights for 'spikes', whose softmax is one-hot at large ones.
    model, dense = pair_of_models(backend, constants, 7, 3, scale=0.05 if kind == "spikes" else 1.0)
    in_spikes = torch.tensor(times, requires_grad=True)
    value = dense(in_spikes, kind)
    rng = np.random.default_rng(3)
    cotangent = rng.normal(size=tuple(value.shape))
    if kind == "v_max":
        # Exact ties (an empty pattern is 0 at every sample) have no single gradient.
        v = dense(in_spikes, "v").detach()
        top = torch.topk(v, 2, dim=2).values
        cotangent *= (top[:, :, 0] > top[:, :, 1]).numpy()
    expected = torch.autograd.grad(
        (value * torch.tensor(cotangent)).sum(), (dense.weight, in_spikes)
    )
    found = model.value_and_grad(place(backend, times), kind, place(backend, cotangent), times=True)
    np.testing.assert_allclose(
        backend.to_numpy(found[0]), value.detach().numpy(), rtol=0, atol=1e-11
    )
    for ours, theirs in zip(found[1:], expected, strict=True):
        ours, theirs = backend.to_numpy(ours), theirs.numpy()
        assert ours.shape == theirs.shape
        assert np.abs(ours - theirs).max() <= 1e-10 * np.abs(theirs).max()
        assert np.abs(theirs).max() > 0
    without = model.value_and_grad(place(backend, times), kind, place(backend, cotangent))
    assert without[2] is None
    # a GPU adds up in any order (`index_sum`)
    atol = 1e-13 * np.abs(expected[0].numpy()).max() if backend.device.startswith("cuda") else 0.0
    np.testing.assert_allclose(
        backend.to_numpy(without[1]), backend.to_numpy(found[1]), rtol=0.0, atol=atol
    )


def test_cotangent_may_be_a_function_of_the_value(backend):
    """A loss's gradient in one call: the value is computed once and handed over."""
    times = patterns(4, 5, 7, whole=False)
    labels = np.asarray([0, 1, 2, 0, 1])
    model, dense = pair_of_models(backend, CONSTANTS[0], 7, 3)
    v_max = dense(torch.tensor(times), "v_max")
    loss = DenseTempotron.mse_loss(v_max, 1.0, torch.tensor(labels), 3)
    (expected,) = torch.autograd.grad(loss, dense.weight)
    one_hot = np.eye(3)[labels]

    def cotangent(value):
        host = backend.to_numpy(value)
        wrong = (host >= 1.0) != one_hot.astype(bool)
        return place(backend, 2.0 * (host - 1.0) * wrong / 5.0)

    value, weight_grad, _ = model.value_and_grad(place(backend, times), "v_max", cotangent)
    np.testing.assert_allclose(backend.to_numpy(value), v_max.detach().numpy(), atol=1e-12)
    weight_grad = backend.to_numpy(weight_grad)
    assert np.abs(weight_grad - expected.numpy()).max() <= 1e-10 * np.abs(expected.numpy()).max()
    found = Tempotron.mse_loss(value, 1.0, backend.from_numpy(labels), 3)
    assert float(backend.to_numpy(found)) == pytest.approx(loss.item(), rel=1e-12)


def test_mse_loss_counts_a_potential_at_threshold_as_firing(backend):
    """Here, and only here, >= decides; the error at exactly the threshold is 0 all the same."""
    v_max = np.asarray([[1.0, 0.5], [1.0, 1.5], [0.25, 3.0]])
    labels = np.asarray([0, 0, 0])
    found = Tempotron.mse_loss(place(backend, v_max), 1.0, backend.from_numpy(labels), 2)
    expected = DenseTempotron.mse_loss(torch.tensor(v_max), 1.0, torch.tensor(labels), 2)
    assert float(backend.to_numpy(found)) == pytest.approx(float(expected), rel=1e-14)
    # Wrong are (1, 1), (2, 0) and (2, 1).
    assert float(expected) == pytest.approx((0.5**2 + 0.75**2 + 2.0**2) / 3)


@pytest.mark.parametrize(
    "shape",
    [
        (1, 1, 1),
        pytest.param((1, 4, 3), marks=ELSEWHERE),
        pytest.param((5, 4, 1), marks=ELSEWHERE),
        pytest.param((0, 4, 3), marks=ELSEWHERE),
    ],
)
@pytest.mark.parametrize("kind", RET_TYPES)
def test_shapes_never_collapse(backend, kind, shape):
    """A batch of 1, one output, one afferent, no pattern at all."""
    n_patterns, n_afferents, n_outputs = shape
    model, _ = pair_of_models(backend, CONSTANTS[0], n_afferents, n_outputs)
    times = np.full((n_patterns, n_afferents), 3.0)
    found = backend.to_numpy(model(place(backend, times), kind))
    expected = (n_patterns, n_outputs) + ((N_STEPS,) if kind == "v" else ())
    assert found.shape == expected
    value, weight_grad, time_grad = model.value_and_grad(
        place(backend, times), kind, place(backend, np.ones(expected)), times=True
    )
    assert backend.to_numpy(value).shape == expected
    assert backend.to_numpy(weight_grad).shape == (n_outputs, n_afferents)
    assert backend.to_numpy(time_grad).shape == times.shape


def test_silent_neuron_reads_minus_one(backend):
    """A peak at t = 0 below threshold: -1, not a -0.0 that reads as a spike at 0."""
    model = Tempotron(2, 1, N_STEPS, weight=place(backend, np.asarray([[-1.0, -2.0]])))
    times = np.asarray([[2.0, 5.0], [-1.0, -1.0], [0.0, 0.0]])
    found = backend.to_numpy(model(place(backend, times), "spikes"))
    np.testing.assert_array_equal(found, np.full((3, 1), -1.0))
    assert np.signbit(found).all()


def test_silent_neuron_keeps_its_gradient(backend):
    """The value is corrected; the gradient is still that of m s."""
    weight = np.asarray([[-0.02, -0.03]])
    model = Tempotron(2, 1, N_STEPS, weight=place(backend, weight))
    dense = DenseTempotron(torch.tensor(weight, requires_grad=True), N_STEPS, 15.0, 3.75, 1.0)
    times = np.asarray([[2.0, 5.5]])
    in_spikes = torch.tensor(times, requires_grad=True)
    value = dense(in_spikes, "spikes")
    assert value.item() == -1.0
    expected = torch.autograd.grad(value.sum(), (dense.weight, in_spikes))
    found = model.value_and_grad(
        place(backend, times), "spikes", place(backend, np.ones((1, 1))), times=True
    )
    for ours, theirs in zip(found[1:], expected, strict=True):
        error = np.abs(backend.to_numpy(ours) - theirs.numpy()).max()
        assert error <= 1e-10 * float(theirs.abs().max())


def test_potential_at_threshold_is_a_spike(backend):
    """'spikes' uses >=: a largest sample at exactly the threshold is a spike, at its time."""
    assert any(_reaches_threshold(backend, spike_time) for spike_time in (4.0, 4.25, 4.5, 4.75))


def _reaches_threshold(backend, spike_time):
    """Search for the weight whose largest sample is the threshold to the last bit."""
    times, weight = place(backend, np.asarray([[spike_time]])), place(backend, np.asarray([[1.3]]))
    model = Tempotron(1, 1, N_STEPS, weight=weight)
    near = 1.3 / float(backend.to_numpy(model(times, "v_max"))[0, 0])
    for step in range(-8, 9):
        weight = place(backend, np.asarray([[near + step * np.spacing(near)]]))
        model = Tempotron(1, 1, N_STEPS, weight=weight)
        if float(backend.to_numpy(model(times, "v_max"))[0, 0]) == 1.0:
            peak_sample = round(spike_time + model.neuron.kernel.t_peak)
            assert float(backend.to_numpy(model(times, "spikes"))[0, 0]) == peak_sample
            return True
    return False


def test_never_nan_in_float32():
    """T = 500 in float32: the dense raster's exp(t / tau_s) overflows there."""
    rng = np.random.default_rng(5)
    times = rng.uniform(0.0, 500.0, (3, 20)).astype("float32")
    model = Tempotron(20, 2, 500, rng=np.random.default_rng(0))
    for kind in RET_TYPES:
        assert np.isfinite(model(times, kind)).all()
    for kind in RET_TYPES:
        _, weight_grad, time_grad = model.value_and_grad(
            times, kind, lambda value: np.ones_like(value), times=True
        )
        assert np.isfinite(weight_grad).all()
        assert np.isfinite(time_grad).all()


def test_equal_time_constants():
    """The original divides by zero here; the alpha kernel is its limit."""
    times = patterns(6, 4, 5, whole=False)
    weight = np.random.default_rng(6).normal(size=(2, 5))
    equal = Tempotron(5, 2, N_STEPS, 8.0, 8.0, weight=weight)
    nearly = Tempotron(5, 2, N_STEPS, 8.0, 8.0 * (1 + 1e-9), weight=weight)
    for kind in RET_TYPES:
        np.testing.assert_allclose(equal(times, kind), nearly(times, kind), rtol=0, atol=1e-8)


def test_psp_kernel(backend):
    """The un-normalised difference, 0 before 0, and no overflow far before 0."""
    t = np.asarray([-5000.0, -1.0, 0.0, 0.5, 7.0, 400.0])
    found = backend.to_numpy(Tempotron.psp_kernel(place(backend, t), 15.0, 3.75))
    expected = [math.exp(-x / 15.0) - math.exp(-x / 3.75) if x >= 0 else 0.0 for x in t]
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-15)


def test_initial_weights():
    """Uniform within +-1/sqrt(in_features), float32, from the generator alone."""
    one = Tempotron(100, 50, N_STEPS, rng=np.random.default_rng(7))
    two = Tempotron(100, 50, N_STEPS, rng=np.random.default_rng(7))
    other = Tempotron(100, 50, N_STEPS, rng=np.random.default_rng(8))
    weight = np.asarray(one.weight)
    assert weight.dtype == np.float32
    assert weight.shape == (50, 100)
    np.testing.assert_array_equal(weight, np.asarray(two.weight))
    assert (weight != np.asarray(other.weight)).any()
    assert np.abs(weight).max() <= 0.1
    assert np.abs(weight).max() > 0.099
    assert abs(weight.mean()) < 0.005
    assert weight.std() == pytest.approx(0.1 / math.sqrt(3.0), rel=0.05)
