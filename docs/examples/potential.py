"""
The potential, its peak and its spike
=====================================

A tempotron decides by its largest membrane potential, so a maximum that is missed, or
seen a little too low, is a wrong decision. Here is where maxima can be: between
spikes, where the slope vanishes, and *at* spikes, where an inhibitory one breaks the
rise. The second kind is a kink. No sample of a time grid falls on it but by chance,
and no search for a vanishing slope finds it.
"""

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.markers import CARETDOWN

from tempotron_backends.plotting.style import INK, QUIET, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, first_crossing, peak, voltage

plt.rcParams.update(STYLE)

# %%
# One pattern, eight afferents, one spike each (in ms). Five excite, three inhibit;
# the last one comes while the potential is rising steeply.
latencies = np.asarray([[4.0, 9.0, 16.0, 31.3, 47.0, 49.5, 52.0, 53.4]])
weight = np.asarray([[0.5, 0.45, -0.7, -0.4, 0.5, 0.55, 0.5, -2.4]])
neuron = Neuron(tau=15.0, tau_s=3.75, v_threshold=0.95, psp_peak=1.0)

events = Events.from_latencies(latencies, duration=100.0)
v_max, t_max = peak(events, weight, neuron)
t_spike = first_crossing(events, weight, neuron)

# %%
# The same maximum on a grid of 1 ms, as discrete-time simulators see it. It stays
# below.
on_grid = peak(events, weight, neuron, grid=(101, 1.0))

t = np.linspace(0.0, 100.0, 4001)
v = voltage(events, weight, neuron, t)[0, 0]
samples = np.arange(0.0, 101.0)
at_samples = voltage(events, weight, neuron, samples)[0, 0]

# %%
# Ticks are input spikes, as tall as their weights. The circle is the peak. On the
# right, the kink from close by, with the output spike as a triangle on the threshold:
# the grid's best sample is 0.09 lower, and below threshold.
figure, axes = plt.subplots(
    2,
    2,
    figsize=(9.0, 4.4),
    layout="constrained",
    height_ratios=(1, 3),
    width_ratios=(2, 1.2),
)
(inputs, nothing), (trace, zoom) = axes
nothing.axis("off")
for time, w in zip(latencies[0], weight[0], strict=True):
    inputs.vlines(time, 0.0, w, color=TARGET if w > 0 else RIVAL, linewidth=2.5)
inputs.axhline(0.0, color=QUIET, linewidth=0.8)
inputs.set(xlim=(0, 100), ylabel="weight", xticklabels=(), title="Input spikes")

for panel in (trace, zoom):
    panel.plot(t, v, color=TARGET, linewidth=1.9)
    panel.axhline(neuron.v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    panel.plot(t_max[0, 0], v_max[0, 0], "o", color=RIVAL, markersize=7, zorder=3)
    panel.set(xlabel="time (ms)")
trace.set(xlim=(0, 100), ylabel="V", title="Membrane potential")
trace.annotate(
    "threshold",
    (99, neuron.v_threshold),
    ha="right",
    xytext=(0, -12),
    textcoords="offset points",
)
zoom.plot(
    t_spike[0, 0],
    neuron.v_threshold,
    color=INK,
    marker=CARETDOWN,
    markersize=8,
    zorder=3,
)
zoom.plot(samples, at_samples, "x", color=INK, label="grid of 1 ms")
zoom.set(xlim=(50.5, 56.5), ylim=(0.6, 1.15), title="The kink")
zoom.annotate(
    f"peak {v_max[0, 0]:.3f}\nat {t_max[0, 0]:.1f} ms",
    (t_max[0, 0], v_max[0, 0]),
    xytext=(9, -2),
    textcoords="offset points",
)
zoom.legend(loc="upper right", handlelength=1.0)
plt.show()

# %%
# The peak is at the time of the last input, to the last bit.
assert t_max[0, 0] == latencies[0, -1]
assert on_grid.v_max[0, 0] < neuron.v_threshold < v_max[0, 0]
