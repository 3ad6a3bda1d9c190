"""
The same word, spoken fast and slowly
=====================================

A pattern that is played at half its speed is no longer the same to a neuron whose
time constants are fixed. A neuron whose synapses are conductances has none that is
fixed: the more input per time, the shorter its membrane's memory. Gütig & Sompolinsky
(2009) found that this makes it blind to speed, once its synapses outweigh its leak.
"""

import matplotlib.pyplot as plt
import numpy as np

from tempotron_backends.plotting import warped_traces
from tempotron_backends.plotting.style import STYLE
from tempotron_core import Events, Neuron, voltage
from tempotron_core import conductance as cond

plt.rcParams.update(STYLE)

# %%
# Five hundred afferents fire once each in half a second: half of them excite, half
# inhibit. The pattern comes at half, at its own and at twice its speed.
rng = np.random.default_rng(3)
N, LENGTH, FACTORS = 500, 500.0, (0.5, 1.0, 2.0)
latencies = rng.uniform(0.0, LENGTH, (1, N))
excitatory = np.arange(N) < N // 2
strength = rng.gamma(0.5, 2.0, (1, N))
t = np.linspace(0.0, LENGTH, 2001)


def warped(potential):
    """Of the pattern at each speed, on the pattern's own time."""
    return np.stack(
        [
            potential(
                Events.from_latencies(factor * latencies, factor * LENGTH), factor * t
            )
            for factor in FACTORS
        ]
    )


# %%
# Three neurons. In the first, spikes add currents, and the membrane forgets in 100 ms
# whatever comes. The second has conductances that are small beside its leak, and
# differs from the first in little. In the third they are fifty times as large.
current = Neuron(tau=100.0, tau_s=1.0)
signed = np.where(excitatory, 1.0, -0.6) * strength
conductance = cond.ConductanceNeuron()  # leak 1/(100 ms), tau_s 1 ms


def conductance_traces(size):
    gains = size * np.where(excitatory, 1.0, 2.5) * strength
    return warped(
        lambda events, at: cond.voltage(events, gains, excitatory, conductance, at)[
            0, 0
        ]
    )


traces = {
    "Currents": warped(
        lambda events, at: voltage(events, 0.05 * signed, current, at)[0, 0]
    ),
    "Weak conductances": conductance_traces(0.001),
    "Strong conductances": conductance_traces(0.05),
}


# %%
# The number is how much the course at half the speed differs from that at the
# pattern's own, in parts of its own size.
def difference(v):
    return np.std(v[2] - v[1]) / np.std(v[1])


figure, panels = plt.subplots(
    3, 1, figsize=(7.6, 6.6), layout="constrained", sharex=True
)
for panel, (title, v) in zip(panels, traces.items(), strict=True):
    warped_traces(panel, FACTORS, t, v, title=f"{title}: {difference(v):.2f}")
    panel.set_xlabel("")
for panel in panels[1:]:
    panel.get_legend().remove()
panels[-1].set_xlabel("time in the pattern, at its own speed (ms)")
plt.show()

assert (
    difference(traces["Strong conductances"]) < 0.2 < difference(traces["Currents"])
)
