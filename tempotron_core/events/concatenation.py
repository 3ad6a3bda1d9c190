"""Batches of events as one."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ..arrays.namespace import array_namespace, check_same_device
from .changing import widen

__all__ = ["checked_parts", "concatenated"]

Array = Any
E = TypeVar("E")


def checked_parts(parts: Any, kind: type[E]) -> list[E]:
    """Return the parts as a list, or raise an error that says which is no such events."""
    if not isinstance(parts, Iterable):
        raise TypeError(f"parts must be a sequence of Events, got {type(parts).__name__}")
    found: list[E] = list(parts)
    if not found:
        raise ValueError("parts must hold at least one Events, got none")
    for i, part in enumerate(found):
        if not isinstance(part, kind):
            raise TypeError(f"parts[{i}] must be an Events, got {type(part).__name__}")
    return found


def concatenated(parts: Any, kind: type[E]) -> E:
    """Return `Events.concat` of padded events."""
    parts = checked_parts(parts, kind)
    make: Any = kind
    first = parts[0]
    for part in parts[1:]:
        for name in ("n_afferents", "duration", "source_shape"):
            if getattr(part, name) != getattr(first, name):
                raise ValueError(
                    f"parts must agree in {name}, got {getattr(first, name)} "
                    f"and {getattr(part, name)}"
                )
    times = {f"parts[{i}]": part.times for i, part in enumerate(parts)}
    xp = array_namespace(**times)
    check_same_device(**times)
    width = max(part.times.shape[1] for part in parts)
    source_width = max(part.order.shape[1] for part in parts)
    padded = [widen(part, width, source_width) for part in parts]

    def joined(name: str) -> Array:
        return xp.concat([getattr(part, name) for part in padded])

    joint: E = make(
        joined("times"),
        joined("afferents"),
        joined("counts"),
        joined("order"),
        first.n_afferents,
        first.duration,
        first.source_shape,
        None if first.source_lengths is None else joined("source_lengths"),
        first._units,
    )
    return joint
