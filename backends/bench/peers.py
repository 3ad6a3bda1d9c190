"""Workers: other processes that are asked to measure, SpikingJelly's and our own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from .workload import Floats, Workload

__all__ = ["Peer", "Worker"]

SOURCE = Path(__file__).with_name("peer_worker.py")


class Worker:
    """A process that answers requests, one line of JSON each; end it by leaving its context.

    Parameters
    ----------
    command : sequence of str
        What to run.
    name : str
        What to call it in messages.
    threads : int
        Threads that its libraries may use.
    """

    def __init__(self, command: Sequence[str], name: str, threads: int) -> None:
        self.name = name
        self.log = tempfile.TemporaryFile("w+", encoding="utf-8", errors="replace")  # noqa: SIM115
        number = str(threads)
        self.process = subprocess.Popen(
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self.log,
            text=True,
            encoding="utf-8",
            env=os.environ | {"OMP_NUM_THREADS": number, "MKL_NUM_THREADS": number},
        )

    def __enter__(self) -> Worker:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the process."""
        self.process.kill()
        self.process.communicate()
        self.log.close()

    def ask(self, do: str, **request: Any) -> dict[str, Any]:
        """Send a request and return the answer.

        Raises
        ------
        ValueError
            If the answer is an error, or the process has ended, or says something else.
        """
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        try:
            self.process.stdin.write(json.dumps({"do": do} | request) + "\n")
            self.process.stdin.flush()
            line = self.process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            raise ValueError(f"{self.name} ended: {self._last_words()}")
        try:
            reply = json.loads(line)
        except ValueError:
            reply = None
        if not isinstance(reply, dict):
            raise ValueError(f"{self.name} must answer in JSON, got {line.strip()[:80]!r}")
        if "error" in reply:
            raise ValueError(f"{self.name}: {reply['error']}")
        return reply

    def _last_words(self) -> str:
        code = self.process.wait()
        self.log.seek(0)
        lines = self.log.read().strip().splitlines()
        if code < 0:
            return f"killed by signal {-code} (9 may mean that it ran out of memory)"
        return lines[-1] if lines else f"exit code {code}"


class Peer:
    """A SpikingJelly tempotron in an interpreter's environment; a `timing.Runner`.

    Parameters
    ----------
    interpreter : str
        Name or path of a Python interpreter that can import SpikingJelly.
    threads : int

    Raises
    ------
    ValueError
        If there is no such interpreter, or it has no SpikingJelly with a tempotron.
    """

    def __init__(self, interpreter: str, threads: int) -> None:
        found = shutil.which(interpreter)
        if found is None:
            raise ValueError(f"--peers must name Python interpreters, got {interpreter!r}")
        self.threads = threads
        self.command = [found, "-c", SOURCE.read_text(encoding="utf-8")]
        self.worker = Worker(self.command, f"--peers {interpreter}", threads)
        try:
            self.about = self.worker.ask("hello", threads=threads)
        except ValueError as error:
            self.worker.close()
            raise ValueError(
                f"--peers must name Python interpreters with SpikingJelly's tempotron installed; "
                f"{error}"
            ) from error
        self.name = f"SpikingJelly {self.about['version']}"
        self.form = str(self.about["form"])
        self.worker.name = self.name

    @property
    def is_exact(self) -> bool:
        """Whether it computes in continuous time, not on a grid."""
        return self.form.startswith("exact")

    def load(self, folder: Path, workload: Workload) -> None:
        """Have it read a workload that was saved, and prepare its inputs."""
        self.worker.ask("load", folder=str(folder), duration=workload.shape.duration)

    def compared(self, folder: Path) -> tuple[Floats, int]:
        """Return its v_max, and how many are NaN in the dtype of the timing."""
        path = folder / "v_max.npy"
        reply = self.worker.ask("compare", path=str(path))
        return np.load(path), int(reply["nan"])

    def can(self, what: str) -> bool:
        """Whether it has that call."""
        return what in ("prepare", "forward", "gradient")

    def run(self, what: str, calls: int) -> float:
        """Seconds that a call takes, measured in its own process."""
        return float(self.worker.ask("run", what=what, calls=calls)["seconds"])

    def memory(self, folder: Path, workload: Workload, what: str) -> int | None:
        """Rise in memory during a call, in a fresh process."""
        with Worker(self.command, self.name, self.threads) as worker:
            worker.ask("hello", threads=self.threads)
            duration = workload.shape.duration
            found = worker.ask("memory", folder=str(folder), duration=duration, what=what)
        return None if found["bytes"] is None else int(found["bytes"])

    def close(self) -> None:
        """End its process."""
        self.worker.close()
