r"""The tempotron's rule as published: weights change after every pattern that is decided wrongly.

A neuron that fires where it should not, or does not where it should, changes its weights at once,

.. math:: \Delta w \leftarrow \mu\,\Delta w \pm \lambda\,\frac{dV^*}{dw}, \qquad
          w \leftarrow w + \Delta w

and the next pattern meets the new ones.  A pattern that is decided rightly changes nothing, so a
neuron that came through a whole epoch without an error has learned all patterns with one set of
weights, and stays as it is.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from ..arrays.choices import check_choice
from ..arrays.namespace import array_namespace, check_same_device, device_of, known_true, zeros
from ..arrays.numbers import check_generator, positive_float, whole_number
from ..arrays.registry import fused
from ..arrays.settings import under_own_settings
from ..events import Events
from ..neuron import Neuron
from ..readouts.arguments import check_readout
from ..readouts.peak import peak
from ..readouts.peak_gradient import peak_vjp
from .labels import should_fire
from .losses import tempotron_loss
from .optimisers.update_rule import below_one

__all__ = ["OnlineLearning", "learn_online"]

Array = Any

BLOCK = 16
"""Epochs whose orders are drawn, and learned from, at a time."""


class OnlineLearning(NamedTuple):
    """What `learn_online` came to.

    Attributes
    ----------
    weight : array, shape (O, N)
        The weights after the last epoch.
    change : array, shape (O, N)
        Each neuron's last change, for the momentum of a further call.
    errors : integer NumPy array, shape (E, O)
        Patterns that each neuron decided wrongly, as it learned, in each epoch.  The last row is
        zero for a neuron that has learned all patterns.
    """

    weight: Array
    change: Array
    errors: np.ndarray[Any, np.dtype[np.int64]]


@under_own_settings
def learn_online(
    events: Events,
    labels: Array,
    weight: Array,
    neuron: Neuron,
    *,
    learning_rate: float,
    momentum: float = 0.0,
    epochs: int,
    rng: np.random.Generator | None = None,
    change: Array | None = None,
    method: str = "auto",
) -> OnlineLearning:
    r"""Learn pattern by pattern, on errors alone: the rule of Gütig and Sompolinsky [1]_.

    Neurons know nothing of each other: they are as many runs on the same patterns in the same
    order, each with weights and labels of its own.  Learning ends when every neuron has come
    through an epoch without an error.

    Parameters
    ----------
    events : Events
        All patterns.
    labels : array, shape (B, O) or (B,) of booleans, or (B,) of integers
        Whether a neuron should fire; class indices as in
        :func:`tempotron_core.learning.tempotron_loss`.
    weight : array, shape (O, N)
        Weights to start from.
    neuron : Neuron
    learning_rate : float
        :math:`\lambda`, the size of a step along the gradient of the peak.
    momentum : float, default 0
        :math:`\mu`, the part of a neuron's last change that is repeated with the next, in [0, 1).
        Nothing is repeated between errors.
    epochs : int
        At most so many passes over the patterns.
    rng : numpy.random.Generator, optional
        Draws a new order of the patterns for every epoch; by default they keep theirs.
    change : array, shape (O, N), optional
        That of an earlier call, to go on with its momentum.
    method : {'auto', 'static', 'pruned'}
        See :func:`tempotron_core.peak`.  'auto' takes a compiled kernel that learns whole epochs,
        where there is one.

    Returns
    -------
    OnlineLearning

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, a number is out of range, or weights are not finite.

    Notes
    -----
    A loop over patterns, so it needs arrays whose values are known: it does not run under
    ``jax.jit``.  The kernel keeps weights in double precision until it returns.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, "The tempotron: a neuron that learns spike
       timing-based decisions", Nature Neuroscience 9, 420-428 (2006), equation 3 and Methods.

    Examples
    --------
    Two neurons learn opposite labels of the same patterns:

    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.learning import learn_online
    >>> rng = np.random.default_rng(0)
    >>> events = Events.from_latencies(rng.uniform(0.0, 200.0, (20, 30)), 200.0)
    >>> fires = rng.random((20, 1)) < 0.5
    >>> labels, start = np.concatenate([fires, ~fires], axis=1), rng.normal(0.0, 0.01, (2, 30))
    >>> learned = learn_online(events, labels, start, Neuron(), learning_rate=0.01, epochs=500)
    >>> print(learned.errors[0], learned.errors[-1])
    [11  9] [0 0]
    """
    check_choice("method", method, ("auto", "static", "pruned"))
    xp = check_readout(events, weight, neuron)
    learning_rate = positive_float("learning_rate", learning_rate)
    momentum = below_one("momentum", momentum)
    epochs = whole_number("epochs", epochs)
    if rng is not None:
        check_generator(rng)
    shape = (len(events), weight.shape[0])
    fire = should_fire(labels, xp.empty(shape, dtype=weight.dtype, device=device_of(weight)))
    if change is None:
        change = xp.zeros_like(weight)
    array_namespace(weight=weight, change=change)
    check_same_device(weight=weight, change=change)
    if tuple(change.shape) != tuple(weight.shape) or change.dtype != weight.dtype:
        raise ValueError(
            f"change must be like weight, {weight.dtype} of shape {tuple(weight.shape)}, got "
            f"{change.dtype} of shape {tuple(change.shape)}"
        )
    for name, array in (("weight", weight), ("change", change)):
        if not known_true(xp.all(xp.isfinite(array))):
            raise ValueError(f"{name} must be finite and known, got a NaN, infinite or traced one")
    form = None if neuron.shunt else fused("learn_online", method, weight)
    errors = np.zeros((0, weight.shape[0]), np.int64)
    while len(errors) < epochs and (not len(errors) or errors[-1].any()):
        block = min(BLOCK, epochs - len(errors))
        order = _orders(block, len(events), rng)
        if form is None:
            weight, change, found = _by_pattern(
                events, fire, weight, change, neuron, learning_rate, momentum, order, method, xp
            )
        else:
            weight, change, found = form(
                events, fire, weight, change, neuron, learning_rate, momentum, order
            )
        errors = np.concatenate([errors, np.asarray(found)])
    return OnlineLearning(weight, change, errors)


def _orders(epochs: int, n_patterns: int, rng: np.random.Generator | None) -> Any:
    """The order of the patterns in each epoch, [E, B]."""
    orders = np.tile(np.arange(n_patterns), (epochs, 1))
    return orders if rng is None else rng.permuted(orders, axis=1)


def _by_pattern(
    events: Events,
    fire: Array,
    weight: Array,
    change: Array,
    neuron: Neuron,
    learning_rate: float,
    momentum: float,
    orders: Any,
    method: str,
    xp: Any,
) -> tuple[Array, Array, Any]:
    """Learn epochs of given orders [E, B], and count errors, until an epoch has none."""
    errors = np.zeros((0, weight.shape[0]), np.int64)
    for order in orders:
        counted = zeros((1, weight.shape[0]), weight, xp=xp)
        for b in order.tolist():
            pattern = events[b]
            found = peak(pattern, weight, neuron, method=method)
            _, cotangent = tempotron_loss(found.v_max, fire[b : b + 1, :], neuron.v_threshold)
            wrong = cotangent != 0.0
            if not known_true(xp.any(wrong)):
                continue
            counted = counted + xp.astype(wrong, weight.dtype)
            step = peak_vjp(
                pattern, weight, neuron, found, -learning_rate * cotangent, method=method
            ).weight
            of_wrong = xp.permute_dims(wrong, (1, 0))
            change = xp.where(of_wrong, momentum * change + step, change)
            weight = xp.where(of_wrong, weight + change, weight)
        row = np.asarray([[int(counted[0, o]) for o in range(weight.shape[0])]], np.int64)
        errors = np.concatenate([errors, row])
        if not errors[-1].any():
            break
    return weight, change, errors
