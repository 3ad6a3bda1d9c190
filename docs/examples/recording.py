"""
From an NWB file to a decoder
=============================

A session of sorted units is cut into trials, a decoder is trained on some of
them, and on the others it is asked which stimulus it was, which units told it,
and when. The session is simulated, so that the answer is known: forty units fire
as often for one stimulus as for the other, and eight of them at a latency that
tells the two apart. With a recording of head direction in
``TEMPOTRON_RECORDING``, the last figure decodes that.
"""

import os
import tempfile
from datetime import UTC, datetime
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pynwb

from tempotron_backends import plotting
from tempotron_backends.recordings import Trials, latency_session, read_nwb
from tempotron_backends.sklearn import TempotronClassifier
from tempotron_backends.sklearn.explaining import (
    class_potentials,
    importance_map,
    unit_importance,
)

# %%
# A session as pynwb writes it
# ----------------------------
rng = np.random.default_rng(0)
drawn, informative = latency_session(
    rng, n_units=40, n_trials=240, n_stimuli=2, n_informative=8
)
file = pynwb.NWBFile("simulated", "gallery", datetime(2024, 1, 1, tzinfo=UTC))
for unit in range(40):
    file.add_unit(spike_times=drawn.recording.train(unit))
file.add_trial_column("stimulus", "what was shown")
for start, stimulus in zip(
    drawn.trials.align, drawn.trials.columns["stimulus"], strict=True
):
    name = "grating" if stimulus else "flash"
    file.add_trial(start_time=start, stop_time=start + 0.3, stimulus=name)
folder = tempfile.TemporaryDirectory()
path = Path(folder.name) / "session.nwb"
with pynwb.NWBHDF5IO(path, "w") as io:
    io.write(file)

# %%
# Read, cut, train
# ----------------
session = read_nwb(path, label="stimulus")
trials = session.cut(before=50, after=300)
train, test = trials[:180], trials[180:]
decoder = TempotronClassifier(epochs=30, random_state=0).fit(train)
accuracy = decoder.score(test, test.y)

# %%
# What it has learned
# -------------------
# Blue adds to the margin, by which the value of the right class lies above the
# other's. Bars in orange are those of the units that were drawn to be informative.
units = unit_importance(decoder, test, how="leave_out")
t, v = class_potentials(decoder, test)
edges, importance = importance_map(decoder, test, width=20.0)
best = int(np.argmax(units))
order = np.argsort(-np.abs(importance).sum(axis=1))[:12]

with plt.rc_context(plotting.STYLE):
    figure, axes = plt.subplots(2, 2, figsize=(9.6, 7.0), layout="constrained")
    named = {"names": trials.class_names, "start": trials.start}
    plotting.trial_raster(
        axes[0, 0],
        test.events,
        test.labels,
        unit=best,
        title=f"Unit {best}, {accuracy:.0%} of {len(test)} trials decoded",
        **named,
    )
    plotting.class_potentials(
        axes[0, 1],
        t,
        v[:, 1],
        test.labels,
        title=f"Potential of the neuron of {trials.class_names[1]!r}",
        **named,
    )
    plotting.unit_bars(axes[1, 0], units, most=12, marked=informative)
    plotting.importance_map(
        axes[1, 1], edges, importance[order], names=order, start=trials.start
    )
plt.show()

# %%
# Head direction
# --------------
# A recording from the thalamus and the hippocampus of a mouse that looks around:
# seven head-direction cells among fifteen units. Windows of 200 ms, eight sectors,
# held out in blocks of time. On the recording that comes with pynapple's tests,
# 76.3 % of the windows are decoded right (a logistic regression on counts: 76.9 %)
# and 99.0 % within one sector (99.2 %); the seven units that matter most are the
# seven head-direction cells. Without the file, nothing is drawn.
real = os.environ.get("TEMPOTRON_RECORDING")
if real:
    with pynwb.NWBHDF5IO(real, "r") as io:
        angle = next(o for o in io.read().objects.values() if o.name == "ry")
        at, direction = np.asarray(angle.timestamps[:]), np.asarray(angle.data[:])
    onset = np.arange(at[0], at[-1] - 0.2, 0.2)
    now = direction[np.searchsorted(at, onset + 0.1)]
    sector = np.floor(now / (2.0 * np.pi) * 8.0).astype(int) % 8
    recording = read_nwb(real).recording
    windows = recording.trials(
        Trials.from_arrays(onset, sector, time_unit="s"), after=200
    )
    fold = np.arange(len(windows)) * 20 // len(windows) % 5
    predicted, matters = (
        np.empty(len(windows), dtype=int),
        np.zeros(recording.n_units),
    )
    for held_out in range(5):
        rest, chosen = windows[fold != held_out], windows[fold == held_out]
        decoder = TempotronClassifier(epochs=20, random_state=0).fit(rest)
        predicted[fold == held_out] = decoder.predict(chosen)
        matters += unit_importance(decoder, chosen, how="leave_out") / 5.0
    with plt.rc_context(plotting.STYLE):
        figure, axes = plt.subplots(1, 2, figsize=(9.6, 4.4), layout="constrained")
        plotting.confusion_matrix(axes[0], (sector, predicted), title="Sectors")
        cells = np.flatnonzero(recording.properties["location"] != "ca1")
        plotting.unit_bars(axes[1], matters, marked=cells)
    plt.show()

folder.cleanup()
