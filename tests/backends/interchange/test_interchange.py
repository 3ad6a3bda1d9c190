"""Spikes from and to other libraries against plain loops, and arrays that change libraries."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from tempotron_backends import Backend, select
from tempotron_backends.data.loader import InMemory
from tempotron_backends.interchange import (
    from_lists,
    from_neo,
    from_rasters,
    from_records,
    from_spike_list,
    to_neo,
    to_rasters,
    to_spike_list,
)
from tempotron_backends.interchange.moving import to_backend
from tempotron_core import Events, Network, Neuron, Tempotron, peak, peak_vjp
from tempotron_core.events.changing import map_arrays

RNG = np.random.default_rng(11)
COUNTS = (RNG.random((4, 12, 5)) < 0.2) * RNG.integers(1, 4, (4, 12, 5))
COUNTS[2] = 0  # a pattern without spikes
COUNTS[0, 11, 4] = 2  # and spikes in the last step

Spikes = list[list[tuple[float, int]]]


def spikes(events: Events) -> Spikes:
    """(time, afferent) of every spike of every pattern, sorted."""
    times, afferents, offsets = to_spike_list(events)
    return [
        sorted(zip(times[a:b].tolist(), afferents[a:b].tolist(), strict=True))
        for a, b in pairwise(offsets)
    ]


def spikes_of_counts(counts: Any, dt: float = 1.0, within: float = 0.0) -> Spikes:
    """The definition, entry by entry."""
    found: Spikes = []
    for pattern in np.asarray(counts).tolist():
        found.append([])
        for k, row in enumerate(pattern):
            for i, n in enumerate(row):
                found[-1] += [((k + within) * dt, i)] * int(n)
        found[-1].sort()
    return found


# -- rasters ----------------------------------------------------------------------------------

SCIPY_FORMATS = ("bsr", "coo", "csc", "csr", "dia", "dok", "lil")


@pytest.mark.on_jax
def test_dense_raster(backend: Backend) -> None:
    events = from_rasters(COUNTS, 0.5, backend=backend)
    assert events.xp is backend.xp
    assert events.device == backend.native_device
    assert events.times.dtype == backend.default_dtype
    assert (events.duration, events.n_afferents) == (6.0, 5)
    assert spikes(events) == spikes_of_counts(COUNTS, 0.5)


def test_raster_of_any_library(backend: Backend) -> None:
    for dtype in ("int32", "float32", "bool"):
        raster = COUNTS.astype(dtype)
        events = from_rasters(backend.from_numpy(raster))
        assert spikes(events) == spikes_of_counts(raster)


def test_raster_options() -> None:
    middle = from_rasters(COUNTS, 0.25, at="middle", duration=2.5, dtype="float32")
    wanted = [[s for s in p if s[0] <= 2.5] for p in spikes_of_counts(COUNTS, 0.25, 0.5)]
    assert spikes(middle) == wanted
    assert middle.times.dtype == np.float32
    assert middle.duration == 2.5
    for axes in ("BTN", "BNT", "TBN", "TNB", "NBT", "NTB"):
        turned = np.transpose(COUNTS, ["BTN".index(axis) for axis in axes])
        assert spikes(from_rasters(turned, axes=axes)) == spikes_of_counts(COUNTS), axes
    one = spikes_of_counts(COUNTS[:1])
    assert spikes(from_rasters(COUNTS[0])) == one
    assert spikes(from_rasters(COUNTS[0].T, axes="BNT")) == one
    assert spikes(from_rasters(list(COUNTS))) == spikes_of_counts(COUNTS)


def test_raster_is_what_the_grid_sees() -> None:
    """V on the grid (T, dt) of a raster is the convolution with the kernel, step by step."""
    neuron, weight, dt = Neuron(4.0, 1.0), RNG.normal(size=(2, 5)), 0.5
    t_peak = 4.0 / 3.0 * np.log(4.0)
    v0 = 1.0 / (np.exp(-t_peak / 4.0) - np.exp(-t_peak))
    kernel = [v0 * (np.exp(-k * dt / 4.0) - np.exp(-k * dt)) for k in range(12)]
    v_max = np.full((4, 2), -np.inf)
    for b, pattern in enumerate(COUNTS):
        drive = pattern @ weight.T
        for t in range(12):
            v = sum(kernel[t - s] * drive[s] for s in range(t + 1))
            v_max[b] = np.maximum(v_max[b], v)
    found = peak(from_rasters(COUNTS, dt), weight, neuron, grid=(12, dt)).v_max
    np.testing.assert_allclose(found, v_max, rtol=0, atol=1e-12)


@pytest.mark.parametrize("kind", ["array", "matrix"])
@pytest.mark.parametrize("form", SCIPY_FORMATS)
def test_scipy_rasters(form: str, kind: str) -> None:
    sparse = pytest.importorskip("scipy.sparse")
    make = getattr(sparse, f"{form}_{kind}")
    assert spikes(from_rasters([make(each) for each in COUNTS])) == spikes_of_counts(COUNTS)
    assert spikes(from_rasters(make(COUNTS[1]))) == spikes_of_counts(COUNTS[1:2])
    turned = from_rasters([make(each.T.astype(float)) for each in COUNTS], axes="NTB")
    assert spikes(turned) == spikes_of_counts(COUNTS)


def test_scipy_entries_that_repeat_or_are_zero() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    raster = sparse.coo_array(([1, 0, 2], ([3, 1, 3], [0, 1, 0])), shape=(5, 2))
    assert spikes(from_rasters(raster)) == [[(3.0, 0)] * 3]
    nothing = sparse.csr_array((5, 2), dtype=np.int8)
    assert spikes(from_rasters([nothing, raster, nothing]))[::2] == [[], []]


@pytest.mark.parametrize("form", ["coo", pytest.param("gcxs", marks=pytest.mark.slow), "dok"])
def test_pydata_rasters(form: str) -> None:
    sparse = pytest.importorskip("sparse")
    raster = sparse.COO(COUNTS).asformat(form)
    assert spikes(from_rasters(raster)) == spikes_of_counts(COUNTS)
    turned = sparse.COO(np.transpose(COUNTS, (1, 0, 2)) > 0)
    assert spikes(from_rasters(turned, axes="TBN")) == spikes_of_counts(COUNTS > 0)
    two = [sparse.COO(COUNTS[0]), sparse.COO(COUNTS[1])]
    assert spikes(from_rasters(two)) == spikes_of_counts(COUNTS[:2])


def test_sparse_rasters_stay_sparse() -> None:
    """These would take exabytes."""
    scipy_sparse, sparse = pytest.importorskip("scipy.sparse"), pytest.importorskip("sparse")
    step, afferent = [5, 2**30], [7, 2**30]
    raster = scipy_sparse.coo_array(([1, 1], (step, afferent)), shape=(2**30 + 1, 2**31 - 1))
    wanted = [[(5.0, 7), (float(2**30), 2**30)]]
    assert spikes(from_rasters(raster)) == wanted
    coords = [[0, 0], step, afferent]
    raster = sparse.COO(coords, [1, 1], shape=(1, 2**30 + 1, 2**31 - 1))
    events = from_rasters(raster)
    assert spikes(events) == wanted
    back = to_rasters(events, form="coo")
    assert back.shape == raster.shape
    assert back.coords.tolist() == coords


@pytest.mark.parametrize("shape", [(0, 3, 2), (2, 3, 0), (2, 3, 2)])
def test_rasters_without_spikes(shape: tuple[int, int, int], backend: Backend) -> None:
    events = from_rasters(np.zeros(shape, dtype=bool), backend=backend)
    assert (len(events), events.n_afferents, events.n_spikes) == (shape[0], shape[2], 0)
    assert to_rasters(events, form="dense").tolist() == np.zeros(shape).tolist()
    assert len(to_rasters(events)) == shape[0]


@given(
    counts=hnp.arrays(
        np.int16,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=6),
        elements=st.integers(0, 3),
    ),
    dt=st.floats(1e-3, 1e3),
    dtype=st.sampled_from(["float32", "float64"]),
    at=st.sampled_from(["start", "middle"]),
    form=st.sampled_from(["csr", "coo", "dense"]),
)
@settings(deadline=None, max_examples=50)
def test_raster_round_trip(counts: Any, dt: float, dtype: str, at: str, form: str) -> None:
    pytest.importorskip("scipy.sparse")
    pytest.importorskip("sparse")
    back = to_rasters(from_rasters(counts, dt, at=at, dtype=dtype), dt, form=form)
    parts = back if form == "csr" else [back] if form == "dense" else [back.todense()]
    parts = np.stack([part.toarray() for part in parts]) if form == "csr" else parts[0]
    np.testing.assert_array_equal(parts, counts)


def test_long_rasters_come_back() -> None:
    """k * dt is seldom exact: rounding must not move a spike to the step before."""
    counts = np.ones((1, 4000, 1), dtype=bool)
    for dt in (0.1, 0.3, 1 / 3, 0.7, 1.1):
        for dtype in ("float32", "float64"):
            back = to_rasters(from_rasters(counts, dt, dtype=dtype), dt, form="dense")
            np.testing.assert_array_equal(back, counts)


def test_raster_of_real_times() -> None:
    """Spikes between steps, and one at the end, which has no step of its own."""
    events = Events.from_csr(
        np.asarray([0.0, 0.9, 1.0, 2.5, 2.4]),
        np.asarray([0, 0, 1, 1, 1]),
        np.asarray([0, 5]),
        2,
        2.5,
    )
    assert to_rasters(events, form="dense").tolist() == [[[2, 0], [0, 1], [0, 2]]]
    assert to_rasters(events, 2.5, form="dense").tolist() == [[[2, 3]]]
    assert to_rasters(events, 100.0, form="dense").tolist() == [[[2, 3]]]


def test_bad_rasters() -> None:
    sparse, scipy_sparse = pytest.importorskip("sparse"), pytest.importorskip("scipy.sparse")
    wrong = np.zeros((1, 2, 2))
    for value in (-1.0, 0.5, np.nan, np.inf):
        wrong[0, 1, 1] = value
        for each in (wrong, sparse.COO(wrong), scipy_sparse.csr_array(wrong[0])):
            with pytest.raises(ValueError, match=f"rasters must hold whole numbers.*{value}"):
                from_rasters(each)
    for raster, error, message in (
        ([], ValueError, "rasters must hold at least one raster, got none"),
        (np.zeros(3), ValueError, r"rasters must have three axes, or two.*got shape \(3,\)"),
        (np.float64(1.0), ValueError, r"rasters must have three axes.*got shape \(\)"),
        ([np.zeros((2, 2)), np.zeros((2, 3))], ValueError, r"rasters\[1\] must have the shape"),
        ([np.zeros((1, 2, 2))], ValueError, r"rasters\[0\] must have two axes"),
        (np.zeros((2, 2), complex), TypeError, "rasters must hold booleans or numbers"),
        (scipy_sparse.csr_array(np.eye(2) * 1j), TypeError, "rasters must hold booleans"),
        (np.asarray([["a"]]), TypeError, "rasters must hold booleans or numbers"),
        (sparse.COO(np.ones((1, 2, 2)), fill_value=1.0), ValueError, "the fill value 0, got 1.0"),
        (np.zeros((1, 0, 2)), ValueError, r"rasters must have a step at least.*\(1, 0, 2\)"),
    ):
        with pytest.raises(error, match=message):
            from_rasters(raster)
    for options, message in (
        ({"dt": 0.0}, "dt must be positive"),
        ({"at": "end"}, "at must be 'start' or 'middle', got 'end'"),
        ({"axes": "TN"}, "axes must hold each of B, T and N once, got 'TN'"),
        ({"duration": -1.0}, "duration must be positive"),
        ({"dtype": "int32x"}, "dtype must be one that numpy:cpu can hold"),
    ):
        with pytest.raises(ValueError, match=message):
            from_rasters(COUNTS, **options)
    with pytest.raises(TypeError, match=r"backend must be a Backend .*got str"):
        from_rasters(COUNTS, backend="torch")
    events = from_rasters(COUNTS)
    with pytest.raises(ValueError, match="form must be one of csr, coo, dense, got 'lil'"):
        to_rasters(events, form="lil")
    with pytest.raises(ValueError, match="dt must be positive"):
        to_rasters(events, -1.0)
    with pytest.raises(TypeError, match="events must be an Events, got ndarray"):
        to_rasters(COUNTS)


# -- spike lists ------------------------------------------------------------------------------


def list_of_spikes(n: int = 40) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Unsorted times with repetitions and some past the duration, addresses, pattern numbers."""
    times = RNG.integers(-2, 12, n) * 1.0
    return times, RNG.integers(0, 6, n), RNG.choice([0, 2, 3], n)


