"""Events: what each constructor keeps, in which order, and selecting, joining and moving them."""

from __future__ import annotations

import math
import re

import array_api_compat
import numpy as np
import pytest

from tempotron_core import Events, Neuron, first_crossing, peak, voltage, voltage_vjp

# Rounded up in float32: a spike exactly at the duration has to be kept all the same.
DURATION = 49.9
LAYOUTS = ("latencies", "trains", "csr")
N_AFFERENTS, N_SLOTS = 4, 3


@pytest.fixture
def place(backend):
    """``place(values)``: an array on the backend's device, in one precision for all tests."""
    real = "float64" if "float64" in backend.dtypes else "float32"

    def place(values):
        host = np.asarray(values)
        return backend.from_numpy(host, real if host.dtype.kind == "f" else None)

    return place


@pytest.fixture
def build(place):
    """``build(layout, patterns)``: events of ragged lists of (time, afferent)."""

    def build(layout, patterns, duration=DURATION):
        return BUILDERS[layout](place, patterns, duration)

    return build


@pytest.fixture
def build_each(asarray):
    """`build` in each floating-point dtype in turn."""

    def build_each(layout, patterns, duration=DURATION):
        return BUILDERS[layout](asarray, patterns, duration)

    return build_each


@pytest.fixture
def rows(to_numpy):
    """``rows(events)``: per pattern the list of (time, afferent), after checking the padding."""

    def rows(events):
        return [
            list(zip(times, afferents, strict=True))
            for times, afferents, *_ in contents(to_numpy, events)
        ]

    return rows


def from_latencies(asarray, patterns, duration):
    times = np.full((len(patterns), N_AFFERENTS), np.inf)
    for row, spikes in zip(times, patterns, strict=True):
        for time, afferent in spikes:
            row[afferent] = time
    return Events.from_latencies(asarray(times), duration)


def from_trains(asarray, patterns, duration):
    times = np.full((len(patterns), N_AFFERENTS, N_SLOTS), -1.0)
    for row, spikes in zip(times, patterns, strict=True):
        used = [0] * N_AFFERENTS
        for time, afferent in spikes:
            row[afferent, used[afferent]] = time
            used[afferent] += 1
    return Events.from_trains(asarray(times), duration)


def from_csr(asarray, patterns, duration):
    spikes = [spike for pattern in patterns for spike in pattern]
    offsets = np.cumsum([0, *map(len, patterns)])
    times = np.asarray([time for time, _ in spikes], dtype=float)
    afferents = np.asarray([afferent for _, afferent in spikes], dtype=np.int64)
    arrays = (asarray(times), asarray(afferents), asarray(offsets))
    return Events.from_csr(*arrays, N_AFFERENTS, duration)


BUILDERS = {"latencies": from_latencies, "trains": from_trains, "csr": from_csr}


def random_patterns(seed, n_patterns=6, *, most=N_SLOTS):
    """Patterns in the order of their afferents, with ties, silence and times out of range.

    The first holds all the spikes it may, so that one library that compiles for every shape of
    arrays meets few of them.
    """
    rng = np.random.default_rng(seed)
    patterns = [[(rng.integers(0, 160) / 4.0, i) for i in range(N_AFFERENTS) for _ in range(most)]]
    for _ in range(n_patterns - 1):
        pattern = []
        for afferent in range(N_AFFERENTS):
            for _ in range(rng.integers(most + 1)):
                # quarters tie often and are exact in every dtype
                time = rng.integers(0, 160) / 4.0
                odd = rng.choice([time, -1.0, -math.inf, math.inf, 60.0, 0.0, DURATION], p=ODDS)
                pattern.append((float(odd), afferent))
        patterns.append(pattern)
    return patterns


ODDS = (0.7, *[0.05] * 6)


def plain(patterns, precision, duration=DURATION):
    """What Events should hold, by Python's own (stable) sort."""
    kept = []
    for pattern in patterns:
        rounded = [(float(precision(time)), afferent) for time, afferent in pattern]
        spikes = [spike for spike in rounded if 0.0 <= spike[0] <= float(precision(duration))]
        kept.append(sorted(spikes, key=lambda spike: spike[0]))
    return kept


def precision_of(events):
    return np.dtype(str(events.times.dtype).rpartition(".")[2]).type


def contents(to_numpy, events):
    """Per pattern: times, afferents, places in the source row, entries given; padding checked."""
    times, afferents = to_numpy(events.times), to_numpy(events.afferents)
    counts, order = to_numpy(events.counts), to_numpy(events.order)
    lengths = None if events.source_lengths is None else to_numpy(events.source_lengths)
    assert times.shape == afferents.shape
    assert len(times) == len(counts) == len(order) == len(events)
    assert 1 <= times.shape[1] <= order.shape[1]
    found = []
    for b, count in enumerate(counts.tolist()):
        t, i = times[b].tolist(), afferents[b].tolist()
        last = t[count - 1] if count else 0.0
        assert t[count:] == [last] * (len(t) - count)
        assert i[count:] == [events.n_afferents] * (len(t) - count)
        length = None if lengths is None else int(lengths[b])
        found.append((t[:count], i[:count], order[b, :count].tolist(), length))
    return found


