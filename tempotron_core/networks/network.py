r"""Layers of tempotrons: the output spikes of one are the input spikes of the next.

Every neuron of a hidden layer passes on at most one spike, at its first threshold crossing or, if
it fires, at the peak of its potential; or it is a multi-spike neuron and passes on all it has.  The
last layer is read by its maximal potentials, or by its output spikes.  The gradient towards a
hidden layer's weights is the chain of two exact derivatives, that of the loss by the spike times
its successor received (``peak_vjp`` with ``times=True``) and that of the spike times by the weights
that made them:

.. math:: \frac{dE}{dw^{l}} = \sum_{x} \frac{dE}{dt^{l}_x} \frac{dt^{l}_x}{dw^{l}}, \qquad
          \frac{dE}{dt^{l-1}_f} = \sum_{x} \frac{dE}{dt^{l}_x} \frac{dt^{l}_x}{dt^{l-1}_f}

over the spikes x of the layer and f of the one before.

A silent neuron passes nothing on, neither a spike nor a gradient.

``forward`` is made of functions that torch and JAX differentiate, and their autodiff agrees with
``vjp`` at ``min_slope=0``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from ..arrays.choices import check_choice
from ..arrays.namespace import (
    array_namespace,
    device_of,
    known_true,
)
from ..arrays.numbers import positive_float, whole_number
from ..arrays.settings import under_own_settings
from ..encoding.clock import fixed_times, with_clock, without_clock
from ..events import Events
from ..neuron import Neuron
from ..readouts.arguments import check_readout, is_static
from ..readouts.gradient import Gradient, GradientWithConstants
from ..readouts.peak import peak
from ..readouts.peak_gradient import peak_vjp
from ..spiking import (
    CriticalThreshold,
    critical_threshold,
    critical_threshold_vjp,
    output_spikes,
    output_spikes_vjp,
)
from ..spiking.arguments import check_spikes_again, per_pair
from .activity import Activity, NetworkGradient
from .layers import checked_neurons, checked_weights
from .passing_on import (
    PASS_ON,
    first_spikes,
    passed_on,
    respond,
    respond_vjp,
    spikes_passed_on,
)
from .silence import SilenceWatch

__all__ = ["Network"]

Array = Any

REMEDY = "scale the weights to some hundred patterns with tempotron_core.fire_like(network, events)"

_READOUTS = ("peak", "counts")


@dataclass(frozen=True, eq=False, repr=False)
class Network:
    """Tempotrons in layers.

    Parameters
    ----------
    weights : sequence of array
        One per layer, shape (outputs, inputs); all of one library and device.  A layer has as
        many inputs as the one before has outputs, and then one for each reference spike; the first
        as many as the patterns have afferents, and then one for each spike of the clock.
    neuron : Neuron or sequence of Neuron
        Constants of all layers, or of each.
    pass_on : {'first_crossing', 'peak', 'spikes'}
        When a hidden neuron that fires spikes: as its potential first exceeds the threshold, at
        its peak, or as often as the multi-spike neuron does, see `tempotron_core.spiking`.
    reference_times : sequence of float, optional
        Spike times, up to the duration of the patterns, of afferents that fire in every pattern,
        beside the outputs of every hidden layer: they let a neuron fire whatever the layer before
        does.  For the first layer, see ``clock``.
    min_slope : float, default 0.0
        Bounds the gradient that `vjp` takes of spike times near grazing, see
        `first_crossing_vjp`.  Peaks have no such bound, nor has autodiff.
    clock : sequence of float, optional
        Times, up to the duration of the patterns, of afferents that fire in every pattern beside
        those of the input: without them the first layer cannot tell when in a pattern something
        happens, see docs/sight.md.  Their weights come last in those of the first layer.
    readout : {'peak', 'counts'}
        What the last layer is read by: its largest potentials, or the output spikes of multi-spike
        neurons.
    max_spikes : int, optional
        Pass on, and return, the first so many spikes of a multi-spike neuron.  Where shapes cannot
        depend on values (on JAX, and in graphs of torch) it is needed, no more are counted, and no
        larger ``k`` can be asked of `critical_threshold`.

    Raises
    ------
    TypeError
        If an argument has the wrong type, or weights come from different libraries.
    ValueError
        If the layers do not fit each other, or an option is not valid.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Events, Network, Neuron
    >>> events = Events.from_latencies(np.asarray([[1.0, 3.0]]), duration=50.0)
    >>> hidden, output = np.asarray([[1.0, 0.5], [0.2, 0.3]]), np.asarray([[1.5, 2.0]])
    >>> network = Network([hidden, output], Neuron())
    >>> activity = network.forward(events)
    >>> print(activity.inputs[1].to_latencies().round(3), activity.peak.v_max.round(3))
    [[4.138   inf]] [[1.5]]
    >>> gradient = network.vjp(activity, np.ones((1, 1)))
    >>> [array.shape for array in gradient.weights]
    [(2, 2), (1, 2)]
    """

    weights: Sequence[Array]
    neuron: Neuron | Sequence[Neuron]
    pass_on: str = "first_crossing"
    reference_times: Sequence[float] = ()
    min_slope: float = 0.0
    clock: Sequence[float] = ()
    readout: str = "peak"
    max_spikes: int | None = None
    _silence: SilenceWatch = field(init=False, repr=False, default_factory=SilenceWatch)

    def __post_init__(self) -> None:
        times = fixed_times("reference_times", self.reference_times)
        clock = fixed_times("clock", self.clock)
        weights = checked_weights(self.weights, n_reference=len(times), n_clock=len(clock))
        neurons = checked_neurons(self.neuron, len(weights))
        check_choice("pass_on", self.pass_on, PASS_ON)
        check_choice("readout", self.readout, _READOUTS)
        several = [self.pass_on == "spikes"] * (len(weights) - 1) + [self.readout == "counts"]
        for each, spikes_again in zip(neurons, several, strict=True):
            if spikes_again:
                check_spikes_again(each)
        max_spikes = self.max_spikes
        if max_spikes is not None:
            max_spikes = whole_number("max_spikes", max_spikes)
            if self.pass_on != "spikes" and self.readout != "counts":
                raise ValueError(
                    "max_spikes must be None unless pass_on is 'spikes' or readout 'counts', "
                    f"got {max_spikes}"
                )
        for name, value in (
            ("weights", weights),
            ("neuron", neurons),
            ("reference_times", times),
            ("clock", clock),
            ("min_slope", positive_float("min_slope", self.min_slope, or_zero=True)),
            ("max_spikes", max_spikes),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        first = self.weights[0]
        sizes = " - ".join(str(n) for n in (first.shape[1], *(w.shape[0] for w in self.weights)))
        neurons = self.neurons if len(set(self.neurons)) > 1 else self.neurons[0]
        more = f", pass_on={self.pass_on!r}" if len(self.weights) > 1 else ""
        more += f", reference_times={self.reference_times}" if self.reference_times else ""
        more += f", min_slope={self.min_slope:.4g}" if self.min_slope else ""
        more += f", readout={self.readout!r}" if self.readout != "peak" else ""
        more += "" if self.max_spikes is None else f", max_spikes={self.max_spikes}"
        return f"Network({sizes}, {first.dtype} on {device_of(first)}, {neurons}{more})"

    @property
    def neurons(self) -> tuple[Neuron, ...]:
        """Constants of each layer."""
        return tuple(self.neuron)  # type: ignore[arg-type]

    @property
    def n_afferents(self) -> int:
        """Afferents of the patterns it works on, without those of the clock."""
        return int(self.weights[0].shape[1]) - len(self.clock)

    def with_weights(self, weights: Sequence[Array]) -> Network:
        """Return the network with other weights.

        Parameters
        ----------
        weights : sequence of array
            One per layer.

        Returns
        -------
        Network

        Raises
        ------
        TypeError, ValueError
            As the class.
        """
        new = tuple(weights)
        if all(map(_alike, new, self.weights)) and len(new) == len(self.weights):
            network = object.__new__(type(self))  # nothing to check again, as in training
            network.__dict__.update(self.__dict__, weights=new)
            return network
        network = replace(self, weights=new)
        object.__setattr__(network, "_silence", self._silence)  # one count for all of training
        return network

    @under_own_settings
    def forward(self, events: Events) -> Activity:
        """Let the network work on a batch of patterns.

        Parameters
        ----------
        events : Events
            B patterns, in the library and on the device of the weights.

        Returns
        -------
        Activity

        Raises
        ------
        TypeError, ValueError
            As `peak`; also if a reference spike or the clock's comes after the duration, or the
            potential of a hidden neuron is NaN.

        Warns
        -----
        SilenceWarning
            If no neuron of a hidden layer fires in any pattern; once, in the first ten batches,
            where the values are at hand: on the processor, and not under ``jit`` or ``vmap``.
        """
        received = self.weights[0]
        if self.clock:
            received = received[:, : self.n_afferents]
        check_readout(events, received, self.neurons[0])
        for name in ("reference_times", "clock"):
            if getattr(self, name) and max(getattr(self, name)) > events.duration:
                raise ValueError(
                    f"{name} must be at most the duration {events.duration} of the events, "
                    f"got {max(getattr(self, name))}"
                )
        inputs, hidden = [with_clock(events, self.clock) if self.clock else events], []
        for layer in range(len(self.weights) - 1):
            neuron = self.neurons[layer]
            found = respond(inputs[-1], self.weights[layer], neuron, self.pass_on, self.max_spikes)
            hidden.append(found)
            spikes = spikes_passed_on(found, neuron, self.pass_on)
            first = first_spikes(spikes)
            name = f"layer {layer} of the network"
            if self._silence.wants(name, first):
                self._silence.look(name, first, inputs[-1].counts > 0, REMEDY)
            inputs.append(passed_on(spikes, self.reference_times, events, layer))
        last = inputs[-1], self.weights[-1], self.neurons[-1]
        if self.readout == "counts":
            spikes = output_spikes(*last, max_spikes=self.max_spikes)
            return Activity(tuple(inputs), tuple(hidden), spikes=spikes)
        return Activity(tuple(inputs), tuple(hidden), peak(*last))

    @under_own_settings
    def critical_threshold(
        self, activity: Activity, k: int | Array, *, where: Array | None = None
    ) -> CriticalThreshold:
        """Return the threshold below which an output spikes k times or more.

        Parameters
        ----------
        activity : Activity
            What :meth:`forward` returned, for these weights.
        k : int or integer array, shape (B, O)
            Number of output spikes, at least 1.
        where : bool array, shape (B, O), optional
            Pairs to look at; the others get 0.

        Returns
        -------
        CriticalThreshold
            Of the last layer, for the spikes that it received.  It is differentiable where
            :meth:`forward` is, and its gradient is :meth:`vjp` of ``critical``.

        Raises
        ------
        TypeError, ValueError
            As `tempotron_core.spiking.critical_threshold`, and if ``k`` is more than
            ``max_spikes`` where shapes cannot depend on values.
        """
        self._check_activity(activity)
        events, weight, neuron = activity.inputs[-1], self.weights[-1], self.neurons[-1]
        if self._static(events) and per_pair(k) and self.max_spikes is not None:
            xp = array_namespace(k=k)
            if known_true(xp.any(k > self.max_spikes)):
                raise ValueError(
                    f"k must be at most max_spikes, {self.max_spikes}, got {int(xp.max(k))}"
                )
        most = self.max_spikes if per_pair(k) else None
        return critical_threshold(events, weight, neuron, k, where=where, most=most)

    @under_own_settings
    def vjp(
        self,
        activity: Activity,
        cotangent: Array,
        *,
        times: bool = False,
        critical: CriticalThreshold | None = None,
    ) -> NetworkGradient:
        """Pull a cotangent of the last layer's readout back to all weights.

        Parameters
        ----------
        activity : Activity
            What :meth:`forward` returned, for these weights.
        cotangent : array, shape (B, O) or (B, O, S)
            Derivative of the loss by ``activity.peak.v_max``; with ``readout='counts'`` by
            ``critical.theta``, or else by ``activity.spikes.times``.
        times : bool, default False
            Also return the gradient towards the spike times of the input.
        critical : CriticalThreshold, optional
            What :meth:`critical_threshold` returned.

        Returns
        -------
        NetworkGradient

        Raises
        ------
        TypeError, ValueError
            As `peak_vjp`, `first_crossing_vjp`, `critical_threshold_vjp` and `output_spikes_vjp`.
        """
        self._check_activity(activity)
        depth = len(self.weights)
        found = self._last_vjp(activity, cotangent, critical, times or depth > 1)
        gradients = [found.weight]
        for layer in range(depth - 2, -1, -1):
            weight = self.weights[layer]
            towards: Array = found.times
            # those of the reference spikes, which nobody made, are last
            towards = towards[:, : weight.shape[0], ...]
            found = respond_vjp(
                activity.inputs[layer],
                weight,
                self.neurons[layer],
                self.pass_on,
                activity.hidden[layer],
                towards,
                min_slope=self.min_slope,
                times=times or layer > 0,
            )
            gradients.append(found.weight)
        to_times = found.times
        if to_times is not None and self.clock:
            to_times = without_clock(to_times, activity.inputs[0], len(self.clock))
        return NetworkGradient(tuple(reversed(gradients)), to_times)

    def _last_vjp(
        self, activity: Activity, cotangent: Array, critical: CriticalThreshold | None, times: bool
    ) -> Gradient | GradientWithConstants:
        """Pull the cotangent back to the last layer's weights and what it received."""
        last = activity.inputs[-1], self.weights[-1], self.neurons[-1]
        if critical is not None:
            most = None
            if self.max_spikes is not None and self._static(last[0]):
                most = self.max_spikes - 1  # spikes before a graze
            return critical_threshold_vjp(*last, critical, cotangent, times=times, most=most)
        if self.readout == "counts":
            spike_times, bound = activity.spikes.times, self.min_slope
            return output_spikes_vjp(*last, spike_times, cotangent, times=times, min_slope=bound)
        return peak_vjp(*last, activity.peak, cotangent, times=times)

    def _static(self, events: Events) -> bool:
        return is_static("auto", events.like, self.weights[-1])

    def _check_activity(self, activity: Activity) -> None:
        if not isinstance(activity, Activity):
            raise TypeError(
                "activity must be an Activity (what forward() returned), got "
                f"{type(activity).__name__}"
            )
        depth = len(self.weights)
        if len(activity.inputs) != depth:
            raise ValueError(
                f"activity must be of a network of {depth} layers, got {len(activity.inputs)}"
            )


def _alike(weight: Array, other: Array) -> bool:
    """Whether a dense array of weights may stand in the place of another that was checked."""
    return (
        type(weight) is type(other)
        and weight.shape == other.shape
        and weight.dtype == other.dtype
        and (type(weight) is np.ndarray or device_of(weight) == device_of(other))
        and not getattr(weight, "is_sparse", False)
        and not getattr(weight, "is_sparse_csr", False)
    )
