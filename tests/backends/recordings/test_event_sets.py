"""Event data sets: files of the published layouts, and what Tonic's readers make of them."""

from __future__ import annotations

import struct
from itertools import pairwise

import numpy as np
import pytest

from tempotron_backends.interchange import to_spike_list
from tempotron_backends.recordings import (
    read_aedat,
    read_dvs_gesture,
    read_heidelberg,
    read_nmnist,
)

# -- SHD and SSC --------------------------------------------------------------------------------


def write_heidelberg(path, rng, n_patterns=6, **changes):
    """A file as h5py writes ragged data, in half precision as in the original."""
    h5py = pytest.importorskip("h5py")
    lengths = rng.integers(0, 30, n_patterns)
    times = [np.sort(rng.uniform(0.0, 1.2, n)).astype(np.float16) for n in lengths]
    units = [rng.integers(0, 700, n).astype(np.uint16) for n in lengths]
    content = {"times": times, "units": units, "labels": np.arange(n_patterns) % 3} | changes
    with h5py.File(path, "w") as file:
        for name, kind in (("times", np.float16), ("units", np.uint16)):
            ragged = np.empty(len(content[name]), dtype=object)
            ragged[:] = content[name]
            file.create_dataset(f"spikes/{name}", data=ragged, dtype=h5py.vlen_dtype(kind))
        if content["labels"] is not None:
            file["labels"] = content["labels"].astype(np.uint16)
        file["extra/keys"] = np.asarray([b"zero", b"one", b"two"])
    return times, units


def test_heidelberg(tmp_path):
    times, units = write_heidelberg(tmp_path / "shd.h5", np.random.default_rng(0))
    events = read_heidelberg(tmp_path / "shd.h5")
    assert (len(events), events.n_afferents) == (6, 700)
    found = events.load()
    assert found.y.tolist() == ["zero", "one", "two"] * 2
    longest = max(float(t.max()) for t in times if len(t))
    assert longest * 1e3 <= found.events.duration < longest * 1e3 + 1.0
    flat, afferents, offsets = to_spike_list(found.events)
    for b, (start, stop) in enumerate(pairwise(offsets)):
        np.testing.assert_allclose(flat[start:stop], 1e3 * times[b].astype(float), atol=1e-9)
        order = np.argsort(times[b], kind="stable")
        assert afferents[start:stop].tolist() == units[b][order].tolist()
    assert events.load([5, 1], duration=100.0).y.tolist() == ["two", "one"]


def test_heidelberg_files_that_are_damaged(tmp_path):
    h5py = pytest.importorskip("h5py")
    rng = np.random.default_rng(1)
    write_heidelberg(tmp_path / "a.h5", rng, labels=None)
    with pytest.raises(ValueError, match=r"without labels \(there are: extra, spikes\)"):
        read_heidelberg(tmp_path / "a.h5")
    write_heidelberg(tmp_path / "b.h5", rng, labels=np.zeros(5))
    with pytest.raises(ValueError, match="as many times and units as labels, got 6, 6 and 5"):
        read_heidelberg(tmp_path / "b.h5")
    write_heidelberg(tmp_path / "c.h5", rng, units=[np.asarray([900])] * 6, times=[np.ones(1)] * 6)
    with pytest.raises(ValueError, match="must have units from 0 to 699, got 900 to 900"):
        read_heidelberg(tmp_path / "c.h5").load()
    (tmp_path / "d.h5").write_text("none")
    with pytest.raises(ValueError, match="path must be an HDF5 file"):
        read_heidelberg(tmp_path / "d.h5")
    assert h5py.version


# -- N-MNIST ------------------------------------------------------------------------------------


def nmnist_bytes(events):
    """Five bytes per event (x, y, polarity, microseconds); y of 240 says that the clock wrapped."""
    return b"".join(
        bytes([x, y, (p << 7) | (t >> 16), (t >> 8) & 255, t & 255]) for x, y, p, t in events
    )