def same(found, expected, to_numpy):
    """Raise unless two Events hold the same, but for the width of their padding."""
    assert contents(to_numpy, found) == contents(to_numpy, expected)
    assert found.n_afferents == expected.n_afferents
    assert found.duration == expected.duration
    assert found.source_shape == expected.source_shape


# -- what the constructors keep ---------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("seed", [0, 1])
def test_spikes_are_kept_in_stable_order(build_each, rows, layout, seed):
    patterns = random_patterns(seed, most=1 if layout == "latencies" else N_SLOTS)
    events = build_each(layout, patterns)
    expected = plain(patterns, precision_of(events))
    assert rows(events) == expected
    assert len(events) == len(patterns)
    assert events.n_afferents == N_AFFERENTS
    assert events.duration == DURATION
    assert events.n_spikes == sum(map(len, expected))
    # no wider than the longest pattern: padding is work
    assert events.times.shape[1] == max(map(len, expected))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_times_keep_their_dtype_and_device(build_each, dtype, device, layout):
    events = build_each(layout, random_patterns(0, most=1))
    assert events.times.dtype == dtype
    arrays = [events.times, events.afferents, events.counts, events.order]
    if events.source_lengths is not None:
        arrays.append(events.source_lengths)
    for array in arrays:
        assert array_api_compat.device(array) == device
    assert events.device == device


@pytest.mark.on_jax
def test_three_layouts_give_equal_events(build, rows):
    patterns = random_patterns(3, most=1)
    latencies, trains, csr = (rows(build(layout, patterns)) for layout in LAYOUTS)
    assert latencies == trains == csr
    patterns = random_patterns(3)
    assert rows(build("trains", patterns)) == rows(build("csr", patterns))


def test_unordered_spikes_in_csr(build, rows):
    pattern = [(9.0, 2), (1.0, 0), (5.0, 3), (1.0, 2), (3.0, 1)]
    expected = [(1.0, 0), (1.0, 2), (3.0, 1), (5.0, 3), (9.0, 2)]
    assert rows(build("csr", [pattern, pattern[::-1]])) == [
        expected,
        [(1.0, 2), (1.0, 0), *expected[2:]],
    ]


def test_simultaneous_spikes_keep_their_order(build, rows):
    pattern = [(5.0, afferent) for afferent in (3, 1, 0, 2, 1, 3, 3, 0, 2, 2, 1, 0)] * 3
    assert rows(build("csr", [pattern])) == [pattern]
    assert rows(build("latencies", [[(5.0, i) for i in range(4)]])) == [
        [(5.0, 0), (5.0, 1), (5.0, 2), (5.0, 3)]
    ]
    trains = [[(5.0, i) for i in range(4) for _ in range(3)]]
    assert rows(build("trains", trains)) == trains


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("time", [-1e-30, -1.0, -math.inf, math.inf, 50.0, 1e30])
def test_no_spike(build, rows, layout, time):
    events = build(layout, [[(time, 0)], [(time, 0), (7.0, 1)]])
    assert rows(events) == [[], [(7.0, 1)]]
    assert events.times.shape == (2, 1)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("duration", [50.0, DURATION, 0.1, 1e6 / 3.0])
def test_spikes_at_both_ends_are_kept(build_each, to_numpy, layout, duration):
    spikes = [(0.0, 0), (duration, 1), (float(np.nextafter(duration, np.inf)), 2), (-0.0, 3)]
    events = build_each(layout, [spikes], duration)
    # in float32 the time just after the duration is the duration
    times = to_numpy(events.times)[0].tolist()
    end = float(precision_of(events)(duration))
    assert times == [0.0, 0.0, end] + [end] * (precision_of(events) is np.float32)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_integer_times(backend, xp, rows, layout):
    patterns = [[(2, 1), (7, 2), (60, 3)], [(-1, 0), (0, 2)]]
    for kind in ("int32", "int64", "uint8", "int8"):
        if kind not in backend.dtypes:
            continue

        def integers(values, kind=kind):
            values = np.asarray(values)
            if values.dtype.kind == "f":
                values = np.where(np.isfinite(values), values, 99)
                if kind == "uint8":
                    values = np.where(values < 0, 99, values)
                return backend.from_numpy(values.astype(kind))
            return backend.from_numpy(values)

        events = BUILDERS[layout](integers, patterns, DURATION)
        assert events.times.dtype == xp.asarray(0.0).dtype
        assert rows(events) == [[(2.0, 1), (7.0, 2)], [(0.0, 2)]]


