"""Semi-supervised learning on MNIST with 100 labelled digits, 10 of each class: the classifier is a GAN's critic.

python -m gan_jax.main --config=configs/mnist_few_labels.py --workdir=runs/mnist_few_labels --config.data.label_seed=0

Networks, losses and learning rates are those of Salimans et al. 2016 (arXiv:1606.03498, section 5), who train for
180,000 steps and reach an error of 0.93 %. Three things differ: batch norm has a gain here, a first batch of 100 images
sets the layers' initial scales, where theirs has 500, and the decay of the average rises to their 0.9999. These 60,000
steps reach 1.15 % on the 10,000 test images, the mean of 5 draws of labels (from 1.03 to 1.33 %). Each draw took 35 to
36 min on one core of an AMD EPYC with AVX-512 (2026-11-28). Samples: configs/pictures/mnist_few_labels.png.
--config=configs/mnist_few_labels.py:supervised trains the same classifier on the 100 labelled digits alone. It reaches
21.6 %, the mean of the draws label_seed=0 to 4 (from 20.7 to 22.6 %), in about 2 minutes each.
"""

from configs.common import BATCH_NORM, adam, check_choice, cosine
from gan_jax.config import ConfigDict, defaults, player

NETWORK = {"widths": (1000, 500, 250, 250, 250), "noise": (0.3, 0.5)}


def get_config(how: str = "adversarial") -> ConfigDict:
    """Returns the config: 'adversarial', or 'supervised' for the baseline."""
    check_choice(how, ("adversarial", "supervised"))
    supervised = how == "supervised"
    config = defaults()
    config.data.name = "mnist"
    config.data.range = (0.0, 1.0)
    config.data.labels_per_class = 10
    config.data.label_seed = 0
    config.data.unlabelled = "drop" if supervised else "keep"
    config.batch_size = 100
    config.steps = 1_000 if supervised else 60_000
    config.steps_per_call = 50
    config.log_every_steps = 100
    config.sample_every_steps = 0 if supervised else 5_000
    config.evaluate_every_steps = config.steps // 10
    config.checkpoint_every_steps = config.steps // 10
    config.evaluators = ConfigDict({"test": {"name": "classifier.accuracy", "split": "test"}})

    # Epsilon is under the root, as in the authors' code: small gradients, below 1e-4, make small steps.
    epsilon = {"eps": 0.0, "eps_root": 1e-8}
    if supervised:
        config.objective = ConfigDict({"name": "classifier.cross_entropy"})
        config.networks = ConfigDict({"classifier": {"name": "semi_supervised.Classifier", **NETWORK}})
        optimizer = adam(cosine(3e-3, config.steps)) | epsilon
        config.players = ConfigDict({"classifier": player(optimizer, ema=0.999)})
        return config
    matching = {"feature_matching": 1 / NETWORK["widths"][-1]}  # the mean over features
    config.objective = ConfigDict({"name": "adversarial.semi_supervised", "generator": matching})
    config.samplers = ConfigDict({"z": {"name": "latents.uniform", "dim": 100}})
    generator = {
        "name": "mlp.Generator",
        "widths": (500, 500),
        "norm": BATCH_NORM,
        "activation": {"name": "softplus"},
        "last_activation": {"name": "sigmoid"},
        "last_kernel_norm": {"name": "WeightNorm"},
    }
    config.networks = ConfigDict({"critic": {"name": "semi_supervised.Critic", **NETWORK}, "generator": generator})
    optimizer = adam(3e-3) | epsilon
    config.players = ConfigDict({"critic": player(optimizer, ema=0.9999), "generator": player(optimizer)})
    return config
