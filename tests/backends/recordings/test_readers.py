"""Readers of recordings, on files and objects made by the library of each format."""

from __future__ import annotations

import warnings
from datetime import UTC, datetime

import numpy as np
import pytest

from tempotron_backends.interchange import to_spike_list
from tempotron_backends.recordings import (
    from_dataframe,
    from_matlab,
    from_neo,
    from_pynapple,
    from_spikeinterface,
    read_matlab,
    read_nwb,
    read_phy,
    read_pynapple,
)

TRAINS = [[0.12, 0.31, 1.05, 2.2], [], [0.5, 1.111, 1.112, 2.9]]
ALIGN, STOP = [0.1, 1.0, 2.0], [0.6, 1.5, 2.5]
STIMULI = ["left", "right", "left"]


def spikes(labelled):
    """(trial, unit, time in ms from the alignment) of every spike."""
    times, afferents, offsets = to_spike_list(labelled.events)
    trial = np.repeat(np.arange(len(labelled)), np.diff(offsets))
    found = zip(trial.tolist(), afferents.tolist(), (times + labelled.start).tolist(), strict=True)
    return sorted((b, i, round(t, 6)) for b, i, t in found)


# windows from 50 ms before to 450 ms after, by hand
EXPECTED = [(0, 0, 20.0), (0, 0, 210.0), (0, 2, 400.0)]
EXPECTED += [(1, 0, 50.0), (1, 2, 111.0), (1, 2, 112.0), (2, 0, 200.0)]


def check(session, unit_ids=(0, 1, 2), y=STIMULI, expected=EXPECTED):
    assert session.recording.unit_ids.tolist() == list(unit_ids)
    found = session.cut(before=50.0, after=450.0)
    assert found.y.tolist() == list(y)
    assert found.events.n_afferents == 3
    assert spikes(found) == expected


# -- NWB ----------------------------------------------------------------------------------------


def write_nwb(path, *, trials=True, trains=TRAINS, damage=None):
    pynwb = pytest.importorskip("pynwb")
    file = pynwb.NWBFile("a session", "made up", datetime(2024, 1, 1, tzinfo=UTC))
    file.add_unit_column("location", "where")
    for i, train in enumerate(trains):
        file.add_unit(spike_times=train[::-1], location=f"area {i % 2}", id=i + 10)
    if trials:
        file.add_trial_column("stimulus", "what was shown")
        file.add_trial_column("cue", "when")
        for start, stop, stimulus in zip(ALIGN, STOP, STIMULI, strict=True):
            file.add_trial(start_time=start, stop_time=stop, stimulus=stimulus, cue=start + 0.1)
    with pynwb.NWBHDF5IO(str(path), "w") as io:
        io.write(file)
    if damage is not None:
        import h5py

        with h5py.File(path, "a") as content:
            damage(content)
    return path


def test_nwb(tmp_path):
    session = read_nwb(write_nwb(tmp_path / "a.nwb"), label="stimulus")
    check(session, (10, 11, 12))
    assert session.recording.properties["location"].tolist() == ["area 0", "area 1", "area 0"]
    late = read_nwb(tmp_path / "a.nwb", align="cue", label="stimulus")
    assert spikes(late.cut(before=150.0, after=350.0)) == [
        (b, i, round(t - 100.0, 6)) for b, i, t in EXPECTED
    ]
    assert session.cut().events.duration == pytest.approx(500.0)  # to the end of each trial


def test_nwb_without_trials(tmp_path):
    session = read_nwb(write_nwb(tmp_path / "a.nwb", trials=False))
    assert session.trials is None
    with pytest.raises(ValueError, match="trials must be given to cut patterns"):
        session.cut(after=100.0)
    with pytest.raises(ValueError, match=r"\(there are: none\), got 'trials'"):
        read_nwb(tmp_path / "a.nwb", label="stimulus")


