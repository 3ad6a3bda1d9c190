"""Which backends work here, and choosing one by name."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module

import numpy as np

from ._backend import Backend, Framework, explain

EXTRAS: Mapping[str, str] = {
    "numpy": "tempotron-core",
    "cupy": "tempotron-core[cupy]",
    "torch": "tempotron-core[torch]",
    "jax": "tempotron-core[jax]",
    "strict": "tempotron-core[test]",
}
"""Every known framework, in the order they are listed, and what to install for it."""

PREFERENCE: Mapping[str, tuple[str, ...]] = {
    "cpu": ("numpy",),
    "cuda": ("cupy", "torch", "jax"),
    "mps": ("torch",),
    "xpu": ("torch",),
}
"""Which frameworks are tried, first to last, where only a device is given. ``strict`` never is."""


@dataclass(frozen=True)
class Status:
    """One row of `status`: a device of a framework, and whether it can be used here.

    Attributes
    ----------
    name, device, default_dtype, version : str
        As in `Backend`; all but the name are empty where the framework itself is missing.
    reason : str
        Why it cannot be used; empty where it can.
    backend : Backend or None
        The backend where it can be used.
    """

    name: str
    device: str
    default_dtype: str
    version: str
    reason: str
    backend: Backend | None

    def __str__(self) -> str:
        return f"{self.name}:{self.device}" if self.device else self.name

    @property
    def usable(self) -> bool:
        """Whether the device can be used here."""
        return self.backend is not None


def select(device: str) -> Backend:
    """Choose a backend by device, by framework, or by both.

    Parameters
    ----------
    device : str
        ``"cpu"`` (NumPy), ``"cuda"`` (CuPy, else torch, else JAX), ``"mps"`` or ``"xpu"`` (torch),
        each optionally with an index as in ``"cuda:1"``; or a framework, ``"numpy"``, ``"cupy"``,
        ``"torch"``, ``"jax"`` or ``"strict"``, for its first usable device; or both, as in
        ``"torch:cpu"`` or ``"jax:cuda:0"``. A device without an index is the first of its kind.

    Returns
    -------
    Backend
        A backend on which a small allocation and sum have just succeeded.

    Raises
    ------
    TypeError
        If ``device`` is not a string.
    ValueError
        If there is no such device, or it cannot be used here. The message lists what can be used,
        and why the rest cannot.
    """
    if not isinstance(device, str):
        raise TypeError(f"device must be a string such as 'cpu' or 'torch:cuda:0', got {device!r}")
    head, colon, rest = device.partition(":")
    if head in EXTRAS:
        names: tuple[str, ...] = (head,)
        wanted = rest if colon else None
    else:
        names = PREFERENCE.get(head, ())
        wanted = device
    for name in names:
        for row in _examine(name, wanted):
            if row.backend is not None:
                return row.backend
    raise ValueError(_nothing_for(device))


def available() -> list[Backend]:
    """Every backend that can be used here, one per device, NumPy's first."""
    return [row.backend for row in status() if row.backend is not None]


def status() -> list[Status]:
    """Every known device of every known framework, with the reason where it cannot be used.

    This imports each installed framework and tries each of its devices.
    """
    return [row for name in EXTRAS for row in _examine(name)]


def _examine(name: str, wanted: str | None = None) -> Iterator[Status]:
    """Try the devices of one framework, or the wanted one only, each when its turn comes."""
    try:
        framework: Framework = import_module(f".{name}", __package__).FRAMEWORK
        surveyed = framework.survey()
    except ModuleNotFoundError as error:
        reason = f"{error}; pip install '{EXTRAS[name]}'"
        yield Status(name, "", "", "", reason, None)
        return
    except Exception as error:  # noqa: BLE001 - a broken framework is one that cannot be used
        yield Status(name, "", "", "", explain(error), None)
        return
    for device, missing in surveyed.items():
        if wanted is not None and not _same_device(device, wanted):
            continue
        backend = Backend(framework, device)
        reason = missing or _try(backend)
        default = framework.default_dtype if reason else backend.default_dtype_name
        yield Status(name, device, default, framework.version, reason, None if reason else backend)


def _try(backend: Backend) -> str:
    """Allocate and add on the device; the reason why that failed, or nothing."""
    try:
        ones = backend.from_numpy(np.ones(2, dtype="float32"))
        total = backend.to_numpy(ones + ones).tolist()
        backend.synchronise()
    except Exception as error:  # noqa: BLE001 - a probe reports, it never fails
        return explain(error)
    return "" if total == [2.0, 2.0] else f"1 + 1 gave {total} on it"


def _same_device(device: str, wanted: str) -> bool:
    """Whether two names mean one device: no index is index 0."""
    return device.removesuffix(":0") == wanted.removesuffix(":0")


def _nothing_for(device: str) -> str:
    """The error message for a device that cannot be had."""
    rows = status()
    return "\n".join(
        [
            "device must be a kind of device (" + ", ".join(PREFERENCE) + "), a framework ("
            + ", ".join(EXTRAS) + f") or framework:device that can be used here, got {device!r}",
            "available: " + ", ".join(str(row) for row in rows if row.usable),
            "not available:",
            *(f"  {row}: {row.reason}" for row in rows if not row.usable),
        ]
    )  # fmt: skip
