"""NIR graphs read as tempotrons."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import array_api_compat
import nir
import numpy as np
from numpy.typing import NDArray

from tempotron_core import Network, Neuron
from tempotron_core.arrays.choices import check_choice
from tempotron_core.arrays.host import native, to_host
from tempotron_core.arrays.numbers import positive_float

from .convention import FORMAT, OUTPUTS, check_convention

__all__ = ["from_nir"]

Floats = NDArray[np.floating[Any]]


def from_nir(
    graph: nir.NIRGraph,
    *,
    output: str | None = None,
    spikes: str | None = None,
    dt: float | None = None,
    time_unit: float | None = None,
) -> Network:
    """Read a NIR graph of alternating ``Linear`` and ``CubaLIF`` nodes.

    What `to_nir` wrote comes back as it was, constants to rounding.  A graph from elsewhere
    does not say what it means, so the arguments have to; they override the metadata.

    Parameters
    ----------
    graph : nir.NIRGraph
        For a file, what `nir.read` returns.
    output : {'first', 'spikes'}, optional
        What the spikes of the graph's neurons mean, see `to_nir`: the network decides by first
        spikes, or is one of multi-spike neurons, read by counts.
    spikes : {'delta', 'step'}, optional
        What the graph's simulator makes of an input spike, see `to_nir`.
    dt : float, optional
        Time step of that simulator, in the model's unit of time; needed with 'step' alone.
    time_unit : float, optional
        The model's unit of time in the graph's: 1e-3 for a graph in seconds and a model in
        milliseconds.

    Returns
    -------
    Network
        One layer for each pair of nodes, with NumPy weights.  With ``output='first'``, ``v_reset``
        is ignored: it has no meaning for a neuron that spikes once.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If the graph has other nodes, a bias, branches or loops, or constants that no tempotron
        has or that differ within a layer, or if neither metadata nor arguments say what it means.
    """
    if not isinstance(graph, nir.NIRGraph):
        kind = type(graph).__name__
        raise TypeError(f"graph must be a NIRGraph (nir.read returns one of a file), got {kind}")
    noted: Mapping[str, Any] = graph.metadata if graph.metadata.get("format") == FORMAT else {}
    output = noted.get("output") if output is None else output
    spikes = noted.get("spikes") if spikes is None else spikes
    time_unit = noted.get("time_unit") if time_unit is None else time_unit
    for name, value in (("output", output), ("spikes", spikes), ("time_unit", time_unit)):
        if value is None:
            raise ValueError(
                f"{name} must be given for a graph without metadata of {FORMAT} that say it"
            )
    check_choice("output", output, OUTPUTS)
    time_unit = positive_float("time_unit", time_unit)
    step = positive_float("dt", noted["dt"]) if dt is None and "dt" in noted else None
    step = step if dt is None else positive_float("dt", dt) * time_unit
    check_convention(spikes, step)
    per_spike = time_unit if spikes == "delta" or step is None else time_unit / step
    (first, source), *chain, (last, sink) = _chain(graph)
    n = _size(first, source.input_type)
    weights, neurons = [], []
    for (name, linear), (cuba_name, cuba) in zip(chain[::2], chain[1::2], strict=True):
        weight = _weight(name, linear, n)
        n = weight.shape[0]
        weights.append(weight)
        neurons.append(_neuron(cuba_name, cuba, n, per_spike, time_unit))
        resets = _on_host(cuba.v_reset)
        if output == "spikes" and np.any(resets != 0.0):
            raise ValueError(
                f"graph must have v_reset=0 with output='spikes', as a multi-spike neuron is reset "
                f"to rest, got {resets.min()} to {resets.max()} in node {cuba_name!r}"
            )
    if (wanted := _size(last, sink.output_type)) not in (None, n):
        raise ValueError(f"graph must end in {wanted} neurons, as {last!r} says, got {n}")
    if output == "spikes":
        return Network(weights, neurons, "spikes", readout="counts")
    return Network(weights, neurons)


def _chain(graph: nir.NIRGraph) -> list[tuple[str, Any]]:
    """Return the nodes from input to output in their order, or raise."""
    _check_kinds(graph)
    order = _ordered(graph)
    found = [type(graph.nodes[name]) for name in order]
    plain = [nir.Linear if kind is nir.Affine else kind for kind in found]
    expected = [nir.Input, *(nir.Linear, nir.CubaLIF) * ((len(order) - 1) // 2), nir.Output]
    if plain != expected or len(plain) < 4:
        raise ValueError(
            f"graph must be Input, then Linear and CubaLIF in turn, then Output, got "
            f"{', '.join(f'{n!r} ({k.__name__})' for n, k in zip(order, found, strict=True))}"
        )
    return [(name, graph.nodes[name]) for name in order]


def _check_kinds(graph: nir.NIRGraph) -> None:
    """Raise unless all nodes are of the kinds that a chain has, with one input and one output."""
    allowed = (nir.Input, nir.Linear, nir.Affine, nir.CubaLIF, nir.Output)
    for name, node in graph.nodes.items():
        if type(node) not in allowed:
            raise ValueError(
                f"graph must consist of Input, Linear, CubaLIF and Output nodes, "
                f"got node {name!r} of type {type(node).__name__}"
            )
    for kind in (nir.Input, nir.Output):
        named = _of_kind(graph, kind)
        if len(named) != 1:
            raise ValueError(f"graph must have one {kind.__name__} node, got {named}")


def _of_kind(graph: nir.NIRGraph, kind: type[Any]) -> list[str]:
    return [name for name, node in graph.nodes.items() if isinstance(node, kind)]


def _ordered(graph: nir.NIRGraph) -> list[str]:
    """Return the names of all nodes, from the input along the edges."""
    follower, source = _neighbours(graph)
    order = _of_kind(graph, nir.Input)
    while order[-1] in follower and len(order) < len(graph.nodes):
        order.append(follower[order[-1]])
    if order[0] in source:
        edge = f"{source[order[0]]!r} -> {order[0]!r}"
        raise ValueError(f"graph must be a chain without recurrent edges, got {edge}")
    left = [name for name in graph.nodes if name not in order]
    if left:
        raise ValueError(f"graph must connect all nodes to its input, got {left} beside the chain")
    return order


def _neighbours(graph: nir.NIRGraph) -> tuple[dict[str, str], dict[str, str]]:
    """Return what follows each node, and what comes before it: one node at most."""
    follower: dict[str, str] = {}
    source: dict[str, str] = {}
    for start, end in dict.fromkeys(tuple(edge) for edge in graph.edges):
        for name in (start, end):
            if name not in graph.nodes:
                raise ValueError(f"graph must have edges between its nodes, got one of {name!r}")
        if start in follower or end in source:
            other = (start, follower[start]) if start in follower else (source[end], end)
            raise ValueError(
                f"graph must be a chain without branches or recurrent edges, got edges "
                f"{start!r} -> {end!r} and {other[0]!r} -> {other[1]!r}"
            )
        follower[start], source[end] = end, start
    return follower, source


def _size(name: str, types: Mapping[str, Any] | None) -> int | None:
    """Number of neurons that an Input or Output node speaks of, if it says."""
    shapes = [shape for shape in (types or {}).values() if shape is not None]
    if not shapes:
        return None
    shape = np.asarray(shapes[0]).reshape(-1)
    if shape.size != 1:
        raise ValueError(f"graph must have one axis in node {name!r}, got shape {shape.tolist()}")
    return int(shape[0])


def _weight(name: str, node: Any, n: int | None) -> Floats:
    """Weights of a Linear node for ``n`` inputs, or of an Affine one whose bias is zero."""
    bias = _on_host(getattr(node, "bias", 0.0))
    if np.any(bias != 0.0):
        raise ValueError(
            f"graph must have no bias, which no tempotron has, got node {name!r} of type "
            f"{type(node).__name__} with values from {bias.min()} to {bias.max()}"
        )
    weight = native(_on_host(node.weight))
    if weight.dtype.name not in ("float32", "float64") or weight.ndim != 2 or 0 in weight.shape:
        raise ValueError(
            f"graph must have float32 or float64 weights of shape (O, N), got {weight.dtype} of "
            f"shape {weight.shape} in node {name!r}"
        )
    if n not in (None, weight.shape[1]):
        raise ValueError(
            f"graph must have weights of shape (O, {n}) in node {name!r}, got {weight.shape}"
        )
    if not np.all(np.isfinite(weight)):
        raise ValueError(f"graph must have finite weights, got NaN or infinite in node {name!r}")
    return weight.copy()


def _on_host(values: Any) -> NDArray[Any]:
    """Return numbers or an array of any library, as NumPy's."""
    return to_host(values) if array_api_compat.is_array_api_obj(values) else np.asarray(values)