def test_integers_up_to_the_last_exact_one(backend, xp):
    exact = int(2.0 / xp.finfo(xp.asarray(0.0).dtype).eps)
    times = backend.from_numpy(np.asarray([[exact, -1]]))
    assert Events.from_latencies(times, float(exact)).n_spikes == 1


@pytest.mark.parametrize("integer", ["int8", "uint8", "int32", "int64"])
def test_csr_takes_any_integers(backend, place, rows, integer):
    if integer not in backend.dtypes:
        pytest.skip(f"{backend} has no {integer}")
    afferents, offsets = (
        backend.from_numpy(np.asarray(v, integer)) for v in ([2, 0, 1], [0, 2, 3])
    )
    events = Events.from_csr(place([5.0, 4.0, 3.0]), afferents, offsets, 3, DURATION)
    assert rows(events) == [[(4.0, 0), (5.0, 2)], [(3.0, 1)]]


# -- nothing there ----------------------------------------------------------------------------


def test_empty_patterns(build, rows):
    patterns = [[], [(3.0, 1)], [(-1.0, 0)], []]
    for layout in LAYOUTS:
        assert rows(build(layout, patterns)) == [[], [(3.0, 1)], [], []]


def nothing(asarray):
    """Events without a pattern, an afferent, a slot or an entry, and their (B, N)."""
    none, end = asarray(np.zeros(0)), asarray(np.zeros(0, dtype=np.int64))
    return [
        (Events.from_latencies(asarray(np.zeros((0, 3))), DURATION), (0, 3)),
        (Events.from_latencies(asarray(np.zeros((2, 0))), DURATION), (2, 0)),
        (Events.from_latencies(asarray(np.zeros((0, 0))), DURATION), (0, 0)),
        (Events.from_latencies(asarray(np.full((2, 3), np.inf)), DURATION), (2, 3)),
        (Events.from_trains(asarray(np.zeros((0, 3, 2))), DURATION), (0, 3)),
        (Events.from_trains(asarray(np.zeros((2, 0, 2))), DURATION), (2, 0)),
        (Events.from_trains(asarray(np.zeros((2, 3, 0))), DURATION), (2, 3)),
        (Events.from_csr(none, end, asarray(np.asarray([0])), 3, DURATION), (0, 3)),
        (Events.from_csr(none, end, asarray(np.asarray([0, 0, 0])), 3, DURATION), (2, 3)),
        (Events.from_csr(none, end, asarray(np.asarray([0, 0])), 0, DURATION), (1, 0)),
    ]


def test_no_spikes_at_all(place, to_numpy):
    for events, (n_patterns, n_afferents) in nothing(place):
        weight = place(np.ones((2, n_afferents)))
        assert (len(events), events.n_afferents) == (n_patterns, n_afferents)
        assert events.n_spikes == 0
        assert [row[:3] for row in contents(to_numpy, events)] == [([], [], [])] * n_patterns
        assert f"{n_patterns} patterns, {n_afferents} afferents, 0 spikes" in repr(events)
        if n_afferents == 0:  # the other cases are in test_extremes.py
            found = peak(events, weight, Neuron())
            np.testing.assert_array_equal(to_numpy(found.v_max), np.zeros((n_patterns, 2)))
            np.testing.assert_array_equal(to_numpy(found.t_max), np.zeros((n_patterns, 2)))
        silent = np.full((n_patterns, n_afferents), np.inf)
        np.testing.assert_array_equal(to_numpy(events.to_latencies()), silent)
        shape = events.source_shape
        expected = (0,) if shape is None else (n_patterns, *shape)
        assert events.in_source_layout(events.times).shape == expected


def test_no_spikes_can_be_selected_and_joined(place, to_numpy):
    for events, _ in nothing(place):
        assert len(events[:0]) == len(events[[]]) == 0
        assert [len(each) for each in events] == [1] * len(events)
        twice = Events.concat([events, events])
        assert contents(to_numpy, twice) == contents(to_numpy, events) * 2


# -- len, repr, iteration, selection ----------------------------------------------------------


def test_repr_is_one_readable_line(build_each, device):
    events = build_each("trains", [[(1.0, 0), (2.0, 0), (3.0, 1)], [(1.0, 3)]] * 300)
    expected = "Events(600 patterns, 4 afferents, 1200 spikes, duration=49.9, "
    assert repr(events) == f"{expected}{events.times.dtype} on {device})"


def test_repr_under_tracing():
    jax = pytest.importorskip("jax")
    seen = []

    def f(times):
        seen.append(repr(Events.from_latencies(times, 50.0)))
        return times

    jax.jit(f)(jax.numpy.zeros((2, 3), dtype="float32"))
    assert re.fullmatch(
        r"Events\(2 patterns, 3 afferents, traced, duration=50\.0, .+\)", seen[0]
    ), seen


