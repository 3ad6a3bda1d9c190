"""Kernels for the multi-spike neuron: output spikes, critical thresholds, streams."""
