"""Parts of self-contained HTML pages: templates, charts as SVG, PNG files as data URLs."""

import base64
import io
import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

_PATH = re.compile(r' d="[^"]*"')


def rendered(template: Path, **values: Any) -> bytes:
    """Returns a Jinja template filled with these values, escaped, as UTF-8 bytes."""
    import jinja2

    return jinja2.Environment(autoescape=True).from_string(template.read_text("utf-8")).render(**values).encode()


def chart(draw: Callable[[Any, Any], Any], *, size: tuple[float, float]) -> str:
    """Returns an SVG of what `draw(figure, axes)` draws with Matplotlib, with `size` its width and height in inches.

    The same values give the same bytes.
    """
    return _svg(lambda figure: draw(figure, _styled(figure.subplots())), size)


def chart_pdf(draw: Callable[[Any, Any], Any], *, size: tuple[float, float]) -> bytes:
    """Returns a PDF of the same, with selectable text. The same values give the same bytes."""
    buffer = io.BytesIO()
    _save(lambda figure: draw(figure, _styled(figure.subplots())), size, buffer, "pdf", {"CreationDate": None})
    return buffer.getvalue()


def data_url(picture: Path) -> str:
    """Returns a PNG file as a URL that contains it."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"


def embedded(values: Any) -> str:
    """Returns values as JSON that is safe in a script element: no text in it can end the element."""
    return json.dumps(values, separators=(",", ":"), allow_nan=False).replace("<", "\\u003c")


def _styled(axes: Any) -> Any:
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    return axes


def _svg(draw: Callable[[Any], Any], size: tuple[float, float]) -> str:
    buffer = io.StringIO()
    _save(draw, size, buffer, "svg", {"Date": None})
    text = buffer.getvalue()
    return _PATH.sub(_shortened, text[text.index("<svg") :])


def _save(draw: Callable[[Any], Any], size: tuple[float, float], to: Any, form: str, metadata: dict[str, Any]) -> None:
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    settings = {"svg.fonttype": "none", "svg.hashsalt": "gan_jax", "pdf.fonttype": 42, "font.family": "sans-serif"}
    with rc_context(settings):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        figure.savefig(to, format=form, metadata=metadata)


def _shortened(path: re.Match[str]) -> str:
    """Returns a path with two of its six decimals: coordinates are in points, and paths are most of a page's bytes."""
    text = re.sub(r"(\.\d\d)\d+", r"\1", path[0])
    return re.sub(r"(?<=[\d\w]) *\n(?=\w)", "", text)
