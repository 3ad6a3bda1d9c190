"""Weights that keep the sign of their afferent: Dale's principle as a constraint.

A neuron excites all that it projects to, or inhibits all.  Learning under the constraint is
projected gradient descent: after every step each weight that has crossed zero is set to zero, the
nearest weight allowed.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import array_namespace, check_floating, check_same_device, known_true
from ..arrays.settings import under_own_settings

__all__ = ["constrain_signs"]

Array = Any


@under_own_settings
def constrain_signs(weight: Array, signs: Array) -> Array:
    """Set weights to zero that have the wrong sign for their afferent [1]_.

    Parameters
    ----------
    weight : array, shape (O, N)
        Synaptic weights, float32 or float64.
    signs : array, shape (N,)
        1 for an excitatory afferent (weights of 0 and more), -1 for an inhibitory one (of 0 and
        less), 0 for one that is free.  Integers or floats, in the library and on the device of
        the weights; values are not looked at under tracing.

    Returns
    -------
    array, shape (O, N)
        New weights; NaN stays NaN.

    Raises
    ------
    TypeError
        If an array has the wrong dtype, or they come from different libraries.
    ValueError
        If shapes or devices do not fit, or a sign is not -1, 0 or 1.

    References
    ----------
    .. [1] D. J. Amit, K. Y. M. Wong and C. Campbell, "Perceptron learning with sign-constrained
       weights", Journal of Physics A 22, 2039-2045 (1989).

    Examples
    --------
    >>> import numpy as np
    >>> constrain_signs(np.asarray([[0.5, 0.5, -0.5], [-1.0, -1.0, 1.0]]), np.asarray([1, -1, 0]))
    array([[ 0.5,  0. , -0.5],
           [ 0. , -1. ,  1. ]])
    """
    xp = array_namespace(weight=weight, signs=signs)
    check_same_device(weight=weight, signs=signs)
    check_floating("weight", weight, xp=xp)
    if not xp.isdtype(signs.dtype, ("integral", "real floating")):
        raise TypeError(f"signs must be integers or floats, got {signs.dtype}")
    if weight.ndim != 2:
        raise ValueError(f"weight must have shape (O, N), got {tuple(weight.shape)}")
    if signs.shape != weight.shape[1:]:
        raise ValueError(
            f"signs must have one sign for each of the {weight.shape[1]} afferents, "
            f"got shape {tuple(signs.shape)}"
        )
    wrong = xp.sign(signs) != signs  # NaN too
    if known_true(xp.any(wrong)):
        first = int(xp.argmax(xp.astype(wrong, xp.int8)))
        raise ValueError(
            f"signs must be -1, 0 or 1, got {float(signs[first])} for afferent {first}"
        )
    forbidden = ((signs > 0) & (weight < 0.0)) | ((signs < 0) & (weight > 0.0))
    return xp.where(forbidden, 0.0, weight)
