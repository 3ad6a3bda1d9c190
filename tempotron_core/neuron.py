"""The tempotron's constants: time constants, threshold, normalisation, reset."""

from __future__ import annotations

import math
from dataclasses import KW_ONLY, dataclass
from functools import cached_property

from .arrays.numbers import positive_float
from .kernel import Kernel

__all__ = ["Neuron"]


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
        for name in ("tau", "tau_s", "v_threshold", "psp_peak"):
            given = getattr(self, name)
            if given is None and name == "psp_peak":
                continue
            # stored as Python floats: a NumPy scalar would upcast float32 arrays
            object.__setattr__(self, name, positive_float(name, given))
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

    @cached_property
    def kernel(self) -> Kernel:
        """The postsynaptic potential of a unit weight."""
        peak = self.v_threshold if self.psp_peak is None else self.psp_peak
        return Kernel(max(self.tau, self.tau_s), min(self.tau, self.tau_s), peak)
