"""Patterns that do not fit in memory, cut into shards, on Dask.

Loss and weight gradient, potentials, and the spikes and critical thresholds of multi-spike neurons.
"""

from __future__ import annotations

try:
    import dask.array as _  # noqa: F401  the modules below need it
except ImportError as error:
    raise ImportError(
        "sharded gradients need Dask, which is not installed: pip install 'tempotron-core[dask]'"
    ) from error

from .gradient import from_latencies, loss_and_gradient, v_max
from .spiking import critical_threshold, output_spikes

__all__ = ["critical_threshold", "from_latencies", "loss_and_gradient", "output_spikes", "v_max"]
