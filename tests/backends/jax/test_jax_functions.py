"""The pure functions of tempotron_backends.jax: values, transformations, errors, lowering."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import textwrap

import numpy as np
import pytest
from reference import Constants, FloatTrajectory, jacobian

import tempotron_core as core
from tempotron_core import Events, Neuron, Peak

jax = pytest.importorskip("jax")
export = pytest.importorskip("jax.export")
jnp = jax.numpy
jax.config.update("jax_enable_x64", True)

from tempotron_backends.jax import first_crossing, peak, voltage  # noqa: E402

DURATION = 60.0
SAMPLES = np.linspace(0.0, DURATION, 7)
# One shape for all, since JAX compiles every function once per shape.
RNG = np.random.default_rng(7)
TIMES = RNG.uniform(-5.0, 62.0, (3, 5))
TIMES[1, 3] = np.inf
WEIGHT = RNG.normal(0.6, 0.6, (2, 5))
BAR = RNG.normal(size=(3, 2))
DIRECTION = RNG.normal(size=WEIGHT.shape), RNG.normal(size=TIMES.shape)
ARRAYS = jnp.asarray(WEIGHT), jnp.asarray(TIMES)


def v_max(weight, in_spikes, **more):
    return peak(weight, in_spikes, duration=DURATION, **more).v_max


def t_max(weight, in_spikes, **more):
    return peak(weight, in_spikes, duration=DURATION, **more).t_max


def t_spike(weight, in_spikes, **more):
    return first_crossing(weight, in_spikes, duration=DURATION, **more)


def v_at(weight, in_spikes, **more):
    v = voltage(weight, in_spikes, jnp.asarray(SAMPLES), duration=DURATION, **more)
    return (v**2).sum(axis=2)


REFERENCES = {
    v_max: lambda trajectory: trajectory.peak().v_max,
    t_max: lambda trajectory: trajectory.peak().t_max,
    t_spike: lambda trajectory: trajectory.first_crossing().time,
    v_at: lambda trajectory: sum(trajectory.voltage(t) ** 2 for t in SAMPLES),
}
READOUTS = pytest.mark.parametrize(
    "readout",
    [pytest.param(f, marks=[pytest.mark.slow] if f is t_max else []) for f in REFERENCES],
    ids=lambda f: f.__name__,
)


def loss_of(readout, **more):
    """A loss that is not linear in the readout, and that silent neurons have no part in."""

    def loss(weight, in_spikes):
        values = readout(weight, in_spikes, **more)
        fires = jnp.isfinite(values)
        return (jnp.where(fires, values, 0.0) ** 2 * BAR).sum()

    return loss


def close(found, expected, bar=1e-11):
    scale = np.max(np.abs(expected))
    assert scale > 0.0
    np.testing.assert_allclose(np.asarray(found), expected, rtol=0.0, atol=bar * scale)


# -- values and gradients -----------------------------------------------------------------------


@READOUTS
def test_values_and_gradients_against_50_digits(readout):
    @jax.jit
    def run(weight, in_spikes):
        gradient = jax.grad(loss_of(readout), (0, 1))
        return readout(weight, in_spikes), gradient(weight, in_spikes)

    values, (to_weight, to_times) = run(*ARRAYS)
    expected = np.zeros(BAR.shape)
    weight_bar, time_bar = np.zeros(WEIGHT.shape), np.zeros(TIMES.shape)
    reference = REFERENCES[readout]
    for b, o in np.ndindex(*BAR.shape):
        given = TIMES[b], WEIGHT[o], Constants(), DURATION
        expected[b, o] = reference(FloatTrajectory(*given))
        if np.isfinite(expected[b, o]):
            by_weight, by_time = jacobian(lambda found: [reference(found)], *given)
            weight_bar[o] += 2.0 * BAR[b, o] * expected[b, o] * by_weight[0]
            time_bar[b] += 2.0 * BAR[b, o] * expected[b, o] * by_time[0]
    assert np.isfinite(expected).any()
    np.testing.assert_allclose(values, expected, rtol=1e-12)
    close(to_weight, weight_bar, 1e-10)
    close(to_times, time_bar, 1e-10)


@pytest.mark.slow
def test_trains_are_more_spikes_of_an_afferent():
    trains = jnp.stack([ARRAYS[1], jnp.asarray(TIMES[:, ::-1])], axis=2)
    apart = jnp.concatenate([trains[:, :, 0], trains[:, :, 1]], axis=1)
    run = jax.jit(jax.value_and_grad(loss_of(v_max), (0, 1)))
    value, (to_weight, to_times) = run(ARRAYS[0], trains)
    expected, (each_weight, each_time) = run(jnp.tile(ARRAYS[0], (1, 2)), apart)
    close(value, expected)
    close(to_weight, each_weight[:, :5] + each_weight[:, 5:])
    close(to_times, np.stack([each_time[:, :5], each_time[:, 5:]], axis=2))


@pytest.mark.slow
def test_events_are_taken_for_spike_times():
    events = Events.from_latencies(ARRAYS[1], DURATION)
    for function in (peak, first_crossing):
        found = function(ARRAYS[0], events)
        expected = function(*ARRAYS, duration=DURATION)
        jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_numpy_arrays_and_integers_are_taken():
    times = np.asarray([[3, 5, -1]])
    found = peak(np.asarray([[1.0, 1.0, 1.0]]), times, duration=50.0)
    expected = peak(np.asarray([[1.0, 1.0, 1.0]]), times.astype(float), duration=50.0)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


@pytest.mark.slow  # test_strict_modes.py has one
def test_grid():
    found = peak(*ARRAYS, duration=DURATION, grid=(61, 1.0))
    v = voltage(*ARRAYS, jnp.arange(61.0), duration=DURATION)
    np.testing.assert_array_equal(found.t_max, v.argmax(axis=2))
    close(found.v_max, v.max(axis=2), 1e-12)


@pytest.mark.slow
def test_float32_stays_float32():
    weight, times = (a.astype(jnp.float32) for a in ARRAYS)
    value, gradients = jax.jit(jax.value_and_grad(lambda w, x: v_max(w, x).sum(), (0, 1)))(
        weight, times
    )
    assert {a.dtype.name for a in (value, *gradients)} == {"float32"}
    close(gradients[0], jax.grad(lambda w: v_max(w, ARRAYS[1]).sum())(ARRAYS[0]), 1e-4)


# -- transformations ----------------------------------------------------------------------------


def test_vmap_of_gradients_over_weights_and_patterns():
    def gradients(weight, one):
        return jax.grad(lambda w, x: loss(w, x[None]), (0, 1))(weight, one)

    def loss(weight, in_spikes):
        return v_max(weight, in_spikes).sum()

    weights = jnp.stack([ARRAYS[0], ARRAYS[0] + 0.1])
    over_patterns = jax.vmap(gradients, (None, 0))
    to_weight, to_times = jax.jit(jax.vmap(over_patterns, (0, None)))(weights, ARRAYS[1])
    for i, weight in enumerate(np.asarray(weights)):
        for b, one in enumerate(TIMES):
            events = Events.from_latencies(one[None], DURATION)
            found = core.peak(events, weight, Neuron())
            expected = core.peak_vjp(events, weight, Neuron(), found, np.ones((1, 2)), times=True)
            np.testing.assert_allclose(to_weight[i, b], expected.weight, rtol=1e-9, atol=1e-11)
            np.testing.assert_allclose(to_times[i, b], expected.times[0], rtol=1e-9, atol=1e-11)


@pytest.mark.slow
def test_jacrev_has_a_gradient_for_every_output():
    found = jax.jit(jax.jacrev(v_max))(*ARRAYS)
    assert found.shape == (3, 2, 2, 5)
    summed = jax.grad(lambda w: (v_max(w, ARRAYS[1]) * BAR).sum())(ARRAYS[0])
    close(np.einsum("bo,bopn->pn", BAR, found), summed)
    assert np.all(np.asarray(found)[:, 0, 1] == 0.0)


@pytest.mark.slow
def test_training_in_a_scan_with_donated_and_rematerialised_arrays():
    target = jnp.asarray([[1.5, 0.2], [0.2, 1.5], [1.5, 1.5]])

    def loss(weight, x):
        return ((v_max(weight, x) - target) ** 2).sum()

    def train(weight, x, loss):
        def step(w, _):
            value, gradient = jax.value_and_grad(loss)(w, x)
            return w - 0.02 * gradient, value

        return jax.lax.scan(step, weight, length=30)

    compiled = jax.jit(train, static_argnums=2, donate_argnums=0)
    trained, losses = compiled(jnp.array(WEIGHT), ARRAYS[1], loss)
    assert losses[-1] < 0.8 * losses[0]
    again, _ = compiled(jnp.array(WEIGHT), ARRAYS[1], jax.checkpoint(loss))
    close(again, trained, 1e-10)


@pytest.mark.slow  # tests/core/networks/test_network.py has two layers
def test_layers_stack_and_a_silent_neuron_makes_no_nan():
    hidden = jnp.asarray(np.concatenate([np.abs(WEIGHT), np.full((1, 5), 1e-3)]))
    output = jnp.asarray([[1.0, 0.5, 0.7]])

    @jax.jit
    def run(params, x):
        def loss(params, x):
            spikes = t_spike(params["hidden"], x)
            return v_max(params["output"], spikes).sum(), spikes

        return jax.value_and_grad(loss, (0, 1), has_aux=True)(params, x)

    params = {"hidden": hidden, "output": output}
    (value, spikes), (gradient, to_times) = run(params, ARRAYS[1])
    assert np.all(np.isinf(spikes[:, 2]))
    assert np.all(np.isfinite(spikes[:, 0]))
    assert np.all(np.asarray(gradient["hidden"])[2] == 0.0)
    assert gradient["output"][0, 2] == 0.0
    # the chain of both layers, against differences of the whole
    h = 1e-6
    for name, step in (("hidden", DIRECTION[0][0]), ("output", np.asarray([0.3, -0.2, 0.0]))):
        moved = {}
        for sign in (h, -h):
            shifted = dict(params)
            shifted[name] = params[name].at[0].add(sign * step)
            (moved[sign], _), _ = run(shifted, ARRAYS[1])
        slope = (moved[h] - moved[-h]) / (2.0 * h)
        np.testing.assert_allclose(gradient[name][0] @ step, slope, rtol=1e-6)
    assert np.all(np.isfinite(to_times))
    assert np.isfinite(value)


# -- second derivatives -------------------------------------------------------------------------

ALPHA, SHUNT = Neuron(tau=10.0, tau_s=10.0), Neuron(shunt=True)
SECOND = [
    pytest.param(v_max, {}, id="v_max", marks=pytest.mark.slow),
    pytest.param(t_spike, {}, id="t_spike"),
    pytest.param(t_max, {}, id="t_max", marks=pytest.mark.slow),
    pytest.param(v_at, {}, id="v_at", marks=pytest.mark.slow),
    pytest.param(v_max, {"neuron": SHUNT}, id="v_max-shunt", marks=pytest.mark.slow),
    pytest.param(t_spike, {"neuron": ALPHA}, id="t_spike-alpha", marks=pytest.mark.slow),
    pytest.param(v_max, {"grid": (61, 1.0)}, id="v_max-grid", marks=pytest.mark.slow),
]


@pytest.mark.parametrize(("readout", "more"), SECOND)
def test_second_derivatives_against_differences_of_the_gradient(readout, more):
    gradients = jax.grad(loss_of(readout, **more), (0, 1))

    def along(weight, in_spikes):
        found = gradients(weight, in_spikes)
        return sum((g * d).sum() for g, d in zip(found, DIRECTION, strict=True))

    @jax.jit
    def both(weight, in_spikes):
        return gradients(weight, in_spikes), jax.grad(along, (0, 1))(weight, in_spikes)

    _, second = both(*ARRAYS)
    h = 1e-5
    (ahead, _), (behind, _) = (
        both(*(a + s * d for a, d in zip(ARRAYS, DIRECTION, strict=True))) for s in (h, -h)
    )
    for found, plus, minus in zip(second, ahead, behind, strict=True):
        close(found, (np.asarray(plus) - np.asarray(minus)) / (2.0 * h), 1e-7)


@pytest.mark.slow
def test_hessian_and_forward_over_reverse():
    loss = loss_of(t_spike)
    found = jax.jit(jax.hessian(loss))(*ARRAYS).reshape(10, 10)
    close(found, np.asarray(found).T, 1e-9)
    _, along = jax.jit(lambda w: jax.jvp(jax.grad(loss), (w, X), (DIRECTION[0], 0.0 * X)))(W)
    close(np.asarray(found) @ DIRECTION[0].ravel(), np.asarray(along).ravel(), 1e-9)


def test_min_slope_bounds_the_gradient_of_a_grazing_crossing():
    events, bar = Events.from_latencies(TIMES, DURATION), np.ones((3, 2))
    found = core.first_crossing(events, WEIGHT, Neuron())
    exact, bounded = (
        core.first_crossing_vjp(events, WEIGHT, Neuron(), found, bar, min_slope=bound).weight
        for bound in (0.0, 0.2)
    )
    assert np.abs(exact - bounded).max() > 0.1 * np.abs(exact).max()

    def total(weight):
        t = first_crossing(weight, ARRAYS[1], duration=DURATION, min_slope=0.2)
        return jnp.where(jnp.isfinite(t), t, 0.0).sum()

    close(jax.jit(jax.grad(total))(ARRAYS[0]), bounded)
    with pytest.raises(ValueError, match="min_slope must"):
        first_crossing(*ARRAYS, duration=DURATION, min_slope=-1.0)


def test_forward_mode_of_a_readout_is_an_error():
    with pytest.raises(TypeError, match=r"forward-mode .* custom_vjp"):
        jax.jvp(v_max, ARRAYS, DIRECTION)


# -- what cannot be ------------------------------------------------------------------------------


def test_nan_is_an_error_where_it_can_be_seen():
    weight, in_spikes = ARRAYS
    spoilt = in_spikes.at[1, 2].set(jnp.nan)
    for function in (v_max, t_spike, v_at):
        with pytest.raises(ValueError, match="in_spikes must not hold NaN"):
            function(weight, spoilt)


@pytest.mark.parametrize(
    "function", [v_max, *(pytest.param(f, marks=pytest.mark.slow) for f in (t_spike, v_at))]
)
def test_nan_comes_out_where_it_cannot_be_seen(function):
    weight, in_spikes = ARRAYS

    @jax.jit
    def run(weight, in_spikes):
        found, pull_back = jax.vjp(function, weight, in_spikes)
        return found, pull_back(jnp.ones_like(found))

    found, gradients = run(weight, in_spikes.at[1, 2].set(jnp.nan))
    assert np.all(np.isnan(found[1]))
    np.testing.assert_allclose(found[::2], run(weight, in_spikes)[0][::2], rtol=1e-12)
    assert np.isnan(gradients[0]).any()


def test_nan_sample_times():
    times = jnp.asarray([1.0, jnp.nan])
    with pytest.raises(ValueError, match="times must not hold NaN"):
        voltage(*ARRAYS, times, duration=DURATION)
    found = jax.jit(lambda t: voltage(*ARRAYS, t, duration=DURATION))(times)
    assert np.all(np.isnan(found[..., 1]))
    assert np.all(np.isfinite(found[..., 0]))


def _events():
    return Events.from_latencies(ARRAYS[1], DURATION)


W, X = ARRAYS
BAD = {
    "one pattern": (lambda: v_max(W, X[0]), ValueError, r"in_spikes .* got \(5,\): one pattern"),
    "vmap": (lambda: jax.vmap(v_max, (None, 0))(W, X), ValueError, r"in_spikes .* got \(5,\)"),
    "jit": (
        lambda: jax.jit(v_max)(W[:, :3], X),
        ValueError,
        r"weight .* got shape \(2, 3\) for in_spikes of shape \(3, 5\)",
    ),
    "vmap of rows": (
        lambda: jax.vmap(v_max, (0, None))(W, X),
        ValueError,
        r"weight must have shape \(O, N\), got \(5,\)",
    ),
    "four axes": (lambda: v_max(W, X[None, None]), ValueError, r"in_spikes .* got \(1, 1, 3, 5\)"),
    "no duration": (lambda: peak(W, X), TypeError, "duration must be given"),
    "bad duration": (lambda: peak(W, X, duration=-1.0), ValueError, "duration must be positive"),
    "traced duration": (
        lambda: jax.jit(lambda d: peak(W, X, duration=d))(60.0),
        TypeError,
        "duration must be a number when the program is compiled",
    ),
    "two durations": (
        lambda: peak(W, _events(), duration=50.0),
        TypeError,
        r"duration must be left out .*\(60.0\), got 50.0",
    ),
    "vmap of events": (
        lambda: jax.vmap(lambda e: peak(W, e))(_events()),
        ValueError,
        r"events must hold a batch, .* got \(5,\)",
    ),
    "host events": (
        lambda: peak(W, Events.from_latencies(TIMES, DURATION)),
        TypeError,
        "one array library",
    ),
    "list": (lambda: v_max([[1.0]], X), TypeError, "weight must be a JAX or NumPy .* got list"),
    "list of times": (lambda: v_max(W, [[1.0]]), TypeError, "in_spikes must be .* got list"),
    "bool": (lambda: v_max(W, X > 3.0), TypeError, "in_spikes must be float32 .* got bool"),
    "integer weight": (lambda: v_max(W.astype(int), X), TypeError, "weight must be .* got int"),
    "neuron": (lambda: v_max(W, X, neuron=None), TypeError, "neuron must be a Neuron, got None"),
    "grid": (lambda: v_max(W, X, grid=5), TypeError, r"grid must be \(n_steps, dt\), got 5"),
    "times": (
        lambda: voltage(W, X, jnp.zeros((2, 2)), duration=60.0),
        ValueError,
        r"times must have shape \(T,\), got \(2, 2\)",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_input(name):
    call, error, message = BAD[name]
    with pytest.raises(error, match=message):
        call()


# -- shards, serialised programs, integers ---------------------------------------------------------


@pytest.mark.parametrize("kind", ["v_max", "t_spike", "t_max", "v"])
def test_gradients_within_shard_map(kind):
    """Weights that all shards share, patterns that they do not; the sum over shards is XLA's.

    What varies over the mesh is seen in tracing; numbers of one shard would say no more.
    """
    mesh = jax.make_mesh((1,), ("shard",), axis_types=(jax.sharding.AxisType.Auto,))
    spec = jax.sharding.PartitionSpec

    def loss(w, x):
        found = {
            "v_max": lambda: v_max(w, x),
            "t_max": lambda: peak(w, x, duration=DURATION).t_max,
            "t_spike": lambda: t_spike(w, x),
            "v": lambda: voltage(w, x, jnp.linspace(0.0, DURATION, 7), duration=DURATION),
        }[kind]()
        return jnp.where(jnp.isfinite(found), found, 0.0).sum()

    def shared(w, x):
        return jax.lax.psum(loss(w, x), "shard")

    sharded = jax.shard_map(shared, mesh=mesh, in_specs=(spec(), spec("shard")), out_specs=spec())
    found = jax.eval_shape(jax.grad(sharded, (0, 1)), W, X)
    assert [gradient.shape for gradient in found] == [W.shape, X.shape]


def test_serialised_programs_take_events_and_give_peaks():
    events = _events()
    lists = Events.from_csr(X.reshape(-1), jnp.tile(jnp.arange(5), 3), jnp.arange(4) * 5, 5, 60.0)
    expected = core.peak(Events.from_latencies(TIMES, DURATION), WEIGHT, Neuron()).v_max
    for given in (events, lists):
        program = jax.jit(lambda w, e: (peak(w, e), e))
        exported = export.export(program)(W, given)
        back = export.deserialize(exported.serialize()).call(W, given)
        assert isinstance(back[0], Peak)
        close(back[0].v_max, expected, 1e-14)
        assert back[1].source_shape == given.source_shape
        assert (back[1].n_afferents, back[1].duration) == (5, DURATION)


@pytest.mark.parametrize("x64", [False, True])
def test_integers_are_exact_or_refused(x64):
    with jax.enable_x64(x64):
        w = np.full((1, 1), 2.0, np.float32)
        largest = 2 ** (53 if x64 else 24)
        for number in (largest + 1, 2**62):
            with pytest.raises(
                ValueError, match=f"in_spikes must be at most {largest} to be exact"
            ):
                v_max(w, np.asarray([[number]]))
            with pytest.raises(ValueError, match=f"times must be at most {largest} to be exact"):
                voltage(w, np.asarray([[1.0]], np.float32), np.asarray([number]), duration=DURATION)
        with pytest.raises(ValueError, match=f"in_spikes must be at most {largest} to be exact"):
            v_max(w, np.asarray([[2**63]], np.uint64))
        for number in (-(2**33) + 5, -1, 2**20):  # no spikes, the last past the duration
            assert v_max(w, np.asarray([[number]])) == 0.0
        assert v_max(w, np.asarray([[5]])) == v_max(w, np.asarray([[5]], np.int8)) > 1.9


@pytest.mark.slow
def test_no_nan_is_made_where_none_is_given():
    """As `jax.debug_nans` wants it, also where every operation runs by itself."""
    with jax.debug_nans(True), jax.disable_jit():
        for read in (v_max, t_spike, v_at):
            assert not np.isnan(read(W, X)).any()


# -- lowering ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float64", marks=pytest.mark.slow)])
def test_programs_lower_for_devices_that_are_not_here(dtype):
    """They are made, serialised and read back; only the one for the processor is also run."""

    def loss(params, x):
        return v_max(params["weight"], x).sum()

    program = jax.jit(jax.value_and_grad(loss))
    given = {"weight": W.astype(dtype)}, X.astype(dtype)
    platforms = "cpu", "cuda", "tpu"
    exported = export.export(program, platforms=platforms)(*given)
    text = exported.mlir_module()
    assert "sort" in text
    assert "callback" not in text
    # with 64-bit types on, Python numbers are f64 constants, but no array may be
    assert (re.search(r"tensor<\d+x[\dx]*f64>", text) is None) == (dtype == "float32")
    back = export.deserialize(exported.serialize())
    assert back.platforms == platforms
    here = jax.device_put(given, jax.devices("cpu")[0])
    found, expected = back.call(*here), program(*here)
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-6), found, expected)


@pytest.mark.slow
def test_crossings_do_not_depend_on_how_the_compiler_rounds():
    """XLA, at the level users have, rounds one sum differently in two places of this program."""
    program = """
        import jax, jax.numpy as jnp, numpy as np
        from tempotron_backends.jax import first_crossing

        rng = np.random.default_rng(0)
        x = jnp.asarray(rng.uniform(-10.0, 100.0, (512, 12)))
        w = jnp.asarray(rng.normal(0.3, 0.5, (3, 12)))

        def one(w, x, o):
            t = first_crossing(w, x[None], duration=100.0)[0, o]
            return jnp.where(jnp.isfinite(t), t * t, 0.0), t

        mapped = jax.vmap(jax.value_and_grad(one, (0, 1), has_aux=True), (None, 0, None))
        mapped = jax.jit(jax.vmap(mapped, (None, None, 0), 1))
        (_, found), _ = mapped(w, x, jnp.arange(3))
        expected = first_crossing(w, x, duration=100.0)
        fires = jnp.isfinite(expected)
        assert int(fires.sum()) > 700
        assert (jnp.isfinite(found) == fires).all()
        error = jnp.abs(jnp.where(fires, found - expected, 0.0)).max()
        assert error < 1e-10, error
    """
    ours = "XLA_FLAGS", "JAX_DISABLE_MOST_OPTIMIZATIONS"
    environment = {k: v for k, v in os.environ.items() if k not in ours}
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)],
        env=environment | {"JAX_ENABLE_X64": "1", "JAX_PLATFORMS": "cpu"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_no_mask_or_unit_is_dropped() -> None:
    masked = np.ma.masked_array(np.ones((1, 3)), mask=False)
    weight, spikes = np.ones((2, 3)), np.ones((1, 3))
    for arguments in ((weight, masked), (masked, spikes), (weight, masked.astype(np.int64))):
        with pytest.raises(TypeError, match="must have no mask"):
            peak(*arguments, duration=5.0)
