"""MkDocs hooks for `make docs`. The site's pages are files of the repository, with the same layout as there.

Links between them thus work in both places. Links to other files lead to the repository. Each package
has a page with its docstrings. Formulas of notebooks become MathML, which browsers show without a script.
"""

import html
import posixpath
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from latex2mathml.converter import convert  # pyrefly: ignore
from mkdocs.plugins import event_priority  # pyrefly: ignore
from mkdocs.structure.files import File, Files  # pyrefly: ignore

ROOT = Path(__file__).parents[1]
SHOWN = ("*.md", "docs/*.md", "notebooks/*", "configs/sweeps/*.md", "configs/pictures/*", "scripts/*.md")
"""The files of the repository that are in the site."""
PUBLIC = {"gan_jax": ("api", "trained.Run"), "config": ("config",), "sweeps": ("sweeps.plan", "sweeps.cells")}
"""Pages of the reference for other modules than the whole package."""
PACKAGES = (
    "core",
    "data",
    "distributions",
    "evaluation",
    "features",
    "layers",
    "losses",
    "metrics",
    "models",
    "objectives",
)
LINK = re.compile(r"(\]\(|\b(?:href|src)=\")([^)#\"\s:]+)(#[^)\"\s]*)?(?=[)\"])")
FORMULA = re.compile(r"(<(?P<tag>pre|script|style)\b.*?</(?P=tag)>)|\$\$(.+?)\$\$|\$(.+?)\$", re.DOTALL)


@event_priority(100)  # before mkdocs-jupyter, which looks for notebooks in them
def on_files(files: Files, config: Any) -> Files:
    """Returns the theme's files, the repository's, and the pages of the reference."""
    for file in [file for file in files if file.src_dir == config.docs_dir]:
        files.remove(file)
    for path in sorted({path for pattern in SHOWN for path in ROOT.glob(pattern) if path.is_file()}):
        uri = path.relative_to(ROOT).as_posix()
        files.append(File(uri, str(ROOT), config.site_dir, config.use_directory_urls))
    for name, modules in {**PUBLIC, **{name: (name,) for name in PACKAGES}}.items():
        title = "gan_jax" if name == "gan_jax" else f"gan_jax.{name}"
        whole = "" if name in PACKAGES else "\n    options: {show_submodules: false}"
        text = "\n\n".join([f"# {title}", *(f"::: gan_jax.{module}{whole}" for module in modules)])
        files.append(File.generated(config, f"api/{name}.md", content=text))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Returns a page whose links to files outside of the site lead to the repository."""
    if page.file.src_uri.endswith(".ipynb"):
        return markdown
    parts = re.split(r"(^```.*?^```)", markdown, flags=re.DOTALL | re.MULTILINE)
    return "".join(part if part.startswith("```") else LINK.sub(_linked(page, config, files), part) for part in parts)


def on_page_content(content: str, page: Any, config: Any, files: Files) -> str:
    """Returns a notebook's page with links changed as on other pages, and formulas as MathML."""
    if not page.file.src_uri.endswith(".ipynb"):
        return content
    content = LINK.sub(_linked(page, config, files, to_url=True), content.replace('<script src=""> </script>', ""))
    return FORMULA.sub(_shown, content)


def _linked(page: Any, config: Any, files: Files, *, to_url: bool = False) -> Callable[[re.Match], str]:
    """Returns the function that replaces a page's links.

    to_url: links to pages become URLs, because mkdocs does not look for links in notebooks.
    """

    def replaced(match: re.Match) -> str:
        start, path, anchor = match[1], match[2], match[3] or ""
        target = posixpath.normpath(posixpath.join(posixpath.dirname(page.file.src_uri), path))
        index = posixpath.join(target, "README.md")
        if file := files.get_file_from_path(target) or files.get_file_from_path(index):
            of_folder = posixpath.join(path, "README.md") if file.src_uri == index else path
            return start + (file.url_relative_to(page.file) if to_url else of_folder) + anchor
        if (ROOT / target).exists():
            kind = "tree" if (ROOT / target).is_dir() else "blob"
            return f"{start}{config.repo_url}/{kind}/main/{target}{anchor}"
        return match[0]

    return replaced


def _shown(match: re.Match) -> str:
    """Returns a formula as MathML. Code, scripts and styles are returned unchanged."""
    if match[1]:
        return match[1]
    formula = html.unescape(match[3] or match[4])
    return convert(formula, display="block" if match[3] else "inline")
