"""The examples in the docstrings of the core give what they show."""

from __future__ import annotations

import doctest
import importlib
import inspect
import pkgutil
from collections.abc import Iterator

import pytest

import tempotron_core

FLAGS = doctest.NORMALIZE_WHITESPACE
# Those that a reader is likely to look up have to have one.
WITH_EXAMPLE = {
    "first_crossing",
    "GaussianReceptiveFields",
    "encode_latency",
    "tempotron_loss",
    "Neuron",
    "Momentum",
    "peak",
    "peak_vjp",
    "Tempotron",
    "voltage",
}


def examples() -> Iterator[doctest.DocTest]:
    finder = doctest.DocTestFinder(exclude_empty=True)
    for info in pkgutil.walk_packages(tempotron_core.__path__, "tempotron_core."):
        module = importlib.import_module(info.name)
        documented = {"": module}
        for name, value in vars(module).items():
            # doctest itself overlooks decorated functions
            owner = getattr(inspect.unwrap(value), "__module__", None) if callable(value) else None
            if owner == module.__name__:
                documented[name] = value
        for name, value in documented.items():
            title = f"{info.name.removeprefix('tempotron_core.')}.{name}".rstrip(".")
            if inspect.ismodule(value):
                found = [finder._get_test(value, title, value, vars(value).copy(), None)]
            else:
                found = finder.find(value, title, module=False, globs=vars(module).copy())
            yield from (test for test in found if test is not None and test.examples)


EXAMPLES = {test.name: test for test in examples()}


def test_examples_are_found():
    assert {name.rpartition(".")[2] for name in EXAMPLES} >= WITH_EXAMPLE


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name):
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    result = runner.run(EXAMPLES[name], out=report.append)
    assert result.failed == 0, "".join(report)
    assert result.attempted > 0
