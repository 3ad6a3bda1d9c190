"""Exact tempotrons on any array library that follows the Array API standard.

A tempotron is a spiking neuron that learns to classify patterns of spike times (Gütig and
Sompolinsky, Nature Neuroscience 9, 420-428, 2006).  See :func:`peak` for the decision,
:func:`peak_vjp` for its exact gradient, and docs/mathematics.md for the derivations.
"""

from .checkpoint import load, read_metadata, save
from .crossing import first_crossing
from .crossing_gradient import first_crossing_vjp
from .encoding import GaussianReceptiveFields, encode_latency
from .events import Events
from .gradient import Gradient
from .losses import mse_loss, tempotron_loss
from .neuron import Neuron
from .optimisers import Momentum
from .peak import Peak, peak
from .peak_gradient import peak_vjp
from .soft_peak import soft_peak_time, soft_peak_time_vjp
from .tempotron import Tempotron
from .voltage import voltage, voltage_vjp

__version__ = "0.1.0"

__all__ = [
    "Events",
    "GaussianReceptiveFields",
    "Gradient",
    "Momentum",
    "Neuron",
    "Peak",
    "Tempotron",
    "encode_latency",
    "first_crossing",
    "first_crossing_vjp",
    "load",
    "mse_loss",
    "peak",
    "peak_vjp",
    "read_metadata",
    "save",
    "soft_peak_time",
    "soft_peak_time_vjp",
    "tempotron_loss",
    "voltage",
    "voltage_vjp",
]
