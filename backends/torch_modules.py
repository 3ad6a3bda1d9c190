"""Layers of tempotrons for PyTorch: `Tempotron`, on a time grid, and `ExactTempotron`.

Both are ordinary modules: parameters, ``state_dict``, ``torch.compile``, ``torch.func``,
distributed training and mixed precision work as for any other layer.  Gradients are the analytic
ones of the core.
"""

from __future__ import annotations

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from tempotron_core import Events, Neuron, Peak
from tempotron_core import Tempotron as _CoreTempotron
from tempotron_core.neuron import positive_float, whole_number

from .torch_autograd import Spikes, differentiable_readout, sorted_spikes, spikes_of
from .torch_ops import pack

__all__ = ["ExactTempotron", "Readout", "Tempotron"]

_FOREIGN_KEYS = ("weight", "model.summation_layer.weight")
"""Where the checkpoints of other versions of SpikingJelly keep what `fc.weight` is here."""


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


class _Layer(nn.Module):
    """Weights ``fc.weight`` [O, N], a neuron, and spikes in sorted form."""

    _ret_types: tuple[str, ...] = ()

    def __init__(
        self,
        in_features: int,
        out_features: int,
        duration: float,
        neuron: Neuron,
        dtype: torch.dtype | None,
        device: Any,
    ) -> None:
        super().__init__()
        self.in_features = whole_number("in_features", in_features)
        self.out_features = whole_number("out_features", out_features)
        self._neuron = neuron
        self.fc = nn.Linear(
            self.in_features, self.out_features, bias=False, dtype=dtype, device=device
        )
        self._constants = pack(neuron, duration)
        self.register_load_state_dict_pre_hook(_rename_foreign_weights)  # type: ignore[no-untyped-call]

    # The constants are part of what is compiled, and a layer keeps those it was made with.
    @property
    def neuron(self) -> Neuron:
        """The constants, for use with the functions of `tempotron_core`."""
        return self._neuron

    @property
    def tau(self) -> float:
        """Membrane time constant."""
        return self.neuron.tau

    @property
    def tau_s(self) -> float:
        """Synaptic time constant."""
        return self.neuron.tau_s

    @property
    def v_threshold(self) -> float:
        """Firing threshold."""
        return self.neuron.v_threshold

    def _check(self, in_spikes: Any, ret_type: str, axes: int) -> None:
        if not (isinstance(ret_type, str) and ret_type in self._ret_types):
            known = ", ".join(self._ret_types)
            raise ValueError(f"ret_type must be one of {known}, got {ret_type!r}")
        times = in_spikes.times if isinstance(in_spikes, Events) else in_spikes
        if not isinstance(times, Tensor):
            raise TypeError(f"in_spikes must be a torch tensor, got {type(times).__name__}")
        if times.device != self.fc.weight.device:
            raise ValueError(
                f"in_spikes must be on the device of the weights, {self.fc.weight.device}, "
                f"got {times.device}"
            )
        if isinstance(in_spikes, Events):
            if in_spikes.n_afferents != self.in_features:
                raise ValueError(
                    f"in_spikes must have in_features = {self.in_features} afferents, "
                    f"got {in_spikes.n_afferents}"
                )
            if in_spikes.duration != self._constants[-1]:
                raise ValueError(
                    f"in_spikes must have the layer's duration, {self._constants[-1]}, "
                    f"got {in_spikes.duration}"
                )
            return
        if not 2 <= in_spikes.ndim <= axes or in_spikes.shape[1] != self.in_features:
            more = " or (B, in_features, S)" if axes == 3 else ""
            raise ValueError(
                f"in_spikes must have shape (B, in_features){more} with in_features = "
                f"{self.in_features}, got {tuple(in_spikes.shape)}"
            )
        if in_spikes.is_complex() or in_spikes.dtype == torch.bool:
            raise TypeError(f"in_spikes must hold real numbers, got {in_spikes.dtype}")

    def _spikes(self, in_spikes: Tensor | Events) -> Spikes:
        """Sort the spikes, in float32 where they are of half precision."""
        if isinstance(in_spikes, Events):
            return spikes_of(in_spikes)
        if in_spikes.dtype not in (torch.float32, torch.float64):
            in_spikes = in_spikes.to(torch.float32)
        if in_spikes.ndim == 3 and in_spikes.shape[2] == 0:
            in_spikes = nn.functional.pad(in_spikes, (0, 1), value=-1.0)  # one place, no spike
        duration = self._constants[-1]
        if _in_transform():  # shapes cannot depend on values
            return sorted_spikes(in_spikes, duration)
        if in_spikes.ndim == 3:
            return spikes_of(Events.from_trains(in_spikes, duration))
        return spikes_of(Events._from_latencies("in_spikes", in_spikes, duration))

    def _weight(self) -> Tensor:
        """The weights, in float32 where they are of half precision."""
        weight = self.fc.weight
        return weight if weight.dtype == torch.float64 else weight.to(torch.float32)

    def _read(
        self, name: str, spikes: Spikes, options: tuple[float, ...] = (), **more: Any
    ) -> tuple[Tensor, ...]:
        return differentiable_readout(
            name, spikes, self._weight(), self._constants, options, **more
        )


