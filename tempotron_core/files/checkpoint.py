"""Models on disk: NumPy ``.npz`` archives, without pickle.

An archive holds the weights (``weight`` of a `Tempotron`, ``weight_0``, ``weight_1``, ... of a
`Network`), the model's constants and any metadata (both as JSON text in byte arrays), so that
``numpy.load(path)["weight"]`` reads it anywhere, and further arrays (``array_NAME``), which the
header lists: an archive that has lost one is refused, not read without it.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from ..arrays.host import to_host
from ..networks.network import Network
from ..networks.tempotron import Tempotron
from ..neuron import Neuron
from .archive import HostArray, PathLike, as_json, from_json, read_archive, reject, write_archive

__all__ = ["load", "read_arrays", "read_metadata", "save"]

Array = Any
Namespace = Any

FORMAT = "tempotron_core checkpoint"
VERSION = 4
VERSIONS_READ = (1, 2, 3, 4)  # 1 had tempotrons only, 2 no clock, 3 no readout by counts
CONSTANTS = ("in_features", "out_features", "T", "tau", "tau_s", "v_threshold")
OPTIONS = ("pass_on", "reference_times", "min_slope", "clock", "readout", "max_spikes")
OF_NETWORKS = ("sizes", "neurons", *OPTIONS)
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
        Further arrays of real numbers or truth values of any library, such as an optimiser's,
        returned by `read_arrays`.  They are kept as they are, NaN included.  Names consist of
        letters, digits, ``_``, ``-`` and ``.``, and do not end in ``.npy``.

    Raises
    ------
    TypeError
        If ``model`` is not a tempotron or network, ``metadata`` is not a dict that JSON can hold,
        or ``arrays`` do not map names to arrays of numbers.
    ValueError
        If the weights or the metadata hold a NaN or an infinity, the weights do not fit the model,
        or an array's name is not valid.
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
            **{name: getattr(model, name) for name in OPTIONS},
        }
    else:
        try:
            header = {"kind": "tempotron"} | {name: getattr(model, name) for name in CONSTANTS}
            weights = {"weight": to_host(model.weight)}
        except AttributeError as error:
            kind = type(model).__name__
            raise TypeError(f"model must be a Tempotron or Network, got {kind}: {error}") from None
    for name, expected in _weight_shapes(header).items():
        if not _fits(weights[name], expected):
            raise ValueError(
                f"model must have float32 or float64 weights of shape {expected}, "
                f"got {weights[name].dtype} of shape {weights[name].shape}"
            )
        if not np.all(np.isfinite(weights[name])):
            raise ValueError("model must have finite weights, got NaN or infinite ones")
    if metadata is not None and not isinstance(metadata, dict):
        raise TypeError(f"metadata must be a dict, got {type(metadata).__name__}")
    further = _further({} if arrays is None else arrays)
    header["arrays"] = list(further)
    write_archive(
        path,
        {
            "header": as_json("model", {"format": FORMAT, "version": VERSION} | header),
            "metadata": as_json("metadata", metadata or {}),
        }
        | weights
        | {FURTHER + name: array for name, array in further.items()},
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
    TypeError
        If ``xp`` is no array namespace.
    ValueError
        If it is damaged, of another kind or of a later version, or if ``xp`` cannot hold the
        weights in their dtype.
    """
    xp = np if xp is None else xp
    if not hasattr(xp, "asarray"):
        raise TypeError(f"xp must be an array namespace, such as the module numpy, got {xp!r}")
    header, content = _read(path)
    weights = []
    for name in _weight_shapes(header):
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
        neurons = [Neuron(**constants) for constants in header["neurons"]]
        return Network(weights, neurons, **{name: header[name] for name in OPTIONS})
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
    header, content = _read(path)
    return {name: content[FURTHER + name] for name in header["arrays"]}


