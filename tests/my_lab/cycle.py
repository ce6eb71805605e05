"""The core of CycleGAN (Zhu et al. 2017, arXiv:1703.10593) in one objective file, as an example of one outside.

A player of two generators, one of two critics. `gan_jax.objectives.cycle` has its pool too, and terms to choose from.
"""

import jax
import jax.numpy as jnp

from gan_jax.core.networks import Networks
from gan_jax.core.objective import Aux, Objective, Outcome, Prediction, Start, total
from gan_jax.losses.adversarial import critic_least_squares, generator_least_squares

SIDES = {"x": "source", "source": "x"}


def cycle(*, networks: Networks, cycle: float = 10.0, identity: float = 5.0) -> Objective:
    """Returns the game between `to_x`, `to_source` and the critics `of_x`, `of_source`, all of images `x`."""
    weights = {
        "critics": {"x": 1.0, "source": 1.0},
        "generators": {"adversarial": 1.0, "cycle": cycle, "identity": identity},
    }

    def run(player, name, image, key=None):
        return networks[name].apply(player.params[name], player.stats[name], {"x": image}, train=True, key=key)[0]

    def init(names):
        def of(key, batch):
            made = [networks[name].init(jax.random.fold_in(key, n), batch) for n, name in enumerate(names)]
            params, stats = (dict(zip(names, parts, strict=True)) for parts in zip(*made, strict=True))
            return Start(params, stats, {})

        return of

    def critics(params, state, batch, key, numbers):
        mine, theirs = state.players["critics"]._replace(params=params), state.players["generators"]
        terms = {}
        for side, other in SIDES.items():
            fake = run(theirs, f"to_{side}", batch[other])
            terms[side] = Outcome(
                critic_least_squares(run(mine, f"of_{side}", batch[side]), run(mine, f"of_{side}", fake))
            )
        value, metrics, carry = total(terms, {**weights["critics"], **numbers}, state.step)
        return value, Aux(mine.stats, metrics, carry)

    def generators(params, state, batch, key, numbers):
        mine, theirs = state.players["generators"]._replace(params=params), state.players["critics"]
        adversarial, back, same = [], [], []
        for side, other in SIDES.items():
            fake = run(mine, f"to_{side}", batch[other])
            adversarial.append(generator_least_squares(run(theirs, f"of_{side}", fake)))
            back.append(jnp.abs(run(mine, f"to_{other}", fake) - batch[other]))
            same.append(jnp.abs(run(mine, f"to_{side}", batch[side]) - batch[side]))
        names = {"adversarial": adversarial, "cycle": back, "identity": same}
        terms = {name: Outcome(sum(values)) for name, values in names.items()}
        value, metrics, carry = total(terms, {**weights["generators"], **numbers}, state.step)
        return value, Aux(mine.stats, metrics, carry)

    def translate(players, keys, batch):
        player = players["generators"]
        return networks["to_x"].apply(player.params["to_x"], player.stats["to_x"], {"x": batch["source"]}, train=False)[
            0
        ]

    return Objective(
        init={"critics": init(("of_x", "of_source")), "generators": init(("to_x", "to_source"))},
        losses={"critics": critics, "generators": generators},
        weights=weights,
        predictions={"translate": Prediction(translate, makes="x")},
    )
