"""Labels of patterns: which neurons should fire, and how much each class counts."""

from __future__ import annotations

from typing import Any

from ..arrays.integers import as_index
from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_same_device,
    device_of,
    known_true,
)
from ..arrays.numbers import whole_number

__all__ = ["as_classes", "class_indices", "neurons_per_class", "pattern_weight", "should_fire"]

Array = Any


def should_fire(labels: Array, v_max: Array, *, n_classes: int | None = None) -> Array:
    """Neurons that should fire, pattern by pattern.

    Parameters
    ----------
    labels : array, shape (B,) of integers, or shape (B, O) or (B,) of booleans
        A class index from 0 to C - 1 per pattern, or true where a neuron should fire.  One boolean
        per pattern is whether the neurons of a single class should fire, or else which of two
        classes it is of, true for the second.  Values are not looked at under tracing: a class that
        does not exist lets no neuron fire.
    v_max : array, shape (B, O)
        Only its shape, library and device count.
    n_classes : int, optional
        C, of which O is a multiple: neuron o belongs to class ``o // (O // C)``, as in
        :func:`pool`.  One neuron per class if left out.

    Returns
    -------
    bool array, shape (B, O)

    Raises
    ------
    TypeError
        If labels are neither integers nor booleans, or the arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, a label is out of range, or O is no multiple of C.

    Examples
    --------
    >>> import numpy as np
    >>> should_fire(np.asarray([1, 0]), np.zeros((2, 4)), n_classes=2)
    array([[False, False,  True,  True],
           [ True,  True, False, False]])
    """
    xp = array_namespace(v_max=v_max, labels=labels)
    check_same_device(v_max=v_max, labels=labels)
    if v_max.ndim != 2:
        raise ValueError(f"v_max must have shape (patterns, neurons), got {tuple(v_max.shape)}")
    patterns, neurons = v_max.shape
    classes = neurons if n_classes is None else n_classes
    if xp.isdtype(labels.dtype, "bool"):
        if labels.shape == v_max.shape:
            return labels
        if labels.shape != (patterns,) or classes not in (1, 2):
            raise ValueError(
                f"boolean labels must have the shape of v_max, {tuple(v_max.shape)}, or one per "
                f"pattern for one or two classes, got {tuple(labels.shape)} for {classes} classes"
            )
        if classes == 1:
            return xp.broadcast_to(labels[:, None], v_max.shape)
        labels = as_classes(labels, xp=xp)
    if not xp.isdtype(labels.dtype, "integral"):
        raise TypeError(
            f"labels must be integer class indices or booleans, got {labels.dtype}: "
            f"numpy.unique(labels, return_inverse=True)[1] numbers others"
        )
    if labels.shape != (patterns,):
        raise ValueError(
            f"labels must have one class index for each of the {patterns} patterns, "
            f"got shape {tuple(labels.shape)}"
        )
    size = 1 if n_classes is None else neurons_per_class(neurons, n_classes)
    labels = class_indices("labels", labels, neurons // size, size, xp=xp)
    class_of_neuron = xp.arange(neurons, dtype=labels.dtype, device=device_of(v_max)) // size
    return labels[:, None] == class_of_neuron[None, :]


def as_classes(labels: Array, *, xp: Any) -> Array:
    """Return labels with booleans, one per pattern, as classes 0 and 1; others as they are."""
    if xp.isdtype(labels.dtype, "bool") and labels.ndim == 1:
        return xp.astype(labels, xp.int32)
    return labels


def class_indices(name: str, labels: Array, n_classes: int, size: int = 1, *, xp: Any) -> Array:
    """Return class indices of any integer dtype in the one to count and compare in.

    Parameters
    ----------
    name : str
        What errors call the labels.
    labels : integer array, shape (B,)
    n_classes : int
    size : int, default 1
        Neurons per class, for errors.
    xp : module

    Raises
    ------
    ValueError
        If a label is known to be out of range.
    """
    labels = as_index(labels, xp=xp)
    if known_true(xp.any((labels < 0) | (labels >= n_classes))):
        raise ValueError(
            f"{name} must be class indices from 0 to {n_classes - 1} "
            f"({'one neuron' if size == 1 else f'{size} neurons'} per class), "
            f"got values from {int(xp.min(labels))} to {int(xp.max(labels))}"
        )
    return labels


def neurons_per_class(n_neurons: int, n_classes: int) -> int:
    """Return G = O / C, the neurons that each class has.

    Raises
    ------
    TypeError, ValueError
        If ``n_classes`` is no integer from 1 up that divides the number of neurons.
    """
    n_classes = whole_number("n_classes", n_classes)
    if n_neurons == 0 or n_neurons % n_classes:
        raise ValueError(
            f"n_classes must divide the number of neurons, got {n_classes} classes "
            f"for {n_neurons} neurons"
        )
    return n_neurons // n_classes


def pattern_weight(class_weight: Array, labels: Array, values: Array) -> Array:
    """Weight of each pattern's class, shape (B, 1), in the dtype of ``values``.

    Parameters
    ----------
    class_weight : array, shape (C,)
        Finite and not negative, in the library and on the device of ``values``.
    labels : integer array, shape (B,)
        From 0 to C - 1.
    values : array, shape (B, C)
        What the loss is of.

    Raises
    ------
    TypeError
        If labels are not class indices, or ``class_weight`` has the wrong dtype or library.
    ValueError
        If shape or device do not fit, or a weight is negative or not finite.
    """
    xp = array_namespace(labels=labels, class_weight=class_weight)
    check_same_device(labels=labels, class_weight=class_weight)
    if values.shape[1] == 2:
        labels = as_classes(labels, xp=xp)
    if not xp.isdtype(labels.dtype, "integral"):
        raise TypeError(
            f"labels must be integer class indices where class_weight is given, got {labels.dtype}"
        )
    check_floating("class_weight", class_weight, xp=xp)
    n_classes = values.shape[1]
    if class_weight.shape != (n_classes,):
        raise ValueError(
            f"class_weight must have one weight for each of the {n_classes} classes, "
            f"got shape {tuple(class_weight.shape)}"
        )
    if known_true(xp.any(~(xp.isfinite(class_weight) & (class_weight >= 0.0)))):
        raise ValueError(
            f"class_weight must be finite and not negative, "
            f"got values from {float(xp.min(class_weight))} to {float(xp.max(class_weight))}"
        )
    weight = xp.astype(class_weight, values.dtype)[None, :]
    # not take: out of range under tracing, where labels cannot be checked, it differs by library
    return xp.sum(xp.where(should_fire(labels, values), weight, 0.0), axis=1, keepdims=True)