def selections():
    """Selections of 7 patterns, and the patterns they mean.

    Most select three: a library that compiles does so for every size.
    """
    return {
        "int": (3, [3]),
        "first": (0, [0]),
        "negative int": (-1, [6]),
        "least int": (-7, [0]),
        "NumPy integer": (np.int64(2), [2]),
        "negative NumPy integer": (np.int32(-2), [5]),
        "0-d NumPy array": (np.asarray(4), [4]),
        "slice": (slice(1, 4), [1, 2, 3]),
        "all": (slice(None), list(range(7))),
        "stepped": (slice(1, None, 2), [1, 3, 5]),
        "negative ends": (slice(-4, -1), [3, 4, 5]),
        "out of range": (slice(4, 100), [4, 5, 6]),
        "nothing": (slice(4, 4), []),
        "backwards": (slice(None, None, -1), list(range(7))[::-1]),
        "backwards by two": (slice(5, 0, -2), [5, 3, 1]),
        "list": ([4, 4, -1], [4, 4, 6]),
        "list of NumPy integers": ([np.int64(1), np.int64(-7), np.int64(0)], [1, 0, 0]),
        "empty list": ([], []),
        "range": (range(6, 0, -2), [6, 4, 2]),
        "list of bools": ([False, True] * 3 + [False], [1, 3, 5]),
        "NumPy array": (np.asarray([5, -6, 0]), [5, 1, 0]),
        "NumPy int32 array": (np.asarray([5, -6, 0], dtype=np.int32), [5, 1, 0]),
        "empty NumPy array": (np.asarray([], dtype=np.int64), []),
        "NumPy bools": (np.asarray([True, False, False, True, True, False, False]), [0, 3, 4]),
        "no NumPy bools": (np.zeros(7, dtype=bool), []),
    }


def check_selected(found, events, wanted, to_numpy):
    everything = contents(to_numpy, events)
    assert contents(to_numpy, found) == [everything[b] for b in wanted]
    assert found.n_afferents == events.n_afferents
    assert found.duration == events.duration
    assert found.source_shape == events.source_shape


def test_selection(build, to_numpy):
    """Python and NumPy selections work on the events of every library."""
    events = build("csr", random_patterns(5, 7))
    for name, (selection, wanted) in selections().items():
        print(name)
        check_selected(events[selection], events, wanted, to_numpy)


def test_selection_by_the_events_own_library(backend, build, to_numpy):
    events = build("csr", random_patterns(6, 5))
    for chosen in ([3, -5, 1], [True, False, False, True, True]):
        host = np.asarray(chosen)
        wanted = np.arange(5)[host].tolist()
        check_selected(events[backend.from_numpy(host)], events, wanted, to_numpy)
    for number in (2, -1):
        one = events[backend.from_numpy(np.asarray(number))]
        check_selected(one, events, [number], to_numpy)


def test_a_traced_number_selects_nothing():
    """It has no value yet, and the message is ours."""
    jax = pytest.importorskip("jax")

    def select(spikes, number):
        return Events.from_latencies(spikes, 5.0)[number].times

    with pytest.raises(IndexError, match=r"patterns must be selected .* got .*Tracer"):
        jax.eval_shape(select, jax.numpy.ones((3, 2)), 1)


def test_iteration(build, to_numpy):
    events = build("csr", random_patterns(7))
    for b, each in enumerate(events):
        check_selected(each, events, [b], to_numpy)


@pytest.mark.parametrize(
    ("selection", "message"),
    [
        (3, "pattern 3 is out of range for 3 patterns"),
        (-4, "pattern -4 is out of range for 3 patterns"),
        (np.int64(3), "pattern 3 is out of range for 3 patterns"),
        ([0, 3, -5], "from -3 to 2, got -5 to 3"),
        (np.asarray([-4]), "from -3 to 2, got -4 to -4"),
        ([True, False], "length 3, got 2"),
        (np.zeros(4, dtype=bool), "length 3, got 4"),
        (np.zeros((1, 1), dtype=np.int64), "one axis, got .*0"),
        (np.zeros(2), "integers or booleans, got .*float64"),
        (True, "a number, .* got True"),
        (1.0, "a number, .* got 1.0"),
        (None, "a number, .* got None"),
        (..., "a number, .* got Ellipsis"),
        ("0", "a number, .* got '0'"),
        ((0, 1), r"a number, .* got \(0, 1\)"),
    ],
    ids=repr,
)
def test_selection_errors(build, selection, message):
    events = build("trains", random_patterns(0, 3))
    with pytest.raises(IndexError, match=message):
        events[selection]


