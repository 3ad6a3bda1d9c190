"""Brute-force multi-spike neuron: sums of exponentials, spike by spike, and bisection.

It shares no formula with the package: the potential is summed spike by spike, its slope changes
sign at most once between two inputs, and that place and every crossing are found by bisection.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

_HALVINGS = 60


@dataclass(frozen=True)
class SpikingReference:
    """One output and one pattern.

    Parameters
    ----------
    times, weights : sequence of float
        One entry per input spike.
    tau, tau_s, psp_peak, duration : float
        ``tau_s`` must differ from ``tau``.
    """

    times: tuple[float, ...]
    weights: tuple[float, ...]
    tau: float
    tau_s: float
    psp_peak: float
    duration: float

    def _amplitude(self) -> float:
        tau, tau_s = self.tau, self.tau_s
        peak = tau * tau_s / (tau - tau_s) * math.log(tau / tau_s)
        return self.psp_peak / (math.exp(-peak / tau) - math.exp(-peak / tau_s))

    def potential(self, t: float, theta: float, spikes: list[float]) -> tuple[float, float]:
        """V(t) and its slope from the left, with resets at the given output spikes."""
        v = slope = 0.0
        v0 = self._amplitude()
        for t_f, w in zip(self.times, self.weights, strict=True):
            if t_f < t:
                slow, fast = math.exp(-(t - t_f) / self.tau), math.exp(-(t - t_f) / self.tau_s)
                v += w * v0 * (slow - fast)
                slope += w * v0 * (fast / self.tau_s - slow / self.tau)
        for t_k in spikes:
            if t_k < t:
                left = theta * math.exp(-(t - t_k) / self.tau)
                v, slope = v - left, slope + left / self.tau
        return v, slope

    def spikes(self, theta: float, most: int = 10**6) -> list[float]:
        """Output spikes, up to ``most``."""
        knots = sorted({t for t in self.times if t < self.duration})
        knots.append(self.duration)
        found: list[float] = []
        for begin, end in pairwise(knots):
            while len(found) < most:
                after = found[-1] if found and found[-1] > begin else begin
                crossing = self._crossing(after, end, theta, found)
                if crossing is None:
                    break
                found.append(crossing)
        return found

    def _crossing(
        self, begin: float, end: float, theta: float, spikes: list[float]
    ) -> float | None:
        def at(t: float) -> tuple[float, float]:
            return self.potential(t, theta, spikes)

        top = end
        hair = (end - begin) * 1e-9
        if at(begin + hair)[1] > 0 and at(end)[1] < 0:
            top = self._bisect(lambda t: at(t)[1] > 0, begin + hair, end)
        if at(begin + hair)[0] > theta or at(top)[0] <= theta:
            return None
        return self._bisect(lambda t: at(t)[0] <= theta, begin + hair, top)

    @staticmethod
    def _bisect(below: Callable[[float], bool], low: float, high: float) -> float:
        for _ in range(_HALVINGS):
            middle = (low + high) / 2
            low, high = (middle, high) if below(middle) else (low, middle)
        return high

    def critical(self, k: int, low: float, high: float, halvings: int = 14) -> float:
        """Threshold, between two, at which the k-th output spike is lost: four more digits."""
        lower, upper = low, high
        assert len(self.spikes(lower, k)) == k
        assert len(self.spikes(upper, k)) < k
        for _ in range(halvings):
            middle = (lower + upper) / 2
            reached = len(self.spikes(middle, k)) == k
            lower, upper = (middle, upper) if reached else (lower, middle)
        return upper
