"""VAE on binarised MNIST.

python -m gan_jax.main --config=configs/binary_mnist_vae.py --workdir=runs/binary_mnist_vae
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "binary_mnist"
    config.data.range = (0.0, 1.0)
    config.steps = 30_000  # 50 epochs
    config.batch_size = 100
    config.rounds_per_call = 200
    config.log_every_steps = 100
    config.sample_every_steps = 2_000
    config.checkpoint_every_steps = 6_000

    config.objective = ConfigDict({"name": "vae.vae", "beta": 1.0})
    config.likelihood = ConfigDict({"name": "bernoulli"})
    common = {"widths": (400, 400), "activation": {"name": "silu"}}
    encoder = {"name": "vae.Encoder", "latents": 40, **common}
    decoder = {"name": "vae.Decoder", **common}
    config.networks = ConfigDict({"encoder": encoder, "decoder": decoder})
    schedule = {"name": "cosine_decay_schedule", "init_value": 3e-3, "decay_steps": config.steps}
    adam = {"name": "adam", "learning_rate": schedule, "b1": 0.9, "b2": 0.999}
    config.players = ConfigDict({"autoencoder": player(adam)})
    config.evaluators = ConfigDict({"likelihood": {"name": "likelihood.likelihood", "split": "test", "samples": 200}})
    return config
