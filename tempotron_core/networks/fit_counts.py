"""`fit_counts`: from patterns and how many spikes each asks for to trained neurons in one call."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..arrays.choices import check_choice
from ..arrays.host import to_host
from ..arrays.integers import as_counts
from ..arrays.namespace import array_namespace
from ..arrays.numbers import generator_of, positive_float, whole_number
from ..events import Events
from ..events.changing import map_arrays
from ..learning.optimisers import Adam
from ..learning.schedules import cosine
from ..neuron import Neuron
from ..readouts.arguments import is_static
from .count_start import SEEN_AT_START, begin_counting
from .count_step import COUNT_RULES, KEEP_ACTIVE, check_counting, count_step
from .layers import checked_neurons, hidden_sizes
from .network import Network
from .prediction import spike_counts
from .training import InMemory, chosen_patterns, run_epoch

__all__ = ["FittedCounts", "fit_counts", "wanted_counts"]

Array = Any
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class FittedCounts:
    """Neurons that spike as often as a pattern asks for.

    Attributes
    ----------
    network : Network
        One layer, or several of multi-spike neurons, read by counts.
    history : dict of str to list of float
        ``loss`` of each epoch, the spikes too many or too few per pattern during it, and
        ``accuracy``, the part of the patterns and neurons counted exactly.
    """

    network: Network
    history: dict[str, list[float]]

    def predict(self, events: Events) -> Integers:
        """Return the output spikes of every neuron in every pattern.

        Parameters
        ----------
        events : Events
            In the library and on the device of the weights.

        Returns
        -------
        integer array of NumPy, shape (B, O)
        """
        return spike_counts(self.network, lambda index: chosen_patterns(events, index), len(events))

    def score(self, events: Events, counts: Any) -> float:
        """Return the part of patterns and neurons that are counted exactly.

        Parameters
        ----------
        events : Events
        counts : integer array or sequence, shape (B,) or (B, O)

        Returns
        -------
        float
            From 0 to 1.
        """
        wanted = wanted_counts("counts", counts, len(events))
        found = self.predict(events)
        if wanted.shape != found.shape:
            raise ValueError(f"counts must be of {found.shape[1]} neurons, got {wanted.shape[1]}")
        return float(np.mean(found == wanted))


def fit_counts(
    events: Events,
    counts: Any,
    neuron: Neuron | Sequence[Neuron] | None = None,
    *,
    hidden: Sequence[int] = (),
    rule: str = "exact",
    epochs: int = 40,
    batch_size: int = 32,
    learning_rate: float = 4.0,
    spread: float | None = None,
    fraction: float = 0.9,
    keep_active: float = KEEP_ACTIVE,
    recovery: str = "none",
    clock: Any = None,
    rng: np.random.Generator | int = 0,
    **options: Any,
) -> FittedCounts:
    """Teach neurons to answer each pattern with a number of spikes [1]_.

    Nothing says when they should spike: from the counts alone they find which parts of the patterns
    these are about.

    Parameters
    ----------
    events : Events
        The training patterns, of any array library.  Those of one whose shapes cannot depend on
        values, as JAX, are learned on the processor, on NumPy; the weights are then moved back.
    counts : integer array or sequence, shape (B,) or (B, O)
        How many spikes each of O neurons should answer with; (B,) for a single neuron.  Whole
        numbers may be floats, as a table has them.
    neuron : Neuron or sequence of Neuron, optional
        Constants of all layers, or of each; by default ``tau`` 20, ``tau_s`` 5, and a peak of 1.
    hidden : sequence of int, optional
        Neurons of each hidden layer, which pass all of their spikes on.
    rule : {'exact', 'truncated', 'correlation'}
        Follow the gradient of the critical threshold, through hidden layers as well, as a whole or
        without what earlier spikes do to it, or change the afferents that had most to do with the
        potential.
    epochs : int, default 40
        Passes through the patterns at most: learning ends with one that has no error.
    batch_size : int, default 32
    learning_rate : float, default 4
        Largest change of a weight in one step of Adam, in thresholds, times the mean number of
        spikes of a pattern; it falls along a cosine.
    spread : float, optional
        Standard deviation of the outputs' first weights, in the same unit, by default 15, or 3
        behind hidden layers.  Their mean is such that they spike as often as they should, if not
        where.
    fraction : float, default 0.9
        Part of the patterns for which a hidden neuron spikes at first.
    keep_active : float, default 0.1
        How much hidden neurons are taught to spike at all, and not too often, beside the counts:
        one that is silent in a whole batch has its first critical threshold raised, and one that
        spikes more than once per ``tau`` has the last one lowered.
    recovery : {'none', 'eligibility', 'end'}
        Where to read neurons that never rise above rest, from which the exact rule has no gradient,
        see `tempotron_core.spiking.revive_threshold`.
    clock : 'tau', float, sequence of float, or None
        As for `fit`.
    rng : numpy.random.Generator or int, default 0
        Source of the weights and of the order of patterns.
    **options
        ``pass_on``, ``reference_times``, ``min_slope`` and ``max_spikes`` of `Network`;
        ``min_slope`` is 0.1 thresholds per unit of time unless given.

    Returns
    -------
    FittedCounts

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If there is not one count per pattern, one is negative or not whole, the neuron shunts its
        input, a number is out of range, or the weights do not stay finite.

    References
    ----------
    .. [1] R. Gütig, "Spiking neurons can discover predictive features by aggregate-label
       learning", Science 351, aab4113 (2016).

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, fit_counts
    >>> rng = np.random.default_rng(0)
    >>> counts = rng.integers(0, 3, 40)
    >>> clue, trains = rng.uniform(0.0, 20.0, 40), rng.uniform(0.0, 400.0, (40, 40, 3))
    >>> trains[counts > 0, :, 0] = 50.0 + clue
    >>> trains[counts > 1, :, 1] = 200.0 + clue
    >>> model = fit_counts(Events.from_trains(trains, 420.0), counts, rule="correlation")
    >>> model.history["accuracy"][-1]
    1.0
    """
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    wanted = wanted_counts("counts", counts, len(events))
    neuron = Neuron(20.0, 5.0, psp_peak=1.0) if neuron is None else neuron
    neurons = checked_neurons(neuron, len(hidden_sizes(hidden)) + 1)
    check_choice("rule", rule, COUNT_RULES)
    epochs = whole_number("epochs", epochs, least=0)
    batch_size = whole_number("batch_size", batch_size)
    learning_rate = positive_float("learning_rate", learning_rate)
    keep_active = positive_float("keep_active", keep_active, or_zero=True)
    spread = None if spread is None else positive_float("spread", spread)
    source = map_arrays(events, to_host) if is_static("auto", events.like) else events
    state = begin_counting(
        source[:SEEN_AT_START],
        wanted[:SEEN_AT_START],
        hidden,
        neuron,
        generator_of(rng),
        lambda: Adam(0.0),
        spread=spread,
        fraction=fraction,
        clock=clock,
        **{"min_slope": 0.1 * neurons[-1].v_threshold} | options,
    )
    check_counting(state.network, rule)
    step = count_step(state.network, rule=rule, recovery=recovery, keep_active=keep_active)
    per_step = learning_rate * state.network.neurons[-1].v_threshold / state.mean_spikes
    schedule = cosine()
    while state.epoch < epochs and state.history["loss"][-1:] != [0.0]:
        outcome = run_epoch(
            step,
            InMemory(source, wanted),
            state,
            batch_size=batch_size,
            step_size=lambda done: per_step * schedule(done / epochs),
        )
        state.note(outcome.loss, outcome.accuracy, None)
    weights = state.network.weights
    if source is not events:
        weights = [events.xp.asarray(weight, device=events.device) for weight in weights]
    return FittedCounts(state.network.with_weights(weights), state.history)


def wanted_counts(name: str, counts: Any, n_patterns: int) -> Integers:
    """Return counts [B, O] on the host, or an error naming them."""
    if hasattr(counts, "__array_namespace__") or hasattr(counts, "detach"):
        counts = to_host(counts)
    found = np.asarray(counts)
    if found.ndim not in (1, 2) or found.shape[0] != n_patterns or 0 in found.shape:
        raise ValueError(
            f"{name} must have shape (B,) or (B, O) with B = {n_patterns} patterns, at least one, "
            f"got {found.shape}"
        )
    whole: Integers = as_counts(name, found, xp=array_namespace(counts=found))
    return whole.astype(np.int64, copy=False).reshape(n_patterns, -1)
