"""Kernels compiled ahead, and the line that says what a first call waits for."""

from __future__ import annotations

import io
import sys

import numpy as np
import pytest

pytest.importorskip("numba")

from tempotron_backends.cli.command import main
from tempotron_backends.fused import choice
from tempotron_backends.fused.cpu import ahead
from tempotron_backends.fused.cpu.compiling import compiled, machine_code, notices
from tempotron_backends.fused.cpu.readouts import peak_scan
from tempotron_core import Events, Neuron, peak


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def at_a_terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    """Not a fixture: pytest sets stream and environment anew for each phase of a test."""
    stream = Terminal()
    monkeypatch.delenv("PYTEST_CURRENT_TEST")
    monkeypatch.setattr(notices, "told", [])
    monkeypatch.setattr(sys, "stderr", stream)
    return stream


def of_two_kinds() -> None:
    """Compile a new kernel for integers and for floats."""

    @compiled.compiled
    def twice(x):  # type: ignore[no-untyped-def]
        return x + x

    assert (twice(2), twice(2.5)) == (4, 5.0)


@pytest.mark.parametrize("kept", [True, False])
def test_one_line_says_that_kernels_compile(kept: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    # neither is read from a cache: a function within a function has none
    terminal = at_a_terminal(monkeypatch)
    cache = machine_code._KernelCache if kept else machine_code._NoCache
    monkeypatch.setattr(cache, "save_overload", lambda *_: None)
    if not kept:
        monkeypatch.setattr(machine_code, "_KernelCache", _raise)
        monkeypatch.setattr(machine_code, "warn_uncached", lambda: None)
    of_two_kinds()
    written = terminal.getvalue()
    assert written.count("\n") == 1
    assert "compiling kernels" in written
    assert "tempotron backends --compile" in written


def _raise(*_: object) -> None:
    raise RuntimeError


def test_nothing_is_said_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    monkeypatch.setattr(terminal, "isatty", lambda: False)
    notices.say_compiling()
    monkeypatch.setattr(sys, "stderr", None)
    notices.say_compiling()
    assert terminal.getvalue() == ""
    assert notices.told == []


def test_a_counter_is_compiled_as_an_integer_alone() -> None:
    """Its first value, 0, is a type of its own to Numba, for which nothing need be compiled."""

    @compiled.compiled
    def longer(n):  # type: ignore[no-untyped-def]
        return n + 1

    @compiled.compiled
    def counted(most):  # type: ignore[no-untyped-def]
        n = 0
        while n < most:
            n = longer(n)
        return n

    assert counted(3) == 3
    assert [str(given) for given in longer.part.signatures] == ["(int64,)"]  # type: ignore[attr-defined]


def test_forms_are_found_where_they_are() -> None:
    forms = choice.for_numpy(np.zeros(1))
    assert all(form.__name__ == name for name, form in forms.items())
    assert forms.get("no such form") is None


def test_every_kernel_is_among_them() -> None:
    called = {name.partition(" ")[0] for name, _ in ahead._calls(np.dtype("float32"), 1)}
    assert called == set(choice.for_numpy(np.zeros(1)))


@pytest.mark.slow
def test_what_is_compiled_ahead_is_not_compiled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = at_a_terminal(monkeypatch)
    ready = list(ahead.compile_ahead())
    assert terminal.getvalue() == ""
    assert {what.partition("(")[2] for what in ready} == {f"{dtype})" for dtype in ahead.DTYPES}
    before = peak_scan.scan_peaks.signatures
    for dtype in ahead.DTYPES:
        events = Events.from_latencies(np.ones((2, 3), dtype), 20.0)
        peak(events, np.ones((2, 3), dtype), Neuron())
    assert peak_scan.scan_peaks.signatures == before


def test_the_command_says_how_long_and_where(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(ahead, "compile_ahead", lambda: iter(["peak (float32)", "peak (float64)"]))
    assert main(["backends", "--compile"]) == 0
    found = capsys.readouterr()
    assert found.out.startswith("2 kernels are ready, after ")
    assert found.out.splitlines()[1] == f"they are kept under {ahead.cache_folder()}"
    assert found.err == "compiling kernels, a minute or two ...\n"
    monkeypatch.setattr(ahead, "cache_folder", lambda: "")
    assert main(["backends", "--compile"]) == 0
    assert "NUMBA_CACHE_DIR" in capsys.readouterr().err


def test_without_numba_the_command_says_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setitem(sys.modules, "tempotron_backends.fused.cpu.ahead", None)
    assert main(["backends", "--compile"]) == 2
    assert "--compile needs Numba" in capsys.readouterr().err