def test_nwb_that_cannot_be_read(tmp_path):
    path = write_nwb(tmp_path / "a.nwb")
    with pytest.raises(ValueError, match=r"label must be a column of the trials \(start_time, "):
        read_nwb(path, label="stim")
    with pytest.raises(ValueError, match=r"\(there are: trials\), got 'epochs'"):
        read_nwb(path, trials="epochs")

    def index(content):
        content["units/spike_times_index"][:] = [4, 2, 8]

    with pytest.raises(ValueError, match="spike_times_index must ascend to the 8 spikes, got 2 to"):
        read_nwb(write_nwb(tmp_path / "b.nwb", damage=index))
    (tmp_path / "c.nwb").write_text("no HDF5")
    with pytest.raises(ValueError, match=r"path must be an NWB file, got '.*c\.nwb'"):
        read_nwb(tmp_path / "c.nwb")
    with pytest.raises(FileNotFoundError, match=r"must be an NWB file, got '.*d\.nwb': no such"):
        read_nwb(tmp_path / "d.nwb")


# -- pynapple -----------------------------------------------------------------------------------


def pynapple_objects():
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of its own imports
        nap = pytest.importorskip("pynapple")
    units = nap.TsGroup(
        {key: nap.Ts(np.asarray(train)) for key, train in zip((3, 5, 9), TRAINS, strict=True)},
        time_support=nap.IntervalSet(0.0, 5.0),
        metadata={"area": ["a", "b", "a"]},
    )
    return units, nap.IntervalSet(ALIGN, STOP, metadata={"stimulus": STIMULI})


def test_pynapple():
    units, intervals = pynapple_objects()
    session = from_pynapple(units, intervals, label="stimulus")
    check(session, (3, 5, 9))
    assert session.recording.span == (0.0, 5.0)
    assert session.recording.properties["area"].tolist() == ["a", "b", "a"]
    with pytest.raises(TypeError, match=r"units must be a pynapple.TsGroup, got IntervalSet"):
        from_pynapple(intervals)
    with pytest.raises(ValueError, match=r"label must be a column .*stimulus\), got 'stim'"):
        from_pynapple(units, intervals, label="stim")


def test_pynapple_files(tmp_path):
    units, intervals = pynapple_objects()
    units.save(str(tmp_path / "units.npz"))
    intervals.save(str(tmp_path / "trials.npz"))
    session = read_pynapple(tmp_path / "units.npz", tmp_path / "trials.npz")
    assert spikes(session.cut(before=50.0, after=450.0)) == EXPECTED
    assert session.recording.unit_ids.tolist() == [3, 5, 9]
    with pytest.raises(ValueError, match=r"of a pynapple.TsGroup, .*it holds IntervalSet"):
        read_pynapple(tmp_path / "trials.npz")
    with np.load(tmp_path / "units.npz", allow_pickle=True) as archive:
        arrays = dict(archive)
    np.savez(tmp_path / "bad.npz", **arrays | {"t": np.asarray([print], dtype=object)})
    with pytest.raises(ValueError, match=r"bad.npz': Object arrays cannot be loaded"):
        read_pynapple(tmp_path / "bad.npz")


# -- tables -------------------------------------------------------------------------------------


def test_dataframe_of_a_recording():
    pd = pytest.importorskip("pandas")
    rows = [(t * 1e3, f"u{i}") for i, train in enumerate(TRAINS) for t in train]
    table = pd.DataFrame(rows[::-1], columns=["ms", "cell"])
    trials = pd.DataFrame({"onset": np.asarray(ALIGN) * 1e3, "stimulus": STIMULI})
    session = from_dataframe(
        table,
        trials,
        time_unit="ms",
        time="ms",
        unit="cell",
        align="onset",
        label="stimulus",
        unit_ids=["u0", "u1", "u2"],
    )
    check(session, ("u0", "u1", "u2"))
    with pytest.raises(ValueError, match="spikes must have a column 'time', got ms, cell"):
        from_dataframe(table, time_unit="ms")


