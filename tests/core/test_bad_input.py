"""Every wrong argument of the core is one clear error: what it is called, what it got, what fits.

The errors have to come from the core: one that NumPy, torch or JAX raises on its way through the
computation speaks of arrays that the user has never seen.
"""

from __future__ import annotations

import math
import re
import subprocess
import sys
from dataclasses import dataclass, replace
from functools import cache, cached_property
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tempotron_core
from tempotron_backends import Backend, select
from tempotron_core import (
    Events,
    Neuron,
    Peak,
    Tempotron,
    first_crossing,
    first_crossing_vjp,
    peak,
    peak_vjp,
    soft_peak_time,
    soft_peak_time_vjp,
    voltage,
    voltage_vjp,
)

CORE = Path(tempotron_core.__file__).parent
NAN, INF = math.nan, math.inf
HUGE = 10**400  # no float holds it


@dataclass(frozen=True)
class Scene:
    """One pattern of three afferents, two outputs, and everything computed from them."""

    backend: Backend

    def array(self, values: Any, dtype: str | None = None) -> Any:
        host = np.asarray(values)
        if host.dtype.kind == "f" and dtype is None:
            dtype = self.real
        return self.backend.from_numpy(host, dtype)

    def unusual(self, values: Any, dtype: str) -> Any:
        """An array of a dtype that the core does not work in."""
        if not hasattr(self.backend.xp, dtype):
            pytest.skip(f"{self.backend} has no {dtype}")
        return self.backend.xp.astype(self.array(values), getattr(self.backend.xp, dtype))

    @property
    def real(self) -> str:
        return "float64" if "float64" in self.backend.dtypes else "float32"

    @cached_property
    def foreign(self) -> Any:
        """An array maker of another library."""
        if self.backend.name != "numpy":
            return np.asarray
        return pytest.importorskip("array_api_strict").asarray

    @cached_property
    def times(self) -> Any:
        return self.array([[1.0, 3.0, -1.0]])

    @cached_property
    def events(self) -> Events:
        return Events.from_latencies(self.times, 50.0)

    @cached_property
    def weight(self) -> Any:
        return self.array([[1.0, 1.0, 1.0], [0.5, 0.5, 0.5]])

    neuron = Neuron()
    shunting = Neuron(shunt=True)

    @cached_property
    def peak(self) -> Peak:
        return peak(self.events, self.weight, self.neuron)

    @cached_property
    def t_spike(self) -> Any:
        return first_crossing(self.events, self.weight, self.neuron)

    @cached_property
    def samples(self) -> Any:
        return self.array([0.0, 1.0, 2.0, 3.0])

    def ones(self, *shape: int) -> Any:
        return self.array(np.ones(shape))

    @property
    def model(self) -> Tempotron:
        return Tempotron(3, 2, 50, weight=self.weight)

    def csr(self, times=(1.0, 2.0, 3.0), afferents=(0, 1, 2), offsets=(0, 3), n=3, duration=50.0):
        given = (self.array(v) for v in (times, afferents, offsets))
        return Events.from_csr(*given, n, duration)


@cache
def scene_on(backend: Backend) -> Scene:
    return Scene(backend)


@pytest.fixture
def scene(backend: Backend) -> Scene:
    return scene_on(backend)


def check(call: Any, error: type[Exception], message: str) -> None:
    """Raise unless `call` fails with that error, raised by the core and saying what fits."""
    with pytest.raises(error, match=message) as caught:
        call()
    assert type(caught.value) is error
    origin = Path(str(caught.traceback[-1].path))
    assert CORE in origin.parents, f"raised in {origin}"
    text = str(caught.value)
    assert "must " in text
    assert "got " in text or "NaN" in text, "the message does not say what it got"
    assert "\n" not in text
    assert len(text) < 500


# -- constants, the same for every library ----------------------------------------------------

NOT_POSITIVE = [0, 0.0, -1, -1e-300, NAN, INF, -INF, HUGE, -HUGE]
NOT_A_NUMBER = ["15", "x", b"1", "", [1.0], (), {}, 1j, True, np.ones(2), object, Neuron()]
NOT_AN_INTEGER = [1.0, "3", None, [3], 3j, True, np.float64(3.0), np.asarray([3, 4]), NAN]


def short(value: Any) -> str:
    return re.sub(r"\s+", " ", str(value))[:20]


def each(name: str, values: list[Any], error: type[Exception], expected: str) -> list[Any]:
    return [
        pytest.param(value, error, f"^{name} must be {expected}.*, got ", id=short(value))
        for value in values
    ]


@pytest.mark.parametrize("name", ["tau", "tau_s", "v_threshold", "psp_peak"])
@pytest.mark.parametrize("value", NOT_POSITIVE, ids=short)
def test_neuron_constants_are_positive(name, value):
    got = re.escape(repr(value))
    check(
        lambda: Neuron(**{name: value}),
        ValueError,
        f"^{name} must be positive and finite, got {got}",
    )


@pytest.mark.parametrize("name", ["tau", "tau_s", "v_threshold", "psp_peak"])
@pytest.mark.parametrize("value", [None, *NOT_A_NUMBER], ids=short)
def test_neuron_constants_are_numbers(name, value):
    if name == "psp_peak" and value is None:
        assert Neuron(psp_peak=None).psp_peak is None
        return
    got = re.escape(repr(value))
    check(lambda: Neuron(**{name: value}), TypeError, f"^{name} must be a real number, got {got}")


@pytest.mark.parametrize(
    "value", [2, np.float32(2.0), np.int64(2), np.asarray(2.0)], ids=lambda v: type(v).__name__
)
def test_neuron_constants_become_python_floats(value):
    neuron = Neuron(value, value, value, psp_peak=value)
    for name in ("tau", "tau_s", "v_threshold", "psp_peak"):
        assert type(getattr(neuron, name)) is float
    assert neuron == Neuron(2.0, 2.0, 2.0, psp_peak=2.0)


