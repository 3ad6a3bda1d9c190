"""The small files of the pages in docs/recordings, and what the command line says of them.

    python docs/formats.py

Each file is written by the library of its format, or where there is none that writes it byte by
byte.  The pages' examples and commands run in a folder with it; this program runs the commands anew
and puts what they print into the pages.
"""

from __future__ import annotations

import contextlib
import io
import os
import re
import shlex
import struct
import sys
import tempfile
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from tempotron_backends.recordings import Session, latency_session

PAGES = Path(__file__).parent / "recordings"
N_UNITS, N_TRIALS = 12, 80
N_PATTERNS, SENSOR = 40, 8


def session() -> Session:
    """Twelve units, of which six tell two stimuli apart by their latency."""
    rng = np.random.default_rng(0)
    return latency_session(
        rng, n_units=N_UNITS, n_trials=N_TRIALS, n_stimuli=2, n_informative=6
    )[0]


def moments() -> dict[str, Any]:
    """When trials begin, and what was shown in them."""
    trials = session().trials
    names = np.where(trials.columns["stimulus"] == 1, "grating", "flash")
    return {"onset": trials.align, "stimulus": names}


def write_moments(folder: Path) -> None:
    """A table of them."""
    lines = [f"{t:.6f},{s}" for t, s in zip(*moments().values(), strict=True)]
    (folder / "trials.csv").write_text(
        "\n".join(["start_time,stimulus", *lines]) + "\n"
    )


def nwb(folder: Path) -> dict[str, Any]:
    import pynwb

    file = pynwb.NWBFile("simulated", "docs", datetime(2024, 1, 1, tzinfo=UTC))
    for unit in range(N_UNITS):
        file.add_unit(spike_times=session().recording.train(unit))
    file.add_trial_column("stimulus", "what was shown")
    for start, name in zip(*moments().values(), strict=True):
        file.add_trial(start_time=start, stop_time=start + 0.3, stimulus=str(name))
    with pynwb.NWBHDF5IO(str(folder / "session.nwb"), "w") as out:
        out.write(file)
    return {}


def phy(folder: Path) -> dict[str, Any]:
    """In the layout that Kilosort and Phy write with NumPy."""
    recording = session().recording
    (folder / "sorted").mkdir()
    samples = np.round(recording.times * 30_000).astype(np.int64)
    samples, units = np.unique([samples, recording.units], axis=1)
    np.save(folder / "sorted" / "spike_times.npy", samples[:, None])
    np.save(folder / "sorted" / "spike_clusters.npy", units.astype(np.int32))
    (folder / "sorted" / "params.py").write_text("sample_rate = 30000.\n")
    groups = "".join(
        f"{unit}\t{'mua' if unit == 11 else 'good'}\n" for unit in range(N_UNITS)
    )
    (folder / "sorted" / "cluster_group.tsv").write_text(
        f"cluster_id\tgroup\n{groups}"
    )
    write_moments(folder)
    return moments()


def spikeinterface(folder: Path) -> dict[str, Any]:
    import spikeinterface.core as si

    recording = session().recording
    samples = {
        f"unit {unit}": np.unique(
            np.round(recording.train(unit) * 30_000).astype(np.int64)
        )
        for unit in range(N_UNITS)
    }
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # that where the sorting came from is not saved
        si.NumpySorting.from_unit_dict(samples, 30_000.0).save(
            folder=folder / "sorting"
        )
    return {"sorting": si.load(folder / "sorting")} | moments()


def pynapple(folder: Path) -> dict[str, Any]:
    import pynapple as nap

    recording, given = session().recording, moments()
    units = nap.TsGroup(
        {unit: nap.Ts(recording.train(unit)) for unit in range(N_UNITS)},
        time_support=nap.IntervalSet(0.0, 60.0),
    )
    units.save(str(folder / "units.npz"))
    write_moments(folder)
    end = given["onset"] + 0.3
    shown = nap.IntervalSet(
        given["onset"], end, metadata={"stimulus": given["stimulus"]}
    )
    return {"units": units, "shown": shown}


def neo(folder: Path) -> dict[str, Any]:  # noqa: ARG001 (an object, not a file)
    import neo

    recording, given = session().recording, moments()
    segment = neo.Segment()
    for unit in range(N_UNITS):
        train = neo.SpikeTrain(
            recording.train(unit), t_stop=120.0, units="s", name=f"unit {unit}"
        )
        segment.spiketrains.append(train)
    segment.events.append(
        neo.Event(
            given["onset"], labels=given["stimulus"], units="s", name="stimulus"
        )
    )
    return {"segment": segment}


def dataframe(folder: Path) -> dict[str, Any]:
    import pandas as pd

    recording = session().recording
    table = pd.DataFrame({"time": recording.times.round(6), "unit": recording.units})
    table.to_csv(folder / "spikes.csv", index=False)
    write_moments(folder)
    names = {"spikes": "spikes.csv", "shown": "trials.csv"}
    return {name: pd.read_csv(folder / file) for name, file in names.items()}


def matlab(folder: Path) -> dict[str, Any]:
    from scipy.io import savemat

    trains = session().cut(after=300.0).events.to_trains()
    cells = np.empty((N_TRIALS, N_UNITS), dtype=object)
    for place in np.ndindex(cells.shape):
        cells[place] = trains[place][np.isfinite(trains[place])]
    names = np.empty(N_TRIALS, dtype=object)
    names[:] = moments()["stimulus"].tolist()
    savemat(folder / "session.mat", {"spikes": cells, "stimulus": names})
    return {}


