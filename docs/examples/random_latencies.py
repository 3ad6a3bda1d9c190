"""
Learning random patterns by heart
=================================

How much can one neuron tell apart by spike times alone? In the task that introduced
the tempotron, every afferent fires once per pattern, at a random time, and a random
half of the patterns is to make the neuron fire. There is no rule behind it, so the
neuron has to store every single one. Rates say nothing: all patterns have the same.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.data.tasks import random_latencies
from tempotron_backends.plotting.style import FAINT, INK, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, peak, peak_vjp, voltage
from tempotron_core.learning import Momentum, tempotron_loss

plt.rcParams.update(STYLE)

# %%
# 300 patterns of 150 afferents: a load of two patterns per weight.
rng = np.random.default_rng(0)
times, labels = random_latencies(300, 150, 500.0, rng)
events, neuron = Events.from_latencies(times, 500.0), Neuron(tau=15.0, tau_s=3.75)
start = rng.normal(0.0, 0.05, (1, 150))

# %%
# The tempotron rule, in batches: only patterns on the wrong side of the threshold
# change weights. The step shrinks with the number of errors that are left.
weight, errors = start, []
rule = Momentum(0.15, momentum=0.9)
for _ in range(400):
    fires = peak(events, weight, neuron).v_max[:, 0] > neuron.v_threshold
    errors.append(int((fires != labels).sum()))
    if errors[-1] == 0:
        break
    rule.learning_rate = 0.15 * min(1.0, max(0.02, errors[-1] / 30))
    order = rng.permutation(300)
    for first in range(0, 300, 50):
        pick = order[first : first + 50]
        found = peak(events[pick], weight, neuron)
        _, cotangent = tempotron_loss(
            found.v_max, labels[pick, None], neuron.v_threshold
        )
        gradient = peak_vjp(events[pick], weight, neuron, found, cotangent)
        weight = rule.step(weight, gradient.weight)

# %%
# The number of wrong patterns falls to zero. The neuron starts silent, with all its
# peaks far below threshold. They end up on either side of it: most of them just so,
# since the rule lets go of a pattern as soon as it is right.
figure, (curve, before, after) = plt.subplots(
    1, 3, figsize=(9.0, 2.9), layout="constrained"
)
curve.plot(errors, color=INK)
curve.set(
    xlabel="epoch",
    ylabel="wrong patterns",
    title=f"0 of 300 after {len(errors) - 1} epochs",
)
curve.set_ylim(0, None)
bins = np.linspace(0.0, 2.0, 41)
for panel, w, title in ((before, start, "Before"), (after, weight, "After")):
    v_max = peak(events, w, neuron).v_max[:, 0]
    for fire, colour, text in (
        (True, TARGET, "should fire"),
        (False, RIVAL, "should not"),
    ):
        panel.hist(
            np.clip(v_max[labels == fire], 0.0, 1.99),
            bins,
            color=colour,
            alpha=0.75,
            label=text,
        )
    panel.axvline(neuron.v_threshold, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    panel.set(xlabel="largest potential", ylabel="patterns", title=title)
before.legend(loc="upper right")  # where there is room
plt.show()

# %%
# Three of each class, after learning, each with its largest potential. Those of the
# second kind stay below the threshold for the whole half second.
t = np.linspace(0.0, 500.0, 2001)
figure, panels = plt.subplots(
    3, 2, figsize=(9.0, 4.8), layout="constrained", sharex=True, sharey=True
)
for column, fire, colour in ((0, True, TARGET), (1, False, RIVAL)):
    chosen = np.nonzero(labels == fire)[0][:3]
    traces = voltage(events[chosen], weight, neuron, t)[:, 0]
    v_max, t_max = peak(events[chosen], weight, neuron)
    for row, panel in enumerate(panels[:, column]):
        panel.axhline(neuron.v_threshold, color=INK, lw=0.9, linestyle=(0, (4, 3)))
        panel.axhline(0.0, color=FAINT, linewidth=0.8, zorder=0)
        panel.plot(t, traces[row], color=colour, linewidth=1.4)
        panel.plot(t_max[row], v_max[row], "o", color=colour, ms=6, clip_on=False)
    panels[0, column].set_title("should fire" if fire else "should not fire")
    panels[2, column].set(xlim=(0, 500), xlabel="time (ms)")
for panel in panels[:, 0]:
    panel.set_ylabel("V")
plt.show()

assert errors[-1] == 0
