"""
How many spikes, at which threshold
===================================

A neuron with a low threshold spikes often, one with a high threshold rarely. Where a
spike is just lost as the threshold rises is a critical threshold. The multi-spike
tempotron (Gütig 2016) learns by moving them: a neuron that spikes too often has to
get the next one below its threshold, one that spikes too rarely has to get one above.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.plotting import spikes_against_threshold
from tempotron_backends.plotting.style import INK, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron
from tempotron_core.spiking import (
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    voltage_with_resets,
)

plt.rcParams.update(STYLE)

# %%
# Half a second of 100 afferents that fire at random, and weights of a neuron that
# answers with some spikes.
rng = np.random.default_rng(8)
times, afferents = np.sort(rng.uniform(0.0, 500.0, 350)), rng.integers(0, 100, 350)
events = Events.from_csr(times, afferents, np.asarray([0, 350]), 100, 500.0)
neuron = Neuron(tau=20.0, tau_s=5.0, psp_peak=1.0)
weight = rng.normal(0.03, 0.15, (1, 100))


# %%
# The critical thresholds of one to twelve spikes, exact to the last digits. All there
# is to know about how often this neuron spikes is in them.
def critical(weight):
    ks = range(1, 13)
    return [critical_threshold(events, weight, neuron, k) for k in ks]


def thetas(weight):
    return np.concatenate([found.theta[0] for found in critical(weight)])


theta = thetas(weight)
count = int(output_spikes(events, weight, neuron).counts[0, 0])
assert count == (theta > neuron.v_threshold).sum()

# %%
# One spike more, please: steps along the gradient of the first critical threshold
# below the neuron's own, until that is above it.
more, lost = weight, critical_threshold(events, weight, neuron, count + 1)
found, one = lost, np.ones_like(lost.theta)
while found.theta[0, 0] <= neuron.v_threshold:
    slope = critical_threshold_vjp(events, more, neuron, found, one).weight
    missing = neuron.v_threshold - found.theta[0, 0]
    more = more + (0.5 * missing + 1e-3) / (slope**2).sum() * slope
    found = critical_threshold(events, more, neuron, count + 1)
assert output_spikes(events, more, neuron).counts[0, 0] == count + 1

figure, (left, right) = plt.subplots(
    1, 2, figsize=(8.6, 3.2), layout="constrained", sharex=True, sharey=True
)
spikes_against_threshold(left, theta, neuron.v_threshold)
spikes_against_threshold(right, thetas(more), neuron.v_threshold)
edges = np.concatenate([[right.get_xlim()[1]], theta])
right.stairs(np.arange(12)[::-1], edges[::-1], baseline=None, color=RIVAL, zorder=0)
right.set(title="… after learning (before in red)", xlim=(None, edges[0]))
plt.show()

# %%
# The potential, at the neuron's threshold and at two others. After each spike it
# falls by the threshold and recovers. In the lowest panel the threshold is the
# critical one of the spike asked for, and a millionth more: at the dot the potential
# all but touches it.
t = np.linspace(0.0, 500.0, 4001)
figure, panels = plt.subplots(
    3, 1, figsize=(7.6, 5.6), layout="constrained", sharex=True, sharey=True
)
cases = (
    (1.4 * neuron.v_threshold, "Spikes at a higher threshold"),
    (neuron.v_threshold, "At the neuron's own"),
    (
        float(lost.theta[0, 0]) * (1 + 1e-6),
        f"At a lower one, where spike {count + 1} is just lost",
    ),
)
for panel, (threshold, title) in zip(panels, cases, strict=True):
    at = Neuron(tau=20.0, tau_s=5.0, v_threshold=threshold, psp_peak=1.0)
    spikes = output_spikes(events, weight, at).times
    v = voltage_with_resets(events, weight, at, spikes, t)[0, 0]
    panel.axhline(threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    panel.plot(t, v, color=TARGET, linewidth=1.2)
    real = spikes[np.isfinite(spikes)]
    panel.vlines(real, threshold, threshold + 0.6, color=RIVAL, linewidth=1.8)
    panel.set(title=f"{title}: {len(real)}", ylabel="potential")
panels[2].plot(lost.t[0], lost.theta[0], "o", color=INK, markersize=6)
panels[2].set(xlabel="time (ms)", xlim=(0, 500))
plt.show()
