"""Tempotrons written as NIR graphs."""

from __future__ import annotations

import math
import sys
from collections.abc import Iterable, Iterator
from itertools import pairwise
from numbers import Real
from typing import Any

import nir
import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network, Neuron, Tempotron
from tempotron_core.arrays.choices import check_choice
from tempotron_core.arrays.host import native, to_host
from tempotron_core.arrays.numbers import positive_float

from .._backend import dtype_name
from .convention import FORMAT, OUTPUTS, SPIKES, TIMES, check_convention

__all__ = ["to_nir"]

Floats = NDArray[np.floating[Any]]


def to_nir(
    model: Any,
    neuron: Neuron | None = None,
    *,
    output: str | None = None,
    spikes: str = "delta",
    dt: float | None = None,
    time_unit: float = 1e-3,
    v_reset: float = 0.0,
) -> nir.NIRGraph:
    """Write a model as a NIR graph: ``Linear`` and ``CubaLIF`` for each layer.

    Parameters
    ----------
    model : Tempotron, Network, torch module or array
        A `Tempotron` or `Network` of `tempotron_core`; a ``Tempotron`` or ``ExactTempotron`` of
        `tempotron_backends.torch`, or a ``torch.nn.Sequential`` of the latter; or the weights of
        one layer, shape (O, N), of any library and device.
    neuron : Neuron, optional
        Constants that belong to an array of weights.  Other models have their own.
    output : {'first', 'spikes'}, optional
        What the spikes of the graph's neurons mean: that each decides by its first one, or that
        all count, as those of the multi-spike neuron.  A network or a torch module says so itself;
        other models are of the first kind unless told otherwise.
    spikes : {'delta', 'step'}
        What the simulator makes of an input spike.  'delta': an impulse of unit area, as in NIR's
        equations.  'step': a current of height 1 for one time step, as in Norse and snnTorch,
        so that ``w_in`` has to be divided by ``dt``.
    dt : float, optional
        Time step of the simulation, in the model's unit of time; required with 'step', otherwise
        only noted in the metadata.
    time_unit : float, default 1e-3
        The model's unit of time in the graph's.  The default writes milliseconds as seconds, which
        is what importers expect; 1.0 keeps the model's unit.
    v_reset : float, default 0.0
        Potential after an output spike, in the unit of the threshold.  Before its first output
        spike a neuron does not depend on it; see Notes.  It must be 0 with ``output='spikes'``.

    Returns
    -------
    nir.NIRGraph
        ``input``, ``linear_0``, ``cubalif_0``, ``linear_1``, ... and ``output``.  Weights keep
        their dtype, all else is float64 of shape (O,).  The metadata hold the convention
        (``spikes``, and in words ``spike_effect``), ``output`` (in words ``decision``), ``dt`` and
        ``time_unit`` (and in words ``times``); `nir.write` keeps them.

    Raises
    ------
    TypeError
        If the model is of another kind, or a number is not real.
    ValueError
        If NIR cannot express the model (shunting, hidden neurons that spike at their peak, or
        otherwise than the last layer is read, reference spikes, a clock, a limit of spikes), or a
        number is out of range, or weights are not finite.

    Notes
    -----
    A multi-spike neuron is a CubaLIF that is reset to 0.  Any other tempotron decides by its first
    threshold crossing, and later output spikes of a CubaLIF mean nothing.  A hidden neuron of a
    `Network` passes on that first spike alone, but a CubaLIF that is reset may spike again.
    ``v_reset=-1e9`` keeps it silent for a duration of some ten ``tau`` where the simulator heeds a
    node's ``v_reset``.

    Examples
    --------
    >>> import numpy as np
    >>> from tempotron_core import Neuron
    >>> from tempotron_backends.nir import from_nir, to_nir
    >>> graph = to_nir(np.ones((2, 3)), Neuron(tau=20.0, tau_s=5.0))
    >>> graph.nodes["cubalif_0"].tau_mem, graph.nodes["cubalif_0"].w_in.round(6)
    (array([0.02, 0.02]), array([0.031748, 0.031748]))
    >>> from_nir(graph).weights[0].shape
    (2, 3)
    """
    time_unit = positive_float("time_unit", time_unit)
    if dt is not None:
        dt = positive_float("dt in the graph's unit", positive_float("dt", dt) * time_unit)
    check_convention(spikes, dt)
    layers = list(_layers(model, neuron))
    v_reset = _below_threshold(v_reset, layers)
    output = _output(model, output)
    if output == "spikes" and v_reset != 0.0:
        raise ValueError(
            f"v_reset must be 0 with output='spikes', as a multi-spike neuron is reset to rest, "
            f"got {v_reset}"
        )
    nodes: dict[str, Any] = {"input": nir.Input(np.asarray([layers[0][0].shape[1]]))}
    for index, (weight, constants) in enumerate(layers):
        nodes[f"linear_{index}"] = nir.Linear(weight.copy())  # the model may go on learning
        n = weight.shape[0]
        fast, slow = constants.tau_s * time_unit, constants.tau * time_unit
        w_in = constants.kernel.rise * constants.tau * constants.tau_s * time_unit
        w_in = w_in if spikes == "delta" or dt is None else w_in / dt
        for name, number in (("tau_syn", fast), ("tau_mem", slow), ("w_in", w_in)):
            if not sys.float_info.min <= number < math.inf:
                raise ValueError(
                    f"time_unit and dt must leave constants that floats can hold, got "
                    f"time_unit={time_unit} and {name}={number} in layer {index}"
                )
        nodes[f"cubalif_{index}"] = nir.CubaLIF(
            tau_syn=np.full(n, fast),
            tau_mem=np.full(n, slow),
            r=np.ones(n),
            v_leak=np.zeros(n),
            v_threshold=np.full(n, constants.v_threshold),
            v_reset=np.full(n, v_reset),
            w_in=np.full(n, w_in),
        )
    nodes["output"] = nir.Output(np.asarray([layers[-1][0].shape[0]]))
    names = list(nodes)
    metadata: dict[str, Any] = {
        "format": FORMAT,
        "spikes": spikes,
        "spike_effect": SPIKES[spikes],
        "time_unit": time_unit,
        "times": TIMES,
        "output": output,
        "decision": OUTPUTS[output],
    }
    if dt is not None:
        metadata["dt"] = dt
    return nir.NIRGraph(nodes, list(pairwise(names)), metadata=metadata)


