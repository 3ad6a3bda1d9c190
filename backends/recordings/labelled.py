"""Patterns with a label, a trial and units each: what a decoder learns from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events

__all__ = ["LabelledEvents"]

Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class LabelledEvents:
    """Spike patterns of trials; made by ``recording.trials(...)`` or a reader.

    Attributes
    ----------
    events : Events
        B patterns; afferent i is the unit ``unit_ids[i]``.
    labels : integer array, shape (B,), or None
        The class of each pattern, from 0.
    classes : array, shape (C,), or None
        The labels that there are, sorted, as they were given.
    trial_ids : array, shape (B,)
    unit_ids : array, shape (U,)
    start : float
        When patterns begin, counted from the alignment of their trial.
    unit : str
        Of ``start`` and of the times and the duration of the events.
    columns : dict of str to array, shape (B,)
        What else is known of the trials.
    """

    events: Events
    labels: Integers | None
    classes: NDArray[Any] | None
    trial_ids: NDArray[Any]
    unit_ids: NDArray[Any]
    start: float = 0.0
    unit: str = "ms"
    columns: dict[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def y(self) -> NDArray[Any]:
        """The label of each pattern as it was given, shape (B,).

        Raises
        ------
        ValueError
            If the trials have no label.
        """
        if self.labels is None or self.classes is None:
            raise ValueError(
                "label must be one of the columns of the trials "
                f"({', '.join(self.columns) or 'there are none'}), got none"
            )
        found: NDArray[Any] = self.classes[self.labels]
        return found

    @property
    def class_names(self) -> list[str]:
        """The classes as text."""
        classes = [] if self.classes is None else self.classes.tolist()
        return [f"{each:g}" if isinstance(each, float) else str(each) for each in classes]

    @property
    def shape(self) -> tuple[int, int]:
        """Patterns and units."""
        return len(self), self.events.n_afferents

    def __len__(self) -> int:
        return len(self.events)

    def __repr__(self) -> str:
        labels = "no labels"
        if self.labels is not None:
            labels = f"{len(self.class_names)} classes"
        stop = self.start + self.events.duration
        return (
            f"LabelledEvents({len(self)} trials, {self.events.n_afferents} units, {labels}, "
            f"{self.events.n_spikes} spikes, {self.start:g} to {stop:g} {self.unit})"
        )

    def __getitem__(self, chosen: Any) -> LabelledEvents:
        """Return some of the patterns, as `Events` selects them; always a batch."""
        if isinstance(chosen, tuple) and len(chosen) == 2 and chosen[1] is Ellipsis:
            chosen = chosen[0]  # as scikit-learn selects the rows of a table
        if isinstance(chosen, np.integer | int) and not isinstance(chosen, bool):
            chosen = [int(chosen)]
        events = self.events[chosen]
        index = np.arange(len(self))[chosen]
        return LabelledEvents(
            events,
            None if self.labels is None else self.labels[index],
            self.classes,
            self.trial_ids[index],
            self.unit_ids,
            self.start,
            self.unit,
            {key: values[index] for key, values in self.columns.items()},
        )

    @classmethod
    def concat(cls, parts: Sequence[LabelledEvents]) -> LabelledEvents:
        """Join patterns of the same units, window and classes.

        Raises
        ------
        ValueError
            If there is nothing to join, or they differ.
        """
        if not parts:
            raise ValueError("parts must hold at least one LabelledEvents, got none")
        first = parts[0]
        for part in parts[1:]:
            for name in ("unit_ids", "classes", "start", "unit"):
                mine, its = getattr(first, name), getattr(part, name)
                if not np.array_equal(mine, its):
                    raise ValueError(f"parts must agree in {name}, got {mine} and {its}")
        labels = None
        if first.labels is not None:
            labels = np.concatenate([part.labels for part in parts if part.labels is not None])
        return cls(
            type(first.events).concat([part.events for part in parts]),
            labels,
            first.classes,
            np.concatenate([part.trial_ids for part in parts]),
            first.unit_ids,
            first.start,
            first.unit,
            {
                key: np.concatenate([part.columns[key] for part in parts])
                for key in first.columns
                if all(key in part.columns for part in parts)
            },
        )