def _read(path: PathLike) -> tuple[dict[str, Any], dict[str, HostArray]]:
    """Return the header and all arrays, checked."""
    content = read_archive(
        path, ("header", "metadata"), lambda name: name.startswith((FURTHER, "weight"))
    )
    header = from_json(path, "header", content["header"])
    if header.get("format") != FORMAT:
        reject(path, f"its format is {header.get('format')!r}, not {FORMAT!r}")
    if header.get("version") not in VERSIONS_READ:
        known = f"{', '.join(map(str, VERSIONS_READ[:-1]))} and {VERSIONS_READ[-1]}"
        reject(path, f"its version is {header.get('version')!r}, this release reads {known}")
    if header["version"] == 1:
        header["kind"] = "tempotron"
    if header["version"] < 3:
        header["clock"] = []
    if header["version"] < 4:
        header |= {"readout": "peak", "max_spikes": None}
    _check_header(path, header)
    for name, expected in _weight_shapes(header).items():
        if name not in content:
            reject(path, f"it has no {name}")
        weight = content[name]
        if not _fits(weight, expected):
            reject(
                path,
                f"its weights are {weight.dtype} of shape {weight.shape}, "
                f"not float32 or float64 of shape {expected}",
            )
        if not np.all(np.isfinite(weight)):
            reject(path, "its weights hold NaN or infinite values")
    found = [name.removeprefix(FURTHER) for name in content if name.startswith(FURTHER)]
    if sorted(header.setdefault("arrays", found)) != sorted(found):
        reject(path, f"its further arrays are {sorted(found)}, not {sorted(header['arrays'])}")
    from_json(path, "metadata", content["metadata"])
    return header, content


def _check_header(path: PathLike, header: dict[str, Any]) -> None:
    """Reject a header from which the names and shapes of the arrays cannot be told."""
    kinds = {"tempotron": CONSTANTS, "network": OF_NETWORKS}
    kind = header.get("kind")
    if kind not in tuple(kinds):
        reject(path, f"its kind is {kind!r}, this release reads {' and '.join(kinds)}")
    absent = [name for name in kinds[kind] if name not in header]
    if absent:
        reject(path, f"its header has no {', '.join(absent)}")
    sizes = header.get("sizes", [])
    if not isinstance(sizes, list) or not all(isinstance(shape, list) for shape in sizes):
        reject(path, f"its sizes must be a list of shapes, got {sizes!r}")
    names = header.get("arrays", [])
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
        reject(path, f"its arrays must be a list of names, got {names!r}")


def _weight_shapes(header: dict[str, Any]) -> dict[str, tuple[Any, ...]]:
    """Return the names of the weight arrays and the shapes they must have."""
    if header["kind"] == "tempotron":
        return {"weight": (header["out_features"], header["in_features"])}
    return {f"weight_{i}": tuple(shape) for i, shape in enumerate(header["sizes"])}


def _fits(weight: HostArray, shape: tuple[Any, ...]) -> bool:
    return weight.shape == shape and weight.dtype.name in ("float32", "float64")


def _further(arrays: Mapping[str, Array]) -> dict[str, HostArray]:
    """Return further arrays on the host, checked: what is written can be read."""
    if not isinstance(arrays, Mapping):
        raise TypeError(f"arrays must map names to arrays, got {type(arrays).__name__}")
    found = {}
    for name, array in arrays.items():
        if not isinstance(name, str):
            raise TypeError(f"arrays must have names that are strings, got {name!r}")
        # NumPy reads "a.npy" and "a" as one name
        if re.fullmatch(r"[\w.-]+", name) is None or name.endswith(".npy"):
            raise ValueError(
                f"arrays must have names of letters, digits, '_', '-' and '.' that do not end in "
                f"'.npy', got {name!r}"
            )
        try:
            found[name] = to_host(array)
        except TypeError as error:
            raise TypeError(f"arrays[{name!r}] must be an array: {error}") from None
        # NumPy would write objects as a pickle, which is never opened again
        if found[name].dtype.kind not in "biuf":
            raise TypeError(
                f"arrays[{name!r}] must hold real numbers or truth values, got {array.dtype}"
            )
    return found
