"""JAX's settings: those that change results, which must not change in a run, and the cache of compiled programs."""

import os
from contextlib import suppress
from typing import Any

import jax

from gan_jax.errors import UserError
from gan_jax.runs import cache

X64, PROGRAMS = "jax_enable_x64", "jax_compilation_cache_dir"
NAMES = (
    "jax_default_matmul_precision",
    "jax_disable_jit",
    "jax_high_dynamic_range_gumbel",
    "jax_numpy_dtype_promotion",
    "jax_random_seed_offset",
    "jax_softmax_custom_jvp",
    "jax_threefry_partitionable",
)
"""JAX's default PRNG implementation is not among them: every key here names its own implementation."""


def settings() -> dict[str, Any]:
    """Returns the settings by name, as JSON values; raises UserError if JAX is set to compute in 64 bits."""
    values = {name: _plain(getattr(jax.config, name)) for name in (X64, *NAMES) if hasattr(jax.config, name)}
    if values.pop(X64):
        raise UserError(
            "JAX_ENABLE_X64 is set: gan_jax uses float32 and int32, and 64 bits give different results: unset it "
            "(JAX_ENABLE_X64=0)"
        )
    return values


def keep_programs() -> None:
    """Keeps compiled programs in the user's cache, so that a second start compiles less.

    The user's own settings are kept.
    """
    if getattr(jax.config, PROGRAMS) is None:
        with suppress(OSError):  # without a cache only the start is slower
            jax.config.update(PROGRAMS, str(cache.folder("programs")))
    if "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS" not in os.environ:
        jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.2)


def _plain(value: Any) -> Any:
    value = getattr(value, "value", value)  # of an enumeration
    return value if isinstance(value, str | int | float | None) else str(value)
