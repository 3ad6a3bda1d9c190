"""Loss, weight gradient and potentials of more patterns than fit in memory, on Dask.

The patterns are cut into shards.  Each shard is read, its potentials, loss and gradient are
computed in one task, and only the sums over its patterns are kept, so that what is in memory at one
time is the shards being worked on.  The sums are added in pairs, (1 + 2) + (3 + 4), in an order
that the shards alone decide: with the same shards the result is the same to the last bit, whatever
scheduler runs them and with however many workers.

A loss is a mean over the patterns it is given, so that of all patterns is the mean of the shards'
losses, each counted as often as it has patterns:

    E = sum over shards of (b / B) E_shard,    dE/dw = sum over shards of (b / B) dE_shard/dw.

A shard's arrays may belong to any library the core computes with; the weights have to be of the
same one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import array_api_compat
import dask.array
import numpy as np
from dask.delayed import Delayed, delayed

from tempotron_core import Events, Neuron, peak, peak_vjp
from tempotron_core.arrays.integers import as_index
from tempotron_core.arrays.namespace import array_namespace
from tempotron_core.arrays.plain import check_plain

from .arguments import check_chunks, check_weight, is_lazy

__all__ = ["from_latencies", "loss_and_gradient", "v_max"]

Array = Any
Loss = Callable[[Array, Array, float], tuple[Array, Array]]


def from_latencies(latencies: Any, labels: Any, duration: float) -> list[Delayed]:
    """Make one shard of every chunk of a Dask array of latencies.

    Nothing is read or sorted yet.  To sort once for many gradients, where the events fit in the
    memory of the workers, keep them there: ``shards = dask.persist(*shards)``.

    Parameters
    ----------
    latencies : dask.array.Array, shape (B, N)
        Spike times as `Events.from_latencies` takes them, in chunks of patterns.
    labels : array or dask.array.Array, shape (B,) of integers, or shape (B, O) of booleans
        What the loss takes.  A Dask array is brought into the chunks of ``latencies``; NumPy labels
        follow the latencies to another library or device.
    duration : float
        Length of a pattern.

    Returns
    -------
    list of Delayed
        For every chunk a pair of `Events` and labels, as `loss_and_gradient` takes them.

    Raises
    ------
    TypeError
        If ``latencies`` is not a Dask array, or ``labels`` is not an array.
    ValueError
        If a pattern is spread over several chunks, the sizes of the chunks are not known, or there
        is not one label per pattern.
    """
    check_chunks(latencies)
    sizes = latencies.chunks[0]
    if any(math.isnan(size) for size in sizes):
        raise ValueError(
            "latencies must have chunks of known sizes, got NaN: call compute_chunk_sizes() first"
        )
    if not hasattr(labels, "shape") or isinstance(labels, Delayed):
        raise TypeError(f"labels must be an array, got {type(labels).__name__}")
    check_plain("labels", labels)
    if len(labels.shape) == 0 or labels.shape[0] != latencies.shape[0]:
        raise ValueError(
            f"labels must have one entry for each of the {latencies.shape[0]} patterns, "
            f"got shape {tuple(labels.shape)}"
        )
    blocks = latencies.to_delayed()[:, 0]
    sort = delayed(_sorted_shard)
    return [
        sort(block, part, duration)
        for block, part in zip(blocks, _label_parts(labels, sizes), strict=True)
    ]


def loss_and_gradient(shards: Iterable[Any], weight: Array, neuron: Neuron, loss: Loss) -> Delayed:
    """Loss of all patterns and its weight gradient, one shard at a time per worker.

    Parameters
    ----------
    shards : iterable of Delayed or callable
        Each gives `Events` and the labels of its patterns: what `from_latencies` makes, or
        functions of your own that read a part of a data set, delayed or to be called without
        arguments.  A function is called within its shard's task, so the part it reads is let go
        with the task.  Shards may differ in size.
    weight : array, shape (O, N)
        Synaptic weights, in the library of the events.  They are one node of the graph and are sent
        once per call, not once per shard.  A Delayed, or a Future from ``client.scatter``, is taken
        as well.
    neuron : Neuron
    loss : callable
        ``loss(v_max, labels, v_threshold) -> (loss, cotangent)``, such as `tempotron_loss`; set
        options with ``functools.partial``.  It has to be a mean over the patterns it is given.

    Returns
    -------
    Delayed
        Of the pair of the loss, shape (), and the gradient, shape (O, N), in the library and dtype
        of the weights.  ``.compute()`` gives both; it can also be unpacked into two lazy values.

    Raises
    ------
    TypeError
        If an argument has the wrong type; when computed, if a shard does not give a pair of
        `Events` and labels, or as `peak` and the loss.
    ValueError
        If there is no shard, or ``weight`` is not two-dimensional; when computed, as `peak` and the
        loss.
    """
    parts = list(shards)
    if not parts:
        raise ValueError("shards must hold at least one shard, got none")
    for i, part in enumerate(parts):
        if not (is_lazy(part) or callable(part)):
            raise TypeError(
                f"shards[{i}] must be a Delayed or a function without arguments that gives "
                f"(Events, labels), got {type(part).__name__}"
            )
    check_weight(weight, neuron)
    if not callable(loss):
        raise TypeError(f"loss must be callable, got {type(loss).__name__}")
    shared = delayed(weight)
    of_shard, add = delayed(_shard_sums), delayed(_added)
    sums = [of_shard(i, part, shared, neuron, loss) for i, part in enumerate(parts)]
    while len(sums) > 1:
        odd = sums[len(sums) // 2 * 2 :]
        sums = [add(*pair) for pair in zip(sums[::2], sums[1::2], strict=False)] + odd
    return delayed(_mean, nout=2)(sums[0])


def v_max(latencies: Any, weight: Array, neuron: Neuron, duration: float) -> Any:
    """Largest membrane potential of every pattern, as a Dask array.

    Parameters
    ----------
    latencies : dask.array.Array, shape (B, N)
        Spike times as `Events.from_latencies` takes them, in chunks of patterns.
    weight : array, shape (O, N)
        In the library of the chunks; sent once per call.
    neuron : Neuron
    duration : float
        Length of a pattern.

    Returns
    -------
    dask.array.Array, shape (B, O)
        In the chunks of ``latencies`` and the dtype of ``weight``; a neuron fires if it exceeds
        ``v_threshold``.

    Raises
    ------
    TypeError
        If an argument has the wrong type.
    ValueError
        If a pattern is spread over several chunks, or ``weight`` does not fit.
    """
    check_chunks(latencies)
    if is_lazy(weight):
        raise TypeError(f"weight must be an array, got a lazy {type(weight).__name__}")
    check_weight(weight, neuron)
    if weight.shape[1] != latencies.shape[1]:
        raise ValueError(
            f"weight must have one column per afferent, got shape {tuple(weight.shape)} "
            f"for {latencies.shape[1]} afferents"
        )
    return dask.array.map_blocks(
        _v_max_of_block,
        latencies,
        delayed(weight),
        neuron,
        duration,
        chunks=(latencies.chunks[0], (weight.shape[0],)),
        meta=weight[:0, :0],
    )


# -- what runs in a worker --------------------------------------------------------------------


def _sorted_shard(block: Array, labels: Array, duration: float) -> tuple[Events, Array]:
    """Events and labels of one chunk, on its device."""
    if isinstance(labels, np.ndarray) and not isinstance(block, np.ndarray):
        xp = array_api_compat.array_namespace(block)
        if labels.dtype.kind in "iu":  # no class is lost: JAX would wrap int64 around
            labels = np.minimum(as_index(labels, xp=array_namespace(labels=labels)), 2**31 - 1)
        labels = xp.asarray(labels, device=array_api_compat.device(block))
    return Events.from_latencies(block, duration), labels


def _shard_sums(
    number: int, shard: Any, weight: Array, neuron: Neuron, loss: Loss
) -> tuple[Array, Array, int]:
    """Loss and gradient summed over the patterns of one shard, and how many these are."""
    pair = shard() if callable(shard) else shard
    if not (isinstance(pair, tuple | list) and len(pair) == 2 and isinstance(pair[0], Events)):
        raise TypeError(
            f"shards[{number}] must give a pair of Events and labels, got {type(pair).__name__}"
        )
    events, labels = pair
    if len(events) == 0:  # a mean over nothing need not be a number
        xp = array_api_compat.array_namespace(weight)
        nothing = xp.zeros_like(weight)
        return xp.sum(nothing), nothing, 0
    found = peak(events, weight, neuron)
    mean, cotangent = loss(found.v_max, labels, neuron.v_threshold)
    # from the mean over this shard to the sum: shards count by their sizes
    size = float(len(events))
    gradient = peak_vjp(events, weight, neuron, found, cotangent * size).weight
    return mean * size, gradient, len(events)


def _added(
    first: tuple[Array, Array, int], second: tuple[Array, Array, int]
) -> tuple[Array, Array, int]:
    return first[0] + second[0], first[1] + second[1], first[2] + second[2]


def _mean(sums: tuple[Array, Array, int]) -> tuple[Array, Array]:
    loss, gradient, n_patterns = sums
    share = 1.0 / max(n_patterns, 1)
    return loss * share, gradient * share


def _v_max_of_block(block: Array, weight: Array, neuron: Neuron, duration: float) -> Array:
    return peak(Events.from_latencies(block, duration), weight, neuron).v_max


def _label_parts(labels: Any, sizes: Sequence[int]) -> list[Any]:
    """Labels of every shard."""
    if isinstance(labels, dask.array.Array):
        chunks = (tuple(sizes), *((length,) for length in labels.shape[1:]))
        return list(labels.rechunk(chunks).to_delayed().ravel())
    ends = np.cumsum(sizes).tolist()
    return [labels[end - size : end, ...] for end, size in zip(ends, sizes, strict=True)]
