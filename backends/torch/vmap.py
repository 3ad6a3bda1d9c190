"""How ``torch.func.vmap`` maps the operators: an axis of V entries is folded.

Where the patterns are the same for every entry, the V O rows of all weights are the outputs of one
call.  Otherwise the V B patterns are one batch, and where weights differ or gradients must be kept
apart, entry v gets afferents of its own, numbered from v N, with all weights side by side,
[O, V N].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor

from .operators import readout, readout_vjp, sort_spikes

Dims = Any
"""For every argument of an operator, the axis that is mapped over, or None."""


def _entries(tensor: Tensor, dim: int | None, n: int) -> Tensor:
    """The mapped axis in front, made by repetition where the argument is not mapped."""
    if dim is None:
        return tensor.expand(n, *tensor.shape)
    return tensor.movedim(dim, 0)


def _one_batch(
    n: int, dims: Dims, times: Tensor, afferents: Tensor, counts: Tensor, n_own: int | None
) -> tuple[Tensor, Tensor, Tensor]:
    """The patterns of all entries as one batch; with ``n_own``, each on n_own afferents of its own.

    Padding, marked by the number of afferents, is marked by the new number.
    """
    batch = [
        _entries(tensor, dim, n)
        for tensor, dim in zip((times, afferents, counts), dims, strict=True)
    ]
    if n_own is not None:
        first = n_own * torch.arange(n, dtype=afferents.dtype, device=afferents.device)
        padding = batch[1] == n_own
        batch[1] = torch.where(padding, n * n_own, batch[1] + first[:, None, None])
    flat = [tensor.flatten(0, 1) for tensor in batch]
    return flat[0], flat[1], flat[2]


def _apart(tensor: Tensor, axis: int, n: int, size: int) -> Tensor:
    """Split a folded axis into the n entries and what each has; either may be nothing."""
    return tensor.reshape(*tensor.shape[:axis], n, size, *tensor.shape[axis + 1 :])


def _side_by_side(weight: Tensor) -> Tensor:
    """Weights [V, O, N] as [O, V N]."""
    return weight.permute(1, 0, 2).flatten(1)


def _one_by_one(operator: Any, info: Any, in_dims: Dims, args: Sequence[Any]) -> Any:
    """Map over what a call has one set of, sample times or constants: a call for each entry."""

    def at(argument: Any, dim: Any, v: int) -> Any:
        if isinstance(argument, Tensor):
            return argument if dim is None else argument.select(dim, v)
        return argument

    found = [
        operator(*(at(a, d, v) for a, d in zip(args, in_dims, strict=True)))
        for v in range(info.batch_size)
    ]
    stacked = [torch.stack(parts) for parts in zip(*found, strict=True)]
    if isinstance(found[0], tuple):
        return tuple(stacked), (0,) * len(stacked)
    return stacked, [0] * len(stacked)


@readout.register_vmap
def _(info: Any, in_dims: Dims, *args: Any) -> tuple[list[Tensor], list[int]]:
    name, times, afferents, counts, weight, samples, *fixed = args
    n, (_, *event_dims, weight_dim, sample_dim, learned_dim) = info.batch_size, in_dims[:7]
    one_set = sample_dim is None and learned_dim is None
    # a number of spikes for each pair belongs to patterns and outputs both
    if not one_set or (name == "critical_threshold" and samples is not None):
        return _one_by_one(readout, info, in_dims, args)  # type: ignore[no-any-return]
    if all(dim is None for dim in event_dims):
        weights = _entries(weight, weight_dim, n)
        rows, n_outputs = weights.flatten(0, 1), weights.shape[1]
        found = readout(name, times, afferents, counts, rows, samples, *fixed)
        return [_apart(value, 1, n, n_outputs) for value in found], [1] * len(found)
    n_own = None
    if weight_dim is not None:
        weights = weight.movedim(weight_dim, 0)
        n_own, weight = weights.shape[2], _side_by_side(weights)
    batch = _one_batch(n, event_dims, times, afferents, counts, n_own)
    found = readout(name, *batch, weight, samples, *fixed)
    n_patterns = _entries(times, event_dims[0], n).shape[1]
    return [_apart(value, 0, n, n_patterns) for value in found], [0] * len(found)


@readout_vjp.register_vmap
def _(info: Any, in_dims: Dims, *args: Any) -> tuple[tuple[Tensor, ...], tuple[int | None, ...]]:
    name, times, afferents, counts, weight, samples, learned, *pairs = args[:12]
    fixed = args[12:]
    n, (_, *event_dims, weight_dim, sample_dim, learned_dim) = info.batch_size, in_dims[:7]
    wants_times, wants_samples, wants_constants = fixed[-3:]
    one_set = sample_dim is None and learned_dim is None
    # each entry has a gradient of its own towards what there is one set of
    if not one_set or wants_samples or wants_constants:
        return _one_by_one(readout_vjp, info, in_dims, args)  # type: ignore[no-any-return]
    weights = _entries(weight, weight_dim, n)
    as_outputs = all(dim is None for dim in event_dims) and not wants_times

    def folded(value: Tensor | None, dim: int | None) -> Tensor | None:
        """A value [V, B, O, ...] as [B, V O, ...] or [V B, O, ...]."""
        if value is None:
            return None
        apart = _entries(value, dim, n)
        return apart.movedim(0, 1).flatten(1, 2) if as_outputs else apart.flatten(0, 1)

    pairs = [folded(value, dim) for value, dim in zip(pairs, in_dims[7:12], strict=True)]
    if as_outputs:
        rows = weights.flatten(0, 1)
        to_weight, *empty = readout_vjp(
            name, times, afferents, counts, rows, samples, learned, *pairs, *fixed
        )
        return (_apart(to_weight, 0, n, weights.shape[1]), *empty), (0, None, None, None)
    batch = _one_batch(n, event_dims, times, afferents, counts, weights.shape[2])
    given = (name, *batch, _side_by_side(weights), samples, learned, *pairs, *fixed)
    to_weight, to_times, *empty = readout_vjp(*given)
    if wants_times:
        to_times = _apart(to_times, 0, n, _entries(times, event_dims[0], n).shape[1])
    found = (_apart(to_weight, 1, n, weights.shape[2]), to_times, *empty)
    return found, (1, 0 if wants_times else None, None, None)


@sort_spikes.register_vmap
def _(info: Any, in_dims: Dims, in_spikes: Tensor, constants: str) -> tuple[Any, Any]:
    entries = _entries(in_spikes, in_dims[0], info.batch_size)
    found = sort_spikes(entries.flatten(0, 1), constants)
    return tuple(_apart(array, 0, *entries.shape[:2]) for array in found), (0, 0, 0, 0)
