"""The conductance-based neuron: voltage, largest potential, and its gradient by the gains."""

from .neuron import ConductanceNeuron
from .peak import peak
from .peak_gradient import peak_vjp
from .voltage import voltage

__all__ = ["ConductanceNeuron", "peak", "peak_vjp", "voltage"]
