"""The tempotron's constants: time constants, threshold, normalisation, reset.

They are numbers (`Neuron`), or some are arrays that autodiff or a compiler follows
(`ParametricNeuron`).
"""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .arrays.namespace import array_namespace, check_floating, known_true
from .arrays.numbers import positive_float
from .kernel import Kernel

__all__ = ["Neuron", "ParametricNeuron"]

Array = Any

CONSTANTS = ("tau", "tau_s", "v_threshold", "psp_peak")
"""The constants that can be learned, as a `Neuron` takes them."""


@dataclass(frozen=True, repr=False)
class Neuron:
    r"""Constants of a leaky integrate-and-fire neuron that classifies spike patterns.

    The membrane potential is the weighted sum of double-exponential postsynaptic potentials
    [1]_,

    .. math:: V(t) = \sum_{t_f \le t} w_f K(t - t_f), \qquad
              K(x) = v_0 (e^{-x/\tau} - e^{-x/\tau_s})

    with :math:`v_0` set so that K peaks at ``psp_peak``.

    Parameters
    ----------
    tau : float, default 15.0
        Membrane time constant, in the unit of the spike times (milliseconds by convention).
    tau_s : float, default 3.75
        Synaptic time constant, same unit.  K is symmetric in the two; equal constants give the
        alpha kernel.
    v_threshold : float, default 1.0
        Firing threshold.  A neuron fires if its potential exceeds it.
    psp_peak : float, optional
        Peak of one postsynaptic potential of unit weight, in the unit of ``v_threshold``.  By
        default ``v_threshold``, so that one spike through a weight of 1 just reaches threshold;
        ``psp_peak=1`` is the choice of the literature.
    shunt : bool, default False
        If true, input spikes after the output spike are ignored, as in the original model [1]_.

    Raises
    ------
    TypeError
        If a constant is not a real number, or ``shunt`` is not a bool.
    ValueError
        If a constant is not positive and finite, or they are too extreme to compute with.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, "The tempotron: a neuron that learns spike
       timing-based decisions", Nature Neuroscience 9, 420-428 (2006), equations 1 and 2.

    Examples
    --------
    >>> from tempotron_core import Neuron
    >>> round(Neuron(tau=15.0, tau_s=3.75).kernel.t_peak, 4)
    6.9315
    """

    tau: float = 15.0
    tau_s: float = 3.75
    v_threshold: float = 1.0
    _: KW_ONLY
    psp_peak: float | None = None
    shunt: bool = False

    def __post_init__(self) -> None:
        for name in CONSTANTS:
            given = getattr(self, name)
            if given is None and name == "psp_peak":
                continue
            # stored as Python floats: a NumPy scalar would upcast float32 arrays
            object.__setattr__(self, name, _number(name, given))
        if not isinstance(self.shunt, bool):
            raise TypeError(f"shunt must be True or False, got {self.shunt!r}")
        try:
            usable = math.isfinite(self.kernel.t_peak) and 0.0 < self.kernel.rise < math.inf
        except ZeroDivisionError:  # the product of the time constants underflows
            usable = False
        if not usable:
            raise ValueError(
                f"tau, tau_s and psp_peak must give a kernel that floats can hold, got "
                f"tau={self.tau}, tau_s={self.tau_s}, v_threshold={self.v_threshold}, "
                f"psp_peak={self.psp_peak}"
            )

    def __repr__(self) -> str:
        more = "" if self.psp_peak is None else f", psp_peak={self.psp_peak}"
        more += ", shunt=True" if self.shunt else ""
        return f"Neuron(tau={self.tau}, tau_s={self.tau_s}, v_threshold={self.v_threshold}{more})"

    def with_constants(
        self,
        *,
        tau: Any = None,
        tau_s: Any = None,
        psp_peak: Any = None,
        v_threshold: Any = None,
    ) -> Neuron | ParametricNeuron:
        """Return this neuron with other constants, which may be arrays that are learned.

        Parameters
        ----------
        tau, tau_s, psp_peak, v_threshold : float or 0-d array
            Those of this neuron where left out.  Arrays of torch or JAX may require gradients or be
            traced.  Readouts then have a gradient towards them, and a new value compiles nothing
            anew.

        Returns
        -------
        Neuron or ParametricNeuron
            The second if an array is given (those of NumPy are numbers).

        Raises
        ------
        TypeError
            If a constant is not a real number or array.
        ValueError
            If an array is not 0-d, or a value that can be looked at is not positive and finite.

        Examples
        --------
        >>> from tempotron_core import Neuron
        >>> Neuron().with_constants(tau=20.0)
        Neuron(tau=20.0, tau_s=3.75, v_threshold=1.0)
        """
        given = {"tau": tau, "tau_s": tau_s, "v_threshold": v_threshold, "psp_peak": psp_peak}
        return _with_constants(self, {n: v for n, v in given.items() if v is not None})

    @property
    def resets_turn(self) -> bool:
        """Whether resets decay with the faster of the constants, or may."""
        return self.tau < self.tau_s

    def in_order(self, of_slow: Any, of_fast: Any) -> tuple[Any, Any]:
        """Tell what belongs to ``tau`` and what to ``tau_s``.

        Parameters
        ----------
        of_slow, of_fast : object
            Of the slower and of the faster constant.

        Returns
        -------
        (object, object)
            That of ``tau``, then that of ``tau_s``.
        """
        return (of_fast, of_slow) if self.tau < self.tau_s else (of_slow, of_fast)

    @property
    def reset_excess(self) -> float:
        """By how much resets decay faster than the slow constant, as rates: 0 where tau is that."""
        return self.kernel.beta if self.tau < self.tau_s else 0.0

    @cached_property
    def kernel(self) -> Kernel:
        """The postsynaptic potential of a unit weight."""
        peak = self.v_threshold if self.psp_peak is None else self.psp_peak
        return Kernel(max(self.tau, self.tau_s), min(self.tau, self.tau_s), peak)


