"""Readers of the formats that recordings come in, each by the library of the format."""

from .aedat import AddressEvents, read_aedat
from .dataframe import from_dataframe
from .dvs_gesture import read_dvs_gesture
from .heidelberg import read_heidelberg
from .matlab import from_matlab, read_matlab
from .neo import from_neo
from .nmnist import read_nmnist
from .nwb import read_nwb
from .phy import read_phy
from .pynapple import from_pynapple, read_pynapple
from .spikeinterface import from_spikeinterface

__all__ = [
    "AddressEvents",
    "from_dataframe",
    "from_matlab",
    "from_neo",
    "from_pynapple",
    "from_spikeinterface",
    "read_aedat",
    "read_dvs_gesture",
    "read_heidelberg",
    "read_matlab",
    "read_nmnist",
    "read_nwb",
    "read_phy",
    "read_pynapple",
]
