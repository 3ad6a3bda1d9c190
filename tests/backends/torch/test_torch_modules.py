"""The torch modules: an ordinary layer to autograd, torch.func, torch.compile and checkpoints."""

from __future__ import annotations

import copy
import io
import sys

import numpy as np
import pytest

from tempotron_core import Events, Neuron, first_crossing, peak
from tempotron_core import Tempotron as CoreTempotron

torch = pytest.importorskip("torch")

from torch_cases import (  # noqa: E402
    CASE_IDS,
    CASES,
    OUT,
    RET_TYPES,
    SPIKES,
    B,
    N,
    T,
    called,
    gradients,
    layer_of,
    loss_of,
    spikes,
    traced,
)

from tempotron_backends.torch import (  # noqa: E402
    ExactTempotron,
    Readout,
    Tempotron,
    autograd,
    direct,
)
from tempotron_backends.torch.operators import pack  # noqa: E402

# a layer's readouts differ in what is picked from one operator's results
ONE_OF_EACH = [
    pytest.param(*case, marks=[] if case[1] in ("v", "all") else pytest.mark.slow) for case in CASES
]


@pytest.fixture(autouse=True)
def _forgotten_graphs():
    """What earlier tests have compiled counts towards a limit."""
    yield
    if "torch._dynamo" in sys.modules:
        torch.compiler.reset()


@pytest.mark.parametrize("ret_type", RET_TYPES[Tempotron])
def test_grid_values_are_those_of_the_core_class(ret_type):
    layer = layer_of(Tempotron)
    core = CoreTempotron(N, OUT, T, 10.0, 2.5, weight=layer.fc.weight.detach().numpy())
    np.testing.assert_allclose(
        layer(spikes(), ret_type).detach(), core(SPIKES, ret_type), rtol=0.0, atol=1e-12
    )


@pytest.mark.parametrize("shunt", [False, True])
def test_exact_values_are_those_of_the_core_functions(shunt):
    layer = layer_of(ExactTempotron, shunt=shunt, psp_peak=0.8)
    neuron = Neuron(10.0, 2.5, psp_peak=0.8, shunt=shunt)
    events, weight = Events.from_latencies(SPIKES, T), layer.fc.weight.detach().numpy()
    expected = *peak(events, weight, neuron), first_crossing(events, weight, neuron)
    assert np.isfinite(expected[2]).any()
    assert np.isinf(expected[2]).any()
    found = layer(spikes(), "all")
    assert isinstance(found, Readout)
    for got, value in zip(found, expected, strict=True):
        np.testing.assert_allclose(got.detach(), value, rtol=0.0, atol=1e-12)
    for name in Readout._fields:
        torch.testing.assert_close(layer(spikes(), name), getattr(found, name), rtol=0, atol=0)
    torch.testing.assert_close(layer(spikes()), found.t_spike, rtol=0, atol=0)


def test_trains_and_events_are_taken():
    layer = layer_of(ExactTempotron, ret_type="v_max")
    trains = torch.stack([spikes(), spikes() + 3.0], dim=2)
    expected = layer(Events.from_trains(trains, T))
    torch.testing.assert_close(layer(trains), expected, rtol=0, atol=0)
    assert (layer(spikes()) - expected).abs().max() > 0.1


@pytest.mark.parametrize(("made", "ret_type"), ONE_OF_EACH, ids=CASE_IDS)
def test_gradcheck(made, ret_type):
    layer = layer_of(made)

    def outputs(weight, in_spikes):
        found = torch.func.functional_call(layer, {"fc.weight": weight}, (in_spikes, ret_type))
        values = found if isinstance(found, tuple) else (found,)
        return tuple(torch.where(torch.isfinite(v), v, 0.0) for v in values)

    given = layer.fc.weight.detach().clone().requires_grad_(), spikes(requires_grad=True)
    if ret_type == "spikes":  # a step function with the gradient of its soft form
        pytest.skip("the gradient is not that of the value: tests/test_compatible.py has it")
    assert torch.autograd.gradcheck(outputs, given, eps=1e-6, atol=1e-6)


@pytest.mark.parametrize(("made", "ret_type"), CASES, ids=CASE_IDS)
def test_second_derivatives_are_refused(made, ret_type):
    layer = layer_of(made)
    weight = layer.fc.weight
    (first,) = torch.autograd.grad(loss_of(layer(spikes(), ret_type)), weight, create_graph=True)
    with pytest.raises(NotImplementedError, match=r"second derivatives of .* are not available"):
        first.sum().backward()


@traced
@pytest.mark.parametrize(("made", "ret_type"), ONE_OF_EACH, ids=CASE_IDS)
def test_compiles_as_one_graph(made, ret_type):
    layer = layer_of(made)
    loss = called(layer, ret_type)
    compiled = torch.compile(loss, fullgraph=True, backend="aot_eager")
    given = layer.fc.weight.detach(), spikes()
    for got, expected in zip(gradients(compiled, *given), gradients(loss, *given), strict=True):
        assert expected.abs().max() > 0.0
        torch.testing.assert_close(got, expected, rtol=0.0, atol=1e-12)


@traced
def test_compiled_stack_takes_several_batch_sizes():
    stack = torch.nn.Sequential(
        layer_of(ExactTempotron), ExactTempotron(OUT, 2, T, ret_type="v_max", dtype=torch.float64)
    )
    with torch.no_grad():
        stack[1].fc.weight.fill_(0.7)
    compiled = torch.compile(stack, fullgraph=True, backend="aot_eager")
    for n in (B, 1, 2):
        torch.testing.assert_close(compiled(spikes()[:n]), stack(spikes()[:n]), rtol=0, atol=1e-12)