def kept(times: Any, afferents: Any, patterns: Any, n_patterns: int, duration: float) -> Spikes:
    found: Spikes = [[] for _ in range(n_patterns)]
    for t, i, b in zip(times, afferents, patterns, strict=True):
        if 0.0 <= t <= duration:
            found[b].append((float(t), int(i)))
    return [sorted(each) for each in found]


def test_spike_list_with_patterns(backend: Backend) -> None:
    times, afferents, patterns = list_of_spikes()
    assert (times == 10.0).any()  # at the duration
    events = from_spike_list(
        times, afferents, 6, 10.0, patterns=patterns, n_patterns=5, backend=backend
    )
    assert events.device == backend.native_device
    assert spikes(events) == kept(times, afferents, patterns, 5, 10.0)
    found = from_spike_list(times, afferents, 6, 10.0, patterns=patterns)
    assert spikes(found) == kept(times, afferents, patterns, 4, 10.0)


def test_spike_list_of_any_library(backend: Backend) -> None:
    times, afferents, patterns = list_of_spikes()
    given = [backend.from_numpy(a) for a in (times.astype(np.float32), afferents, patterns)]
    events = from_spike_list(*given[:2], 6, 10.0, patterns=given[2])
    assert spikes(events) == kept(times, afferents, patterns, 4, 10.0)


def test_spike_list_of_one_pattern_and_with_offsets() -> None:
    times, afferents, _ = list_of_spikes()
    one = from_spike_list(times.tolist(), afferents.tolist(), 6, 10.0)
    assert spikes(one) == kept(times, afferents, [0] * 40, 1, 10.0)
    parts = from_spike_list(times, afferents, 6, 10.0, offsets=[0, 7, 7, 40])
    assert spikes(parts) == kept(times, afferents, [0] * 7 + [2] * 33, 3, 10.0)
    whole = from_spike_list(times.astype(np.int16), afferents.astype(np.uint8), 6, 10.0)
    assert spikes(whole) == spikes(one)
    empty = from_spike_list([], [], 6, 10.0, patterns=[], n_patterns=3)
    assert spikes(empty) == [[], [], []]
    assert spikes(from_spike_list([], [], 6, 10.0)) == [[]]
    assert len(from_spike_list([], [], 6, 10.0, patterns=[])) == 0


