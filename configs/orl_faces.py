"""Faces from few pictures: ORL's 40 people, 360 pictures in grey at 64x64, by a small DCGAN with DiffAugment.

python -m gan_jax.main --config=configs/orl_faces.py --workdir=runs/orl_faces
python -m gan_jax.main --workdir=runs/orl_faces --mode=interpolate --out=walk.png
python scripts/nearest.py runs/orl_faces --out=nearest.png

docs/data.md says how to get the pictures; for another folder set --config.data.path. 40 pictures of the same people are
held out. `memorised/nearest_closer` is the probability that a sample is closer to its nearest training picture than a
held-out picture is to its nearest one: near 1 for copies, 0.5 for samples as new as the held-out pictures.
--config=configs/orl_faces.py:people trains a conditional model, which makes faces of a chosen person. The critic has
spectral norm and the hinge loss, and sees every image augmented (Zhao et al. 2020, arXiv:2006.10738).

15,000 steps in 34 to 42 min on one core of an AMD EPYC with AVX-512 (2026-11-28), 3 seeds. By eye about two thirds of
the samples are good faces; in the others eyes or mouths are smeared. With AlexNet's features the probability is 0.168
[0.162, 0.176], so there is no sign of copying. Samples of seed 0, and some next to the nearest training pictures:
configs/pictures/orl_faces.png, orl_faces_nearest.png.
"""

from configs.common import DCGAN, adam, check_choice, half_constant, sample_metrics
from gan_jax.config import ConfigDict, defaults, player


def get_config(by: str = "") -> ConfigDict:
    """Returns the config; by: 'people' for classes."""
    check_choice(by, ("", "people"))
    config = defaults()
    config.data = ConfigDict(
        {
            **config.data.to_dict(),
            "name": "folder",
            "path": "att_faces",
            "split": "train[:-40]",
            "labels": bool(by),
            "size": 64,
            "channels": 1,
        }
    )
    config.batch_size = 32
    config.steps = 15_000
    config.steps_per_call = 10
    config.log_every_steps = 50
    config.sample_every_steps = 500
    config.evaluate_every_steps = 2_500
    config.checkpoint_every_steps = 500

    config.objective = ConfigDict({"name": "adversarial.hinge", "augment": {"name": "diff_augment"}})
    config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 64}})
    spectral = {"norm": {"name": "NoNorm"}, "kernel_norm": {"name": "SpectralNorm"}}
    generator = {"name": "dcgan.Generator", "width": 32, **DCGAN}
    critic = {"name": "dcgan.Critic", "width": 32, **DCGAN, **spectral}
    if by:
        config.samplers.label = {"name": "labels.uniform"}
        generator |= {"name": "dcgan.ConditionalGenerator", "embedding": 32}
        critic |= {"name": "dcgan.ProjectionCritic"}
    config.networks = ConfigDict({"generator": generator, "critic": critic})
    optimizer = adam(half_constant(2e-4, config.steps))
    config.players = ConfigDict({"critic": player(optimizer), "generator": player(optimizer, ema=0.999)})
    held_out = {"split": "train[-40:]", "samples": 40, "seeds": 10}
    measured = sample_metrics(metrics=("nearest_neighbours", "kernel_distance"), **held_out)
    config.evaluators = ConfigDict({"memorised": measured})
    return config
