r"""The postsynaptic potential: a double-exponential kernel and its derivatives.

.. math:: K(x) = v_0 (e^{-x/\tau} - e^{-x/\tau_s}), \qquad x \ge 0

The difference of exponentials loses every digit as ``tau_s`` approaches ``tau``, so the
kernel is evaluated in the form

.. math:: K(x) = \kappa\, e^{-x/\tau}\, \frac{1 - e^{-\beta x}}{\beta}, \qquad
          \beta = \frac{1}{\tau_s} - \frac{1}{\tau}, \quad \kappa = K'(0^+)

which is accurate for every pair of time constants and becomes the alpha kernel
:math:`\kappa x e^{-x/\tau}` at :math:`\beta = 0`.  K is symmetric in its two constants, so
the slower one always plays the part of ``tau`` here.

Its integrals over the first x need no form of their own at any constants: K solves

.. math:: \tau\tau_s K'' + (\tau + \tau_s) K' + K = 0, \qquad K(0) = 0, \; K'(0) = \kappa

and this equation, integrated as it is, times K' and times K, gives the integrals of K, K'^2 and
K^2 from K(x) and K'(x).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

__all__ = ["Kernel", "share_series"]

Array = Any
Namespace = Any

# Where slow/fast - 1 is smaller `height_share` is a series; its terms fall below the last digit.
SHARE_SERIES_BELOW = 0.05


def share_series(excess: Any) -> Any:
    """`Kernel.height_share` for constants that are nearly equal."""
    total: Any = 0.0
    for n in range(13, 1, -1):
        total = 1.0 / (n * (n - 1)) - excess * total
    return total


@dataclass(frozen=True)
class Kernel:
    """Constants of the postsynaptic potential, all Python floats.

    Parameters
    ----------
    slow, fast : float
        The two time constants, ``slow >= fast > 0``, in units of time.
    psp_peak : float
        Largest value of the kernel, in units of potential.

    Attributes
    ----------
    beta : float
        ``1/fast - 1/slow``, zero for the alpha kernel.
    t_peak : float
        Time of the largest value after the spike.
    rise : float
        Slope just after the spike, K'(0+), called kappa in the formulas.
    log_ratio : float
        ``log(slow/fast)``.
    """

    slow: float
    fast: float
    psp_peak: float
    beta: float = field(init=False)
    t_peak: float = field(init=False)
    rise: float = field(init=False)
    log_ratio: float = field(init=False)

    def __post_init__(self) -> None:
        beta = (self.slow - self.fast) / (self.slow * self.fast)
        # with log1p, so that slow ~ fast keeps its digits
        log_ratio = math.log1p(beta * self.slow)
        t_peak = log_ratio / beta if beta > 0.0 else self.slow
        set_field = object.__setattr__  # the dataclass is frozen
        set_field(self, "beta", beta)
        set_field(self, "log_ratio", log_ratio)
        set_field(self, "t_peak", t_peak)
        # from K(t_peak) = rise * fast * exp(-t_peak/slow) = psp_peak
        set_field(self, "rise", self.psp_peak * math.exp(t_peak / self.slow) / self.fast)

    @cached_property
    def constants(self) -> tuple[float, ...]:
        """All that a formula of potentials between spikes asks for, as compiled kernels take it.

        They are slow, fast, rise, beta, log_ratio and the largest K/kappa.
        """
        crest = self.psp_peak / self.rise
        return self.slow, self.fast, self.rise, self.beta, self.log_ratio, crest

    @property
    def is_alpha(self) -> bool:
        """Whether the constants are equal, so that the formulas with a quotient by beta fail."""
        return self.beta == 0.0

    @cached_property
    def height_share(self) -> float:
        r"""By how much kappa falls as ``slow`` grows: -d log kappa/d log slow at fixed psp_peak.

        With D = slow/fast - 1 that is ((1 + D) log(1 + D) - D)/D^2, which is 1/2 at equal
        constants; -d log kappa/d log fast is what is left to 1.
        """
        excess = self.beta * self.slow
        if excess < SHARE_SERIES_BELOW:
            return float(share_series(excess))
        return ((1.0 + excess) * self.log_ratio - excess) / (excess * excess)

    def with_equal(self, constant: float) -> Kernel:
        """The alpha kernel of that constant."""
        return replace(self, slow=constant, fast=constant)

    def memory(self, dtype: Any, *, xp: Namespace) -> float:
        """Time after which nothing is left of a state: e^-300 in float64, e^-60 in float32.

        What is left then of the largest weight has to be nothing beside the smallest that matters.
        To look further back makes subnormal numbers, with which a processor is many times slower.
        """
        return (300.0 if dtype == xp.float64 else 60.0) * self.slow

    def value(self, x: Array, *, xp: Namespace) -> Array:
        """K(x) for an array ``x >= 0``."""
        decay = xp.exp(x * (-1.0 / self.slow))
        if self.is_alpha:
            return decay * (x * self.rise)
        return decay * (xp.expm1(x * -self.beta) * (-self.rise / self.beta))

    def slope(self, x: Array, value: Array, *, xp: Namespace) -> Array:
        """K'(x) for ``x >= 0``, given ``value = K(x)``; the right-hand slope at 0."""
        return xp.exp(x * (-1.0 / self.fast)) * self.rise - value * (1.0 / self.slow)

    def curvature(self, x: Array, slope: Array, *, xp: Namespace) -> Array:
        """K''(x) for ``x >= 0``, given ``slope = K'(x)``."""
        return xp.exp(x * (-1.0 / self.fast)) * (-self.rise / self.fast) - slope * (1.0 / self.slow)

    def integrals(self, x: float) -> tuple[float, float]:
        """Integrals of K and of K^2 from 0 to a number ``x > 0``."""
        if x < 1e-3 * self.fast:  # a straight line, which the differences below would lose
            return self.rise * x**2 / 2.0, self.rise**2 * x**3 / 3.0
        product, total = self.slow * self.fast, self.slow + self.fast
        value = self.value(x, xp=math)
        slope = self.slope(x, value, xp=math)
        of_value = product * (self.rise - slope) - total * value
        of_slope_squared = (product * (self.rise**2 - slope**2) - value**2) / (2.0 * total)
        of_value_squared = product * (of_slope_squared - slope * value) - 0.5 * total * value**2
        return of_value, of_value_squared
