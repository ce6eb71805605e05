"""What tests share: compiled programs kept between runs, and games small enough to compile in a second."""

import os
from pathlib import Path

import jax
import pytest

from gan_jax import cache, config

ROOT = Path(__file__).parents[1]
jax.config.update("jax_compilation_cache_dir", str(cache.folder("programs")))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.1)

TINY = {"steps": 6, "batch_size": 8, "rounds_per_call": 4, "log_every_steps": 2, "sample_every_steps": 3}


@pytest.fixture
def tiny():
    """`tiny(name)`: a config file of configs/, with little to play."""

    def make(name: str = "digits_dcgan", **values):
        made = config.load(ROOT / "configs" / f"{name}.py")
        made.update({**TINY, "checkpoint_every_steps": 3, **values})
        return made

    return make


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """The folder of prepared TFDS data sets; skips where it does not hold MNIST."""
    folder = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs MNIST prepared by TFDS in TFDS_DATA_DIR; {folder} does not hold it")
    return folder
