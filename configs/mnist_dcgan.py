"""DCGAN on MNIST: convolutions, batch norm, 5 epochs.

python -m gan_jax.main --config=configs/mnist_dcgan.py --workdir=runs/mnist_dcgan

4,295 steps took 3 min 21 s on 2 CPU cores shared with other work (2026-11-25), evaluations included. The Fréchet
distance is 11.2 by mnist-v1 (floor 0.09), the precision 0.55 and the recall 0.74. The last checkpoint is the best of
five. Samples: configs/pictures/mnist_dcgan.png.
"""

from configs.common import adam, dcgan_networks, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "mnist"
    config.data.split = "train[:-5000]"  # the other images choose the best checkpoint
    config.steps = 4_295  # 5 epochs
    config.steps_per_call = 20
    config.log_every_steps = 20
    config.sample_every_steps = 500
    config.checkpoint_every_steps = 1_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "alternating_on_same_fakes"  # fakes are made once per step
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 100}})
    config.networks = ConfigDict(dcgan_networks())
    optimizer = adam(2e-4)
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer)})
    config.keep_best = "min validation/frechet"
    validation = {"metrics": ("frechet",), "samples": 5_000, "split": "train[-5000:]", "seeds": 1}
    config.evaluators = ConfigDict(
        {
            "validation": sample_metrics(**validation, every_steps=config.checkpoint_every_steps),
            "samples": sample_metrics(every_steps=config.steps),  # at the end, for the last and the best checkpoint
        }
    )
    return config
