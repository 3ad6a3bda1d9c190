"""What the torch modules share: weights, constants, and spikes brought into sorted form.

A module is an ordinary one: parameters, ``state_dict``, ``torch.compile``, ``torch.func``,
distributed training and mixed precision work as for any other layer.  Gradients are the analytic
ones of the core.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from tempotron_core import Events, Neuron
from tempotron_core.arrays.choices import check_choice
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.encoding import with_clock
from tempotron_core.events.batch import from_latencies
from tempotron_core.events.units import UnitsWatch, check_units

from .arguments import check_dense, check_events, check_tensor
from .autograd import (
    Spikes,
    differentiable_readout,
    in_transform,
    sorted_spikes,
    spikes_of,
)
from .learned import learned_values, logarithms, with_values
from .operators import pack

__all__ = ["Layer"]

_FOREIGN_KEYS = ("weight", "model.summation_layer.weight")
"""Where the checkpoints of other versions of SpikingJelly keep what ``fc.weight`` is here."""


class SynapticWeights(nn.Linear):
    """Weights without a bias, which a call without input returns.

    A layer reads its weights by such a call, so that what acts before the call of a module does
    act: pruning, weight normalisation and sharding of `torch.nn.utils` and others.
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        deviation: float | None = None,
        **options: Any,
    ) -> None:
        self.deviation = deviation  # first: what follows draws the weights
        super().__init__(in_features, out_features, bias=False, **options)

    def reset_parameters(self) -> None:
        """Draw the weights: as `tempotron_core.random_weight`, or uniformly from +-1/sqrt(N)."""
        if self.deviation is None:
            super().reset_parameters()
        else:
            mean = self.deviation / math.sqrt(self.in_features)
            nn.init.normal_(self.weight, mean, self.deviation)

    def forward(self, x: Tensor | None = None) -> Tensor:
        """Return the weights [O, N], or as `torch.nn.Linear` their products with x [..., N]."""
        return self.weight if x is None else super().forward(x)


