"""The stand-in's array type, apart from the names of `cupy`, some of which are built-ins'."""

import operator

import numpy

from . import cuda

SCALARS = (bool, int, float, complex, numpy.generic)


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
        return self.host.copy()

    def astype(self, dtype, copy=True):
        return ndarray(self.host.astype(dtype, copy=copy))

    def copy(self):
        return ndarray(self.host.copy())

    def item(self):
        return self.host.item()

    def tolist(self):
        return self.host.tolist()

    def __getitem__(self, key):
        return ndarray(self.host[unwrap(key)])

    def __setitem__(self, key, value):
        self.host[unwrap(key)] = unwrap(value)

    def __len__(self):
        return len(self.host)

    def __iter__(self):
        return (ndarray(row) for row in self.host)

    def __bool__(self):
        return bool(self.host)

    def __int__(self):
        return int(self.host)

    def __float__(self):
        return float(self.host)

    def __index__(self):
        return operator.index(self.host[()])

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


def wrap(value):
    """The device form of a result."""
    if isinstance(value, (numpy.ndarray, numpy.generic)):
        return ndarray(value)
    if isinstance(value, (tuple, list)) and not hasattr(value, "_fields"):
        return type(value)(wrap(item) for item in value)
    return value


def on_device(function):
    """A NumPy function that takes and gives device arrays."""

    def call(*args, **kwargs):
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