@pytest.mark.parametrize("value", [0, 1, None, "yes", np.True_], ids=repr)
def test_shunt_is_a_bool(value):
    got = re.escape(repr(value))
    check(lambda: Neuron(shunt=value), TypeError, f"^shunt must be True or False, got {got}")


@pytest.mark.parametrize(
    "constants",
    [{"tau": 1e-200, "tau_s": 1e-200}, {"tau": 1e308, "tau_s": 1e-300}, {"tau": 1e-320}],
    ids=repr,
)
def test_constants_that_no_float_can_work_with(constants):
    check(lambda: Neuron(**constants), ValueError, "^tau, tau_s and psp_peak must .* got tau=1e")


# -- Events -----------------------------------------------------------------------------------

MAKERS = {
    "latencies": lambda s, duration: Events.from_latencies(s.times, duration),
    "trains": lambda s, duration: Events.from_trains(s.ones(1, 3, 2), duration),
    "csr": lambda s, duration: s.csr(duration=duration),
}


@pytest.mark.parametrize("maker", MAKERS)
def test_duration(maker):
    scene = scene_on(select("numpy"))
    for value in NOT_POSITIVE:
        got = re.escape(repr(value))
        message = f"^duration must be positive and finite, got {got}"
        check(lambda v=value: MAKERS[maker](scene, v), ValueError, message)
    for value in [None, *NOT_A_NUMBER]:
        got = re.escape(repr(value))
        message = f"^duration must be a real number, got {got}"
        check(lambda v=value: MAKERS[maker](scene, v), TypeError, message)


def test_duration_beyond_the_dtype_of_the_times(scene):
    times = scene.array([[1.0]], "float32")
    message = r"^duration must be at most 1\.7.*e\+38 in .*float32, got 3e\+38"
    check(lambda: Events.from_latencies(times, 3e38), ValueError, message)
    assert Events.from_latencies(times, 1e38).n_spikes == 1


EVENTS = {
    "list": (
        lambda _: Events.from_latencies([[1.0]], 50.0),
        TypeError,
        "^times must be an array of a library .*, got list",
    ),
    "number": (lambda _: Events.from_trains(1.0, 50.0), TypeError, "^times .*, got float"),
    "none": (lambda _: Events.from_latencies(None, 50.0), TypeError, "^times .*, got NoneType"),
    "latencies of one axis": (
        lambda s: Events.from_latencies(s.ones(3), 50.0),
        ValueError,
        r"^times must have shape \(B, N\), got \(3,\)",
    ),
    "latencies of three axes": (
        lambda s: Events.from_latencies(s.ones(1, 3, 2), 50.0),
        ValueError,
        r"^times must have shape \(B, N\), got \(1, 3, 2\)",
    ),
    "latencies of no axis": (
        lambda s: Events.from_latencies(s.ones(), 50.0),
        ValueError,
        r"^times must have shape \(B, N\), got \(\)",
    ),
    "trains of two axes": (
        lambda s: Events.from_trains(s.ones(1, 3), 50.0),
        ValueError,
        r"^times must have shape \(B, N, S\), got \(1, 3\)",
    ),
    "NaN latency": (
        lambda s: Events.from_latencies(s.array([[1.0, NAN]]), 50.0),
        ValueError,
        r"^times must not hold NaN \(a negative time or inf means no spike\)",
    ),
    "NaN train": (
        lambda s: Events.from_trains(s.array([[[1.0, NAN]]]), 50.0),
        ValueError,
        "^times must not hold NaN",
    ),
    "NaN in csr": (lambda s: s.csr((1.0, NAN, 3.0)), ValueError, "^times must not hold NaN"),
    "bool times": (
        lambda s: Events.from_latencies(s.array([[True]]), 50.0),
        TypeError,
        "^times must be float32 or float64, got .*bool",
    ),
    "complex times": (
        lambda s: Events.from_latencies(s.unusual([[1.0]], "complex64"), 50.0),
        TypeError,
        "^times must be float32 or float64, got .*complex64",
    ),
    "float16 times": (
        lambda s: Events.from_latencies(s.unusual([[1.0]], "float16"), 50.0),
        TypeError,
        "^times must be float32 or float64, got .*float16",
    ),
    "integer overflow": (
        lambda s: Events.from_latencies(s.array([[2**60, 3]]), 50.0),
        ValueError,
        f"^times must be at most [0-9]+ to be exact as .*float.., got {2**60}",
    ),
    "integer overflow in csr": (
        lambda s: s.csr((1, 2**60, 3)),
        ValueError,
        f"^times must be at most [0-9]+ to be exact as .*float.., got {2**60}",
    ),
    "csr times of two axes": (
        lambda s: s.csr(((1.0, 2.0, 3.0),)),
        ValueError,
        r"^times must have shape \(E,\), got \(1, 3\)",
    ),
    "float afferents": (
        lambda s: s.csr(afferents=(0.0, 1.0, 2.0)),
        TypeError,
        "^afferents must be an integer array, got .*float",
    ),
    "bool afferents": (
        lambda s: s.csr(afferents=(True, False, True)),
        TypeError,
        "^afferents must be an integer array, got .*bool",
    ),
    "float offsets": (
        lambda s: s.csr(offsets=(0.0, 3.0)),
        TypeError,
        "^offsets must be an integer array, got .*float",
    ),
    "afferents of two axes": (
        lambda s: s.csr(afferents=((0, 1, 2),)),
        ValueError,
        r"^afferents must have one axis, got shape \(1, 3\)",
    ),
    "offsets of no axis": (
        lambda s: s.csr(offsets=3),
        ValueError,
        r"^offsets must have one axis, got shape \(\)",
    ),
    "too few afferents": (
        lambda s: s.csr(afferents=(0, 1)),
        ValueError,
        "^afferents must have one entry per time, got 2 for 3",
    ),
    "afferent out of range": (
        lambda s: s.csr(afferents=(0, 1, 3)),
        ValueError,
        "^afferents must be from 0 to 2, got 0 to 3",
    ),
    "negative afferent": (
        lambda s: s.csr(afferents=(0, -1, 2)),
        ValueError,
        "^afferents must be from 0 to 2, got -1 to 2",
    ),
    "an afferent of none": (
        lambda s: s.csr(n=0),
        ValueError,
        "^afferents must be from 0 to -1, got 0 to 2",
    ),
    "no offsets": (
        lambda s: s.csr(offsets=np.zeros(0, dtype=np.int32)),
        ValueError,
        r"^offsets must have B \+ 1 entries, got none",
    ),
    "late start": (
        lambda s: s.csr(offsets=(1, 3)),
        ValueError,
        "^offsets must run from 0 to 3, got 1 to 3",
    ),
    "early end": (
        lambda s: s.csr(offsets=(0, 1, 2)),
        ValueError,
        "^offsets must run from 0 to 3, got 0 to 2",
    ),
    "end past the entries": (
        lambda s: s.csr(offsets=(0, 4)),
        ValueError,
        "^offsets must run from 0 to 3, got 0 to 4",
    ),
    "descending offsets": (
        lambda s: s.csr(offsets=(0, 1, 3, 2, 3)),
        ValueError,
        "^offsets must ascend, got 3 before 2",
    ),
    "negative n_afferents": (
        lambda s: s.csr(n=-1),
        ValueError,
        "^n_afferents must be from 0 to [0-9]+, got -1",
    ),
    "too many afferents": (
        lambda s: s.csr(n=2**70),
        ValueError,
        f"^n_afferents must be from 0 to [0-9]+, got {2**70}",
    ),
    "list of afferents": (
        lambda s: Events.from_csr(s.ones(3), [0, 1, 2], s.array([0, 3]), 3, 50.0),
        TypeError,
        "^afferents must be an array of a library .*, got list",
    ),
    "no afferents": (
        lambda s: Events.from_csr(s.ones(3), None, s.array([0, 3]), 3, 50.0),
        TypeError,
        "^afferents must be an array of a library .*, got NoneType",
    ),
    "afferents of another library": (
        lambda s: Events.from_csr(s.ones(3), s.foreign(np.arange(3)), s.array([0, 3]), 3, 50.0),
        TypeError,
        "^times and afferents must come from one array library, got .* and ",
    ),
    "offsets of another library": (
        lambda s: Events.from_csr(
            s.ones(3), s.array(np.arange(3)), s.foreign(np.asarray([0, 3])), 3, 50.0
        ),
        TypeError,
        "^times and offsets must come from one array library, got .* and ",
    ),
}