def test_dataframe_of_trials():
    """Times count from each trial's own alignment, and no window reaches another trial."""
    pd = pytest.importorskip("pandas")
    rows = [(7 + b, i, t, STIMULI[b]) for b, i, t in EXPECTED]
    table = pd.DataFrame(rows, columns=["trial", "unit", "time", "stimulus"])
    named = from_dataframe(
        table, time_unit="ms", trial="trial", label="stimulus", unit_ids=[0, 1, 2]
    )
    check(named)
    assert named.trials.ids.tolist() == [7, 8, 9]
    assert spikes(named.cut(before=5000.0, after=5000.0)) == EXPECTED
    trials = pd.DataFrame({"stimulus": [*STIMULI, "right"]}, index=[7, 8, 9, 10])
    session = from_dataframe(
        table.drop(columns="stimulus"),
        trials,
        time_unit="ms",
        trial="trial",
        label="stimulus",
        unit_ids=[0, 1, 2],
    )
    check(session, y=[*STIMULI, "right"])  # one without spikes
    with pytest.raises(ValueError, match="trial must be one of the 2 trials, got 9"):
        from_dataframe(table, trials[:2], time_unit="ms", trial="trial")
    table.loc[0, "stimulus"] = "up"
    with pytest.raises(ValueError, match="label must be the same for all spikes of a trial"):
        from_dataframe(table, time_unit="ms", trial="trial", label="stimulus")


# -- MATLAB -------------------------------------------------------------------------------------


def test_matlab(tmp_path):
    io = pytest.importorskip("scipy.io")
    cells = np.empty((3, 3), dtype=object)
    for b in range(3):
        for i in range(3):
            cells[b, i] = np.asarray([t / 1e3 for c, j, t in EXPECTED if (c, j) == (b, i)])
    names = np.empty(3, dtype=object)
    names[:] = STIMULI
    io.savemat(tmp_path / "a.mat", {"spikes": cells, "stim": names, "number": np.arange(3)})
    check(read_matlab(tmp_path / "a.mat", time_unit="s", labels="stim"), (1, 2, 3))
    check(read_matlab(tmp_path / "a.mat", time_unit="s", labels="number"), (1, 2, 3), range(3))
    loaded = io.loadmat(tmp_path / "a.mat")
    assert loaded["spikes"][0, 0].shape == (1, 2)
    check(from_matlab(loaded["spikes"], loaded["stim"], time_unit="s"), (1, 2, 3))
    with pytest.raises(ValueError, match=r"spikes must be a variable .*stim, number\), got 'x'"):
        read_matlab(tmp_path / "a.mat", time_unit="s", spikes="x")
    with pytest.raises(TypeError, match="cells must be a cell array of trials by units, got int64"):
        read_matlab(tmp_path / "a.mat", time_unit="s", spikes="number")
    (tmp_path / "b.mat").write_bytes(b"none")
    with pytest.raises(ValueError, match="path must be a MATLAB file, got"):
        read_matlab(tmp_path / "b.mat", time_unit="s")


def matlab_cells():
    cells = np.empty((3, 3), dtype=object)
    for b, i in np.ndindex(3, 3):
        times = [t / 1e3 for c, j, t in EXPECTED if (c, j) == (b, i)]
        cells[b, i] = np.asarray(times, dtype=float)[None, :]
    names = np.empty((3, 1), dtype=object)
    names[:, 0] = STIMULI
    return {"spikes": cells, "stim": names, "number": np.arange(3.0)[:, None]}


def test_matlab_7_3(tmp_path):
    """HDF5, with cells behind references and axes the other way round, as hdf5storage writes it."""
    hdf5storage = pytest.importorskip("hdf5storage", reason="hdf5storage is not installed")
    hdf5storage.savemat(str(tmp_path / "a.mat"), matlab_cells(), format="7.3")
    check(read_matlab(tmp_path / "a.mat", time_unit="s", labels="stim"), (1, 2, 3))
    check(read_matlab(tmp_path / "a.mat", time_unit="s", labels="number"), (1, 2, 3), range(3))