class Layer(nn.Module):
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
        *,
        deviation: float | None = None,
        clock: tuple[float, ...] = (),
        learn: tuple[str, ...] = (),
    ) -> None:
        super().__init__()
        self.in_features = whole_number("in_features", in_features)
        self.out_features = whole_number("out_features", out_features)
        if dtype is not None:
            _check_floating(dtype)
        self._neuron, self._duration, self._clock = neuron, duration, clock
        self._n_columns = self.in_features + len(clock)
        self.fc: nn.Module = SynapticWeights(
            self._n_columns, self.out_features, deviation, dtype=dtype, device=device
        )
        self._learn = learn
        for name, logarithm in logarithms(neuron, learn, dtype, device).items():
            self.register_parameter(f"log_{name}", logarithm)
        self._constants = pack(neuron, duration)
        self._units = UnitsWatch()
        self.register_load_state_dict_pre_hook(_rename_foreign_weights)  # type: ignore[no-untyped-call]

    # The constants are part of what is compiled, and a layer keeps those it was made with, but for
    # those that it learns.
    @property
    def neuron(self) -> Neuron:
        """The constants as they are now, for use with the functions of `tempotron_core`."""
        return with_values(self._neuron, self._logarithms()) if self._learn else self._neuron

    def _logarithms(self) -> dict[str, Tensor]:
        return {name: getattr(self, f"log_{name}") for name in self._learn}

    def _learned(self) -> Tensor | None:
        """The constants as a readout takes them, if some are learned."""
        return learned_values(self._neuron, self._logarithms()) if self._learn else None

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

    def _weights(self) -> Tensor:
        """The weights [O, N], in float32 where they are of half precision, or an error."""
        weight: Tensor = self.fc() if isinstance(self.fc, SynapticWeights) else self.fc.weight  # type: ignore[assignment]
        if weight.ndim != 2 or weight.shape[1] != self._n_columns:
            clock = f" and {len(self._clock)} more for the clock" if self._clock else ""
            raise ValueError(
                f"fc.weight must have shape (out_features, in_features) with in_features = "
                f"{self.in_features}{clock}, got {tuple(weight.shape)}"
            )
        if not weight.is_floating_point():
            raise TypeError(f"fc.weight must hold floating-point numbers, got {weight.dtype}")
        if getattr(self.fc, "bias", None) is not None:
            raise ValueError(
                f"fc must have no bias, which no tempotron has, got {type(self.fc).__name__}"
            )
        return weight if weight.dtype == torch.float64 else weight.to(torch.float32)

    def _check(self, in_spikes: Any, weight: Tensor, ret_type: str, axes: int) -> None:
        check_choice("ret_type", ret_type, self._ret_types)
        check_tensor(in_spikes, weight.device)
        if isinstance(in_spikes, Events):
            check_events(in_spikes, self.in_features, self._duration)
        else:
            check_dense(in_spikes, self.in_features, axes)

    def events_of(self, in_spikes: Tensor | Events) -> Events:
        """Sort spikes that were checked; not for graphs, whose shapes cannot depend on values."""
        events = self._sorted(in_spikes)
        return with_clock(events, self._clock) if self._clock else events

    def _sorted(self, in_spikes: Tensor | Events) -> Events:
        if isinstance(in_spikes, Events):
            return in_spikes
        in_spikes = _of_full_precision(in_spikes)
        if in_spikes.ndim == 3:
            return Events.from_trains(in_spikes, self._duration)
        return from_latencies("in_spikes", in_spikes, self._duration)

    def _spikes(self, in_spikes: Tensor | Events) -> Spikes:
        """Sort the spikes, in float32 where they are of half precision."""
        if not isinstance(in_spikes, Events) and in_transform():
            in_spikes = self._beside_clock(_of_full_precision(in_spikes))
            return sorted_spikes(in_spikes, self._constants)
        events = self.events_of(in_spikes)
        if not isinstance(in_spikes, Events):
            events = replace(events, _units=self._units)  # one look is enough for a layer
        if not in_transform():
            check_units(events, self._neuron)
        return spikes_of(events)

    def _beside_clock(self, in_spikes: Tensor) -> Tensor:
        """Append a row of the clock's afferents to spikes that are not sorted yet."""
        if not self._clock:
            return in_spikes
        if not in_spikes.is_floating_point():
            in_spikes = in_spikes.to(torch.get_default_dtype())
        times = in_spikes.new_tensor(self._clock).expand(in_spikes.shape[0], -1)
        if in_spikes.ndim == 3:
            times = nn.functional.pad(times[:, :, None], (0, in_spikes.shape[2] - 1), value=-1.0)
        return torch.cat([in_spikes, times], dim=1)

    def _read(
        self, name: str, spikes: Spikes, weight: Tensor, options: str = "", **more: Any
    ) -> tuple[Tensor, ...]:
        given = name, spikes, weight, self._constants, options
        return differentiable_readout(*given, learned=self._learned(), **more)


def _of_full_precision(in_spikes: Tensor) -> Tensor:
    """Spikes of a dtype that torch computes with, and with room for one spike at least."""
    if in_spikes.is_floating_point() and in_spikes.dtype != torch.float64:
        in_spikes = in_spikes.to(torch.float32)
    if in_spikes.dtype in (torch.uint16, torch.uint32):  # of which torch knows little else
        in_spikes = in_spikes.to(torch.int64)
    if in_spikes.ndim == 3 and in_spikes.shape[2] == 0:
        in_spikes = nn.functional.pad(in_spikes, (0, 1), value=-1.0)  # one place, no spike
    return in_spikes


def _rename_foreign_weights(
    _layer: nn.Module, state_dict: dict[str, Any], prefix: str, *_: Any
) -> None:
    """Take the weights from a checkpoint that names them otherwise."""
    wanted = f"{prefix}fc.weight"
    for key in _FOREIGN_KEYS:
        if wanted not in state_dict and prefix + key in state_dict:
            state_dict[wanted] = state_dict.pop(prefix + key)


def _check_floating(dtype: object) -> None:
    """Raise TypeError unless it is one of torch's floating-point dtypes."""
    if not (isinstance(dtype, torch.dtype) and dtype.is_floating_point):
        raise TypeError(f"dtype must be a floating-point torch.dtype, got {dtype!r}")