@pytest.mark.parametrize("case", EVENTS)
def test_events(scene, case):
    call, error, message = EVENTS[case]
    check(lambda: call(scene), error, message)


@pytest.mark.parametrize("value", NOT_AN_INTEGER, ids=short)
def test_n_afferents_is_an_integer(value):
    scene = scene_on(select("numpy"))
    check(lambda: scene.csr(n=value), TypeError, "^n_afferents must be an integer, got ")


# -- readouts and gradients -------------------------------------------------------------------

# Every function as call(scene, **what is different).
READOUTS = {
    "peak": lambda s, **other: peak(**given(s, other)),
    "first_crossing": lambda s, **other: first_crossing(**given(s, other)),
    "voltage": lambda s, **other: voltage(**given(s, {"times": s.samples} | other)),
    "soft_peak_time": lambda s, **other: soft_peak_time(**given(s, {"n_steps": 4} | other)),
    "peak_vjp": lambda s, **other: peak_vjp(
        **given(s, {"peak": s.peak, "v_cotangent": s.ones(1, 2)} | other)
    ),
    "first_crossing_vjp": lambda s, **other: first_crossing_vjp(
        **given(s, {"t_spike": s.t_spike, "t_cotangent": s.ones(1, 2)} | other)
    ),
    "voltage_vjp": lambda s, **other: voltage_vjp(
        **given(s, {"sample_times": s.samples, "cotangent": s.ones(1, 2, 4)} | other)
    ),
    "soft_peak_time_vjp": lambda s, **other: soft_peak_time_vjp(
        **given(s, {"n_steps": 4, "cotangent": s.ones(1, 2)} | other)
    ),
}


def given(scene, other):
    return {"events": scene.events, "weight": scene.weight, "neuron": scene.neuron} | other


