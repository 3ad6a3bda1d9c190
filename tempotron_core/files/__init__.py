"""Models on disk: archives of arrays, and the checkpoints kept in them."""
