"""A neuron whose constants are arrays of unknown value, for programs that are compiled once.

The static forms of the readouts take it in place of a `Neuron`: nothing is decided by a constant,
and what would be another formula at equal constants is the limit of the general one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, ClassVar

from .arrays.namespace import array_namespace, clip, device_of
from .kernel import SHARE_SERIES_BELOW, Kernel, share_series
from .neuron import CONSTANTS, ParametricNeuron

__all__ = ["TracedNeuron", "traced"]

Array = Any

# Least difference of the constants' rates, over that of the slow one: small enough that what it
# changes is lost in rounding, large enough that a product with it is a normal number in float32.
_LEAST_BETA = 1e-20


@dataclass(frozen=True, eq=False)
class TracedKernel(Kernel):
    """The postsynaptic potential of constants that are 0-d arrays of one dtype."""

    slow: Array
    fast: Array
    psp_peak: Array
    xp: Any

    def __post_init__(self) -> None:
        xp, slow, fast = self.xp, self.slow, self.fast
        beta = xp.maximum((slow - fast) / (slow * fast), _LEAST_BETA / slow)
        log_ratio = xp.log1p(beta * slow)
        t_peak = log_ratio / beta
        set_field = object.__setattr__  # the dataclass is frozen
        set_field(self, "beta", beta)
        set_field(self, "log_ratio", log_ratio)
        set_field(self, "t_peak", t_peak)
        set_field(self, "rise", self.psp_peak * xp.exp(t_peak / slow) / fast)

        near = clip(beta * slow, None, SHARE_SERIES_BELOW, xp=xp)
        far = clip(beta * slow, SHARE_SERIES_BELOW, None, xp=xp)
        direct = ((1.0 + far) * xp.log1p(far) - far) / (far * far)
        share = xp.where(beta * slow < SHARE_SERIES_BELOW, share_series(near), direct)
        set_field(self, "height_share", share)

    @property
    def is_alpha(self) -> bool:
        """Never: equal constants have a beta as well."""
        return False


@dataclass(frozen=True, eq=False)
class TracedNeuron:
    """A neuron all of whose constants are 0-d arrays of one dtype; see `Neuron`."""

    tau: Array
    tau_s: Array
    v_threshold: Array
    psp_peak: Array | None
    shunt: bool
    xp: Any

    kernel: TracedKernel = field(init=False)
    reset_excess: Array = field(init=False)

    resets_turn: ClassVar[bool] = True

    def __post_init__(self) -> None:
        # at once: what is made within a loop of the program must not outlive it
        xp, set_field = self.xp, object.__setattr__
        peak = self.v_threshold if self.psp_peak is None else self.psp_peak
        slow, fast = xp.maximum(self.tau, self.tau_s), xp.minimum(self.tau, self.tau_s)
        kernel = TracedKernel(slow, fast, peak, xp=xp)
        set_field(self, "kernel", kernel)
        excess = xp.where(self.tau < self.tau_s, kernel.beta, xp.zeros_like(kernel.beta))
        set_field(self, "reset_excess", excess)

    def in_order(self, of_slow: Array, of_fast: Array) -> tuple[Array, Array]:
        """As for `Neuron`."""
        swapped, where = self.tau < self.tau_s, self.xp.where
        return where(swapped, of_fast, of_slow), where(swapped, of_slow, of_fast)


def traced(neuron: ParametricNeuron, weight: Array) -> TracedNeuron:
    """The neuron with all constants as arrays of the library, dtype and device of ``weight``."""
    xp = array_namespace(weight=weight, **neuron.arrays)

    def of_weights(constant: Any) -> Array | None:
        if constant is None:
            return None
        if isinstance(constant, float):
            return xp.full((), constant, dtype=weight.dtype, device=device_of(weight))
        return xp.astype(constant, weight.dtype)

    constants = {name: of_weights(getattr(neuron, name)) for name in CONSTANTS}
    return TracedNeuron(**constants, shunt=neuron.shunt, xp=xp)
