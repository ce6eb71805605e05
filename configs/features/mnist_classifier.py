"""The classifier of MNIST whose features measure samples: 12 epochs, images shifted by up to 2 pixels.

python -m gan_jax.main --config=configs/features/mnist_classifier.py --workdir=runs/mnist_classifier
python scripts/export_features.py runs/mnist_classifier

Its last checkpoint is right on 99.48% of the 10,000 test images: 5,600 steps in 10 min on 2 CPU cores, shared with
other work (2026-11-23). That is gan_jax/features/mnist-v1.npz.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """Returns the config."""
    config = defaults()
    config.data.name = "mnist"
    config.steps = 5_600  # 12 epochs
    config.batch_size = 128
    config.steps_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 0
    config.evaluate_every_steps = 1_400
    config.checkpoint_every_steps = 2_800

    config.objective = ConfigDict({"name": "classifier.cross_entropy", "shift": 2})
    classifier = {
        "name": "classifier.Classifier",
        "dim": 64,
        "widths": (32, 32, 64, 128),  # 14x14 twice, 7x7, 4x4, then the features
        "kernels": (4, 3, 4, 3),
        "strides": (2, 1, 2, 2),
        "paddings": (1, 1, 1, 1),
        "dropout": 0.3,
    }
    config.networks = ConfigDict({"classifier": classifier})
    rate = {"name": "cosine_onecycle_schedule", "transition_steps": config.steps, "peak_value": 4e-3}
    adam = {"name": "adamw", "learning_rate": rate, "weight_decay": 1e-3}
    config.players = ConfigDict({"classifier": player(adam)})
    config.evaluators = ConfigDict({"test": {"name": "classifier.accuracy", "split": "test"}})
    return config
