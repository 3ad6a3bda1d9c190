"""Brute-force reference of one output neuron's answer to one pattern.

It is written from the definition ``V(t) = sum over t_f <= t of w_f K(t - t_f)`` alone and shares no
code with ``tempotron_core``: no recursion from event to event, no closed form for the place of a
maximum, no pruning. Two kinds of arithmetic are offered:

`ExactTrajectory`
    mpmath at 50 decimal digits. Nearly equal time constants need no special form: they cost a few
    of the 50 digits. Because mpmath's exponents are unbounded, ``exp(-(t - t_f)/tau)`` may be split
    into ``exp(-t/tau) exp(t_f/tau)`` and the second factor summed once per pattern.
`FloatTrajectory`
    float64, every sum taken term by term from the definition and rounded once (`math.fsum`); for
    patterns of up to thousands of spikes.

The maximum over time is found by looking everywhere: V is monotonic between neighbouring *knots*
(distinct spike times, the roots of V' between them, the duration), because V' between two spikes is
a sum of two exponentials and so changes sign at most once there.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import mpmath
import numpy as np

DIGITS = 50
mp = mpmath.mp.clone()
mp.dps = DIGITS


@dataclass(frozen=True)
class Constants:
    """Time constants, threshold and height of the postsynaptic potential."""

    tau: float = 15.0
    tau_s: float = 3.75
    v_threshold: float = 1.0
    psp_peak: float = 1.0

    @property
    def slope_scale(self) -> float:
        """K'(0+): the steepest slope of the kernel."""
        return float(_initial_slope(self))

    @property
    def curvature_scale(self) -> float:
        """|K''(0+)|: the largest curvature of the kernel."""
        return self.slope_scale * (1.0 / self.tau + 1.0 / self.tau_s)


@lru_cache
def _amplitude(constants: Constants) -> Any:
    """v0 in 50 digits; for equal constants the factor c of c x exp(-x/tau)."""
    tau, tau_s = mp.mpf(constants.tau), mp.mpf(constants.tau_s)
    if tau == tau_s:
        return mp.mpf(constants.psp_peak) * mp.e / tau
    t_peak = tau * tau_s / (tau - tau_s) * mp.log(tau / tau_s)
    return mp.mpf(constants.psp_peak) / (mp.exp(-t_peak / tau) - mp.exp(-t_peak / tau_s))


@lru_cache
def _initial_slope(constants: Constants) -> Any:
    tau, tau_s = mp.mpf(constants.tau), mp.mpf(constants.tau_s)
    amplitude = _amplitude(constants)
    return amplitude if tau == tau_s else amplitude * (1 / tau_s - 1 / tau)


def kernel(x: Any, constants: Constants) -> tuple[Any, Any, Any]:
    """K, K' and K'' at `x` in 50 digits; 0 for x < 0 and the limits from the right at x = 0."""
    x = mp.mpf(x)
    if x < 0:
        return mp.zero, mp.zero, mp.zero
    tau, tau_s = mp.mpf(constants.tau), mp.mpf(constants.tau_s)
    v0, slow = _amplitude(constants), mp.exp(-x / tau)
    if tau == tau_s:
        return v0 * x * slow, v0 * slow * (1 - x / tau), v0 * slow * (x / tau - 2) / tau
    fast = mp.exp(-x / tau_s)
    return (
        v0 * (slow - fast),
        v0 * (fast / tau_s - slow / tau),
        v0 * (slow / tau**2 - fast / tau_s**2),
    )


@dataclass(frozen=True)
class LocalMaximum:
    """One local maximum of V. `kind` is rest (t = 0), kink, smooth or end (t = duration)."""

    value: Any
    time: Any
    kind: str
    slope_left: Any
    slope_right: Any
    curvature: Any


@dataclass(frozen=True)
class ReferencePeak:
    """The peak, and by how much it exceeds the next-best local maximum."""

    v_max: Any
    t_max: Any
    gap: float
    maximum: LocalMaximum


@dataclass(frozen=True)
class Crossing:
    """First time at which V exceeds the threshold, and what makes it well conditioned.

    `margin` is the smallest distance between the threshold and a local maximum up to the one that
    exceeds it: where it is tiny, which crossing is the first is undecided in finite precision.
    """

    time: Any
    slope: Any
    margin: float

    @property
    def fired(self) -> bool:
        return bool(self.time != math.inf)