# (what is different, error, message) for every function
COMMON = {
    "array for events": (
        lambda s: {"events": s.times},
        TypeError,
        r"^events must be an Events \(see Events.from_latencies\), got ",
    ),
    "no events": (lambda _: {"events": None}, TypeError, "^events must be an Events .* NoneType"),
    "number for neuron": (
        lambda _: {"neuron": 15.0},
        TypeError,
        "^neuron must be a Neuron, got float",
    ),
    "class for neuron": (lambda _: {"neuron": Neuron}, TypeError, "^neuron must be .* got type"),
    "list of weights": (
        lambda _: {"weight": [[1.0] * 3]},
        TypeError,
        "^weight must be an array of a library .*, got list",
    ),
    "no weights": (lambda _: {"weight": None}, TypeError, "^weight must be .* got NoneType"),
    "weights of one axis": (
        lambda s: {"weight": s.ones(3)},
        ValueError,
        r"^weight must have shape \(O, N\), got \(3,\)",
    ),
    "weights of three axes": (
        lambda s: {"weight": s.ones(1, 2, 3)},
        ValueError,
        r"^weight must have shape \(O, N\), got \(1, 2, 3\)",
    ),
    "too few weights": (
        lambda s: {"weight": s.ones(2, 2)},
        ValueError,
        r"^weight must have one column per afferent, got shape \(2, 2\) for 3 afferents",
    ),
    "transposed weights": (
        lambda s: {"weight": s.ones(3, 2)},
        ValueError,
        r"^weight must have one column per afferent, got shape \(3, 2\) for 3 afferents",
    ),
    "integer weights": (
        lambda s: {"weight": s.array(np.ones((2, 3), dtype=np.int32))},
        TypeError,
        "^weight must be float32 or float64, got .*int32",
    ),
    "bool weights": (
        lambda s: {"weight": s.array(np.ones((2, 3), dtype=bool))},
        TypeError,
        "^weight must be float32 or float64, got .*bool",
    ),
    "complex weights": (
        lambda s: {"weight": s.unusual(np.ones((2, 3)), "complex64")},
        TypeError,
        "^weight must be float32 or float64, got .*complex64",
    ),
    "float16 weights": (
        lambda s: {"weight": s.unusual(np.ones((2, 3)), "float16")},
        TypeError,
        "^weight must be float32 or float64, got .*float16",
    ),
    "weights of another library": (
        lambda s: {"weight": s.foreign(np.ones((2, 3)))},
        TypeError,
        "^events.times and weight must come from one array library, got .* and ",
    ),
    "events of another library": (
        lambda s: {"events": Events.from_latencies(s.foreign(np.ones((1, 3))), 50.0)},
        TypeError,
        "^events.times and weight must come from one array library, got .* and ",
    ),
    "unknown method": (
        lambda _: {"method": "fast"},
        ValueError,
        "^method must be one of auto, static, pruned, got 'fast'",
    ),
    "no method": (lambda _: {"method": None}, ValueError, "^method must be .*, got None"),
    "list of methods": (
        lambda _: {"method": ["auto"]},
        ValueError,
        r"^method must be .*, got \['auto'\]",
    ),
}


@pytest.mark.on_jax
@pytest.mark.parametrize("case", COMMON)
def test_every_readout(scene, case):
    different, error, message = COMMON[case]
    for name, call in READOUTS.items():
        print(name)
        check(lambda call=call: call(scene, **different(scene)), error, message)


def grids():
    for name in ("peak", "peak_vjp"):
        for grid, error, message in (
            (5, TypeError, r"^grid must be \(n_steps, dt\), got 5"),
            ((5,), TypeError, r"^grid must be \(n_steps, dt\), got \(5,\)"),
            ((5, 1.0, 2), TypeError, r"^grid must be \(n_steps, dt\), got \(5, 1.0, 2\)"),
            ((5.0, 1.0), TypeError, "^grid n_steps must be an integer, got 5.0"),
            (("5", 1.0), TypeError, "^grid n_steps must be an integer, got '5'"),
            ((0, 1.0), ValueError, "^grid n_steps must be from 1 to [0-9]+, got 0"),
            ((-3, 1.0), ValueError, "^grid n_steps must be from 1 to [0-9]+, got -3"),
            ((2**70, 1.0), ValueError, f"^grid n_steps must be from 1 to [0-9]+, got {2**70}"),
            ((5, 0.0), ValueError, "^grid dt must be positive and finite, got 0.0"),
            ((5, -1.0), ValueError, "^grid dt must be positive and finite, got -1.0"),
            ((5, NAN), ValueError, "^grid dt must be positive and finite, got nan"),
            ((5, INF), ValueError, "^grid dt must be positive and finite, got inf"),
            ((5, "1"), TypeError, "^grid dt must be a real number, got '1'"),
            ((5, None), TypeError, "^grid dt must be a real number, got None"),
            ((5, [1.0]), TypeError, r"^grid dt must be a real number, got \[1.0\]"),
        ):
            yield f"{name} grid {grid}", (name, lambda _, g=grid: {"grid": g}, error, message)
        yield (
            f"{name} grid with shunting",
            (
                name,
                lambda s: {"grid": (5, 1.0), "neuron": s.shunting},
                ValueError,
                "^grid must be None for a neuron with shunt=True, got a grid",
            ),
        )


# Arrays of shape (B, O) or (B, O, T) that go with the weights.
OUTPUTS = {
    "peak_vjp": {"v_cotangent": (1, 2), "t_cotangent": (1, 2)},
    "first_crossing_vjp": {"t_spike": (1, 2), "t_cotangent": (1, 2)},
    "voltage_vjp": {"cotangent": (1, 2, 4)},
    "soft_peak_time_vjp": {"cotangent": (1, 2)},
}


def outputs():
    for name, arrays in OUTPUTS.items():
        for argument, shape in arrays.items():
            fits = re.escape(str(shape))

            def with_array(make, argument=argument):
                return lambda s: {argument: make(s)}

            for wrong in (shape[1:], (*shape, 1), shape[::-1], (2, *shape[1:]), ()):
                yield (
                    f"{name} {argument} of shape {wrong}",
                    (
                        name,
                        with_array(lambda s, w=wrong: s.ones(*w)),
                        ValueError,
                        f"^{argument} must have shape {fits}, got {re.escape(str(wrong))}",
                    ),
                )
            for make, error, message in (
                (lambda _: 1.0, TypeError, "must be an array of a library .*, got float"),
                (lambda _: [[1.0, 1.0]], TypeError, "must be an array of a library .*, got list"),
                (
                    lambda s, shape=shape: s.unusual(np.ones(shape), "complex64"),
                    TypeError,
                    "must be float32 or float64, got .*complex64",
                ),
                (
                    lambda s, shape=shape: s.array(np.ones(shape, dtype=bool)),
                    TypeError,
                    "must be float32 or float64, got .*bool",
                ),
            ):
                yield (
                    f"{name} {argument} {message}",
                    (name, with_array(make), error, f"^{argument} {message}"),
                )
            yield (
                f"{name} {argument} of another library",
                (
                    name,
                    with_array(lambda s, shape=shape: s.foreign(np.ones(shape))),
                    TypeError,
                    f"^weight and {argument} must come from one array library, got .* and ",
                ),
            )
            if (name, argument) != ("peak_vjp", "t_cotangent"):
                yield (
                    f"{name} without {argument}",
                    (
                        name,
                        with_array(lambda _: None),
                        TypeError,
                        f"^{argument} must be an array of shape {fits}, got None",
                    ),
                )


