"""Models on disk: NumPy ``.npz`` archives, without pickle.

An archive holds the weights (``weight`` of a `Tempotron`, ``weight_0``, ``weight_1``, ... of a
`Network`), the model's constants and any metadata (both as JSON text in byte arrays), so that
``numpy.load(path)["weight"]`` reads it anywhere, and further arrays (``array_NAME``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from .archive import (
    HostArray,
    PathLike,
    as_json,
    from_json,
    read_archive,
    reject,
    to_host,
    write_archive,
)
from .network import Network
from .neuron import Neuron
from .tempotron import Tempotron

__all__ = ["load", "read_arrays", "read_metadata", "save"]

Array = Any
Namespace = Any

FORMAT = "tempotron_core checkpoint"
VERSION = 2
VERSIONS_READ = (1, 2)  # 1 had tempotrons only
CONSTANTS = ("in_features", "out_features", "T", "tau", "tau_s", "v_threshold")
OF_NETWORKS = ("sizes", "neurons", "pass_on", "reference_times", "min_slope")
FURTHER = "array_"


def save(
    model: Tempotron | Network,
    path: PathLike,
    *,
    metadata: dict[str, Any] | None = None,
    arrays: Mapping[str, Array] | None = None,
) -> None:
    """Write a model to one file.

    Parameters
    ----------
    model : Tempotron or Network
        The model; its weights may live on any device.
    path : path
        File to write, conventionally ``*.npz``.  Its folder must exist; a file already there is
        replaced in one step.
    metadata : dict, optional
        Anything JSON can hold (no NaN or infinity), returned by `read_metadata`.
    arrays : mapping of str to array, optional
        Further arrays of any library, such as an optimiser's, returned by `read_arrays`.

    Raises
    ------
    TypeError
        If ``model`` is not a tempotron or network, ``metadata`` is not a dict that JSON can hold,
        or ``arrays`` do not map names to arrays.
    ValueError
        If the weights or the metadata hold a NaN or an infinity.
    OSError
        If the file cannot be written; what was at ``path`` is untouched.
    """
    header: dict[str, Any]
    if isinstance(model, Network):
        weights = {f"weight_{i}": to_host(weight) for i, weight in enumerate(model.weights)}
        header = {
            "kind": "network",
            "sizes": [list(weight.shape) for weight in weights.values()],
            "neurons": [asdict(neuron) for neuron in model.neurons],
            "pass_on": model.pass_on,
            "reference_times": list(model.reference_times),
            "min_slope": model.min_slope,
        }
    else:
        try:
            header = {"kind": "tempotron"} | {name: getattr(model, name) for name in CONSTANTS}
            weights = {"weight": to_host(model.weight)}
        except AttributeError as error:
            kind = type(model).__name__
            raise TypeError(f"model must be a Tempotron or Network, got {kind}: {error}") from None
    if not all(np.all(np.isfinite(weight)) for weight in weights.values()):
        raise ValueError("model must have finite weights, got NaN or infinite ones")
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, got {type(metadata).__name__}")
    if not isinstance(arrays, Mapping | None) or not all(isinstance(k, str) for k in arrays or ()):
        raise TypeError(f"arrays must map names to arrays, got {arrays!r}")
    further = {FURTHER + name: to_host(array) for name, array in (arrays or {}).items()}
    write_archive(
        path,
        {
            "header": as_json("model", {"format": FORMAT, "version": VERSION} | header),
            "metadata": as_json("metadata", metadata or {}),
        }
        | weights
        | further,
    )


def load(path: PathLike, *, xp: Namespace | None = None, device: Any = None) -> Tempotron | Network:
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
    Tempotron or Network
        Whichever was saved, with weights in the dtype they were saved in.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is damaged, of another kind or of a later version, or if ``xp`` cannot hold the
        weights in their dtype.
    """
    header, content = _read(path)
    xp = np if xp is None else xp
    weights = []
    for name in _weight_names(path, header):
        weight = content[name]
        moved = xp.asarray(weight, device=device)
        if str(moved.dtype).rpartition(".")[2] != weight.dtype.name:
            raise ValueError(
                f"xp must hold the weights of {os.fspath(path)!r} as {weight.dtype.name}, "
                f"got {moved.dtype} from {xp.__name__} (JAX needs jax_enable_x64 for float64)"
            )
        weights.append(moved)
    try:
        if header["kind"] == "tempotron":
            return Tempotron(**{name: header[name] for name in CONSTANTS}, weight=weights[0])
        return Network(
            weights,
            [Neuron(**constants) for constants in header["neurons"]],
            header["pass_on"],
            header["reference_times"],
            header["min_slope"],
        )
    except (TypeError, ValueError) as error:
        reject(path, f"its constants do not make a model: {error}")


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
    return from_json(path, "metadata", _read(path)[1]["metadata"])


def read_arrays(path: PathLike) -> dict[str, HostArray]:
    """Return the further arrays saved with a checkpoint.

    Parameters
    ----------
    path : path
        The checkpoint.

    Returns
    -------
    dict of str to numpy.ndarray
        Empty if there were none.

    Raises
    ------
    FileNotFoundError, ValueError
        As `load`.
    """
    _, content = _read(path)
    return {
        name.removeprefix(FURTHER): array
        for name, array in content.items()
        if name.startswith(FURTHER)
    }


def _read(path: PathLike) -> tuple[dict[str, Any], dict[str, HostArray]]:
    """Return the header and all arrays, checked."""
    content = read_archive(
        path, ("header", "metadata"), lambda name: name.startswith((FURTHER, "weight"))
    )
    header = from_json(path, "header", content["header"])
    if header.get("format") != FORMAT:
        reject(path, f"its format is {header.get('format')!r}, not {FORMAT!r}")
    if header.get("version") not in VERSIONS_READ:
        known = " and ".join(map(str, VERSIONS_READ))
        reject(path, f"its version is {header.get('version')!r}, this release reads {known}")
    header.setdefault("kind", "tempotron")
    for name, expected in _weight_names(path, header).items():
        if name not in content:
            reject(path, f"it has no {name}")
        weight = content[name]
        if weight.shape != expected or weight.dtype.name not in ("float32", "float64"):
            reject(
                path,
                f"its weights are {weight.dtype} of shape {weight.shape}, "
                f"not float32 or float64 of shape {expected}",
            )
        if not np.all(np.isfinite(weight)):
            reject(path, "its weights hold NaN or infinite values")
    from_json(path, "metadata", content["metadata"])
    return header, content


def _weight_names(path: PathLike, header: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the names of the weight arrays and the shapes they must have."""
    kinds = {"tempotron": CONSTANTS, "network": OF_NETWORKS}
    if header["kind"] not in kinds:
        reject(path, f"its kind is {header['kind']!r}, this release reads {' and '.join(kinds)}")
    absent = [name for name in kinds[header["kind"]] if name not in header]
    if absent:
        reject(path, f"its header has no {', '.join(absent)}")
    if header["kind"] == "tempotron":
        return {"weight": (header["out_features"], header["in_features"])}
    try:
        return {f"weight_{i}": tuple(shape) for i, shape in enumerate(header["sizes"])}
    except TypeError:
        reject(path, f"its sizes must be a list of shapes, got {header['sizes']!r}")
