"""DCGAN on MNIST: convolutions, batch norm, 5 epochs.

python -m gan_jax.main --config=configs/mnist_dcgan.py --workdir=runs/mnist_dcgan

4,295 rounds in 3 min 21 s in all on 2 CPU cores, shared with other work (2026-11-25), the evaluations in it; Fréchet
distance 11.2 by mnist-v1 (floor 0.09), precision 0.55, recall 0.74; the last checkpoint is the best of five. Its
samples: configs/pictures/mnist_dcgan.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "mnist"
    config.data.split = "train[:55000]"  # the others choose the best checkpoint
    config.steps = 4_295  # 5 epochs
    config.steps_per_call = 20
    config.log_every_steps = 20
    config.sample_every_steps = 500
    config.checkpoint_every_steps = 1_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "alternating_on_same_fakes"  # made once a round
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 100}})
    common = {
        "norm": {"name": "BatchNorm", "momentum": 0.9, "epsilon": 1e-5},
        "activation": {"name": "leaky_relu", "negative_slope": 0.2},
        "init_std": 0.02,
    }
    generator = {
        "name": "dcgan.Generator",
        "widths": (128, 64, 32),  # 4x4, 7x7, 14x14, then the image, 28x28
        "kernels": (4, 3, 4, 4),
        "strides": (1, 2, 2, 2),
        "paddings": (0, 1, 1, 1),
        **common,
    }
    critic = {
        "name": "dcgan.Critic",
        "widths": (32, 64, 128),  # 14x14, 7x7, 4x4, then the score
        "kernels": (4, 4, 3),
        "strides": (2, 2, 2),
        "paddings": (1, 1, 1),
        **common,
    }
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    adam = {"name": "adam", "learning_rate": 2e-4, "b1": 0.5, "b2": 0.999}
    config.players = ConfigDict({"critic": player(adam), "generator": player(adam)})
    config.keep_best = "min validation/frechet/mnist-v1"
    judged = {"name": "samples.distribution", "features": "classifier"}
    validation = {"metrics": ("frechet",), "samples": 5_000, "split": "train[55000:]", "seeds": 1}
    metrics = ("frechet", "precision_recall", "density_coverage")
    test = {"metrics": metrics, "samples": 10_000, "split": "test", "seeds": 3}
    config.evaluators = ConfigDict(
        {
            "validation": {**judged, **validation, "every_steps": config.checkpoint_every_steps},
            "samples": {**judged, **test, "every_steps": config.steps},  # at the end: of the last and of the best
        }
    )
    return config
