"""The multi-spike neuron: its output spikes, its critical thresholds, and the gradients of both."""

from .critical_threshold import CriticalThreshold, critical_threshold
from .critical_threshold_gradient import critical_threshold_vjp
from .eligibility import eligibility
from .layout import OutputSpikes, OutputTrains
from .output_spikes import output_spikes
from .output_spikes_gradient import output_spikes_vjp
from .recovery import revive_threshold
from .stream import Stream, StreamSpikes
from .voltage import voltage_with_resets

__all__ = [
    "CriticalThreshold",
    "OutputSpikes",
    "OutputTrains",
    "Stream",
    "StreamSpikes",
    "critical_threshold",
    "critical_threshold_vjp",
    "eligibility",
    "output_spikes",
    "output_spikes_vjp",
    "revive_threshold",
    "voltage_with_resets",
]
