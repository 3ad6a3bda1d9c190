"""Training a network by a recipe, and what is kept and told of a run."""
