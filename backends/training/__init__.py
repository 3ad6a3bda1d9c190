"""Training a network by a recipe, and what is kept and told of a run."""

from .callbacks import Callback, CsvLog, Epoch
from .experiment import Experiment, KeepState
from .loop import begin, train
from .trained_model import TrainedModel

__all__ = [
    "Callback",
    "CsvLog",
    "Epoch",
    "Experiment",
    "KeepState",
    "TrainedModel",
    "begin",
    "train",
]
