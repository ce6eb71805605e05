"""Tokenizers: a generator that reconstructs each example from a few codes, alone (VQ-VAE) or with a critic (VQGAN).

The generator quantises, as `vq.Autoencoder` does: it takes `x`, and returns its reconstruction with what the term
`commitment` needs. Its methods `encode`, `embed` and `decode` turn x into codes, codes into vectors, and either into x.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from types import MappingProxyType

import jax
import jax.numpy as jnp
from flax.traverse_util import flatten_dict, unflatten_dict
from jax import lax

from gan_jax.core import diagnostics
from gan_jax.core.fields import Batch
from gan_jax.core.networks import Networks
from gan_jax.core.objective import Aux, LossFn, Objective, Prediction, Weights, at
from gan_jax.core.state import Players, TrainState, Tree
from gan_jax.objectives.adversarial import adversarial
from gan_jax.objectives.augment.base import CriticAugment
from gan_jax.objectives.game import GENERATOR
from gan_jax.objectives.regression import l1
from gan_jax.objectives.terms import critic as of_critic
from gan_jax.objectives.terms import generator as of_generator
from gan_jax.objectives.terms.classes import whole_batch
from gan_jax.objectives.weighted import Terms, Weighted

__all__ = ["vqgan", "vqvae"]

METHODS = ("encode", "embed", "decode")
RECONSTRUCTIONS = ("l1", "l2", "lpips", "perceptual")
ADVERSARIES = ("minimax", "non_saturating", "hinge", "least_squares", "wasserstein")
"""The generator's terms whose gradients the adaptive weight compares, by name."""
LARGEST = 1e4
VQVAE: Terms = MappingProxyType(
    {"l2": Weighted(of_generator.l2), "commitment": Weighted(of_generator.commitment, 0.25)}
)
VQGAN: Terms = MappingProxyType(
    {
        "l1": Weighted(of_generator.l1),
        "commitment": Weighted(of_generator.commitment, 0.25),
        "hinge": Weighted(of_generator.hinge, 0.8),
    }
)
HINGE: Terms = MappingProxyType({"hinge": Weighted(of_critic.hinge)})


def vqvae(*, networks: Networks, generator: Terms = VQVAE) -> Objective:
    """Returns VQ-VAE's objective of one player, van den Oord et al. 2017, arXiv:1711.00937, equation 3.

    The predictions are `reconstruct`, `encode` (numbers of codes), `decode` (of numbers or vectors) and `walk`. Raises
    ValueError for a generator that has no codes.
    """
    return _with_codes(l1(networks=networks, generator=generator), networks)


def vqgan(
    *,
    networks: Networks,
    critic: Terms = HINGE,
    generator: Terms = VQGAN,
    scales: Mapping[str, int] = MappingProxyType({}),
    augment: CriticAugment | None = None,
    adaptive: str = "",
) -> Objective:
    """Returns VQGAN's game, Esser et al. 2021, arXiv:2012.09841, equation 6: VQ-VAE, and a critic of its output.

    The loss is the hinge loss, as in the authors' code, which halves the critic's; here it is whole. The paper has a
    patch critic, such as `translation.PatchCritic`, which joins late: give both terms `hinge` an `after`. Its
    reconstruction terms are `l1` and `lpips`. Add the latter if you have its weights.

    `adaptive` is the path of the generator's last layer in its parameters, such as decoder/last, or empty. With it the
    weights of the adversarial terms are multiplied by lambda of equation 7, which is logged as `adaptive_weight`.
    Raises ValueError for a generator without codes, and if there is no such layer or nothing to compare.
    """
    game = partial(adversarial, networks=networks, critic=critic, scales=scales, augment=augment)
    objective = _with_codes(game(generator=generator), networks)
    if not adaptive:
        return objective
    reconstruction, adversary = (
        {name: generator[name] for name in names if name in generator} for names in (RECONSTRUCTIONS, ADVERSARIES)
    )
    if not reconstruction or not adversary:
        raise ValueError(
            f"adaptive compares one of {', '.join(RECONSTRUCTIONS)} with one of {', '.join(ADVERSARIES)}, but the "
            f"generator's terms are {', '.join(generator)}: it needs one of each, under these names"
        )
    even = {name: term._replace(weight=1.0) for name, term in adversary.items()}
    whole, *parts = (
        each.losses[GENERATOR] for each in (objective, game(generator=reconstruction), game(generator=even))
    )
    norms = [_gradient_norm(loss, terms, adaptive) for loss, terms in zip(parts, (reconstruction, {}), strict=True)]
    own = _balanced(whole, objective.weights[GENERATOR], norms, tuple(adversary))
    return objective._replace(losses={**objective.losses, GENERATOR: own})