def test_gradients_of_spike_lists_are_pattern_by_pattern() -> None:
    """As the docstring says: stable, by pattern."""
    times, afferents, patterns = list_of_spikes()
    events = from_spike_list(times, afferents, 6, 10.0, patterns=patterns)
    order = np.argsort(patterns, kind="stable")
    valid = ((times >= 0) & (times <= 10.0))[order]
    laid_out = events.in_source_layout(events.times)
    np.testing.assert_array_equal(laid_out, np.where(valid, times[order], 0.0))


@given(
    st.lists(
        st.lists(st.tuples(st.floats(0.0, 100.0, width=32), st.integers(0, 3)), max_size=6),
        max_size=5,
    )
)
@settings(deadline=None, max_examples=50)
def test_spike_list_round_trip(patterns: Spikes) -> None:
    flat = [spike for pattern in patterns for spike in pattern]
    offsets = np.cumsum([0, *map(len, patterns)])
    events = from_spike_list(
        [t for t, _ in flat], [i for _, i in flat], 4, 100.0, offsets=offsets, dtype="float32"
    )
    assert spikes(events) == [sorted(pattern) for pattern in patterns]
    again = from_spike_list(
        *to_spike_list(events)[:2], 4, 100.0, offsets=to_spike_list(events).offsets
    )
    assert spikes(again) == spikes(events)


@pytest.mark.on_jax
def test_to_spike_list(backend: Backend) -> None:
    events = Events.from_latencies(
        backend.from_numpy(np.asarray([[3.0, -1.0, 1.0], [-1.0] * 3, [0.5] * 3]), "float32"), 4.0
    )
    times, afferents, offsets = to_spike_list(events)
    assert times.tolist() == [1.0, 3.0, 0.5, 0.5, 0.5]
    assert afferents.tolist() == [2, 0, 0, 1, 2]
    assert offsets.tolist() == [0, 2, 2, 5]
    assert times.dtype == np.float32


def test_bad_spike_lists() -> None:
    for arguments, options, error, message in (
        (([1.0], [0, 1]), {}, ValueError, "afferents must have one entry per time, got 2 for 1"),
        (([[1.0]], [[0]]), {}, ValueError, r"times must have one axis, got shape \(1, 1\)"),
        ((["a"], [0]), {}, TypeError, "times must hold real numbers, got <U1"),
        (([1.0], [0.5]), {}, TypeError, "afferents must be an integer array, got float64"),
        (([1.0], [6]), {}, ValueError, "afferents must be from 0 to 5, got 6 to 6"),
        (([1.0], [-1]), {}, ValueError, "afferents must be from 0 to 5, got -1 to -1"),
        (([np.nan], [0]), {}, ValueError, "times must not hold NaN"),
        (
            ([1.0], [0]),
            {"patterns": [-1]},
            ValueError,
            "patterns must be from 0 to .*got -1",
        ),
        (([1.0], [0]), {"patterns": [0.0]}, TypeError, "patterns must be an integer array"),
        (([1.0], [0]), {"patterns": [0, 1]}, ValueError, "patterns must have one entry per time"),
        (
            ([1.0], [0]),
            {"patterns": [3], "n_patterns": 3},
            ValueError,
            "patterns must be from 0 to 2, got 3 to 3",
        ),
        (([1.0], [0]), {"n_patterns": 3}, ValueError, "n_patterns must come with patterns, got 3"),
        (([1.0], [0]), {"patterns": [0], "offsets": [0, 1]}, ValueError, "got both"),
        (([1.0], [0]), {"offsets": [0, 2]}, ValueError, "offsets must run from 0 to 1"),
        (([2**25], [0]), {"dtype": "float32"}, ValueError, "times must be at most 16777216"),
    ):
        with pytest.raises(error, match=message):
            from_spike_list(*arguments, 6, 10.0, **options)
    with pytest.raises(TypeError, match="events must be an Events, got list"):
        to_spike_list([])


# -- address events of sensors ----------------------------------------------------------------

TONIC = np.dtype([("x", "<i2"), ("y", "<i2"), ("t", "<i8"), ("p", "?")])
LAYOUTS = (
    TONIC,
    np.dtype([("t", "<u4"), ("x", "<u2"), ("p", "i1"), ("y", "<u2")]),
    np.dtype([("p", ">i8"), ("t", ">u8"), ("y", "u1"), ("x", "u1")]),
    np.dtype({"names": ["t", "p", "x", "y"], "formats": ["f8", "u1", "i4", "i8"], "itemsize": 64}),
)


def recording(n: int, dtype: np.dtype, first: int = 0) -> np.ndarray:
    """Events of a sensor 5 wide and 3 high."""
    record = np.zeros(n, dtype)
    record["x"], record["y"] = RNG.integers(0, 5, n), RNG.integers(0, 3, n)
    record["p"], record["t"] = RNG.integers(0, 2, n), first + RNG.integers(0, 5000, n)
    return record


@pytest.mark.parametrize("dtype", LAYOUTS, ids=["tonic", "narrow", "swapped", "padded"])
def test_records(dtype: np.dtype) -> None:
    backend = other("strict")
    records = [recording(30, dtype), recording(0, dtype), recording(17, dtype)]
    events = from_records(records, (5, 3, 2), 4.0, backend=backend, dtype="float32")
    wanted: Spikes = []
    for record in records:
        wanted.append([])
        for event in record:
            frame = np.zeros((2, 3, 5))
            frame[int(event["p"]), event["y"], event["x"]] = 1  # the frames that Tonic makes
            if event["t"] <= 4000:
                time = float(np.float32(int(event["t"]) / 1000))
                wanted[-1].append((time, int(np.flatnonzero(frame)[0])))
        wanted[-1].sort()
    assert spikes(events) == wanted
    assert (events.n_afferents, events.device) == (30, backend.native_device)


def test_one_recording_and_its_start() -> None:
    late = 2**53 + 2**20 + 1  # whole microseconds that floats cannot tell apart
    record = recording(20, TONIC, first=late)
    first = int(record["t"].min())
    wanted = sorted((int(t) - first) / 1000 for t in record["t"])
    for start in ("first", first):
        events = from_records(record, (5, 3, 2), 9.0, start=start)
        assert [t for t, _ in spikes(events)[0]] == wanted
    assert from_records(record, (5, 3, 2), 9.0).n_spikes == 0
    half = first + 2500
    cropped = from_records(record, (5, 3, 2), 9.0, start=half)
    wanted = sorted((int(t) - half) / 1000 for t in record["t"] if t >= half)
    assert [t for t, _ in spikes(cropped)[0]] == wanted


@pytest.mark.parametrize("dtype", ["u1", "i1", "u4", "u8"])
def test_narrow_and_unsigned_times_do_not_wrap(dtype: str) -> None:
    record = np.zeros(2, [("t", dtype), ("x", "i2")])
    record["t"] = [100, 3]
    events = from_records(record, (4, 1, 1), 1000.0, time_unit="ms", start=50)
    assert spikes(events) == [[(50.0, 0)]]
    events = from_records(record, (4, 1, 1), 1000.0, time_unit="ms", start=-100)
    assert spikes(events) == [[(103.0, 0), (200.0, 0)]]


