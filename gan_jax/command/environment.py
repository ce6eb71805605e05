"""JAX's settings in the environment that can end a run. Error messages name those that may have caused the error."""

import os
from collections.abc import Iterator

OFF = {"", "0", "false", "off", "n", "no", "f", "allow", "standard", "log", "warn"}
STRICT = (
    "JAX_CHECK_TRACER_LEAKS",
    "JAX_DEBUG_INFS",
    "JAX_DEBUG_KEY_REUSE",
    "JAX_DEBUG_NANS",
    "JAX_DISABLE_JIT",
    "JAX_ENABLE_CHECKS",
    "JAX_LEGACY_PRNG_KEY",
    "JAX_NO_",  # ..._EXECUTION and ..._TRACING
    "JAX_NUMPY_",  # ..._DTYPE_PROMOTION and ..._RANK_PROMOTION
    "JAX_TRANSFER_GUARD",
)
"""Prefixes of the settings that raise errors in programs that work without them."""


def blame(error: BaseException) -> str:
    """Returns the settings that may have caused this error, such as `JAX_DEBUG_NANS=1`; '' if there are none.

    They are the strict ones, and those that the error names, also in Python's form: jax_debug_nans or jax.debug_nans.
    """
    words = " ".join(str(part) for part in _chain(error)).upper().replace("JAX.", "JAX_")
    of_jax = {name: value for name, value in sorted(os.environ.items()) if name.startswith("JAX_")}
    return ", ".join(
        f"{name}={value}"
        for name, value in of_jax.items()
        if name in words or (name.startswith(STRICT) and value.lower() not in OFF)
    )


def is_of_numbers(error: BaseException) -> bool:
    """Returns True for an error about a value that is not finite, as raised by JAX_DEBUG_NANS and JAX_DEBUG_INFS."""
    return any(isinstance(part, FloatingPointError) for part in _chain(error))


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields the error, and the chain of its causes."""
    part: BaseException | None = error
    while part is not None:
        yield part
        part = part.__cause__
