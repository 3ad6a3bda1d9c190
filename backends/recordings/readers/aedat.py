"""AEDAT 2 and 3.1: address events of a camera, as jAER and cAER write them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from .libraries import existing

__all__ = ["AddressEvents", "read_aedat"]

Integers = NDArray[np.int64]

PACKET = np.dtype(
    [("type", "<i2"), ("source", "<i2")]
    + [(name, "<i4") for name in ("size", "offset", "overflow", "capacity", "number", "valid")]
)
POLARITY = 1
"""The type of the packets whose events are changes of brightness."""


class AddressEvents(NamedTuple):
    """Events of a camera, in the order of the file.

    Attributes
    ----------
    t : integer array, shape (E,)
        Microseconds.
    x, y, polarity : integer array, shape (E,)
    """

    t: Integers
    x: Integers
    y: Integers
    polarity: Integers


def read_aedat(path: str | os.PathLike[str]) -> AddressEvents:
    """Read the changes of brightness of an AEDAT file.

    Parameters
    ----------
    path : path
        Of version 2, of a DVS128, or of version 3.1, of any camera.

    Returns
    -------
    AddressEvents
        Valid ones only.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is of another version or camera, or truncated.
    """
    file = existing(path, "an AEDAT file")
    raw = file.read_bytes()
    version, chip, start = _header(raw, file)
    if version == "2.0":
        return _version_2(raw, start, chip, file)
    if version == "3.1":
        return _version_3(raw, start, file)
    raise ValueError(
        f"path must be an AEDAT file of version 2.0 or 3.1, got {version} in {str(path)!r}"
    )


def _header(raw: bytes, file: Path) -> tuple[str, str, int]:
    """Return the version, the camera, and where the events begin."""
    match = re.match(rb"#!AER-DAT(\d\.\d)\r?\n", raw)
    if match is None:
        raise ValueError(f"path must be an AEDAT file, got {str(file)!r} without its first line")
    version, chip, start = match[1].decode(), "", match.end()
    if version == "3.1":
        end = re.compile(rb"^#!END-HEADER\r?\n", re.MULTILINE).search(raw)
        if end is None:
            raise ValueError(f"path must have a header that ends, got {str(file)!r}")
        return version, chip, end.end()
    while raw[start : start + 1] == b"#" and (end_of_line := raw.find(b"\n", start)) >= 0:
        line = raw[start:end_of_line].decode("latin-1")
        if "AEChip:" in line:
            chip = line.partition("AEChip:")[2].strip()
        start = end_of_line + 1
    return version, chip, start


def _version_2(raw: bytes, start: int, chip: str, file: Path) -> AddressEvents:
    if chip and "DVS128" not in chip.upper():
        raise ValueError(f"path must be of a DVS128 in version 2.0, got {chip} in {str(file)!r}")
    if (len(raw) - start) % 8:
        raise ValueError(
            f"{str(file)!r} must hold events of 8 bytes, got {len(raw) - start} bytes: it is "
            f"truncated"
        )
    words = np.frombuffer(raw, dtype=">u4", offset=start).reshape(-1, 2).astype(np.int64)
    address, t = words[:, 0], words[:, 1]
    seen = (address >> 15) == 0  # the others are of no pixel
    address, t = address[seen], t[seen]
    return AddressEvents(t, (address >> 1) & 127, (address >> 8) & 127, address & 1)


def _version_3(raw: bytes, start: int, file: Path) -> AddressEvents:
    parts: list[Any] = [np.zeros((0, 2), dtype=np.int64)]
    while start < len(raw):
        if start + PACKET.itemsize > len(raw):
            raise ValueError(f"{str(file)!r} must end with a whole packet: it is truncated")
        head = np.frombuffer(raw, dtype=PACKET, count=1, offset=start)[0]
        start += PACKET.itemsize
        length = int(head["size"]) * int(head["capacity"])
        if min(head["size"], head["capacity"], head["number"]) < 0 or (
            head["number"] > head["capacity"]
        ):
            raise ValueError(f"{str(file)!r} must have packets of possible sizes: it is damaged")
        if start + length > len(raw):
            raise ValueError(f"{str(file)!r} must end with a whole packet: it is truncated")
        if head["type"] == POLARITY:
            if head["size"] != 8:
                raise ValueError(
                    f"{str(file)!r} must have events of 8 bytes, got {head['size']}: it is damaged"
                )
            count = int(head["number"])
            words = np.frombuffer(raw, dtype="<u4", count=2 * count, offset=start)
            words = words.reshape(-1, 2).astype(np.int64)
            words[:, 1] += int(head["overflow"]) << 31
            parts.append(words)
        start += length
    data, t = np.concatenate(parts).T
    valid = (data & 1) == 1
    data, t = data[valid], t[valid]
    return AddressEvents(t, data >> 17, (data >> 2) & 0x7FFF, (data >> 1) & 1)
