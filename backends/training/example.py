"""One held-out pattern and what a trained network makes of it, for a figure."""

from __future__ import annotations

from typing import Any

import numpy as np

from tempotron_core import voltage
from tempotron_core.arrays.host import to_host
from tempotron_core.networks.counting import counting
from tempotron_core.spiking import voltage_with_resets

from .experiment import Experiment

__all__ = ["example"]


def example(experiment: Experiment, n_samples: int = 600) -> dict[str, Any]:
    """Return a held-out pattern and the potentials of the outputs.

    It is the first, or, where counts are learned, the first that asks for most spikes.

    Parameters
    ----------
    experiment : Experiment
    n_samples : int, optional
        Samples of the potential.

    Returns
    -------
    dict
        Arguments of `tempotron_backends.plotting.training_figure`.
    """
    chosen, recipe = experiment.held_out_index[:1], experiment.recipe
    if recipe.counts:
        most = int(np.argmax(experiment.data.labels[experiment.held_out_index][:, 0]))
        chosen = experiment.held_out_index[most : most + 1]
    network, events = experiment.state.result, experiment.part(chosen).events(np.arange(1))
    if recipe.counts:
        network, moved = counting(network)
        events = moved(events)
    activity = network.forward(events)
    events, weight = activity.inputs[-1], network.weights[-1]
    t = np.linspace(0.0, recipe.duration, n_samples)
    given = events, weight, network.neurons[-1]
    at = events.xp.asarray(t, dtype=weight.dtype, device=events.device)
    images = experiment.data.images(chosen)
    shared = {
        "spikes": events,
        "t": t,
        "image": None if images is None else images[0],
        "spikes_title": "Hidden spikes" if recipe.hidden else "Input spikes",
    }
    if recipe.counts:
        times = activity.spikes.times
        return shared | {
            "v": to_host(voltage_with_resets(*given, times, at))[0],
            "v_threshold": recipe.v_threshold,
            "t_spike": to_host(times)[0],
            "target": 0,
            "weight": to_host(weight)[0],
        }
    v_max = to_host(activity.peak.v_max)[0]
    # of every class the neuron that rises highest
    best = np.argmax(v_max.reshape(-1, recipe.neurons_per_class), axis=1)
    shown = best + np.arange(len(best)) * recipe.neurons_per_class
    target = int(experiment.data.labels[chosen[0]])
    largest_decides = recipe.loss == "cross_entropy"  # whether or not it would fire
    return shared | {
        "v": to_host(voltage(*given, at))[0][shown],
        "v_threshold": None if largest_decides else recipe.v_threshold,
        "t_max": to_host(activity.peak.t_max)[0][shown],
        "v_max": v_max[shown],
        "target": target,
        "weight": to_host(weight)[shown[target]],
        "names": experiment.data.describe().get("classes"),
    }
