"""Recipes in TOML files, some of which come with the package."""

from __future__ import annotations

import os
import tomllib
from importlib.resources import files
from pathlib import Path
from typing import Any

from .recipe import Recipe
from .settings import check_settings

__all__ = ["named_recipes", "read_recipe"]


def named_recipes() -> list[str]:
    """Return the names of the recipes that come with the package."""
    folder = files(__package__)
    return sorted(Path(file.name).stem for file in folder.iterdir() if file.name.endswith(".toml"))


def read_recipe(name: str) -> dict[str, Any]:
    """Read the settings in a recipe; those it does not name keep their defaults.

    Parameters
    ----------
    name : str
        One of `named_recipes`, or the path of a TOML file of settings (`Recipe`'s attributes).

    Returns
    -------
    dict

    Raises
    ------
    FileNotFoundError
        If there is no such recipe.
    ValueError
        If the file is no TOML, or names a setting that there is not.
    """
    if os.path.isfile(name):
        content = Path(name).read_bytes()
    elif name in named_recipes():
        content = (files(__package__) / f"{name}.toml").read_bytes()
    else:
        raise FileNotFoundError(
            f"recipe must be one of {', '.join(named_recipes())} or a TOML file, got {name!r}"
        )
    try:
        # editors of Windows begin a file with a byte order mark
        settings = tomllib.loads(content.decode("utf-8-sig"))
        check_settings(settings)
        Recipe(**settings)
    except RecursionError:
        raise ValueError(f"recipe must hold settings in TOML, got {name!r}: nested") from None
    except (TypeError, ValueError) as error:
        raise ValueError(f"recipe must hold settings in TOML, got {name!r}: {error}") from None
    return settings