def sample_times():
    for name, argument in (("voltage", "times"), ("voltage_vjp", "sample_times")):
        for make, error, message in (
            (lambda _: [0.0], TypeError, "must be an array of a library .*, got list"),
            (lambda _: 0.0, TypeError, "must be an array of a library .*, got float"),
            (lambda _: None, TypeError, "must be an array of a library .*, got NoneType"),
            (lambda s: s.ones(1, 4), ValueError, r"must have shape \(T,\), got \(1, 4\)"),
            (lambda s: s.ones(), ValueError, r"must have shape \(T,\), got \(\)"),
            (lambda s: s.array([0.0, NAN, 1.0, 2.0]), ValueError, "must not .*NaN"),
            (lambda s: s.array([True]), TypeError, "must be float32 or float64, got .*bool"),
            (
                lambda s: s.unusual([1.0], "complex64"),
                TypeError,
                "must be float32 or float64, got .*complex64",
            ),
        ):
            yield (
                f"{name} {argument} {message}",
                (
                    name,
                    lambda s, make=make, argument=argument: {argument: make(s)},
                    error,
                    f"^{argument} {message}",
                ),
            )
        yield (
            f"{name} {argument} of another library",
            (
                name,
                lambda s, argument=argument: {argument: s.foreign(np.ones(4))},
                TypeError,
                f"^events.times and {argument} must come from one array library, got .* and ",
            ),
        )


def peaks():
    for make, error, message in (
        (lambda _: None, TypeError, "^peak must be a Peak .*, got NoneType"),
        (lambda s: s.peak.v_max, TypeError, "^peak must be a Peak .*, got "),
        (lambda s: tuple(s.peak), TypeError, "^peak must be a Peak .*, got tuple"),
        (
            lambda s: Peak(s.ones(2), s.ones(1, 2)),
            ValueError,
            r"^peak.v_max must have shape \(1, 2\), got \(2,\)",
        ),
        (
            lambda s: Peak(s.ones(1, 2), s.ones(2, 2)),
            ValueError,
            r"^peak.t_max must have shape \(1, 2\), got \(2, 2\)",
        ),
        (
            lambda s: Peak(s.foreign(np.ones((1, 2))), s.ones(1, 2)),
            TypeError,
            "^weight and peak.v_max must come from one array library, got ",
        ),
    ):
        yield f"peak_vjp {message}", ("peak_vjp", lambda s, m=make: {"peak": m(s)}, error, message)


def impossible_times():
    """That no readout can have returned: a silent neuron has inf, a lost one NaN."""
    for time in (NAN, -1.0, 51.0):
        yield (
            f"peak at {time}",
            (
                "peak_vjp",
                lambda s, t=time: {"peak": Peak(s.ones(1, 2), s.array([[1.0, t]]))},
                ValueError,
                f"^peak.t_max must be from 0 to 50.0, got {time}",
            ),
        )
    for time in (-INF, -1.0, 51.0):
        yield (
            f"crossing at {time}",
            (
                "first_crossing_vjp",
                lambda s, t=time: {"t_spike": s.array([[1.0, t]])},
                ValueError,
                f"^t_spike must be from 0 to 50.0, got {time}",
            ),
        )


def numbers():
    for value, error, message in (
        (-1.0, ValueError, "must be finite and not negative, got -1.0"),
        (NAN, ValueError, "must be finite and not negative, got nan"),
        (INF, ValueError, "must be finite and not negative, got inf"),
        ("0.1", TypeError, "must be a real number, got '0.1'"),
        (None, TypeError, "must be a real number, got None"),
        (np.ones(2), TypeError, "must be a real number, got "),
    ):
        yield (
            f"min_slope {message}",
            (
                "first_crossing_vjp",
                lambda _, value=value: {"min_slope": value},
                error,
                f"^min_slope {message}",
            ),
        )
    for name in ("soft_peak_time", "soft_peak_time_vjp"):
        for value, error, message in (
            (0, ValueError, "must be from 1 to [0-9]+, got 0"),
            (-1, ValueError, "must be from 1 to [0-9]+, got -1"),
            (2**70, ValueError, f"must be from 1 to [0-9]+, got {2**70}"),
            (5.0, TypeError, "must be an integer, got 5.0"),
            ("5", TypeError, "must be an integer, got '5'"),
            ([5], TypeError, r"must be an integer, got \[5\]"),
            (None, TypeError, "must be an integer, got None"),
        ):
            yield (
                f"{name} n_steps {message}",
                (name, lambda _, value=value: {"n_steps": value}, error, f"^n_steps {message}"),
            )
        yield (
            f"{name} with shunting",
            (
                name,
                lambda s: {"neuron": s.shunting},
                ValueError,
                "^neuron must have shunt=False for a soft peak time, got shunt=True",
            ),
        )


GROUPS = {
    "grid": dict(grids()),
    "outputs": dict(outputs()),
    "sample times": dict(sample_times()),
    "peaks": dict(peaks()),
    "impossible times": dict(impossible_times()),
    "numbers": dict(numbers()),
}


