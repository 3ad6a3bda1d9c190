"""Learning how often to spike: rules that know only the number of output spikes wanted.

The label of a pattern is a count, such as how many clues it holds, and says nothing about when the
neuron should spike.  `aggregate_labels` moves the critical threshold that stands in the way along
its exact gradient; `correlation_rule` changes the afferents that had most to do with the potential.
Both return a direction of ascent of the error, as a loss's gradient is: weights go against it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import array_api_extra as xpx

from ..arrays.integers import as_counts
from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    device_of,
)
from ..arrays.settings import under_own_settings

__all__ = ["AggregateLabels", "aggregate_labels", "correlation_rule"]

Array = Any


class AggregateLabels(NamedTuple):
    """What `aggregate_labels` found.

    Attributes
    ----------
    loss : array, shape ()
        Output spikes too many or too few, averaged over patterns and summed over neurons.
    k : integer array, shape (B, O)
        The critical threshold to move, 1 where there is no error.
    cotangent : array, shape (B, O)
        Derivative of the cost by that threshold: -1/B for too few spikes, +1/B for too many, 0
        where there is no error.
    where : bool array, shape (B, O)
        Where there is an error.
    """

    loss: Array
    k: Array
    cotangent: Array
    where: Array


@under_own_settings
def aggregate_labels(counts: Array, wanted: Array, *, dtype: Any = None) -> AggregateLabels:
    r"""Which critical threshold to move, and which way: the rule of aggregate labels [1]_.

    A neuron that spikes n times where d are wanted

    .. math:: \Delta w = \begin{cases}
              +\lambda\, d\vartheta^*_{n+1}/dw & n < d \\
              -\lambda\, d\vartheta^*_n/dw & n > d \end{cases}

    brings the next critical threshold up to its own, or takes the last one down to it.

    Parameters
    ----------
    counts : integer array, shape (B, O)
        Output spikes of every neuron in every pattern, as
        `tempotron_core.spiking.output_spikes` counts them.
    wanted : integer array, shape (B, O)
        How many there should be, not negative; whole numbers may be floats.
    dtype : float32 or float64 of their library, optional
        Of the loss and the cotangent, the library's default unless given: with that of the weights
        1/B is as exact as they are.

    Returns
    -------
    AggregateLabels
        ``k`` and ``where`` for `tempotron_core.spiking.critical_threshold`, ``cotangent`` for
        `critical_threshold_vjp`.

    Raises
    ------
    TypeError
        If the arrays are not numbers or come from different libraries, or ``dtype`` is another.
    ValueError
        If shapes or devices do not fit, or a count is negative or not whole.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label
       learning", Science 351, aab4113 (2016).

    Examples
    --------
    No spike where one is wanted, and two where there should be one:

    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.learning import aggregate_labels
    >>> from tempotron_core.spiking import (
    ...     critical_threshold,
    ...     critical_threshold_vjp,
    ...     output_spikes,
    ... )
    >>> events = Events.from_latencies(np.asarray([[10.0]]), duration=200.0)
    >>> weight, neuron = np.asarray([[0.8], [2.0]]), Neuron(20.0, 5.0)
    >>> counts = output_spikes(events, weight, neuron).counts
    >>> loss, k, cotangent, where = aggregate_labels(counts, np.asarray([[1, 1]]))
    >>> critical = critical_threshold(events, weight, neuron, k, where=where)
    >>> gradient = critical_threshold_vjp(events, weight, neuron, critical, cotangent)
    >>> print(counts, loss, k, gradient.weight.round(3).tolist())
    [[0 2]] 2.0 [[1 2]] [[-1.0], [0.597]]
    """
    xp, counts, wanted = _counts(counts, wanted)
    if dtype is None:
        dtype = xpx.default_dtype(xp, "real floating", device=device_of(counts))
    elif dtype not in (xp.float32, xp.float64):
        raise TypeError(f"dtype must be float32 or float64 of the counts' library, got {dtype!r}")
    too_few, too_many = counts < wanted, counts > wanted
    batch = float(max(counts.shape[0], 1))
    loss = xp.sum(xp.astype(xp.abs(counts - wanted), dtype)) / batch
    k = xp.where(too_few, counts + 1, xp.where(too_many, counts, 1))
    direction = xp.astype(too_many, dtype) - xp.astype(too_few, dtype)
    return AggregateLabels(loss, k, direction / batch, too_few | too_many)


@under_own_settings
def correlation_rule(
    eligibility: Array, counts: Array, wanted: Array, *, share: float = 0.1
) -> Array:
    r"""Change the afferents that are most correlated with the potential of an error [1]_.

    Parameters
    ----------
    eligibility : array, shape (B, O, N)
        Of :func:`tempotron_core.spiking.eligibility`.
    counts, wanted
        As for `aggregate_labels`.
    share : float, default 0.1
        Part of the afferents that change in an error: those of largest eligibility, at least one.

    Returns
    -------
    array, shape (O, N)
        -1/B on those afferents for each pattern with too few spikes, +1/B for each with too many:
        to be used as a gradient towards the weights.

    Raises
    ------
    TypeError
        If arrays have the wrong dtypes, or come from different libraries.
    ValueError
        If shapes or devices do not fit, a count is negative or not whole, or ``share`` is not
        above 0 and at most 1.

    References
    ----------
    .. [1] R. Gütig, Science 351, aab4113 (2016), correlation-based learning.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core.learning import correlation_rule
    >>> eligibility = np.asarray([[[0.5, 2.0, -1.0, 1.0]]])
    >>> one, two = np.asarray([[1]]), np.asarray([[2]])
    >>> print(correlation_rule(eligibility, one, two, share=0.5))
    [[ 0. -1.  0. -1.]]
    """
    xp, counts, wanted = _counts(counts, wanted)
    array_namespace(eligibility=eligibility, counts=counts)
    check_same_device(eligibility=eligibility, counts=counts)
    check_floating("eligibility", eligibility, xp=xp)
    if eligibility.ndim != 3 or tuple(eligibility.shape[:2]) != tuple(counts.shape):
        raise ValueError(
            f"eligibility must have shape (B, O, N) with (B, O) = {tuple(counts.shape)}, "
            f"got {tuple(eligibility.shape)}"
        )
    if not 0.0 < share <= 1.0:
        raise ValueError(f"share must be above 0 and at most 1, got {share!r}")
    dtype = eligibility.dtype
    n_changed = max(1, round(share * eligibility.shape[2]))
    order = xp.argsort(eligibility, axis=-1, descending=True, stable=True)
    rank = xp.argsort(order, axis=-1, stable=True)
    direction = xp.astype(counts > wanted, dtype) - xp.astype(counts < wanted, dtype)
    change = xp.where(rank < n_changed, direction[..., None], 0.0)
    return xp.sum(change, axis=0) / float(max(counts.shape[0], 1))


def _counts(counts: Array, wanted: Array) -> tuple[Any, Array, Array]:
    """Return the namespace and both arrays in the index dtype, checked."""
    xp = array_namespace(counts=counts, wanted=wanted)
    check_same_device(counts=counts, wanted=wanted)
    found = []
    for name, array in (("counts", counts), ("wanted", wanted)):
        if array.ndim != 2 or array.shape != counts.shape:
            expected = "(patterns, neurons)" if counts.ndim != 2 else tuple(counts.shape)
            raise ValueError(f"{name} must have shape {expected}, got {tuple(array.shape)}")
        found.append(as_counts(name, array, xp=xp))
    return xp, *found
