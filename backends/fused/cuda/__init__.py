"""The kernels for CUDA devices, compiled from ``kernels.cu``."""