# (time, V, number of groups that shape V just before it, the local maximum that it is, if any)
Knot = tuple[Any, Any, int, LocalMaximum | None]


class Trajectory:
    """V(t) of one output for one pattern; the arithmetic is given by a subclass.

    Parameters
    ----------
    times, weights : sequences of equal length
        One entry per spike. Negative and infinite times and those after `duration` are no spikes.
    constants : Constants
    duration : number
    """

    tolerance: float
    number: Callable[[Any], Any]

    def __init__(
        self, times: Iterable[Any], weights: Iterable[Any], constants: Constants, duration: Any
    ) -> None:
        self.constants = constants
        self.duration = self.number(duration)
        spikes = [(t, w) for t, w in zip(times, weights, strict=True) if 0 <= t <= duration]
        spikes.sort(key=lambda spike: spike[0])
        self.spikes = [(self.number(t), self.number(w)) for t, w in spikes]
        self.sum_of_weights = float(sum(abs(w) for _, w in self.spikes))
        # Simultaneous spikes form one group; `_counts[g]` spikes come before or with group g.
        self.group_times: list[Any] = []
        self.group_weights: list[Any] = []
        self._counts: list[int] = []
        for index, (t, w) in enumerate(self.spikes):
            if not self.group_times or t != self.group_times[-1]:
                self.group_times.append(t)
                self.group_weights.append(w)
                self._counts.append(index + 1)
            else:
                self.group_weights[-1] += w
                self._counts[-1] = index + 1
        self._knots: list[Knot] | None = None
        self._prepare()

    def _prepare(self) -> None:
        raise NotImplementedError

    def evaluate(self, t: Any, n_groups: int) -> tuple[Any, Any, Any]:
        """V, V' and V'' at `t` of the first `n_groups` groups of spikes."""
        raise NotImplementedError

    @property
    def scale(self) -> float:
        """S of the accuracy bars: psp_peak max(1, sum of |w|)."""
        return self.constants.psp_peak * max(1.0, self.sum_of_weights)

    def voltage(self, t: Any) -> Any:
        """V(t) with every spike up to and including `t`."""
        return self.evaluate(t, self._groups_until(t))[0]

    def slope(self, t: Any) -> Any:
        """V'(t+): a spike at exactly `t` counts with K'(0+)."""
        return self.evaluate(t, self._groups_until(t))[1]

    def curvature(self, t: Any) -> Any:
        """V''(t+)."""
        return self.evaluate(t, self._groups_until(t))[2]

    def _groups_until(self, t: Any) -> int:
        return sum(1 for time in self.group_times if time <= t)

    def _root(self, function: Callable[[Any], tuple[Any, Any]], low: Any, high: Any) -> Any:
        """Root of a function that changes sign between `low` and `high`; Newton in a bracket.

        The end is judged by the step, so the result is within `tolerance` durations of the root.
        """
        rising = function(high)[0] > 0
        x = (low + high) / 2
        for _ in range(500):
            value, derivative = function(x)
            if value == 0:
                return x
            if (value > 0) == rising:
                high = x
            else:
                low = x
            following = x - value / derivative if derivative != 0 else low
            if abs(following - x) <= self.tolerance * self.duration:
                return min(max(following, low), high)
            x = following if low < following < high else (low + high) / 2
        return x

    def _walk(self) -> list[Knot]:
        """Knots in order of time; V is monotonic between a knot and the next.

        The rest from 0 to the first spike is one knot.
        """
        if self._knots is None:
            self._knots = self._find_knots()
        return self._knots

    def _find_knots(self) -> list[Knot]:
        zero = self.number(0)
        groups = len(self.group_times)
        first = self.evaluate(self.group_times[0], 1) if groups else (zero, zero, zero)
        rest = LocalMaximum(zero, zero, "rest", zero, first[1], zero)
        rises = groups and self.group_weights[0] > 0 and self.group_times[0] < self.duration
        knots: list[Knot] = [(zero, zero, 0, None if rises else rest)]
        for g, start in enumerate(self.group_times):
            value, right, curvature = self.evaluate(start, g + 1)
            if g == 0:
                knots.append((start, zero, 0, None))
            elif start != self.duration:
                value, left, _ = self.evaluate(start, g)
                maximum = LocalMaximum(value, start, "kink", left, right, curvature)
                knots.append((start, value, g, maximum if left >= 0 >= right else None))
            stop = self.group_times[g + 1] if g + 1 < groups else self.duration
            if stop == start:
                continue
            end_value, end_slope, end_curvature = self.evaluate(stop, g + 1)
            if right > 0 > end_slope or right < 0 < end_slope:
                t = self._root(lambda t, n=g + 1: self.evaluate(t, n)[1:], start, stop)
                v, slope, second = self.evaluate(t, g + 1)
                maximum = LocalMaximum(v, t, "smooth", slope, slope, second)
                knots.append((t, v, g + 1, maximum if right > 0 else None))
            if stop == self.duration:
                maximum = LocalMaximum(end_value, stop, "end", end_slope, zero, end_curvature)
                knots.append((stop, end_value, g + 1, maximum if end_slope >= 0 else None))
        return knots

    def peak(self) -> ReferencePeak:
        """Largest V over [0, duration] and its time; at a tie the earliest."""
        maxima = [maximum for *_, maximum in self._walk() if maximum is not None]
        top = max(maximum.value for maximum in maxima)
        best = next(m for m in maxima if m.value >= top - self.tolerance * self.scale)
        others = [maximum.value for maximum in maxima if maximum is not best]
        gap = float(best.value - max(others)) if others else math.inf
        if best.kind == "rest" and self.group_times and self.group_weights[0] == 0:
            gap = 0.0  # V stays at rest for a while after a spike: a tie of all those times
        return ReferencePeak(best.value, best.time, gap, best)

    def first_crossing(self) -> Crossing:
        """First time at which V exceeds the threshold; infinite where it never does."""
        threshold = self.number(self.constants.v_threshold)
        margin = math.inf
        before = None
        for knot in self._walk():
            t, v, n, maximum = knot
            if maximum is not None:
                margin = min(margin, abs(float(v - threshold)))
            if v > threshold:
                assert before is not None

                def above(t: Any, n: int = n) -> tuple[Any, Any]:
                    value, slope, _ = self.evaluate(t, n)
                    return value - threshold, slope

                time = before[0] if before[1] == threshold else self._root(above, before[0], t)
                return Crossing(time, self.evaluate(time, n)[1], margin)
            before = knot
        return Crossing(math.inf, math.nan, margin)

    def shunted(self) -> Trajectory:
        """The trajectory with every input after the first crossing left out."""
        time = self.first_crossing().time
        kept = [(t, w) for t, w in self.spikes if t <= time]
        times, weights = [t for t, _ in kept], [w for _, w in kept]
        return type(self)(times, weights, self.constants, self.duration)

    def grid_peak(self, n_steps: int, dt: float) -> tuple[Any, Any, float]:
        """Largest V at 0, dt, ..., (n_steps - 1) dt, its (earliest) time and lead over the next."""
        values = [self.voltage(self.number(step * dt)) for step in range(n_steps)]
        top = max(values)
        best = next(i for i, v in enumerate(values) if v >= top - self.tolerance * self.scale)
        others = values[:best] + values[best + 1 :]
        return values[best], best * dt, float(top - max(others)) if others else math.inf

    def soft_peak_time(self, n_steps: int) -> tuple[Any, Any, int]:
        """m k and the soft time s with its sign m, on the clock 0, 1, ..., n_steps - 1.

        k is the time of the largest sample, s = sum_t t p_t with p = softmax(n_steps V), and m is
        +1 where the largest sample reaches the threshold and -1 elsewhere.
        """
        values = [mp.mpf(self.voltage(self.number(step))) for step in range(n_steps)]
        best = max(range(n_steps), key=lambda step: (values[step], -step))
        raised = [mp.exp(n_steps * (v - values[best])) for v in values]
        soft = sum(step * p for step, p in enumerate(raised)) / sum(raised)
        sign = 1 if values[best] >= self.constants.v_threshold else -1
        return sign * best, soft, sign


