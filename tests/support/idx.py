"""Writer of IDX files and small folders in MNIST's layout, for tests."""

from __future__ import annotations

import gzip
from pathlib import Path
from typing import Any

import numpy as np

CODES = {"uint8": 8, "int8": 9, "int16": 11, "int32": 12, "float32": 13, "float64": 14}


def idx_bytes(array: Any) -> bytes:
    """An array in IDX format."""
    array = np.asarray(array)
    magic = bytes([0, 0, CODES[array.dtype.name], array.ndim])
    sizes = np.asarray(array.shape, dtype=">u4").tobytes()
    return magic + sizes + array.astype(array.dtype.newbyteorder(">")).tobytes()


def small_images(n: int = 60, n_classes: int = 3, seed: int = 0) -> tuple[Any, Any]:
    """Images of 5 x 4 pixels with a bright row that tells the class, and their labels."""
    rng = np.random.default_rng(seed)
    labels = np.arange(n) % n_classes
    images = rng.integers(0, 90, (n, 5, 4))
    images[np.arange(n), labels] += 150
    return images.astype(np.uint8), labels.astype(np.uint8)


def write_folder(
    folder: Path, *, zipped: bool = False, parts: tuple[str, ...] = ("train",), n: int = 60
) -> None:
    """Write image and label files for each part."""
    folder.mkdir(parents=True, exist_ok=True)
    for seed, part in enumerate(parts):
        images, labels = small_images(n, seed=seed)
        for kind, array in (("images-idx3", images), ("labels-idx1", labels)):
            content = idx_bytes(array)
            path = folder / f"{part}-{kind}-ubyte{'.gz' if zipped else ''}"
            path.write_bytes(gzip.compress(content) if zipped else content)