class Tempotron(_Layer):
    """Tempotrons on a grid of T time steps: SpikingJelly's class of that name, as a drop-in.

    The numbers are those of SpikingJelly 0.0.0.0.14 where it is right; docs/spikingjelly.md lists
    what it gets wrong and what happens here instead.  No array of afferents by time steps is ever
    made.

    Parameters
    ----------
    in_features : int
        Afferents, N.
    out_features : int
        Output neurons, O.
    T : int
        Time steps; the potential is sampled at t = 0, 1, ..., T - 1.
    tau : float, default 15.0
        Membrane time constant, in time steps.
    tau_s : float, default 3.75
        Synaptic time constant, in time steps.
    v_threshold : float, default 1.0
        Firing threshold, also the peak of one postsynaptic potential of unit weight.
    dtype : torch.dtype, optional
        Of the weights.  Half precision is kept, but computed with in float32.
    device : torch.device or str, optional
        Of the weights.

    Attributes
    ----------
    fc : torch.nn.Linear
        ``fc.weight``, shape (O, N), holds the synaptic weights, drawn uniformly from
        +-1/sqrt(N); there is no bias.  It is the only entry of ``state_dict()``.  Checkpoints that
        name it ``weight`` or ``model.summation_layer.weight`` load as well.
    neuron : tempotron_core.Neuron
        The constants.

    Raises
    ------
    TypeError
        If a number is not of the right kind.
    ValueError
        If a size, time constant or threshold is not positive.

    Examples
    --------
    >>> import torch
    >>> from tempotron_backends.torch import Tempotron
    >>> layer = Tempotron(3, 2, T=50)
    >>> in_spikes = torch.tensor([[1.0, 3.0, -1.0]])
    >>> layer(in_spikes, "v_max").shape
    torch.Size([1, 2])
    """

    _ret_types = ("v", "v_max", "spikes")

    def __init__(
        self,
        in_features: int,
        out_features: int,
        T: int,
        tau: float = 15.0,
        tau_s: float = 15.0 / 4,
        v_threshold: float = 1.0,
        *,
        dtype: torch.dtype | None = None,
        device: Any = None,
    ) -> None:
        n_steps = whole_number("T", T)
        neuron = Neuron(tau, tau_s, v_threshold)
        super().__init__(in_features, out_features, float(n_steps), neuron, dtype, device)

    @property
    def T(self) -> int:
        """Time steps."""
        return int(self._constants[-1])

    def extra_repr(self) -> str:
        """The constants, for ``print(layer)``."""
        return f"T={self.T}, tau={self.tau}, tau_s={self.tau_s}, v_threshold={self.v_threshold}"

    def forward(self, in_spikes: Tensor, ret_type: str) -> Tensor:
        """Run the layer.

        Parameters
        ----------
        in_spikes : tensor, shape (B, N)
            Spike times in time steps; negative or inf means no spike.  Integers and half
            precision are taken as float32.
        ret_type : {'v', 'v_max', 'spikes'}
            What to return.

        Returns
        -------
        tensor
            'v': potential at every step, shape (B, O, T).  'v_max': its maximum over the steps,
            shape (B, O).  'spikes': the step of the maximum, negative where the threshold is not
            reached, shape (B, O), with the gradient of a soft arg max.

        Raises
        ------
        TypeError
            If ``in_spikes`` is no tensor of real numbers.
        ValueError
            If ``ret_type`` is unknown, the shape or device does not fit, or a time is NaN.
        """
        self._check(in_spikes, ret_type, axes=2)
        spikes = self._spikes(in_spikes)
        if ret_type == "v":
            steps = torch.arange(self.T, dtype=spikes[0].dtype, device=spikes[0].device)
            return self._read("voltage", spikes, samples=steps)[0]
        if ret_type == "v_max":
            return self._read("peak", spikes, (float(self.T), 1.0))[0]
        return self._read("soft_peak_time", spikes, (float(self.T),))[0]

    @staticmethod
    def psp_kernel(t: Tensor, tau: float, tau_s: float) -> Tensor:
        """Postsynaptic potential before normalisation: `tempotron_core.Tempotron.psp_kernel`.

        Parameters
        ----------
        t : tensor
            Times after the spike, in the unit of the time constants.
        tau, tau_s : float
            Time constants.

        Returns
        -------
        tensor
            ``exp(-t/tau) - exp(-t/tau_s)``, 0 for t < 0.
        """
        kernel: Tensor = _CoreTempotron.psp_kernel(t, tau, tau_s)
        return kernel

    @staticmethod
    def mse_loss(v_max: Tensor, v_threshold: float, label: Tensor, num_classes: int) -> Tensor:
        """Squared distance of wrong neurons from threshold, averaged over patterns.

        Parameters
        ----------
        v_max : tensor, shape (B, num_classes)
        v_threshold : float
        label : integer tensor, shape (B,)
        num_classes : int

        Returns
        -------
        tensor, shape ()

        Raises
        ------
        ValueError
            If the shapes do not fit together.
        """
        if label.ndim != 1 or tuple(v_max.shape) != (label.shape[0], num_classes):
            raise ValueError(
                f"v_max must have shape (B, num_classes = {num_classes}) and label (B,), "
                f"got {tuple(v_max.shape)} and {tuple(label.shape)}"
            )
        target = nn.functional.one_hot(label.to(torch.int64), num_classes)
        wrong = (v_max >= v_threshold) != (target == 1)
        error = torch.where(wrong, v_max - v_threshold, 0.0)
        return (error * error).sum() / max(1, label.shape[0])