def _below_threshold(v_reset: Any, layers: list[tuple[Floats, Neuron]]) -> float:
    lowest = min(neuron.v_threshold for _, neuron in layers)
    if isinstance(v_reset, bool) or not isinstance(v_reset, Real):
        raise TypeError(f"v_reset must be a real number, got {v_reset!r}")
    number = float(v_reset)
    if not (math.isfinite(number) and number < lowest):
        raise ValueError(f"v_reset must be finite and below the threshold, got {v_reset!r}")
    return number


def _output(model: Any, output: str | None) -> str:
    """Return what the neurons' spikes mean: what the model says, or what was given."""
    if output is not None:
        check_choice("output", output, OUTPUTS)
    own = None
    if isinstance(model, Network):
        own = "spikes" if model.readout == "counts" else "first"
    elif hasattr(model, "ret_type") or isinstance(model, Tempotron):
        own = "spikes" if getattr(model, "ret_type", None) == "trains" else "first"
    elif isinstance(model, Iterable) and not hasattr(model, "ndim"):
        own = _output(list(model)[-1], None)
    if None not in (own, output) and own != output:
        raise ValueError(f"output must be {own!r}, as the model says, got {output!r}")
    return own or output or "first"


def _layers(model: Any, neuron: Neuron | None) -> Iterator[tuple[Floats, Neuron]]:
    """Weights on the host and constants of every layer, checked to be expressible."""
    inputs = None
    for layer, (array, constants) in enumerate(_found(model, neuron)):
        if dtype_name(array.dtype) not in ("float32", "float64"):
            raise TypeError(
                f"weights of layer {layer} must be float32 or float64, got {array.dtype}"
            )
        weight = native(to_host(array))
        if weight.ndim != 2 or 0 in weight.shape or inputs not in (None, weight.shape[1]):
            wanted = "N" if inputs is None else inputs
            raise ValueError(f"weights of layer {layer} must be (O, {wanted}), got {weight.shape}")
        if not np.all(np.isfinite(weight)):
            raise ValueError(f"weights of layer {layer} must be finite, got NaN or infinite ones")
        if constants.shunt:
            raise ValueError(
                f"neuron of layer {layer} must have shunt=False: NIR cannot express that inputs "
                f"after the output spike are ignored.  Decisions and first spikes are the same "
                f"without, see dataclasses.replace(neuron, shunt=False)"
            )
        inputs = weight.shape[0]
        yield weight, constants


