"""The multi-spike neuron for JAX: compiled, and differentiable, as the readouts are."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any

import jax
import jax.numpy as jnp
from array_api_extra import default_dtype
from jax import export

from tempotron_core import Events, Neuron
from tempotron_core.arrays.numbers import positive_float, whole_number
from tempotron_core.readouts.arguments import is_static
from tempotron_core.readouts.constants import Constants
from tempotron_core.spiking import CriticalThreshold, OutputSpikes
from tempotron_core.spiking import critical_threshold as critical_threshold_function
from tempotron_core.spiking import output_spikes as output_spikes_function
from tempotron_core.spiking.arguments import check_layout, check_spiking, spikes_asked
from tempotron_core.spiking.critical_threshold_gradient import (
    critical_threshold_adjoint,
    critical_threshold_constants,
)
from tempotron_core.spiking.output_spikes_gradient import (
    output_spikes_adjoint,
    output_spikes_constants,
)

from .gradients import Gradients, call_compiled, with_gradient
from .kernels import Layout, Shapes, by_kernels, gradient_by_kernels, mode, serves
from .neurons import Static, split, to_arrays, traced_neuron
from .pytree import flatten

for _kind in (OutputSpikes, CriticalThreshold):
    export.register_namedtuple_serialization(
        _kind, serialized_name=f"tempotron_core.spiking.{_kind.__name__}"
    )


@lru_cache(maxsize=256)
def _compiled_output_spikes(
    layout: Layout, static: Static, max_spikes: int, min_slope: float, chosen: str
) -> Callable[..., Any]:
    def compute(events: Events, weight: jax.Array, *arrays: jax.Array) -> OutputSpikes:
        neuron = traced_neuron(static, arrays, weight)
        return output_spikes_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            events, weight, neuron, max_spikes=max_spikes, method="static"
        )

    def adjoint(
        events: Events,
        weight: jax.Array,
        *arrays: jax.Array,
        outputs: OutputSpikes,
        cotangents: Any,
    ) -> Gradients:
        neuron = traced_neuron(static, arrays, weight)
        given = events, weight, neuron, outputs.times, cotangents[0]
        to_weight, to_times = output_spikes_adjoint(*given, True, min_slope, "static", jnp)

        def of_constants() -> Constants:
            return output_spikes_constants(*given, min_slope, "static", jnp)

        return to_times, to_weight, *to_arrays(static, arrays, of_constants)

    if not serves(static, chosen):
        return with_gradient(layout, compute, adjoint)

    def shapes(times: Any, weight: Any) -> Shapes:
        pairs = times.shape[0], weight.shape[0]
        return ((*pairs, max_spikes), times.dtype), (pairs, default_dtype(jnp, "indexing"))

    def pulled_back(events: Events, weight: Any, t: Any, t_bar: Any) -> Gradients:
        return adjoint(events, weight, outputs=OutputSpikes(t, None), cotangents=(t_bar,))

    given = {"min_slope": min_slope}
    forward = by_kernels(layout, static, "output_spikes", compute, shapes, max_spikes=max_spikes)
    backward = gradient_by_kernels(layout, static, "output_spikes_vjp", pulled_back, **given)

    def fast(events: Events, weight: jax.Array) -> OutputSpikes:
        return OutputSpikes(*forward(events, weight))

    def fast_adjoint(
        events: Events, weight: Any, *, outputs: OutputSpikes, cotangents: Any
    ) -> Gradients:
        return backward(events, weight, outputs.times, cotangents[0])

    return with_gradient(layout, fast, fast_adjoint)


def output_spikes(
    events: Events,
    weight: jax.Array,
    neuron: Neuron,
    *,
    max_spikes: int | None = None,
    layout: str = "padded",
    method: str = "auto",
    min_slope: float = 0.0,
) -> OutputSpikes:
    """`tempotron_core.spiking.output_spikes`, compiled; the times are differentiable.

    ``max_spikes`` is static, and needed.  ``min_slope`` bounds the gradient.
    """
    check_spiking(events, weight, neuron, parametric=True)
    check_layout(layout)
    is_static(method)
    if max_spikes is None or layout == "csr":
        raise ValueError(
            "max_spikes must be given, and layout be 'padded', in the static form (and so on "
            f"JAX): got max_spikes={max_spikes}, layout={layout!r}"
        )
    given = whole_number("max_spikes", max_spikes)
    min_slope = positive_float("min_slope", min_slope, or_zero=True)
    static, arrays = split(neuron)
    compiled = _compiled_output_spikes(flatten(events)[1], static, given, min_slope, mode())
    return call_compiled(compiled, events, weight, *arrays)  # type: ignore[no-any-return]


@lru_cache(maxsize=256)
def _compiled_critical_threshold(
    layout: Layout, static: Static, most: int, chosen: str
) -> Callable[..., Any]:
    def compute(
        events: Events, weight: jax.Array, k: jax.Array, *arrays: jax.Array
    ) -> CriticalThreshold:
        neuron = traced_neuron(static, arrays, weight)
        return critical_threshold_function.__wrapped__(  # type: ignore[attr-defined,no-any-return]
            events,
            weight,
            neuron,
            jnp.maximum(k, 1),
            where=k > 0,
            most=most,
            method="static",
        )

    def adjoint(
        events: Events,
        weight: jax.Array,
        k: jax.Array,
        *arrays: jax.Array,
        outputs: CriticalThreshold,
        cotangents: Any,
    ) -> Gradients:
        del k
        neuron = traced_neuron(static, arrays, weight)
        given = events, weight, neuron, outputs, cotangents[0]
        to_weight, to_times = critical_threshold_adjoint(*given, True, most - 1, "static", jnp)

        def of_constants() -> Constants:
            return critical_threshold_constants(*given, most - 1, "static", jnp)

        return to_times, to_weight, None, *to_arrays(static, arrays, of_constants)

    if not serves(static, chosen):
        return with_gradient(layout, compute, adjoint)

    def shapes(times: Any, weight: Any, k: Any) -> Shapes:
        return (k.shape, weight.dtype), (k.shape, times.dtype), (k.shape, k.dtype)

    def pulled_back(
        events: Events, weight: Any, theta: Any, t: Any, n_before: Any, theta_bar: Any
    ) -> Gradients:
        found = CriticalThreshold(theta, t, n_before)
        return adjoint(events, weight, n_before, outputs=found, cotangents=(theta_bar,))

    forward = by_kernels(layout, static, "critical_threshold", compute, shapes)
    backward = gradient_by_kernels(layout, static, "critical_threshold_vjp", pulled_back)

    def fast(events: Events, weight: jax.Array, k: jax.Array) -> CriticalThreshold:
        return CriticalThreshold(*forward(events, weight, k))

    def fast_adjoint(
        events: Events, weight: Any, k: Any, *, outputs: CriticalThreshold, cotangents: Any
    ) -> Gradients:
        del k
        return *backward(events, weight, *outputs, cotangents[0]), None

    return with_gradient(layout, fast, fast_adjoint)


def critical_threshold(
    events: Events,
    weight: jax.Array,
    neuron: Neuron,
    k: int | jax.Array,
    *,
    where: jax.Array | None = None,
    most: int | None = None,
    method: str = "auto",
) -> CriticalThreshold:
    """`tempotron_core.spiking.critical_threshold`, compiled; theta is differentiable.

    ``most``, the largest k, is static, and needed where k is an array.
    """
    check_spiking(events, weight, neuron, parametric=True)
    is_static(method)
    if most is None:
        if hasattr(k, "shape"):
            raise ValueError(
                "most, the largest k, must be given where k is an array, in the static form (and "
                "so on JAX): got None"
            )
        most = k
    most = whole_number("most", most)
    asked = spikes_asked(k, where, events, weight, xp=jnp)
    static, arrays = split(neuron)
    compiled = _compiled_critical_threshold(flatten(events)[1], static, most, mode())
    return call_compiled(compiled, events, weight, asked, *arrays)  # type: ignore[no-any-return]


DIFFERENTIABLE: dict[str, Callable[..., Any]] = {
    "output_spikes": output_spikes,
    "critical_threshold": critical_threshold,
}
