"""
Telling patterns apart by synchrony
===================================

Two classes of pattern in which every afferent fires once, at any time. They differ in
who fires together: each class pairs the afferents in its own way. No afferent by
itself, and no count of spikes, says anything. A tempotron learns it all the same, and
its weights show how.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.data.tasks import synchrony
from tempotron_backends.plotting.style import FAINT, INK, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron, peak, peak_vjp
from tempotron_core.learning import Momentum, tempotron_loss

plt.rcParams.update(STYLE)

# %%
# 20 afferents; 400 patterns to learn from and 400 new ones. "Together" is within a
# few milliseconds.
times, labels = synchrony(800, 20, 300.0, np.random.default_rng(0), jitter=2.0)
events, neuron = Events.from_trains(times, 300.0), Neuron(tau=15.0, tau_s=3.75)
weight = np.random.default_rng(1).normal(0.0, 0.05, (1, 20))
rule = Momentum(0.1, momentum=0.9)
accuracy = []
for _ in range(50):
    fires = peak(events[400:], weight, neuron).v_max[:, 0] > neuron.v_threshold
    accuracy.append((fires == labels[400:]).mean())
    for start in range(0, 400, 50):
        batch = events[start : start + 50]
        found = peak(batch, weight, neuron)
        fire = labels[start : start + 50, None]
        _, cotangent = tempotron_loss(
            found.v_max, fire, neuron.v_threshold, margin=0.1
        )
        weight = rule.step(
            weight, peak_vjp(batch, weight, neuron, found, cotangent).weight
        )

# %%
# Who fires with whom can be read from the patterns of a class: partners are never far
# apart.


def partners(label):
    """For each afferent, the other one that fires with it in this class."""
    latencies = times[labels == label, :, 0]
    apart = np.abs(latencies[:, :, None] - latencies[:, None, :]).mean(axis=0)
    return (apart + 1e3 * np.eye(20)).argmin(axis=1)


# %%
# Weights of partners, for the pairs of both classes. In the class that should not
# fire they cancel (diamonds on the falling line), so that a pair leaves the potential
# nearly where it was. In the other class the same afferents have other partners, and
# the two that excite most are a pair.
figure, (curve, pairs) = plt.subplots(
    1, 2, figsize=(8.0, 4.4), layout="constrained", width_ratios=(1, 1.2)
)
curve.plot(accuracy, color=INK, linewidth=1.9)
curve.axhline(0.5, color=FAINT)
curve.annotate(
    "chance", (49, 0.5), ha="right", xytext=(0, 3), textcoords="offset points"
)
curve.set(xlabel="epoch", ylabel="right, of 400 new patterns", ylim=(0.4, 1.02))
curve.set_title("Accuracy")
reach = 1.15 * np.abs(weight).max()
pairs.plot([-reach, reach], [reach, -reach], color=FAINT, zorder=0)
pairs.axhline(0.0, color=FAINT, linewidth=0.6, zorder=0)
pairs.axvline(0.0, color=FAINT, linewidth=0.6, zorder=0)
for label, colour, marker, text in (
    (True, TARGET, "o", "fire together: should fire"),
    (False, RIVAL, "D", "fire together: should not"),
):
    pairs.plot(
        weight[0], weight[0, partners(label)], marker, color=colour, ms=5, label=text
    )
pairs.set(xlim=(-reach, reach), ylim=(-reach, reach), aspect="equal")
pairs.set(
    xlabel="weight of an afferent", ylabel="weight of its partner", title="Pairs"
)
figure.legend(*pairs.get_legend_handles_labels(), loc="outside lower right", ncols=2)
plt.show()

assert accuracy[-1] > 0.95
