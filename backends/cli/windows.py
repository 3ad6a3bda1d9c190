"""``--window``: a part of the pattern for features, a window in time for trials."""

from __future__ import annotations

import argparse
from typing import Any

from ..recipes.settings import check_settings

__all__ = ["TrialWindow"]


class TrialWindow(argparse.Action):
    """One number is a window to code features in, two are the window of trials."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        """Keep the first as ``window``, the second as ``trial_window``."""
        if len(values) > 2:
            parser.error(f"argument {option_string}: must be one number or two, got {len(values)}")
        if len(values) == 1:
            try:
                check_settings({"window": values[0]})
            except ValueError as error:
                parser.error(f"argument {option_string}: {str(error).removeprefix('window ')}")
            namespace.window = values[0]
            return
        start, stop = values
        if not start < stop:
            parser.error(f"argument {option_string}: must end after it starts, got {start} {stop}")
        namespace.trial_window = (start, stop)
