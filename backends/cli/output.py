"""Folders and figures that commands write."""

from __future__ import annotations

import os
import secrets
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["output_folder", "save_figure"]


def output_folder(out: str) -> Path:
    """Make the folder, and see to it that it can be written to before hours of training."""
    folder = Path(out)
    if folder.exists() and not folder.is_dir():
        raise NotADirectoryError(f"--out must be a folder, got the file {out!r}")
    folder.mkdir(parents=True, exist_ok=True)
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"--out must be a folder that can be written to, got {out!r}")
    return folder


def save_figure(figure: Figure, path: Path) -> None:
    """Write a PNG; a file already at ``path`` is replaced in one step."""
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        figure.savefig(temporary, format="png")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
