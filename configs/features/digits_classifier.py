"""The classifier of the 8x8 digits whose features measure samples: 45 epochs, images moved by up to 1 pixel.

python -m gan_jax.main --config=configs/features/digits_classifier.py --workdir=runs/digits_classifier
python scripts/export_features.py runs/digits_classifier

Its last checkpoint is right on 97.8% of the 360 test images, which are by other writers than the training images: 1,000
rounds in 19 s on 2 CPU cores, shared with other work (2026-11-23). That is gan_jax/features/digits-v1.npz.
"""

from gan_jax.config import ConfigDict, defaults, player


def get_config() -> ConfigDict:
    """A fresh copy of this config."""
    config = defaults()
    config.data.name = "digits"
    config.steps = 1_000  # 45 epochs
    config.rounds_per_call = 50
    config.log_every_steps = 50
    config.sample_every_steps = 0
    config.evaluate_every_steps = 250
    config.checkpoint_every_steps = 500

    config.objective = ConfigDict({"name": "classifier.cross_entropy", "shift": 1})
    classifier = {
        "name": "classifier.Classifier",
        "dim": 64,
        "widths": (32, 64, 64),  # 8x8, 4x4, 4x4, then the features
        "kernels": (3, 4, 3),
        "strides": (1, 2, 1),
        "paddings": (1, 1, 1),
        "dropout": 0.3,
    }
    config.networks = ConfigDict({"classifier": classifier})
    rate = {"name": "cosine_onecycle_schedule", "transition_steps": config.steps, "peak_value": 4e-3}
    adam = {"name": "adamw", "learning_rate": rate, "weight_decay": 1e-3}
    config.players = ConfigDict({"classifier": player(adam)})
    config.evaluators = ConfigDict({"test": {"name": "classifier.accuracy", "split": "test"}})
    return config
