"""Settings of the documentation, which is built by ``sphinx-build -W -b html docs OUT``.

The pages are plain Markdown that code hosts show too, so what differs between the two is settled
here: formulas in ``math`` fences, and links to the examples.  Nothing is fetched while building.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Any

from docutils import nodes
from sphinx import addnodes

# One thread: the examples are small, and the same everywhere.
os.environ.setdefault("TEMPOTRON_NUM_THREADS", "1")

import tempotron_core

project = "tempotron_core"
author = "The tempotron_core authors"
project_copyright = "the tempotron_core authors"
release = version = tempotron_core.__version__

extensions = [
    "myst_parser",
    "numpydoc",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx-mathjax-offline",  # formulas without a network: MathJax and its fonts in the site
    "sphinx.ext.viewcode",
    "sphinx_gallery.gen_gallery",
]
exclude_patterns = ["_build", "_templates", "examples"]
templates_path = ["_templates"]
nitpicky = True
default_role = "py:obj"
nitpick_ignore = [
    ("py:obj", name) for name in ("DTYPES", "xp")
]  # a constant and an argument
EXTERNAL = {
    "cupy",
    "dask",
    "functools",
    "jax",
    "matplotlib",
    "neo",
    "nir",
    "numpy",
    "scipy",
}
EXTERNAL |= {"sklearn", "sparse", "torch"}

# -- pages --------------------------------------------------------------------------------------

myst_enable_extensions = ["amsmath", "dollarmath"]
myst_fence_as_directive = ["math"]
myst_heading_anchors = 3
myst_dmath_double_inline = True

# -- reference ----------------------------------------------------------------------------------

autosummary_generate = True
autosummary_ignore_module_all = False
autodoc_default_options = {"member-order": "bysource"}
autodoc_typehints = "none"  # the docstrings have them, with shapes and units
autodoc_mock_imports = ["cupy", "dask"]
numpydoc_show_class_members = False
numpydoc_xref_param_type = False

# -- gallery ------------------------------------------------------------------------------------

sphinx_gallery_conf = {
    "examples_dirs": "examples",
    "gallery_dirs": "gallery",
    "filename_pattern": r"\.py$",
    "ignore_pattern": r"__init__\.py$",
    "within_subsection_order": "NumberOfCodeLinesSortKey",
    "thumbnail_size": (640, 400),
    "image_srcset": ["2x"],  # for screens of two dots per pixel
    "capture_repr": (),
    "download_all_examples": False,
    "show_memory": False,
    "show_signature": False,
    "write_computation_times": False,
    "min_reported_time": 1,
    "remove_config_comments": True,
    "abort_on_example_error": True,
    "plot_gallery": "True",
}

# -- output -------------------------------------------------------------------------------------

html_theme = "furo"
pygments_dark_style = "github-dark"
html_title = "tempotron_core"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_show_sourcelink = False
html_copy_source = False


def link_to_gallery(_app: Any, page: str, source: list[str]) -> None:
    """Let links to the examples' files, which a code host shows, lead to their pages here."""
    up = "../" * page.count("/")
    source[0] = re.sub(
        rf"\]\({re.escape(up)}examples/(?:(\w+)\.py)?\)",
        lambda found: f"]({up}gallery/{found[1] or 'index'}.rst)",
        source[0],
    )


def list_every_name(app: Any, page: str, source: list[str]) -> None:
    """Give the reference's first page a line for each name in the tables of its parts."""
    if page != "api/index":
        return
    for package in ("tempotron_core", "tempotron_backends"):
        tables = Path(app.srcdir, "api", f"{package.removeprefix('tempotron_')}.md")
        app.env.note_dependency(str(tables))
        text = tables.read_text(encoding="utf-8")
        listed = re.findall(r"^   ~?(\w[\w.]*)$", text, re.MULTILINE)
        names = {name.removeprefix(f"{package}.") for name in listed}
        lines = "".join(f"      {name}\n" for name in sorted(names, key=str.lower))
        source[0] += (
            f"\n## Every name of {package}\n\n```{{eval-rst}}\n.. currentmodule:: {package}\n\n"
            f".. container:: every-name\n\n   .. autosummary::\n      :nosignatures:\n\n"
            f"{lines}```\n"
        )


def show_formulas_as_written(_app: Any, tree: nodes.document) -> None:
    """Keep Sphinx from wrapping formulas in an environment in which LaTeX allows no ``\\tag``."""
    for formula in tree.findall(nodes.math_block):
        text = formula.astext()
        if r"\tag" in text:
            formula["no-wrap"] = formula["nowrap"] = True
            formula.children = []
            formula.append(nodes.Text(rf"\[{text}\]"))


def leave_out_foreign_citations(_app: Any, tree: nodes.document) -> None:
    """Take citations out of summaries that are shown on another page than the work they cite."""
    if next(tree.findall(nodes.citation), None) is not None:
        return
    for cited in list(tree.findall(addnodes.pending_xref)):
        if re.fullmatch(r"\[?R[0-9a-f]{12}-\d+\]?", cited.astext()):
            paragraph, index = cited.parent, cited.parent.index(cited)
            paragraph.remove(cited)
            before = paragraph[index - 1] if index else None
            if isinstance(before, nodes.Text):
                paragraph[index - 1] = nodes.Text(before.rstrip())


def skip_member(
    _app: Any, _kind: str, _name: str, member: Any, _skip: bool, _options: Any
) -> bool | None:
    """Leave out what other libraries add to classes, and named tuples' fields, described above."""
    foreign = (getattr(member, "__module__", None) or "").startswith("sklearn.")
    return True if foreign or type(member).__name__ == "_tuplegetter" else None


def find_without_module(
    app: Any, env: Any, node: Any, contents: nodes.Node
) -> nodes.Node | None:
    """Let docstrings name objects of the two packages without their modules, and others at all."""
    target = node.get("reftarget", "")
    if (
        node.get("refdomain") != "py"
        or ("py:obj", target) in app.config.nitpick_ignore
    ):
        return None
    if target in sys.modules or target.partition(".")[0] in EXTERNAL:
        return contents  # nothing is fetched, so there is nothing to link to
    python = env.domains["py"]
    for module, anywhere in (("tempotron_core", False), (None, True)):
        node["py:module"], node["refspecific"] = module, anywhere
        found = python.resolve_xref(
            env, node["refdoc"], app.builder, node["reftype"], target, node, contents
        )
        if found is not None:
            return found
    return None


def setup(app: Any) -> None:
    app.connect("source-read", link_to_gallery)
    app.connect("source-read", list_every_name)
    app.connect("doctree-read", show_formulas_as_written)
    app.connect("doctree-read", leave_out_foreign_citations)
    app.connect("autodoc-skip-member", skip_member)
    app.connect("missing-reference", find_without_module)
