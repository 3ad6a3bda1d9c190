"""Every backend in its forms, for pytest-benchmark to keep and compare from version to version.

    python -m pytest benchmarks --benchmark-only

`tempotron bench` measures the same calls in turns, beside other libraries; this file is for
following one machine over time (``--benchmark-autosave``, ``--benchmark-compare``).
"""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tempotron_backends import available
from tempotron_backends.bench import roofline
from tempotron_backends.bench.agreement import check_subjects
from tempotron_backends.bench.subjects import (
    Subject,
    forms_of,
    make_floor_subject,
    make_subject,
)
from tempotron_backends.bench.workload import DEFAULT_SHAPES, SMALL_SHAPE, Shape, Workload

pytest.importorskip("pytest_benchmark")

DTYPE = "float32"
BACKENDS = {str(b): b for b in available() if b.name != "strict"}
FORMS = [(name, form) for name, b in BACKENDS.items() for form in forms_of(b, DTYPE)]


def sizes(shape: Shape) -> str:
    return f"{shape.batch}x{shape.afferents}x{shape.outputs}"


@cache
def workload(shape: Shape) -> Workload:
    return Workload(shape, DTYPE)


@cache
def subject(shape: Shape, name: str, form: str) -> Subject:
    """A form that has shown that it computes what it should, and is warm."""
    made = make_subject(workload(shape), BACKENDS[name], form)
    check_subjects(workload(shape), [made])
    return made


def measured(benchmark: Any, of: Subject, what: str) -> None:
    def call() -> None:
        of.wait(of.calls[what]())

    call()
    benchmark(call)


@pytest.mark.parametrize("what", ["prepare", "forward", "gradient"])
@pytest.mark.parametrize(("name", "form"), FORMS)
@pytest.mark.parametrize("shape", DEFAULT_SHAPES, ids=sizes)
def test_batch(benchmark: Any, shape: Shape, name: str, form: str, what: str) -> None:
    benchmark.group = f"{what}: {shape}"
    measured(benchmark, subject(shape, name, form), what)


@pytest.mark.parametrize(("name", "form"), FORMS)
def test_small(benchmark: Any, name: str, form: str) -> None:
    benchmark.group = f"forward: {SMALL_SHAPE}"
    measured(benchmark, subject(SMALL_SHAPE, name, form), "forward")


@pytest.mark.skipif(bool(roofline.missing()), reason=roofline.missing() or "there is a floor")
@pytest.mark.parametrize("shape", DEFAULT_SHAPES, ids=sizes)
def test_floor(benchmark: Any, shape: Shape) -> None:
    benchmark.group = f"forward: {shape}"
    measured(benchmark, make_floor_subject(workload(shape), threads=2), "forward")
