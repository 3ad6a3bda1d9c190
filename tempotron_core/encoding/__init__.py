"""From numbers to spikes, and variations of spikes."""

from .augmentation import delete_spikes, jitter_spikes, shift_image
from .poisson import encode_poisson, poisson_trains
from .receptive_fields import GaussianReceptiveFields, encode_latency

__all__ = [
    "GaussianReceptiveFields",
    "delete_spikes",
    "encode_latency",
    "encode_poisson",
    "jitter_spikes",
    "poisson_trains",
    "shift_image",
]