INTEGERS = ("int8", "uint8", "int16", "uint16", "int32", "uint32", "int64", "uint64")


@pytest.mark.parametrize("kind", INTEGERS)
def test_numbers_of_patterns_may_be_integers_of_any_width(backend, to_numpy, kind):
    """300 patterns are more than 8 bits count."""
    times = np.random.default_rng(8).uniform(0.0, DURATION, (300, 1)).astype(np.float32)
    events = Events.from_latencies(backend.from_numpy(times), DURATION)
    host = np.asarray([3, 100, 7 if kind.startswith("u") else -1], dtype=kind)
    here = backend.from_numpy(host)
    for selection in (host, here, list(host), [here[i] for i in range(3)]):
        chosen = to_numpy(events[selection].times)
        np.testing.assert_array_equal(chosen, times[host.astype(np.int64)])
    for number in (host[1], here[1]):
        np.testing.assert_array_equal(to_numpy(events[number].times), times[100:101])


@pytest.mark.parametrize("kind", INTEGERS)
def test_spike_lists_may_be_integers_of_any_width(backend, rows, kind):
    times, afferents, offsets = (
        backend.from_numpy(np.asarray(values, dtype=kind))
        for values in ([5, 1, 3], [0, 1, 0], [0, 1, 3])
    )
    events = Events.from_csr(times, afferents, offsets, 300, DURATION)
    assert rows(events) == [[(5.0, 0)], [(1.0, 1), (3.0, 0)]]
    assert rows(Events.from_latencies(times[None, :], DURATION)) == [[(1.0, 1), (3.0, 2), (5.0, 0)]]


@pytest.mark.parametrize("kind", ["uint32", "uint64"])
def test_no_index_wraps_into_the_range(backend, build, kind):
    """The largest number of as many bits as an index has is not -1."""
    largest = np.asarray([np.iinfo(kind).max], dtype=kind)
    events = build("latencies", random_patterns(0, 3))
    for selection in (largest, backend.from_numpy(largest), np.asarray([2**32 + 1]), [2**32 + 1]):
        with pytest.raises(IndexError, match=r"from -3 to 2, got [1-9]"):
            events[selection]
    with pytest.raises(IndexError, match="integers or booleans, got object"):
        events[[2**70]]
    one = backend.from_numpy(np.ones(1, dtype=np.float32))
    ends = backend.from_numpy(np.asarray([0, 1]))
    with pytest.raises(ValueError, match=r"afferents must be from 0 to 8, got [1-9]"):
        Events.from_csr(one, backend.from_numpy(largest), ends, 9, DURATION)
    ends = backend.from_numpy(np.asarray([0, np.iinfo(kind).max], dtype=kind))
    with pytest.raises(ValueError, match=r"offsets must run from 0 to 1, got 0 to [1-9]"):
        Events.from_csr(one, backend.from_numpy(np.asarray([0])), ends, 9, DURATION)


def test_no_pattern_in_an_empty_batch(build):
    events = build("trains", [])
    for selection in (0, -1, [0]):
        with pytest.raises(IndexError, match=r"0 patterns|from 0 to -1"):
            events[selection]


# -- joining ----------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
def test_concat(build, to_numpy, layout):
    """Parts of different widths, an empty one and one with a long source row."""
    most = 1 if layout == "latencies" else N_SLOTS
    parts = [
        [[(3.0, 1)], []],
        [],
        random_patterns(8, 3, most=most),
        [[(-1.0, 0), (math.inf, 1), (60.0, 2), (-2.0, 3)]],  # a long row without a spike
        [[(2.0, 3), (1.0, 2), (4.0, 0)]],
    ]
    whole = build(layout, [pattern for part in parts for pattern in part])
    joined = Events.concat([build(layout, part) for part in parts])
    same(joined, whole, to_numpy)
    assert joined.times.shape == whole.times.shape
    same(Events.concat(iter([whole])), whole, to_numpy)
    same(Events.concat(list(whole)), whole, to_numpy)
    pieces = [whole[5:], whole[[1, 0]], whole[2:5]]
    check_selected(Events.concat(pieces), whole, [5, 6, 1, 0, 2, 3, 4], to_numpy)


@pytest.mark.parametrize("layout", ["trains", "csr"])
def test_source_layout_of_joined_events(build, to_numpy, layout):
    parts = [build(layout, p) for p in ([[(9.0, 0), (3.0, 1)], []], random_patterns(9, 4), [[]])]
    joined = Events.concat(parts)
    expected = np.concatenate([to_numpy(part.in_source_layout(part.times)) for part in parts])
    np.testing.assert_array_equal(to_numpy(joined.in_source_layout(joined.times)), expected)


