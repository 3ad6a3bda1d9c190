"""The arrays that the pure functions for JAX take."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from tempotron_core.arrays.integers import check_exact
from tempotron_core.arrays.namespace import known_true
from tempotron_core.arrays.plain import check_plain

__all__ = ["floating_array", "real_array", "refuse_nan", "unwrapped"]


def unwrapped(value: Any) -> Any:
    """Return the array in an object that holds one, such as a parameter of Flax."""
    if hasattr(value, "__jax_array__") and not isinstance(value, jax.Array):
        return value.__jax_array__()
    return value


def _array(name: str, value: object) -> jax.Array:
    value = unwrapped(value)
    if not isinstance(value, jax.Array | np.ndarray):
        raise TypeError(f"{name} must be a JAX or NumPy array, got {type(value).__name__}")
    check_plain(name, value)
    return jnp.asarray(value)


def floating_array(name: str, value: object) -> jax.Array:
    """float32 or float64; narrower floats as float32."""
    array = _array(name, value)
    if array.dtype in (jnp.bfloat16, jnp.float16):  # kept so, and computed with in float32
        return array.astype(jnp.float32)
    if array.dtype not in (jnp.float32, jnp.float64):
        raise TypeError(f"{name} must be float32 or float64, got {array.dtype}")
    return array


def real_array(name: str, value: object) -> jax.Array:
    """Real numbers; integers as floats, to be exact in them where they can be looked at."""
    value = unwrapped(value)
    if not (isinstance(value, jax.Array | np.ndarray) and jnp.issubdtype(value.dtype, jnp.integer)):
        return floating_array(name, value)
    dtype = jnp.result_type(float)
    check_plain(name, value)
    check_exact(name, value, dtype, xp=jnp)
    return jnp.asarray(value.astype(dtype))  # NumPy's on the host: JAX would wrap int64 around


def refuse_nan(name: str, array: jax.Array) -> None:
    """Refuse NaN where values can be looked at, which they cannot within a compiled program."""
    if jnp.issubdtype(array.dtype, jnp.floating) and known_true(jnp.any(jnp.isnan(array))):
        raise ValueError(f"{name} must not hold NaN (a negative time or inf is no spike)")