@pytest.mark.parametrize(
    ("time_unit", "unit", "wanted"),
    [("us", "ms", 0.003), ("ns", "s", 3e-9), ("s", "ms", 3000.0), ("ms", "ms", 3.0)],
)
def test_units_of_records(time_unit: str, unit: str, wanted: float) -> None:
    record = np.asarray([(3, 1)], dtype=[("t", "i8"), ("x", "i8")])
    events = from_records(record, (2, 1, 1), 1e6, time_unit=time_unit, unit=unit)
    assert spikes(events) == [[(wanted, 1)]]


def test_records_of_one_row_or_one_polarity() -> None:
    """Cochleas have channels but no rows, and some data sets mark every event with p = 1."""
    record = np.asarray([(5.0, 3, 1), (2.5, 0, 1)], dtype=[("t", "f4"), ("x", "u2"), ("p", "i8")])
    events = from_records(record, (4, 1, 1), 10.0, time_unit="ms")
    assert spikes(events) == [[(2.5, 0), (5.0, 3)]]
    events = from_records(record, (4, 1, 2), 10.0, time_unit="ms")
    assert spikes(events) == [[(2.5, 4), (5.0, 7)]]
    assert len(from_records([], (4, 1, 2), 10.0)) == 0


def test_bad_records() -> None:
    good = recording(3, TONIC)
    for field, value, limit in (("x", 5, 4), ("x", -1, 4), ("y", 3, 2)):
        wrong = good.copy()
        wrong[field][1] = value
        expected = rf"records\[1\]\['{field}'\] must be from 0 to {limit} .*got .*{value}"
        with pytest.raises(ValueError, match=expected):
            from_records([good, wrong], (5, 3, 2), 4.0)
    late = np.zeros(1, [("t", "u8"), ("x", "i8")])
    late["t"] = 2**63
    fractions = np.zeros(1, [("t", "i8"), ("x", "f8")])
    for records, size, options, error, message in (
        ([np.zeros(3)], (5, 3, 2), {}, TypeError, r"records\[0\] must be a structured array"),
        ([[1, 2]], (5, 3, 2), {}, TypeError, r"records\[0\] must be a structured.*got list"),
        (good[["t", "x"]], (5, 3, 2), {}, ValueError, r"records\[0\] must have a field 'p'"),
        (good[["t", "x"]], (5, 3, 1), {}, ValueError, r"records\[0\] must have a field 'y'"),
        (good[["x", "y", "p"]], (5, 3, 2), {}, ValueError, r"must have a field 't'"),
        (good[None], (5, 3, 2), {}, ValueError, r"records\[0\] must have one axis"),
        (fractions, (5, 1, 1), {}, TypeError, r"records\[0\]\['x'\] must hold integers"),
        (late, (5, 1, 1), {}, ValueError, r"records\[0\]\['t'\] must fit int64"),
        (good, (5, 3), {}, ValueError, r"sensor_size must be \(width, height, polarities\)"),
        (good, (5, 0, 2), {}, ValueError, "sensor_size height must be from 1"),
        (good, (5, 3.5, 2), {}, TypeError, "sensor_size height must be an integer"),
        (good, (2**20, 2**20, 2), {}, ValueError, "the product of sensor_size must be"),
        (good, (5, 3, 2), {"time_unit": "µs"}, ValueError, "time_unit must be one of ns, us, ms"),
        (good, (5, 3, 2), {"unit": 1}, ValueError, "unit must be one of ns, us, ms, s, got 1"),
        (good, (5, 3, 2), {"start": "last"}, ValueError, "start must be .*'first', got 'last'"),
        (good, (5, 3, 2), {"start": np.nan}, ValueError, "start must be a finite number"),
    ):
        with pytest.raises(error, match=message):
            from_records(records, size, 4.0, **options)
    unknown = np.asarray([(np.nan, 0)], dtype=[("t", "f8"), ("x", "i8")])
    with pytest.raises(ValueError, match=r"records\[0\]\['t'\] must not hold NaN"):
        from_records(unknown, (5, 1, 1), 4.0)


# -- neo --------------------------------------------------------------------------------------


def test_neo_trains_with_their_units() -> None:
    neo, backend = pytest.importorskip("neo"), other("strict")
    train = neo.SpikeTrain
    patterns = [
        [
            train([0.1, 0.104], units="s", t_start=0.1, t_stop=0.2),
            train([], units="ms", t_start=105.0, t_stop=150.0),
        ],
        [
            train([7000.0, 500.0, 500.0], units="us", t_start=500.0, t_stop=9000.0),
            train([3.25], units="ms", t_start=3.0, t_stop=8.0),
        ],
    ]
    events = from_neo(patterns, backend=backend)
    assert events.duration == pytest.approx(100.0)
    assert (events.n_afferents, events.device) == (2, backend.native_device)
    for found, wanted in zip(
        spikes(events),
        [[(0.0, 0), (4.0, 0)], [(0.0, 0), (0.0, 0), (2.75, 1), (6.5, 0)]],
        strict=True,
    ):
        np.testing.assert_allclose(found, wanted, atol=1e-5)
    short = from_neo(patterns[1:], unit="s", duration=0.004)
    np.testing.assert_allclose(spikes(short)[0], [(0.0, 0), (0.0, 0), (0.00275, 1)], atol=1e-12)


def test_neo_segments() -> None:
    neo = pytest.importorskip("neo")
    block = neo.Block()
    for time in (1.0, 2.0):
        segment = neo.Segment()
        segment.spiketrains.append(neo.SpikeTrain([time], units="ms", t_stop=5.0))
        block.segments.append(segment)
    assert spikes(from_neo(block.segments)) == [[(1.0, 0)], [(2.0, 0)]]


@pytest.mark.parametrize("unit", ["ms", "s"])
def test_neo_round_trip(unit: str) -> None:
    pytest.importorskip("neo")
    backend = other({"ms": "torch", "s": "strict"}[unit])
    events = from_rasters(COUNTS, 0.1, backend=backend, dtype="float32")
    trains = to_neo(events, unit=unit)
    assert [len(pattern) for pattern in trains] == [5] * 4
    for pattern, wanted in zip(trains, spikes(events), strict=True):
        for i, train in enumerate(pattern):
            assert train.magnitude.tolist() == [t for t, afferent in wanted if afferent == i]
            assert train.t_stop.dimensionality.string == unit
            assert float(train.t_stop) == events.duration
    back = from_neo(trains, unit=unit, dtype="float32")
    assert back.duration == pytest.approx(events.duration, rel=1e-15)
    for found, wanted in zip(spikes(back), spikes(events), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)


def test_neo_takes_spikes_rounded_past_the_duration() -> None:
    pytest.importorskip("neo")
    events = from_spike_list([0.1], [0], 1, 0.1, dtype="float32")
    assert float(events.times[0, 0]) > events.duration
    assert to_neo(events)[0][0].magnitude.tolist() == [0.1]
    assert to_neo(from_rasters(np.zeros((1, 2, 0)))) == [[]]
    assert to_neo(from_rasters(np.zeros((0, 2, 3)))) == []


