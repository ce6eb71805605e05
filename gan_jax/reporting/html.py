"""What self-contained pages are made of: a template, charts as SVG, pictures as data URLs."""

import base64
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any


def rendered(template: Path, **values: Any) -> bytes:
    """A Jinja template's page of these values, which are escaped."""
    import jinja2

    return jinja2.Environment(autoescape=True).from_string(template.read_text("utf-8")).render(**values).encode()


def chart(draw: Callable[[Any, Any], Any], *, size: tuple[float, float]) -> str:
    """What `draw(figure, axes)` draws by Matplotlib, `size` inches wide and high: of the same numbers the same SVG."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context({"svg.fonttype": "none", "svg.hashsalt": "gan_jax", "font.family": "sans-serif"}):
        figure = Figure(figsize=size, layout="constrained")
        axes = figure.subplots()
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        draw(figure, axes)
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", metadata={"Date": None})
    text = buffer.getvalue()
    return text[text.index("<svg") :]


def data_url(picture: Path) -> str:
    """A PNG file as a URL that holds it."""
    return f"data:image/png;base64,{base64.b64encode(picture.read_bytes()).decode()}"
