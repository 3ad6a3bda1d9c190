"""Recordings and trials: spikes in continuous time, and the patterns that are cut out of them."""

from .labelled import LabelledEvents
from .recording import Recording
from .trials import Trials
from .warning import RecordingWarning

__all__ = ["LabelledEvents", "Recording", "RecordingWarning", "Trials"]
