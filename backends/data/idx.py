"""IDX files, the format of MNIST's images and labels, and folders of them."""

from __future__ import annotations

import contextlib
import gzip
import io
import math
import os
import zlib
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from .dataset import Dataset

__all__ = ["GZIP", "load_idx_folder", "read_idx", "read_idx_bytes"]

GZIP = b"\x1f\x8b"
"""How a file that gzip has compressed begins."""

PathLike = str | os.PathLike[str]

IDX_TYPES = {0x08: ">u1", 0x09: ">i1", 0x0B: ">i2", 0x0C: ">i4", 0x0D: ">f4", 0x0E: ">f8"}
"""Element types by the third byte of an IDX file's magic number."""


def read_idx(path: PathLike) -> NDArray[Any]:
    """Read one array in IDX format, gzipped or not (judged by content, not by name).

    Parameters
    ----------
    path : path

    Returns
    -------
    array
        Of the shape and element type the file states.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged or not in IDX format; the message names it and what is wrong.
    """
    path = Path(path)
    if path.exists() and not path.is_file():
        raise ValueError(f"{str(path)!r} must be a file in IDX format, got no regular file")
    try:
        with path.open("rb") as raw:
            return _read_idx(raw, repr(str(path)))
    except FileNotFoundError:
        raise FileNotFoundError(f"no file {str(path)!r}") from None


def read_idx_bytes(content: bytes, name: str) -> NDArray[Any]:
    """Read an array in IDX format, as `read_idx` does, from bytes that errors call ``name``."""
    return _read_idx(io.BytesIO(content), name)


def _read_idx(raw: BinaryIO, name: str) -> NDArray[Any]:
    """Read an array from a file that is open at its beginning."""
    try:
        zipped = raw.read(2) == GZIP
        raw.seek(0)
        with gzip.open(raw, "rb") if zipped else contextlib.nullcontext(raw) as file:
            magic = file.read(4)
            if len(magic) < 4 or magic[:2] != b"\0\0" or magic[2] not in IDX_TYPES or not magic[3]:
                raise ValueError(
                    f"{name} must start with the magic number of an IDX file, "
                    f"such as 00000803 or 00000801, got {magic.hex() or 'an empty file'}"
                )
            header = file.read(4 * magic[3])
            if len(header) < 4 * magic[3]:
                raise ValueError(
                    f"{name} must state {magic[3]} sizes (magic number {magic.hex()}), "
                    f"got only {len(header)} bytes of them"
                )
            shape = tuple(int(size) for size in np.frombuffer(header, ">u4"))
            dtype = np.dtype(IDX_TYPES[magic[2]])
            expected = math.prod(shape) * dtype.itemsize
            content = _read_at_most(file, expected + 1)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise ValueError(f"{name} must be a whole gzip file: {error}") from None
    if len(content) != expected:
        got = "more" if len(content) > expected else f"{len(content)}"
        raise ValueError(
            f"{name} must hold {expected} bytes after its header, for {_as_text(shape)} "
            f"elements of {dtype.itemsize}, got {got}"
        )
    try:
        return np.frombuffer(content, dtype).reshape(shape).astype(dtype.newbyteorder("="))
    except ValueError as error:  # more dimensions than NumPy has
        raise ValueError(f"{name} must state possible sizes: {error}") from None


def load_idx_folder(folder: PathLike, *, part: str | None = None) -> Dataset:
    """Read labelled images from a folder in the layout of MNIST.

    It must hold ``train-images-idx3-ubyte`` and ``train-labels-idx1-ubyte``, and may hold a test
    set, ``t10k-images-idx3-ubyte`` and ``t10k-labels-idx1-ubyte``; each gzipped (``.gz``) or not.

    Parameters
    ----------
    folder : path
    part : {None, 'train', 'test'}
        Read only the training or the test set; the other need not be there.

    Returns
    -------
    Dataset
        The training set, followed by the test set where there is one; or the part asked for.

    Raises
    ------
    FileNotFoundError
        If the folder, or a file it must hold, is missing.
    ValueError
        If a file is damaged, or the files do not fit each other.
    """
    folder = Path(folder)
    if part not in (None, "train", "test"):
        raise ValueError(f"part must be None, 'train' or 'test', got {part!r}")
    if not folder.is_dir():
        raise FileNotFoundError(f"data must be a folder of IDX files, got {str(folder)!r}: no such")
    stem = "t10k" if part == "test" else "train"
    images, labels = _read_pair(folder, stem)
    test_from = None
    has_test = any(_find(folder, f"t10k-{kind}") for kind in ("images-idx3", "labels-idx1"))
    if part is None and has_test:
        test_from = len(labels)
        test_images, test_labels = _read_pair(folder, "t10k")
        if test_images.shape[1:] != images.shape[1:]:
            raise ValueError(
                f"the images of {str(folder)!r} must have one size, got "
                f"{_as_text(images.shape[1:])} for training and "
                f"{_as_text(test_images.shape[1:])} for test"
            )
        images = np.concatenate([images, test_images])
        labels = np.concatenate([labels, test_labels])
    return Dataset(
        "IDX images",
        images.reshape(len(images), -1),
        labels.astype(np.int64),
        value_range=(0.0, 255.0),
        image_shape=images.shape[1:],
        test_from=test_from,
    )


def _as_text(shape: tuple[int, ...]) -> str:
    """Return a shape as messages write it: ``60000 x 28 x 28``."""
    return " x ".join(map(str, shape))


def _read_at_most(file: BinaryIO | gzip.GzipFile, n_bytes: int) -> bytes:
    """Read that many bytes, or to the end; a false size in a header costs no memory."""
    parts, left = [], n_bytes
    while left > 0 and (part := file.read(min(left, 1 << 24))):
        parts.append(part)
        left -= len(part)
    return b"".join(parts)


def _read_pair(folder: Path, part: str) -> tuple[NDArray[Any], NDArray[Any]]:
    """Read and check the images and labels of one part."""
    paths = {}
    for kind in ("images-idx3", "labels-idx1"):
        found = _find(folder, f"{part}-{kind}")
        if found is None:
            raise FileNotFoundError(
                f"data must hold a file {part}-{kind}-ubyte, gzipped (.gz) or not, "
                f"got the folder {str(folder)!r} without it"
            )
        paths[kind] = found
    images, labels = read_idx(paths["images-idx3"]), read_idx(paths["labels-idx1"])
    for path, array, ndim, magic in (
        (paths["images-idx3"], images, 3, "00000803"),
        (paths["labels-idx1"], labels, 1, "00000801"),
    ):
        if array.ndim != ndim or array.dtype != np.uint8:
            raise ValueError(
                f"{str(path)!r} must hold bytes in {ndim} dimension(s) (magic number {magic}), "
                f"got {array.dtype} of shape {array.shape}"
            )
    if len(images) != len(labels) or len(labels) == 0 or images[0].size == 0:
        raise ValueError(
            f"{str(paths['images-idx3'])!r} and {str(paths['labels-idx1'])!r} must hold one "
            f"label per image and at least one, got {_as_text(images.shape)} images "
            f"and {len(labels)} labels"
        )
    return images, labels


def _find(folder: Path, stem: str) -> Path | None:
    """Return the file of that name, in any of the spellings in use."""
    for name in (f"{stem}-ubyte", f"{stem.replace('-idx', '.idx')}-ubyte"):
        for suffix in ("", ".gz"):
            path = folder / f"{name}{suffix}"
            if path.is_file():
                return path
    return None