def _found(model: Any, neuron: Neuron | None) -> Iterable[tuple[Any, Neuron]]:
    """Weights, of any library, and constants of every layer of any kind of model."""
    if neuron is not None and not isinstance(neuron, Neuron):
        raise TypeError(f"neuron must be a Neuron, got {type(neuron).__name__}")
    is_network = isinstance(model, Network | Tempotron) or hasattr(model, "fc")
    if not is_network and hasattr(model, "ndim"):
        if neuron is None:
            raise TypeError("neuron must be a Neuron if model is an array of weights, got None")
        return [(model, neuron)]
    if isinstance(model, Network):
        found = _of_network(model)
    elif isinstance(model, Tempotron):
        found = [(model.weight, model.neuron)]
    elif hasattr(model, "fc"):
        found = [(_weight_of_module(model), _neuron_of_module(model))]
    else:
        found = list(_of_modules(model))
    if neuron is not None:
        kind = type(model).__name__
        raise ValueError(f"neuron must be None for a model with constants of its own ({kind})")
    return found


def _of_network(model: Network) -> list[tuple[Any, Neuron]]:
    """Weights and constants of a network's layers, whose spikes NIR can express."""
    wanted = "spikes" if model.readout == "counts" else "first_crossing"
    if len(model.weights) > 1 and model.pass_on != wanted:
        raise ValueError(
            f"model must have pass_on={wanted!r} with readout={model.readout!r} to be written as "
            f"NIR, whose neurons all spike in one way, got {model.pass_on!r}"
        )
    if model.max_spikes is not None:
        raise ValueError(
            f"model must have max_spikes=None to be written as NIR, whose neurons spike as often "
            f"as they do, got {model.max_spikes}"
        )
    _check_no_clock(model)
    if len(model.weights) > 1 and model.reference_times:
        raise ValueError(
            f"model must have no reference_times to be written as NIR, which has no node that "
            f"spikes at given times, got {model.reference_times}"
        )
    return list(zip(model.weights, model.neurons, strict=True))


def _of_modules(model: Any) -> Iterator[tuple[Any, Neuron]]:
    """Weights and constants of the layers of a torch.nn.Sequential."""
    kind = type(model).__name__
    modules = list(model) if isinstance(model, Iterable) and hasattr(model, "forward") else []
    if not modules:
        raise TypeError(
            f"model must be a Tempotron, a Network, a torch module with fc.weight, a "
            f"torch.nn.Sequential of such, or an array of weights, got {kind}"
        )
    for index, module in enumerate(modules):
        if not hasattr(module, "fc"):
            raise TypeError(
                f"model must hold Tempotron and ExactTempotron modules alone, got "
                f"{type(module).__name__} in place {index}"
            )
        passed_on = getattr(module, "ret_type", None)
        wanted = "trains" if getattr(modules[-1], "ret_type", None) == "trains" else "t_spike"
        if index < len(modules) - 1 and passed_on != wanted:
            raise ValueError(
                f"model must have ret_type={wanted!r} in all layers but the last, "
                f"got {passed_on!r} in place {index}"
            )
        yield _weight_of_module(module), _neuron_of_module(module)


def _check_no_clock(model: Any) -> None:
    """Raise if a network or module has reference spikes beside its input."""
    if getattr(model, "clock", ()):
        raise ValueError(
            f"model must have no clock to be written as NIR, which has no node that spikes at "
            f"given times, got {model.clock}: its spikes can be part of the input, see "
            f"tempotron_core.encoding.with_clock"
        )


def _weight_of_module(module: Any) -> Any:
    _check_no_clock(module)
    if getattr(module.fc, "bias", None) is not None:
        raise ValueError(f"model must have no bias in fc, got {type(module).__name__} with one")
    return module.fc.weight


def _neuron_of_module(module: Any) -> Neuron:
    neuron = getattr(module, "neuron", None)
    if isinstance(neuron, Neuron):
        return neuron
    try:
        return Neuron(
            module.tau,
            module.tau_s,
            module.v_threshold,
            psp_peak=getattr(module, "psp_peak", None),
            shunt=getattr(module, "shunt", False),
        )
    except AttributeError as error:
        kind = type(module).__name__
        raise TypeError(f"model must be a tempotron module, got {kind}: {error}") from None
