"""Layers, spikes and losses that the tests of the torch modules share."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from tempotron_backends.torch import ExactTempotron, Tempotron

B, N, OUT, T = 4, 7, 3, 40


# Some silent afferents, some spikes past the end.
SPIKES = np.random.default_rng(2).uniform(-8.0, 45.0, (B, N))


RET_TYPES = {Tempotron: ("v", "v_max", "spikes"), ExactTempotron: ("t_spike", "peak", "all")}


CASES = [(made, ret_type) for made, types in RET_TYPES.items() for ret_type in types]


CASE_IDS = [f"{made.__name__}-{ret_type}" for made, ret_type in CASES]


# Dynamo makes an instance of every autograd function that it traces.
traced = pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")


def layer_of(made, dtype=torch.float64, **options):
    if made is ExactTempotron:
        options = {"min_slope": 0.0} | options  # the derivative itself
    layer = made(N, OUT, T, 10.0, 2.5, dtype=dtype, **options)
    torch.manual_seed(5)
    with torch.no_grad():
        # some fire and some do not
        layer.fc.weight.uniform_(-1.0 / N**0.5, 1.0 / N**0.5).mul_(3.0).add_(0.3)
    return layer


def spikes(dtype=torch.float64, **options):
    return torch.tensor(SPIKES, dtype=dtype, **options)


def loss_of(found):
    """One number that depends on every value; a silent neuron's inf does not count."""
    values = found if isinstance(found, tuple) else (found,)
    return sum(torch.where(torch.isfinite(v), v, 0.0).sin().sum() for v in values)


def called(layer, ret_type):
    """The loss as a function of (weights, spikes)."""

    def loss(weight, in_spikes):
        found = torch.func.functional_call(layer, {"fc.weight": weight}, (in_spikes, ret_type))
        return loss_of(found)

    return loss


def gradients(loss, weight, in_spikes):
    weight, in_spikes = weight.clone().requires_grad_(), in_spikes.clone().requires_grad_()
    return torch.autograd.grad(loss(weight, in_spikes), (weight, in_spikes))
