"""Rows of features without labels, read from files."""

from __future__ import annotations

import math
import os
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tempotron_core.files.npy import read_array

from .idx import read_idx

__all__ = ["read_features"]

PathLike = str | os.PathLike[str]


def read_features(path: PathLike) -> NDArray[np.float64]:
    """Read feature rows from a ``.npy`` file, a ``.csv`` file or an IDX file of images.

    Parameters
    ----------
    path : path
        One pattern per row or image, without labels.  Comma-separated text may have comments
        (``#``) but no heading.

    Returns
    -------
    array, shape (B, F)

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If the file is damaged, or does not hold rows of finite numbers.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"input must be a file, got {str(path)!r}: no such file")
    suffix = path.suffix.lower()
    try:
        if suffix == ".npy":
            with path.open("rb") as file:
                array = read_array(file, path.stat().st_size)
        elif suffix == ".csv":
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UserWarning)  # an empty file is an error below
                array = np.loadtxt(path, delimiter=",", ndmin=2, encoding="utf-8-sig")
        else:
            array = read_idx(path)
    except (MemoryError, ValueError) as error:
        raise ValueError(
            f"input must be a .npy or .csv file of feature rows, or an IDX file of images, "
            f"got {str(path)!r}: {error}"
        ) from None
    if array.ndim < 2:
        raise ValueError(
            f"input must hold one row of numbers per pattern, got {str(path)!r}: "
            f"{array.dtype} of shape {array.shape}"
        )
    rows = array.reshape(len(array), -1 if len(array) else math.prod(array.shape[1:]))
    with np.errstate(invalid="ignore"):  # of signalling NaNs, which are an error below
        rows = rows.astype(np.float64)
    bad = np.flatnonzero(~np.isfinite(rows).all(axis=1))
    if len(bad):
        raise ValueError(
            f"input must hold finite numbers, got NaN or infinity in row {bad[0]} of {str(path)!r}"
        )
    return rows
