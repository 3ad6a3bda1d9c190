r"""Layers of tempotrons: the output spikes of one are the input spikes of the next.

Every neuron of a hidden layer passes on at most one spike: at its first threshold crossing, or,
if it fires, at the peak of its potential.  The last layer is read by its maximal potentials.  The
gradient towards a hidden layer's weights is the chain of two exact derivatives, that of the loss
by the spike times its successor received (``peak_vjp`` with ``times=True``) and that of the spike
times by the weights that made them:

.. math:: \frac{dE}{dw^{l}} = \sum_{o} \frac{dE}{dt^{l}_o} \frac{dt^{l}_o}{dw^{l}}, \qquad
          \frac{dE}{dt^{l-1}_i} = \sum_{o} \frac{dE}{dt^{l}_o} \frac{dt^{l}_o}{dt^{l-1}_i}.

A silent neuron passes nothing on, neither a spike nor a gradient.

``forward`` is made of functions that torch and JAX differentiate, and their autodiff agrees with
``vjp`` at ``min_slope=0``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any, NamedTuple

from ..arrays.namespace import (
    array_namespace,
    check_dense,
    check_floating,
    check_same_device,
    device_of,
)
from ..arrays.numbers import positive_float
from ..arrays.settings import under_own_settings
from ..encoding.clock import fixed_times, with_clock, without_clock
from ..events import Events
from ..events.batch import from_latencies
from ..neuron import Neuron
from ..readouts.arguments import check_readout
from ..readouts.crossing import first_crossing
from ..readouts.crossing_gradient import first_crossing_vjp
from ..readouts.peak import Peak, peak
from ..readouts.peak_gradient import peak_vjp
from .silence import SilenceWatch

__all__ = ["Activity", "Network", "NetworkGradient"]

Array = Any

REMEDY = "scale the weights to some hundred patterns with tempotron_core.fire_like(network, events)"

_PASS_ON = ("first_crossing", "peak")


class Activity(NamedTuple):
    """What every layer received and did, as the backward pass needs it.

    Attributes
    ----------
    inputs : tuple of Events
        Input of each layer, that of the first with the spikes of the clock.
    hidden : tuple of array or Peak
        Readout of each layer but the last: spike times, or with ``pass_on='peak'`` a `Peak`.
    peak : Peak
        ``v_max`` and ``t_max`` of the last layer, each of shape (B, O).
    """

    inputs: tuple[Events, ...]
    hidden: tuple[Any, ...]
    peak: Peak


class NetworkGradient(NamedTuple):
    """Gradient of a loss.

    Attributes
    ----------
    weights : tuple of array
        One per layer, in the shape of its weights.
    times : array or None
        Towards the spike times the network was given, in the layout of its events.
    """

    weights: tuple[Array, ...]
    times: Array | None


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
    pass_on : {'first_crossing', 'peak'}
        When a hidden neuron that fires spikes: as its potential first exceeds the threshold, or at
        its peak.
    reference_times : sequence of float, optional
        Spike times, up to the duration of the patterns, of afferents that fire in every pattern,
        beside the outputs of every hidden layer: they let a neuron fire whatever the layer before
        does.  For the first layer, see ``clock``.
    min_slope : float, default 0.0
        Bounds the gradient that `vjp` takes of first crossings near grazing, see
        `first_crossing_vjp`.  Peaks have no such bound, nor has autodiff.
    clock : sequence of float, optional
        Times, up to the duration of the patterns, of afferents that fire in every pattern beside
        those of the input: without them the first layer cannot tell when in a pattern something
        happens, see docs/sight.md.  Their weights come last in those of the first layer.

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
    _silence: SilenceWatch = field(init=False, repr=False, default_factory=SilenceWatch)

    def __post_init__(self) -> None:
        weights = _tuple("weights", self.weights, "arrays, one per layer")
        if not weights:
            raise ValueError("weights must hold one array per layer, got none")
        named = {f"weights[{layer}]": weight for layer, weight in enumerate(weights)}
        xp = array_namespace(**named)
        check_same_device(**named)
        times = fixed_times("reference_times", self.reference_times)
        clock = fixed_times("clock", self.clock)
        inputs = None
        for name, weight in named.items():
            check_dense(name, weight)
            check_floating(name, weight, xp=xp)
            if weight.ndim != 2 or inputs not in (None, weight.shape[1]):
                wanted = "N" if inputs is None else inputs
                raise ValueError(f"{name} must have shape (O, {wanted}), got {tuple(weight.shape)}")
            if inputs is None and weight.shape[1] < len(clock):
                raise ValueError(
                    f"{name} must have a column for each of the {len(clock)} times of clock, "
                    f"got shape {tuple(weight.shape)}"
                )
            inputs = weight.shape[0] + len(times)
        neurons = self.neuron
        if isinstance(neurons, Neuron):
            neurons = (neurons,) * len(weights)
        neurons = _tuple("neuron", neurons, "Neurons, or one")
        if len(neurons) != len(weights):
            raise ValueError(
                f"neuron must be one Neuron or one per layer, got {len(neurons)} "
                f"for {len(weights)} layers"
            )
        for each in neurons:
            if not isinstance(each, Neuron):
                raise TypeError(f"neuron must hold Neurons, got {type(each).__name__}")
        if self.pass_on not in _PASS_ON:
            raise ValueError(f"pass_on must be one of {_PASS_ON}, got {self.pass_on!r}")
        for name, value in (
            ("weights", weights),
            ("neuron", neurons),
            ("reference_times", times),
            ("clock", clock),
            ("min_slope", positive_float("min_slope", self.min_slope, or_zero=True)),
        ):
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        first = self.weights[0]
        sizes = " - ".join(str(n) for n in (first.shape[1], *(w.shape[0] for w in self.weights)))
        neurons = self.neurons if len(set(self.neurons)) > 1 else self.neurons[0]
        more = f", pass_on={self.pass_on!r}" if len(self.weights) > 1 else ""
        more += f", reference_times={self.reference_times}" if self.reference_times else ""
        more += f", min_slope={self.min_slope:.4g}" if self.min_slope else ""
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
        network = replace(self, weights=tuple(weights))
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
        check_readout(events, self.weights[0][:, : self.n_afferents], self.neurons[0])
        for name in ("reference_times", "clock"):
            if max(getattr(self, name), default=0) > events.duration:
                raise ValueError(
                    f"{name} must be at most the duration {events.duration} of the events, "
                    f"got {max(getattr(self, name))}"
                )
        inputs, hidden = [with_clock(events, self.clock)], []
        for weight, neuron in zip(self.weights[:-1], self.neurons[:-1], strict=True):
            found: Any
            if self.pass_on == "peak":
                found = peak(inputs[-1], weight, neuron)
            else:
                found = first_crossing(inputs[-1], weight, neuron)
            hidden.append(found)
            spikes = self._spikes(found, neuron)
            name = f"layer {len(hidden) - 1} of the network"
            if self._silence.wants(name, spikes):
                self._silence.look(name, spikes, inputs[-1].counts > 0, REMEDY)
            inputs.append(self._passed_on(spikes, events, len(hidden) - 1))
        last = peak(inputs[-1], self.weights[-1], self.neurons[-1])
        return Activity(tuple(inputs), tuple(hidden), last)

    @under_own_settings
    def vjp(
        self, activity: Activity, v_cotangent: Array, *, times: bool = False
    ) -> NetworkGradient:
        """Pull a cotangent of the last layer's maximal potentials back to all weights.

        Parameters
        ----------
        activity : Activity
            What :meth:`forward` returned, for these weights.
        v_cotangent : array, shape (B, O)
            Derivative of the loss by ``activity.peak.v_max``.
        times : bool, default False
            Also return the gradient towards the spike times of the input.

        Returns
        -------
        NetworkGradient

        Raises
        ------
        TypeError, ValueError
            As `peak_vjp` and `first_crossing_vjp`.
        """
        depth = len(self.weights)
        if not isinstance(activity, Activity):
            raise TypeError(
                "activity must be an Activity (what forward() returned), got "
                f"{type(activity).__name__}"
            )
        if len(activity.inputs) != depth:
            raise ValueError(
                f"activity must be of a network of {depth} layers, got {len(activity.inputs)}"
            )
        found = peak_vjp(
            activity.inputs[-1],
            self.weights[-1],
            self.neurons[-1],
            activity.peak,
            v_cotangent,
            times=times or depth > 1,
        )
        gradients = [found.weight]
        for layer in range(depth - 2, -1, -1):
            weight, neuron, events = (
                self.weights[layer],
                self.neurons[layer],
                activity.inputs[layer],
            )
            towards = found.times[:, : weight.shape[0]]  # type: ignore[index]
            readout, more = activity.hidden[layer], times or layer > 0
            # zero where there was no spike, so a silent neuron gets nothing either way
            if self.pass_on == "peak":
                nothing = array_namespace(v_max=readout.v_max).zeros_like(readout.v_max)
                found = peak_vjp(events, weight, neuron, readout, nothing, towards, times=more)
            else:
                found = first_crossing_vjp(
                    events, weight, neuron, readout, towards, times=more, min_slope=self.min_slope
                )
            gradients.append(found.weight)
        to_times = found.times
        if to_times is not None and self.clock:
            to_times = without_clock(to_times, activity.inputs[0], len(self.clock))
        return NetworkGradient(tuple(reversed(gradients)), to_times)

    def _spikes(self, found: Any, neuron: Neuron) -> Array:
        """Return a hidden layer's output spikes, inf where there is none."""
        if self.pass_on != "peak":
            return found
        xp = array_namespace(t_max=found.t_max)
        spikes = xp.where(found.v_max > neuron.v_threshold, found.t_max, float("inf"))
        # not silent but unknown, as a first crossing has it
        return xp.where(xp.isnan(found.v_max), float("nan"), spikes)

    def _passed_on(self, spikes: Array, events: Events, layer: int) -> Events:
        """Return a layer's output spikes, and the reference spikes, as the next one's input."""
        if self.reference_times:
            xp = array_namespace(spikes=spikes)
            reference = [
                xp.full((spikes.shape[0], 1), t, dtype=spikes.dtype, device=device_of(spikes))
                for t in self.reference_times
            ]
            spikes = xp.concat([spikes, *reference], axis=1)
        passed_on = from_latencies(f"spikes of layer {layer}", spikes, events.duration)
        return replace(passed_on, _units=events._units)  # looked at where it came in


def _tuple(name: str, values: Any, what: str) -> tuple[Any, ...]:
    try:
        return tuple(values)
    except TypeError:
        kind = type(values).__name__
        raise TypeError(f"{name} must be a sequence of {what}, got {kind}") from None
