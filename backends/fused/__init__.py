"""Fused kernels: the scans of the core, compiled for processors and GPUs.

They are an implementation detail.  The Array API form of every readout and gradient is its
definition; a kernel that serves an array's library and device takes its place where
``method='auto'``, and agrees with it within the tolerances of the tests.
"""
