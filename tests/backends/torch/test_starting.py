"""How torch layers start: they fire, or say that they do not."""

from __future__ import annotations

import copy
import math
import warnings

import numpy as np
import pytest

torch = pytest.importorskip("torch")

from torch_cases import traced  # noqa: E402

from tempotron_backends.torch import ExactTempotron, Tempotron, fire_like_  # noqa: E402
from tempotron_core import Events, Neuron, SilenceWarning, firing_deviation  # noqa: E402

LATENCIES = torch.tensor(
    np.random.default_rng(0).uniform(0.0, 100.0, (40, 50)), dtype=torch.float32
)


def stack(**options):
    return torch.nn.Sequential(
        ExactTempotron(50, 100, 100.0, **options),
        ExactTempotron(100, 3, 100.0, ret_type="v_max", **options),
    )


def silent_layer():
    layer = ExactTempotron(50, 100, 100.0)
    with torch.no_grad():
        layer.fc.weight.mul_(0.01)
    return layer


# -- the start ----------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(5))
def test_a_stack_fires_as_it_is_made(seed):
    torch.manual_seed(seed)
    model = stack()
    assert 0.2 < model[0](LATENCIES).isfinite().double().mean() < 0.6
    v_max = model(LATENCIES)
    assert v_max.max() > 0.3
    v_max.sum().backward()
    assert all(part.fc.weight.grad.abs().max() > 0.0 for part in model)


def test_weights_are_drawn_as_those_of_the_core():
    torch.manual_seed(0)
    layer = ExactTempotron(400, 1000, 60.0, 40.0, 20.0, 2.0, psp_peak=0.5)
    deviation = firing_deviation(400, 60.0, Neuron(40.0, 20.0, 2.0, psp_peak=0.5))
    assert layer.fc.weight.std().item() == pytest.approx(deviation, rel=0.01)
    assert layer.fc.weight.mean().item() == pytest.approx(
        deviation / 20.0, rel=0.13
    )  # 4 standard errors
    drawn = layer.fc.weight.detach().clone()
    layer.fc.reset_parameters()  # what deferred initialisation calls
    assert layer.fc.weight.std().item() == pytest.approx(deviation, rel=0.01)
    assert not torch.equal(layer.fc.weight, drawn)


def test_the_class_of_spikingjelly_starts_as_a_linear_layer():
    torch.manual_seed(0)
    weight = Tempotron(50, 20, T=100).fc.weight
    torch.manual_seed(0)
    assert torch.equal(weight, torch.nn.Linear(50, 20, bias=False).weight)


@pytest.mark.parametrize("options", [{"dtype": torch.float16}, {"device": "meta"}])
def test_weights_can_be_of_half_precision_or_nowhere(options):
    weight = ExactTempotron(5, 3, 60.0, **options).fc.weight
    assert weight.dtype == options.get("dtype", torch.float32)


def test_the_usual_min_slope():
    layer = ExactTempotron(5, 3, 60.0, 20.0, 5.0, 2.0)
    assert layer.min_slope == pytest.approx(0.03)
    assert "min_slope=0.03" in repr(layer)
    assert ExactTempotron(5, 3, 60.0, min_slope=0.0).min_slope == 0.0
    assert math.isclose(ExactTempotron(5, 3, 60.0).min_slope, 0.02)


# -- fire_like_ -----------------------------------------------------------------------------------


@pytest.mark.parametrize("form", ["latencies", "trains", "events"])
def test_every_layer_fires_like_the_patterns(form):
    torch.manual_seed(0)
    model = torch.nn.Sequential(*stack(), torch.nn.Flatten())
    with torch.no_grad():
        model[0].fc.weight.mul_(1e-3)
    before = [part.fc.weight.detach().clone() for part in model[:2]]
    patterns = {
        "latencies": LATENCIES,
        "trains": torch.stack([LATENCIES, torch.full_like(LATENCIES, torch.inf)], dim=2),
        "events": Events.from_latencies(LATENCIES, 100.0),
    }[form]
    assert fire_like_(model, patterns, fraction=0.25, output_potential=0.8) is model
    spikes = model[0](patterns)
    assert (spikes.isfinite().sum(dim=0) == 10).all()
    torch.testing.assert_close(model(patterns).amax(dim=0), torch.full((3,), 0.8))
    for weight, part in zip(before, model[:2], strict=True):
        factor = part.fc.weight[:, :1] / weight[:, :1]
        torch.testing.assert_close(part.fc.weight.detach(), (weight * factor).detach())
        assert part.fc.weight.requires_grad
    assert not any(part._forward_pre_hooks for part in model)


