"""Twenty rounds of each game named, on digits, on N emulated devices: `python -m tests.play_on_devices N FOLDER GAMES`.

GAMES is JSON: the name of each, `{"game", "how", "seeds", "start", "hold"}`, all but the first as below. What was
played is in FOLDER/NAME.npz, the players after round ten, of a single seed, in FOLDER/NAME as a checkpoint.
"""

import json
import sys
from pathlib import Path

import jax

devices, folder, games = int(sys.argv[1]), Path(sys.argv[2]), json.loads(sys.argv[3])
jax.config.update("jax_num_cpu_devices", devices)

import numpy as np  # noqa: E402

from gan_jax import config, data  # noqa: E402
from gan_jax.data.spec import spec_of  # noqa: E402
from gan_jax.experiments import build, make_executor, streams  # noqa: E402
from gan_jax.runs.checkpoints import Checkpoints  # noqa: E402

HALF, BATCH = 10, 16
DATA = {
    "emoji_cyclegan": {"name": "tests.my_lab.pairs:load", "use_pairs": False},
    "mnist_few_labels": {"name": "digits", "labels_per_class": 3},
}
"""The data of games that are not of digits alone."""


def described(game):
    """The config of a game, of small networks; "wgan_gp" is "digits_dcgan" by another objective."""
    made = config.load(Path(__file__).parents[1] / "configs" / f"{'digits_dcgan' if game == 'wgan_gp' else game}.py")
    made.unlock()
    if game == "mnist_gan":
        made.augment = {"flip": {"name": "horizontal_flip"}, "move": {"name": "translation"}}
    if game == "wgan_gp":
        made.objective = {"name": "adversarial.wasserstein_gp"}
    if game == "emoji_cyclegan":
        made.objective.pool = 20
        for role in made.networks:
            made.networks[role] = {"name": f"tests.small_networks:{'Painter' if 'generator' in role else 'Judge'}"}
    if game == "mnist_vqvae":
        made.networks.generator.update({"width": 4, "blocks": 1})
        made.networks.generator.quantizer.update({"codes": 12, "dim": 3})
    if game == "mnist_few_labels":
        made.networks.critic.widths, made.networks.critic.noise = (16, 8), (0.3, 0.5)
        made.networks.generator.widths = (16,)
    if game == "emoji_inpainting":
        made.networks.generator.width, made.networks.critic = 4, {"name": "tests.small_networks:Judge"}
    if game == "cifar10_stylegan2":
        made.objective.augment = {"name": "ada", "speed": 2_000}
        made.networks.generator.update({"widths": (6, 4), "features": 6})
        made.networks.critic.update({"widths": (4, 6), "group": 4})
    for network in made.networks.values() if game in ("digits_dcgan", "wgan_gp", "mnist_gan") else []:
        network.activation = {"name": "silu"}  # smooth: at a kink rounding decides which slope an example has
        if network.name.startswith("dcgan"):
            network.widths = (16, 8)
            network.norm = network.norm if game != "wgan_gp" else {"name": "InstanceNorm", "epsilon": 1e-5}
    if game == "digits_dcgan":
        made.players.generator.ema = 0.9
    for player in made.players.values():  # not Adam: it blows up the rounding of gradients that are nearly 0
        player.optimizer = {"name": "sgd", "learning_rate": 0.001 if game == "wgan_gp" else 0.01}
    return made


def play(name, game, how="pmap", seeds=1, start=None, hold="device"):
    """Trains twenty steps, or from the checkpoint in a folder on; `how` is `config.parallel`, `hold` the data's."""
    dataset = data.load(**DATA.get(game, {"name": "digits"}), split="train")
    made = described(game)
    made.seeds, made.batch_size, made.parallel, made.steps_per_call, made.steps = seeds, BATCH, how, HALF, 2 * HALF
    made.data.hold = hold
    experiment = build(made, spec_of(dataset))
    executor = make_executor(made, experiment, dataset)
    states = [experiment.init(streams(seed).init) for seed in range(seeds)]
    if start is not None:
        states = [Checkpoints(Path(start), None).restore(states[0])]
    first, state, rows = int(states[0].step), executor.put(states), None
    for step in range(first, 2 * HALF, HALF):
        state, rows = executor.run(state, step, HALF)
        if step == 0 and seeds == 1:
            checkpoints = Checkpoints(folder / name, 1)
            checkpoints.save(jax.device_get(executor.get(state, 0)))
            checkpoints.close()
    for leaf in jax.tree.leaves((state, rows)) if seeds == 1 else []:
        copies = [np.asarray(shard.data) for shard in leaf.addressable_shards]
        assert len(copies) == devices
        assert all(copies[0].tobytes() == copy.tobytes() for copy in copies), "replicas differ"
    taken = {seed: tuple(executor.get(part, seed) for part in (state.players, rows)) for seed in range(seeds)}
    leaves = jax.tree_util.tree_leaves_with_path(taken)
    np.savez(folder / f"{name}.npz", **{jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in leaves})


for name, arguments in games.items():
    play(name, **arguments)
