"""The dense formulation that event-driven code is measured against, in PyTorch.

It makes the [B, N, T] array of every afferent's potential at every time step, multiplies by the
weights, takes the maximum over time and differentiates all of that by autograd: what
SpikingJelly 0.0.0.0.14's Tempotron does, written from its published description.
"""

from __future__ import annotations

import math

import torch


def forward_and_gradient(
    times: torch.Tensor, weight: torch.Tensor, n_steps: int, tau: float, tau_s: float
) -> tuple[torch.Tensor, torch.Tensor]:
    """Return v_max [B, O] and the weight gradient of its sum."""
    weight = weight.detach().requires_grad_()
    t_peak = tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)
    v0 = 1.0 / (math.exp(-t_peak / tau) - math.exp(-t_peak / tau_s))
    steps = torch.arange(n_steps, dtype=times.dtype)
    x = steps.view(1, 1, n_steps) - times.unsqueeze(-1)
    psp = v0 * (torch.exp(-x / tau) - torch.exp(-x / tau_s))
    psp = psp * (x >= 0).to(psp.dtype) * (times >= 0).to(psp.dtype).unsqueeze(-1)
    potential = torch.nn.functional.linear(psp.permute(0, 2, 1), weight).permute(0, 2, 1)
    v_max = torch.nn.functional.max_pool1d(potential, kernel_size=n_steps).squeeze(-1)
    v_max.sum().backward()
    assert weight.grad is not None
    return v_max.detach(), weight.grad
