"""Kernels for events: sorted, picked, looked at."""
