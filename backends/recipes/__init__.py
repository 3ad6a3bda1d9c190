"""Recipes: every setting of a training run, and the files that hold named ones."""

from .coding import usual_encoder
from .files import named_recipes, read_recipe
from .recipe import Recipe

__all__ = ["Recipe", "named_recipes", "read_recipe", "usual_encoder"]