@pytest.mark.parametrize("group", GROUPS)
def test_one_readout(scene, group):
    for case, (name, different, error, message) in GROUPS[group].items():
        print(case)
        if "complex" in case and not hasattr(scene.backend.xp, "complex64"):
            continue
        check(lambda: READOUTS[name](scene, **different(scene)), error, message)  # noqa: B023


# -- Tempotron --------------------------------------------------------------------------------

LAYER = {
    "no inputs": (
        lambda _: Tempotron(0, 2, 50),
        ValueError,
        "^in_features must be from 1 .* got 0",
    ),
    "negative outputs": (
        lambda _: Tempotron(3, -2, 50),
        ValueError,
        "^out_features must be from 1 to [0-9]+, got -2",
    ),
    "no steps": (lambda _: Tempotron(3, 2, 0), ValueError, "^T must be from 1 to [0-9]+, got 0"),
    "too many steps": (
        lambda _: Tempotron(3, 2, 2**70),
        ValueError,
        f"^T must be from 1 to [0-9]+, got {2**70}",
    ),
    "tau": (lambda _: Tempotron(3, 2, 50, tau=0), ValueError, "^tau must be positive .*, got 0"),
    "tau_s": (lambda _: Tempotron(3, 2, 50, tau_s=-1.0), ValueError, "^tau_s .*, got -1.0"),
    "v_threshold": (lambda _: Tempotron(3, 2, 50, v_threshold=0.0), ValueError, "^v_thr.* got 0.0"),
    "string": (lambda _: Tempotron(3, 2, 50, tau="15"), TypeError, "^tau must .* number, got '15'"),
    "shape of weight": (
        lambda s: Tempotron(3, 2, 50, weight=s.ones(3, 2)),
        ValueError,
        r"^weight must have shape \(out_features, in_features\) = \(2, 3\), got \(3, 2\)",
    ),
    "list of weights": (
        lambda _: Tempotron(3, 2, 50, weight=[[1.0] * 3] * 2),
        TypeError,
        "^weight must be an array of a library .*, got list",
    ),
    "integer weight": (
        lambda s: Tempotron(3, 2, 50, weight=s.array(np.ones((2, 3), dtype=np.int32))),
        TypeError,
        "^weight must be float32 or float64, got .*int32",
    ),
    "float16 weight": (
        lambda s: Tempotron(3, 2, 50, weight=s.unusual(np.ones((2, 3)), "float16")),
        TypeError,
        "^weight must be float32 or float64, got .*float16",
    ),
    "dtype float16": (
        lambda _: Tempotron(3, 2, 50, dtype="float16"),
        TypeError,
        "^dtype must be float32 or float64, got 'float16'",
    ),
    "dtype of no kind": (
        lambda _: Tempotron(3, 2, 50, dtype="nonsense"),
        TypeError,
        "^dtype must be float32 or float64, got 'nonsense'",
    ),
    "dtype number": (lambda _: Tempotron(3, 2, 50, dtype=5), TypeError, "^dtype must .*, got 5"),
    "rng": (
        lambda _: Tempotron(3, 2, 50, rng="seed"),
        TypeError,
        "^rng must be a numpy.random.Generator or an integer from 0, got 'seed'",
    ),
    "negative seed": (lambda _: Tempotron(3, 2, 50, rng=-1), TypeError, "^rng must .*, got -1"),
    "unknown ret_type": (
        lambda s: s.model(s.times, "v-max"),
        ValueError,
        "^ret_type must be one of v, v_max, spikes, got 'v-max'",
    ),
    "no ret_type": (lambda s: s.model(s.times, None), ValueError, "^ret_type .*, got None"),
    "array for ret_type": (
        lambda s: s.model(s.times, np.asarray(["v", "v_max"])),
        ValueError,
        "^ret_type must be one of v, v_max, spikes, got array",
    ),
    "list of spikes": (
        lambda s: s.model([[1.0, 2.0, 3.0]], "v"),
        TypeError,
        "^in_spikes must be an array of a library .*, got list",
    ),
    "spikes of one axis": (
        lambda s: s.model(s.ones(3), "v_max"),
        ValueError,
        r"^in_spikes must have shape \(B, in_features\) with in_features = 3, got \(3,\)",
    ),
    "too few spikes": (
        lambda s: s.model(s.ones(1, 2), "v_max"),
        ValueError,
        r"^in_spikes must have shape \(B, in_features\) with in_features = 3, got \(1, 2\)",
    ),
    "NaN spike": (
        lambda s: s.model(s.array([[1.0, NAN, 2.0]]), "spikes"),
        ValueError,
        "^in_spikes must not hold NaN",
    ),
    "bool spikes": (
        lambda s: s.model(s.array([[True, False, True]]), "v"),
        TypeError,
        "^in_spikes must be float32 or float64, got .*bool",
    ),
    "integer overflow": (
        lambda s: s.model(s.array([[1, 2**60, 2]]), "v"),
        ValueError,
        f"^in_spikes must be at most [0-9]+ to be exact as .*float.., got {2**60}",
    ),
    "cotangent of v": (
        lambda s: s.model.value_and_grad(s.times, "v", s.ones(1, 2)),
        ValueError,
        r"^cotangent must have shape \(1, 2, 50\), got \(1, 2\)",
    ),
    "cotangent of v_max": (
        lambda s: s.model.value_and_grad(s.times, "v_max", s.ones(2)),
        ValueError,
        r"cotangent must have shape \(1, 2\), got \(2,\)",
    ),
    "cotangent function": (
        lambda s: s.model.value_and_grad(s.times, "v_max", lambda _: None),
        TypeError,
        r"cotangent must be an array of shape \(1, 2\), got None",
    ),
    "no cotangent": (
        lambda s: s.model.value_and_grad(s.times, "spikes", None),
        TypeError,
        r"cotangent must be an array of shape \(1, 2\), got None",
    ),
    "unknown ret_type of value_and_grad": (
        lambda s: s.model.value_and_grad(s.times, "x", s.ones(1, 2)),
        ValueError,
        "^ret_type must be one of v, v_max, spikes, got 'x'",
    ),
    "psp_kernel of a number": (
        lambda _: Tempotron.psp_kernel(1.0, 15.0, 3.0),
        TypeError,
        "^t must be an array of a library .*, got float",
    ),
    "psp_kernel of complex times": (
        lambda s: Tempotron.psp_kernel(s.unusual([1.0], "complex64"), 15.0, 3.0),
        TypeError,
        "^t must be float32 or float64, got .*complex64",
    ),
    "psp_kernel without tau": (
        lambda s: Tempotron.psp_kernel(s.times, 0.0, 3.0),
        ValueError,
        "^tau must be positive and finite, got 0.0",
    ),
    "psp_kernel with a string": (
        lambda s: Tempotron.psp_kernel(s.times, 15.0, "3"),
        TypeError,
        "^tau_s must be a real number, got '3'",
    ),
    "mse_loss classes": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, s.array([0]), 3),
        ValueError,
        r"^v_max must have shape \(B, num_classes\) = \(1, 3\), got \(1, 2\)",
    ),
    "mse_loss batch": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, s.array([0, 1]), 2),
        ValueError,
        r"^v_max must have shape \(B, num_classes\) = \(2, 2\), got \(1, 2\)",
    ),
    "mse_loss number of classes": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, s.array([0]), "2"),
        TypeError,
        "^num_classes must be an integer, got '2'",
    ),
    "mse_loss label of two axes": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, s.array([[0]]), 2),
        ValueError,
        r"^label must have shape \(B,\), got \(1, 1\)",
    ),
    "mse_loss float label": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, s.array([0.5]), 2),
        TypeError,
        "^label must hold integer class indices, got .*float",
    ),
    "mse_loss label out of range": (
        lambda s: Tempotron.mse_loss(s.ones(2, 2), 1.0, s.array([-1, 2]), 2),
        ValueError,
        "^label must be class indices from 0 to 1 .* got values from -1 to 2",
    ),
    "mse_loss list of labels": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, [0], 2),
        TypeError,
        "^label must be an array of a library .*, got list",
    ),
    "mse_loss threshold": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 0.0, s.array([0]), 2),
        ValueError,
        "^v_threshold must be positive and finite, got 0.0",
    ),
    "mse_loss of another library": (
        lambda s: Tempotron.mse_loss(s.ones(1, 2), 1.0, s.foreign(np.asarray([0])), 2),
        TypeError,
        "^v_max and label must come from one array library, got ",
    ),
    "mse_loss of integers": (
        lambda s: Tempotron.mse_loss(s.array([[1, 2]]), 1.0, s.array([0]), 2),
        TypeError,
        "^v_max must be float32 or float64, got .*int",
    ),
}


