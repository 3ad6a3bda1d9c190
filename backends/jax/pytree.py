"""Events as a pytree, which ``jax.jit`` takes as an argument and ``jax.export`` writes."""

from __future__ import annotations

import json
from typing import Any

import jax
from jax import export

from tempotron_core import Events, Gradient, Peak, RaggedEvents

from .kernels import Layout

__all__ = ["flatten", "unflatten"]


def flatten(events: Events) -> tuple[tuple[Any, ...], Layout]:
    """Arrays of Events, and the rest."""
    arrays = (
        events.times,
        events.afferents,
        events.counts,
        events.order,
        events.source_lengths,
    )
    return arrays, (events.n_afferents, events.duration, events.source_shape)


def unflatten(layout: Layout, arrays: tuple[Any, ...]) -> Events:
    """Events of what `flatten` returned."""
    times, afferents, counts, order, source_lengths = arrays
    return Events(times, afferents, counts, order, *layout, source_lengths)


def _written(layout: Layout) -> bytes:
    return json.dumps(layout).encode()


def _read(written: bytes | bytearray) -> Layout:
    n_afferents, duration, source_shape = json.loads(written)
    return n_afferents, duration, None if source_shape is None else tuple(source_shape)


jax.tree_util.register_pytree_node(Events, flatten, unflatten)
# Programs that jax.export serialises may take and return these.
export.register_pytree_node_serialization(
    Events,
    serialized_name="tempotron_core.Events",
    serialize_auxdata=_written,
    deserialize_auxdata=_read,
)
jax.tree_util.register_pytree_node(
    RaggedEvents,
    lambda events: ((events.groups, events.place), None),
    lambda _, arrays: RaggedEvents(*arrays),
)
for _kind in (Peak, Gradient):
    export.register_namedtuple_serialization(
        _kind, serialized_name=f"tempotron_core.{_kind.__name__}"
    )
