"""What tests of the command share."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any

import pytest


@pytest.fixture(autouse=True)
def blank_figure(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a run save an empty figure: drawing it is most of a short run.

    Fixtures of a module, such as a trained model, and other processes draw the true one.
    """
    if find_spec("matplotlib") is None:
        return
    from matplotlib.figure import Figure

    def blank(*_: Any, **__: Any) -> Figure:
        return Figure(figsize=(1.0, 1.0))

    monkeypatch.setattr("tempotron_backends.plotting.training_figure", blank)
