"""Losses of output spike times, each with its derivative.

As for input spikes, a negative time or +inf means that a neuron is silent, as
:func:`first_crossing` returns it.  A silent neuron counts as firing at ``silent_time``, usually
the duration of the patterns, but has no spike whose time could change: its cotangent is zero.
The cotangents are what `first_crossing_vjp` turns into a weight gradient.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_floating, check_same_device
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from .losses import cross_entropy

__all__ = ["spike_time_cross_entropy", "spike_time_loss"]

Array = Any


@under_own_settings
def spike_time_cross_entropy(
    t_spike: Array,
    labels: Array,
    *,
    temperature: float,
    silent_time: float,
    class_weight: Array | None = None,
) -> tuple[Array, Array]:
    r"""Cross-entropy of a softmax over how early the neurons fire [1]_: the first one decides.

    .. math:: E = -\frac{1}{B} \sum_b \log
              \frac{e^{-t_{b, y_b} / T}}{\sum_c e^{-t_{b, c} / T}}

    Parameters
    ----------
    t_spike : array, shape (B, C)
        Time of the first spike of each class's neuron.
    labels, class_weight
        As in `cross_entropy_loss`.
    temperature : float
        T, in the unit of time: how much earlier the right neuron has to be.
    silent_time : float
        The time a silent neuron counts as firing at.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns.
    cotangent : array, shape (B, C)
        Its derivative towards ``t_spike``, 0 for silent neurons.  Where the right neuron is
        silent, only the others are moved: see :func:`revive`.

    Raises
    ------
    TypeError, ValueError
        As in `cross_entropy_loss`, and if ``silent_time`` is invalid.

    References
    ----------
    .. [1] H. Mostafa, "Supervised learning based on temporal coding in spiking neural networks",
       IEEE Transactions on Neural Networks and Learning Systems 29, 3227-3235 (2018).

    Examples
    --------
    >>> import numpy as np
    >>> t_spike, labels = np.asarray([[10.0, np.inf]]), np.asarray([0])
    >>> loss, cotangent = spike_time_cross_entropy(
    ...     t_spike, labels, temperature=10.0, silent_time=30.0
    ... )
    >>> print(loss.round(3), cotangent.round(3))
    0.127 [[0.012 0.   ]]
    """
    xp, silent, silent_time = _silence("t_spike", t_spike, silent_time)
    times = xp.where(silent, silent_time, t_spike)
    loss, towards = cross_entropy("t_spike", -times, labels, temperature, class_weight)
    return loss, xp.where(silent, 0.0, -towards)


@under_own_settings
def spike_time_loss(t_spike: Array, target: Array, *, silent_time: float) -> tuple[Array, Array]:
    r"""Squared distance of the spike times from those asked for.

    .. math:: E = \frac{1}{B} \sum_{b, o} \tfrac{1}{2} (t_{b, o} - \hat t_{b, o})^2

    Silence, given or asked for, counts as ``silent_time``.  So a neuron that is silent as asked
    costs nothing, one that should be silent is pushed towards ``silent_time``, and one that is
    silent where a spike is asked for costs its distance and is not moved (see :func:`revive`).

    Parameters
    ----------
    t_spike : array, shape (B, O)
        Time of each neuron's first spike.
    target : array, shape (B, O)
        Time it should have; negative or +inf where it should be silent.
    silent_time : float
        No earlier than any spike, or the latest ones are pulled back.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns and summed over neurons.
    cotangent : array, shape (B, O)
        Its derivative towards ``t_spike``: ``(t_spike - target) / B``, 0 for silent neurons.

    Raises
    ------
    TypeError
        If the arrays clash in library, or have the wrong dtypes.
    ValueError
        If shapes or devices do not fit, or ``silent_time`` is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> inf = np.inf
    >>> t_spike, target = np.asarray([[12.0, inf, inf, 40.0]]), np.asarray([[10.0, inf, 20.0, inf]])
    >>> loss, cotangent = spike_time_loss(t_spike, target, silent_time=50.0)
    >>> print(loss, cotangent)
    502.0 [[  2.   0.   0. -10.]]
    """
    array_namespace(t_spike=t_spike, target=target)
    check_same_device(t_spike=t_spike, target=target)
    xp, silent, silent_time = _silence("t_spike", t_spike, silent_time)
    _, asked_silent, _ = _silence("target", target, silent_time)
    if target.shape != t_spike.shape:
        raise ValueError(
            f"target must have the shape of t_spike, {tuple(t_spike.shape)}, "
            f"got {tuple(target.shape)}"
        )
    aim = xp.astype(xp.where(asked_silent, silent_time, target), t_spike.dtype)
    error = xp.where(silent, silent_time, t_spike) - aim
    batch = float(max(t_spike.shape[0], 1))
    return xp.sum(0.5 * error * error) / batch, xp.where(silent, 0.0, error / batch)


def _silence(name: str, times: Array, silent_time: float) -> tuple[Any, Array, float]:
    """Return the namespace, where there is no spike, and the checked ``silent_time``."""
    xp = array_namespace(**{name: times})
    check_floating(name, times, xp=xp)
    if times.ndim != 2:
        raise ValueError(f"{name} must have shape (patterns, neurons), got {tuple(times.shape)}")
    silent_time = positive_float("silent_time", silent_time)
    longest = float(xp.finfo(times.dtype).max)
    if silent_time > longest:
        raise ValueError(
            f"silent_time must be at most {longest} in {times.dtype}, got {silent_time}"
        )
    return xp, (times < 0.0) | (times == float("inf")), silent_time
