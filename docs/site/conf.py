"""How Sphinx makes a site of the pages: `make docs`.

1.  The pages are the repository's Markdown, as forges show it: nothing in them is for Sphinx. `docs/index.md` lists
    them all, and its headings and lists are the site's navigation, too.
2.  A link to a file that is no page gives that file to download, also to results of measurements, which are Markdown;
    one to a folder is text alone.
3.  What `docs/api` lists is taken from the docstrings, and `docs/machines.rst` draws the machines, from their classes.
4.  Nothing is fetched, neither by the build nor by the pages: Mermaid, which draws, comes along.
5.  A warning is an error: a link that leads nowhere, a page that nothing leads to, a docstring that cannot be read.
"""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from sphinx.application import Sphinx

HERE: Final = Path(__file__).resolve().parent
ROOT: Final = HERE.parents[1]
CACHE: Final = ROOT / ".cache/docs"
sys.path[:0] = [str(HERE), str(ROOT)]

project = "Cometary"
author = copyright = "The Cometary authors"  # noqa: A001 - Sphinx's name
release = version = os.environ.get("COMETARY_DOCS_VERSION", "development")

root_doc = "docs/index"
include_patterns = [
    "README.md",
    "CHANGELOG.md",
    "CODE_OF_CONDUCT.md",
    "CONTRIBUTING.md",
    "SECURITY.md",
    "docs/**",
    "benchmarks/README.md",
    "clients/javascript/README.md",
    "examples/**/README.md",
]
exclude_patterns = ["**/node_modules", ".*", "docs/site"]
extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinxcontrib.mermaid",
    "machines",
]

# --- Markdown

myst_heading_anchors = 4
myst_fence_as_directive = ["mermaid"]
highlight_language = "text"  # of blocks that do not say theirs: commands and what they print
suppress_warnings = [
    "misc.highlighting_failure"
]  # "js" with a dialect of its own, haproxy: shown without colours

# --- diagrams

mermaid_use_local = "mermaid.mjs"
mermaid_fullscreen = False
mermaid_height = "auto"

# --- docstrings

default_role = "literal"
autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True, "show-inheritance": True}
napoleon_numpy_docstring = False
napoleon_use_ivar = True
napoleon_use_rtype = False

# --- the site

html_theme = "pydata_sphinx_theme"
html_title = "Cometary"
html_static_path = ["static", str(CACHE / "npm/node_modules/@mermaid-js/tiny/dist/mermaid.tiny.js")]
html_css_files = ["cometary.css"]
html_extra_path = ["extra"]
html_sidebars = {"**": ["pages.html"]}
html_copy_source = False
html_favicon = str(ROOT / "cometary/doors/inspector/page/favicon.svg")
html_context = {"default_mode": "auto"}
templates_path = ["templates"]
html_theme_options: dict[str, Any] = {
    "logo": {"text": "Cometary"},
    "navbar_center": [],
    "navbar_end": ["version-switcher", "theme-switcher"],
    "navbar_persistent": ["search-button"],
    "footer_start": ["copyright"],
    "footer_end": [],
    "show_prev_next": False,
    "switcher": {
        "json_url": os.environ.get("COMETARY_DOCS_BASE", "/") + "versions.json",
        "version_match": version,
    },
    "check_switcher": False,  # the list is where the site is, not where it is built
}

# --- navigation, and links to what is no page

LISTED: Final = re.compile(
    r"^\*\*(?P<heading>[\w-]+(?: guides)?)\*\*|\]\((?P<page>[^)#\s]+)\.md\)", re.MULTILINE
)
"""A heading of the index, or a page that it lists."""

LINK: Final = re.compile(r"\[(?P<text>[^\]\n]+)\]\((?P<to>[./][^)#\s]*|\w[\w/-]*)\)")

MORE: Final = {
    "API": [
        "/docs/machines",
        *(f"/docs/api/{path.stem}" for path in sorted((ROOT / "docs/api").glob("*.rst"))),
    ],
    "Project": [
        "/README",
        "/CHANGELOG",
        "/CONTRIBUTING",
        "/SECURITY",
        "/CODE_OF_CONDUCT",
        "/benchmarks/README",
        "/clients/javascript/README",
    ],
}
"""Pages that are listed behind those of the index."""


def navigation(index: str) -> dict[str, list[str]]:
    """Return the pages by the headings under which the index lists them."""
    sections: dict[str, list[str]] = {}
    for found in LISTED.finditer(index):
        if found["heading"]:
            under = sections.setdefault(found["heading"], [])
        elif found["page"] not in under:
            under.append(found["page"])
    return {**sections, **MORE}


def read_page(_: Sphinx, name: str, source: list[str]) -> None:
    """Put the navigation below the index, and make of links what a site has (rule 2)."""
    if name == root_doc:
        for heading, pages in navigation(source[0]).items():
            source[0] += "\n".join(
                ["\n```{toctree}", ":hidden:", f":caption: {heading}", "", *pages, "```\n"]
            )
    folder = (ROOT / name).parent
    source[0] = LINK.sub(lambda link: as_the_site_has_it(folder, link), source[0])


def as_the_site_has_it(folder: Path, link: re.Match[str]) -> str:
    """Return what a link of a page in a folder becomes."""
    target = (folder / link["to"]).resolve()
    if target.is_dir():
        return link["text"]
    if target.is_relative_to(ROOT / "benchmarks/results"):
        return f"{{download}}`{link['text'].strip('`')} <{link['to']}>`"
    return link[0]


def read_docstring(_: Sphinx, *what: Any) -> None:
    """Make of what docstrings look like, which is Markdown, what Sphinx reads: `X`s, and indented blocks of code."""
    lines: list[str] = what[-1]
    text = re.sub(
        r"(`[^`]+`)(\w?)", lambda found: found[1] + (f"\\ {found[2]}" if found[2] else ""), "\n".join(lines)
    )
    # No type stands before a colon there.
    text = re.sub(r"^(Returns|Yields):\n +", r"\g<0>: ", text, flags=re.MULTILINE)
    lines[:] = re.sub(r":(?=\n\n {4,}\S)", "::", text).split("\n")


def setup(app: Sphinx) -> None:
    """Have Sphinx call what is above."""
    app.connect("source-read", read_page)
    app.connect(
        "autodoc-process-docstring", read_docstring, priority=100
    )  # before Napoleon, which reads the sections