@traced
def test_nan_is_an_error_in_a_compiled_graph_too():
    layer = layer_of(ExactTempotron)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    with pytest.raises(ValueError, match="must not hold NaN"):
        compiled(torch.full((B, N), torch.nan, dtype=torch.float64))


@traced
def test_exports():
    layer = layer_of(ExactTempotron, ret_type="v_max")
    batch = {0: torch.export.Dim("batch")}
    exported = torch.export.export(layer, (spikes(),), dynamic_shapes=(batch,))
    assert "tempotron.readout" in exported.graph_module.code
    for n in (B, 2):
        found = exported.module()(spikes()[:n])
        torch.testing.assert_close(found, layer(spikes()[:n]), rtol=0, atol=0)


@traced
@pytest.mark.parametrize(("made", "ret_type"), ONE_OF_EACH, ids=CASE_IDS)
def test_exported_programs_have_gradients(made, ret_type):
    layer, in_spikes = layer_of(made), spikes(requires_grad=True)
    exported = torch.export.export(layer, (spikes(), ret_type)).module()
    loss_of(exported(in_spikes, ret_type)).backward()
    expected = gradients(called(layer, ret_type), layer.fc.weight.detach(), spikes())
    found = exported.fc.weight.grad, in_spikes.grad
    for got, value in zip(found, expected, strict=True):
        assert value.abs().max() > 0.0
        torch.testing.assert_close(got, value, rtol=0.0, atol=1e-12)


@pytest.mark.filterwarnings(
    "ignore::torch.jit.TracerWarning",
    "ignore::DeprecationWarning",
    "ignore:`torch.jit:FutureWarning",  # deprecated from 2.14
)
def test_jit_trace_does_not_keep_the_order_of_its_example():
    layer = layer_of(ExactTempotron, ret_type="v_max")
    found = torch.jit.trace(layer, (spikes(),))
    other = spikes().flip(1)[:2]
    torch.testing.assert_close(found(other), layer(other), rtol=0, atol=0)


CONSTANTS = pack(Neuron(10.0, 2.5), T)
READOUTS = {
    "peak": ("", None),
    "first_crossing": ("0.0", None),
    "voltage": ("", torch.linspace(0.0, T, 5, dtype=torch.float64)),
    "soft_peak_time": (f"{T}.0", None),
    "output_spikes": ("3.0 0.01", None),
    "critical_threshold": ("2.0", None),
}


# which looks at gradients that it does not keep itself
OPCHECK_OF_TORCH_2_14 = pytest.mark.filterwarnings("ignore:The .grad attribute:UserWarning")


@OPCHECK_OF_TORCH_2_14
@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("peak", "output_spikes") else pytest.mark.slow)
        for name in READOUTS
    ],
)
def test_operators_keep_their_promises(name):
    """What torch asks of an operator: schema, shapes without values, autograd, dynamic shapes."""
    operators, check = torch.ops.tempotron, torch.library.opcheck
    options, samples = READOUTS[name]
    weight = layer_of(ExactTempotron).fc.weight.detach()
    times, afferents, counts, _ = operators.sort_spikes(spikes(), CONSTANTS)
    learned = torch.tensor([10.0, 2.5, 1.0, 0.9], dtype=torch.float64)
    given = name, times, afferents, counts, weight, samples, learned
    constants = CONSTANTS, options, "auto"
    found = operators.readout(*given, *constants)
    pairs = (*found, *[None] * (3 - len(found)), torch.ones_like(found[0]), None)
    for wants in ((False, False, False), (True, samples is not None, True)):
        check(operators.readout_vjp.default, (*given, *pairs, *constants, *wants))
    for tensor in (weight, times, learned):
        tensor.requires_grad_()
        check(operators.readout.default, (*given, *constants))


@OPCHECK_OF_TORCH_2_14
@pytest.mark.parametrize("shape", [(B, N, 2), (0, N)])
def test_sorting_keeps_its_promises(shape):
    in_spikes = torch.linspace(-5.0, 45.0, 56).reshape(4, N, 2)[: shape[0], :, 0]
    in_spikes = in_spikes.clone() if len(shape) == 2 else in_spikes[..., None].repeat(1, 1, 2)
    assert in_spikes.shape == shape
    for requires_grad in (False, True):
        in_spikes.requires_grad_(requires_grad)
        torch.library.opcheck(torch.ops.tempotron.sort_spikes.default, (in_spikes, CONSTANTS))


@pytest.mark.parametrize(("made", "ret_type"), CASES, ids=CASE_IDS)
@pytest.mark.parametrize("mapped", ["weights", "spikes", "both"])
def test_vmap_of_gradients(made, ret_type, mapped):
    layer = layer_of(made)
    loss = called(layer, ret_type)
    weight, in_spikes = layer.fc.weight.detach(), spikes()
    weights = torch.stack([weight, 0.9 * weight, weight.flip(0) + 0.1])
    several = torch.stack([in_spikes, in_spikes.flip(1), 0.7 * in_spikes])
    axes = {"weights": (0, None), "spikes": (None, 0), "both": (0, 0)}[mapped]
    given = (
        weights if axes[0] is not None else weight,
        several if axes[1] is not None else in_spikes,
    )
    found = torch.func.vmap(torch.func.grad(loss, (0, 1)), axes)(*given)
    for v in range(3):
        one = [a if axis is None else a[v] for a, axis in zip(given, axes, strict=True)]
        for got, expected in zip(found, gradients(loss, *one), strict=True):
            assert expected.abs().max() > 0.0
            torch.testing.assert_close(got[v], expected, rtol=0.0, atol=1e-11)


