r"""What one output spike does to the next.

A spike that comes later by dt takes :math:`\vartheta/\tau\, e^{-x/\tau}\, dt` more from the
potential a time x after it.  With :math:`\sigma_k = V'(t_k^-)`, the slope at a spike,

.. math:: dt_k = -\frac{dV_0(t_k)}{\sigma_k}
          + \sum_{j<k} \rho_k\, e^{-(t_k - t_j)/\tau}\, dt_j, \qquad
          \rho_k = \frac{\vartheta}{\tau \sigma_k}.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..arrays.namespace import clip
from ..membrane.integration import Membrane
from ..membrane.sampling import sample
from ..neuron import Neuron

__all__ = ["History", "history_of", "slope_at_threshold"]

Array = Any


@dataclass(frozen=True)
class History:
    """Output spikes of P pairs, up to S each.

    Attributes
    ----------
    times : array, shape (P, S)
        Ascending; 0 on padding.
    present : bool array, shape (P, S)
        Where there is a spike.
    decays : array, shape (P, S)
        What is left of a reset from one spike to the next; 0 at the first.
    slope : array, shape (P, S)
        sigma; 1 on padding.
    left, age : array, shape (P, S)
        Sums over the earlier output spikes of exp(-(t - t_j)/tau), and its derivative by tau.
    """

    times: Array
    present: Array
    decays: Array
    slope: Array
    left: Array
    age: Array


def history_of(
    rows: Membrane, times: Array, threshold: Array, neuron: Neuron, *, xp: Any
) -> History:
    """Describe the output spikes at ``times`` [P, S], inf for none, for ``threshold`` [P]."""
    kernel, dtype = neuron.kernel, rows.v.dtype
    present = xp.isfinite(times)
    times = xp.where(present, times, 0.0)
    elapsed = times[:, 1:] - times[:, :-1]
    elapsed = xp.astype(clip(elapsed, 0.0, kernel.memory(dtype, xp=xp), xp=xp), dtype)
    decays = xp.exp(elapsed * (-1.0 / neuron.tau))
    decays = xp.concat([xp.zeros_like(threshold)[:, None], decays], axis=1)
    _, s = sample(rows, times, kernel, side="left", xp=xp)
    left, age = [xp.zeros_like(threshold)], [xp.zeros_like(threshold)]
    for k in range(1, times.shape[1]):
        since = elapsed[:, k - 1] * (1.0 / neuron.tau)
        age.append((age[-1] + (left[-1] + 1.0) * since * (1.0 / neuron.tau)) * decays[:, k])
        left.append((left[-1] + 1.0) * decays[:, k])
    of_earlier = xp.stack(left, axis=1)
    slope = slope_at_threshold(s[0, ...], threshold[:, None], of_earlier, neuron)
    slope = xp.where(present, slope, 1.0)
    return History(times, present, decays, slope, of_earlier, xp.stack(age, axis=1))


def slope_at_threshold(s: Array, threshold: Array, left: Array, neuron: Neuron) -> Array:
    """Slope V' = kappa s - threshold/tau of a potential at threshold, s being that of ``tau_s``.

    Parameters
    ----------
    s : array
        Synaptic sum, in the terms of the kernel, without resets.
    threshold : array
    left : array
        Sum over the earlier output spikes of exp(-(t - t_j)/tau).
    neuron : Neuron
    """
    slope = s * neuron.kernel.rise - threshold * (1.0 / neuron.tau)
    if neuron.resets_turn:
        # the kernel's sum is of the faster constant; that of tau_s is larger by beta V_0/kappa,
        # and V_0 is the threshold and what the resets have left
        slope = slope + neuron.reset_excess * threshold * (1.0 + left)
    return slope
