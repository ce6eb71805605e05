"""What tests share: compiled programs kept between runs, and games small enough to compile in a second."""

import os
import signal
import sys
from contextlib import suppress
from importlib.metadata import version
from pathlib import Path

import pytest

from gan_jax import config
from gan_jax.runs import cache

ROOT = Path(__file__).parents[1]
CONFIGS = [file for file in sorted((ROOT / "configs").rglob("*.py")) if "get_config" in file.read_text()]
"""The files of configs/ that are a config each, as against sweeps and what configs share."""

# Under nohup SIGHUP is ignored, and tests send it.
signal.signal(signal.SIGHUP, signal.SIG_DFL)
# Processes that tests start run this checkout, whichever one is installed.
os.environ["PYTHONPATH"] = os.pathsep.join([str(ROOT), *filter(None, [os.environ.get("PYTHONPATH")])])
# In the environment, and before JAX is imported, so that it holds for the processes that tests start too.
with suppress(OSError):
    os.environ.setdefault("JAX_COMPILATION_CACHE_DIR", str(cache.folder("programs")))
os.environ.setdefault("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0.1")
# Most of the tests' time is compiling, and their arrays are small.
FAST_COMPILE = "--xla_backend_optimization_level=0 --xla_llvm_disable_expensive_passes=true"
# Faster still, but programs that differ no longer agree to the bit. A jaxlib that does not know a flag ends at it.
OLD_EMITTERS = "--xla_cpu_use_fusion_emitters=false" if version("jaxlib") < "0.11" else ""
os.environ.setdefault("XLA_FLAGS", f"{FAST_COMPILE} {OLD_EMITTERS}")
MOST_MAPS = 25_000
"""Of a process's memory, by compiled programs; Linux allows 65,530, and XLA ends a process that needs more."""

TINY = {
    "steps": 6,
    "batch_size": 8,
    "steps_per_call": 4,
    "log_every_steps": 2,
    "sample_every_steps": 3,
    "checkpoint_every_steps": 3,
}


def pytest_collection_modifyitems(items):
    """Puts the files that take most of the time first, so that no worker is left with one of them at the end."""
    items.sort(key=lambda item: item.get_closest_marker("heavy") is None)


@pytest.fixture(scope="module", autouse=True)
def few_programs():
    """Drops JAX's compiled programs after a file of tests where they are many."""
    yield
    with suppress(OSError):  # no /proc
        if "jax" in sys.modules and Path("/proc/self/maps").read_bytes().count(b"\n") > MOST_MAPS:
            sys.modules["jax"].clear_caches()


@pytest.fixture(scope="session")
def tiny():
    """`tiny(name)`: a config file of configs/, with little to play."""

    def make(name: str = "digits_dcgan", **values):
        made = config.load(ROOT / "configs" / f"{name}.py")
        made.update({**TINY, **values})
        return made

    return make


@pytest.fixture(scope="session")
def small_run(tmp_path_factory, tiny):
    """`small_run(name)`: the folder of a trained run of tiny networks on digits, with averages of all weights.

    The names are "gan", "dcgan" (with batch norm), "cvae" (of classes), "ae" and "vq".
    """
    widths, folders = {"widths": (8,)}, {}
    changes = {
        "gan": ("mnist_gan", {"generator": widths, "critic": widths}),
        "dcgan": ("digits_dcgan", {"generator": {"width": 4}, "critic": {"width": 4}}),
        "cvae": ("mnist_cvae", {"encoder": {**widths, "latents": 3}, "decoder": widths}),
        "ae": ("mnist_linear_ae", {}),
        "vq": ("mnist_vqvae", {"generator": {"width": 4, "blocks": 1}}),
    }

    def train(name: str) -> Path:
        if name not in folders:
            import gan_jax  # late: it imports JAX

            file, networks = changes[name]
            made = tiny(file, evaluate_every_steps=0)
            made.data.name, made.evaluators = "digits", {}
            for role, values in networks.items():
                made.networks[role].update(values)
            for player in made.players.values():
                player.ema = 0.5
            folders[name] = gan_jax.train(made, tmp_path_factory.mktemp("runs") / name).folder
        return folders[name]

    return train


@pytest.fixture(scope="session")
def tfds_dir() -> Path:
    """The folder of prepared TFDS data sets; skips where it does not hold MNIST."""
    folder = Path(os.environ.get("TFDS_DATA_DIR", "~/tensorflow_datasets")).expanduser()
    if not (folder / "mnist").is_dir():
        pytest.skip(f"needs MNIST prepared by TFDS in TFDS_DATA_DIR; {folder} does not hold it")
    return folder


@pytest.fixture(scope="session")
def images_dir() -> Path:
    """The folder of pictures as users have them: emoji, faces, photographs, benchmarks; skips where it is not here."""
    folder = Path(os.environ.get("GAN_JAX_IMAGES", ROOT.parent / "shared" / "images"))
    if missing := [name for name in ("emoji", "att_faces", "bsds500", "sr") if not (folder / name).is_dir()]:
        pytest.skip(f"needs pictures in GAN_JAX_IMAGES; {folder} does not hold {', '.join(missing)}")
    return folder


def files_of(files, *long):
    """The files as parameters of a test by their stems, some of them of long tests."""
    return [pytest.param(file, id=file.stem, marks=[pytest.mark.long] * (file.stem in long)) for file in files]


def few_factors():
    """Factors of ADA that leave one move and one change of colour: all of it compiles for long."""
    from gan_jax.objectives.augment import pipelines  # late: it imports JAX

    return dict.fromkeys((*pipelines.MOVES, *pipelines.COLOURS), 0.0) | {"xflip": 1.0, "brightness": 1.0}


def build_on(config, shape, classes=0, others=()):
    """The experiment of a config on examples of this shape, labelled where there are classes.

    Other fields are of the same shape, or of shapes by name.
    """
    from gan_jax.data.spec import DataSpec  # late: they import JAX
    from gan_jax.experiments import build

    dtype = "uint8" if len(shape) == 3 else "float32"
    others = others if isinstance(others, dict) else dict.fromkeys(others, shape)
    return build(config, DataSpec(shape, dtype, classes=classes, others=others))


@pytest.fixture
def weights_of_zeros(monkeypatch):
    """Gives networks of terms weights of zeros, whether or not their files are here."""
    import numpy as np  # late: as above

    from gan_jax.features import lpips

    def zeros(layout):
        return {name: {k: np.zeros(s, np.float32) for k, s in of.items()} for name, of in layout.shapes.items()}

    monkeypatch.setattr(lpips, "read", zeros)


@pytest.fixture
def tiny_lpips(tmp_path, monkeypatch):
    """A network with heads of LPIPS under the name `tiny`, of random weights in a folder of the test's own."""
    import numpy as np  # late: as above

    from gan_jax.features import lpips, lpips_layouts

    stages = tuple(lpips_layouts.Stage(pool, (lpips_layouts.Layer(4, 3, 1, 1),)) for pool in (0, 2))
    draft = lpips_layouts.Layout("tiny-lpips-v1", stages, least=4, file_sha256="", sha256="")
    random = np.random.default_rng(0)
    params = {
        name: {part: np.abs(random.normal(size=shape)).astype(np.float32) for part, shape in parts.items()}
        for name, parts in draft.shapes.items()
    }
    layout = draft._replace(sha256=lpips.digest(params))
    monkeypatch.setitem(lpips_layouts.LAYOUTS, "tiny", layout)
    monkeypatch.setenv(lpips.VARIABLE, str(tmp_path / "weights"))
    lpips.write(layout, params)
    return layout, params
