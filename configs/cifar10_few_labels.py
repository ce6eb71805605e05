"""Semi-supervised learning on CIFAR-10: 4,000 labels, 400 of each class, and all 50,000 images without labels.

python -m gan_jax.main --config=configs/cifar10_few_labels.py --workdir=runs/cifar10_few_labels

This config has not been trained to the end. The critic's width is 32, for a CPU;
--config=configs/cifar10_few_labels.py:paper has 96 and the schedule of Salimans et al. 2016 (arXiv:1606.03498), who
report an error of 18.63 +- 2.32 %. Their code (https://github.com/openai/improved-gan) trains for 1,200 epochs of 500
steps. The generator is DCGAN's, with 4x4 kernels; theirs has 5x5 kernels, and weight norm in its last layer.
"""

from configs.common import DCGAN, adam, check_choice, falling
from gan_jax.config import ConfigDict, defaults, player


def get_config(size: str = "cpu") -> ConfigDict:
    """Returns the config of a size: 'cpu' or 'paper'."""
    check_choice(size, ("cpu", "paper"))
    paper = size == "paper"
    config = defaults()
    config.data.name = "cifar10"
    config.data.labels_per_class = 400
    config.batch_size = 100
    config.steps = 600_000 if paper else 20_000
    config.steps_per_call = 10
    config.log_every_steps = 100
    config.sample_every_steps = 1_000
    config.evaluate_every_steps = 1_000
    config.checkpoint_every_steps = 1_000

    width = 96 if paper else 32
    matching = {"weight": 1 / (2 * width), "absolute": True}  # the mean over features
    config.objective = ConfigDict({"name": "adversarial.semi_supervised", "generator": {"feature_matching": matching}})
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 100}})
    networks = {
        "critic": {"name": "semi_supervised.ConvCritic", "width": width, "dropout": (0.2, 0.5)},
        "generator": {"name": "dcgan.Generator", "width": 128 if paper else 32, **DCGAN},
    }
    config.networks = ConfigDict(networks)
    rate = falling(3e-4, config.steps // 3, begin=2 * config.steps // 3)
    optimizer = adam(rate) | {"eps": 0.0, "eps_root": 1e-8}  # as in mnist_few_labels
    config.players = ConfigDict({"critic": player(optimizer, ema=0.9999), "generator": player(optimizer)})
    config.evaluators = ConfigDict({"test": {"name": "classifier.accuracy", "split": "test"}})
    return config