def test_bad_neo() -> None:
    neo = pytest.importorskip("neo")
    train = neo.SpikeTrain([1.0], units="ms", t_stop=5.0)
    for patterns, error, message in (
        ([], ValueError, "patterns must hold at least one pattern, got none"),
        ([[train], []], ValueError, r"patterns\[1\] must have as many spike trains.*1, got 0"),
        ([train], TypeError, r"patterns\[0\] must be a neo.Segment or .*got SpikeTrain"),
        ([3], TypeError, r"patterns\[0\] must be a neo.Segment or .*got int"),
        ([[[1.0]]], TypeError, r"patterns\[0\]\[0\] must be a neo.SpikeTrain, got list"),
    ):
        with pytest.raises(error, match=message):
            from_neo(patterns)
    for unit in ("mV", "fortnights ago", 3):
        for attempt in (lambda u: from_neo([[train]], unit=u), lambda u: to_neo(EMPTY, unit=u)):
            with pytest.raises(ValueError, match="unit must be a unit of time such as 'ms', got"):
                attempt(unit)


EMPTY = from_rasters(np.zeros((1, 2, 1)))


# -- DLPack -----------------------------------------------------------------------------------

FRAMEWORKS = ("numpy", "torch", "jax", "strict")


def other(name: str) -> Backend:
    """A second backend, ready for double precision."""
    pytest.importorskip({"strict": "array_api_strict"}.get(name, name))
    if name == "jax":
        import_module("jax").config.update("jax_enable_x64", True)
    return select(name)


def address(array: Any) -> int:
    """Where an array's memory begins."""
    return int(np.from_dlpack(array).ctypes.data)


def aligned(values: np.ndarray) -> np.ndarray:
    """A copy at a multiple of 64 bytes, as JAX wants it."""
    space = np.zeros(values.nbytes + 64, dtype=np.uint8)
    start = -space.ctypes.data % 64
    found = space[start : start + values.nbytes].view(values.dtype).reshape(values.shape)
    found[...] = values
    return found


@pytest.mark.on_jax
@pytest.mark.parametrize("source", FRAMEWORKS)
@pytest.mark.parametrize(
    "name", ["bool", "int8", "int16", "int32", "int64", "uint8", "float32", "float64"]
)
def test_from_dlpack(backend: Backend, source: str, name: str) -> None:
    values = aligned(np.arange(6).reshape(2, 3).astype(name))
    given = other(source).xp.from_dlpack(values)
    found = backend.from_dlpack(given)
    assert found.dtype == getattr(backend.xp, name)
    assert import_module("array_api_compat").device(found) == backend.native_device
    np.testing.assert_array_equal(backend.to_numpy(found), values)
    if backend.device == "cpu":
        assert address(found) == address(given) == values.ctypes.data  # not one copy
        values[1, 2] = 0
        np.testing.assert_array_equal(backend.to_numpy(found), values)


@pytest.mark.parametrize(
    "make",
    [
        lambda: np.arange(6.0)[::-2],
        lambda: np.arange(6.0)[::2],
        lambda: np.arange(6.0).reshape(2, 3).T,
        lambda: np.arange(3, dtype=">f4"),
        lambda: np.broadcast_to(np.float32(2.0), (2, 2)),
        lambda: np.zeros((0, 3)),
        lambda: np.asarray(1.5),
        lambda: np.arange(5, dtype=np.float32)[1:],
        lambda: import_module("array_api_strict").asarray(np.arange(6.0))[::-1],
    ],
    ids=["back", "gaps", "turned", "swapped", "read-only", "empty", "0-d", "unaligned", "strict"],
)
def test_from_dlpack_of_any_layout(backend: Backend, make: Any) -> None:
    pytest.importorskip("array_api_strict")
    given = make()
    host = np.asarray(given)
    found = backend.from_dlpack(given)
    assert backend.to_numpy(found).dtype == host.dtype.newbyteorder("=")
    np.testing.assert_array_equal(backend.to_numpy(found), host)


def test_read_only_memory_is_not_written_to() -> None:
    """A file mapped for reading, say: torch would end the process."""
    torch = other("torch")
    fixed = np.zeros(3)
    fixed.flags.writeable = False
    tensor = torch.from_dlpack(fixed)
    tensor += 1.0
    assert fixed.tolist() == [0.0] * 3


def test_own_arrays_are_returned_and_moved() -> None:
    array = np.ones(3)
    assert select("numpy").from_dlpack(array) is array
    pytest.importorskip("array_api_strict")
    first, second = select("strict:CPU_DEVICE"), select("strict:device1")
    moved = second.from_dlpack(first.from_numpy(array))
    assert moved.device == second.native_device
    assert first.from_dlpack(moved).device == first.native_device


class Bare:
    """What the protocol asks for and nothing else."""

    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __dlpack__(self, **options: Any) -> Any:
        return self.array.__dlpack__(**options)

    def __dlpack_device__(self) -> tuple[int, int]:
        return self.array.__dlpack_device__()


class Foreign(Bare):
    """An array of a library that nobody here has heard of."""

    def __init__(self, array: np.ndarray) -> None:
        super().__init__(array)
        self.dtype = array.dtype


@pytest.mark.parametrize("made", [Bare, Foreign])
def test_from_dlpack_of_unknown_libraries(backend: Backend, made: Any) -> None:
    values = aligned(np.arange(3.0))
    found = backend.from_dlpack(made(values))
    np.testing.assert_array_equal(backend.to_numpy(found), values)
    if backend.device == "cpu":
        assert address(found) == values.ctypes.data
    fixed = aligned(np.arange(3.0))
    fixed.flags.writeable = False
    for host in (np.arange(6.0)[::-2], np.arange(6.0)[::2], fixed, np.arange(6)[::-1]):
        found = backend.from_dlpack(made(host))
        np.testing.assert_array_equal(backend.to_numpy(found), host)


def test_from_dlpack_copies_from_other_devices(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if this array were on a GPU: its memory is not taken for the processor's."""
    values = aligned(np.arange(3.0))

    class Elsewhere(np.ndarray):
        def __dlpack_device__(self) -> tuple[int, int]:
            return (2, 0)

    monkeypatch.setattr("tempotron_core.arrays.plain._PLAIN", (np.ndarray, Elsewhere))
    for name in ("torch", "jax", "strict"):
        found = other(name).from_dlpack(values.view(Elsewhere))
        assert address(found) != values.ctypes.data
        np.testing.assert_array_equal(np.from_dlpack(found), values)


def test_from_dlpack_copies_what_no_one_device_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    """As JAX says of an array that is spread over several."""

    class Spread(np.ndarray):
        def __dlpack_device__(self) -> tuple[int, int]:
            raise BufferError

    monkeypatch.setattr("tempotron_core.arrays.plain._PLAIN", (np.ndarray, Spread))
    for name in ("torch", "jax", "strict"):
        found = other(name).from_dlpack(np.ones(3).view(Spread))
        np.testing.assert_array_equal(np.from_dlpack(found), [1.0] * 3)


@pytest.mark.on_jax
def test_from_dlpack_refuses(backend: Backend) -> None:
    for wrong in ([1.0], 1.0, None, np.float64, "a"):
        with pytest.raises(TypeError, match="array must be one with values that has __dlpack__"):
            backend.from_dlpack(wrong)
    for dtype in ("complex64", "float16", "uint16"):
        expected = f"array must have a dtype that {backend} can hold .*, got '{dtype}'"
        with pytest.raises(ValueError, match=expected):
            backend.from_dlpack(np.ones(2, dtype=dtype))
    torch = pytest.importorskip("torch")
    for tensor in (torch.ones(2, requires_grad=True), torch.ones(2, requires_grad=True) * 2.0):
        with pytest.raises(ValueError, match=r"must not require a gradient.*array.detach\(\)"):
            backend.from_dlpack(tensor)


def test_from_dlpack_to_jax_without_64_bits() -> None:
    backend, jax = other("jax"), import_module("jax")
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match="got 'float64': JAX holds 64-bit types only after"):
            backend.from_dlpack(np.ones(2))
        found = backend.from_dlpack(np.arange(3))
        assert found.dtype == np.int32
        assert found.tolist() == [0, 1, 2]
        with pytest.raises(ValueError, match="must hold integers that fit int32"):
            backend.from_dlpack(np.asarray([2**40]))
        single = to_backend(from_rasters(COUNTS), backend, dtype="float32")
        assert spikes(single) == spikes_of_counts(COUNTS)


