"""Patterns to learn from: data sets, event files, drawn tasks, and what loads batches of them."""

from .built_in import load_breast_cancer, load_digits
from .dataset import Dataset
from .event_encoding import encode_dataset
from .event_files import EventFile, EventWriter
from .feature_tables import read_features
from .idx import load_idx_folder
from .patterns import EventPatterns, FeaturePatterns, open_patterns
from .splits import hold_out

__all__ = [
    "Dataset",
    "EventFile",
    "EventPatterns",
    "EventWriter",
    "FeaturePatterns",
    "encode_dataset",
    "hold_out",
    "load_breast_cancer",
    "load_digits",
    "load_idx_folder",
    "open_patterns",
    "read_features",
]