def test_concat_errors(build, place):
    events = build("latencies", [[(1.0, 0)]])
    with pytest.raises(ValueError, match="parts must hold at least one Events, got none"):
        Events.concat([])
    with pytest.raises(TypeError, match=r"parts\[1\] must be an Events, got int"):
        Events.concat([events, 1])
    with pytest.raises(ValueError, match=r"agree in duration, got 49\.9 and 60\.0"):
        Events.concat([events, build("latencies", [[]], 60.0)])
    with pytest.raises(ValueError, match="agree in n_afferents, got 4 and 3"):
        Events.concat([events, Events.from_latencies(place(np.ones((1, 3))), DURATION)])
    for layout, got in (("trains", r"\(4, 3\)"), ("csr", "None")):
        with pytest.raises(ValueError, match=rf"agree in source_shape, got \(4,\) and {got}"):
            Events.concat([events, build(layout, [[(1.0, 0)]])])


# -- other forms ------------------------------------------------------------------------------


@pytest.mark.parametrize("layout", ["trains", "csr"])
def test_to_latencies(build, to_numpy, layout):
    patterns = random_patterns(10, most=1)
    found = to_numpy(build(layout, patterns).to_latencies())
    expected = np.full((6, N_AFFERENTS), np.inf, dtype=found.dtype)
    for row, spikes in zip(expected, plain(patterns, found.dtype.type), strict=True):
        for time, afferent in spikes:
            row[afferent] = time
    np.testing.assert_array_equal(found, expected)


def test_latencies_round_trip(asarray, to_numpy, dtype):
    values = np.random.default_rng(0).permutation(24).reshape(6, 4).astype(float)
    values[1:][values[1:] % 5 == 0] = np.inf
    times = asarray(values)
    back = Events.from_latencies(times, DURATION).to_latencies()
    assert back.dtype == dtype
    np.testing.assert_array_equal(to_numpy(back), values)
    again = Events.from_latencies(back, DURATION)
    same(again, Events.from_latencies(times, DURATION), to_numpy)


@pytest.mark.parametrize("layout", ["trains", "csr"])
def test_to_latencies_needs_one_spike_per_afferent(build, layout):
    events = build(layout, [[(1.0, 0)], [(1.0, 2), (4.0, 2)]])
    with pytest.raises(ValueError, match="at most one spike per afferent, got several"):
        events.to_latencies()
    # a second entry that is no spike does no harm
    build(layout, [[(1.0, 2), (60.0, 2), (-1.0, 2)]]).to_latencies()


def dense(patterns, precision, n_slots):
    """What `to_trains` should return, by a loop over spikes."""
    found = np.full((len(patterns), N_AFFERENTS, n_slots), np.inf, dtype=precision)
    for rows, spikes in zip(found, plain(patterns, precision), strict=True):
        used = [0] * N_AFFERENTS
        for time, afferent in spikes:
            rows[afferent, used[afferent]] = time
            used[afferent] += 1
    return found


@pytest.mark.parametrize(
    ("layout", "most"), [("latencies", 1), ("trains", N_SLOTS), ("csr", N_SLOTS)]
)
def test_trains_round_trip(build_each, to_numpy, dtype, layout, most):
    """Of patterns with ties, silence and spikes out of range, then of two that are empty."""
    patterns = [*random_patterns(12, most=most), [], []]
    events = build_each(layout, patterns)
    back = events.to_trains()
    assert back.dtype == dtype
    assert back.device == events.device
    np.testing.assert_array_equal(to_numpy(back), dense(patterns, precision_of(events), most))
    again = Events.from_trains(back, DURATION)
    for name in ("times", "counts"):
        found, expected = getattr(again, name), getattr(events, name)
        np.testing.assert_array_equal(to_numpy(found), to_numpy(expected))
    # the spikes of one time have the order of their afferents, which need not be that of a list
    np.testing.assert_array_equal(to_numpy(again.to_trains()), to_numpy(back))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_trains_of_no_spikes_and_of_one_pattern(build, to_numpy, layout):
    silent = [[(-1.0, 0), (math.inf, 2), (60.0, 3)]]
    np.testing.assert_array_equal(
        to_numpy(build(layout, silent).to_trains()), np.full((1, N_AFFERENTS, 1), np.inf)
    )
    one = build(layout, [[(3.0, 0), (1.0, 2)], [(5.0, 1)]])[1].to_trains()
    np.testing.assert_array_equal(to_numpy(one)[0, :, 0], [np.inf, 5.0, np.inf, np.inf])
    assert build(layout, [*silent, *silent])[:0].to_trains().shape == (0, N_AFFERENTS, 1)


def test_trains_under_tracing():
    jax = pytest.importorskip("jax")
    times = jax.numpy.asarray([[[3.0, 1.0, -1.0], [jax.numpy.inf, 2.0, 60.0]]])
    found = jax.jit(lambda t: Events.from_trains(t, DURATION).to_trains())(times)
    inf = np.inf
    np.testing.assert_array_equal(found, [[[1.0, 3.0, inf], [2.0, inf, inf]]])


