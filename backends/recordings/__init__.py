"""Recordings and trials: spikes in continuous time, and the patterns that are cut out of them.

Readers import the library of their format when they are called.
"""

from .event_set import EventSet
from .labelled import LabelledEvents
from .readers import (
    AddressEvents,
    from_dataframe,
    from_matlab,
    from_neo,
    from_pynapple,
    from_spikeinterface,
    read_aedat,
    read_dvs_gesture,
    read_heidelberg,
    read_matlab,
    read_nmnist,
    read_nwb,
    read_phy,
    read_pynapple,
)
from .recording import Recording
from .session import Session
from .simulated import latency_session
from .trials import Trials
from .warning import RecordingWarning

__all__ = [
    "AddressEvents",
    "EventSet",
    "LabelledEvents",
    "Recording",
    "RecordingWarning",
    "Session",
    "Trials",
    "from_dataframe",
    "from_matlab",
    "from_neo",
    "from_pynapple",
    "from_spikeinterface",
    "latency_session",
    "read_aedat",
    "read_dvs_gesture",
    "read_heidelberg",
    "read_matlab",
    "read_nmnist",
    "read_nwb",
    "read_phy",
    "read_pynapple",
]