def test_matlab_7_3_that_cannot_be_read(tmp_path):
    h5py = pytest.importorskip("h5py")

    def write(**changes):
        with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
            for name in ("#refs#/a", "number"):
                file[name] = np.asarray([[0.1], [0.2]])
                file[name].attrs["MATLAB_class"] = np.bytes_("double")
            kind = changes.get("kind", "cell")
            references = np.asarray([[file["#refs#/a"].ref]], dtype=h5py.ref_dtype)
            if "damage" in changes:
                file["#refs#/a"].attrs["MATLAB_class"] = np.bytes_(changes["damage"])
            file.create_dataset("spikes", shape=(1, 1), dtype=h5py.ref_dtype)
            if not changes.get("lost"):
                file["spikes"][...] = references
            file["spikes"].attrs["MATLAB_class"] = np.bytes_(kind)

    write()
    assert read_matlab(tmp_path / "a.mat", time_unit="s").recording.counts.tolist() == [2]
    for changes, message in (
        ({"kind": "struct"}, "spikes must be an array of numbers or text or a cell .*got struct"),
        ({"damage": "table"}, r"spikes\{1,1\} must be an array .*got table"),
        ({"damage": "cell"}, r"spikes\{1,1\} must hold numbers or text, got a cell array within"),
        ({"lost": True}, r"spikes\{1,1\} must refer to a cell of .*a\.mat"),
    ):
        write(**changes)
        with pytest.raises(ValueError, match=message):
            read_matlab(tmp_path / "a.mat", time_unit="s")
    with pytest.raises(ValueError, match=r"spikes must be a variable of .*\(number, spikes\), got"):
        read_matlab(tmp_path / "a.mat", time_unit="s", spikes="x")
    (tmp_path / "b.mat").write_bytes((tmp_path / "a.mat").read_bytes()[:700])
    with pytest.raises(ValueError, match="path must be a MATLAB file"):
        read_matlab(tmp_path / "b.mat", time_unit="s")


# -- Phy ----------------------------------------------------------------------------------------


def write_phy(folder, *, params="sample_rate = 20000.\n", clusters="spike_clusters.npy"):
    folder.mkdir()
    times = np.concatenate([np.asarray(train) for train in TRAINS])
    units = np.repeat([4, 6, 8], [len(train) for train in TRAINS])
    order = np.argsort(times)
    samples = np.round(times[order] * 20_000).astype(np.int64)
    np.save(folder / "spike_times.npy", samples[:, None])
    np.save(folder / clusters, units[order].astype(np.int32))
    (folder / "params.py").write_text(f"dat_path = r'x.dat'\n{params}hp_filtered = False\n")
    (folder / "cluster_group.tsv").write_text("cluster_id\tgroup\n4\tgood\n6\tmua\n8\tgood\n")
    return folder


def test_phy(tmp_path):
    session = read_phy(write_phy(tmp_path / "a"))
    assert session.recording.unit_ids.tolist() == [4, 6, 8]
    for unit, train in zip((4, 6, 8), TRAINS, strict=True):
        np.testing.assert_allclose(session.recording.train(unit), train, atol=1e-12)
    good = read_phy(tmp_path / "a", group="good").recording
    assert good.unit_ids.tolist() == [4, 8]
    of_templates = read_phy(write_phy(tmp_path / "b", clusters="spike_templates.npy"))
    np.testing.assert_array_equal(of_templates.recording.times, session.recording.times)
    with pytest.raises(ValueError, match=r"group must be one of the units' \(good, mua\), got 'x'"):
        read_phy(tmp_path / "a", group="x")