def test_vmap_over_another_axis_and_nested():
    layer = layer_of(ExactTempotron)

    def v_max(weight, in_spikes):
        return torch.func.functional_call(layer, {"fc.weight": weight}, (in_spikes, "v_max"))

    weight = layer.fc.weight.detach()
    weights = torch.stack([weight, -weight], dim=2)
    found = torch.func.vmap(v_max, (2, None))(weights, spikes())
    for v in range(2):
        torch.testing.assert_close(found[v], v_max(weights[..., v], spikes()), rtol=0, atol=1e-12)
    several = torch.stack([spikes(), spikes().flip(0)])
    table = torch.func.vmap(torch.func.vmap(v_max, (2, None)), (None, 0))(weights, several)
    assert table.shape == (2, 2, B, OUT)
    torch.testing.assert_close(table[1, 1], v_max(-weight, several[1]), rtol=0, atol=1e-12)


@pytest.mark.parametrize("ret_type", ["v_max", "t_spike"])
def test_transforms_with_spikes_that_they_do_not_see(ret_type):
    """Spikes from outside a transformed function, the usual way to write a loss."""
    layer, in_spikes = layer_of(ExactTempotron), spikes()
    loss = called(layer, ret_type)
    weight = layer.fc.weight.detach()
    expected, _ = gradients(loss, weight, in_spikes)
    assert expected.abs().max() > 0.0

    def to_weight(weight):
        return torch.func.grad(lambda w: loss(w, in_spikes))(weight)

    torch.testing.assert_close(to_weight(weight), expected, rtol=0.0, atol=1e-12)
    weights = torch.stack([weight, 0.9 * weight, weight.flip(0)])
    mapped = torch.func.vmap(to_weight)(weights)
    for found, one in zip(mapped, weights, strict=True):
        torch.testing.assert_close(found, to_weight(one), rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("ret_type", ["v_max", "t_spike"])
def test_jacobians_towards_one_argument(ret_type):
    """The rows of a jacobian towards the weights alone share their patterns."""
    layer, in_spikes = layer_of(ExactTempotron), spikes()

    def found(weight, in_spikes):
        return torch.func.functional_call(layer, {"fc.weight": weight}, (in_spikes, ret_type))

    weight = layer.fc.weight.detach()
    both = torch.func.jacrev(found, (0, 1))(weight, in_spikes)
    for argument in (0, 1):
        alone = torch.func.jacrev(found, argument)(weight, in_spikes)
        assert alone.abs().max() > 0.0
        torch.testing.assert_close(alone, both[argument], rtol=0.0, atol=1e-12)


@pytest.mark.parametrize("shape", [(0, N), (0, N, 2)])
def test_jacobians_of_no_pattern(shape):
    layer, in_spikes = layer_of(ExactTempotron), torch.zeros(shape, dtype=torch.float64)
    found = torch.func.jacrev(lambda x: layer(x, "v_max"))(in_spikes)
    assert found.shape == (0, OUT, *shape)
    weights = torch.stack([layer.fc.weight.detach()] * 2)

    def to_times(weight):
        call = torch.func.functional_call
        return torch.func.jacrev(lambda x: call(layer, {"fc.weight": weight}, (x, "v_max")))(
            in_spikes
        )

    assert torch.func.vmap(to_times)(weights).shape == (2, 0, OUT, *shape)


@pytest.mark.parametrize("ret_type", ["v_max", "t_spike"])
def test_jacrev(ret_type):
    layer = layer_of(ExactTempotron)

    def found(weight, in_spikes):
        return torch.func.functional_call(layer, {"fc.weight": weight}, (in_spikes, ret_type))

    weight, in_spikes = layer.fc.weight.detach(), spikes()
    to_weight, to_times = torch.func.jacrev(found, (0, 1))(weight, in_spikes)
    assert to_weight.shape == (B, OUT, OUT, N)
    assert to_times.shape == (B, OUT, B, N)
    for b, o in ((0, 0), (3, 2), (1, 1)):
        for jacobian, expected in zip(
            (to_weight, to_times),
            gradients(lambda w, x, b=b, o=o: found(w, x)[b, o], weight, in_spikes),
            strict=True,
        ):
            torch.testing.assert_close(jacobian[b, o], expected, rtol=0.0, atol=1e-12)


@pytest.mark.parametrize(("made", "ret_type"), CASES, ids=CASE_IDS)
def test_batched_gradients_of_autograd(made, ret_type):
    """`is_grads_batched`, which `torch.autograd.functional.jacobian(vectorize=True)` uses."""
    layer, in_spikes = layer_of(made), spikes(requires_grad=True)
    found = layer(in_spikes, ret_type)
    first = found[0] if isinstance(found, tuple) else found
    of = first, (layer.fc.weight, in_spikes)
    torch.manual_seed(0)
    bars = torch.randn(3, *first.shape, dtype=torch.float64)
    batched = torch.autograd.grad(*of, bars, retain_graph=True, is_grads_batched=True)
    for v, bar in enumerate(bars):
        for got, expected in zip(
            batched, torch.autograd.grad(*of, bar, retain_graph=True), strict=True
        ):
            assert expected.abs().max() > 0.0
            torch.testing.assert_close(got[v], expected, rtol=0.0, atol=1e-12)


def test_core_functions_under_vmap():
    weight = layer_of(ExactTempotron).fc.weight.detach()
    events = Events.from_latencies(spikes(), T)
    samples = torch.tensor([[5.0, 20.0], [10.0, 30.0]], dtype=torch.float64)
    from tempotron_core import voltage

    found = torch.func.vmap(lambda t: voltage(events, weight, Neuron(), t))(samples)
    for v in range(2):
        expected = voltage(events, weight, Neuron(), samples[v])
        torch.testing.assert_close(found[v], expected, rtol=0, atol=1e-12)
    doubled = torch.func.vmap(lambda w: peak(events, w, Neuron()).v_max)(
        torch.stack([weight, 2.0 * weight])
    )
    torch.testing.assert_close(doubled[1], peak(events, 2.0 * weight, Neuron()).v_max)


def test_half_precision_is_computed_in_float32():
    layer = layer_of(ExactTempotron, torch.float32)
    half = copy.deepcopy(layer).to(torch.bfloat16)
    in_spikes = spikes(torch.bfloat16)
    with torch.no_grad():
        layer.fc.weight.copy_(half.fc.weight)
    found = half(in_spikes, "peak")
    assert found.v_max.dtype == found.t_max.dtype == torch.float32
    torch.testing.assert_close(
        found.v_max, layer(in_spikes.to(torch.float32), "v_max"), rtol=0, atol=0
    )
    found.v_max.sum().backward()
    layer(in_spikes.to(torch.float32), "v_max").sum().backward()
    assert half.fc.weight.grad.dtype == torch.bfloat16
    torch.testing.assert_close(half.fc.weight.grad, layer.fc.weight.grad.to(torch.bfloat16))


def test_autocast_keeps_times_exact():
    encoder = torch.nn.Linear(5, N)
    layer = layer_of(ExactTempotron, torch.float32, ret_type="v_max")
    x = torch.rand(B, 5)
    with torch.autocast("cpu", torch.bfloat16):
        latencies = encoder(x) + 15.0
        v_max = layer(latencies)
    assert v_max.dtype == torch.float32
    torch.testing.assert_close(v_max, layer(latencies.to(torch.float32)), rtol=0, atol=0)
    v_max.sum().backward()
    assert encoder.weight.grad.abs().max() > 0.0


def test_state_dict_round_trip_and_pickle():
    for made in RET_TYPES:
        layer = layer_of(made)
        assert list(layer.state_dict()) == ["fc.weight"]
        other = made(N, OUT, T, dtype=torch.float64)
        other.load_state_dict(layer.state_dict())
        torch.testing.assert_close(other.fc.weight, layer.fc.weight, rtol=0, atol=0)
        buffer = io.BytesIO()
        torch.save(layer, buffer)
        buffer.seek(0)
        loaded = torch.load(buffer, weights_only=False)
        ret_type = RET_TYPES[made][-1]
        torch.testing.assert_close(loaded(spikes(), ret_type), layer(spikes(), ret_type))


@pytest.mark.parametrize("key", ["fc.weight", "weight", "model.summation_layer.weight"])
@pytest.mark.parametrize("prefix", ["", "tempotron."])
def test_checkpoints_of_spikingjelly_load(key, prefix):
    layer = Tempotron(N, OUT, T)
    model = torch.nn.ModuleDict({"tempotron": layer}) if prefix else layer
    weight = torch.randn(OUT, N)
    state = {prefix + key: weight}
    model.load_state_dict(state)
    assert list(state) == [prefix + key]
    torch.testing.assert_close(layer.fc.weight.detach(), weight, rtol=0, atol=0)


def test_an_unknown_key_is_still_an_error():
    with pytest.raises(RuntimeError, match=r"Missing key.*fc\.weight"):
        Tempotron(N, OUT, T).load_state_dict({"linear.weight": torch.zeros(OUT, N)})


def test_a_stack_trains():
    """Two groups of patterns that only the order of two spikes tells apart."""
    torch.manual_seed(1)
    rng = np.random.default_rng(0)
    early, late = rng.uniform(2.0, 8.0, (2, 40)), rng.uniform(20.0, 26.0, (2, 40))
    x = torch.tensor(
        np.concatenate([np.stack([early[0], late[0]], 1), np.stack([late[1], early[1]], 1)]),
        dtype=torch.float32,
    )
    label = torch.tensor([0] * 40 + [1] * 40)
    stack = torch.nn.Sequential(
        ExactTempotron(2, 8, 60.0, min_slope=0.01), ExactTempotron(8, 2, 60.0, ret_type="v_max")
    )
    with torch.no_grad():
        stack[0].fc.weight.uniform_(0.4, 1.6)
    assert torch.isinf(stack[0](x)).any()
    start = stack[0].fc.weight.detach().clone()
    optimiser = torch.optim.Adam(stack.parameters(), 0.03)
    for _ in range(150):
        optimiser.zero_grad()
        loss = torch.nn.functional.cross_entropy(5.0 * stack(x), label)
        loss.backward()
        optimiser.step()
    assert (stack(x).argmax(dim=1) == label).all()
    assert (stack[0].fc.weight - start).abs().max() > 0.05
    assert all(torch.isfinite(p).all() for p in stack.parameters())


@pytest.mark.parametrize("n_patterns", [0, 1])
@pytest.mark.parametrize(("made", "ret_type"), CASES, ids=CASE_IDS)
def test_shapes_never_collapse(made, ret_type, n_patterns):
    layer = made(1, 1, T)
    found = layer(torch.full((n_patterns, 1), 3.0), ret_type)
    for value in found if isinstance(found, tuple) else (found,):
        assert value.shape[:2] == (n_patterns, 1)
    loss_of(found).backward()


@traced
@pytest.mark.parametrize("compiled", [False, True])
def test_trains_without_room_for_a_spike(compiled):
    layer = layer_of(ExactTempotron)
    call = torch.compile(layer, fullgraph=True, backend="aot_eager") if compiled else layer
    trains = torch.zeros(B, N, 0, dtype=torch.float64, requires_grad=True)
    found = call(trains, "all")
    assert (found.v_max == 0.0).all()
    assert torch.isinf(found.t_spike).all()
    loss_of(found).backward()
    assert trains.grad.shape == trains.shape
    assert (layer.fc.weight.grad == 0.0).all()


def test_mse_loss_is_that_of_the_core():
    numbers = np.random.default_rng(0).normal(1.0, 0.5, (6, 3))
    v_max = torch.tensor(numbers, requires_grad=True)
    label = torch.tensor([0, 1, 2, 2, 1, 0])
    found = Tempotron.mse_loss(v_max, 1.0, label, 3)
    expected = CoreTempotron.mse_loss(v_max.detach().numpy(), 1.0, label.numpy(), 3)
    np.testing.assert_allclose(found.detach(), expected, rtol=1e-12)
    torch.compile(Tempotron.mse_loss, fullgraph=True, backend="aot_eager")(v_max, 1.0, label, 3)
    with pytest.raises(ValueError, match=r"v_max must have shape .* got \(6, 3\) and \(1,\)"):
        Tempotron.mse_loss(v_max, 1.0, label[:1], 3)
    for wrong, kind in ((label.double(), "torch.float64"), ([0] * 6, "list")):
        with pytest.raises(TypeError, match=f"label must be a tensor of integer .*got {kind}"):
            Tempotron.mse_loss(v_max, 1.0, wrong, 3)
    t = torch.linspace(-3.0, 30.0, 9)
    torch.testing.assert_close(
        Tempotron.psp_kernel(t, 15.0, 3.75), CoreTempotron.psp_kernel(t, 15.0, 3.75)
    )


@pytest.mark.parametrize(("tau", "tau_s"), [(15.0, 3.75), (3.0, 12.0)])
def test_v0_normalises_the_kernel(tau, tau_s):
    layer = Tempotron(1, 1, T, tau, tau_s, v_threshold=0.8)
    t = torch.linspace(0.0, 30.0, 30001, dtype=torch.float64)
    kernel = layer.v0 * Tempotron.psp_kernel(t, tau, tau_s)
    assert kernel.max().item() == pytest.approx(0.8, rel=1e-8)
    assert Tempotron(1, 1, T, 5.0, 5.0).v0 == float("inf")


def test_repr_names_the_constants():
    assert "T=40, tau=10.0, tau_s=2.5, v_threshold=1.0" in repr(layer_of(Tempotron))
    text = repr(ExactTempotron(2, 1, 30.0, psp_peak=1.0, shunt=True))
    assert "duration=30.0" in text
    assert "psp_peak=1.0, shunt=True, ret_type='t_spike', min_slope=0.02\n" in text
    assert "min_slope=0.5" in repr(ExactTempotron(2, 1, 30.0, min_slope=0.5))


BAD_CALLS = {
    "ret_type": (
        lambda layer: layer(spikes(), "potential"),
        ValueError,
        "ret_type must be one of .*got 'potential'",
    ),
    "no tensor": (
        lambda layer: layer(SPIKES, "v_max"),
        TypeError,
        "in_spikes must be a torch tensor or Events of such, got ndarray",
    ),
    "rank": (
        lambda layer: layer(spikes()[0], "v_max"),
        ValueError,
        r"in_spikes must have shape \(B, in_features\).*in_features = 7, got \(7,\)",
    ),
    "afferents": (
        lambda layer: layer(spikes()[:, :-1], "v_max"),
        ValueError,
        r"in_features = 7, got \(4, 6\)",
    ),
    "booleans": (
        lambda layer: layer(torch.zeros(B, N, dtype=torch.bool), "v_max"),
        TypeError,
        "in_spikes must hold real numbers, got torch.bool",
    ),
    "nan": (
        lambda layer: layer(spikes() * torch.nan, "v_max"),
        ValueError,
        "in_spikes must not hold NaN",
    ),
    "nan under vmap": (
        lambda layer: torch.func.vmap(lambda x: layer(x, "v_max"))(spikes()[None] * torch.nan),
        ValueError,
        "in_spikes must not hold NaN",
    ),
    "device": (
        lambda layer: layer(spikes().to("meta"), "v_max"),
        ValueError,
        "in_spikes must be on the device of the weights, cpu, got meta",
    ),
    "events of other afferents": (
        lambda layer: layer(Events.from_latencies(spikes()[:, 1:], T), "v_max"),
        ValueError,
        "in_spikes must have in_features = 7 afferents, got 6",
    ),
    "events of another duration": (
        lambda layer: layer(Events.from_latencies(spikes(), 2.0 * T), "v_max"),
        ValueError,
        "in_spikes must have the layer's duration, 40.0, got 80.0",
    ),
    "shapes under vmap": (
        lambda layer: torch.func.vmap(lambda x: layer(x, "v_max"))(spikes()),
        ValueError,
        r"in_spikes must have shape .* got \(7,\)",
    ),
}


@pytest.mark.parametrize("case", BAD_CALLS)
@pytest.mark.parametrize("made", RET_TYPES)
def test_bad_calls(made, case):
    call, error, message = BAD_CALLS[case]
    with pytest.raises(error, match=message):
        call(layer_of(made))


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"out_features": 0}, ValueError, "out_features must be from 1"),
        ({"duration": -1.0}, ValueError, "duration must be .*positive"),
        ({"tau": 0.0}, ValueError, "tau must be"),
        ({"shunt": 1}, TypeError, "shunt must be True or False"),
        ({"ret_type": "spikes"}, ValueError, "ret_type must be one of .*got 'spikes'"),
        ({"min_slope": -1.0}, ValueError, "min_slope must"),
    ],
)
def test_bad_constructions(options, error, message):
    given = {"in_features": N, "out_features": OUT, "duration": T, **options}
    with pytest.raises(error, match=message):
        ExactTempotron(**given)


