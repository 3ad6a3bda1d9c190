"""Patterns to learn from: data sets, event files, drawn tasks, and what loads batches of them."""
