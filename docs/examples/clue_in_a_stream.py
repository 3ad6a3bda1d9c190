"""
A neuron finds its clue in a stream
===================================

A pattern of 50 ms, the clue, is hidden in random spikes of the same rate. The neuron
is told how often it was in each trial, never when, nor what it is. It learns to
answer every clue with one spike, by the critical thresholds of the multi-spike
tempotron, and then listens to a stream that does not end.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.plotting.style import FAINT, INK, QUIET, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, fit_counts
from tempotron_core.spiking import Stream, output_spikes, voltage_with_resets

plt.rcParams.update(STYLE)
N_AFFERENTS, RATE, LENGTH = 100, 0.008, 50.0  # spikes per ms and afferent, ms
rng = np.random.default_rng(0)


def noise(length):
    """Random spikes: times in ms and afferents."""
    n = rng.poisson(N_AFFERENTS * RATE * length)
    return rng.uniform(0.0, length, n), rng.integers(0, N_AFFERENTS, n)


clue = noise(LENGTH)


def with_clues(length, starts):
    """Noise in which the clue takes the place of what was there, in order of time."""
    times, afferents = noise(length)
    for start in starts:
        kept = (times < start) | (times > start + LENGTH)
        times = np.concatenate([times[kept], clue[0] + start])
        afferents = np.concatenate([afferents[kept], clue[1]])
    order = np.argsort(times)
    return times[order], afferents[order]


# %%
# Four hundred trials of half a second, with no clue, one or two. Their counts are all
# that the neuron is taught by.
counts = rng.integers(0, 3, 400)
trials = [
    with_clues(500.0, rng.uniform(0, 175, n) + np.arange(n) * 225) for n in counts
]
times, afferents = (np.concatenate(part) for part in zip(*trials, strict=True))
offsets = np.cumsum([0, *(len(trial[0]) for trial in trials)])
events = Events.from_csr(times, afferents, offsets, N_AFFERENTS, 500.0)

neuron = Neuron(tau=20.0, tau_s=5.0, psp_peak=1.0)
naive = fit_counts(events, counts, neuron, epochs=0)
fitted = fit_counts(events, counts, neuron)

# %%
# Two seconds of the stream, as they come, in pieces of 100 ms. The neuron keeps its
# potential and its synaptic sum from one piece to the next, nothing else.
starts = np.asarray([230.0, 610.0, 905.0, 1430.0, 1780.0])
times, afferents = with_clues(2000.0, starts)
stream = Stream(fitted.network.weights[0], neuron)
found = []
for end in range(100, 2100, 100):
    now = (times > end - 100) & (times <= end)
    found.append(stream.push(times[now], afferents[now]).times)
    found.append(stream.advance(end).times)
found = np.concatenate(found)

# %%
# The input, in which no eye finds the clue; the potential before learning, with the
# spikes that it leads to; and after, with those that the stream gave: one for each
# clue, and no other. The bars are where the clue was.
whole = Events.from_csr(
    times, afferents, np.asarray([0, len(times)]), N_AFFERENTS, 2000.0
)
t = np.linspace(0.0, 2000.0, 8001)
figure, panels = plt.subplots(
    3,
    1,
    figsize=(6.4, 5.0),
    layout="constrained",
    sharex=True,
    height_ratios=(3, 2, 2),
)
panels[0].scatter(times, afferents, s=2.0, color=INK, linewidths=0)
panels[0].set(title="Input", ylabel="afferent", yticks=(0, 50, 100))
before = output_spikes(whole, naive.network.weights[0], neuron).times[0, 0]
for panel, model, spikes, title in (
    (panels[1], naive, before, "Before learning"),
    (panels[2], fitted, found, "After"),
):
    weight = model.network.weights[0]
    v = voltage_with_resets(whole, weight, neuron, spikes[None, None], t)[0, 0]
    for start in starts:
        panel.axvspan(start, start + LENGTH, color=FAINT, linewidth=0)
    panel.axhline(1.0, color=QUIET, linewidth=0.8, linestyle="--")
    panel.plot(t, v, color=TARGET, linewidth=1.2)
    panel.vlines(spikes, 1.0, 1.7, color=RIVAL, linewidth=2.0)
    panel.set(title=title, ylim=(-0.8, 1.9), yticks=(0, 1), ylabel="potential")
panels[2].set(xlim=(0, 2000), xlabel="time (ms)")
plt.show()