def test_integer_times_cannot_require_a_gradient():
    times = torch.ones(B, N, dtype=torch.int64)
    assert layer_of(Tempotron)(times, "v_max").shape == (B, OUT)
    with pytest.raises(RuntimeError, match=r"[Oo]nly .*floating point"):
        times.requires_grad_()


def test_constants_stay_those_of_the_construction():
    for layer, names in ((layer_of(Tempotron), ("T",)), (layer_of(ExactTempotron), ("duration",))):
        for name in (*names, "neuron", "tau", "v_threshold"):
            with pytest.raises(AttributeError):
                setattr(layer, name, 2.0)


def test_core_functions_under_grad_of_captured_spikes():
    weight, x = layer_of(ExactTempotron).fc.weight.detach(), spikes()
    events = Events.from_latencies(x, T)

    def from_scratch(w):
        return peak(Events.from_latencies(x, T), w, Neuron()).v_max.sum()

    def made_before(w):
        return peak(events, w, Neuron()).v_max.sum()

    expected, _ = gradients(lambda w, x: made_before(w) + 0.0 * x.sum(), weight, x)
    for loss in (from_scratch, made_before):
        torch.testing.assert_close(torch.func.grad(loss)(weight), expected, rtol=0, atol=1e-12)
    # what is not differentiated is computed, too
    found = torch.func.grad(lambda w: (w * peak(events, weight, Neuron()).v_max.sum()).sum())(
        weight
    )
    assert torch.isfinite(found).all()