class ExactTrajectory(Trajectory):
    """50 decimal digits."""

    tolerance = 1e-40
    number = staticmethod(mp.mpf)

    def _prepare(self) -> None:
        constants = self.constants
        self._rate, self._rate_s = 1 / mp.mpf(constants.tau), 1 / mp.mpf(constants.tau_s)
        self._v0 = _amplitude(constants)
        self._equal = constants.tau == constants.tau_s
        a, b = mp.zero, mp.zero
        self._sums = [(a, b)]
        for t, w in zip(self.group_times, self.group_weights, strict=True):
            slow = w * mp.exp(t * self._rate)
            a += slow
            b += slow * t if self._equal else w * mp.exp(t * self._rate_s)
            self._sums.append((a, b))

    def evaluate(self, t: Any, n_groups: int) -> tuple[Any, Any, Any]:
        t, rate, rate_s = mp.mpf(t), self._rate, self._rate_s
        a, b = self._sums[n_groups]
        decay = self._v0 * mp.exp(-t * rate)
        if self._equal:
            a *= decay
            v = t * a - b * decay
            return v, a - v * rate, (v * rate - 2 * a) * rate
        a *= decay
        b *= self._v0 * mp.exp(-t * rate_s)
        slow, fast = a * rate, b * rate_s
        return a - b, fast - slow, slow * rate - fast * rate_s


