"""Address events of sensors to `Events`: structured arrays, as Tonic's data sets hold them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core import Events
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.arrays.plain import check_plain

from .._backend import Backend
from .host_arrays import refuse_nan
from .placement import joined, place

__all__ = ["from_records"]

NANOSECONDS = {"ns": 1, "us": 10**3, "ms": 10**6, "s": 10**9}


def from_records(
    records: Any,
    sensor_size: Sequence[int],
    duration: float,
    *,
    time_unit: str = "us",
    unit: str = "ms",
    start: float | str = 0,
    backend: Backend | None = None,
    dtype: Any = None,
) -> Events:
    """Read address events of a sensor: structured arrays such as Tonic's data sets hold.

    The pixel (x, y) of polarity p is afferent ``(p * height + y) * width + x``, as in a frame
    [polarity, height, width] read row by row.

    Parameters
    ----------
    records : structured array of one axis, or sequence of them
        One recording per pattern, with the fields ``t``, ``x``, and where the sensor has several
        rows or polarities ``y`` and ``p``, in any order and of any integer type (``t`` may be
        real, ``p`` boolean).  Events may be in any order.
    sensor_size : (width, height, polarities)
        With one polarity all events count alike, whatever their ``p``.
    duration : float
        Length of a pattern in ``unit``; events after it are left out.
    time_unit, unit : {'ns', 'us', 'ms', 's'}
        Unit of ``t``, and of the spike times and the duration.
    start : number or 'first', default 0
        The moment, in ``time_unit``, that becomes time 0; events before it are left out.  With
        ``'first'``, every recording begins at its own first event.
    backend : Backend, optional
        Where the events are to be; NumPy unless given.
    dtype : {'float32', 'float64'} or dtype, optional
        Of the spike times; the backend's default unless given.

    Returns
    -------
    Events
        In CSR layout, with ``width * height * polarities`` afferents.

    Raises
    ------
    TypeError
        If a recording is no structured array or a field has the wrong type.
    ValueError
        If a field is missing or out of range, a unit is unknown, or a time is NaN.
    """
    for name, value in (("time_unit", time_unit), ("unit", unit)):
        if value not in tuple(NANOSECONDS):
            raise ValueError(f"{name} must be one of {', '.join(NANOSECONDS)}, got {value!r}")
    try:
        width, height, polarities = sensor_size
    except (TypeError, ValueError):
        raise ValueError(
            f"sensor_size must be (width, height, polarities), got {sensor_size!r}"
        ) from None
    limits = {
        name: whole_number(f"sensor_size {what}", size)
        for name, what, size in (
            ("x", "width", width),
            ("y", "height", height),
            ("p", "polarities", polarities),
        )
    }
    whole = whole_number("the product of sensor_size", limits["x"] * limits["y"] * limits["p"])
    start = _moment(start)
    if isinstance(records, np.ndarray):
        records = [records]
    elif not isinstance(records, Iterable):
        raise TypeError(
            f"records must be a structured array or a sequence of them, got "
            f"{type(records).__name__}"
        )
    times, afferents, lengths = [], [], [0]
    for i, record in enumerate(records):
        name = f"records[{i}]"
        times.append(_times(name, record, start, NANOSECONDS[time_unit], NANOSECONDS[unit]))
        afferent = np.zeros(len(record), dtype=np.int64)
        for field in ("p", "y", "x"):
            afferent = afferent * limits[field] + _address(name, record, field, limits[field])
        afferents.append(afferent)
        lengths.append(len(record))
    return place(
        joined(times),
        np.concatenate([np.zeros(0, dtype=np.int64), *afferents]),
        np.cumsum(lengths),
        whole,
        duration,
        backend,
        dtype,
    )


def _field(name: str, record: Any, field: str, kinds: str) -> NDArray[Any]:
    """Return a field of a recording, checked to be there and of one of the kinds of dtype."""
    check_plain(name, record)
    if not isinstance(record, np.ndarray) or record.dtype.names is None:
        kind = getattr(record, "dtype", type(record).__name__)
        raise TypeError(f"{name} must be a structured array with fields t, x, y, p, got {kind}")
    if record.ndim != 1:
        raise ValueError(f"{name} must have one axis, got shape {record.shape}")
    if field not in record.dtype.names:
        raise ValueError(f"{name} must have a field {field!r}, got {record.dtype.names}")
    values: NDArray[Any] = record[field]
    if values.dtype.kind not in kinds or values.ndim != 1:
        expected = "real numbers" if "f" in kinds else "integers"
        raise TypeError(f"{name}[{field!r}] must hold {expected}, got {record.dtype[field]}")
    return values


def _moment(start: Any) -> int | float | str:
    """Return the moment of time 0, as an int where it is whole: clocks may have many digits."""
    if isinstance(start, str) and start == "first":
        return start
    if isinstance(start, Integral):
        return int(start)
    if not (isinstance(start, Real) and math.isfinite(start)):
        raise ValueError(f"start must be a finite number or 'first', got {start!r}")
    number = float(start)
    return int(number) if number.is_integer() else number


def _times(
    name: str, record: Any, start: int | float | str, from_unit: int, to_unit: int
) -> NDArray[np.float64]:
    """Return spike times; integers are shifted before they are rounded to floats."""
    times = _field(name, record, "t", "iuf")
    if times.dtype.kind == "u":
        if times.size and times.max() > np.iinfo(np.int64).max:
            raise ValueError(f"{name}['t'] must fit int64, got {times.max()}")
        times = times.astype(np.int64)
    elif times.dtype.kind == "i":
        times = times.astype(np.int64)  # narrow ones would wrap around
    refuse_nan(f"{name}['t']", times)
    integer = times.dtype.kind == "i"
    finite = times if integer else times[np.isfinite(times)]  # where there are spikes
    if finite.size:
        first, last = finite.min(), finite.max()
        zero = first if isinstance(start, str) else start
        whole = integer and isinstance(zero, Integral)
        fits = whole and all(abs(int(number)) < 2**62 for number in (first, last, zero))
        times = times - zero if fits else times.astype(np.float64) - float(zero)
    shifted = times.astype(np.float64)
    if from_unit >= to_unit:
        return shifted * float(from_unit // to_unit)
    return shifted / float(to_unit // from_unit)  # rounded once, as times 0.001 would not be


def _address(name: str, record: Any, field: str, limit: int) -> NDArray[np.int64]:
    """Return one coordinate of the addresses, checked; 0 where the sensor has but one value."""
    if limit == 1 and (field == "p" or (field == "y" and "y" not in record.dtype.names)):
        return np.zeros(len(record), dtype=np.int64)
    values = _field(name, record, field, "iub" if field == "p" else "iu")
    if values.size and (values.min() < 0 or values.max() >= limit):
        raise ValueError(
            f"{name}[{field!r}] must be from 0 to {limit - 1} for that sensor_size, "
            f"got {values.min()} to {values.max()}"
        )
    return values.astype(np.int64)
