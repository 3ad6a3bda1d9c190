#!/usr/bin/env -S uv run --script
# /// script
# dependencies = ["nox>=2025.10.14"]
# ///
"""The checks of `.ci/run`, one by one: ``nox --list`` names them."""

from __future__ import annotations

import nox

nox.needs_version = ">=2025.10.14"
nox.options.default_venv_backend = "uv|venv"
PYTHONS = ["3.11", "3.12", "3.13", "3.14"]


@nox.session(python=PYTHONS[0])
def style(session: nox.Session) -> None:
    """Ruff, spelling and Markdown."""
    session.install("pre-commit")
    session.run("pre-commit", "run", "--all-files", env={"SKIP": "mypy"})


@nox.session(python=PYTHONS[0])
def types(session: nox.Session) -> None:
    """Mypy, on the source tree."""
    session.install("-e", ".[test,dev]")
    session.run("mypy")


@nox.session(python=PYTHONS)
def tests(session: nox.Session) -> None:
    """The suite, on every backend; arguments after ``--`` go to pytest."""
    session.install("-e", ".[test]")
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "loadfile"]))


@nox.session(python=PYTHONS, default=False)
def numpy(session: nox.Session) -> None:
    """The suite without any other library."""
    session.install("-e", ".[test-numpy]")
    session.run("pytest", *(session.posargs or ["-n", "2", "--dist", "loadfile"]))


@nox.session(python=PYTHONS[0], default=False)
def docs(session: nox.Session) -> None:
    """The pages, with the gallery."""
    session.install(".[docs]")
    session.run("sphinx-build", "-W", "docs", "docs/_build")


@nox.session(python=PYTHONS[0], default=False)
def bench(session: nox.Session) -> None:
    """Tiny benchmarks, to see that they work."""
    session.install("-e", ".[test,bench]")
    session.run("tempotron", "bench", "--quick", *session.posargs)
    session.run("pytest", "benchmarks", "--benchmark-disable")


@nox.session(python=PYTHONS[0], default=False)
def build(session: nox.Session) -> None:
    """The source distribution and the wheel."""
    session.install("build")
    session.run("python", "-m", "build")


if __name__ == "__main__":
    nox.main()
