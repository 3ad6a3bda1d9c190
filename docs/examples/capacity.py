"""
How much one neuron can hold
============================

The figure that introduced the tempotron (Gütig & Sompolinsky 2006): random patterns,
one spike per afferent, a random half of them to fire at. Up to some number of
patterns per afferent, about three, a neuron learns them all. This page draws the
transition for a neuron that is small enough to wait for; the same at full size is
``tempotron reproduce capacity-2006``.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.data.tasks import random_latencies
from tempotron_backends.plotting import capacity_curve, kernel_shapes
from tempotron_backends.plotting.style import INK, QUIET, RIVAL, STYLE, TARGET
from tempotron_core import Events, Neuron
from tempotron_core.learning import learn_online
from tempotron_core.metrics import half_crossing

plt.rcParams.update(STYLE)
neuron = Neuron(tau=15.0, tau_s=3.75, psp_peak=1.0)
N, DURATION, EPOCHS, TRIALS = 60, 500.0, 400, 16


# %%
# The rule as published, pattern by pattern, on errors alone. Sixteen neurons learn
# side by side, each with labels of its own, and each stops when it makes no more
# errors.
def learn(load, seed):
    rng = np.random.default_rng(seed)
    n_patterns = round(load * N)
    times, labels = random_latencies(n_patterns, N, DURATION, rng)
    return learn_online(
        Events.from_latencies(times, DURATION),
        rng.permuted(np.tile(labels[:, None], (1, TRIALS)), axis=0),
        rng.normal(0.0, 0.05, (TRIALS, N)),
        neuron,
        learning_rate=0.005,
        momentum=0.95,
        epochs=EPOCHS,
        rng=rng,
    ).errors


loads = [1.25, 1.5, 1.75, 2.0, 2.25, 2.5, 3.0]
errors = {load: learn(load, seed) for seed, load in enumerate(loads)}
solved = [int((each[-1] == 0).sum()) for each in errors.values()]
found = half_crossing(loads, solved, [TRIALS] * len(loads))

# %%
# Left, what a spike does to this neuron. In the middle, errors of the sixteen neurons
# at a load that all of them master, at one that some do, and at one that none does.
# Right, the part that came to know all patterns, with 95 % intervals, and the load at
# which half of them do.
figure, (shape, course, curve) = plt.subplots(
    1, 3, figsize=(9.4, 3.0), layout="constrained"
)
kernel_shapes(shape, [neuron])
for load, colour in ((1.25, TARGET), (2.25, QUIET), (3.0, RIVAL)):
    epochs = np.arange(1, len(errors[load]) + 1)
    course.plot(
        epochs, errors[load].mean(axis=1), color=colour, label=f"load {load:g}"
    )
course.set(xlabel="epoch", ylabel="errors, mean", title="Learning", xscale="log")
course.set_ylim(0.0, None)
course.legend(fontsize=8)
capacity_curve(curve, loads, solved, [TRIALS] * len(loads), colour=INK)
curve.axvspan(found.low, found.high, color=QUIET, alpha=0.25, linewidth=0)
curve.set_title(f"Half at {found.load:.2f} ({found.low:.2f} to {found.high:.2f})")
plt.show()

# %%
# With more afferents the transition becomes sharper and moves up, and so it does with
# more epochs: neurons that would have learned later are counted as failures here.
assert solved[0] == TRIALS
assert solved[-1] < TRIALS
