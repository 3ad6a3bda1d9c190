"""Exact tempotrons on any array library that follows the Array API standard.

A tempotron is a spiking neuron that learns to classify patterns of spike times (Gütig and
Sompolinsky, Nature Neuroscience 9, 420-428, 2006).  See :func:`peak` for the decision,
:func:`peak_vjp` for its exact gradient, and docs/mathematics.md for the derivations.

Neurons, patterns, readouts, networks and files are handed on here; losses and optimisers are
reached as `tempotron_core.learning`, encoders as `tempotron_core.encoding`, the multi-spike neuron
as `tempotron_core.spiking`.
"""

from . import encoding as encoding
from . import learning as learning
from . import spiking as spiking
from .events import Events, UnitsWarning
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
    "SilenceWarning",
    "Tempotron",
    "UnitsWarning",
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
