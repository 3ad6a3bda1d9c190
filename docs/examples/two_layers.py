"""
Two layers, joined by spike times
=================================

Whether exactly one of two numbers is large is hard to decide for one layer of
tempotrons, and easy with a hidden layer. Its neurons pass on nothing but the time of
their first spike, and the gradient goes back through these times exactly: no
surrogate for a derivative, and no time grid.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.plotting.style import INK, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, initial_network
from tempotron_core.encoding import GaussianReceptiveFields
from tempotron_core.learning import Adam, clip_norm, cross_entropy_loss, schedules

plt.rcParams.update(STYLE)

# %%
# Each number becomes a few spikes, of twelve fields that spike the earlier the closer
# it is to their centre.
rng = np.random.default_rng(0)
numbers = rng.uniform(0.0, 1.0, (1000, 2))
labels = ((numbers[:, 0] > 0.5) ^ (numbers[:, 1] > 0.5)).astype(np.int64)
fields = GaussianReceptiveFields.fit(12, np.asarray([[0.0, 0.0], [1.0, 1.0]]))
events = Events.from_latencies(fields.encode(numbers, 25.0), 60.0)


def train(hidden):
    """Train a network with these hidden layers by cross-entropy of the peaks."""
    neuron = Neuron(tau=10.0, tau_s=2.5)
    network = initial_network(events, hidden, 2, neuron, rng, min_slope=0.05)
    rules = [Adam(0.05) for _ in network.weights]
    schedule = schedules.cosine()
    for epoch in range(40):
        order = rng.permutation(len(labels))
        for start in range(0, len(labels), 50):
            pick = order[start : start + 50]
            activity = network.forward(events[pick])
            _, cotangent = cross_entropy_loss(
                activity.peak.v_max, labels[pick], temperature=0.2
            )
            gradients = clip_norm(network.vjp(activity, cotangent).weights, 1.0)
            for rule in rules:
                rule.learning_rate = 0.05 * schedule(epoch / 40)
            stepped = zip(rules, network.weights, gradients, strict=True)
            network = network.with_weights(
                [rule.step(w, g) for rule, w, g in stepped]
            )
    return network


# %%
# What each makes of the unit square: the lead of the second class's potential over
# the first's, red where it is positive and pale where the two are close. New points
# are drawn on top, in the colour of their class.
ticks = np.linspace(0.0, 1.0, 81)
square = np.stack(np.meshgrid(ticks, ticks), axis=-1).reshape(-1, 2)
everywhere = Events.from_latencies(fields.encode(square, 25.0), 60.0)
new = rng.uniform(0.0, 1.0, (300, 2))
new_labels = ((new[:, 0] > 0.5) ^ (new[:, 1] > 0.5)).astype(np.int64)
new_events = Events.from_latencies(fields.encode(new, 25.0), 60.0)

accuracy = {}
figure, panels = plt.subplots(1, 2, figsize=(8.0, 4.4), layout="constrained")
for panel, hidden, title in zip(
    panels, ([], [40]), ("One layer", "40 hidden neurons"), strict=True
):
    network = train(hidden)
    v_max = network.forward(everywhere).peak.v_max
    lead = (v_max[:, 1] - v_max[:, 0]).reshape(81, 81)
    panel.contourf(
        ticks, ticks, np.clip(lead, -1, 1), np.linspace(-1, 1, 21), cmap="RdBu_r"
    )
    panel.contour(ticks, ticks, lead, [0.0], colors=INK, linewidths=1.0)
    for c, colour in ((0, TARGET), (1, RIVAL)):
        panel.plot(
            *new[new_labels == c].T,
            "o",
            color=colour,
            ms=3.5,
            markeredgecolor="white",
            mew=0.5,
        )
    right = network.forward(new_events).peak.v_max.argmax(axis=1) == new_labels
    accuracy[title] = right.mean()
    panel.set(xlabel="first number", ylabel="second number", aspect="equal")
    panel.set_title(f"{title}: {right.mean():.0%} right")
plt.show()

assert accuracy["40 hidden neurons"] > 0.93 > accuracy["One layer"]

# %%
# The spikes of the hidden layer for four points, one of each quarter of the square:
# when a neuron fires is all that the second layer gets to see.
four = np.asarray([[0.2, 0.2], [0.8, 0.8], [0.2, 0.8], [0.8, 0.2]])
activity = network.forward(Events.from_latencies(fields.encode(four, 25.0), 60.0))
t_spike = activity.hidden[0]
order = np.argsort(np.where(np.isfinite(t_spike), t_spike, 99.0)[0], stable=True)
figure, panels = plt.subplots(
    1, 4, figsize=(9.0, 3.0), layout="constrained", sharey=True
)
for panel, point, spikes, v_max in zip(
    panels, four, t_spike, activity.peak.v_max, strict=True
):
    c = int(v_max.argmax())
    panel.plot(
        spikes[order], np.arange(40), "|", color=(TARGET, RIVAL)[c], ms=7, mew=2.0
    )
    panel.set(xlim=(0, 40), xticks=(0, 15, 30), xlabel="time (ms)")
    panel.set_title(f"({point[0]}, {point[1]}): class {c}")
panels[0].set(ylabel="hidden neuron")
plt.show()