def test_from_dlpack_refuses_traced_arrays() -> None:
    backend, jax = other("jax"), import_module("jax")
    with pytest.raises(TypeError, match="array must be one with values that has __dlpack__"):
        jax.jit(backend.from_dlpack)(jax.numpy.ones(2))


def test_from_dlpack_to_a_device_without_double_precision() -> None:
    pytest.importorskip("array_api_strict")
    backend = select("strict:no_float64")
    with pytest.raises(ValueError, match="got 'float64': no_float64 lacks it"):
        backend.from_dlpack(np.ones(2))
    assert backend.from_dlpack(np.ones(2, np.float32)).device == backend.native_device
    weights = to_backend((np.ones(2), np.arange(2)), backend, dtype="float32")
    assert [weight.dtype for weight in weights] == [backend.xp.float32, backend.xp.int64]


# -- what is made of arrays -------------------------------------------------------------------


def test_events_travel_and_come_back() -> None:
    """NumPy to torch to JAX to array-api-strict and back: the same memory, the same results."""
    neuron, weight = Neuron(), RNG.normal(size=(3, 5))
    home = from_rasters(COUNTS, 2.0)
    home = map_arrays(home, aligned)
    wanted = peak(home, weight, neuron)
    events, moved = home, aligned(weight)
    for name in ("torch", "jax", "strict", "numpy"):
        backend = other(name)
        events, moved = to_backend(events, backend), to_backend(moved, backend)
        assert events.device == backend.native_device
        for field in ("times", "afferents", "counts", "order", "source_lengths"):
            assert address(getattr(events, field)) == address(getattr(home, field)), (name, field)
        found = to_backend(peak(events, moved, neuron), select("numpy"))
        assert type(found) is type(wanted)
        np.testing.assert_allclose(found.v_max, wanted.v_max, rtol=0, atol=1e-12)
        np.testing.assert_allclose(found.t_max, wanted.t_max, rtol=0, atol=1e-9)
    assert (events.duration, events.n_afferents) == (home.duration, home.n_afferents)
    assert isinstance(events.times, np.ndarray)


@pytest.mark.on_jax
def test_models_and_results(backend: Backend) -> None:
    home = select("numpy")
    neuron = Neuron(v_threshold=0.5)
    network = Network([RNG.normal(size=(4, 5)), RNG.normal(size=(2, 5))], neuron, "peak", [1.0])
    cotangent, events = RNG.normal(size=(4, 2)), from_rasters(COUNTS)
    activity = network.forward(events)
    wanted = (activity, network.vjp(activity, cotangent, times=True))
    there = to_backend(network, backend)
    assert there.pass_on == "peak"
    assert there.neurons == network.neurons
    found = to_backend(wanted, backend)
    for array in (*there.weights, found[0].inputs[1].times, found[0].peak.v_max, found[1].times):
        assert import_module("array_api_compat").device(array) == backend.native_device
    back = to_backend(found, home)
    assert [type(part) for part in back] == [type(part) for part in wanted]
    for one, two in zip(
        (*to_backend(there, home).weights, *back[0].peak, *back[0].hidden[0], *back[1].weights),
        (*network.weights, *activity.peak, *activity.hidden[0], *wanted[1].weights),
        strict=True,
    ):
        assert isinstance(one, np.ndarray)
        np.testing.assert_array_equal(one, two)
    # without times there is a None among the results
    gradient = peak_vjp(events, network.weights[0], neuron, activity.hidden[0], np.ones((4, 4)))
    assert to_backend(gradient, backend).times is None
    model = to_backend(Tempotron(5, 3, 12, 7.0, 2.0, 0.5, rng=0), backend)
    assert (model.T, model.tau, model.tau_s, model.v_threshold) == (12, 7.0, 2.0, 0.5)
    assert model.weight.dtype == backend.xp.float32
    assert import_module("array_api_compat").device(model.weight) == backend.native_device
    np.testing.assert_array_equal(
        backend.to_numpy(model.weight), Tempotron(5, 3, 12, 7.0, 2.0, 0.5, rng=0).weight
    )


def test_to_backend_refuses() -> None:
    home = select("numpy")
    for wrong in ([np.ones(2)], "a", {"a": np.ones(2)}, 1.0):
        with pytest.raises(TypeError, match="value must be an array, Events, Network, Tempotron"):
            to_backend(wrong, home)
    with pytest.raises(TypeError, match=r"backend must be a Backend .*got str"):
        to_backend(np.ones(2), "torch")
    with pytest.raises(ValueError, match="dtype must be one that numpy:cpu can hold"):
        to_backend(np.ones(2), home, dtype="float16")


# ---------------------------------------------------------------------- nested lists


def test_nested_lists_are_the_trains_they_hold():
    rng = np.random.default_rng(3)
    patterns = [
        [rng.uniform(0.0, 12.0, rng.integers(0, 4)).tolist() for _ in range(3)] for _ in range(5)
    ]
    patterns[2] = [[], [], []]
    events = from_lists(patterns, 10.0)
    padded = np.full((5, 3, 4), np.inf)
    for b, pattern in enumerate(patterns):
        for i, train in enumerate(pattern):
            padded[b, i, : len(train)] = train
    expected = Events.from_trains(padded, 10.0)
    for name in ("times", "afferents", "counts"):
        np.testing.assert_array_equal(getattr(events, name), getattr(expected, name))
    found = to_spike_list(events)
    assert found.offsets[-1] == sum(t <= 10.0 for p in patterns for train in p for t in train)


@pytest.mark.parametrize(
    ("patterns", "error", "message"),
    [
        ([], ValueError, "at least one pattern"),
        ([[[1.0]], 3.0], TypeError, r"patterns\[1\] must hold one list .* got 3.0"),
        ([[[1.0], []], [[]]], ValueError, r"patterns\[1\] must have as many .*, 2, got 1"),
        ([[1.0, 2.0]], TypeError, r"patterns\[0\]\[0\] must be a list of real .* got 1.0"),
        ([[["a"]]], TypeError, r"patterns\[0\]\[0\] must be a list of real"),
    ],
)
def test_bad_nested_lists(patterns, error, message):
    with pytest.raises(error, match=message):
        from_lists(patterns, 10.0)


