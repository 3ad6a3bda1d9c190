"""Learning when to spike: a rule that is told the times of all output spikes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ..arrays.index_sum import index_sum
from ..arrays.namespace import (
    array_namespace,
    check_floating,
    check_known,
    check_same_device,
    device_of,
)
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from ..events import Events, RaggedEvents
from ..events.grouping import by_groups

__all__ = ["resume_rule"]

Array = Any


def _mean(events: RaggedEvents, found: Sequence[Array]) -> Array:
    """Return the mean over all patterns from those of their groups."""
    each = zip(found, events.groups, strict=True)
    return sum(mean * float(len(group)) for mean, group in each) / float(max(len(events), 1))


@by_groups("times", "wanted", join=_mean)
@under_own_settings
def resume_rule(
    events: Events, times: Array, wanted: Array, *, tau: float, bias: float = 0.0
) -> Array:
    r"""Towards inputs before wanted spikes, away from inputs before those that came: ReSuMe [1]_.

    .. math:: \Delta w_i \propto
              \sum_{\hat t} \Big(a + \sum_{t_f < \hat t} e^{-(\hat t - t_f)/\tau}\Big)
              - \sum_{t} \Big(a + \sum_{t_f < t} e^{-(t - t_f)/\tau}\Big)

    over the wanted spikes :math:`\hat t`, the output spikes t and the input spikes :math:`t_f` of
    afferent i.  Nothing changes where the two trains are the same.

    Parameters
    ----------
    events : Events
        Input spikes.
    times : array, shape (B, O, S)
        Output spikes of every neuron in every pattern, inf behind the last: of
        `tempotron_core.spiking.output_spikes`.
    wanted : array, shape (B, O, D)
        When they should come, in the same form.
    tau : float
        Time constant of the learning window.
    bias : float, default 0
        The a, which moves all weights of a neuron with too few or too many spikes.

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
        If shapes or devices do not fit, a spike time is NaN, or ``tau`` is not positive.

    References
    ----------
    .. [1] F. Ponulak & A. Kasiński, "Supervised learning in spiking neural networks with ReSuMe",
       Neural Computation 22, 467-510 (2010), eq. 2.10, with an exponential window as in R. V.
       Florian, PLoS ONE 7, e40233 (2012), eq. 29.  The equations were read in the documentation of
       Tempotrons.jl (A. Dotan), which quotes both.

    Examples
    --------
    One output spike where another one, later, was wanted:

    >>> import numpy as np
    >>> from tempotron_core import Events
    >>> from tempotron_core.learning import resume_rule
    >>> events = Events.from_latencies(np.asarray([[10.0, 25.0]]), duration=50.0)
    >>> times, wanted = np.asarray([[[20.0]]]), np.asarray([[[30.0]]])
    >>> print(resume_rule(events, times, wanted, tau=10.0).round(3))
    [[ 0.233 -0.607]]
    """
    if not isinstance(events, Events):
        raise TypeError(f"events must be an Events, got {type(events).__name__}")
    tau = positive_float("tau", tau)
    given = {"times": times, "wanted": wanted}
    xp = array_namespace(**{"events.times": events.times}, **given)
    check_same_device(**{"events.times": events.times}, **given)
    for name, array in given.items():
        check_floating(name, array, xp=xp)
        if array.ndim != 3 or array.shape[0] != len(events) or array.shape[1] != times.shape[1]:
            neurons = "neurons" if name == "times" else times.shape[1]
            raise ValueError(
                f"{name} must have shape ({len(events)}, {neurons}, spikes), one row for each "
                f"pattern, got {tuple(array.shape)}"
            )
        check_known(name, array, xp=xp)
    dtype, n_outputs, n_afferents = times.dtype, times.shape[1], events.n_afferents
    inputs = xp.astype(events.times, dtype)[:, None, :]

    def of_train(spikes: Array) -> tuple[Array, Array]:
        """What the spikes of all neurons owe to every input, and their numbers."""
        owed = xp.zeros((*spikes.shape[:2], inputs.shape[2]), dtype=dtype, device=device_of(times))
        for spike in range(spikes.shape[2]):
            at = spikes[:, :, spike, None]
            elapsed = xp.where(xp.isfinite(at), at - inputs, 0.0)
            later = elapsed > 0.0
            window = xp.exp(xp.where(later, elapsed, 0.0) * (-1.0 / tau))
            owed = owed + xp.where(later, window, 0.0)
        return owed, xp.sum(xp.astype(xp.isfinite(spikes), dtype), axis=(0, 2))

    # apart, so that trains that are the same leave exactly nothing
    (owed, n_spikes), (due, n_wanted) = of_train(times), of_train(xp.astype(wanted, dtype))
    # padding is of no afferent, and gets a bin that is dropped
    outputs = xp.arange(n_outputs, device=device_of(times))[None, :, None]
    afferents = xp.astype(events.afferents, outputs.dtype)[:, None, :]
    bins = xp.reshape(afferents + outputs * (n_afferents + 1), (-1,))
    by_afferent = index_sum(xp.reshape(owed - due, (-1,)), bins, n_outputs * (n_afferents + 1))
    by_afferent = xp.reshape(by_afferent, (n_outputs, n_afferents + 1))[:, :n_afferents]
    return (by_afferent + bias * (n_spikes - n_wanted)[:, None]) / float(max(len(events), 1))
