"""The settings of JAX under which this library computes."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import jax


@contextmanager
def own_settings() -> Iterator[None]:
    """Broadcasting and promotion are meant here, whatever the user's strict modes say of theirs.

    Also a decorator, ``@own_settings()``: of every function that JAX traces when it likes, as it
    does the passes of a custom gradient.
    """
    with jax.numpy_rank_promotion("allow"), jax.numpy_dtype_promotion("standard"):
        yield