EVENTS = [(3, 7, 1, 50), (33, 33, 0, 8000), (0, 240, 0, 0), (5, 1, 1, 20), (0, 240, 0, 0)]
EVENTS += [(9, 2, 0, 8191)]
MICROSECONDS = [50, 8000, 8192 + 20, 2 * 8192 + 8191]


def nmnist_folder(folder):
    for label in (0, 4):
        (folder / str(label)).mkdir(parents=True)
        (folder / str(label) / "00001.bin").write_bytes(nmnist_bytes(EVENTS[: label + 2]))
    return folder


def test_nmnist(tmp_path):
    events = read_nmnist(nmnist_folder(tmp_path / "Train"))
    assert events.labels.tolist() == [0, 4]
    found = events.load()
    assert found.events.n_afferents == 2312
    times, afferents, offsets = to_spike_list(found.events)
    assert offsets.tolist() == [0, 2, 6]
    np.testing.assert_allclose(times[2:], np.asarray(MICROSECONDS) / 1e3)
    kept = [each for each in EVENTS if each[1] != 240]
    assert afferents[2:].tolist() == [(p * 34 + y) * 34 + x for x, y, p, _ in kept]


def test_nmnist_is_what_tonic_reads(tmp_path):
    io = pytest.importorskip("tonic.io", reason="tonic is not installed")
    folder = nmnist_folder(tmp_path / "Train")
    layout = np.dtype([("x", int), ("y", int), ("t", int), ("p", int)])
    theirs = io.read_mnist_file(str(folder / "4" / "00001.bin"), dtype=layout)
    times, afferents = read_nmnist(folder).read(1)
    np.testing.assert_allclose(times, theirs["t"] / 1e3)
    expected = (theirs["p"] * 34 + theirs["y"]) * 34 + theirs["x"]
    np.testing.assert_array_equal(afferents, expected)


def test_nmnist_folders_that_are_damaged(tmp_path):
    folder = nmnist_folder(tmp_path / "Train")
    (folder / "0" / "00001.bin").write_bytes(b"1234567")
    with pytest.raises(ValueError, match="must hold events of 5 bytes, got 7 bytes: it is trunc"):
        read_nmnist(folder).load()
    (folder / "0" / "00001.bin").write_bytes(nmnist_bytes([(34, 1, 0, 0)]))
    with pytest.raises(ValueError, match="must have x below 34, got 34"):
        read_nmnist(folder).load()
    with pytest.raises(ValueError, match=r"folders 0 to 9 with \.bin files, got .* with Train"):
        read_nmnist(tmp_path)


# -- AEDAT --------------------------------------------------------------------------------------

ADDRESSES = [(5, 120, 1, 1000), (127, 0, 0, 1500), (64, 64, 1, 9000), (1, 2, 0, 12_000)]


def aedat_2(events, extra=b""):
    head = b"#!AER-DAT2.0\r\n# This is a raw AE data file\r\n# AEChip: ch.unizh.ini.DVS128\r\n"
    words = [struct.pack(">II", (y << 8) | (x << 1) | p, t) for x, y, p, t in events]
    return head + b"".join(words) + extra


def aedat_3(events, *, overflow=0, number=None):
    """Two packets, one with an event that is not valid, and one of another type between them."""
    head = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
    parts = [head]
    for chosen in (events[:2], events[2:]):
        words = [
            struct.pack("<II", (x << 17) | (y << 2) | (p << 1) | 1, t) for x, y, p, t in chosen
        ]
        words.append(struct.pack("<II", 3 << 17, 7))
        count = len(words) if number is None else number
        parts.append(struct.pack("<hhiiiiii", 1, 1, 8, 4, overflow, count, count, count - 1))
        parts += words
        parts.append(struct.pack("<hhiiiiii", 3, 1, 4, 0, 0, 1, 1, 1) + b"abcd")
    return b"".join(parts)


@pytest.mark.parametrize("write", [aedat_2, aedat_3])
def test_aedat(tmp_path, write):
    (tmp_path / "a.aedat").write_bytes(write(ADDRESSES))
    found = read_aedat(tmp_path / "a.aedat")
    assert list(zip(found.x, found.y, found.polarity, found.t, strict=True)) == ADDRESSES