@pytest.mark.on_jax
@pytest.mark.parametrize("layout", LAYOUTS)
def test_to_device(backend, build, xp, to_numpy, layout):
    events = build(layout, random_patterns(11, most=1))
    same(events.to_device(events.device), events, to_numpy)
    if backend.name != "strict":
        return  # one device only
    other = xp.Device("CPU_DEVICE")
    moved = events.to_device(other)
    assert moved.device == other
    assert events.device != other
    for name in ("times", "afferents", "counts", "order"):
        assert getattr(moved, name).device == other
    weight = xp.ones((1, N_AFFERENTS), device=other)
    assert peak(moved, weight, Neuron()).v_max.device == other
    same(moved.to_device(events.device), events, to_numpy)


def source_entries(layout, patterns):
    """(pattern, number among the pattern's spikes or None) of every source entry, in its layout."""
    entries = []
    for b, pattern in enumerate(patterns):
        if layout == "csr":
            row = pattern
        else:
            n_slots = 1 if layout == "latencies" else N_SLOTS
            row = []
            for afferent in range(N_AFFERENTS):
                train = [spike for spike in pattern if spike[1] == afferent]
                row += train + [(-1.0, afferent)] * (n_slots - len(train))
        entries += [(b, time, afferent) for time, afferent in row]
    return entries


@pytest.mark.on_jax
@pytest.mark.parametrize("layout", LAYOUTS)
def test_in_source_layout(build, place, to_numpy, layout):
    """Every spike's value comes back where the spike was given, and 0 where there was none."""
    patterns = random_patterns(12, most=1 if layout == "latencies" else N_SLOTS)
    events = build(layout, patterns)
    n_patterns, width = events.times.shape
    values = 1.0 + np.arange(n_patterns * width, dtype=float).reshape(n_patterns, width)
    found = to_numpy(events.in_source_layout(place(values)))

    entries = source_entries(layout, patterns)
    expected = [0.0] * len(entries)
    for b in range(n_patterns):
        mine = [e for e, entry in enumerate(entries) if entry[0] == b]
        spikes = [e for e in mine if 0.0 <= entries[e][1] <= DURATION]
        for k, e in enumerate(sorted(spikes, key=lambda e: entries[e][1])):
            expected[e] = values[b, k]
    shape = {"latencies": (6, N_AFFERENTS), "trains": (6, N_AFFERENTS, N_SLOTS)}.get(layout, (-1,))
    np.testing.assert_array_equal(found, np.reshape(expected, shape))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_time_gradients_reach_their_spikes(build, place, to_numpy, layout):
    """dV(t)/dt_f = -w_f K'(t - t_f), spike by spike in plain Python."""
    patterns = random_patterns(13, most=1 if layout == "latencies" else N_SLOTS)
    events, neuron = build(layout, patterns), Neuron()
    weight = [0.5, -1.0, 2.0, 0.25]
    cotangent = [1.0, -2.0, 0.5, 3.0, 0.0, -1.0]
    at = 37.125
    found = voltage_vjp(
        events,
        place([weight]),
        neuron,
        place([at]),
        place(np.reshape(cotangent, (6, 1, 1))),
        times=True,
    )
    v0 = 1.0 / (math.exp(-neuron.kernel.t_peak / 15.0) - math.exp(-neuron.kernel.t_peak / 3.75))
    to_time, to_weight = [], [0.0] * N_AFFERENTS
    for b, time, afferent in source_entries(layout, patterns):
        counts = 0.0 <= time <= min(at, DURATION)
        x = at - time if counts else 0.0
        slow, fast = v0 * math.exp(-x / 15.0), v0 * math.exp(-x / 3.75)
        slope = fast / 3.75 - slow / 15.0
        to_time.append(-cotangent[b] * weight[afferent] * slope if counts else 0.0)
        to_weight[afferent] += cotangent[b] * (slow - fast) if counts else 0.0
    times = to_numpy(found.times)
    tolerance = 1e-12 if times.dtype == np.float64 else 4e-6
    np.testing.assert_allclose(times.reshape(-1), to_time, rtol=0.0, atol=tolerance)
    assert [t == 0.0 for t in times.reshape(-1)] == [t == 0.0 for t in to_time]
    np.testing.assert_allclose(to_numpy(found.weight)[0], to_weight, rtol=0.0, atol=4 * tolerance)