def test_layers_of_all_kinds_are_scaled():
    torch.manual_seed(0)
    shunted = fire_like_(ExactTempotron(50, 20, 100.0, shunt=True), LATENCIES, fraction=0.25)
    assert (shunted(LATENCIES).isfinite().sum(dim=0) == 10).all()
    double = fire_like_(ExactTempotron(50, 20, 100.0, dtype=torch.float64), LATENCIES)
    assert double.fc.weight.dtype == torch.float64
    half = fire_like_(ExactTempotron(50, 20, 100.0, dtype=torch.bfloat16), LATENCIES)
    assert half.fc.weight.dtype == torch.bfloat16
    assert 0.2 < half(LATENCIES).isfinite().double().mean() < 0.4
    every = ExactTempotron(50, 20, 100.0, ret_type="v_max")
    fire_like_(every, LATENCIES)
    assert every(LATENCIES).amax(dim=0).max().item() == pytest.approx(0.5, rel=1e-5)


def test_models_that_cannot_be_scaled():
    with pytest.raises(TypeError, match=r"model must be a torch\.nn\.Module, got str"):
        fire_like_("model", LATENCIES)
    with pytest.raises(ValueError, match="model must hold an ExactTempotron, got Flatten"):
        fire_like_(torch.nn.Flatten(), LATENCIES)
    with pytest.raises(ValueError, match="in_spikes must have shape"):
        fire_like_(stack(), LATENCIES[:, :20])
    with pytest.raises(ValueError, match="output_potential must be positive"):
        fire_like_(stack(), LATENCIES, output_potential=-1.0)
    with pytest.raises(ValueError, match="fraction must be from 0"):
        fire_like_(stack(), LATENCIES, fraction=1.0)

    class Unused(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.used, self.unused = ExactTempotron(50, 3, 100.0), ExactTempotron(3, 7, 100.0)

        def forward(self, x):
            return self.used(x)

    with pytest.raises(ValueError, match="model must send patterns through every layer, got none"):
        fire_like_(Unused(), LATENCIES)
    pruned = ExactTempotron(50, 3, 100.0)
    torch.nn.utils.parametrizations.weight_norm(pruned.fc)
    with pytest.raises(ValueError, match=r"fc\.weight must be a parameter to be scaled"):
        fire_like_(pruned, LATENCIES)
    assert not pruned._forward_pre_hooks


# -- silence --------------------------------------------------------------------------------------


def test_a_silent_layer_is_told_once():
    layer = silent_layer()
    with pytest.warns(
        SilenceWarning,
        match=r"a layer of 50 inputs is silent: none of its 100 neurons fires in any of 40 patterns"
        r".*fire_like_\(model, patterns\)",
    ) as caught:
        layer(LATENCIES)
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        layer(LATENCIES)
        # potentials are asked for, not spikes; and this one is no longer in training
        silent_layer()(LATENCIES, "v_max")
        silent_layer().eval()(LATENCIES)
    with pytest.warns(SilenceWarning):
        torch.nn.Sequential(silent_layer(), ExactTempotron(100, 3, 100.0))(LATENCIES)


@traced
def test_nothing_is_said_in_graphs_and_transforms():
    layer = silent_layer()
    again = copy.deepcopy(layer)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", category=SilenceWarning)
        torch.compile(layer, backend="eager", fullgraph=True)(LATENCIES)
        torch.export.export(layer, (LATENCIES,))
        torch.vmap(lambda x: layer(x))(LATENCIES[None])
    with pytest.warns(SilenceWarning):
        again(LATENCIES)
