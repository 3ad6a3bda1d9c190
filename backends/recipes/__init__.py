"""Recipes: every setting of a training run, and the files that hold named ones."""
