"""From numbers to spikes, and variations of spikes."""

from .augmentation import delete_spikes, jitter_spikes, shift_image
from .clock import clock_times, with_clock
from .features import feature_range
from .latency import encode_latency
from .poisson import encode_poisson, poisson_trains
from .receptive_fields import GaussianReceptiveFields
from .warping import warp_time

__all__ = [
    "GaussianReceptiveFields",
    "clock_times",
    "delete_spikes",
    "encode_latency",
    "encode_poisson",
    "feature_range",
    "jitter_spikes",
    "poisson_trains",
    "shift_image",
    "warp_time",
    "with_clock",
]
