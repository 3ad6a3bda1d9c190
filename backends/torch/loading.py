"""`Events` in a ``torch.utils.data.DataLoader``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from torch.utils.data._utils.collate import collate as collate_by_type
from torch.utils.data._utils.collate import default_collate_fn_map

from tempotron_core import Events

__all__ = ["collate"]


def collate(batch: Sequence[Any]) -> Any:
    """Join what a data set gives for each pattern, `Events` among it, to a batch.

    The ``collate_fn`` of a ``torch.utils.data.DataLoader``.  Events are themselves a data set, of
    their patterns, and ``torch.utils.data.StackDataset(events, labels)`` is one of pairs.

    Parameters
    ----------
    batch : sequence
        Of Events, or of tuples, dicts and whatever else torch collates, with Events in them.

    Returns
    -------
    Events, or what the elements are with Events for Events
        The patterns in their order; all else as ``torch.utils.data.default_collate`` has it.

    Raises
    ------
    TypeError, ValueError
        If Events are of different libraries, devices, afferents, durations or forms.

    Examples
    --------
    >>> import torch
    >>> from torch.utils.data import DataLoader, StackDataset
    >>> from tempotron_backends.torch import collate
    >>> from tempotron_core import Events
    >>> events = Events.from_latencies(50.0 * torch.rand(100, 20), duration=50.0)
    >>> data = StackDataset(events, torch.arange(100) % 3)
    >>> in_spikes, labels = next(iter(DataLoader(data, batch_size=32, collate_fn=collate)))
    >>> len(in_spikes), labels.shape
    (32, torch.Size([32]))
    """
    return collate_by_type(batch, collate_fn_map={Events: _joined, **default_collate_fn_map})


def _joined(batch: Sequence[Events], *, collate_fn_map: Any = None) -> Events:
    return type(batch[0]).concat(batch)
