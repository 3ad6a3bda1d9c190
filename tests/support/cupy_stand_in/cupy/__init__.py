"""Not CuPy: a NumPy-backed stand-in, so that the code written for CuPy runs at all.

It has only the names, and takes only the arguments, that CuPy 14.0 has (``names.txt``, where 0
stands for any default).  Its arrays are of a type of its own and refuse what CuPy's refuse:
arithmetic with NumPy arrays, and conversion to them unless asked for.  It counts what makes the
host wait for the device.  It shows that array_api_compat's and this project's CuPy code runs and
never mixes host and device arrays.  It says nothing about CuPy, CUDA or a GPU.
"""

from pathlib import Path

import numpy

from . import cuda
from ._array import absent, ndarray, on_device
from ._array import add_at as _add_at

__version__ = "14.0.0"

for _line in (Path(__file__).parent.parent / "names.txt").read_text().splitlines():
    _name, _, _arguments = _line.partition("(")
    _found = getattr(numpy, _name, None)
    if "." in _name:
        continue  # an attribute of its arrays
    if _found is None:
        globals()[_name] = absent(_name)
    elif isinstance(_found, type) or not callable(_found):
        globals()[_name] = _found  # dtypes and constants are NumPy's in CuPy too
    else:
        globals()[_name] = on_device(_found, _arguments.removesuffix(")"))


def asarray(obj, dtype=None, order=None):
    """Copy to the device, from NumPy too."""
    return ndarray(numpy.array(obj.host if isinstance(obj, ndarray) else obj, dtype, order=order))


def array(obj, dtype=None, copy=True, order="K"):
    """As `asarray`."""
    return asarray(obj, dtype, order)


def asnumpy(a):
    """Copy to the host."""
    return a.get() if isinstance(a, ndarray) else numpy.asarray(a)


def is_available():
    """There is a device, or so it says."""
    return True


add.at = _add_at  # noqa: F821 - a name from the list

from . import fft, linalg  # noqa: E402
