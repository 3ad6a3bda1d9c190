r"""Several neurons per class: one value per class from the values of its neurons.

Neuron o belongs to class ``o // G`` where G = O / C.  With the values :math:`v_1 ... v_G` of a
class,

.. math:: \max_g v_g, \qquad \frac{1}{G} \sum_g v_g, \qquad
          T \log \frac{1}{G} \sum_g e^{v_g / T}

each of which is v where all values are v.  The last one tends to the first as the temperature T
falls and to the second as it rises.
"""

from __future__ import annotations

from typing import Any

from ..arrays.choices import check_choice
from ..arrays.namespace import array_namespace, check_floating, check_same_device, device_of
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from .labels import neurons_per_class

__all__ = ["pool", "pool_vjp", "tempered"]

Array = Any

_HOW = ("max", "mean", "logsumexp")


@under_own_settings
def pool(v: Array, n_classes: int, *, how: str = "max", temperature: float = 1.0) -> Array:
    """Pool the values of each class's neurons.

    Parameters
    ----------
    v : array, shape (B, O)
        For example the maximal potentials; float32 or float64.
    n_classes : int
        C, of which O is a multiple: the first O / C neurons belong to class 0, and so on.
    how : {'max', 'mean', 'logsumexp'}
        'logsumexp' is ``temperature * log(mean(exp(v / temperature)))``.
    temperature : float, default 1.0
        In the unit of ``v``.

    Returns
    -------
    array, shape (B, C)

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype.
    ValueError
        If O is no multiple of C, ``how`` is unknown or the temperature is not positive.

    Examples
    --------
    >>> import numpy as np
    >>> pool(np.asarray([[0.5, 1.5, 0.25, 0.75]]), 2)
    array([[1.5 , 0.75]])
    """
    xp, grouped, temperature = _grouped(v, n_classes, how, temperature)
    if grouped.shape[2] == 1:  # whatever it is, infinite too
        return grouped[:, :, 0]
    if how == "mean":
        return xp.mean(grouped, axis=2)
    largest = xp.max(grouped, axis=2)
    if how == "max":
        return largest
    below = tempered(grouped, temperature, axis=2, xp=xp)
    return largest + temperature * xp.log(xp.mean(xp.exp(below), axis=2))


@under_own_settings
def pool_vjp(
    v: Array, n_classes: int, cotangent: Array, *, how: str = "max", temperature: float = 1.0
) -> Array:
    """Pull a cotangent of the pooled values back to the neurons.

    Parameters
    ----------
    v, n_classes, how, temperature
        As given to :func:`pool`.
    cotangent : array, shape (B, C)
        Derivative of the loss by the pooled values.

    Returns
    -------
    array, shape (B, O)
        Derivative of the loss by ``v``.  With 'max' it goes to the largest value, to the first
        one of several.

    Raises
    ------
    TypeError
        As :func:`pool`, or if the arrays come from different libraries.
    ValueError
        As :func:`pool`, or if the cotangent has another shape or device.
    """
    xp, grouped, temperature = _grouped(v, n_classes, how, temperature)
    array_namespace(v=v, cotangent=cotangent)
    check_same_device(v=v, cotangent=cotangent)
    check_floating("cotangent", cotangent, xp=xp)
    if cotangent.shape != grouped.shape[:2]:
        raise ValueError(
            f"cotangent must have shape {tuple(grouped.shape[:2])}, got {tuple(cotangent.shape)}"
        )
    if grouped.shape[2] == 1:
        share = xp.ones_like(grouped)
    elif how == "max":
        neuron = xp.arange(grouped.shape[2], device=device_of(v))
        share = xp.astype(neuron == xp.argmax(grouped, axis=2, keepdims=True), v.dtype)
    elif how == "mean":
        share = xp.ones_like(grouped) / float(grouped.shape[2])
    else:
        share = xp.exp(tempered(grouped, temperature, axis=2, xp=xp))
        share = share / xp.sum(share, axis=2, keepdims=True)
    return xp.reshape(share * xp.astype(cotangent, v.dtype)[:, :, None], v.shape)


def tempered(values: Array, temperature: float, *, axis: int, xp: Any) -> Array:
    """``(values - max(values)) / temperature``: what a stable softmax takes the exponential of.

    Raises
    ------
    TypeError, ValueError
        If the temperature is not a positive number that the dtype of the values can hold.
    """
    temperature = positive_float("temperature", temperature)
    least, most = (
        float(getattr(xp.finfo(values.dtype), name)) for name in ("smallest_normal", "max")
    )
    if not least <= temperature <= most:
        raise ValueError(
            f"temperature must be from {least} to {most} in {values.dtype}, got {temperature}"
        )
    return (values - xp.max(values, axis=axis, keepdims=True)) / temperature


def _grouped(v: Array, n_classes: int, how: str, temperature: float) -> tuple[Any, Array, float]:
    """Return the namespace, the values by class, shape (B, C, G), and the checked temperature."""
    xp = array_namespace(v=v)
    check_floating("v", v, xp=xp)
    if v.ndim != 2:
        raise ValueError(f"v must have shape (patterns, neurons), got {tuple(v.shape)}")
    check_choice("how", how, _HOW)
    size = neurons_per_class(v.shape[1], n_classes)
    grouped = xp.reshape(v, (v.shape[0], v.shape[1] // size, size))
    return xp, grouped, positive_float("temperature", temperature)
