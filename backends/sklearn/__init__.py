"""A classifier in scikit-learn's form: tables of features in, classes and probabilities out."""

from .classifier import TempotronClassifier

__all__ = ["TempotronClassifier"]
