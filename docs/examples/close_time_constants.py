"""
Accurate where the textbook formula is not
==========================================

The potential is usually written as the difference of two exponential traces. That is
a difference of large numbers when the two time constants are close, and it is
undefined when they are equal, though the potential itself is an ordinary function
there. Traces that are kept relative to one origin of time have a second problem:
their exponentials overflow in long patterns. Here the state is carried from spike to
spike in a form that has neither.
"""

from decimal import Decimal, getcontext

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.plotting.style import FAINT, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, voltage

plt.rcParams.update(STYLE)
getcontext().prec = 60

# %%
# One pattern of 30 spikes, and the potential at its end: by the textbook formula in
# double precision, by this library, and to 60 digits.
rng = np.random.default_rng(0)
latencies = rng.uniform(0.0, 60.0, 30)
weight = rng.normal(0.0, 0.3, 30)
tau, end = 15.0, 61.0


def textbook(tau_s):
    """Two traces, and the usual factor that makes the kernel peak at 1."""
    with np.errstate(all="ignore"):
        eta = tau / np.float64(tau_s)
        v0 = eta ** (eta / (eta - 1.0)) / (eta - 1.0)
        slow = (weight * np.exp(-(end - latencies) / tau)).sum()
        fast = (weight * np.exp(-(end - latencies) / tau_s)).sum()
        return v0 * (slow - fast)


def here(tau_s):
    events = Events.from_latencies(latencies[None, :], 100.0)
    return voltage(events, weight[None, :], Neuron(tau, tau_s), np.asarray([end]))[
        0, 0, 0
    ]


def to_60_digits(tau_s):
    slow, fast = Decimal(tau), Decimal(tau_s)
    spikes = list(
        zip(
            map(Decimal, weight.tolist()),
            map(Decimal, latencies.tolist()),
            strict=True,
        )
    )
    if slow == fast:
        shape = [w * (Decimal(end) - t) / slow for w, t in spikes]
        decay = [((t - Decimal(end)) / slow).exp() for _, t in spikes]
        return Decimal(1).exp() * sum(
            a * b for a, b in zip(shape, decay, strict=True)
        )
    eta = slow / fast
    v0 = ((eta / (eta - 1)) * eta.ln()).exp() / (eta - 1)
    x = [(w, t - Decimal(end)) for w, t in spikes]
    return v0 * sum(w * ((t / slow).exp() - (t / fast).exp()) for w, t in x)


# %%
# Distance between the time constants, from a hundredth down to none.
gaps = np.logspace(-14, -0.3, 60)
errors = {"textbook": [], "here": []}
for gap in gaps:
    tau_s = tau * (1.0 - gap)
    exact = to_60_digits(tau_s)
    for name, value in (("textbook", textbook(tau_s)), ("here", here(tau_s))):
        errors[name].append(abs(float(Decimal(float(value)) - exact)) + 1e-18)
assert np.isnan(textbook(tau))
assert abs(here(tau) - float(to_60_digits(tau))) < 1e-14


# %%
# The second problem, in single precision: traces relative to the start of the
# pattern, as a program that avoids a loop over time has them, against the length of
# the pattern. 200 spikes each, and the potential 1 ms after the last one.
def origin_at_zero(latencies, weight, t):
    """Cumulative traces with exponents relative to the start, in float32."""
    with np.errstate(all="ignore"):
        single = np.float32
        v0 = single(2.1165347359575305)
        slow = (weight * np.exp(latencies / single(15.0))).sum() * np.exp(
            -t / single(15.0)
        )
        fast = (weight * np.exp(latencies / single(3.75))).sum() * np.exp(
            -t / single(3.75)
        )
        return v0 * (slow - fast)


durations = np.logspace(1.3, 6, 48)
long_errors = {"textbook": [], "here": []}
for duration in durations:
    spikes = np.sort(rng.uniform(0.0, duration, 200)).astype(np.float32)
    w = rng.normal(0.0, 0.3, 200).astype(np.float32)
    t = np.float32(spikes[-1] + 1.0)
    x = (t - spikes).astype(np.float64)
    exact = 2.1165347359575305 * (w * (np.exp(-x / 15.0) - np.exp(-x / 3.75))).sum()
    events = Events.from_latencies(spikes[None, :], float(t) + 1.0)
    found = voltage(events, w[None, :], Neuron(15.0, 3.75), np.asarray([t]))[0, 0, 0]
    long_errors["textbook"].append(abs(origin_at_zero(spikes, w, t) - exact) + 1e-12)
    long_errors["here"].append(abs(found - exact) + 1e-12)

# %%
# On the left: sixteen digits for every pair of constants, equal ones included, where
# the textbook loses one for every digit that the two have in common. On the right the
# textbook's line ends where its exponentials overflow, to be NaN from there on.
figure, (close, long) = plt.subplots(1, 2, figsize=(9.0, 3.4), layout="constrained")
for panel, x, y in ((close, gaps, errors), (long, durations, long_errors)):
    panel.loglog(x, y["textbook"], ".", color=RIVAL, label="textbook")
    panel.loglog(x, y["here"], ".", color=TARGET, label="tempotron_core")
    panel.set_ylabel("error of V")
close.invert_xaxis()
close.set(xlabel=r"$(\tau - \tau_s)/\tau$", title="Close time constants, float64")
long.set(xlabel="duration (ms)", title="Long patterns, float32")
close.legend(loc="upper left")
lost = durations[np.isnan(long_errors["textbook"])].min()
long.axvspan(lost, durations[-1], color=FAINT, alpha=0.5, linewidth=0)
long.text(
    0.97,
    0.95,
    "textbook: NaN",
    transform=long.transAxes,
    ha="right",
    va="top",
    color=RIVAL,
)
plt.show()

assert max(errors["here"]) < 1e-14
assert max(long_errors["here"]) < 1e-5
