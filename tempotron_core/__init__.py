"""Exact tempotrons on any array library that follows the Array API standard.

A tempotron is a spiking neuron that learns to classify patterns of spike times (Gütig and
Sompolinsky, Nature Neuroscience 9, 420-428, 2006).  See :func:`peak` for the decision,
:func:`peak_vjp` for its exact gradient, and docs/mathematics.md for the derivations.

Neurons, patterns, readouts, networks and files are handed on here; losses and optimisers are
reached as `tempotron_core.learning`, encoders as `tempotron_core.encoding`, the multi-spike neuron
as `tempotron_core.spiking`, the conductance-based one as `tempotron_core.conductance`, and what
people report as `tempotron_core.metrics`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from . import conductance as conductance
    from . import encoding as encoding
    from . import learning as learning
    from . import metrics as metrics
    from . import spiking as spiking
    from .events import Events, RaggedEvents, UnitsWarning
    from .files.checkpoint import load, read_arrays, read_metadata, save
    from .networks.activity import Activity, NetworkGradient
    from .networks.delays import delay_gradient, delayed, peak_with_delays, peak_with_delays_vjp
    from .networks.fit import Fitted, fit
    from .networks.fit_counts import FittedCounts, fit_counts
    from .networks.initialisation import fire_like, initial_network, scale_to_fire
    from .networks.network import Network
    from .networks.random_start import firing_deviation, random_weight
    from .networks.silence import SilenceWarning
    from .networks.spiking_delays import (
        critical_threshold_with_delays,
        critical_threshold_with_delays_vjp,
        output_spikes_with_delays,
        output_spikes_with_delays_vjp,
    )
    from .networks.tempotron import Tempotron
    from .neuron import Neuron, ParametricNeuron
    from .readouts.crossing import first_crossing
    from .readouts.crossing_gradient import first_crossing_vjp
    from .readouts.gradient import Gradient, GradientWithConstants
    from .readouts.peak import Peak, peak
    from .readouts.peak_gradient import peak_vjp
    from .readouts.recovery import revive
    from .readouts.soft_peak import soft_peak_time
    from .readouts.soft_peak_gradient import soft_peak_time_vjp
    from .readouts.voltage import voltage
    from .readouts.voltage_gradient import voltage_vjp

__version__ = "0.1.0"

__all__ = [
    "Activity",
    "Events",
    "Fitted",
    "FittedCounts",
    "Gradient",
    "GradientWithConstants",
    "Network",
    "NetworkGradient",
    "Neuron",
    "ParametricNeuron",
    "Peak",
    "RaggedEvents",
    "SilenceWarning",
    "Tempotron",
    "UnitsWarning",
    "conductance",
    "critical_threshold_with_delays",
    "critical_threshold_with_delays_vjp",
    "delay_gradient",
    "delayed",
    "encoding",
    "fire_like",
    "firing_deviation",
    "first_crossing",
    "first_crossing_vjp",
    "fit",
    "fit_counts",
    "initial_network",
    "learning",
    "load",
    "metrics",
    "output_spikes_with_delays",
    "output_spikes_with_delays_vjp",
    "peak",
    "peak_vjp",
    "peak_with_delays",
    "peak_with_delays_vjp",
    "random_weight",
    "read_arrays",
    "read_metadata",
    "revive",
    "save",
    "scale_to_fire",
    "soft_peak_time",
    "soft_peak_time_vjp",
    "spiking",
    "voltage",
    "voltage_vjp",
]

# Each is imported when it is first asked for, so that a program which needs none of it, or a part,
# does not wait for NumPy, or the rest.  The imports above say the same to type checkers.
_NAMES = {
    "events": ("Events", "RaggedEvents", "UnitsWarning"),
    "files.checkpoint": ("load", "read_arrays", "read_metadata", "save"),
    "networks.activity": ("Activity", "NetworkGradient"),
    "networks.delays": ("delay_gradient", "delayed", "peak_with_delays", "peak_with_delays_vjp"),
    "networks.fit": ("Fitted", "fit"),
    "networks.fit_counts": ("FittedCounts", "fit_counts"),
    "networks.initialisation": ("fire_like", "initial_network", "scale_to_fire"),
    "networks.network": ("Network",),
    "networks.random_start": ("firing_deviation", "random_weight"),
    "networks.silence": ("SilenceWarning",),
    "networks.spiking_delays": (
        "critical_threshold_with_delays",
        "critical_threshold_with_delays_vjp",
        "output_spikes_with_delays",
        "output_spikes_with_delays_vjp",
    ),
    "networks.tempotron": ("Tempotron",),
    "neuron": ("Neuron", "ParametricNeuron"),
    "readouts.crossing": ("first_crossing",),
    "readouts.crossing_gradient": ("first_crossing_vjp",),
    "readouts.gradient": ("Gradient", "GradientWithConstants"),
    "readouts.peak": ("Peak", "peak"),
    "readouts.peak_gradient": ("peak_vjp",),
    "readouts.recovery": ("revive",),
    "readouts.soft_peak": ("soft_peak_time",),
    "readouts.soft_peak_gradient": ("soft_peak_time_vjp",),
    "readouts.voltage": ("voltage",),
    "readouts.voltage_gradient": ("voltage_vjp",),
}
_ROOMS = (
    "arrays conductance encoding events files kernel learning membrane metrics networks neuron "
    "readouts spiking traced"
).split()
_MODULE_OF = {name: module for module, names in _NAMES.items() for name in names}


def __getattr__(name: str) -> Any:
    """Import what is handed on, or a room, when it is first asked for."""
    if name in _MODULE_OF:
        found = getattr(import_module(f".{_MODULE_OF[name]}", __name__), name)
        globals()[name] = found
        return found
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
