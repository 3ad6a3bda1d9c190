"""Learning when to spike, one spike after the other: each is moved, removed or added.

Which of these happens to an output spike is what the distance of Victor and Purpura says: the
cheapest way to turn the train that came into the train that is wanted.
"""

from __future__ import annotations

from typing import Any

from ..arrays.namespace import check_known
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from ..events import Events
from ..neuron import Neuron
from ..readouts.arguments import is_static
from ..spiking.arguments import check_spike_times, check_spiking
from ..spiking.cotangents import pull_back

__all__ = ["e_learning_rule"]

Array = Any


@under_own_settings
def e_learning_rule(
    events: Events,
    weight: Array,
    neuron: Neuron,
    times: Array,
    wanted: Array,
    *,
    tau_q: float | None = None,
    gamma_r: float | None = None,
) -> Array:
    r"""Add the spikes that are missing, remove those too many, move the others: E-learning [1]_.

    .. math:: \Delta w_i \propto
              \sum_{\hat t\ \text{added}} \lambda_i(\hat t) - \sum_{t\ \text{removed}} \lambda_i(t)
              + \frac{\gamma_r}{\tau_q^2} \sum_{t \to \hat t} (t - \hat t)\, \lambda_i(t),
              \qquad \lambda_i(t) = \sum_{f: i_f = i,\, t_f < t} K(t - t_f)

    over the wanted spikes :math:`\hat t` and the output spikes t.  To add or to remove a spike
    costs 1, to move one :math:`(t - \hat t)^2/2\tau_q^2`, and the cheapest way from one train to
    the other is taken [2]_: spikes less than :math:`2\tau_q` apart are moved.  Resets are left out
    of account.

    Parameters
    ----------
    events, weight, neuron
        As given to `tempotron_core.spiking.output_spikes`.
    times : array, shape (B, O, S)
        What it returned: output spikes, inf behind the last.
    wanted : array, shape (B, O, D)
        When they should come, in the same form and in ascending order.
    tau_q : float, optional
        How far a spike is moved rather than replaced; ``neuron.tau`` unless given.
    gamma_r : float, optional
        How much a move counts, a time; ``neuron.tau`` unless given.

    Returns
    -------
    array, shape (O, N)
        The negative of the sum over patterns, divided by B: to be used as a gradient towards the
        weights.

    Raises
    ------
    TypeError
        If an argument has the wrong type or dtype, or arrays come from different libraries.
    ValueError
        If shapes or devices do not fit, a spike time is NaN, ``tau_q`` or ``gamma_r`` is not
        positive, or the neuron shunts its input.

    References
    ----------
    .. [1] R. V. Florian, "The chronotron: a neuron that learns to fire temporally precise spike
       patterns", PLoS ONE 7, e40233 (2012), eq. 4.  The equation was read in the documentation of
       Tempotrons.jl (A. Dotan), which quotes it.
    .. [2] J. D. Victor & K. P. Purpura, "Nature and precision of temporal coding in visual cortex:
       a metric-space analysis", Journal of Neurophysiology 76, 1310-1326 (1996).

    Examples
    --------
    A spike that comes 2 ms late is moved: the inputs before it are strengthened.

    >>> import numpy as np
    >>> from tempotron_core import Events, Neuron
    >>> from tempotron_core.learning import e_learning_rule
    >>> from tempotron_core.spiking import output_spikes
    >>> events = Events.from_latencies(np.asarray([[10.0, 25.0]]), duration=50.0)
    >>> weight, neuron = np.asarray([[0.8, 0.9]]), Neuron(20.0, 5.0)
    >>> times = output_spikes(events, weight, neuron).times
    >>> print(times.round(1), e_learning_rule(events, weight, neuron, times, times - 2.0).round(3))
    [[[26.3]]] [[-0.086 -0.035]]
    >>> print(e_learning_rule(events, weight, neuron, times, times + np.inf).round(3))
    [[0.856 0.35 ]]
    """
    xp = check_spiking(events, weight, neuron)
    for name, array in (("times", times), ("wanted", wanted)):
        check_spike_times(name, array, events, weight, xp=xp)
        check_known(name, array, xp=xp)
    tau_q = neuron.tau if tau_q is None else positive_float("tau_q", tau_q)
    gamma_r = neuron.tau if gamma_r is None else positive_float("gamma_r", gamma_r)
    times, wanted = xp.astype(times, weight.dtype), xp.astype(wanted, weight.dtype)
    came, due = xp.isfinite(times), xp.isfinite(wanted)
    # no difference of two infinities
    late = xp.where(came, times, 0.0)[..., :, None] - xp.where(due, wanted, 0.0)[..., None, :]
    both = came[..., :, None] & due[..., None, :]
    moved = _moved(xp.where(both, 0.5 * (late / tau_q) ** 2, float("inf")), came, due, xp)
    by_move = xp.sum(xp.where(moved, late, 0.0), axis=3) * (gamma_r / tau_q**2)
    removed = xp.astype(came & ~xp.any(moved, axis=3), weight.dtype)
    added = xp.astype(due & ~xp.any(moved, axis=2), weight.dtype)
    static = is_static("auto", events.times, weight)

    def owed(train: Array, each: Array) -> Array:
        at = xp.where(xp.isfinite(train), train, events.duration)
        at = xp.astype(at, events.times.dtype)
        return pull_back(events, weight, neuron, at, each, False, static, xp=xp)[0]

    found = owed(times, removed - by_move) - owed(wanted, added)
    return found / float(max(len(events), 1))


def _moved(cost: Array, came: Array, due: Array, xp: Any) -> Array:
    """Which spike of a train [B, O, S] becomes which of another [B, O, D]: bool [B, O, S, D].

    ``cost`` is that of such a move, inf of padding, whose spikes cost nothing to add and remove.
    From the corner at which both trains are empty, every step adds, removes or moves a spike.
    """
    n_from, n_to = cost.shape[2:]
    remove, add = xp.astype(came, cost.dtype), xp.astype(due, cost.dtype)
    zero, no = xp.zeros_like(cost[:, :, 0, 0]), xp.zeros_like(came[:, :, 0])
    row = [zero]
    for j in range(n_to):
        row.append(row[-1] + add[:, :, j])
    by_move, by_removal = [], []  # whether the cheapest way to a corner ends so
    for i in range(n_from):
        above, row = row, [row[0] + remove[:, :, i]]
        moves, removals = [], []
        for j in range(n_to):
            with_removal, with_addition = above[j + 1] + remove[:, :, i], row[j] + add[:, :, j]
            other = xp.minimum(with_removal, with_addition)
            with_move = above[j] + cost[:, :, i, j]
            row.append(xp.minimum(with_move, other))
            moves.append(with_move < other)
            removals.append(~moves[-1] & (with_removal <= with_addition))
        by_move.append(moves)
        by_removal.append(removals)
    # and back, along the cheapest way to the last corner
    here = [no] * n_to + [~no]
    found = []
    for moves, removals in zip(reversed(by_move), reversed(by_removal), strict=True):
        above = [no] * (n_to + 1)
        pairs = []
        for j in range(n_to - 1, -1, -1):
            pairs.append(here[j + 1] & moves[j])
            removal = here[j + 1] & removals[j]
            above[j + 1], above[j] = above[j + 1] | removal, pairs[-1]
            here[j] = here[j] | (here[j + 1] & ~moves[j] & ~removals[j])
        found.append(xp.stack(pairs[::-1], axis=-1))
        here = above
    return xp.stack(found[::-1], axis=2)
