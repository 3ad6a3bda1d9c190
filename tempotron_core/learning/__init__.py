"""From readouts to weights: losses and their cotangents, what is done to gradients, optimisers."""

from . import schedules
from .chronotron import e_learning_rule
from .clipping import clip_norm
from .losses import cross_entropy_loss, mse_loss, tempotron_loss
from .online import OnlineLearning, learn_online
from .optimisers import Adam, Momentum
from .pooling import pool, pool_vjp
from .sign_constraint import constrain_signs
from .spike_counts import AggregateLabels, aggregate_labels, correlation_rule
from .spike_time_losses import spike_time_cross_entropy, spike_time_loss
from .spike_trains import resume_rule
from .threshold_driven import tdp1, tdp2

__all__ = [
    "Adam",
    "AggregateLabels",
    "Momentum",
    "OnlineLearning",
    "aggregate_labels",
    "clip_norm",
    "constrain_signs",
    "correlation_rule",
    "cross_entropy_loss",
    "e_learning_rule",
    "learn_online",
    "mse_loss",
    "pool",
    "pool_vjp",
    "resume_rule",
    "schedules",
    "spike_time_cross_entropy",
    "spike_time_loss",
    "tdp1",
    "tdp2",
    "tempotron_loss",
]
