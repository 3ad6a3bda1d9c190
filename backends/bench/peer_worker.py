"""The process in which a SpikingJelly tempotron runs.

This file is sent as text to the interpreter in which that library is installed, so it imports
nothing of this package, and of others only what that environment has.  Requests come as one line
of JSON each on the standard input and are answered on the standard output; arrays lie in a folder
as .npy files.
"""

from __future__ import annotations

import contextlib
import ctypes
import gc
import importlib
import importlib.util
import inspect
import json
import os
import re
import sys
import time
from pathlib import Path
from typing import Any, Callable  # noqa: UP035 - of an interpreter of whatever age

LARGEST_DENSE = 64 << 20
"""Bytes of one [b, N, T] array where the dense form is compared and not timed."""


def serve(handlers: dict[str, Callable[..., dict[str, Any]]]) -> None:
    """Answer requests until the input ends."""
    replies = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what a library prints must not get between the answers
    for line in sys.stdin:
        request = json.loads(line)
        try:
            reply = handlers[request.pop("do")](**request)
        except Exception as error:  # noqa: BLE001 - told to the process that asked
            reply = {"error": f"{type(error).__name__}: {error}"}
        replies.write(json.dumps(reply) + "\n")
        replies.flush()


def rise_in_memory(call: Callable[[], Any]) -> int | None:
    """Bytes by which the process's resident memory rises during a call, None if unknown.

    Linux keeps the peak; writing 5 to ``clear_refs`` sets it back to what is resident now.
    """
    gc.collect()
    with contextlib.suppress(AttributeError, OSError, TypeError):
        # Free memory that the allocator has kept would hide what the call takes of it.
        ctypes.CDLL(None).malloc_trim(0)
    try:
        Path("/proc/self/clear_refs").write_text("5")
        before = _resident("VmRSS")
        call()
        return max(0, _resident("VmHWM") - before)
    except OSError:
        return None


def _resident(name: str) -> int:
    found = re.search(rf"^{name}:\s+(\d+) kB", Path("/proc/self/status").read_text(), re.MULTILINE)
    if found is None:
        raise OSError(f"/proc/self/status has no {name}")
    return 1024 * int(found[1])


class Exact:
    """SpikingJelly 2: exact, event-driven, from spike lists in CSR form."""

    form = "exact, CSR"

    def __init__(self, cls: Any, times: Any, weight: Any, duration: float) -> None:
        import torch

        self.times = torch.from_numpy(times)
        self.net = cls(weight.shape[1], weight.shape[0], duration).to(self.times.dtype)
        self.net.weight.data = torch.from_numpy(weight)
        self.parameter = self.net.weight
        self.prepare()

    def prepare(self) -> None:
        """Spike lists, each pattern's sorted in time: the library sorts again, but less slowly."""
        import torch

        key = torch.where(self.times >= 0, self.times, torch.inf)
        order = torch.argsort(key, dim=1, stable=True)
        times = torch.take_along_dim(self.times, order, dim=1)
        spikes = times >= 0
        zero = torch.zeros(1, dtype=torch.int64)
        offsets = torch.cat((zero, spikes.sum(1).cumsum(0)))
        self.inputs = (times[spikes], order[spikes], offsets)

    def v_max(self) -> Any:
        """Largest potentials [B, O]."""
        return self.net(*self.inputs)[0]

    def compared(self) -> Any:
        """Largest potentials to compare."""
        return self.v_max()


