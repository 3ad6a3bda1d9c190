"""
What an update does to a potential
==================================

A missed pattern raises each weight by what its afferent contributes to the potential
*at the peak*. So the afferents that spike shortly before it get most of the change,
those that spike after it get none, and the rest of the trace is moved much less. The
gradient is exact, which the second picture checks.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.plotting.style import FAINT, INK, QUIET, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, peak, peak_vjp, voltage

plt.rcParams.update(STYLE)

# %%
# A pattern of 60 afferents for which the neuron should have fired, and a step that is
# just large enough to make it fire: a change of :math:`\lambda g` raises the peak by
# :math:`\lambda |g|^2`.
rng = np.random.default_rng(37)
latencies = rng.uniform(0.0, 200.0, (1, 60))
weight = rng.normal(0.03, 0.2, (1, 60))
events, neuron = Events.from_latencies(latencies, 200.0), Neuron(tau=15.0, tau_s=3.75)

found = peak(events, weight, neuron)
gradient = peak_vjp(events, weight, neuron, found, np.ones((1, 1))).weight
step = 1.05 * (neuron.v_threshold - found.v_max[0, 0]) / (gradient**2).sum()
learned = weight + step * gradient

t = np.linspace(0.0, 200.0, 4001)
figure, (trace, change) = plt.subplots(
    2, 1, figsize=(9.0, 4.2), layout="constrained", sharex=True, height_ratios=(2, 1)
)
for w, colour, text in ((weight, QUIET, "before"), (learned, TARGET, "after")):
    top = peak(events, w, neuron)
    trace.plot(
        t,
        voltage(events, w, neuron, t)[0, 0],
        color=colour,
        linewidth=1.9,
        label=text,
    )
    trace.plot(top.t_max[0, 0], top.v_max[0, 0], "o", color=colour, markersize=7)
trace.axhline(neuron.v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
trace.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
trace.axvline(found.t_max[0, 0], color=FAINT, zorder=0)
trace.set(
    xlim=(0, 200), ylabel="V", title="A missed pattern, before and after one step"
)
trace.legend(loc="lower left", ncols=2)
change.vlines(latencies[0], 0.0, (learned - weight)[0], color=RIVAL, linewidth=2.0)
change.axvline(found.t_max[0, 0], color=FAINT, zorder=0)
change.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
change.set(
    xlabel="time of the afferent's spike (ms)",
    ylabel="change",
    title="Change of weights",
)
plt.show()

# %%
# Against central differences, :math:`(V^\ast(p + h) - V^\ast(p - h)) / 2h`, for all
# weights and all spike times at once. Their own error falls as :math:`h^2` until
# rounding takes over; the analytic gradient is at the bottom of the valley, without a
# step to choose and for the price of one.
exact = peak_vjp(events, weight, neuron, found, np.ones((1, 1)), times=True)


def v_max(latencies, weight):
    return peak(Events.from_latencies(latencies, 200.0), weight, neuron).v_max[:, 0]


steps = np.logspace(-10, -1, 37)
off = np.eye(60)
by_weight, by_time = [], []
for h in steps:
    rows = np.broadcast_to(latencies, (60, 60))
    up, down = (
        peak(events, weight + side * h * off, neuron).v_max[0] for side in (1, -1)
    )
    by_weight.append(np.abs((up - down) / (2 * h) - exact.weight[0]).max())
    up, down = (v_max(rows + side * h * off, weight) for side in (1, -1))
    by_time.append(np.abs((up - down) / (2 * h) - exact.times[0]).max())

figure, axes = plt.subplots(figsize=(6.0, 3.0), layout="constrained")
axes.loglog(steps, by_weight, color=TARGET, linewidth=1.9, label="weights")
axes.loglog(steps, by_time, color=RIVAL, linewidth=1.9, label="spike times (per ms)")
axes.set(xlabel="step $h$ of the difference", ylabel="largest distance")
axes.set_title("Analytic gradient and differences")
axes.legend()
plt.show()

assert min(by_weight) < 1e-9
assert min(by_time) < 1e-9
