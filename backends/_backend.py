"""Backends as data: what a framework offers, and a framework on one of its devices.

Every framework module (``numpy.py``, ``cupy.py``, ``torch.py``, ``jax.py``, ``strict.py``) holds
one `Framework`: a record of its devices and of the few operations that the Array API standard
leaves out, which are placing a host array on a device, bringing one back, and waiting for the
device. A `Backend` is a framework and one of its devices; `_selection.py` chooses one.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tempotron_core.arrays.host import to_host
from tempotron_core.arrays.plain import check_plain

from ._dlpack import of_known_library, taken_over

Array = Any
"""An array of whichever framework the backend stands for."""

DTYPES = ("bool", "int8", "int16", "int32", "int64", "uint8", "float32", "float64")
"""The dtypes that spikes, labels, images and weights come in."""


@dataclass(frozen=True)
class Framework:
    """What one framework module knows, as data.

    Attributes
    ----------
    name : str
        Name in `select` and in messages, for example ``"torch"``.
    version : str
        Version of the installed framework.
    xp : module
        Its Array API namespace.
    default_dtype : str
        Floating-point dtype used unless one is asked for.
    survey : callable
        ``survey()`` gives ``{device: reason}`` for every device it has or might have had; the
        reason says why the device is missing and is empty for one that is present.
    missing_dtypes : callable
        ``missing_dtypes(device)`` gives ``{dtype: reason}`` for the members of `DTYPES` the device
        cannot hold.
    native_device : callable
        ``native_device(device)`` gives the object that functions of `xp` take as ``device=``.
    place : callable
        ``place(host, device)`` puts a NumPy array that nobody else refers to on the device.
    to_numpy : callable
        ``to_numpy(array)`` gives a NumPy array with the same values, a copy only where it must be.
    synchronise : callable
        ``synchronise(device, arrays)`` waits until the device has finished computing.
    """

    name: str
    version: str
    xp: ModuleType
    default_dtype: str
    survey: Callable[[], Mapping[str, str]]
    missing_dtypes: Callable[[str], Mapping[str, str]]
    native_device: Callable[[str], Any]
    place: Callable[[NDArray[Any], str], Array]
    to_numpy: Callable[[Array], NDArray[Any]]
    synchronise: Callable[[str, tuple[Array, ...]], None]


@dataclass(frozen=True, repr=False)
class Backend:
    """One framework on one of its devices; made by `select` and `available`.

    Attributes
    ----------
    framework : Framework
        The framework's record.
    device : str
        The device's name in that framework: ``"cpu"``, ``"cuda:0"``, ``"mps"``.
    """

    framework: Framework
    device: str

    def __str__(self) -> str:
        return f"{self.name}:{self.device}"

    def __repr__(self) -> str:
        return f"Backend('{self}')"

    @property
    def name(self) -> str:
        """Name of the framework."""
        return self.framework.name

    @property
    def version(self) -> str:
        """Version of the framework."""
        return self.framework.version

    @property
    def xp(self) -> ModuleType:
        """The framework's Array API namespace."""
        return self.framework.xp

    @property
    def native_device(self) -> Any:
        """The device as an object that functions of `xp` take as ``device=``."""
        return self.framework.native_device(self.device)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """Names of the dtypes that the device can hold now."""
        missing = self.framework.missing_dtypes(self.device)
        return tuple(name for name in DTYPES if name not in missing)

    @property
    def default_dtype_name(self) -> str:
        """Name of `default_dtype`: the framework's, or float32 where the device lacks that."""
        name = self.framework.default_dtype
        return name if name in self.dtypes else "float32"

    @property
    def default_dtype(self) -> Any:
        """The floating-point dtype to use unless one is asked for, as an object of `xp`."""
        return self.dtype(self.default_dtype_name)

    def dtype(self, dtype: Any) -> Any:
        """Give a dtype as an object of `xp`, checked against what the device can hold.

        Parameters
        ----------
        dtype : str or dtype
            A name such as ``"float64"``, a NumPy dtype or one of the framework's own.

        Raises
        ------
        ValueError
            If the device cannot hold the dtype.
        """
        name = dtype_name(dtype)
        reason = self.framework.missing_dtypes(self.device).get(name, "")
        if name not in DTYPES or reason:
            raise ValueError(
                f"dtype must be one that {self} can hold ({', '.join(self.dtypes)}), got {name!r}"
                + (f": {reason}" if reason else "")
            )
        return getattr(self.xp, name)

    def floating_dtype(self, dtype: Any = None) -> Any:
        """Give the dtype of times, potentials or weights as an object of `xp`.

        Parameters
        ----------
        dtype : str or dtype, optional
            float32 or float64 in any form that `dtype` takes; `default_dtype` unless given.

        Raises
        ------
        ValueError
            If the dtype is another, or the device cannot hold it.
        """
        if dtype is None:
            return self.default_dtype
        name = dtype_name(dtype)
        if name in DTYPES and name not in ("float32", "float64"):
            raise ValueError(f"dtype must be float32 or float64, got {name!r}")
        return self.dtype(name)

    def from_numpy(self, array: NDArray[Any], dtype: Any = None) -> Array:
        """Copy a NumPy array to the device.

        Parameters
        ----------
        array : numpy.ndarray
            Real numbers or booleans, of any shape.
        dtype : str or dtype, optional
            The dtype wanted, for example `default_dtype`. Unless given, the array keeps its own
            (JAX holds int64 as int32 unless its 64-bit types are enabled; nothing else changes).

        Returns
        -------
        array
            An array of `xp` on `device` that shares no memory with the argument.

        Raises
        ------
        TypeError
            If the array holds anything but real numbers and booleans.
        ValueError
            If the device cannot hold the dtype, or an integer does not fit JAX's int32.
        """
        check_plain("array", array)
        host = np.asarray(array)
        if host.dtype.kind not in "biuf":
            raise TypeError(f"array must hold real numbers or booleans, got dtype {host.dtype}")
        name = dtype_name(host.dtype if dtype is None else dtype)
        if dtype is not None or host.dtype.kind == "f":
            self.dtype(name)
        return self.framework.place(np.array(host, dtype=name, order="C"), self.device)

    def from_dlpack(self, array: Any) -> Array:
        """Take an array of any library that speaks DLPack, without a copy where that can be.

        Parameters
        ----------
        array : array
            With ``__dlpack__`` and ``__dlpack_device__``, as the arrays of NumPy, CuPy, torch, JAX
            and many others have them.

        Returns
        -------
        array
            An array of `xp` on `device`. On one device the two share memory: writing to one
            changes the other, even where it is a JAX array, and an array of `xp` is returned
            itself. A copy is made from another device, by way of the host, and where the
            framework cannot use the memory: what is read-only (but for JAX's own arrays) or
            byte-swapped, backward steps, and for JAX gaps between the entries, memory not aligned
            to 64 bytes, and int64 while its 64-bit types are off.

        Raises
        ------
        TypeError
            If the object is no such array, or a traced one.
        ValueError
            If the device cannot hold the dtype, an integer does not fit JAX's int32, or a torch
            tensor requires a gradient, which DLPack cannot carry.
        """
        check_plain("array", array)
        array = of_known_library(array)
        if not hasattr(array, "dtype"):
            raise TypeError(f"array must have a dtype, got {type(array).__name__}")
        if getattr(array, "requires_grad", False):
            raise ValueError(
                "array must not require a gradient, which DLPack would lose: "
                "pass array.detach(), got a tensor with requires_grad=True"
            )
        name = dtype_name(array.dtype)
        reason = self.framework.missing_dtypes(self.device).get(name, "")
        if name not in DTYPES or (reason and name != "int64"):
            raise ValueError(
                f"array must have a dtype that {self} can hold ({', '.join(self.dtypes)}), "
                f"got {name!r}" + (f": {reason}" if reason else "")
            )
        if not reason:
            shared = taken_over(array, self.xp, self.device, self.native_device)
            if shared is not None:
                return shared
        return self.from_numpy(to_host(array))

    def to_numpy(self, array: Array) -> NDArray[Any]:
        """Bring an array of this framework to the host.

        The result may share memory with the argument, or be read-only: copy it before writing to
        it. A torch tensor is detached from its graph.
        """
        return self.framework.to_numpy(array)

    def synchronise(self, *arrays: Array) -> None:
        """Wait until the device has finished computing.

        JAX has no such wait: there it waits for the given arrays or, given none, for every array
        still referred to. Without this call, a timing of a GPU or of JAX measures how fast work is
        queued.
        """
        self.framework.synchronise(self.device, arrays)


def devices_of(kind: str, names: Callable[[], Iterable[str]]) -> dict[str, str]:
    """Survey one kind of device without ever failing; the building block of `Framework.survey`.

    Parameters
    ----------
    kind : str
        What to call the device where there is none, for example ``"cuda"``.
    names : callable
        Gives the names of the devices that are present; it may raise.
    """
    try:
        found = list(names())
    except Exception as error:  # noqa: BLE001 - a survey reports, it never fails
        return {kind: explain(error)}
    return dict.fromkeys(found, "") or {kind: f"no {kind} device found"}


def explain(error: Exception) -> str:
    """An exception as one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__


def dtype_name(dtype: Any) -> str:
    """Name of a dtype of any framework."""
    if isinstance(dtype, np.dtype) and dtype in _NAMES:  # which NumPy puts together anew
        return _NAMES[dtype]
    try:
        return str(np.dtype(dtype).name)
    except TypeError:  # torch and array-api-strict have dtypes of their own: "torch.float32"
        return str(dtype).rpartition(".")[2]


_NAMES = {np.dtype(name): name for name in DTYPES}