class FloatTrajectory(Trajectory):
    """float64 with correctly rounded sums."""

    tolerance = 1e-17
    number = staticmethod(float)

    def _prepare(self) -> None:
        self._times = np.asarray([t for t, _ in self.spikes], dtype=np.float64)
        self._weights = np.asarray([w for _, w in self.spikes], dtype=np.float64)
        self._kappa = self.constants.slope_scale
        tau, tau_s = self.constants.tau, self.constants.tau_s
        self._beta = (tau - tau_s) / (tau * tau_s)

    def _groups_until(self, t: Any) -> int:
        return int(np.searchsorted(np.asarray(self.group_times), t, side="right"))

    def evaluate(self, t: Any, n_groups: int) -> tuple[Any, Any, Any]:
        count = self._counts[n_groups - 1] if n_groups else 0
        x, w = t - self._times[:count], self._weights[:count]
        tau, tau_s = self.constants.tau, self.constants.tau_s
        # The kernel's own two exponentials, the difference written so that none of its digits is
        # lost when they are nearly equal: K = kappa E, K' = kappa (F - E/tau), F = exp(-x/tau_s).
        slow, fast = np.exp(-x / tau), np.exp(-x / tau_s)
        if self._beta == 0.0:
            difference = x * slow
        elif abs(tau - tau_s) > 0.1 * tau:
            difference = (slow - fast) / self._beta
        else:
            difference = -slow * np.expm1(-self._beta * x) / self._beta
        rate = 1.0 / tau + 1.0 / tau_s
        v = math.fsum((w * difference).tolist())
        slope = math.fsum((w * (fast - difference / tau)).tolist())
        second = math.fsum((w * (difference / (tau * tau) - fast * rate)).tolist())
        return self._kappa * v, self._kappa * slope, self._kappa * second


def difference_quotient(
    function: Callable[[Any], Sequence[Any]], x: float, *, low: float, high: float
) -> list[float]:
    """Derivatives of several 50-digit functions of one number that lives on [low, high].

    Central, or one-sided where `x` is an end of its range. The step is far below what float64 can
    take, so that the error of the quotient is as well.
    """
    h, x = mp.mpf("1e-15"), mp.mpf(x)
    ahead, behind = min(x + h, mp.mpf(high)), max(x - h, mp.mpf(low))
    pairs = zip(function(ahead), function(behind), strict=True)
    return [float((a - b) / (ahead - behind)) for a, b in pairs]


def jacobian(
    readout: Callable[[Trajectory], Sequence[Any]],
    times: Sequence[float],
    weights: Sequence[float],
    constants: Constants,
    duration: float,
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives of readouts by each spike's weight and time, both [readouts, spikes].

    Difference quotients in 50 digits; 0 for what is no spike.
    """

    def moved(index: int, which: int) -> Callable[[Any], Sequence[Any]]:
        def function(x: Any) -> Sequence[Any]:
            arguments = [list(times), list(weights)]
            arguments[which][index] = x
            return readout(ExactTrajectory(*arguments, constants, duration))

        return function

    n_readouts = len(readout(ExactTrajectory(times, weights, constants, duration)))
    by_weight, by_time = np.zeros((2, n_readouts, len(times)))
    for index, (t, w) in enumerate(zip(times, weights, strict=True)):
        if 0 <= t <= duration:
            by_weight[:, index] = difference_quotient(
                moved(index, 1), w, low=-math.inf, high=math.inf
            )
            by_time[:, index] = difference_quotient(moved(index, 0), t, low=0.0, high=duration)
    return by_weight, by_time