def test_a_weight_can_be_resized_after_a_call():
    """Sharded training does so with the storage of its parameters."""
    weight = layer_of(ExactTempotron).fc.weight.detach().clone()
    peak(Events.from_latencies(spikes(), T), weight, Neuron())
    weight.untyped_storage().resize_(0)


@pytest.mark.parametrize("name", ["peak", "first_crossing"])
def test_direct_calls_find_what_the_operators_find(name, monkeypatch):
    pytest.importorskip("numba")
    layer = layer_of(ExactTempotron)
    events = Events.from_latencies(spikes(), T)
    bars = torch.rand(len(events), OUT, dtype=torch.float64)

    def found():
        times, weight = events.times.clone().requires_grad_(), layer.fc.weight
        given = name, (times, events.afferents, events.counts), weight, layer._constants
        output = autograd.differentiable_readout(*given, "" if name == "peak" else "0.0")
        total = sum((values.nan_to_num(posinf=0.0) * bars).sum() for values in output)
        return *output, *torch.autograd.grad(total, (times, weight))

    monkeypatch.setattr(autograd, "read", None)
    direct = found()
    monkeypatch.undo()
    monkeypatch.setattr(autograd, "read_directly", lambda *_: None)
    for ours, theirs in zip(direct, found(), strict=True):
        assert torch.equal(ours, theirs)


