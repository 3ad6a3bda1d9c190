"""Gradient clipping: a few patterns near grazing must not decide a step on their own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays.namespace import array_namespace, check_floating, check_same_device
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings

__all__ = ["clip_norm"]

Array = Any


@under_own_settings
def clip_norm(gradients: Sequence[Array], max_norm: float) -> tuple[Array, ...]:
    r"""Scale gradients down so that their common Euclidean norm is at most ``max_norm`` [1]_.

    Parameters
    ----------
    gradients : sequence of array
        For instance ``Network.vjp(...).weights``; any shapes, one library and device.
    max_norm : float
        Positive.

    Returns
    -------
    tuple of array
        All multiplied by :math:`\min(1, \mathrm{max\_norm} / \lVert g \rVert)`, each in its own
        dtype.  Where one holds a NaN or an infinity, all are returned as they are.

    Raises
    ------
    TypeError
        If a gradient is no floating-point array, or they come from different libraries.
    ValueError
        If there are none, one is empty, or ``max_norm`` is not positive.

    References
    ----------
    .. [1] R. Pascanu, T. Mikolov and Y. Bengio, "On the difficulty of training recurrent neural
       networks", International Conference on Machine Learning (2013).

    Examples
    --------
    >>> import numpy as np
    >>> clip_norm([np.asarray([3.0]), np.asarray([[4.0]])], 1.0)
    (array([0.6]), array([[0.8]]))
    """
    try:
        named = {f"gradients[{i}]": gradient for i, gradient in enumerate(gradients)}
    except TypeError:
        kind = type(gradients).__name__
        raise TypeError(f"gradients must be a sequence of arrays, got {kind}") from None
    if not named:
        raise ValueError("gradients must hold at least one array, got none")
    xp = array_namespace(**named)
    check_same_device(**named)
    for name, gradient in named.items():
        check_floating(name, gradient, xp=xp)
        if 0 in gradient.shape:
            raise ValueError(f"{name} must have entries, got shape {tuple(gradient.shape)}")
    max_norm = positive_float("max_norm", max_norm)
    widest = max((each.dtype for each in named.values()), key=lambda dtype: xp.finfo(dtype).bits)
    wide = [xp.astype(gradient, widest) for gradient in named.values()]
    # relative to the largest entry or max_norm, so that no square leaves the range of the dtype
    largest = xp.max(xp.stack([xp.max(xp.abs(gradient)) for gradient in wide]))
    bound = xp.full_like(largest, min(max_norm, float(xp.finfo(widest).max)))
    unit = xp.maximum(largest, bound)
    unit = xp.where(xp.isfinite(unit), unit, xp.ones_like(unit))
    ratio = bound / unit
    norm = xp.sqrt(sum(xp.sum((gradient / unit) ** 2) for gradient in wide))
    clipped = xp.isfinite(largest) & (norm > ratio)
    factor = xp.where(clipped, ratio / xp.where(clipped, norm, xp.ones_like(norm)), 1.0)
    return tuple(each * xp.astype(factor, each.dtype) for each in named.values())
