"""Layers of tempotrons: one with the reference class's interface, several in a row, with delays."""
