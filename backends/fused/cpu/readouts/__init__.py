"""Kernels for readouts and their gradients."""
