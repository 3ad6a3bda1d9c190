"""Events through a DataLoader."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

from torch.utils.data import DataLoader, StackDataset  # noqa: E402

from tempotron_backends.torch import ExactTempotron, collate  # noqa: E402
from tempotron_core import Events  # noqa: E402

TIMES = torch.arange(30, dtype=torch.float32).reshape(10, 3)
EVENTS = Events.from_latencies(TIMES, 50.0)
LABELS = torch.arange(10) % 2


def test_events_are_a_data_set():
    batches = list(DataLoader(EVENTS, batch_size=4, collate_fn=collate))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    torch.testing.assert_close(Events.concat(batches).to_latencies(), TIMES)
    v_max = ExactTempotron(3, 2, 50.0, ret_type="v_max")(batches[0])
    assert v_max.shape == (4, 2)


def test_beside_labels_and_in_dicts():
    pairs = DataLoader(StackDataset(EVENTS, LABELS), batch_size=4, collate_fn=collate)
    for start, (events, labels) in zip((0, 4, 8), pairs, strict=True):
        torch.testing.assert_close(events.to_latencies(), TIMES[start : start + 4])
        torch.testing.assert_close(labels, LABELS[start : start + 4])
    named = DataLoader(StackDataset(spikes=EVENTS, label=LABELS), batch_size=10, collate_fn=collate)
    (batch,) = named
    torch.testing.assert_close(batch["spikes"].to_latencies(), TIMES)
    assert batch["label"].shape == (10,)


def test_what_does_not_fit_together():
    other = Events.from_latencies(TIMES, 60.0)
    with pytest.raises(ValueError, match=r"parts must agree in duration, got 50.0 and 60.0"):
        collate([EVENTS[0], other[0]])