class ExactTempotron(_Layer):
    """Tempotrons in continuous time [1]_, with any number of spikes per afferent.

    Layers stack: ``torch.nn.Sequential`` of these passes first spike times on, inf for silence.

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
    ret_type : {'t_spike', 'v_max', 't_max', 'peak', 'all'}, default 't_spike'
        What a call returns unless it says otherwise.
    min_slope : float, default 0.0
        Slopes of the potential at a threshold crossing below this count as this, in the gradient
        of 't_spike': it bounds the gradient of a potential that barely crosses.
    dtype : torch.dtype, optional
        Of the weights.  Half precision is kept, but computed with in float32.
    device : torch.device or str, optional
        Of the weights.

    Attributes
    ----------
    fc : torch.nn.Linear
        ``fc.weight``, shape (O, N), holds the synaptic weights, drawn uniformly from
        +-1/sqrt(N); there is no bias.  It is the only entry of ``state_dict()``.
    neuron : tempotron_core.Neuron
        The constants.

    Raises
    ------
    TypeError
        If a number is not of the right kind.
    ValueError
        If a size, constant or the duration is not positive, or ``ret_type`` is unknown.

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

    _ret_types = ("t_spike", "v_max", "t_max", "peak", "all")

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
        min_slope: float = 0.0,
        dtype: torch.dtype | None = None,
        device: Any = None,
    ) -> None:
        duration = positive_float("duration", duration)
        neuron = Neuron(tau, tau_s, v_threshold, psp_peak=psp_peak, shunt=shunt)
        super().__init__(in_features, out_features, duration, neuron, dtype, device)
        if not (isinstance(ret_type, str) and ret_type in self._ret_types):
            known = ", ".join(self._ret_types)
            raise ValueError(f"ret_type must be one of {known}, got {ret_type!r}")
        self.ret_type = ret_type
        self.min_slope = positive_float("min_slope", min_slope, or_zero=True)

    @property
    def duration(self) -> float:
        """Length of a pattern."""
        return self._constants[-1]

    def extra_repr(self) -> str:
        """The constants, for ``print(layer)``."""
        more = "" if self.neuron.psp_peak is None else f", psp_peak={self.neuron.psp_peak}"
        more += ", shunt=True" if self.neuron.shunt else ""
        more += f", ret_type={self.ret_type!r}"
        more += f", min_slope={self.min_slope}" if self.min_slope else ""
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
            Spike times in the unit of ``duration``; negative or inf means no spike.  Integers and
            half precision are taken as float32.
        ret_type : {'t_spike', 'v_max', 't_max', 'peak', 'all'}, optional
            What to return, by default what the layer was made with.

        Returns
        -------
        tensor, shape (B, O), or Peak or Readout of such tensors
            't_spike': first threshold crossing, inf if silent.  'v_max', 't_max': largest
            potential and its time.  'peak': both.  'all': all three.

        Raises
        ------
        TypeError
            If ``in_spikes`` is no tensor of real numbers.
        ValueError
            If ``ret_type`` is unknown, the shape, device or duration does not fit, or a time is
            NaN.
        """
        ret_type = self.ret_type if ret_type is None else ret_type
        self._check(in_spikes, ret_type, axes=3)
        spikes = self._spikes(in_spikes)
        if ret_type == "t_spike":
            return self._t_spike(spikes)
        v_max, t_max = self._read("peak", spikes)
        if ret_type == "all":
            return Readout(v_max, t_max, self._t_spike(spikes))
        found = Peak(v_max, t_max)
        return found if ret_type == "peak" else found.v_max if ret_type == "v_max" else found.t_max

    def _t_spike(self, spikes: Spikes) -> Tensor:
        return self._read("first_crossing", spikes, (self.min_slope,))[0]


def _in_transform() -> bool:
    """Whether a graph is being made, or a transform of ``torch.func`` is under way."""
    return (
        torch.compiler.is_compiling()
        or torch.jit.is_tracing()  # type: ignore[attr-defined, no-untyped-call]
        or torch._C._are_functorch_transforms_active()
    )


def _rename_foreign_weights(
    _layer: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Take the weights from a checkpoint that names them otherwise."""
    wanted = f"{prefix}fc.weight"
    for key in _FOREIGN_KEYS:
        if wanted not in state_dict and prefix + key in state_dict:
            state_dict[wanted] = state_dict.pop(prefix + key)