def test_a_segment_alone_is_no_list_of_patterns():
    neo = pytest.importorskip("neo")
    with pytest.raises(TypeError, match=r"one entry per pattern \(\[segment\].*got Segment"):
        from_neo(neo.Segment())


# -- what would be lost without a word --------------------------------------------------------


def test_long_rasters_of_single_precision_come_back() -> None:
    """Where a float32 time is rounded to a large part of a step, but to less than half."""
    counts = np.ones((1, 2**20, 1), dtype=bool)
    for dt, at in ((1.0, "start"), (1.0, "middle"), (1e-3, "start"), (1e-3, "middle")):
        events = from_rasters(counts, dt, at=at, dtype="float32")
        np.testing.assert_array_equal(to_rasters(events, dt, form="dense"), counts)


def test_spikes_before_a_step_do_not_belong_to_it() -> None:
    """A time is moved to the next step for its own rounding alone."""
    times = np.float32([99999.96, 99999.9921875, 100000.0, 7.9999995])
    events = from_spike_list(times, [0] * 4, 1, 2e5, dtype="float32")
    (raster,) = to_rasters(events)
    assert raster.tocoo().row.tolist() == [7, 99999, 100000]
    assert raster.data.tolist() == [1, 2, 1]
    tenths = from_spike_list([0.3, 0.7, 0.8 - 1e-12], [0] * 3, 1, 1.0)  # 3 * 0.1 > 0.3
    assert to_rasters(tenths, 0.1)[0].tocoo().row.tolist() == [3, 7]


@pytest.mark.parametrize("dtype", ["int64", "bool", np.int32])
def test_times_and_weights_are_not_made_integers(dtype: Any) -> None:
    home = select("numpy")
    for attempt in (
        lambda: from_spike_list([0.5], [0], 1, 1.0, dtype=dtype),
        lambda: from_rasters(COUNTS, dtype=dtype),
        lambda: from_lists([[[0.5]]], 1.0, dtype=dtype),
        lambda: to_backend(np.ones(2), home, dtype=dtype),
    ):
        with pytest.raises(ValueError, match="dtype must be float32 or float64, got '"):
            attempt()


def test_units_masks_and_gradients_are_not_dropped() -> None:
    quantities, torch = pytest.importorskip("quantities"), pytest.importorskip("torch")
    seconds = quantities.Quantity([0.5, 1.0], "s")
    masked = np.ma.masked_array([1.0, 2.0], mask=[False, True])
    tensor = torch.ones(2, requires_grad=True)
    for times, error, message in (
        (seconds, TypeError, "times must hold plain numbers, got .* s, whose unit would be lost"),
        (masked, TypeError, "times must have no mask"),
        (tensor, ValueError, "times must not require a gradient"),
    ):
        with pytest.raises(error, match=message):
            from_spike_list(times, [0, 1], 2, 5.0)
    with pytest.raises(TypeError, match=r"patterns\[0\]\[0\] must hold plain numbers"):
        from_lists([[seconds]], 5.0)
    with pytest.raises(TypeError, match=r"duration must hold plain numbers, got .* s, whose"):
        from_spike_list([1.0], [0], 1, seconds[1])
    with pytest.raises(TypeError, match=r"tau must hold plain numbers, got .* s, whose"):
        Neuron(tau=seconds[0])


class WithUnit(np.ndarray):
    """What the quantities of astropy and unyt are to NumPy."""

    unit = "ms"


@pytest.mark.parametrize(
    ("mean", "message"),
    [
        (lambda a: np.ma.masked_array(a, mask=False), "must have no mask"),
        (lambda a: np.asarray(a).view(WithUnit), "must hold plain numbers, .* unit would be lost"),
    ],
    ids=["mask", "unit"],
)
def test_no_meaning_is_dropped_on_the_way_in(mean: Any, message: str) -> None:
    home, ones = select("numpy"), np.ones(2)
    record = np.zeros(2, dtype=[("t", "f8"), ("x", "i4")])
    events = from_lists([[[1.0], [2.0]]], 5.0)
    for attempt in (
        lambda: from_spike_list(mean(ones), [0, 1], 2, 5.0),
        lambda: from_spike_list(ones, mean([0, 1]), 2, 5.0),
        lambda: from_spike_list(ones, [0, 1], 2, 5.0, patterns=mean([0, 1])),
        lambda: from_spike_list(ones, [0, 1], 2, 5.0, offsets=mean([0, 2])),
        lambda: from_spike_list(list(mean(ones[None, :])), [0, 1], 2, 5.0),
        lambda: from_spike_list([1.0], [0], 1, mean(np.asarray(5.0))),
        lambda: from_lists([[mean(ones), []]], 5.0),
        lambda: from_records([mean(record)], (2, 1, 1), 5.0),
        lambda: from_records(mean(record), (2, 1, 1), 5.0),
        lambda: from_rasters(mean(COUNTS)),
        lambda: to_backend(mean(ones), home),
        lambda: home.from_numpy(mean(ones)),
        lambda: home.from_dlpack(mean(ones)),
        lambda: InMemory(events, mean([0]), home),
        lambda: InMemory(events, [0], home).events(mean([0])),
    ):
        with pytest.raises(TypeError, match=f"(?s){message}"):
            attempt()


@pytest.mark.parametrize("name", ["uint8", "uint16", "uint32", "uint64"])
def test_unsigned_addresses(backend: Backend, name: str) -> None:
    events = from_spike_list(
        [1.0, 2.0], np.asarray([0, 4], name), 5, 5.0, offsets=np.asarray([0, 1, 2], name),
        backend=backend,
    )  # fmt: skip
    assert spikes(events) == [[(1.0, 0)], [(2.0, 4)]]
    patterns = np.asarray([1, 0], name)
    events = from_spike_list([1.0, 2.0], np.asarray([0, 4], name), 5, 5.0, patterns=patterns)
    assert spikes(events) == [[(2.0, 4)], [(1.0, 0)]]


def test_unsigned_addresses_in_torch_and_beyond_signed_ones() -> None:
    torch = pytest.importorskip("torch")
    events = Events.from_csr(
        torch.tensor([1.0, 2.0]),
        torch.tensor([0, 4], dtype=torch.uint16),
        torch.tensor([0, 2], dtype=torch.uint64),
        5,
        5.0,
    )
    assert spikes(events) == [[(1.0, 0), (2.0, 4)]]
    huge = np.asarray([2**63 + 1], np.uint64)
    with pytest.raises(ValueError, match="afferents must fit int64, got 9223372036854775809"):
        from_spike_list([1.0], huge, 5, 5.0)
    with pytest.raises(ValueError, match="afferents must be from 0 to 4"):
        Events.from_csr(np.ones(1), huge, np.asarray([0, 1]), 5, 5.0)


def test_unsigned_integers_do_not_wrap_around_in_jax() -> None:
    backend, jax = other("jax"), import_module("jax")
    with jax.enable_x64(False):
        with pytest.raises(ValueError, match="must hold integers that fit uint32"):
            backend.from_numpy(np.asarray([2**32 + 5], np.uint64))
        with pytest.raises(ValueError, match="must hold integers that fit int32"):
            from_spike_list([1.0], np.asarray([2**32 + 1], np.uint64), 3, 5.0, backend=backend)


