"""gan_jax: from autoencoders to GANs, in JAX.

    import gan_jax

    run = gan_jax.load("runs/dcgan")
    images = run.sample(64)

Names in `__all__` are imported on first use, so that `import gan_jax` is fast.
"""

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gan_jax import config, data
    from gan_jax.api import Run, experiment, load, load_sweep, train

__all__ = ["Run", "config", "data", "experiment", "load", "load_sweep", "train"]

_MODULES = ("config", "data")


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return importlib.import_module(f"gan_jax.{name}")
    if name in __all__:
        return getattr(importlib.import_module("gan_jax.api"), name)
    raise AttributeError(f"module 'gan_jax' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