def test_a_call_asks_few_tensors_for_their_memory(monkeypatch):
    pytest.importorskip("numba")
    layer, events = layer_of(ExactTempotron), Events.from_latencies(spikes(), T)
    asked, to_numpy = [], direct.to_numpy
    monkeypatch.setattr(direct, "to_numpy", lambda tensor: asked.append(1) or to_numpy(tensor))
    v_max = layer(events, "v_max")
    assert len(asked) == 4
    v_max.backward(torch.ones_like(v_max))
    assert len(asked) == 9
    assert layer.fc.weight.grad is not None


def test_a_weight_may_move_or_must_not_change_before_its_gradient():
    layer, given = layer_of(ExactTempotron), spikes()
    v_max = layer(given, "v_max")
    expected = torch.autograd.grad(v_max.sum(), layer.fc.weight, retain_graph=True)[0]
    weight = layer.fc.weight.detach().clone()
    storage = layer.fc.weight.untyped_storage()
    size = storage.nbytes()
    storage.resize_(0)  # as sharded training frees it, and gathers it again
    kept = torch.empty(2 * N * OUT, dtype=torch.float64)
    storage.resize_(size)
    version = layer.fc.weight._version
    layer.fc.weight.data.copy_(weight)
    assert layer.fc.weight._version == version
    again = torch.autograd.grad(v_max.sum(), layer.fc.weight, retain_graph=True)[0]
    assert torch.equal(again, expected)
    del kept
    with torch.no_grad():
        layer.fc.weight += 1.0
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        v_max.sum().backward()


