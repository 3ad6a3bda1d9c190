"""A ``.npy`` file that grows, with the memory of one part."""

from __future__ import annotations

import os
import zlib
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["Column"]


HEADER_BYTES = 128
"""Of every file; leaves room for any number of entries."""


class Column:
    """A growing ``.npy`` file of one axis; its header is written again with the final length."""

    def __init__(self, folder: Path, name: str, dtype: np.dtype[Any]) -> None:
        self.file = open(folder / f"{name}.npy", "xb")  # noqa: SIM115 (closed by `finish`)
        self.dtype, self.length, self.checksum = dtype, 0, 0
        self._write_header()

    def append(self, values: NDArray[Any]) -> None:
        """Add entries."""
        block = np.ascontiguousarray(values, dtype=self.dtype)
        self.file.write(block.data)
        self.length += len(block)
        self.checksum = zlib.crc32(block.data, self.checksum)

    def finish(self) -> int:
        """Complete the file and return its checksum."""
        self.file.seek(0)
        self._write_header()
        self.file.flush()
        os.fsync(self.file.fileno())
        self.file.close()
        return self.checksum

    def _write_header(self) -> None:
        """Version 1.0 of the format, padded to a fixed length."""
        text = (
            f"{{'descr': {self.dtype.str!r}, 'fortran_order': False, 'shape': ({self.length},), }}"
        )
        room = HEADER_BYTES - 10
        start = b"\x93NUMPY\x01\x00" + room.to_bytes(2, "little")
        self.file.write(start + text.ljust(room - 1).encode("ascii") + b"\n")
