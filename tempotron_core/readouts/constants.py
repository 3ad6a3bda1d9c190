r"""Gradients towards the constants of the neuron: tau, tau_s, psp_peak and v_threshold.

Every readout's gradient is a set of cotangents c of the potential (and d of its slope) at some
times; its derivative by a time constant is then

.. math:: \sum_x c_x \frac{\partial V(t_x)}{\partial \tau}
          + \sum_x d_x \frac{\partial V'(t_x)}{\partial \tau}

at fixed times, see `membrane.constants`, and that by psp_peak has V/psp_peak in place of the
derivatives.  Where the threshold acts, the readout says how.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from ..events import Events
from ..membrane.constants import Course
from ..membrane.integration import Membrane
from ..membrane.pairs import over_tiles
from ..neuron import Neuron

__all__ = ["Constants", "Summed", "constants_gradient", "summed"]

Array = Any


class Constants(NamedTuple):
    """Gradient of a loss towards the constants of the neuron, 0-d arrays, summed over all pairs.

    Attributes
    ----------
    tau, tau_s : array
        Each at a fixed ``psp_peak``.
    psp_peak : array or None
        None where the neuron's is: it then follows ``v_threshold``, whose gradient holds this one.
    v_threshold : array
    """

    tau: Array
    tau_s: Array
    psp_peak: Array | None
    v_threshold: Array


class Summed(NamedTuple):
    """The same for every pair, arrays [O, B], with ``psp_peak`` as a constant of its own."""

    tau: Array
    tau_s: Array
    psp_peak: Array
    v_threshold: Array


def summed(
    course: Course,
    cotangent: Array,
    neuron: Neuron,
    *,
    slope_cotangent: Array | None = None,
    v_threshold: Array | None = None,
    xp: Any,
) -> Summed:
    """Sum over the times of each pair.

    Parameters
    ----------
    course : Course
    cotangent, slope_cotangent : array, shape (O, B, X)
        By V and, for times at which V' is 0, by V'.  Where the first is 0 nothing counts, be the
        potential known or not.
    neuron : Neuron
    v_threshold : array, shape (O, B), optional
        Derivative by the threshold; nothing for a readout that it does not act on.
    """
    acts = cotangent != 0.0
    if slope_cotangent is not None:
        acts = acts | (slope_cotangent != 0.0)

    def total(of_v: Array, of_slope: Array | None) -> Array:
        each = cotangent * of_v
        if slope_cotangent is not None and of_slope is not None:
            each = each + slope_cotangent * of_slope
        return xp.sum(xp.where(acts, each, 0.0), axis=-1)

    height = neuron.kernel.psp_peak
    by_height = total(course.v, None) * (1.0 / height)
    nothing = xp.zeros_like(by_height)
    return Summed(
        total(course.by_tau, course.slope_by_tau),
        total(course.by_tau_s, course.slope_by_tau_s),
        by_height,
        nothing if v_threshold is None else v_threshold,
    )


def constants_gradient(
    of_tile: Callable[[Membrane, tuple[slice, slice]], Summed],
    events: Events,
    weight: Array,
    neuron: Neuron,
    *,
    n_samples: int,
    static: bool,
    xp: Any,
) -> Constants:
    """Sum over all pairs what ``of_tile`` returns for the membrane of every tile.

    It is told which patterns and outputs the tile has, as an index of arrays [B, O, ...].
    """

    def by_pattern(membrane: Membrane, tile: tuple[slice, slice]) -> tuple[Array, ...]:
        return tuple(xp.permute_dims(a, (1, 0)) for a in of_tile(membrane, tile))

    found = over_tiles(
        by_pattern, events, weight, neuron, n_samples=n_samples, static=static, xp=xp
    )
    tau, tau_s, psp_peak, v_threshold = (xp.sum(a) for a in found)
    if neuron.psp_peak is None:
        return Constants(tau, tau_s, None, v_threshold + psp_peak)
    return Constants(tau, tau_s, psp_peak, v_threshold)
