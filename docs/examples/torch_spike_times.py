"""
Spikes at set times, with torch
===============================

Where a neuron should not only fire, but fire *then*, the time of its spike is the
output and its distance from the target the loss. The crossing of the threshold is
exact, and so is its gradient: autograd and any optimiser of ``torch.optim`` do the
rest.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from matplotlib.markers import CARETDOWN

from tempotron_backends.plotting.style import INK, QUIET, RIVAL, STYLE, TARGET
from tempotron_backends.torch import ExactTempotron
from tempotron_core import Events, voltage

plt.rcParams.update(STYLE)
torch.manual_seed(0)

# %%
# One pattern of 80 afferents, and three neurons that should spike at 30, 60 and 90
# ms.
latencies = 120.0 * torch.rand(1, 80, dtype=torch.float64)
target = torch.tensor([[30.0, 60.0, 90.0]], dtype=torch.float64)
layer = ExactTempotron(
    80,
    3,
    duration=120.0,
    tau=10.0,
    tau_s=2.5,
    ret_type="t_spike",
    dtype=torch.float64,
)
torch.nn.init.normal_(layer.fc.weight, mean=0.16, std=0.1)

# %%
# A silent neuron has no spike that could be moved. All three fire to begin with, and
# would be left out of the loss if they did not.
optimiser = torch.optim.Adam(layer.parameters(), lr=0.005)
first, history = layer.fc.weight.detach().clone(), []
for _ in range(150):
    optimiser.zero_grad()
    t_spike = layer(latencies)
    fires = torch.isfinite(t_spike)
    loss = ((t_spike - target)[fires] ** 2).mean()
    loss.backward()
    optimiser.step()
    history.append(t_spike.detach()[0])
history.append(layer(latencies).detach()[0])
history = torch.stack(history).numpy()

# %%
# The spikes move to their targets. The steep parts of the curves are jumps from one
# rise of the potential to the next, when the first one has sunk below the threshold:
# times are differentiable between such events, not across them.
t = torch.linspace(0.0, 120.0, 1201, dtype=torch.float64)
events = Events.from_latencies(latencies, 120.0)
last = layer.fc.weight.detach()
before, after = (
    voltage(events, w, layer.neuron, t)[0].numpy() for w in (first, last)
)

figure = plt.figure(figsize=(9.0, 3.9), layout="constrained")
grid = figure.add_gridspec(3, 2, width_ratios=(1.0, 1.5))
times = figure.add_subplot(grid[:, 0])
for goal in target[0]:
    times.axhline(goal, color=RIVAL, linewidth=0.9, linestyle=(0, (4, 3)))
times.plot(history, color=TARGET, linewidth=1.9)
times.set(xlabel="step", ylabel="spike time (ms)", title="Learning", ylim=(0, 120))
for o in range(3):
    panel = figure.add_subplot(grid[o, 1])
    panel.axvline(target[0, o], color=RIVAL, linewidth=0.9, linestyle=(0, (4, 3)))
    panel.axhline(1.0, color=INK, linewidth=0.9, linestyle=(0, (4, 3)))
    for v, spike, colour in (
        (before, history[0], QUIET),
        (after, history[-1], TARGET),
    ):
        panel.plot(t, v[o], color=colour, linewidth=1.4)
        panel.plot(spike[o], 1.0, marker=CARETDOWN, color=colour, markersize=8)
    panel.set(xlim=(0, 120), ylabel="V")
    if o == 0:
        panel.set_title("Potentials before (grey) and after (blue)")
    if o < 2:
        panel.set_xticklabels(())
panel.set_xlabel("time (ms)")
plt.show()

assert np.abs(history[-1] - target.numpy()[0]).max() < 0.5