class Dense:
    """SpikingJelly 0.0.0.0.14: every afferent's potential at every time step."""

    form = "dense grid"

    def __init__(self, cls: Any, times: Any, weight: Any, duration: float) -> None:
        import torch

        if duration != int(duration):
            raise ValueError(f"its time steps are whole numbers, so the duration {duration} is not")
        self.weight, self.source, self.n_steps = weight, times, int(duration)
        self.cls = cls
        self.net = self._net(torch.from_numpy(weight))
        self.parameter = self.net.fc.weight
        self.prepare()

    def _net(self, weight: Any) -> Any:
        net = self.cls(weight.shape[1], weight.shape[0], self.n_steps).to(weight.dtype)
        net.fc.weight.data = weight
        return net

    def prepare(self) -> None:
        """The dense tensor of spike times is its input as it is."""
        import torch

        self.times = torch.from_numpy(self.source)

    def v_max(self) -> Any:
        """Largest samples [B, O]; the class drops axes of length one."""
        n_patterns, n_outputs = len(self.times), len(self.weight)
        return self.net(self.times, "v_max").reshape(n_patterns, n_outputs)

    def compared(self) -> Any:
        """Largest samples in double precision, a few patterns at a time.

        In single precision its exponentials overflow to NaN from 334 steps on.
        """
        import torch

        net = self._net(torch.from_numpy(self.weight).double())
        size = max(1, LARGEST_DENSE // (8 * self.n_steps * self.times.shape[1]))
        parts = [net(part.double(), "v_max") for part in torch.split(self.times, size)]
        return torch.cat([part.reshape(-1, len(self.weight)) for part in parts])


STATE: dict[str, Any] = {}


def hello(threads: int) -> dict[str, Any]:
    """Import the library and say which it is."""
    import importlib.metadata

    if importlib.util.find_spec("spikingjelly") is None:  # before torch, which takes its time
        raise ModuleNotFoundError("No module named 'spikingjelly'")
    try:
        version = importlib.metadata.version("spikingjelly")
    except importlib.metadata.PackageNotFoundError:  # a source tree on the path
        version = "(unknown version)"
    import torch

    torch.set_num_threads(threads)
    module = _neuron_module()
    parameters = inspect.signature(module.Tempotron.__init__).parameters
    form = Exact if "duration" in parameters else Dense
    STATE.update(form=form, cls=module.Tempotron)
    return {"version": version, "form": form.form, "torch": torch.__version__}


def _neuron_module() -> Any:
    try:
        return importlib.import_module("spikingjelly.timing_based.neuron")
    except ImportError:
        # The package's __init__ may want more than the environment has; the module itself may not.
        spec = importlib.util.find_spec("spikingjelly")
        if spec is None or not spec.submodule_search_locations:
            raise
        for folder in spec.submodule_search_locations:
            path = Path(folder) / "timing_based" / "neuron.py"
            if path.is_file() and "from ." not in path.read_text(encoding="utf-8"):
                alone = importlib.util.spec_from_file_location("spikingjelly_neuron", path)
                if alone is not None and alone.loader is not None:
                    module = importlib.util.module_from_spec(alone)
                    alone.loader.exec_module(module)
                    return module
        raise


def load(folder: str, duration: float) -> dict[str, Any]:
    """Read the inputs and prepare them."""
    STATE["net"] = _net(folder, duration, slice(None))
    return {}


def _net(folder: str, duration: float, patterns: slice) -> Any:
    import numpy as np

    times, weight = (np.load(Path(folder) / f"{name}.npy") for name in ("times", "weight"))
    return STATE["form"](STATE["cls"], times[patterns], weight, duration)


def compare(path: str) -> dict[str, Any]:
    """Write v_max for comparison; count the peaks that are NaN in the dtype of the timing."""
    import numpy as np
    import torch

    with torch.no_grad():
        np.save(path, STATE["net"].compared().numpy())
        return {"nan": int(torch.isnan(STATE["net"].v_max()).sum())}


def run(what: str, calls: int) -> dict[str, Any]:
    """Seconds per call."""
    call = _call(STATE["net"], what)
    start = time.perf_counter()
    for _ in range(calls):
        call()
    return {"seconds": (time.perf_counter() - start) / calls}


def _call(net: Any, what: str) -> Callable[[], Any]:
    import torch

    def forward() -> None:
        with torch.no_grad():
            net.v_max()

    def gradient() -> None:
        net.parameter.grad = None
        net.v_max().sum().backward()

    calls: dict[str, Callable[[], Any]]
    calls = {"prepare": net.prepare, "forward": forward, "gradient": gradient}
    return calls[what]


def memory(folder: str, duration: float, what: str) -> dict[str, Any]:
    """Rise in memory during a call, after one on the first pattern alone."""
    _call(_net(folder, duration, slice(1)), what)()
    net = _net(folder, duration, slice(None))
    return {"bytes": rise_in_memory(_call(net, what))}


if __name__ == "__main__":
    serve({"hello": hello, "load": load, "compare": compare, "run": run, "memory": memory})
