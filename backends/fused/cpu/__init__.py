"""The kernels for processors, compiled by Numba."""
