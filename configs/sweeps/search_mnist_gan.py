"""Random search, then its best cells with fresh seeds, after "Are GANs Created Equal?" (Lucic et al. 2018).

python scripts/sweep.py --sweep=configs/sweeps/search_mnist_gan.py --workdir=runs/search_mnist_gan

The simple GAN of configs/mnist_gan.py, trained on 55,000 images. Cells are chosen on the other 5,000 training images.
Results are measured on the test images, with seeds that were not used for the choice (arXiv:1711.10337).
"""

from gan_jax.config import load
from gan_jax.sweeps.cells import choice, integers, log_uniform, random_search
from gan_jax.sweeps.plan import CONFIGS, Finals, Metric, Seeds, Sweep


def get_sweep() -> Sweep:
    """20 cells with one seed; five more seeds for the best 3."""
    rates = ("players.critic.optimizer.learning_rate", "players.generator.optimizer.learning_rate")
    cells = random_search(
        {
            rates: log_uniform(1e-4, 1e-2),
            ("players.critic.optimizer.b1", "players.generator.optimizer.b1"): choice(0.0, 0.5, 0.9),
            "players.critic.updates_per_step": choice(1, 2, 5),
            "samplers.z.dim": integers(10, 100),
        },
        20,
    )
    how = {"name": "samples.distribution", "metrics": ("frechet",), "samples": 5_000, "seeds": 1}
    common = {
        "data.split": "train[:-5000]",
        "steps": 8_600,  # 10 epochs
        "evaluate_every_steps": 4_300,
        "evaluators": {"validation": {**how, "split": "train[-5000:]"}, "samples": {**how, "split": "test"}},
    }
    return Sweep(
        load(CONFIGS / "mnist_gan.py"),
        cells,
        Seeds(1),
        common,
        metrics=[Metric("samples/frechet/mnist-v1", "lower")],
        finals=Finals(3, Metric("validation/frechet/mnist-v1", "lower"), Seeds(5, first=100)),
    )
