"""Estimators in scikit-learn's form: a classifier of tables, a regressor of spike counts."""

from .classifier import TempotronClassifier
from .counter import TempotronCounter

__all__ = ["TempotronClassifier", "TempotronCounter"]
