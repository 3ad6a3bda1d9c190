"""Models on disk: NumPy ``.npz`` archives, without pickle.

An archive holds the weights, the model's constants and any metadata (both as JSON text in byte
arrays), so that ``numpy.load(path)["weight"]`` reads it anywhere.  A file is written beside its
destination and renamed into place once complete: an existing checkpoint stays whole whatever
happens.
"""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import zipfile
import zlib
from pathlib import Path
from typing import Any, NoReturn

import array_api_compat
import numpy as np

from .tempotron import Tempotron

__all__ = ["load", "read_metadata", "save"]

Array = Any
Namespace = Any
PathLike = str | os.PathLike[str]

FORMAT = "tempotron_core checkpoint"
VERSION = 1
CONSTANTS = ("in_features", "out_features", "T", "tau", "tau_s", "v_threshold")


def save(model: Tempotron, path: PathLike, *, metadata: dict[str, Any] | None = None) -> None:
    """Write a model to one file.

    Parameters
    ----------
    model : Tempotron
        The model; its weights may live on any device.
    path : path
        File to write, conventionally ``*.npz``.  Its folder must exist; a file already there is
        replaced in one step.
    metadata : dict, optional
        Anything JSON can hold (no NaN or infinity), returned by `read_metadata`.

    Raises
    ------
    TypeError
        If ``model`` is not a tempotron, or ``metadata`` is not a dict that JSON can hold.
    ValueError
        If the weights or the metadata hold a NaN or an infinity.
    OSError
        If the file cannot be written; what was at ``path`` is untouched.
    """
    try:
        header = {name: getattr(model, name) for name in CONSTANTS}
        weight = to_host(model.weight)
    except AttributeError as error:
        raise TypeError(f"model must be a Tempotron, got {type(model).__name__}: {error}") from None
    if not np.all(np.isfinite(weight)):
        raise ValueError("model must have finite weights, got NaN or infinite ones")
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, got {type(metadata).__name__}")
    arrays = {
        "header": _to_bytes("model", {"format": FORMAT, "version": VERSION} | header),
        "metadata": _to_bytes("metadata", metadata or {}),
        "weight": weight,
    }
    destination = Path(os.path.realpath(path))  # a link keeps pointing at the new file
    if destination.is_dir():
        raise IsADirectoryError(f"path must name a file, got the folder {os.fspath(path)!r}")
    if not destination.parent.is_dir():
        raise FileNotFoundError(
            f"path must lie in an existing folder, got {os.fspath(path)!r} "
            f"(no folder {str(destination.parent)!r})"
        )
    temporary = destination.with_name(f".{destination.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, destination)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink()
        raise


def load(path: PathLike, *, xp: Namespace | None = None, device: Any = None) -> Tempotron:
    """Read a model that `save` wrote.

    Parameters
    ----------
    path : path
        The checkpoint.
    xp : namespace, optional
        Array library of the weights; NumPy by default.
    device : optional
        Device of the weights, in the form ``xp`` takes it; its default device if left out.

    Returns
    -------
    Tempotron
        With weights in the dtype they were saved in.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, of another kind or of a later version, or if ``xp`` cannot hold the
        weights in their dtype.
    """
    header, _, weight = _read(path)
    xp = np if xp is None else xp
    moved = xp.asarray(weight, device=device)
    if str(moved.dtype).rpartition(".")[2] != weight.dtype.name:
        raise ValueError(
            f"xp must hold the weights of {os.fspath(path)!r} as {weight.dtype.name}, "
            f"got {moved.dtype} from {xp.__name__} (JAX needs jax_enable_x64 for float64)"
        )
    try:
        return Tempotron(**{name: header[name] for name in CONSTANTS}, weight=moved)
    except (TypeError, ValueError) as error:
        _reject(path, f"its constants do not make a model: {error}")


def read_metadata(path: PathLike) -> dict[str, Any]:
    """Return the metadata saved with a checkpoint.

    Parameters
    ----------
    path : path
        The checkpoint.

    Returns
    -------
    dict
        Empty if there was none.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load`.
    """
    return _read(path)[1]


def _read(path: PathLike) -> tuple[dict[str, Any], dict[str, Any], np.ndarray[Any, Any]]:
    """Return the header, the metadata and the weights, checked."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"path must name a checkpoint, got {os.fspath(path)!r}: no file")
    try:
        # opened here, because NumPy leaves a file open whose content it cannot make out
        with open(path, "rb") as file:
            archive = np.load(file, allow_pickle=False)
            if not isinstance(archive, np.lib.npyio.NpzFile):
                _reject(path, "it is one array, not an archive")
            missing = {"header", "metadata", "weight"} - set(archive.files)
            if missing:
                _reject(path, f"it has no {' or '.join(sorted(missing))}")
            raw, raw_metadata, weight = (archive[n] for n in ("header", "metadata", "weight"))
    except _Rejected:
        raise
    # what NumPy raises on damaged archives depends on where the damage is
    except (OSError, EOFError, KeyError, ValueError, TypeError, AttributeError, SyntaxError) as e:
        _reject(path, f"{type(e).__name__}: {e}")
    except (NotImplementedError, MemoryError, zipfile.BadZipFile, zlib.error) as e:
        _reject(path, f"{type(e).__name__}: {e}")
    header = _from_bytes(path, "header", raw)
    if header.get("format") != FORMAT:
        _reject(path, f"its format is {header.get('format')!r}, not {FORMAT!r}")
    if header.get("version") != VERSION:
        _reject(path, f"its version is {header.get('version')!r}, this release reads {VERSION}")
    absent = [name for name in CONSTANTS if name not in header]
    if absent:
        _reject(path, f"its header has no {', '.join(absent)}")
    expected = (header["out_features"], header["in_features"])
    if weight.shape != expected or weight.dtype.name not in ("float32", "float64"):
        _reject(
            path,
            f"its weights are {weight.dtype} of shape {weight.shape}, "
            f"not float32 or float64 of shape {expected}",
        )
    if not np.all(np.isfinite(weight)):
        _reject(path, "its weights hold NaN or infinite values")
    native = weight.astype(weight.dtype.newbyteorder("="), copy=False)
    return header, _from_bytes(path, "metadata", raw_metadata), native


class _Rejected(ValueError):
    """The file at ``path`` is not a readable checkpoint."""


def _reject(path: PathLike, reason: str) -> NoReturn:
    raise _Rejected(
        f"path must name a checkpoint written by tempotron_core.save, "
        f"got {os.fspath(path)!r}: {reason}"
    ) from None


def _to_bytes(name: str, value: dict[str, Any]) -> np.ndarray[Any, Any]:
    try:
        text = json.dumps(value, allow_nan=False)
    except TypeError as error:
        raise TypeError(f"{name} must hold only what JSON can: {error}") from None
    except ValueError as error:
        raise ValueError(f"{name} must hold only what JSON can: {error}") from None
    return np.frombuffer(text.encode(), dtype=np.uint8)


def _from_bytes(path: PathLike, name: str, raw: np.ndarray[Any, Any]) -> dict[str, Any]:
    try:
        value = json.loads(raw.tobytes())
    except ValueError as error:
        _reject(path, f"its {name} is not JSON: {error}")
    if not isinstance(value, dict):
        _reject(path, f"its {name} is a JSON {type(value).__name__}, not an object")
    return value


def to_host(array: Array) -> np.ndarray[Any, Any]:
    """Copy an array of any library from any device to NumPy."""
    detached = array.detach() if hasattr(array, "detach") else array
    xp = array_api_compat.array_namespace(detached)
    devices = [None, "cpu", xp.__array_namespace_info__().default_device()]
    for device in devices:
        # libraries differ in which of these they offer, and in the error for one they do not
        try:
            on_host = detached if device is None else array_api_compat.to_device(detached, device)
            return np.asarray(on_host)
        except (TypeError, ValueError, RuntimeError, AttributeError) as error:
            failure = error
    raise TypeError(f"model must have weights that can be copied to the host: {failure}")