@traced
def test_integer_times_are_taken_as_far_as_they_are_exact():
    layer = ExactTempotron(N, OUT, 1e9, ret_type="v_max")
    times = torch.arange(B * N).reshape(B, N)
    compiled = torch.compile(layer, fullgraph=True, backend="aot_eager")
    expected = layer(times.to(torch.float32))
    for run in (layer, compiled):
        torch.testing.assert_close(run(times), expected, rtol=0, atol=1e-6)
        with pytest.raises(ValueError, match=r"at most 16777216 to be exact as torch\.float32"):
            run(times + 2**24)


# -- weights that something else makes or changes -------------------------------------------------


def swapped(layer, weight):
    layer.fc.weight = torch.nn.Parameter(weight, requires_grad=weight.is_floating_point())
    return layer


def through(layer, weight, in_spikes):
    return torch.func.functional_call(layer, {"fc.weight": weight}, (in_spikes, "v_max"))


BAD_WEIGHTS = {
    "narrow": (
        lambda layer: swapped(layer, torch.ones(OUT, N - 1))(spikes(), "v_max"),
        r"\(3, 6\)",
    ),
    "wide": (lambda layer: swapped(layer, torch.ones(OUT, N + 1))(spikes(), "v_max"), r"\(3, 8\)"),
    "one axis": (lambda layer: swapped(layer, torch.ones(N))(spikes(), "v_max"), r"\(7,\)"),
    "functional": (lambda layer: through(layer, torch.ones(OUT, 2), spikes()), r"\(3, 2\)"),
    "vmap": (
        lambda layer: torch.func.vmap(lambda w: through(layer, w, spikes()))(torch.ones(2, OUT, 5)),
        r"\(3, 5\)",
    ),
    "events": (
        lambda layer: through(layer, torch.ones(OUT, 2), Events.from_latencies(spikes(), T)),
        r"\(3, 2\)",
    ),
}


@pytest.mark.parametrize("case", BAD_WEIGHTS)
@pytest.mark.parametrize("made", RET_TYPES)
def test_weights_of_another_shape_are_refused(made, case):
    """They would read memory that is not theirs."""
    call, shape = BAD_WEIGHTS[case]
    with pytest.raises(ValueError, match=rf"fc.weight must have shape .* = 7, got {shape}"):
        call(layer_of(made))


@traced
def test_weights_of_another_shape_are_refused_in_a_graph():
    compiled = torch.compile(swapped(layer_of(ExactTempotron), torch.ones(OUT, 2)), backend="eager")
    with pytest.raises(Exception, match=r"fc\.weight must have shape"):
        compiled(spikes())


def test_weights_that_are_not_real_are_refused():
    layer = layer_of(ExactTempotron)
    for weight in (torch.ones(OUT, N, dtype=torch.int64), torch.ones(OUT, N) * 1j):
        with pytest.raises(TypeError, match=r"fc\.weight must hold floating-point numbers, got"):
            through(layer, weight, spikes())
    for dtype in (torch.int32, torch.complex64, "float32"):
        with pytest.raises(TypeError, match=r"dtype must be a floating-point torch\.dtype, got"):
            ExactTempotron(N, OUT, T, dtype=dtype)
    layer.fc = torch.nn.Linear(N, OUT, dtype=torch.float64)
    with pytest.raises(ValueError, match="fc must have no bias, which no tempotron has"):
        layer(spikes())
    layer.fc = torch.nn.Linear(N, OUT, bias=False, dtype=torch.float64)
    assert layer(spikes()).shape == (B, OUT)


@pytest.mark.filterwarnings("ignore:.*weight_norm.*deprecated:FutureWarning")
@pytest.mark.parametrize("made", RET_TYPES)
@pytest.mark.parametrize("kind", ["prune", "weight_norm", "spectral_norm", "parametrizations"])
def test_what_acts_before_a_call_acts_on_the_weights(made, kind):
    """Pruning and normalisation set the weight in a hook, from parameters that training changes."""
    layer, utils = layer_of(made), torch.nn.utils
    if kind == "prune":
        from torch.nn.utils import prune

        prune.random_unstructured(layer.fc, "weight", 0.3)
        source = "weight_orig"
    elif kind == "weight_norm":
        utils.weight_norm(layer.fc)
        source = "weight_g"
    elif kind == "spectral_norm":
        utils.spectral_norm(layer.fc)
        source = "weight_orig"
    else:
        utils.parametrizations.weight_norm(layer.fc)
        source = "parametrizations.weight.original0"
    parameter = layer.fc.get_parameter(source)
    optimiser = torch.optim.SGD(layer.parameters(), 0.1)
    before = layer(spikes(), "v_max").detach()
    for _ in range(2):
        optimiser.zero_grad()
        layer(spikes(), "v_max").sum().backward()
        assert parameter.grad.abs().max() > 0.0
        optimiser.step()
    assert (layer(spikes(), "v_max") - before).abs().max() > 1e-3


def test_the_weights_are_still_a_linear_map():
    layer, x = layer_of(Tempotron), torch.randn(2, N, dtype=torch.float64)
    assert isinstance(layer.fc, torch.nn.Linear)
    torch.testing.assert_close(layer.fc(x), x @ layer.fc.weight.T)


