"""Choices among names that callers make, checked."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["check_choice"]


def check_choice(name: str, value: object, choices: Iterable[str]) -> None:
    """Raise ValueError, naming ``name`` and the choices, unless ``value`` is one of them."""
    if not (isinstance(value, str) and value in choices):
        raise ValueError(f"{name} must be one of {', '.join(choices)}, got {value!r}")
