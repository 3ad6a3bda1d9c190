"""What a NIR graph leaves open, and how its metadata say it: spikes, output, steps and units."""

from __future__ import annotations

from typing import Any

from tempotron_core.arrays.choices import check_choice

__all__ = ["FORMAT", "OUTPUTS", "SPIKES", "TIMES", "check_convention"]

FORMAT = "tempotron_core"
"""Value of ``format`` in the metadata of a graph that says what it means."""

SPIKES = {
    "delta": "one input spike of weight w adds w * w_in / tau_syn to I",
    "step": "one input spike of weight w adds w * w_in * dt / tau_syn to I",
}
"""Conventions for input spikes: an impulse of unit area, or a height of 1 for one time step."""

OUTPUTS = {
    "first": "a neuron fires if v exceeds v_threshold; only its first spike counts",
    "spikes": "a neuron spikes each time v exceeds v_threshold and is reset to 0; all spikes count",
}
"""What the spikes of the neurons mean: one at most, or every one of a multi-spike neuron."""

TIMES = (
    "all times of this graph, dt included, are those of the model multiplied by time_unit: with a "
    "model in milliseconds and a time_unit of 0.001 they are in seconds"
)
"""What ``time_unit`` in the metadata means, in words."""


def check_convention(spikes: Any, dt: float | None) -> None:
    """Raise ValueError unless the convention is known and has the time step it needs."""
    check_choice("spikes", spikes, SPIKES)
    if spikes == "step" and dt is None:
        raise ValueError("dt must be given with spikes='step', got None")
