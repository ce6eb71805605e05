"""100 labelled digits: a classifier trained on these alone, and one that is the critic of a GAN on all 60,000; 5 draws.

python scripts/sweep.py --sweep=configs/sweeps/few_labels.py --workdir=runs/few_labels
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import named
from gan_jax.sweeps.plan import CONFIGS, Curve, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """Supervised and semi-supervised; each seed draws its own labels."""
    config = CONFIGS / "mnist_few_labels.py"
    cells = {"100 labels alone": load(f"{config}:supervised"), "GAN": load(config)}
    accuracy = Metric("test/accuracy", "higher")
    draws = Seeds(5, at_once=1, fields=("data.label_seed",))
    return Sweep(cells["GAN"], named(cells), draws, metrics=[accuracy], curves=[Curve(accuracy.name)])
