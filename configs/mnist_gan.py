"""The simple GAN for handwritten digits: two fully connected networks, 20 epochs of MNIST.

python -m gan_jax.main --config=configs/mnist_gan.py --workdir=runs/mnist_gan

18,740 rounds in 34 s in all on 2 CPU cores, shared with other work (2026-11-25); Fréchet distance 27.9 by mnist-v1
(floor 0.08), precision 0.67, recall 0.19. Its samples: configs/pictures/mnist_gan.png.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "mnist"
    config.steps = 18_740  # 20 epochs
    config.steps_per_call = 200
    config.log_every_steps = 100
    config.sample_every_steps = 2_000
    config.checkpoint_every_steps = 5_000

    config.objective = ConfigDict({"name": "adversarial.non_saturating"})
    config.step_rule.name = "alternating_on_same_fakes"  # made once a round
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 20}})
    leaky_relu = {"name": "leaky_relu", "negative_slope": 0.01}
    generator = {"name": "mlp.Generator", "widths": (100,), "activation": leaky_relu}
    critic = {"name": "mlp.Critic", "widths": (100,), "activation": leaky_relu, "dropout": 0.5}
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    adam = {"name": "adam", "learning_rate": 1e-3, "b1": 0.5, "b2": 0.999}
    config.players = ConfigDict({"critic": player(adam), "generator": player(adam)})
    metrics = ("frechet", "precision_recall", "density_coverage")
    how = {"features": "classifier", "samples": 10_000, "split": "test", "seeds": 3}
    config.evaluators = ConfigDict({"samples": {"name": "samples.distribution", "metrics": metrics, **how}})
    return config