def _gradient_norm(loss: LossFn, terms: Terms, layer: str) -> Callable[..., jax.Array]:
    """Returns a function like the loss: the norm of its global gradient with respect to a layer, by these terms."""

    def gradient_norm(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> jax.Array:
        rest, last = _split(lax.stop_gradient(params), layer)
        own = {name: number for name, number in numbers.items() if name in terms}

        def value(last: Tree) -> jax.Array:
            return loss(unflatten_dict({**rest, **last}, sep="/"), state, batch, key, own)[0]

        return diagnostics.norm(whole_batch("adaptive")(jax.grad(value)(last)))

    return gradient_norm


def _balanced(
    loss: LossFn, weights: Weights, norms: Sequence[Callable[..., jax.Array]], adversary: tuple[str, ...]
) -> LossFn:
    """Returns the loss with its adversarial weights multiplied by the first gradient norm over the second.

    The factor is at most 10,000, and 0 where the second norm is 0, such as before the critic joins.
    """

    def balanced(
        params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights
    ) -> tuple[jax.Array, Aux]:
        reconstruction_norm, adversarial_norm = (norm(params, state, batch, key, numbers) for norm in norms)
        factor = jnp.minimum(reconstruction_norm / (adversarial_norm + 1e-6), LARGEST) * (adversarial_norm > 0)
        used = {**weights, **numbers}
        scaled = {name: factor * at(used[name], state.step) for name in adversary}
        value, aux = loss(params, state, batch, key, {**numbers, **scaled})
        return value, aux._replace(metrics={**aux.metrics, "adaptive_weight": factor})

    return balanced


def _split(params: Tree, layer: str) -> tuple[Tree, Tree]:
    """Returns the other layers' parameters and this one's, by path. Raises ValueError if this layer has none."""
    flat = flatten_dict(params, sep="/")
    last = {path: values for path, values in flat.items() if path.startswith(f"{layer}/")}
    if not last:
        layers = sorted({path.rpartition("/")[0] for path in flat})
        raise ValueError(f"adaptive is {layer!r}: it must be one of the generator's layers, {', '.join(layers)}")
    return {path: values for path, values in flat.items() if path not in last}, last


def _with_codes(objective: Objective, networks: Networks) -> Objective:
    """Returns the objective with the predictions of a generator that has codes."""
    network = networks[GENERATOR]
    if not all(hasattr(network.module, method) for method in METHODS):
        name = type(network.module).__name__
        raise ValueError(
            f"{name} lacks one of the methods {', '.join(METHODS)}: use a generator with codes, such as vq.Autoencoder"
        )

    def call(method: str, players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        player = players[GENERATOR]
        return network._replace(method=method).apply(player.params, player.stats, batch, train=False)[0]

    def walk(players: Players, keys: jax.Array, batch: Batch) -> jax.Array:
        """Returns [n, m, ...]: decoded straight lines from the codes of `a` to those of `b`, at `t` [n, m]."""

        def vectors(side: str) -> jax.Array:
            return call("embed", players, keys, {"z": call("encode", players, keys, {"x": batch[side]})})[:, None]

        t = batch["t"][..., None, None, None]
        along = (1 - t) * vectors("a") + t * vectors("b")
        return jax.vmap(lambda z: call("decode", players, keys, {"z": z}))(along)

    predictions = {
        "reconstruct": objective.predictions["translate"],
        "encode": Prediction(partial(call, "encode")),
        "decode": Prediction(partial(call, "decode")),
        "walk": Prediction(walk, makes="x"),
    }
    scores = {name: each for name, each in objective.predictions.items() if name == "scores"}
    return objective._replace(predictions={**predictions, **scores})
