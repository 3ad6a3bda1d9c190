"""Exact tempotrons on any array library that follows the Array API standard.

A tempotron is a spiking neuron that learns to classify patterns of spike times (Gütig and
Sompolinsky, Nature Neuroscience 9, 420-428, 2006).  See :func:`peak` for the decision,
:func:`peak_vjp` for its exact gradient, and docs/mathematics.md for the derivations.
"""

from . import schedules as schedules
from .augmentation import delete_spikes, jitter_spikes, shift_image
from .checkpoint import load, read_arrays, read_metadata, save
from .clipping import clip_norm
from .crossing import first_crossing
from .crossing_gradient import first_crossing_vjp
from .delays import delay_gradient, delayed, peak_with_delays, peak_with_delays_vjp
from .encoding import GaussianReceptiveFields, encode_latency
from .events import Events
from .gradient import Gradient
from .initialisation import initial_network, scale_to_fire
from .losses import cross_entropy_loss, mse_loss, tempotron_loss
from .network import Activity, Network, NetworkGradient
from .neuron import Neuron
from .optimisers import Adam, Momentum
from .peak import Peak, peak
from .peak_gradient import peak_vjp
from .poisson import encode_poisson
from .pooling import pool, pool_vjp
from .recovery import revive
from .sign_constraint import constrain_signs
from .soft_peak import soft_peak_time, soft_peak_time_vjp
from .spike_time_losses import spike_time_cross_entropy, spike_time_loss
from .tempotron import Tempotron
from .voltage import voltage, voltage_vjp

__version__ = "0.1.0"

__all__ = [
    "Activity",
    "Adam",
    "Events",
    "GaussianReceptiveFields",
    "Gradient",
    "Momentum",
    "Network",
    "NetworkGradient",
    "Neuron",
    "Peak",
    "Tempotron",
    "clip_norm",
    "constrain_signs",
    "cross_entropy_loss",
    "delay_gradient",
    "delayed",
    "delete_spikes",
    "encode_latency",
    "encode_poisson",
    "first_crossing",
    "first_crossing_vjp",
    "initial_network",
    "jitter_spikes",
    "load",
    "mse_loss",
    "peak",
    "peak_vjp",
    "peak_with_delays",
    "peak_with_delays_vjp",
    "pool",
    "pool_vjp",
    "read_arrays",
    "read_metadata",
    "revive",
    "save",
    "scale_to_fire",
    "shift_image",
    "soft_peak_time",
    "soft_peak_time_vjp",
    "spike_time_cross_entropy",
    "spike_time_loss",
    "tempotron_loss",
    "voltage",
    "voltage_vjp",
]