# -- graphs of layers whose constants differ ------------------------------------------------------


@traced
@pytest.mark.parametrize("dynamic", [None, pytest.param(True, marks=pytest.mark.slow)])
def test_layers_of_other_constants_compile(dynamic):
    """Numbers that change from graph to graph become variables of it, which these must not."""
    options = {"dynamic": dynamic, "fullgraph": True, "backend": "aot_eager"}
    for tau, duration in ((15.0, 40.0), (10.0, 40.0), (11.0, 50.0)):
        stack = torch.nn.Sequential(
            ExactTempotron(N, OUT, duration, tau, dtype=torch.float64, min_slope=1.0 / tau),
            ExactTempotron(OUT, 2, 60.0, 2.0 * tau, dtype=torch.float64, ret_type="all"),
        )
        with torch.no_grad():
            stack[0].fc.weight.add_(0.5)
        for got, expected in zip(
            torch.compile(stack, **options)(spikes()), stack(spikes()), strict=True
        ):
            torch.testing.assert_close(got, expected, rtol=0.0, atol=1e-12)


@traced
def test_a_graph_that_reads_a_layer_in_several_ways():
    layer = layer_of(Tempotron)

    def call(x):
        return layer(x, "v"), layer(x, "v_max"), layer(x, "spikes")

    compiled = torch.compile(call, dynamic=True, fullgraph=True, backend="aot_eager")
    for got, expected in zip(compiled(spikes()), call(spikes()), strict=True):
        torch.testing.assert_close(got, expected, rtol=0.0, atol=1e-12)


@traced
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("transform", ["grad", "jacrev"])
def test_a_compiled_function_that_differentiates_is_right_or_an_error(transform, dtype):
    layer = layer_of(ExactTempotron, dtype)
    derive = getattr(torch.func, transform)(called(layer, "v_max"))
    given = layer.fc.weight.detach(), spikes(dtype)
    compiled = torch.compile(lambda *args: derive(*args), fullgraph=True, backend="aot_eager")
    try:
        found = compiled(*given)
    except RuntimeError as error:  # the operator itself meets the transform
        if dtype == torch.float32 or "functorch transforms" not in str(error):
            raise
    else:
        torch.testing.assert_close(found, derive(*given), rtol=0.0, atol=1e-6)


def test_make_fx_does_not_keep_the_order_of_its_example():
    from torch.fx.experimental.proxy_tensor import make_fx

    layer = layer_of(ExactTempotron, ret_type="v_max")
    graph = make_fx(layer)(spikes())
    torch.testing.assert_close(graph(spikes().flip(1)), layer(spikes().flip(1)), rtol=0, atol=0)


# -- details of the readouts ----------------------------------------------------------------------


def test_min_slope_bounds_the_gradient():
    layer = layer_of(ExactTempotron)
    in_spikes = torch.full((1, N), torch.inf, dtype=torch.float64)
    in_spikes[0, 0] = 5.0
    with torch.no_grad():
        layer.fc.weight.fill_(1.0 + 1e-9)  # barely crosses
    found = {}
    for slope in (0.0, 0.05, 0.1):
        layer.min_slope = slope
        layer.zero_grad()
        layer(in_spikes).sum().backward()
        found[slope] = layer.fc.weight.grad[0, 0].item()
    assert found[0.0] < 100.0 * found[0.05] < 0.0
    assert found[0.05] == pytest.approx(2.0 * found[0.1], rel=1e-12)
    with pytest.raises(ValueError, match=r"min_slope must be finite and not negative, got -1\.0"):
        layer.min_slope = -1.0


@pytest.mark.parametrize("ret_type", ["v_max", "spikes"])
def test_the_last_step_counts(ret_type):
    """A potential that still rises at the last sample."""
    layer = Tempotron(1, 1, T)
    with torch.no_grad():
        layer.fc.weight.fill_(2.0)
    found = layer(torch.tensor([[T - 3.0]]), ret_type).item()
    if ret_type == "spikes":
        assert abs(found) == T - 1
    else:
        v = layer(torch.tensor([[T - 3.0]]), "v")[0, 0]
        assert v.argmax() == T - 1
        assert found == pytest.approx(v[-1].item(), rel=1e-6)


def test_integers_of_all_kinds():
    layer = layer_of(ExactTempotron, torch.float32, ret_type="v_max")
    times = torch.arange(B * N).reshape(B, N)
    expected = layer(times.to(torch.float32))
    for dtype in (torch.uint8, torch.int16, torch.uint16, torch.int32, torch.uint32, torch.int64):
        torch.testing.assert_close(layer(times.to(dtype)), expected, rtol=0, atol=0)
    with pytest.raises(TypeError, match=r"integers of int64, got torch\.uint64"):
        layer(times.to(torch.uint64))
    torch.set_default_dtype(torch.bfloat16)
    try:
        found = layer(times)
    finally:
        torch.set_default_dtype(torch.float32)
    assert found.dtype == torch.float32
    torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_tensors_that_are_not_dense_are_refused():
    layer = layer_of(ExactTempotron)
    with pytest.raises(TypeError, match=r"in_spikes must be a dense tensor, got torch\.sparse_coo"):
        layer(spikes().to_sparse())
    with pytest.raises(TypeError, match="Events of such, got Events of ndarray"):
        layer(Events.from_latencies(SPIKES, T))