def patterns(n_afferents: int) -> list[tuple[Any, Any]]:
    """Times in seconds, sorted, and afferents: forty fire, in odd patterns the one half later."""
    rng, found = np.random.default_rng(0), []
    afferents = np.arange(40) * n_afferents // 40
    for pattern in range(N_PATTERNS):
        late = (np.arange(40) < 20) == (pattern % 2 == 1)
        times = 0.05 + 0.05 * late + rng.uniform(0.0, 0.02, 40)
        order = np.argsort(times)
        found.append((times[order], afferents[order]))
    return found


def heidelberg(folder: Path) -> dict[str, Any]:
    import h5py

    with h5py.File(folder / "shd.h5", "w") as file:
        for place, (name, kind) in enumerate(
            (("times", np.float16), ("units", np.uint16))
        ):
            ragged = file.create_dataset(
                f"spikes/{name}", N_PATTERNS, h5py.vlen_dtype(kind)
            )
            for number, pattern in enumerate(patterns(700)):
                ragged[number] = pattern[place].astype(kind)
        file["labels"] = np.arange(N_PATTERNS) % 2
    return {}


def nmnist(folder: Path) -> dict[str, Any]:
    """Five bytes an event: x, y, and polarity with 23 bits of microseconds."""
    for number, (times, afferents) in enumerate(patterns(2 * SENSOR**2)):
        label = folder / "Train" / str(number % 2)
        label.mkdir(parents=True, exist_ok=True)
        polarity, pixel = np.divmod(afferents, SENSOR**2)
        microseconds = np.round(times * 1e6).astype(int)
        content = b"".join(
            bytes([p % SENSOR, p // SENSOR])
            + ((int(on) << 23) | int(t)).to_bytes(3, "big")
            for p, on, t in zip(pixel, polarity, microseconds, strict=True)
        )
        (label / f"{number:05}.bin").write_bytes(content)
    return {}


def aedat(folder: Path) -> dict[str, Any]:
    """One packet of polarity events of AEDAT 3.1: a header of 28 bytes, 8 bytes an event."""
    (folder / "DvsGesture").mkdir()
    events, table = [], ["class,startTime_usec,endTime_usec"]
    for number, (times, afferents) in enumerate(patterns(2 * SENSOR**2)):
        start = 200_000 * number
        polarity, pixel = np.divmod(afferents, SENSOR**2)
        for t, p, on in zip(
            np.round(times * 1e6).astype(int), pixel, polarity, strict=True
        ):
            x, y = int(p % SENSOR), int(p // SENSOR)
            events.append(
                struct.pack(
                    "<II", (x << 17) | (y << 2) | (int(on) << 1) | 1, start + t
                )
            )
        table.append(f"{1 + number % 2},{start},{start + 150_000}")
    count = len(events)
    header = struct.pack("<hhiiiiii", 1, 1, 8, 4, 0, count, count, count)
    about = b"#!AER-DAT3.1\r\n#Format: RAW\r\n#Source 1: DVS128\r\n#!END-HEADER\r\n"
    path = folder / "DvsGesture" / "user01_led.aedat"
    path.write_bytes(about + header + b"".join(events))
    path.with_name("user01_led_labels.csv").write_text("\n".join(table) + "\n")
    return {}


WRITERS: dict[str, Callable[[Path], dict[str, Any]]] = {
    "nwb": nwb,
    "phy": phy,
    "spikeinterface": spikeinterface,
    "pynapple": pynapple,
    "neo": neo,
    "dataframe": dataframe,
    "matlab": matlab,
    "heidelberg": heidelberg,
    "nmnist": nmnist,
    "aedat": aedat,
}
"""For each page, what puts its file into a folder and returns what its example has at hand."""


def example(page: str) -> str:
    """Return the program of a page."""
    text = (PAGES / f"{page}.md").read_text(encoding="utf-8")
    return "".join(
        re.findall(r"^```python\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)
    )


def said(command: str) -> str:
    """Run a command of the page in the current folder, and return what it prints."""
    from tempotron_backends.cli.command import main

    out = io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(io.StringIO()):
        code = main(shlex.split(command.replace("\\\n", " "))[1:])
    if code:
        raise RuntimeError(f"{command!r} failed")
    return out.getvalue()


COMMAND = re.compile(
    r"^\$ (tempotron (?:[^\n]*\\\n)*[^\n]*\n)((?:(?!\$ |```).*\n)*)", re.MULTILINE
)
"""A command in a page, which may go on over lines, and what it printed."""


def main() -> None:
    """Run the commands of all pages, or of those that are named."""
    chosen = sys.argv[1:] or list(WRITERS)
    for page in chosen:
        path = PAGES / f"{page}.md"
        with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
            exec(compile(example(page), page, "exec"), WRITERS[page](Path(folder)))
            text = COMMAND.sub(
                lambda found: f"$ {found[1]}{said(found[1])}",
                path.read_text(encoding="utf-8"),
            )
        path.write_text(text, encoding="utf-8")
        print(
            f"{page}: {len(COMMAND.findall(text))} commands in {os.path.relpath(path)}"
        )


if __name__ == "__main__":
    main()
