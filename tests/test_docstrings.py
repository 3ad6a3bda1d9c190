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
    "readouts.crossing.first_crossing",
    "encoding.receptive_fields.GaussianReceptiveFields",
    "encoding.receptive_fields.encode_latency",
    "learning.losses.tempotron_loss",
    "neuron.Neuron",
    "learning.optimisers.Momentum",
    "readouts.peak.peak",
    "readouts.peak_gradient.peak_vjp",
    "networks.tempotron.Tempotron",
    "readouts.voltage.voltage",
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
    assert set(EXAMPLES) >= WITH_EXAMPLE


@pytest.mark.parametrize("name", EXAMPLES)
def test_example(name):
    report: list[str] = []
    runner = doctest.DocTestRunner(verbose=False, optionflags=FLAGS)
    result = runner.run(EXAMPLES[name], out=report.append)
    assert result.failed == 0, "".join(report)
    assert result.attempted > 0
