"""Every function on a torch device that has no memory and no kernels.

FakeTensorMode computes shapes, dtypes and devices but no values, here on a made-up device
registered as torch's private one.  A constant left on the CPU is an error there, one of no axes
too, which torch would let pass.  Looks at a value, which on a GPU make the host wait, are counted:
the static form of a readout takes none, making events takes two.  Numbers are not checked.
Registering the device changes the process for good, so it is done in one of its own.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

registration = pytest.importorskip("torch.utils.backend_registration")

pytestmark = pytest.mark.skipif(
    not hasattr(registration, "_setup_privateuseone_for_python_backend"),
    reason="this torch cannot register a device from Python",
)


@pytest.fixture(scope="module")
def printed() -> list[str]:
    """Lines of the program: one of what is right, then one of each mistake."""
    program = Path(__file__).parents[2] / "support" / "fake_device.py"
    done = subprocess.run(
        [sys.executable, "-W", "error", str(program)],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout.splitlines()


def test_everything_stays_on_the_device(printed):
    assert printed[0] == "all on the device"


def test_what_it_would_catch(printed):
    """The check itself: these mistakes do fail on the made-up device."""
    assert printed[1:] == [
        "a constant on the CPU: AssertionError",
        "one of no axes: AssertionError",
        "a copy to the host: AssertionError",
        "a look at a value: DataDependentOutputException",
        "one that the core survives: AssertionError",
        "a shape from values: DynamicOutputShapeException",
    ]