def test_integers_in_nested_lists_are_exact_or_refused() -> None:
    big = 2**53 + 1
    with pytest.raises(ValueError, match=f"times must be at most {2**53} to be exact.*got {big}"):
        from_lists([[[big], []]], 1e30)
    with pytest.raises(ValueError, match=f"times must be at most {2**24} to be exact"):
        from_lists([[[2**24 + 1], []]], 1e30, dtype="float32")
    assert spikes(from_lists([[[], []], [[], []]], 1.0)) == [[], []]


def test_entries_that_repeat_are_one() -> None:
    sparse = pytest.importorskip("scipy.sparse")
    place = ([1, 1], [0, 0])
    for values, wanted in (
        ([True, True], [[(1.0, 0)]]),
        ([2, -1], [[(1.0, 0)]]),
        ([0.5, 0.5], [[(1.0, 0)]]),
        ([1, 2], [[(1.0, 0)] * 3]),
    ):
        raster = sparse.coo_array((np.asarray(values), place), shape=(3, 2))
        assert spikes(from_rasters(raster)) == wanted
        assert raster.nnz == 2  # the user's own
    row = sparse.csr_array((np.asarray([True, True]), [0, 0], [0, 0, 2, 2]), shape=(3, 2))
    assert spikes(from_rasters(row)) == [[(1.0, 0)]]


def clocks(times: Any) -> np.ndarray:
    """A recording of one pixel."""
    times = np.asarray(times)
    record = np.zeros(len(times), [("t", times.dtype), ("x", "<i2")])
    record["t"] = times
    return record


def test_records_start_at_any_number() -> None:
    record = clocks(np.asarray([5, 9], np.int64))
    for start in (record["t"].min(), record["t"][0], np.float32(5.0), np.uint8(5), 5.0):
        events = from_records(record, (1, 1, 1), 10.0, unit="us", start=start)
        assert spikes(events) == [[(0.0, 0), (4.0, 0)]]
    late = clocks(np.asarray([1700000000000000001, 1700000000000000101], np.int64))
    options: Any = {"time_unit": "ns", "unit": "ns"}
    events = from_records(late, (1, 1, 1), 1e3, start=1.7e18, **options)
    assert spikes(events) == [[(1.0, 0), (101.0, 0)]]
    far = from_records(clocks(np.asarray([2**62])), (1, 1, 1), 1e20, start=-(2**62) - 5, **options)
    assert spikes(far) == [[(2.0**63, 0)]]
    for start in (2**70, 2.0**62 + 2.0**62):  # after all spikes
        before = clocks(np.asarray([-(2**62) - 5, 3]))
        assert spikes(from_records(before, (1, 1, 1), 1e20, start=start, **options)) == [[]]
    real = clocks(np.asarray([np.inf, 5.0, -np.inf, 9.0]))
    assert spikes(from_records(real, (1, 1, 1), 10.0, unit="us", start="first")) == [
        [(0.0, 0), (4.0, 0)]
    ]
    for wrong in (np.ones(2), "last", np.nan, None):
        with pytest.raises(ValueError, match="start must be a finite number or 'first', got"):
            from_records(record, (1, 1, 1), 10.0, start=wrong)


def test_neo_duration_has_a_unit_of_its_own() -> None:
    neo = pytest.importorskip("neo")
    train = neo.SpikeTrain([0.5, 2.0], units="s", t_stop=2.0)
    events = from_neo([[train]], duration=train.t_stop)
    assert events.duration == 2000.0
    assert spikes(events) == [[(500.0, 0), (2000.0, 0)]]
    with pytest.raises(ValueError, match=r"duration must be a time, got .*mV"):
        from_neo([[train]], duration=import_module("quantities").Quantity(2.0, "mV"))


@pytest.mark.parametrize(("unit", "per_ms"), [("us", 1000), ("ns", 10**6)])
def test_neo_spikes_at_a_given_end_are_kept(unit: str, per_ms: int) -> None:
    neo = pytest.importorskip("neo")
    for whole in (*range(1, 300, 10), 7):
        train = neo.SpikeTrain([float(whole)], units=unit, t_stop=float(whole))
        duration = whole / per_ms
        assert spikes(from_neo([[train]], duration=duration)) == [[(duration, 0)]]
        seconds = neo.SpikeTrain([2.0 + whole / 1000.0], units="s", t_stop=3.0)
        late = from_neo([[seconds]], duration=2000.0 + whole)  # 2007 of 2.007 s, rounded up
        assert len(spikes(late)[0]) == 1


def test_errors_name_the_argument() -> None:
    neo = pytest.importorskip("neo")
    train = neo.SpikeTrain([1.0], units="ms", t_stop=5.0)
    short = neo.SpikeTrain([0.0], units="ms", t_stop=0.0)
    bad = np.zeros((2, 2))
    bad[0, 1] = 2.0**31
    cases: Any = (
        (lambda: from_rasters(None), TypeError, "rasters must be an array or .*NoneType"),
        (lambda: from_rasters(5), TypeError, "rasters must be an array or .*int"),
        (lambda: from_rasters(EMPTY), TypeError, "rasters must be an array or .*Events"),
        (lambda: from_rasters([[1, 0], [1]]), ValueError, "rasters"),
        (
            lambda: from_rasters([np.zeros((2, 2)), bad]),
            ValueError,
            r"rasters\[1\] must hold whole numbers of spikes, from 0 to .*, got 2147483648",
        ),
        (lambda: from_records(None, (1, 1, 1), 1.0), TypeError, "records must be a structured"),
        (lambda: Events.concat(None), TypeError, "parts must be a sequence of Events, got NoneT"),
        (lambda: from_lists(None, 1.0), TypeError, "patterns must be a sequence .*NoneType"),
        (lambda: from_lists([[[np.nan]]], 1.0), ValueError, r"patterns\[0\]\[0\] must not hold N"),
        (lambda: from_neo(train), TypeError, "patterns must be a sequence .*SpikeTrain"),
        (lambda: from_neo([[train]], unit=None), ValueError, "unit must be a unit of time"),
        (lambda: from_neo([[]]), ValueError, "patterns must have a t_stop .*length of 0.0 ms"),
        (lambda: from_neo([[short]]), ValueError, "patterns must have a t_stop after"),
        (lambda: from_spike_list([[1.0], []], [0], 1, 1.0), TypeError, "times must be an array"),
        (
            lambda: from_spike_list(np.ones((3, 2)), [0], 1, 1.0),
            ValueError,
            r"times must have one axis, got shape \(3, 2\): pass its columns",
        ),
        (lambda: from_spike_list([], [], 1, 1.0, offsets=[]), ValueError, "offsets must have B"),
        (
            lambda: from_spike_list([1.0], [0], 1, 1.0, patterns=[10**13]),
            ValueError,
            "n_patterns, one more than the largest of patterns, must be from 0 to",
        ),
    )
    for attempt, error, message in cases:
        with pytest.raises(error, match=message):
            attempt()


def test_read_only_memory_behind_other_arrays_is_not_written_to() -> None:
    strict, torch = other("strict"), other("torch")
    fixed = np.zeros(3)
    fixed.flags.writeable = False
    for wrapped in (strict.xp.asarray(fixed, copy=False), Bare(fixed)):
        tensor = torch.from_dlpack(wrapped)
        tensor += 1.0
        assert fixed.tolist() == [0.0] * 3