def test_readouts_of_selected_events(build, place, to_numpy):
    """Selecting and joining patterns selects and joins the rows of every readout."""
    events, neuron = build("csr", random_patterns(14)), Neuron()
    weight = place(np.asarray([[1.5, -0.5, 0.75, 1.0], [0.5, 0.5, -1.0, 0.25]]))
    sample_times = place(np.asarray([0.0, 7.3, 20.0, DURATION]))

    def readouts(some):
        found = peak(some, weight, neuron)
        t_spike = first_crossing(some, weight, neuron)
        v = voltage(some, weight, neuron, sample_times)
        return [to_numpy(a) for a in (found.v_max, found.t_max, t_spike, v)]

    whole = readouts(events)
    assert np.isfinite(whole[2]).any()
    assert np.isinf(whole[2]).any()
    cases = {
        "slice": (events[1:4], [1, 2, 3]),
        "list": (events[[5, 0, 0]], [5, 0, 0]),
        "concat": (Events.concat([events[4:], events[2]]), [4, 5, 2]),
    }
    double = whole[0].dtype == np.float64
    # of v_max, t_max, t_spike and V: the bars for a sum of weights near 10
    tolerances = [1e-11, 1e-9, 1e-9, 1e-11] if double else [2e-5, 2e-3, 2e-3, 2e-5]
    for name, (some, wanted) in cases.items():
        for found, expected, tolerance in zip(readouts(some), whole, tolerances, strict=True):
            np.testing.assert_allclose(
                found, expected[wanted], rtol=0.0, atol=tolerance, err_msg=name
            )


# -- the caller's arrays ----------------------------------------------------------------------


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.skip_backend("jax", reason="its arrays cannot be written to")
def test_arguments_are_left_alone(place, to_numpy, layout):
    given = []

    def recorded(values):
        array = place(values)
        given.append((array, to_numpy(array).copy()))
        return array

    events = BUILDERS[layout](recorded, random_patterns(15, most=1), DURATION)
    before = [(a, to_numpy(a).copy()) for a in (events.times, events.afferents, events.order)]
    weight = recorded(np.ones((2, N_AFFERENTS)))
    found = peak(events, weight, Neuron())
    events.in_source_layout(events.times)
    Events.concat([events[::2], events[[1]]])
    first_crossing(events, weight, Neuron())
    assert found.v_max.shape == (6, 2)
    for array, kept in given + before:
        np.testing.assert_array_equal(to_numpy(array), kept)


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.skip_backend("jax", reason="its arrays cannot be written to")
def test_events_do_not_share_the_callers_memory(build, place, to_numpy, layout):
    """Writing to the arrays that Events were made from changes nothing."""
    given = []

    def recorded(values):
        given.append(place(values))
        return given[-1]

    patterns = [[(1.0, 0), (2.0, 1), (3.0, 2), (4.0, 3)]] * 2
    events = BUILDERS[layout](recorded, patterns, DURATION)
    expected = build(layout, patterns)
    for array in given:
        array[...] = 0
    same(events, expected, to_numpy)


def laid_out(layout):
    """Arrays that are read-only, or in another order in memory than C's; NumPy's own."""
    values = np.random.default_rng(16).permutation(24).astype(float).reshape(2, 3, 4)
    if layout == "latencies":
        values = values[:, :, 0]
    read_only = values.copy()
    read_only.flags.writeable = False
    wide = np.repeat(values, 2, axis=-1)
    return values, {
        "read-only": read_only,
        "Fortran order": np.asfortranarray(values),
        "every second": wide[..., ::2],
        "transposed twice": np.ascontiguousarray(values.T).T,
        "backwards": values[::-1, ::-1].copy()[::-1, ::-1],
        "big-endian": values.astype(">f8"),
    }


@pytest.mark.parametrize("name", laid_out("trains")[1])
@pytest.mark.parametrize("layout", ["latencies", "trains"])
def test_any_numpy_array(layout, name):
    values, arrays = laid_out(layout)
    make = getattr(Events, f"from_{layout}")
    expected = make(values, DURATION)
    if name == "big-endian":
        with pytest.raises(TypeError, match="times must be float32 or float64, got >f8"):
            make(arrays[name], DURATION)
        return
    found = make(arrays[name], DURATION)
    same(found, expected, np.asarray)
    weight = np.asfortranarray(np.asarray([[1.0, -0.5, 2.0], [0.5, 1.0, 1.5]]))
    weight.flags.writeable = False
    neuron = Neuron()
    for a, b in zip(peak(found, weight, neuron), peak(expected, weight, neuron), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("layout", ["latencies", "trains"])
def test_transposed_arrays(xp, place, to_numpy, layout):
    """Views of another memory order, in every library that has them."""
    values, _ = laid_out(layout)
    axes = tuple(reversed(range(values.ndim)))
    view = xp.permute_dims(place(np.ascontiguousarray(values.T)), axes)
    make = getattr(Events, f"from_{layout}")
    same(make(view, DURATION), make(place(values), DURATION), to_numpy)
