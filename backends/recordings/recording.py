"""A recording: the spike train of each unit, in continuous time."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._backend import Backend
from ..interchange.host_arrays import host_array
from .cutting import cut
from .labelled import LabelledEvents
from .time_units import in_seconds
from .trials import Trials
from .unit_table import (
    checked_ids,
    checked_properties,
    checked_span,
    chosen_units,
    in_order,
    places_of,
)

__all__ = ["Recording"]

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]


@dataclass(frozen=True, eq=False, repr=False)
class Recording:
    """Units and their spikes; made by :meth:`from_trains`, :meth:`from_spikes` or a reader.

    Times of all units are kept together, in ascending order: a window is one stretch of them.

    Attributes
    ----------
    times : array, shape (E,)
        Spike times of all units, ascending, in seconds.
    units : integer array, shape (E,)
        For each spike the place of its unit in ``unit_ids``.
    unit_ids : array, shape (U,)
        Integers or strings, each once; a silent unit is one too.
    properties : dict of str to array, shape (U,)
        What else is known of each unit.
    span : tuple of float, or None
        Start and end, in seconds, where they are known; see `extent`.
    name : str
        For messages.
    """

    times: Floats
    units: Integers
    unit_ids: NDArray[Any]
    properties: dict[str, NDArray[Any]] = field(default_factory=dict)
    span: tuple[float, float] | None = None
    name: str = "recording"

    @classmethod
    def from_trains(
        cls,
        trains: Mapping[Any, Any] | Sequence[Any],
        *,
        time_unit: str,
        sampling_rate: float | None = None,
        unit_ids: Any = None,
        **options: Any,
    ) -> Recording:
        """Take one list of spike times per unit.

        Parameters
        ----------
        trains : mapping from unit id to array, or sequence of arrays
            Spike times of each unit, in any order, empty if it is silent.
        time_unit : {'s', 'ms', 'us', 'ns', 'samples'}
        sampling_rate : float, optional
            Samples per second, where times count samples.
        unit_ids : sequence of int or str, optional
            Of a sequence of trains; from 0 unless given.
        **options
            ``properties``, ``span`` and ``name``, as for :meth:`from_spikes`.

        Returns
        -------
        Recording
            With the errors and the warning of :meth:`from_spikes`.

        Examples
        --------
        >>> from tempotron_backends.recordings import Recording
        >>> Recording.from_trains({"a": [10.0, 25.0], "b": []}, time_unit="ms")
        Recording(2 units, 2 spikes, 0.01 to 0.025 s)
        """
        if isinstance(trains, Mapping):
            if unit_ids is not None:
                raise ValueError("unit_ids must be left out where trains name their units")
            unit_ids, trains = list(trains), list(trains.values())
        elif isinstance(trains, str) or not hasattr(trains, "__len__"):
            raise TypeError(
                f"trains must be a mapping or a sequence of spike times per unit, "
                f"got {type(trains).__name__}"
            )
        ids = checked_ids(np.arange(len(trains)) if unit_ids is None else unit_ids)
        if len(ids) != len(trains):
            raise ValueError(
                f"unit_ids must name each of the {len(trains)} trains, got {len(ids)} ids"
            )
        found = [
            in_seconds(f"trains[{unit!r}]", train, time_unit, sampling_rate)
            for unit, train in zip(ids.tolist(), trains, strict=True)
        ]
        units = np.repeat(np.arange(len(found)), [len(train) for train in found])
        times = np.concatenate([*found, np.zeros(0)])
        return cls.from_spikes(times, ids[units], time_unit="s", unit_ids=ids, **options)

    @classmethod
    def from_spikes(
        cls,
        times: Any,
        units: Any,
        *,
        time_unit: str,
        sampling_rate: float | None = None,
        unit_ids: Any = None,
        properties: Mapping[str, Any] | None = None,
        span: tuple[float, float] | None = None,
        name: str = "recording",
    ) -> Recording:
        """Take one time and one unit per spike, in any order.

        Parameters
        ----------
        times : array, shape (E,)
        units : array of int or str, shape (E,)
            The id of each spike's unit.
        time_unit : {'s', 'ms', 'us', 'ns', 'samples'}
        sampling_rate : float, optional
            Samples per second, where times count samples.
        unit_ids : sequence, optional
            Every unit there is, silent ones too; those that spike, sorted, unless given.
        properties : mapping from str to array of shape (U,), optional
            What else is known of the units, in the order of ``unit_ids``.
        span : tuple of float, optional
            Start and end of the recording, in seconds, if they are known.
        name : str, optional

        Returns
        -------
        Recording

        Raises
        ------
        TypeError
            If times are no real numbers, or ids neither integers nor strings.
        ValueError
            If lengths do not fit, a time is not finite, an id is missing or repeated.

        Warns
        -----
        RecordingWarning
            If spikes of a unit repeat its own at the same time: each is kept once.
        """
        seconds = in_seconds("times", times, time_unit, sampling_rate)
        of_spikes = host_array("units", units)
        if of_spikes.shape != seconds.shape:
            raise ValueError(
                f"units must have one entry per time, got shape {of_spikes.shape} "
                f"for {seconds.shape}"
            )
        ids = checked_ids(np.unique(of_spikes) if unit_ids is None else unit_ids)
        at = places_of("units", of_spikes, ids)
        return cls(
            *in_order(seconds, at, ids, name),
            ids,
            checked_properties(properties, len(ids)),
            checked_span(span),
            name,
        )

    @property
    def n_units(self) -> int:
        """Number of units, silent ones too."""
        return len(self.unit_ids)

    @property
    def counts(self) -> Integers:
        """Spikes of each unit, shape (U,)."""
        return np.bincount(self.units, minlength=self.n_units)

    @property
    def extent(self) -> tuple[float, float]:
        """Start and end, in seconds: the span, or the first and last spike if it is not known."""
        if self.span is not None:
            return self.span
        return (float(self.times[0]), float(self.times[-1])) if len(self.times) else (0.0, 0.0)

    @property
    def rates(self) -> Floats:
        """Spikes per second of each unit over the extent, shape (U,)."""
        length = self.extent[1] - self.extent[0]
        return self.counts / length if length > 0.0 else np.zeros(self.n_units)

    def __repr__(self) -> str:
        start, stop = self.extent
        return (
            f"Recording({self.n_units} units, {len(self.times)} spikes, {start:.6g} to "
            f"{stop:.6g} s)"
        )

    def train(self, unit_id: Any) -> Floats:
        """Return the spike times of one unit, in seconds; an error if there is no such unit."""
        place = places_of("unit_id", np.asarray([unit_id]), self.unit_ids)
        found: Floats = self.times[self.units == place]
        return found

    def select(self, units: Any) -> Recording:
        """Return a recording of some units.

        Parameters
        ----------
        units : boolean array of shape (U,), or sequence of unit ids
            ``recording.properties["group"] == "good"``, for example.

        Returns
        -------
        Recording
            With the units in the order they were named in; one at least.
        """
        chosen = chosen_units(units, self.unit_ids)
        place = np.full(self.n_units, -1)
        place[chosen] = np.arange(len(chosen))
        kept = place[self.units] >= 0
        return replace(
            self,
            times=self.times[kept],
            units=place[self.units[kept]],
            unit_ids=self.unit_ids[chosen],
            properties={key: values[chosen] for key, values in self.properties.items()},
        )

    def trials(
        self,
        trials: Trials,
        before: float = 0.0,
        after: float | None = None,
        *,
        unit: str = "ms",
        backend: Backend | None = None,
        dtype: Any = None,
        layout: str = "padded",
    ) -> LabelledEvents:
        """Cut a pattern out around the alignment of each trial.

        A window takes the spikes from its start to before its end.  Time 0 of a pattern is the
        start of its window; ``start`` of the result says when that is, counted from the alignment.
        Windows may overlap, and then share spikes; one without spikes is a pattern too.

        Parameters
        ----------
        trials : Trials
        before, after : float
            The window, in ``unit``: from so long before the alignment to so long after it.  A
            negative ``before`` lets it begin after the alignment.  Without ``after``, every trial
            ends where its own length does, and patterns are as long as the longest.
        unit : {'s', 'ms', 'us', 'ns'}, default 'ms'
            Of the window, and of the spike times and the duration of the patterns.
        backend : Backend, optional
            Where the events are to be; NumPy unless given.
        dtype : {'float32', 'float64'} or dtype, optional
            Of the spike times; the backend's default unless given.
        layout : {'padded', 'ragged', 'auto'}
            Of the events, as `tempotron_backends.interchange.from_spike_list` takes it.

        Returns
        -------
        LabelledEvents

        Raises
        ------
        TypeError, ValueError
            If ``trials`` are none, the window has no length, or a label is missing.

        Warns
        -----
        RecordingWarning
            If windows lie outside the recording, or reach beyond a span that is known.
        """
        if not isinstance(trials, Trials):
            raise TypeError(f"trials must be a Trials, got {type(trials).__name__}")
        return cut(
            self,
            trials,
            before,
            after,
            unit=unit,
            backend=backend,
            dtype=dtype,
            layout=layout,
        )
