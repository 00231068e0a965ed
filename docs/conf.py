"""The documentation site: ``sphinx-build -W --keep-going -b html docs site`` (``.ci/parts/docs``).

Why Sphinx, with furo and MyST, and not Material for MkDocs: our docstrings are Google's sections with roles and
directives of reStructuredText in them (``:meth:``, ``versionadded``), and Sphinx makes links and notes
of these. Tried on the same three modules, mkdocstrings left 73 roles and 34 directives in the page, as they are
typed. And Material ends its support in May 2027. Pages are Markdown in both, so they read well without the site.

The pages of the project itself (README, ARCHITECTURE, ...) stand at the top of the checkout, where people look for
them; the site has each in place of a page in ``project/``. Links between pages are those that work in a checkout.
"""

from __future__ import annotations

import os
import re
from importlib.metadata import version as version_of
from pathlib import Path
from typing import TYPE_CHECKING

import inotify_cffi

if TYPE_CHECKING:
    from docutils.nodes import Element, Node
    from sphinx.addnodes import pending_xref
    from sphinx.application import Sphinx
    from sphinx.environment import BuildEnvironment

HERE = Path(__file__).resolve().parent
TOP = HERE.parent

project = "inotify_cffi"
author = "the authors of inotify_cffi"
copyright = "the authors of inotify_cffi"  # noqa: A001  # Sphinx's name
release = version = version_of("inotify_cffi")

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
source_suffix = {".md": "markdown"}
html_theme = "furo"
html_title = f"inotify_cffi {release}"
# What others read by address: the schemas.
html_extra_path = ["../inotify_cffi/event.schema.json", "../inotify_cffi/cloudevent.schema.json"]

# Headings have the anchors that other viewers of Markdown give them.
myst_heading_anchors = 4
# "README.md" in the text is a name, not an address.
myst_linkify_fuzzy_links = False

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_preserve_defaults = True
napoleon_numpy_docstring = False
python_use_unqualified_type_names = True

# A reference that leads nowhere is a warning, and so an error. Types in signatures are no references to us: those
# of typing, and names that only a type checker sees.
nitpicky = True
# And what an inner floor says of another one.
nitpick_ignore_regex = [
    ("py:class", ".*"),
    ("py:exc", ".*"),
    ("py:mod", "typing"),
    ("py:.*", r"inotify_cffi\.kernel\..*"),
]

# External links are looked at by the builder "linkcheck" only.
linkcheck_anchors = False
linkcheck_timeout = 20
linkcheck_retries = 2

# The pages at the top of the checkout, by the page of the site that is each.
TOPS = {
    "project/architecture": "ARCHITECTURE.md",
    "project/changelog": "CHANGELOG.md",
    "project/contributing": "CONTRIBUTING.md",
    "project/readme": "README.md",
    "project/security": "SECURITY.md",
}
PAGE_OF = {name: page for page, name in TOPS.items()}

LINK = re.compile(
    r"(?P<image>!?)\[(?P<text>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^()\s#]+)(?P<anchor>#[^()\s]*)?\)"
)
FENCE = re.compile(r"^(```.*?^```)", re.MULTILINE | re.DOTALL)


def in_the_site(page: str, text: str, place: Path) -> str:
    """Return the text of a page with the links that work there; it stands in the directory *place*."""

    def replaced(found: re.Match[str]) -> str:
        target = found["target"]
        if "://" in target or target.startswith(("mailto:", "/")):
            return found[0]
        path = Path(os.path.normpath(place / target))
        relative = os.path.relpath(path, TOP)
        if relative in PAGE_OF:
            path = HERE / f"{PAGE_OF[relative]}.md"
        elif not path.is_relative_to(HERE):
            # Sources are not part of the site.
            return found["text"] if path.exists() else found[0]
        link = os.path.relpath(path, HERE / os.path.dirname(page))
        return f"{found['image']}[{found['text']}]({link}{found['anchor'] or ''})"

    parts = FENCE.split(text)
    return "".join(part if part.startswith("```") else LINK.sub(replaced, part) for part in parts)


def read(app: Sphinx, page: str, source: list[str]) -> None:
    """Put the pages of the project in their places, and make links work."""
    if page in TOPS:
        path = TOP / TOPS[page]
        app.env.note_dependency(str(path))
        source[0] = in_the_site(page, path.read_text(encoding="utf-8"), TOP)
    else:
        source[0] = in_the_site(page, source[0], (HERE / page).parent)


def public(app: Sphinx, env: BuildEnvironment, node: pending_xref, content: Node) -> Element | None:
    """Lead a reference by the module that owns a name, as docstrings have it, to where the name is public."""
    owner = node.get("reftarget", "").split(".")
    known = next((start for start, part in enumerate(owner) if part in inotify_cffi.__all__), None)
    if known is None:
        return None
    name = ".".join(["inotify_cffi", *owner[known:]])
    found: Element | None = env.domains["py"].resolve_xref(
        env, node["refdoc"], app.builder, "obj", name, node, content
    )
    return found


def setup(app: Sphinx) -> dict[str, bool]:
    """Connect the two."""
    app.connect("source-read", read)
    app.connect("missing-reference", public)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
