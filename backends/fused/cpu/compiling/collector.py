"""The garbage collector, paused while much is made that stays.

An import of Numba or a compilation makes hundreds of thousands of objects, none of which is
garbage, and the collector looks through all of them again and again.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["collector_paused"]


@contextlib.contextmanager
def collector_paused() -> Iterator[None]:
    """Collect no garbage within, and count as old what was made."""
    if not gc.isenabled():
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        if gc.get_freeze_count() == 0:  # nobody else's
            gc.freeze()
            gc.unfreeze()  # to the oldest generation, without a look
        gc.enable()
