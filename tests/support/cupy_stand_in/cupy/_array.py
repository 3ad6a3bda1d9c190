"""The stand-in's array type, apart from the names of `cupy`, some of which are built-ins'."""

import inspect
import operator

import numpy

from . import cuda

SCALARS = (bool, int, float, complex, numpy.generic)

waits = 0
"""How often the host has waited for the device."""


def wait(host):
    """The host array, read by the host."""
    global waits
    waits += 1
    return host


class ndarray:
    """An array "on the device": its NumPy array is out of reach of NumPy."""

    __array_ufunc__ = None  # numpy_array + this is a TypeError

    def __init__(self, host):
        self.host = numpy.asarray(host)

    def __array__(self, *args, **kwargs):
        raise TypeError("Implicit conversion to a NumPy array is not allowed. Use `.get()`.")

    dtype = property(lambda self: self.host.dtype)
    shape = property(lambda self: self.host.shape)
    ndim = property(lambda self: self.host.ndim)
    size = property(lambda self: self.host.size)
    device = property(lambda self: cuda.Device(0))

    def get(self):
        return wait(self.host).copy()

    def astype(self, dtype, copy=True):
        return ndarray(self.host.astype(dtype, copy=copy))

    def copy(self):
        return ndarray(self.host.copy())

    def item(self):
        return wait(self.host).item()

    def tolist(self):
        return wait(self.host).tolist()

    def __getitem__(self, key):
        return ndarray(self.host[_index(key)])

    def __setitem__(self, key, value):
        self.host[_index(key)] = unwrap(value)

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        return (ndarray(row) for row in self.host)

    def __bool__(self):
        return bool(wait(self.host))

    def __int__(self):
        return int(wait(self.host))

    def __float__(self):
        return float(wait(self.host))

    def __neg__(self):
        return ndarray(-self.host)

    def __invert__(self):
        return ndarray(~self.host)

    def __abs__(self):
        return ndarray(abs(self.host))

    def __repr__(self):
        return f"stand_in({self.host!r})"


def unwrap(value):
    """The NumPy form of an argument; NumPy arrays themselves are refused."""
    if isinstance(value, ndarray):
        return value.host
    if isinstance(value, numpy.ndarray):
        raise TypeError(f"Unsupported type {type(value)}")
    if isinstance(value, (tuple, list)):
        return type(value)(unwrap(item) for item in value)
    return value


def _index(key):
    """An index; how many entries a mask selects is for the host to know."""
    for each in key if isinstance(key, tuple) else (key,):
        if isinstance(each, ndarray) and each.dtype == bool:
            wait(each.host)
    return unwrap(key)


def add_at(a, indices, b):
    """Add in place, once per index."""
    numpy.add.at(a.host, _index(indices), unwrap(b))


def wrap(value):
    """The device form of a result."""
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return ndarray(value)
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(wrap(item) for item in value)
    return value


def on_device(function, arguments):
    """A NumPy function that takes and gives device arrays, and CuPy's arguments alone."""
    declared = inspect.signature(eval(f"lambda {arguments}: 0"))

    def call(*args, **kwargs):
        declared.bind(*args, **kwargs)
        if function.__name__ in ("nonzero", "flatnonzero", "argwhere", "unique"):
            wait(args[0].host)
        return wrap(function(*unwrap(args), **{k: unwrap(v) for k, v in kwargs.items()}))

    call.__name__ = function.__name__
    return call


def _operator(name, reflected=False):
    function = getattr(operator, name)

    def call(self, other):
        if not isinstance(other, (ndarray, *SCALARS)):
            return NotImplemented
        pair = (self.host, unwrap(other))
        return wrap(function(*(reversed(pair) if reflected else pair)))

    return call


for _name in "add sub mul truediv floordiv mod pow and_ or_ xor lshift rshift matmul".split():
    _bare = _name.rstrip("_")
    setattr(ndarray, f"__{_bare}__", _operator(_name))
    setattr(ndarray, f"__r{_bare}__", _operator(_name, reflected=True))
for _name in "lt le gt ge eq ne".split():
    setattr(ndarray, f"__{_name}__", _operator(_name))
ndarray.__hash__ = None


def absent(name):
    def call(*args, **kwargs):
        raise NotImplementedError(f"the stand-in has no cupy.{name}")

    return call
