"""One player: a generator trained towards known targets, without a critic: the baseline for translation GANs."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import jax

from gan_jax.core.fields import Batch, Samplers
from gan_jax.core.networks import Networks
from gan_jax.core.objective import Aux, LossFn, Objective, Weights, total
from gan_jax.core.state import TrainState, Tree
from gan_jax.objectives.forward import Forward
from gan_jax.objectives.game import EVALUATION, GENERATOR, Model
from gan_jax.objectives.players import init_generator
from gan_jax.objectives.terms import generator as of_generator
from gan_jax.objectives.weighted import Terms, Weighted, frozen, outcomes, weights_of

__all__ = ["inpainting", "l1"]

L1: Terms = MappingProxyType({"l1": Weighted(of_generator.l1)})
HOLES: Terms = MappingProxyType(
    {"hole_l1": Weighted(of_generator.hole_l1), "valid_l1": Weighted(of_generator.valid_l1)}
)


def l1(
    *,
    networks: Networks,
    samplers: Samplers = MappingProxyType({}),
    generator: Terms = L1,
    predict_as: str = EVALUATION,
) -> Objective:
    """Returns the objective of a generator alone, whose outputs [b, ...] should be near the batch's `x`.

    Its terms are the generator's terms that need no critic, such as `l1`, `l2` and `lpips`. The prediction `translate`
    and `predict_as` are as in `adversarial`. Raises ValueError if the network is not the generator, or takes no field
    of the examples.
    """
    if {*networks} != {GENERATOR}:
        raise ValueError(f"the networks are {', '.join(networks)}: this objective needs only `generator`")
    weights = weights_of(generator, GENERATOR)
    model = Model(networks[GENERATOR], {}, samplers, predict_as=predict_as)
    predictions = model.predictions()
    if "translate" not in predictions:
        raise ValueError("the generator takes no field of the data: it needs one, such as `source`")
    return Objective(
        init={GENERATOR: init_generator(model, generator)},
        losses={GENERATOR: _loss(model, generator, weights)},
        weights={GENERATOR: weights},
        predictions=predictions,
        samplers=samplers,
        makes=networks[GENERATOR].output_range,
        frozen={GENERATOR: frozen(generator)},
    )


inpainting = partial(l1, generator=HOLES)
"""The same for inpainting, with equal weights of L1 in and around holes: the baseline of `adversarial.inpainting`."""


def _loss(model: Model, terms: Terms, weights: Weights) -> LossFn:
    def loss(params: Tree, state: TrainState, batch: Batch, key: jax.Array, numbers: Weights) -> tuple[jax.Array, Aux]:
        player = state.players[GENERATOR]
        (fake, extras), stats = model.make(params, player.stats, batch, key)
        shared: dict[str, Any] = {"batch": batch, "fake": fake, "step": state.step, "params": params}
        shared |= model.generator_functions(params, player.stats, batch, key)
        forward = _Alone(**_no_critic(), **shared, extras=extras, carry=player.carry, key=key)
        value, metrics, carry = total(outcomes(GENERATOR, terms, forward), {**weights, **numbers}, state.step)
        return value, Aux(stats, metrics, {**player.carry, **carry})

    return loss


def _missing(*_: Any, **__: Any) -> Any:
    raise ValueError("this term needs a critic, which the objective does not have: use adversarial.pix2pix")


class _Alone(Forward):
    """A forward pass without a critic. A term that uses one raises an error instead of silently reading zeros."""

    real_scores = property(_missing)  # type: ignore[assignment]
    fake_scores = property(_missing)  # type: ignore[assignment]


def _no_critic() -> Mapping[str, Any]:
    """Returns the fields of `Forward` that come from a critic."""
    nothing = dict.fromkeys(("real_logits", "fake_logits", "real_scores", "fake_scores"))
    return {**nothing, **dict.fromkeys(("score", "logits", "features", "mixing"), _missing)}
