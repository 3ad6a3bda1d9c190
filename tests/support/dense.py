"""The dense formulation in torch: V on given times as one sum over all spikes, by autograd.

What `tempotron_core` does not do, and an independent check of its analytic gradients.
"""

from __future__ import annotations

import math

import torch
from reference import Constants


def psp(x: torch.Tensor, constants: Constants) -> torch.Tensor:
    """K(x), 0 for x < 0; at exactly 0 autograd sees the slope from the right, K'(0+)."""
    counts = x >= 0
    x = torch.where(counts, x, 0.0)
    tau, tau_s = constants.tau, constants.tau_s
    beta = (tau - tau_s) / (tau * tau_s)
    slow = torch.exp(-x / tau)
    if beta == 0.0:
        value = x * slow
    elif abs(tau - tau_s) > 0.1 * tau:
        value = (slow - torch.exp(-x / tau_s)) / beta
    else:
        value = -slow * torch.expm1(-beta * x) / beta
    return torch.where(counts, constants.slope_scale * value, 0.0)


def potential(
    times: torch.Tensor,
    weight: torch.Tensor,
    at: torch.Tensor,
    constants: Constants,
    duration: float,
) -> torch.Tensor:
    """V of each pattern and output at times of its own.

    Shapes: times [B, N, S] (negative, infinite or late: no spike), weight [O, N], at [B, O, T];
    result [B, O, T].
    """
    is_spike = (times >= 0) & (times <= duration)
    safe = torch.where(is_spike, times, 0.0)
    x = at[:, :, :, None, None] - safe[:, None, None]
    response = psp(x, constants) * is_spike[:, None, None]
    return torch.einsum("botns,on->bot", response, weight)


class DenseTempotron:
    """The SpikingJelly-style tempotron on the raster t = 0, ..., T - 1, in float64 autograd.

    Two corrections: shapes keep [B, out] when B or out is 1, and a silent neuron whose largest
    sample is the first reads -1 rather than -0.
    """

    def __init__(
        self, weight: torch.Tensor, n_steps: int, tau: float, tau_s: float, v_threshold: float
    ) -> None:
        self.weight, self.n_steps = weight, n_steps
        self.tau, self.tau_s, self.v_threshold = tau, tau_s, v_threshold
        t_peak = tau * tau_s * math.log(tau / tau_s) / (tau - tau_s)
        self.v0 = v_threshold / (math.exp(-t_peak / tau) - math.exp(-t_peak / tau_s))

    def __call__(self, in_spikes: torch.Tensor, ret_type: str) -> torch.Tensor:
        t = torch.arange(self.n_steps, dtype=torch.float64)
        is_spike = (in_spikes >= 0) & torch.isfinite(in_spikes)
        x = t - torch.where(is_spike, in_spikes, 0.0)[:, :, None]
        counts = (x >= 0) & is_spike[:, :, None]
        x = torch.where(counts, x, 0.0)
        response = self.v0 * (torch.exp(-x / self.tau) - torch.exp(-x / self.tau_s)) * counts
        v = torch.einsum("bnt,on->bot", response, self.weight)
        if ret_type == "v":
            return v
        v_max, k = v.max(dim=2)
        k = v.argmax(dim=2)
        if ret_type == "v_max":
            return torch.gather(v, 2, k[:, :, None])[:, :, 0]
        soft = (torch.softmax(v * self.n_steps, dim=2) * t).sum(dim=2)
        m = torch.where(v_max >= self.v_threshold, 1.0, -1.0)
        hard = torch.where((m < 0) & (k == 0), -1.0, m * k)
        return m * soft + (hard - m * soft).detach()

    @staticmethod
    def mse_loss(
        v_max: torch.Tensor, v_threshold: float, label: torch.Tensor, num_classes: int
    ) -> torch.Tensor:
        wrong = (v_max >= v_threshold) != torch.nn.functional.one_hot(label, num_classes).bool()
        return torch.sum(((v_max - v_threshold) * wrong) ** 2) / label.shape[0]
