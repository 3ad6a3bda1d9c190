"""A layer of tempotrons with the interface of SpikingJelly's dense-grid class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from ..arrays.choices import check_choice
from ..arrays.integers import as_floating
from ..arrays.namespace import (
    array_namespace,
    check_dense,
    check_floating,
    check_same_device,
    device_of,
)
from ..arrays.numbers import positive_float, whole_number
from ..arrays.settings import under_own_settings
from ..events import Events
from ..events.batch import from_latencies
from ..events.units import UnitsWatch
from ..learning.labels import class_indices
from ..neuron import Neuron
from ..readouts.arguments import grid_times
from ..readouts.peak import peak
from ..readouts.peak_gradient import peak_vjp
from ..readouts.soft_peak import soft_peak_time
from ..readouts.soft_peak_gradient import soft_peak_time_vjp
from ..readouts.voltage import voltage
from ..readouts.voltage_gradient import voltage_vjp

__all__ = ["Tempotron"]

Array = Any

_RET_TYPES = ("v", "v_max", "spikes")


class Tempotron:
    """Tempotrons on a grid of T time steps, as in SpikingJelly 0.0.0.0.14.

    The numbers are those of that class where it is right; docs/spikingjelly.md lists what it gets
    wrong and what happens here instead.  No array of afferents by time steps is ever made.

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
    weight : array, shape (O, N), optional
        Synaptic weights.  Drawn uniformly from +-1/sqrt(N) if not given.
    rng : numpy.random.Generator or int, optional
        Source of the weights; drawn on the host, so every array library gets the same numbers.
    dtype : dtype or str, default float32
        Of the weights drawn: float32 or float64.
    device : device, optional
        Where NumPy weights are moved at the first call, by default the device of the input.

    Attributes
    ----------
    weight : array, shape (O, N)
        NumPy at first.  The first call moves NumPy weights to the library and device of its
        input; later inputs must come from the same.
    neuron : Neuron
        The constants, for use with :func:`peak` and the other functions on the exact clock.

    Raises
    ------
    TypeError
        If a number is not of the right kind.
    ValueError
        If a size, time constant or threshold is not positive, or ``weight`` has another shape.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Tempotron
    >>> model = Tempotron(3, 2, T=50, rng=0)
    >>> in_spikes = np.asarray([[1.0, 3.0, -1.0]])
    >>> model(in_spikes, "v_max").shape
    (1, 2)
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        T: int,
        tau: float = 15.0,
        tau_s: float = 15.0 / 4,
        v_threshold: float = 1.0,
        *,
        weight: Array | None = None,
        rng: np.random.Generator | int | None = None,
        dtype: Any = None,
        device: Any = None,
    ) -> None:
        self.in_features = whole_number("in_features", in_features)
        self.out_features = whole_number("out_features", out_features)
        self.T = whole_number("T", T)
        self.neuron = Neuron(tau, tau_s, v_threshold)
        self.device = device
        shape = (self.out_features, self.in_features)
        if weight is None:
            bound = 1.0 / self.in_features**0.5
            drawn = _generator(rng).uniform(-bound, bound, shape)
            weight = drawn.astype(_floating_name(dtype))
        xp = array_namespace(weight=weight)
        if tuple(weight.shape) != shape:
            raise ValueError(
                f"weight must have shape (out_features, in_features) = {shape}, "
                f"got {tuple(weight.shape)}"
            )
        check_dense("weight", weight)
        check_floating("weight", weight, xp=xp)
        self.weight = weight
        self._units = UnitsWatch()

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

    def __repr__(self) -> str:
        return (
            f"Tempotron(in_features={self.in_features}, out_features={self.out_features}, "
            f"T={self.T}, tau={self.tau}, tau_s={self.tau_s}, v_threshold={self.v_threshold})"
        )

    def __call__(self, in_spikes: Array, ret_type: str) -> Array:
        """Run the layer.

        Parameters
        ----------
        in_spikes : array, shape (B, in_features)
            Spike times in time steps; negative or inf means no spike.
        ret_type : {'v', 'v_max', 'spikes'}
            What to return.

        Returns
        -------
        array
            'v': potential at every step, shape (B, out_features, T).  'v_max': its maximum over
            the steps, shape (B, out_features).  'spikes': the step of the maximum, negative
            where the threshold is not reached, shape (B, out_features); see
            :func:`soft_peak_time`.

        Raises
        ------
        TypeError
            If ``in_spikes`` is no array, or from another library than the weights.
        ValueError
            If ``ret_type`` is unknown or the shape or device does not fit.
        """
        events = self._events(in_spikes, ret_type)
        if ret_type == "v":
            return voltage(events, self.weight, self.neuron, self._steps(events))
        if ret_type == "v_max":
            return peak(events, self.weight, self.neuron, grid=(self.T, 1.0)).v_max
        return soft_peak_time(events, self.weight, self.neuron, self.T)

    def value_and_grad(
        self,
        in_spikes: Array,
        ret_type: str,
        cotangent: Array | Callable[[Array], Array],
        *,
        times: bool = False,
    ) -> tuple[Array, Array, Array | None]:
        """Run the layer and pull a cotangent of its result back.

        Parameters
        ----------
        in_spikes, ret_type
            As in a call.
        cotangent : array or callable
            Derivative of the loss by the result, of its shape; or a function of the result that
            returns it.
        times : bool, default False
            Also return the gradient towards the spike times.

        Returns
        -------
        value : array
        weight_grad : array, shape (out_features, in_features)
        time_grad : array, shape (B, in_features), or None

        Raises
        ------
        TypeError, ValueError
            As a call, and if the cotangent does not fit.
        """
        events = self._events(in_spikes, ret_type)
        given = (events, self.weight, self.neuron)

        def pulled(value: Array) -> Array:
            return cotangent(value) if callable(cotangent) else cotangent

        value: Array
        if ret_type == "v":
            steps = self._steps(events)
            value = voltage(*given, steps)
            gradient = voltage_vjp(*given, steps, pulled(value), times=times)
        elif ret_type == "v_max":
            grid = (self.T, 1.0)
            found = peak(*given, grid=grid)
            value = found.v_max
            gradient = peak_vjp(*given, found, pulled(value), times=times, grid=grid)
        else:
            value = soft_peak_time(*given, self.T)
            gradient = soft_peak_time_vjp(*given, self.T, pulled(value), times=times)
        return value, gradient.weight, gradient.times

    @staticmethod
    @under_own_settings
    def psp_kernel(t: Array, tau: float, tau_s: float) -> Array:
        """Postsynaptic potential before normalisation.

        Parameters
        ----------
        t : array
            Times after the spike, in the unit of the time constants.
        tau, tau_s : float
            Time constants.

        Returns
        -------
        array
            ``exp(-t/tau) - exp(-t/tau_s)``, 0 for t < 0.

        Raises
        ------
        TypeError, ValueError
            If ``t`` is no array or a constant is not positive.
        """
        xp = array_namespace(t=t)
        t = as_floating("t", t, xp=xp)
        tau, tau_s = positive_float("tau", tau), positive_float("tau_s", tau_s)
        after = xp.where(t >= 0.0, t, 0.0)
        # both exponentials are 1 where t < 0
        return xp.exp(after * (-1.0 / tau)) - xp.exp(after * (-1.0 / tau_s))

    @staticmethod
    @under_own_settings
    def mse_loss(v_max: Array, v_threshold: float, label: Array, num_classes: int) -> Array:
        """Squared distance of wrong neurons from threshold, averaged over patterns.

        Parameters
        ----------
        v_max : array, shape (B, num_classes)
        v_threshold : float
        label : integer array, shape (B,)
        num_classes : int

        Returns
        -------
        array, shape ()

        Raises
        ------
        TypeError, ValueError
            If the arrays do not fit together.

        See Also
        --------
        tempotron_core.learning.mse_loss : the same loss together with its derivative.
        """
        xp = array_namespace(v_max=v_max, label=label)
        check_same_device(v_max=v_max, label=label)
        check_floating("v_max", v_max, xp=xp)
        v_threshold = positive_float("v_threshold", v_threshold)
        num_classes = whole_number("num_classes", num_classes)
        if label.ndim != 1:
            raise ValueError(f"label must have shape (B,), got {tuple(label.shape)}")
        if not xp.isdtype(label.dtype, "integral"):
            raise TypeError(f"label must hold integer class indices, got {label.dtype}")
        if v_max.ndim != 2 or tuple(v_max.shape) != (label.shape[0], num_classes):
            raise ValueError(
                f"v_max must have shape (B, num_classes) = ({label.shape[0]}, {num_classes}), "
                f"got {tuple(v_max.shape)}"
            )
        label = class_indices("label", label, num_classes, xp=xp)
        classes = xp.arange(num_classes, dtype=label.dtype, device=device_of(label))
        wrong = (v_max >= v_threshold) != (label[:, None] == classes[None, :])
        error = xp.where(wrong, v_max - v_threshold, 0.0)
        return xp.sum(error * error) / max(1, label.shape[0])

    def _events(self, in_spikes: Array, ret_type: str) -> Events:
        """Check a call's arguments, bring the weights to the input, sort the spikes."""
        check_choice("ret_type", ret_type, _RET_TYPES)
        xp = array_namespace(in_spikes=in_spikes)
        if in_spikes.ndim != 2 or in_spikes.shape[1] != self.in_features:
            raise ValueError(
                f"in_spikes must have shape (B, in_features) with in_features = "
                f"{self.in_features}, got {tuple(in_spikes.shape)}"
            )
        events = from_latencies("in_spikes", in_spikes, float(self.T))
        events = replace(events, _units=self._units)  # one look is enough
        weight = self.weight  # read once: another thread may be in its first call
        if isinstance(weight, np.ndarray) and not isinstance(in_spikes, np.ndarray):
            device = device_of(in_spikes) if self.device is None else self.device
            held = xp.__array_namespace_info__().dtypes(kind="real floating")
            if weight.dtype.name not in held:
                raise ValueError(
                    f"weight must have a dtype that {xp.__name__} can hold, got {weight.dtype} "
                    f"(JAX needs jax_enable_x64 for float64)"
                )
            try:
                weight = xp.asarray(weight, dtype=held[weight.dtype.name], device=device)
            except Exception as error:  # every library raises an error of its own
                raise ValueError(
                    f"device must be one that {xp.__name__} can hold the weights on, "
                    f"got {device!r}: {error}"
                ) from error
            check_same_device(in_spikes=in_spikes, weight=weight)
            self.weight = weight
        return events

    def _steps(self, events: Events) -> Array:
        return grid_times((self.T, 1.0), events.times, events.xp)


def _generator(rng: np.random.Generator | int | None) -> np.random.Generator:
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError):
        raise TypeError(
            f"rng must be a numpy.random.Generator or an integer from 0, got {rng!r}"
        ) from None


def _floating_name(dtype: Any) -> str:
    """Name of a floating dtype of any library."""
    if dtype is None:
        return "float32"
    try:
        name = str(np.dtype(dtype).name)
    except TypeError:  # a dtype of another library, such as torch.float32
        name = str(dtype).rpartition(".")[2]
    if name not in ("float32", "float64"):
        raise TypeError(f"dtype must be float32 or float64, got {dtype!r}")
    return name