@pytest.mark.parametrize("case", LAYER)
def test_tempotron(scene, case):
    call, error, message = LAYER[case]
    check(lambda: call(scene), error, message)


@pytest.mark.parametrize("name", ["in_features", "out_features", "T"])
@pytest.mark.parametrize("value", NOT_AN_INTEGER, ids=short)
def test_tempotron_sizes_are_integers(name, value):
    sizes = {"in_features": 3, "out_features": 2, "T": 50} | {name: value}
    check(lambda: Tempotron(**sizes), TypeError, f"^{name} must be an integer, got ")


def test_tempotron_sizes_may_be_numpy_integers():
    model = Tempotron(np.int64(3), np.int32(2), np.asarray(50))
    assert [type(size) for size in (model.in_features, model.out_features, model.T)] == [int] * 3


def test_failed_call_leaves_the_weights_where_they_were(scene):
    """A first call that fails does not bind the model to its library."""
    if scene.backend.name == "numpy":
        pytest.skip("NumPy weights stay NumPy's")
    model = Tempotron(3, 2, 50, rng=0)
    for bad in (scene.ones(1, 2), scene.array([[NAN, 1.0, 2.0]])):
        with pytest.raises(ValueError, match=r"^in_spikes must"):
            model(bad, "v_max")
    assert isinstance(model.weight, np.ndarray)
    assert model(np.ones((1, 3)), "v_max").shape == (1, 2)


def test_tempotron_on_a_device_that_is_none():
    torch = pytest.importorskip("torch")
    model = Tempotron(3, 2, 50, device="nonsense")
    message = "^device must be one that .*torch can hold the weights on, got 'nonsense'"
    with pytest.raises(ValueError, match=message):
        model(torch.ones(1, 3), "v_max")
    elsewhere = Tempotron(3, 2, 50, device="meta")
    message = "^in_spikes and weight must be on one device, got cpu and meta"
    check(lambda: elsewhere(torch.ones(1, 3), "v_max"), ValueError, message)


@pytest.mark.on_jax
def test_spikes_of_another_library_than_the_weights(scene):
    """NumPy weights follow their input; others stay where they are."""
    if scene.backend.name == "numpy":
        assert not isinstance(scene.model(scene.foreign(np.ones((1, 3))), "v_max"), np.ndarray)
        return
    message = "^events.times and weight must come from one array library, got "
    check(lambda: scene.model(scene.foreign(np.ones((1, 3))), "v_max"), TypeError, message)


# -- devices ----------------------------------------------------------------------------------


@pytest.fixture
def split():
    """Scenes of array-api-strict on two devices."""
    xp = pytest.importorskip("array_api_strict")
    here = scene_on(select("strict:device1"))
    there = replace(here, backend=select("strict:CPU_DEVICE"))
    assert here.weight.device == xp.Device("device1") != there.weight.device
    return here, there


ONE_DEVICE = "must be on one device, got .*device1.* and .*CPU_DEVICE"


