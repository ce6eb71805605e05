"""Configs of the lab, by name: each a function that returns one."""

from gan_jax.config import ConfigDict, defaults, player

ADAM = {"name": "adam", "learning_rate": 1e-3, "b1": 0.5}
MLP = {"generator": {"name": "mlp.Generator", "widths": (8,)}, "critic": {"name": "mlp.Critic", "widths": (8,)}}
CONV = {"name": "dcgan.Critic", "widths": (4,), "kernels": (4,), "strides": (2,), "paddings": (1,)}
PAIRS = {"name": "my_lab.pairs:load", "level": 90}


def small(objective: dict, networks: dict, *players: str, data: dict | None = None) -> ConfigDict:
    """Returns a config to be trained for a few steps."""
    config = defaults()
    config.steps, config.steps_per_call, config.batch_size = 4, 2, 8
    config.log_every_steps, config.sample_every_steps, config.checkpoint_every_steps = 1, 4, 4
    config.objective, config.networks = ConfigDict(objective), ConfigDict(networks)
    config.players = ConfigDict({name: player(ADAM) for name in players or ("critic", "generator")})
    if data is None:
        config.samplers = ConfigDict({"z": {"name": "latents.normal", "dim": 4}})
    else:
        config.data = ConfigDict({**config.data.to_dict(), **data})
    return config


def margin() -> ConfigDict:
    """A loss of one's own for each of the two players: two functions."""
    critic = {"bce": 0.0, "margin": {"name": "my_lab.terms:critic_margin", "margin": 2.0}}
    generator = {"non_saturating": 0.0, "margin": {"name": "my_lab.terms:generator_margin"}}
    return small({"name": "adversarial.non_saturating", "critic": critic, "generator": generator}, MLP)


def resnet() -> ConfigDict:
    """A generator of one's own: one file."""
    networks = {"generator": {"name": "my_lab.resnet:Generator", "width": 4}, "critic": CONV}
    return small({"name": "adversarial.non_saturating"}, networks)


def lazy_term() -> ConfigDict:
    """A penalty of one's own, at every second step: one function."""
    mine = {"name": "my_lab.terms:zero_centred", "weight": 5.0, "every": 2, "power": 2.0}
    return small({"name": "adversarial.non_saturating", "critic": {"mine": mine}}, MLP)


def pix2pix() -> ConfigDict:
    """Paired translation: one file of networks, one of data, and this."""
    networks = {"generator": {"name": "my_lab.translation:UNet"}, "critic": {"name": "my_lab.translation:PatchCritic"}}
    objective = {"name": "adversarial.non_saturating", "generator": {"l1": 100.0}}
    return small(objective, networks, data=PAIRS)


def cycle_gan() -> ConfigDict:
    """Unpaired translation: one objective file."""
    generator = {"name": "my_lab.resnet:Translator", "width": 4}
    networks = {"to_x": generator, "to_source": generator, "of_x": CONV, "of_source": CONV}
    return small({"name": "my_lab.cycle:cycle"}, networks, "critics", "generators", data=PAIRS)
