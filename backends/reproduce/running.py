"""Running the jobs of a reproduction over processes, and keeping what is done.

After every job all numbers so far are written, in one step.  A run that was killed goes on with the
jobs that are missing: each has a seed of its own, so the numbers are those of an undisturbed run.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from tempotron_core import __version__
from tempotron_core.arrays.numbers import whole_number
from tempotron_core.files.replacing import replacing

from .names import find, run_job
from .reproduction import Job

__all__ = ["FILE", "read_run", "run_all"]

FORMAT = 1
FILE = "reproduction.json"

Record = dict[str, Any]
Tell = Callable[[float, float, int, int], None]


def run_all(
    name: str,
    out: Path,
    *,
    quick: bool = False,
    seed: int = 0,
    jobs: int = 1,
    cluster: str | None = None,
    data: str | None = None,
    tell: Tell = lambda *_: None,
) -> Record:
    """Run what is missing of a reproduction, and return all of it.

    Parameters
    ----------
    name : str
    out : Path
        A folder that exists.
    quick : bool, default False
    seed : int, default 0
    jobs : int, default 1
        Processes side by side.
    cluster : str, optional
        Address of a Dask scheduler, whose workers run the jobs instead.
    data : str, optional
        Path of what a reproduction learns from, if it asks for one.
    tell : callable, optional
        Takes the cost that is done and that of all jobs, and the numbers of both, before the first
        job and after each.

    Returns
    -------
    dict
        What ``reproduction.json`` holds.

    Raises
    ------
    ImportError
        If there is a cluster and no Dask.
    OSError
        If the cluster cannot be reached.
    ValueError
        If an argument is not possible, or the folder holds another run or anything else.
    """
    jobs = whole_number("jobs", jobs)
    seed = whole_number("seed", seed, least=0)
    what = find(name)
    if what.data and data is None:
        raise ValueError(f"data must be {what.data}, got none")
    if data is not None and not what.data:
        raise ValueError(f"data must be left out for {name}, which has its own, got {data!r}")
    todo = what.jobs(quick, seed)
    record = read_run(out / FILE, name, quick, seed)
    results: dict[int, Any] = {each["number"]: each for each in record["jobs"]}
    costs = [float(job.get("cost", 1.0)) for job in todo]

    def say() -> None:
        done = sum(costs[number] for number in results)
        tell(done, sum(costs), len(results), len(todo))

    say()
    # where the data lie is no part of a run: it may go on elsewhere
    found = {} if data is None else {"data": os.fspath(data)}
    missing = {number: job | found for number, job in enumerate(todo) if number not in results}
    for number, seconds, result in _run(name, missing, jobs, cluster):
        results[number] = {
            "number": number, "job": todo[number], "seconds": seconds, "result": result
        }  # fmt: skip
        record["jobs"] = [results[each] for each in sorted(results)]
        with replacing(out / FILE) as file:
            file.write((json.dumps(record, indent=1) + "\n").encode())
        say()
    return record


def read_run(path: Path, name: str, quick: bool, seed: int) -> Record:
    """Return the record of a run so far, or a new one; an error if it is of another run."""
    record: Record = {
        "format": FORMAT, "name": name, "quick": quick, "seed": seed, "version": __version__,
        "jobs": [],
    }  # fmt: skip
    new = {key: value for key, value in record.items() if key != "jobs"}
    expected = f"out must be empty or hold this very run, {_words(new)}"
    if not path.exists():
        others = sorted(each.name for each in path.parent.iterdir() if each.name[0] != ".")
        if others:
            raise ValueError(f"{expected}, got a folder with {others[0]!r}: {path.parent}")
        return record
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
        same = {key: found.get(key) for key in record if key != "jobs"}
    except (ValueError, AttributeError):
        raise ValueError(f"out must hold no other file of that name, got {path}") from None
    if same != new:
        raise ValueError(f"{expected}, got a folder with {_words(same)}: {path.parent}")
    record["jobs"] = found["jobs"]
    return record


def _words(run: Record) -> str:
    quick = " quick" if run["quick"] else ""
    return f"{run['name']}{quick} seed {run['seed']} of version {run['version']}"


def _run(
    name: str, todo: dict[int, Job], jobs: int, cluster: str | None
) -> Iterator[tuple[int, float, Any]]:
    """Yield the number, seconds and result of each job as it is done."""
    if cluster is None and jobs == 1:
        for number, job in todo.items():
            yield number, *_timed(name, job)
        return
    with _executor(jobs, cluster) as executor:
        futures = {executor.submit(_timed, name, job): number for number, job in todo.items()}
        try:
            for future in as_completed(futures):
                yield futures[future], *future.result()
        except BaseException:
            executor.shutdown(wait=False, cancel_futures=True)
            raise


def _timed(name: str, job: Job) -> tuple[float, Any]:
    start = time.process_time()
    result = run_job(name, job)
    return round(time.process_time() - start, 3), result


@contextmanager
def _executor(jobs: int, cluster: str | None) -> Iterator[Executor]:
    if cluster is None:
        context = get_context("spawn")  # a forked process has locks of threads it does not have
        with ProcessPoolExecutor(jobs, mp_context=context, initializer=_alone) as executor:
            yield executor
        return
    try:
        from distributed import Client
    except ImportError as error:
        raise ImportError(
            "a cluster needs Dask, which is not installed: pip install 'tempotron-core[dask]'"
        ) from error
    try:
        client = Client(cluster)
    except (OSError, ValueError) as error:
        raise OSError(
            f"cluster must be the address of a Dask scheduler, got {cluster!r}: {error}"
        ) from error
    with client, client.get_executor() as executor:
        yield executor


def _alone() -> None:
    """Let a process use one thread: there is a process for each processor."""
    os.environ["TEMPOTRON_NUM_THREADS"] = "1"
