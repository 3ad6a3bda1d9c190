r"""Random weights that fire on typical input, drawn before any pattern is seen.

Typical input is one spike per afferent at a random time of the pattern.  With weights of mean
:math:`m = g/\sqrt N` and standard deviation g, the potential has the mean and the variance

.. math:: \mu = \frac{N}{T} m \int_0^T K, \qquad \sigma^2 = \frac{N}{T} (m^2 + g^2) \int_0^T K^2 .

As a Gaussian process it rises through :math:`\mu + u \sigma` at the rate
:math:`e^{-u^2/2} / (2 \pi \sqrt{\tau\tau_s})`, so about half of the largest potentials exceed the
level of :math:`u = \sqrt{2 \ln(1 + T/(2 \pi \sqrt{\tau\tau_s}))}`.  g is chosen for this level
to be the threshold.  docs/mathematics.md has the derivation.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.numbers import check_generator, positive_float, whole_number
from ..neuron import Neuron

__all__ = ["firing_deviation", "random_weight"]


def firing_deviation(n_inputs: int, duration: float, neuron: Neuron) -> float:
    """Return the standard deviation g of weights of mean ``g/sqrt(n_inputs)`` that fire.

    Parameters
    ----------
    n_inputs : int
        Afferents, N, each with one spike at a random time of the pattern.
    duration : float
        Length of a pattern, T, in the unit of the time constants.
    neuron : Neuron

    Returns
    -------
    float
        Such that a neuron's largest potential exceeds the threshold in about half of the patterns.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a number is not positive and finite.

    Examples
    --------
    >>> from tempotron_core import Neuron
    >>> round(firing_deviation(50, 100.0, Neuron()), 3)
    0.17
    """
    n_inputs = whole_number("n_inputs", n_inputs)
    duration = positive_float("duration", duration)
    if not isinstance(neuron, Neuron):
        raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")
    of_kernel, of_square = neuron.kernel.integrals(duration)
    rate = n_inputs / duration
    mean = 1.0 / math.sqrt(n_inputs)
    crossings = duration / (2.0 * math.pi * math.sqrt(neuron.tau * neuron.tau_s))
    level = math.sqrt(2.0 * math.log1p(crossings))
    largest = rate * mean * of_kernel + level * math.sqrt(rate * (mean**2 + 1.0) * of_square)
    return neuron.v_threshold / largest


def random_weight(
    n_outputs: int,
    n_inputs: int,
    duration: float,
    neuron: Neuron,
    rng: np.random.Generator,
    *,
    dtype: Any = np.float32,
) -> NDArray[Any]:
    """Draw the weights of one layer, whose neurons fire on typical input.

    With patterns at hand, `initial_network` and `scale_to_fire` know better.

    Parameters
    ----------
    n_outputs, n_inputs : int
    duration : float
        Length of a pattern, in the unit of the time constants.
    neuron : Neuron
    rng : numpy.random.Generator
    dtype : dtype of NumPy, default float32

    Returns
    -------
    array of NumPy, shape (n_outputs, n_inputs)
        Normally distributed, of the standard deviation of `firing_deviation` and that over
        ``sqrt(n_inputs)`` as the mean.

    Raises
    ------
    TypeError, ValueError
        As `firing_deviation`; also if ``n_outputs`` or ``rng`` is not one.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Neuron
    >>> random_weight(100, 50, 100.0, Neuron(), np.random.default_rng(0)).shape
    (100, 50)
    """
    check_generator(rng)
    deviation = firing_deviation(n_inputs, duration, neuron)
    shape = (whole_number("n_outputs", n_outputs), n_inputs)
    drawn = rng.normal(deviation / math.sqrt(n_inputs), deviation, shape)
    return drawn.astype(dtype)
