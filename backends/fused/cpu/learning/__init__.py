"""Kernels for steps of learning, by batches and by one pattern after another."""
