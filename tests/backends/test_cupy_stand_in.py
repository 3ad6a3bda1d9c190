"""The code written for CuPy runs, on a stand-in that is not CuPy.

See cupy_stand_in/cupy/__init__.py for what this shows and what it does not.  It is used in a
process of its own, never in this one.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

STAND_IN = Path(__file__).parents[1] / "support" / "cupy_stand_in"


def test_cupy_code_runs_on_the_stand_in():
    done = subprocess.run(
        [sys.executable, "-W", "error", str(STAND_IN / "check.py")],
        env=os.environ | {"PYTHONPATH": str(STAND_IN)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    assert "arrays agree" in done.stdout
