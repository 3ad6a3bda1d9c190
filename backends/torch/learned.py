"""Constants of a layer's neuron that are learned, as logarithms: so they stay positive."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from tempotron_core import Neuron
from tempotron_core.neuron import CONSTANTS

__all__ = ["check_learn", "learned_values", "logarithms", "with_values"]


def check_learn(learn: Any) -> tuple[str, ...]:
    """Return the names of the constants to be learned, in the order of `CONSTANTS`."""
    given = None if isinstance(learn, str) or not isinstance(learn, Iterable) else tuple(learn)
    if given is None or any(name not in CONSTANTS for name in given):
        raise ValueError(
            f"learn must hold names of constants, of {', '.join(map(repr, CONSTANTS))}, as in "
            f"learn=('tau',): got {learn!r}"
        )
    return tuple(name for name in CONSTANTS if name in given)


def logarithms(
    neuron: Neuron, learn: tuple[str, ...], dtype: torch.dtype | None, device: Any
) -> dict[str, nn.Parameter]:
    """The parameters, by the name of the constant: no less than single precision."""
    dtype = torch.get_default_dtype() if dtype is None else dtype
    dtype = dtype if dtype == torch.float64 else torch.float32

    def logarithm(name: str) -> nn.Parameter:
        value = getattr(neuron, name)
        value = neuron.v_threshold if value is None else value  # psp_peak, from now on its own
        return nn.Parameter(torch.tensor(math.log(value), dtype=dtype, device=device))

    return {name: logarithm(name) for name in learn}


def learned_values(neuron: Neuron, logs: Mapping[str, Tensor]) -> Tensor:
    """All constants as `operators.readout` takes them; those not learned are the neuron's."""
    first = next(iter(logs.values()))
    dtype = first.dtype if first.dtype == torch.float64 else torch.float32
    values = []
    for name in CONSTANTS:
        constant = getattr(neuron, name)
        if name in logs:
            values.append(_value(logs[name]))
        elif constant is not None:
            values.append(torch.full((), constant, dtype=dtype, device=first.device))
    return torch.stack(values)


def _value(log: Tensor) -> Tensor:
    """The constant of a logarithm, in single precision at least."""
    return (log if log.dtype == torch.float64 else log.to(torch.float32)).exp()


def with_values(neuron: Neuron, logs: Mapping[str, Tensor]) -> Neuron:
    """The neuron with the values that are learned by now."""
    values = {name: _value(log.detach()).item() for name, log in logs.items()}
    constants = {name: getattr(neuron, name) for name in CONSTANTS} | values
    return Neuron(**constants, shunt=neuron.shunt)
