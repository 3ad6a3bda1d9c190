"""Losses of the maximal potential, each with its derivative.

A label says which neurons should fire: either one class index per pattern (one neuron per class,
only that neuron should fire), or one boolean per pattern and neuron.  A neuron fires if its
potential exceeds the threshold.  Both losses are zero on neurons that answer correctly, and
return the cotangent that `peak_vjp` turns into a weight gradient.
"""

from __future__ import annotations

import math
from typing import Any

from .namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    device_of,
    known_true,
)
from .neuron import positive_float

__all__ = ["mse_loss", "tempotron_loss"]

Array = Any


def tempotron_loss(
    v_max: Array, labels: Array, v_threshold: float, *, margin: float = 0.0
) -> tuple[Array, Array]:
    r"""Cost of the tempotron rule [1]_: how far wrong neurons are from threshold.

    .. math:: E = \frac{1}{B} \sum_{\text{errors}} |V_{max} - V_{threshold}|

    Its gradient step adds :math:`\lambda \sum_f K(t_{max} - t_f)` to the weights of a neuron that
    missed, and subtracts it after a false alarm.

    Parameters
    ----------
    v_max : array, shape (B, O)
        Maximal potential of every neuron in every pattern.
    labels : array, shape (B,) of integers, or shape (B, O) of booleans
        The neurons that should fire: class indices in 0..O-1, or true where one should.
    v_threshold : float
        Firing threshold.
    margin : float, default 0
        Ask for more than the right side of the threshold: a neuron that should fire counts as an
        error up to ``v_threshold + margin``, one that should not from ``v_threshold - margin``,
        and distances are taken from there.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns and summed over neurons.
    cotangent : array, shape (B, O)
        Its derivative towards ``v_max``: -1/B for a miss, +1/B for a false alarm, else 0.

    Raises
    ------
    TypeError
        If the arrays clash in library, or have the wrong dtypes.
    ValueError
        If shapes do not fit, a label is out of range, or a constant is invalid.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, "The tempotron: a neuron that learns spike
       timing-based decisions", Nature Neuroscience 9, 420-428 (2006), equation 3.

    Examples
    --------
    >>> import numpy as np
    >>> loss, cotangent = tempotron_loss(np.asarray([[0.5, 1.25]]), np.asarray([0]), 1.0)
    >>> float(loss), cotangent
    (0.75, array([[-1.,  1.]]))
    """
    xp, excess, fire, wrong = _errors(v_max, labels, v_threshold, margin)
    share = xp.ones_like(excess) / _batch(v_max)
    cotangent = xp.where(wrong, xp.where(fire, -share, share), xp.zeros_like(share))
    return xp.sum(cotangent * excess), cotangent


def mse_loss(
    v_max: Array, labels: Array, v_threshold: float, *, margin: float = 0.0
) -> tuple[Array, Array]:
    r"""Squared distance of wrong neurons from threshold, as in SpikingJelly's ``mse_loss``.

    .. math:: E = \frac{1}{B} \sum_{\text{errors}} (V_{max} - V_{threshold})^2

    Parameters
    ----------
    v_max, labels, v_threshold, margin
        As in `tempotron_loss`.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns and summed over neurons.
    cotangent : array, shape (B, O)
        Its derivative towards ``v_max``: ``2 (v_max - v_threshold) / B`` on errors, else 0.

    Raises
    ------
    TypeError, ValueError
        As in `tempotron_loss`.
    """
    xp, excess, _, wrong = _errors(v_max, labels, v_threshold, margin)
    error = xp.where(wrong, excess, xp.zeros_like(excess))
    return xp.sum(error * error) / _batch(v_max), 2.0 * error / _batch(v_max)


def _errors(
    v_max: Array, labels: Array, v_threshold: float, margin: float
) -> tuple[Any, Array, Array, Array]:
    """Return the namespace, ``v_max`` less its target, who should fire, and who is wrong."""
    xp = array_namespace(v_max=v_max, labels=labels)
    check_same_device(v_max=v_max, labels=labels)
    check_floating("v_max", v_max, xp=xp)
    v_threshold = positive_float("v_threshold", v_threshold)
    if not (isinstance(margin, int | float) and math.isfinite(margin) and margin >= 0.0):
        raise ValueError(f"margin must be a finite number, zero or more, got {margin!r}")
    if v_max.ndim != 2:
        raise ValueError(f"v_max must have shape (patterns, neurons), got {tuple(v_max.shape)}")
    fire = _should_fire(xp, labels, v_max)
    aim = xp.ones_like(v_max) * float(margin)
    excess = v_max - (v_threshold + xp.where(fire, aim, -aim))
    return xp, excess, fire, xp.where(fire, excess <= 0.0, excess > 0.0)


def _should_fire(xp: Any, labels: Array, v_max: Array) -> Array:
    """Return a boolean array, shape (B, O): the neurons that should fire."""
    if xp.isdtype(labels.dtype, "bool"):
        if labels.shape != v_max.shape:
            raise ValueError(
                f"boolean labels must have the shape of v_max, {tuple(v_max.shape)}, "
                f"got {tuple(labels.shape)}"
            )
        return labels
    if not xp.isdtype(labels.dtype, "integral"):
        raise TypeError(f"labels must be integer class indices or booleans, got {labels.dtype}")
    patterns, neurons = v_max.shape
    if labels.shape != (patterns,):
        raise ValueError(
            f"labels must have one class index for each of the {patterns} patterns, "
            f"got shape {tuple(labels.shape)}"
        )
    if known_true(xp.any((labels < 0) | (labels >= neurons))):
        raise ValueError(
            f"labels must be class indices from 0 to {neurons - 1} (one neuron per class), "
            f"got values from {int(xp.min(labels))} to {int(xp.max(labels))}"
        )
    classes = xp.arange(neurons, dtype=labels.dtype, device=device_of(v_max))
    return labels[:, None] == classes[None, :]


def _batch(v_max: Array) -> float:
    return float(max(v_max.shape[0], 1))