def _neuron(name: str, node: Any, n: int, per_spike: float, time_unit: float) -> Neuron:
    """Constants of a CubaLIF node of ``n`` neurons; ``per_spike`` divides its r w_in."""

    def one(constant: str) -> float:
        values = _on_host(getattr(node, constant)).astype(np.float64)
        if values.shape not in ((), (1,), (n,)):
            raise ValueError(
                f"graph must have {constant} of shape ({n},) in node {name!r}, got {values.shape}"
            )
        if not np.all(values == values.flat[0]):
            raise ValueError(
                f"graph must have one {constant} for all neurons of a layer, got "
                f"{values.min()} to {values.max()} in node {name!r}"
            )
        return float(values.flat[0])

    if one("v_leak") != 0.0:
        raise ValueError(f"graph must have v_leak=0, got {one('v_leak')} in node {name!r}")
    strength = one("r") * one("w_in") / per_spike
    if not 0.0 < strength < np.inf:
        raise ValueError(
            f"graph must have positive, finite r * w_in, got r={one('r')} and "
            f"w_in={one('w_in')} in node {name!r}"
        )
    constants = (one("tau_mem") / time_unit, one("tau_syn") / time_unit, one("v_threshold"))
    try:
        unit = Neuron(*constants, psp_peak=1.0)
        # K is proportional to its peak
        psp_peak = strength / (unit.tau * unit.tau_s) / unit.kernel.rise
        return Neuron(*constants, psp_peak=psp_peak)
    except ValueError as error:
        raise ValueError(f"graph must have constants of a tempotron in {name!r}: {error}") from None
