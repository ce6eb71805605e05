"""Settings of JAX that change the results: a run is resumed under the settings that it was trained under."""

from typing import Any

import jax

from gan_jax.errors import UserError

X64 = "jax_enable_x64"
NAMES = (
    "jax_default_matmul_precision",
    "jax_disable_jit",
    "jax_high_dynamic_range_gumbel",
    "jax_numpy_dtype_promotion",
    "jax_random_seed_offset",
    "jax_softmax_custom_jvp",
    "jax_threefry_partitionable",
)
"""The default generator of random numbers is not among them: every key names its own."""


def settings() -> dict[str, Any]:
    """Returns the settings by name, as JSON values; raises UserError where JAX is set to compute in 64 bits."""
    values = {name: _plain(getattr(jax.config, name)) for name in (X64, *NAMES) if hasattr(jax.config, name)}
    if values.pop(X64):
        raise UserError(
            "JAX_ENABLE_X64 is set: everything here is float32 and int32, and 64 bits give other results; unset it "
            "(JAX_ENABLE_X64=0)"
        )
    return values


def _plain(value: Any) -> Any:
    value = getattr(value, "value", value)  # of an enumeration
    return value if isinstance(value, str | int | float | None) else str(value)
