"""`ExactTempotron`: a PyTorch layer of tempotrons in continuous time."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import torch
from torch import Tensor

from tempotron_core import Events, Neuron, Peak, RaggedEvents, firing_deviation
from tempotron_core.arrays.choices import check_choice
from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.encoding import clock_times
from tempotron_core.events.grouping import in_order
from tempotron_core.events.joining import joined
from tempotron_core.events.units import check_units
from tempotron_core.networks.silence import SilenceWatch

from .autograd import Spikes, in_transform
from .by_name import as_text
from .layer import Layer
from .learned import check_learn
from .spiking import spike_trains

__all__ = ["ExactTempotron", "Readout"]

USUAL_SLOPE = 0.15
"""Default of ``min_slope``, in thresholds per geometric mean of the time constants."""

REMEDY = (
    "scale the weights to some hundred patterns with "
    "tempotron_backends.torch.fire_like_(model, patterns)"
)


class Readout(NamedTuple):
    """Everything an `ExactTempotron` reads from a pattern.

    Attributes
    ----------
    v_max : tensor, shape (B, O)
        Largest membrane potential.
    t_max : tensor, shape (B, O)
        Its time; 0 where the potential never rises above rest.
    t_spike : tensor, shape (B, O)
        First threshold crossing, inf for a silent neuron.
    """

    v_max: Tensor
    t_max: Tensor
    t_spike: Tensor


class ExactTempotron(Layer):
    """Tempotrons in continuous time [1]_, with any number of spikes per afferent.

    Layers stack: ``torch.nn.Sequential`` of these passes first spike times on, inf for silence, or
    whole trains of a neuron that is reset at each of its spikes (``ret_type="trains"``).

    Parameters
    ----------
    in_features : int
        Afferents, N.
    out_features : int
        Output neurons, O.
    duration : float
        Length of a pattern, in the unit of the spike times (milliseconds by convention).
    tau : float, default 15.0
        Membrane time constant.
    tau_s : float, default 3.75
        Synaptic time constant.
    v_threshold : float, default 1.0
        Firing threshold.
    psp_peak : float, optional
        Peak of one postsynaptic potential of unit weight; ``v_threshold`` unless given.
    shunt : bool, default False
        Whether input after the output spike is ignored, as in the original model.
    ret_type : {'t_spike', 'v_max', 't_max', 'peak', 'all', 'trains'}, default 't_spike'
        What a call returns unless it says otherwise.
    max_spikes : int, optional
        Longest train that 'trains' returns; all spikes unless given.  Graphs and transforms need
        it, and their trains are so long.
    min_slope : float, optional
        Slopes of the potential at a threshold crossing below this count as this, in the gradient
        of 't_spike' and 'trains': it bounds that of a potential that barely crosses.  By default
        ``0.15 * v_threshold / sqrt(tau * tau_s)``, about a fifth of the slope of a typical
        crossing; 0 is the derivative itself.
    clock : 'tau', float, sequence of float, or None
        Afferents that fire in every pattern at fixed times, beside those of the input: once every
        ``tau``, once in so much time, at these times, or never (the default).  Without them a
        neuron cannot tell when in a pattern something happens, see docs/sight.md.
    learn : sequence of {'tau', 'tau_s', 'v_threshold', 'psp_peak'}, default ()
        Constants that are learned beside the weights, one value for the whole layer.  The layer
        then has a parameter of their logarithm, ``log_tau`` and so on.  ``min_slope`` and ``clock``
        stay as they were at the construction.
    dtype : torch.dtype, optional
        Of the weights.  Half precision is kept, but computed with in float32.
    device : torch.device or str, optional
        Of the weights.

    Attributes
    ----------
    fc : torch.nn.Linear
        ``fc.weight``, shape (O, N), holds the synaptic weights, and in further columns those of
        the clock; there is no bias.  They are drawn
        so that neurons fire on typical input, see `tempotron_core.random_weight`.  It is the only
        entry of ``state_dict()`` but for what ``learn`` names.
    log_tau, log_tau_s, log_v_threshold, log_psp_peak : torch.nn.Parameter
        Natural logarithms of the constants that are learned, 0-d.

    Raises
    ------
    TypeError
        If a number is not of the right kind.
    ValueError
        If a size, constant or the duration is not positive, or ``ret_type`` is unknown.

    Notes
    -----
    ``duration``, ``tau``, ``tau_s``, ``v_threshold``, ``neuron`` and ``clock`` (its times) can be
    read, and stay what they were at the construction, but for what is learned.  ``ret_type``,
    ``max_spikes`` and ``min_slope`` can be set.

    References
    ----------
    .. [1] R. Gütig and H. Sompolinsky, Nature Neuroscience 9, 420-428 (2006).

    Examples
    --------
    >>> import torch
    >>> from tempotron_backends.torch import ExactTempotron
    >>> layer = ExactTempotron(3, 1, duration=50.0, ret_type="v_max")
    >>> _ = torch.nn.init.ones_(layer.fc.weight)
    >>> print(layer(torch.tensor([[1.0, 3.0, torch.inf]])).detach().numpy().round(3))
    [[1.983]]
    """

    _ret_types = ("t_spike", "v_max", "t_max", "peak", "all", "trains")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        duration: float,
        tau: float = 15.0,
        tau_s: float = 3.75,
        v_threshold: float = 1.0,
        *,
        psp_peak: float | None = None,
        shunt: bool = False,
        ret_type: str = "t_spike",
        max_spikes: int | None = None,
        min_slope: float | None = None,
        clock: str | float | Sequence[float] | None = None,
        learn: Sequence[str] = (),
        dtype: torch.dtype | None = None,
        device: Any = None,
    ) -> None:
        duration = positive_float("duration", duration)
        neuron = Neuron(tau, tau_s, v_threshold, psp_peak=psp_peak, shunt=shunt)
        n_inputs = whole_number("in_features", in_features)
        times = clock_times(clock, duration, neuron)
        deviation = firing_deviation(n_inputs + len(times), duration, neuron)
        super().__init__(
            n_inputs,
            out_features,
            duration,
            neuron,
            dtype,
            device,
            deviation=deviation,
            clock=times,
            learn=check_learn(learn),
        )
        check_choice("ret_type", ret_type, self._ret_types)
        self.ret_type = ret_type
        self.max_spikes = None if max_spikes is None else whole_number("max_spikes", max_spikes)
        usual = USUAL_SLOPE * neuron.v_threshold / math.sqrt(neuron.tau * neuron.tau_s)
        self.min_slope = usual if min_slope is None else min_slope
        self._silence = SilenceWatch()

    @property
    def duration(self) -> float:
        """Length of a pattern."""
        return self._duration

    @property
    def clock(self) -> tuple[float, ...]:
        """Times at which the afferents of the clock fire."""
        return self._clock

    @property
    def min_slope(self) -> float:
        """Least slope at a crossing in the gradient of 't_spike'; may be set."""
        return self._min_slope

    @min_slope.setter
    def min_slope(self, value: float) -> None:
        self._min_slope = positive_float("min_slope", value, or_zero=True)
        self._crossing_options = as_text(self._min_slope)

    def extra_repr(self) -> str:
        """The constants, for ``print(layer)``."""
        more = "" if self.neuron.psp_peak is None else f", psp_peak={self.neuron.psp_peak}"
        more += ", shunt=True" if self.neuron.shunt else ""
        more += f", learn={self._learn}" if self._learn else ""
        more += f", clock={self.clock}" if self.clock else ""
        more += f", ret_type={self.ret_type!r}"
        more += f", min_slope={self.min_slope:.4g}"
        return (
            f"duration={self.duration}, tau={self.tau}, tau_s={self.tau_s}, "
            f"v_threshold={self.v_threshold}{more}"
        )

    def forward(
        self, in_spikes: Tensor | Events, ret_type: str | None = None
    ) -> Tensor | Peak | Readout:
        """Run the layer.

        Parameters
        ----------
        in_spikes : tensor, shape (B, N) or (B, N, S), or tempotron_core.Events
            Spike times in the unit of ``duration``; negative or inf means no spike.  Half
            precision is taken as float32, integers as torch's default dtype, in which they have
            to be exact.
        ret_type : {'t_spike', 'v_max', 't_max', 'peak', 'all', 'trains'}, optional
            What to return, by default what the layer was made with.

        Returns
        -------
        tensor, shape (B, O), or Peak or Readout of such tensors, or tensor, shape (B, O, S)
            't_spike': first threshold crossing, inf if silent.  'v_max', 't_max': largest
            potential and its time.  'peak': both.  'all': all three.  'trains': every output spike
            of a neuron that is reset at each, see `tempotron_core.spiking.output_spikes`, up to
            ``max_spikes``, inf behind the last.

        Raises
        ------
        TypeError
            If ``in_spikes`` is no dense tensor of real numbers, or the weights are not real.
        ValueError
            If ``ret_type`` is unknown, the shape, device or duration does not fit, a time is NaN,
            or ``fc.weight`` was given another shape.

        Warns
        -----
        SilenceWarning
            If spike times are asked for and no neuron fires in any pattern; once, in the first ten
            batches of training on a processor, not in graphs and transforms.
        """
        ret_type = self.ret_type if ret_type is None else ret_type
        weight = self._weights()
        self._check(in_spikes, weight, ret_type, axes=3)
        if isinstance(in_spikes, RaggedEvents):
            check_units(in_spikes, self._neuron)
            parts = [self(group, ret_type) for group in in_spikes.groups]
            if ret_type == "trains":
                return cast(Tensor, joined(in_spikes, parts, fill=float("inf")))
            return cast("Tensor | Peak | Readout", in_order(in_spikes, parts))
        spikes = self._spikes(in_spikes)
        if ret_type == "t_spike":
            return self._t_spike(spikes, weight)
        if ret_type == "trains":
            return self._trains(spikes, weight)
        v_max, t_max = self._read("peak", spikes, weight)
        if ret_type == "all":
            return Readout(v_max, t_max, self._t_spike(spikes, weight))
        found = Peak(v_max, t_max)
        return found if ret_type == "peak" else found.v_max if ret_type == "v_max" else found.t_max

    def _t_spike(self, spikes: Spikes, weight: Tensor) -> Tensor:
        t_spike = self._read("first_crossing", spikes, weight, self._crossing_options)[0]
        self._watch(t_spike, spikes)
        return t_spike

    def _trains(self, spikes: Spikes, weight: Tensor) -> Tensor:
        if self._neuron.shunt:
            raise ValueError(
                "ret_type must not be 'trains' in a layer made with shunt=True, whose neurons "
                "spike once"
            )
        given = spikes, weight, self._constants, self.max_spikes, self.min_slope
        found = spike_trains(*given, learned=self._learned())
        self._watch(found.times[..., 0], spikes)
        times: Tensor = found.times
        return times

    def _watch(self, t_spike: Tensor, spikes: Spikes) -> None:
        name = f"a layer of {self.in_features} inputs"
        if not in_transform() and self.training and self._silence.wants(name, t_spike):
            self._silence.look(name, t_spike.detach(), spikes[2] > 0, REMEDY)
