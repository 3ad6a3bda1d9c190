"""Losses of the maximal potential, each with its derivative.

A label says which neurons should fire: either one class index per pattern (one neuron per class,
only that neuron should fire), or one boolean per pattern and neuron.  A neuron fires if its
potential exceeds the threshold.  `tempotron_loss` and `mse_loss` are zero on neurons that answer
correctly; `cross_entropy_loss` compares the neurons of a pattern and takes class indices only.
All return the cotangent that `peak_vjp` turns into a weight gradient, through `pool_vjp` where a
class has several neurons.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_floating, check_same_device
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from .labels import as_classes, pattern_weight, should_fire
from .pooling import tempered

__all__ = ["cross_entropy_loss", "mse_loss", "tempotron_loss"]

Array = Any


@under_own_settings
def tempotron_loss(
    v_max: Array,
    labels: Array,
    v_threshold: float,
    *,
    margin: float = 0.0,
    class_weight: Array | None = None,
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
    class_weight : array, shape (O,), optional
        Multiplies all terms of the patterns of each class; the average is still over the number
        of patterns, not over their weights.  Finite, not negative, in the library and on the
        device of ``v_max``; needs integer labels.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns and summed over neurons.
    cotangent : array, shape (B, O)
        Its derivative towards ``v_max``: -1/B for a miss, +1/B for a false alarm, times the
        weight of the class, else 0.

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
    xp, excess, fire, wrong, counts = _errors(v_max, labels, v_threshold, margin, class_weight)
    share = counts / _batch(v_max)
    nothing = xp.zeros_like(share)
    cotangent = xp.where(wrong, xp.where(fire, -share, share), nothing)
    # infinitely far on the right side is no error either
    return xp.sum(cotangent * xp.where(wrong, excess, nothing)), cotangent


@under_own_settings
def mse_loss(
    v_max: Array,
    labels: Array,
    v_threshold: float,
    *,
    margin: float = 0.0,
    class_weight: Array | None = None,
) -> tuple[Array, Array]:
    r"""Squared distance of wrong neurons from threshold, as in SpikingJelly's ``mse_loss``.

    .. math:: E = \frac{1}{B} \sum_{\text{errors}} (V_{max} - V_{threshold})^2

    Parameters
    ----------
    v_max, labels, v_threshold, margin, class_weight
        As in `tempotron_loss`.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns and summed over neurons.
    cotangent : array, shape (B, O)
        Its derivative towards ``v_max``: ``2 (v_max - v_threshold) / B`` on errors, times
        the weight of the class, else 0.

    Raises
    ------
    TypeError, ValueError
        As in `tempotron_loss`.
    """
    xp, excess, _, wrong, counts = _errors(v_max, labels, v_threshold, margin, class_weight)
    error = xp.where(wrong, excess, xp.zeros_like(excess))
    loss = xp.sum(counts * error * error) / _batch(v_max)
    return loss, counts * (2.0 * error / _batch(v_max))


@under_own_settings
def cross_entropy_loss(
    v_max: Array,
    labels: Array,
    *,
    temperature: float = 1.0,
    class_weight: Array | None = None,
) -> tuple[Array, Array]:
    r"""Cross-entropy of a softmax over the neurons, one per class.

    .. math:: E = -\frac{1}{B} \sum_b \log
              \frac{e^{V_{b, y_b} / T}}{\sum_c e^{V_{b, c} / T}}

    It compares the neurons with one another and knows no threshold: every pattern has a gradient,
    the more the nearer another class comes.

    Parameters
    ----------
    v_max : array, shape (B, C)
        Maximal potential of every neuron in every pattern.
    labels : integer array, shape (B,)
        Class indices in 0..C-1.
    temperature : float, default 1.0
        T, in the unit of ``v_max``.
    class_weight : array, shape (C,), optional
        As in `tempotron_loss`.

    Returns
    -------
    loss : array, shape ()
        The cost, averaged over patterns.
    cotangent : array, shape (B, C)
        Its derivative towards ``v_max``: ``(softmax - one_hot) / (B T)``.

    Raises
    ------
    TypeError, ValueError
        As in `tempotron_loss`.

    Examples
    --------
    >>> import numpy as np
    >>> loss, cotangent = cross_entropy_loss(np.asarray([[1.0, 1.0]]), np.asarray([0]))
    >>> print(loss.round(3), cotangent)
    0.693 [[-0.5  0.5]]
    """
    return cross_entropy("v_max", v_max, labels, temperature, class_weight)


def cross_entropy(
    name: str, values: Array, labels: Array, temperature: float, class_weight: Array | None
) -> tuple[Array, Array]:
    """Cross-entropy of the softmax of an argument that errors call ``name``, see above."""
    xp = array_namespace(**{name: values, "labels": labels})
    check_same_device(**{name: values, "labels": labels})
    check_floating(name, values, xp=xp)
    if values.ndim != 2 or values.shape[1] == 0:
        raise ValueError(f"{name} must have shape (patterns, classes), got {tuple(values.shape)}")
    if values.shape[-1] == 2:
        labels = as_classes(labels, xp=xp)
    if xp.isdtype(labels.dtype, "bool"):
        raise TypeError(
            "labels must be integer class indices for a cross-entropy, or one boolean per pattern "
            f"for two classes, got bool of shape {tuple(labels.shape)}"
        )
    right = should_fire(labels, values)
    below = tempered(values, temperature, axis=1, xp=xp)
    odds = xp.exp(below)
    total = xp.sum(odds, axis=1, keepdims=True)
    cost = xp.log(total) - xp.sum(xp.where(right, below, 0.0), axis=1, keepdims=True)
    towards = odds / total - xp.astype(right, values.dtype)
    if class_weight is not None:
        weight = pattern_weight(class_weight, labels, values)
        cost, towards = weight * cost, weight * towards
    return xp.sum(cost) / _batch(values), towards / (_batch(values) * float(temperature))


def _errors(
    v_max: Array, labels: Array, v_threshold: float, margin: float, class_weight: Array | None
) -> tuple[Any, Array, Array, Array, Array]:
    """Return what both losses of single neurons need.

    The namespace, ``v_max`` less its target, who should fire, who is wrong, and what each error
    counts.
    """
    xp = array_namespace(v_max=v_max, labels=labels)
    check_floating("v_max", v_max, xp=xp)
    v_threshold = positive_float("v_threshold", v_threshold)
    margin = positive_float("margin", margin, or_zero=True)
    fire = should_fire(labels, v_max)
    aim = xp.ones_like(v_max) * float(margin)
    excess = v_max - (v_threshold + xp.where(fire, aim, -aim))
    counts = xp.ones_like(v_max)
    if class_weight is not None:
        counts = counts * pattern_weight(class_weight, labels, v_max)
    # negated, so that NaN is wrong either way and shows in the loss
    wrong = ~xp.where(fire, excess > 0.0, excess <= 0.0)
    return xp, excess, fire, wrong, counts


def _batch(v_max: Array) -> float:
    return float(max(v_max.shape[0], 1))