def test_parameters_of_phy_are_never_run(tmp_path):
    params = "import os; os.mkdir('ran')\nsample_rate = float(os.path.exists('ran'))\n"
    with pytest.raises(ValueError, match=r"a number, which is not computed here, got .flo"):
        read_phy(write_phy(tmp_path / "a", params=params))
    assert not (tmp_path / "ran").exists()
    with pytest.raises(ValueError, match=r"params\.py must set sample_rate"):
        read_phy(write_phy(tmp_path / "b", params=""))
    (tmp_path / "a" / "spike_times.npy").unlink()
    with pytest.raises(FileNotFoundError, match=r"a folder of Phy with spike_times\.npy"):
        read_phy(tmp_path / "a")
    np.save(tmp_path / "b" / "spike_times.npy", np.asarray([print], dtype=object))
    with pytest.raises(ValueError, match="without pickled objects"):
        read_phy(tmp_path / "b")


# -- SpikeInterface -----------------------------------------------------------------------------


def test_spikeinterface():
    core = pytest.importorskip("spikeinterface.core", reason="spikeinterface is not installed")
    trains = [np.round(np.asarray(train) * 30_000).astype(np.int64) for train in TRAINS]
    units = dict(zip("abc", trains, strict=True))
    sorting = core.NumpySorting.from_unit_dict(units, 30_000.0)
    sorting.set_property("quality", ["good", "mua", "good"])
    recording = from_spikeinterface(sorting).recording
    assert recording.unit_ids.tolist() == ["a", "b", "c"]
    for unit, train in zip("abc", TRAINS, strict=True):
        np.testing.assert_allclose(recording.train(unit), train, atol=2e-5)
    assert recording.properties["quality"].tolist() == ["good", "mua", "good"]
    two = core.NumpySorting.from_unit_dict([units, units], 30_000.0)
    with pytest.raises(ValueError, match="segment must say which of the 2 segments, got None"):
        from_spikeinterface(two)
    assert from_spikeinterface(two, segment=1).recording.counts.tolist() == [4, 0, 4]


# -- Neo ----------------------------------------------------------------------------------------


def neo_segment(neo, trains, start, stop, unit="s", **annotations):
    segment = neo.Segment(**annotations)
    for i, train in enumerate(trains):
        segment.spiketrains.append(
            neo.SpikeTrain(train, t_start=start, t_stop=stop, units=unit, name=f"unit {i}")
        )
    return segment


def test_neo_segment_with_events():
    neo = pytest.importorskip("neo")
    trains = [[1e3 * t for t in train] for train in TRAINS]
    segment = neo_segment(neo, trains, 0.0, 3000.0, "ms")
    segment.events.append(
        neo.Event(np.asarray(ALIGN), labels=np.asarray(STIMULI), units="s", name="stimulus")
    )
    names = ("unit 0", "unit 1", "unit 2")
    check(from_neo(segment), names)
    block = neo.Block()
    block.segments.append(segment)
    check(from_neo(block, trials="stimulus"), names)
    assert from_neo(segment).recording.span == (0.0, 3.0)
    with pytest.raises(ValueError, match=r"trials must be an event or epoch of .*, got 'cue'"):
        from_neo(segment, trials="cue")


def test_neo_block_of_trials():
    """Each segment is a trial, whatever time its clock begins at."""
    neo = pytest.importorskip("neo")
    block = neo.Block()
    for b, stimulus in enumerate(STIMULI):
        trains = [[t / 1e3 for c, j, t in EXPECTED if (c, j) == (b, i)] for i in range(3)]
        block.segments.append(neo_segment(neo, trains, 0.0, 0.45, stimulus=stimulus))
    check(from_neo(block, label="stimulus"), ("unit 0", "unit 1", "unit 2"))
    with pytest.raises(ValueError, match=r"an annotation of every segment \(stimulus\), got 'x'"):
        from_neo(block, label="x")


def test_libraries_that_are_missing_are_named(monkeypatch):
    import sys

    monkeypatch.setitem(sys.modules, "pynwb", None)
    with pytest.raises(
        ImportError, match=r"read_nwb needs pynwb, .*'tempotron-core\[recordings\]'"
    ):
        read_nwb("any.nwb")