def test_aedat_is_what_tonic_reads(tmp_path):
    io = pytest.importorskip("tonic.io", reason="tonic is not installed")
    path = tmp_path / "a.aedat"
    path.write_bytes(aedat_2(ADDRESSES))
    version, start, _ = io.read_aedat_header_from_file(str(path))
    theirs = io.get_aer_events_from_file(str(path), version, start)
    found = read_aedat(path)
    np.testing.assert_array_equal(found.t, theirs["timeStamp"])
    address = (found.y << 8) | (found.x << 1) | found.polarity
    np.testing.assert_array_equal(address, theirs["address"])


@pytest.mark.parametrize("overflow", [0, 2])
def test_aedat_3_is_what_spikingjelly_reads(tmp_path, overflow):
    """But for the events that are marked as not valid, which it reads as well."""
    theirs = pytest.importorskip("spikingjelly.datasets", reason="spikingjelly is not installed")
    path = tmp_path / "a.aedat"
    path.write_bytes(aedat_3(ADDRESSES, overflow=overflow))
    expected = theirs.load_aedat_v3(str(path))
    valid = expected["t"] & 0x7FFFFFFF != 7
    found = read_aedat(path)
    for name in ("t", "x", "y"):
        np.testing.assert_array_equal(getattr(found, name), expected[name][valid])
    np.testing.assert_array_equal(found.polarity, expected["p"][valid])


def test_aedat_files_that_are_damaged(tmp_path):
    path = tmp_path / "a.aedat"
    for content, message in (
        (aedat_2(ADDRESSES, b"123"), "events of 8 bytes, got 35 bytes: it is truncated"),
        (aedat_3(ADDRESSES)[:-2], "must end with a whole packet: it is truncated"),
        (aedat_3(ADDRESSES, number=10**6), "must end with a whole packet: it is truncated"),
        (b"#!AER-DAT3.1\r\n#Format: RAW\r\n", "must have a header that ends"),
        (b"#!AER-DAT4.0\r\n", r"of version 2\.0 or 3\.1, got 4\.0"),
        (b"#!AER-DAT2.0\r\n# AEChip: Davis240C\r\n", "must be of a DVS128 .* got Davis240C"),
        (b"other", "without its first line"),
    ):
        path.write_bytes(content)
        with pytest.raises(ValueError, match=message):
            read_aedat(path)


def test_aedat_clock_that_wraps(tmp_path):
    (tmp_path / "a.aedat").write_bytes(aedat_3(ADDRESSES, overflow=2))
    found = read_aedat(tmp_path / "a.aedat")
    assert (found.t - (2 << 31)).tolist() == [t for *_, t in ADDRESSES]


def test_dvs_gesture(tmp_path):
    (tmp_path / "user01_led.aedat").write_bytes(aedat_3(ADDRESSES))
    table = "class,startTime_usec,endTime_usec\n2,1000,2000\n11,8000,12001\n"
    (tmp_path / "user01_led_labels.csv").write_text(table)
    events = read_dvs_gesture(tmp_path)
    found = events.load()
    assert found.y.tolist() == ["right hand wave", "other gestures"]
    assert found.events.duration == 4.001
    times, afferents, offsets = to_spike_list(found.events)
    assert offsets.tolist() == [0, 2, 4]
    np.testing.assert_allclose(times, [0.0, 0.5, 1.0, 4.0])
    assert afferents.tolist() == [(p * 128 + y) * 128 + x for x, y, p, _ in ADDRESSES]
    pooled = read_dvs_gesture(tmp_path / "user01_led.aedat", pool=4).load()
    expected = [(p * 32 + y // 4) * 32 + x // 4 for x, y, p, _ in ADDRESSES]
    assert to_spike_list(pooled.events).afferents.tolist() == expected
    (tmp_path / "user01_led_labels.csv").write_text("class,start\n2,1\n")
    with pytest.raises(ValueError, match=r"user01_led_labels\.csv must have the columns class, st"):
        read_dvs_gesture(tmp_path)