@dataclass(frozen=True, eq=False)
class ParametricNeuron:
    """A neuron some of whose constants are 0-d arrays; made by `Neuron.with_constants`.

    The readouts that torch and JAX differentiate take it in place of a `Neuron`, and so do the
    ``_vjp``; for everything else there is `fixed`.  On JAX it is a pytree whose leaves are the
    arrays.

    Attributes
    ----------
    tau, tau_s, v_threshold : float or array
    psp_peak : float, array or None
        None follows ``v_threshold``.
    shunt : bool
    """

    tau: Any
    tau_s: Any
    v_threshold: Any
    psp_peak: Any
    shunt: bool

    @property
    def arrays(self) -> dict[str, Array]:
        """The constants that are arrays, by name."""
        constants = {name: getattr(self, name) for name in CONSTANTS}
        return {n: v for n, v in constants.items() if v is not None and not isinstance(v, float)}

    def with_constants(self, **constants: Any) -> Neuron | ParametricNeuron:
        """Return this neuron with other constants, as `Neuron.with_constants` does.

        Parameters
        ----------
        **constants : float or 0-d array
            By name; those of this neuron where left out.

        Returns
        -------
        Neuron or ParametricNeuron
            The first if no array is left.
        """
        known = {name: getattr(self, name) for name in CONSTANTS}
        return Neuron(shunt=self.shunt).with_constants(**{**known, **constants})

    def fixed(self) -> Neuron:
        """Give the neuron with the values that the arrays hold now, as numbers.

        Returns
        -------
        Neuron

        Raises
        ------
        TypeError
            If a value is traced, and so not known.
        ValueError
            If one is not positive and finite.
        """
        values: Any = {name: _value(name, getattr(self, name)) for name in CONSTANTS}
        return Neuron(**values, shunt=self.shunt)


def _number(name: str, given: Any) -> float:
    """Return a constant as a float; the error says where an array can go."""
    try:
        return positive_float(name, given)
    except TypeError as error:
        if isinstance(given, np.ndarray) or getattr(given, "shape", None) != ():
            raise
        raise TypeError(
            f"{error}. To learn it, give it to neuron.with_constants({name}=...), or to a torch "
            f"layer as learn=({name!r},)"
        ) from None


def _value(name: str, given: Any) -> float | None:
    if given is None or isinstance(given, float):
        return given
    try:
        # torch warns of the gradient that float() of a tensor loses
        return float(given.item() if hasattr(given, "item") else given)
    except Exception:  # noqa: BLE001 - every library says in its own way that it is tracing
        raise TypeError(f"{name} must be an array whose value is known, got {given!r}") from None


def _with_constants(base: Neuron, given: dict[str, Any]) -> Neuron | ParametricNeuron:
    arrays = {
        name: value
        for name, value in given.items()
        if hasattr(value, "dtype") and not isinstance(value, np.ndarray | np.generic)
    }
    numbers = {name: value for name, value in given.items() if name not in arrays}
    changed = replace(base, **numbers)
    if not arrays:
        return changed
    for name, array in arrays.items():
        if tuple(array.shape) != ():
            raise ValueError(f"{name} must be 0-d, got shape {tuple(array.shape)}")
        check_floating(name, array, xp=array_namespace(**{name: array}))
        if known_true(~((array > 0.0) & (array < float("inf")))):
            raise ValueError(f"{name} must be positive and finite, got {_value(name, array)!r}")
    constants = {name: getattr(changed, name) for name in CONSTANTS}
    return ParametricNeuron(**{**constants, **arrays}, shunt=changed.shunt)
