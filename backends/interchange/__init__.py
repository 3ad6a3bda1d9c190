"""Spikes and arrays from other libraries, and back to them.

Every function here imports the library it is for when it is called.  Spikes are read on the host
into `Events`, on whichever backend is asked for; `to_backend` moves what is made of arrays from
one backend to another, without a copy where both can use the same memory.
"""

from .lists import SpikeList, from_lists, from_spike_list, to_spike_list
from .moving import to_backend
from .neo import from_neo, to_neo
from .raster import from_rasters, to_rasters
from .records import from_records

__all__ = [
    "SpikeList",
    "from_lists",
    "from_neo",
    "from_rasters",
    "from_records",
    "from_spike_list",
    "to_backend",
    "to_neo",
    "to_rasters",
    "to_spike_list",
]