def test_weight_on_another_device(split):
    here, there = split
    for call in READOUTS.values():
        check(
            lambda call=call: call(here, weight=there.weight),
            ValueError,
            f"^events.times and weight {ONE_DEVICE}",
        )


@pytest.mark.parametrize(
    ("name", "argument", "with_"),
    [
        ("peak_vjp", "v_cotangent", "weight"),
        ("peak_vjp", "t_cotangent", "weight"),
        ("first_crossing_vjp", "t_spike", "weight"),
        ("first_crossing_vjp", "t_cotangent", "weight"),
        ("soft_peak_time_vjp", "cotangent", "weight"),
        ("voltage_vjp", "cotangent", "weight"),
        ("voltage_vjp", "sample_times", "events.times"),
        ("voltage", "times", "events.times"),
    ],
)
def test_argument_on_another_device(split, name, argument, with_):
    here, there = split
    shape = {"times": (4,), "sample_times": (4,)}.get(argument, OUTPUTS.get(name, {}).get(argument))
    array = there.ones(*shape)
    check(
        lambda: READOUTS[name](here, **{argument: array}),
        ValueError,
        f"^{with_} and {argument} {ONE_DEVICE}",
    )


def test_peak_on_another_device(split):
    here, there = split
    wrong = Peak(here.peak.v_max, there.peak.t_max)
    message = f"^weight and peak.t_max {ONE_DEVICE}"
    check(lambda: READOUTS["peak_vjp"](here, peak=wrong), ValueError, message)


def test_events_on_two_devices(split):
    here, there = split
    spikes, afferents, offsets = here.ones(3), there.array([0, 1, 2]), here.array([0, 3])
    check(
        lambda: Events.from_csr(spikes, afferents, offsets, 3, 50.0),
        ValueError,
        f"^times and afferents {ONE_DEVICE}",
    )
    check(
        lambda: Events.concat([here.events, there.events]),
        ValueError,
        rf"^parts\[0\] and parts\[1\] {ONE_DEVICE}",
    )
    with pytest.raises(ValueError, match=r"^patterns and events must be on one device"):
        here.events[there.array([0])]
    check(
        lambda: Tempotron.mse_loss(here.ones(1, 2), 1.0, there.array([0]), 2),
        ValueError,
        f"^v_max and label {ONE_DEVICE}",
    )
    check(
        lambda: here.model(there.times, "v_max"),
        ValueError,
        "^events.times and weight must be on one device, got .*CPU_DEVICE.* and .*device1",
    )


def test_torch_devices():
    torch = pytest.importorskip("torch")
    scene = scene_on(select("torch:cpu"))
    weight = torch.ones((2, 3), device="meta")
    message = "^events.times and weight must be on one device, got cpu and meta"
    check(lambda: peak(scene.events, weight, Neuron()), ValueError, message)


# -- arrays that autodiff follows -------------------------------------------------------------


@pytest.mark.parametrize("name", ["peak", "first_crossing", "voltage", "soft_peak_time"])
def test_torch_tensors_that_require_a_gradient(name):
    """They take a path of their own, whose errors are the same."""
    torch = pytest.importorskip("torch")
    scene = scene_on(select("torch:cpu"))
    weight = torch.ones((2, 3), dtype=torch.float64, requires_grad=True)

    def call(**other):
        return READOUTS[name](scene, **({"weight": weight} | other))

    numpy_events = Events.from_latencies(np.ones((1, 3)), 50.0)
    for other, error, message in (
        ({"events": scene.times}, TypeError, "^events must be an Events"),
        ({"events": numpy_events}, TypeError, "^events.times and weight must come from one array"),
        ({"neuron": 15.0}, TypeError, "^neuron must be a Neuron, got float"),
        ({"weight": weight[:, :2]}, ValueError, "^weight must have one column per afferent"),
        ({"method": "fast"}, ValueError, "^method must be one of .*, got 'fast'"),
    ):
        check(lambda other=other: call(**other), error, message)
    if name == "voltage":
        check(lambda: call(times=[0.0]), TypeError, "^times must be an array .*, got list")
        nan = torch.asarray([NAN])
        check(lambda: call(times=nan), ValueError, "^times must not .*NaN")
        truth = torch.asarray([True])
        check(lambda: call(times=truth), TypeError, "^times must be float32 or float64, got ")
    if name == "peak":
        check(lambda: call(grid=5), TypeError, r"^grid must be \(n_steps, dt\), got 5")


def test_shapes_are_checked_under_jax_jit():
    jax = pytest.importorskip("jax")
    scene = scene_on(select("jax:cpu"))
    wrong = scene.ones(2, 2)
    for call in READOUTS.values():
        message = "^weight must have one column per afferent"
        check(
            lambda call=call: jax.jit(lambda w: call(scene, weight=w))(wrong), ValueError, message
        )


def test_jax_holds_no_float64_unless_told():
    """Asking for float64 without JAX's 64-bit types is an error, not a silent float32."""
    if find_spec("jax") is None:
        pytest.skip("jax is not installed")
    code = """
import jax.numpy as jnp
from tempotron_core import Events, Tempotron, peak
times = jnp.ones((1, 3))
assert Tempotron(3, 2, 50)(times, "v_max").dtype == jnp.float32
# neither warnings nor 64-bit types come up in what asks for none
offsets, afferents = jnp.asarray([0, 3]), jnp.asarray([0, 1, 2])
csr = Events.from_csr(times[0], afferents, offsets, 3, 50.0)
assert csr[[]].times.dtype == csr[[0]].times.dtype == jnp.float32
try:
    Tempotron(3, 2, 50, dtype="float64")(times, "v_max")
except ValueError as error:
    print(error)
"""
    command = [sys.executable, "-W", "error", "-c", code]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode == 0, result.stderr
    assert re.match("weight must have a dtype that .* got float64 .*jax_enable_x64", result.stdout)
