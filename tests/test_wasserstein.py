"""A trained critic's estimate of the Wasserstein distance against the exact one, in the plane."""

from functools import partial

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from jax import lax, random
from scipy.optimize import linear_sum_assignment
from scipy.spatial.distance import cdist

from gan_jax.core import steps
from gan_jax.core.networks import Network
from gan_jax.core.state import TrainState
from gan_jax.distributions import latents
from gan_jax.models import mlp
from gan_jax.objectives import adversarial
from gan_jax.objectives.terms import critic
from gan_jax.objectives.weighted import Weighted

pytestmark = pytest.mark.heavy

KEY, N, BATCH, MOVES = random.key(0), 1000, 256, 1200


class Scaled(nn.Module):
    """z [b, 2] -> 0.5 z: the generator of N(0, I / 4)."""

    @nn.compact
    def __call__(self, z, *, train):
        del train
        return z * self.param("scale", nn.initializers.constant(0.5), ())


def exact(real, fake):
    """The distance between two sets of as many points: of all transports between them one is a pairing."""
    costs = cdist(real, fake)
    return costs[linear_sum_assignment(costs)].mean()


def translated(key):
    return jnp.array([1.8, 2.4]) + 0.5 * random.normal(key, (N, 2))


def ring(key):
    angle = random.randint(key, (N,), 0, 8) * (jnp.pi / 4)
    return 2 * jnp.stack([jnp.cos(angle), jnp.sin(angle)], axis=-1) + 0.05 * random.normal(key, (N, 2))


def estimate(real, fake):
    """The critic's difference of means after training it alone, by a weight that holds its slope close to 1.

    (The largest value of s W - weight (s - 1)^2, by slope s, is at s = 1 + W / (2 weight).)
    """
    module = mlp.Critic(widths=(64, 64), dropout=0.0, activation=nn.relu)
    networks = {"generator": Network(Scaled()), "critic": Network(module)}
    terms = {"wasserstein": Weighted(critic.wasserstein), "gradient_penalty": Weighted(critic.gradient_penalty, 20.0)}
    objective = adversarial.wasserstein_gp(networks=networks, samplers={"z": latents.normal(2)}, critic=terms)
    updates = {
        "critic": steps.Update(lambda numbers: optax.adam(2e-3)),
        "generator": steps.Update(lambda numbers: optax.sgd(0.0)),
    }
    example = {"x": real[:1], "z": real[:1]}
    players = {p: steps.start(init(KEY, example), updates[p]) for p, init in objective.init.items()}
    step, numbers = steps.alternating(objective, updates), steps.default_hyperparams(objective, updates)

    def body(i, state):
        rows = random.randint(random.fold_in(KEY, i), (1, BATCH), 0, N)
        return step(state, {"x": real[rows]}, KEY, numbers)[0]

    state = jax.jit(partial(lax.fori_loop, 0, MOVES, body))(TrainState(jnp.int32(0), players))

    def scores(x):
        return objective.predictions["scores"].fn(state.players, random.split(KEY, len(x)), {"x": x})

    return float(scores(real).mean() - scores(fake).mean())


@pytest.mark.parametrize("law", [translated, ring])
def test_the_trained_critic_estimates_the_distance(law):
    real, fake = law(KEY), 0.5 * random.normal(random.fold_in(KEY, 1), (N, 2))
    distance = exact(real, fake)
    if law is translated:  # by a vector of length 3
        np.testing.assert_allclose(distance, 3.0, rtol=0.02)
    np.testing.assert_allclose(estimate(real, fake), distance, rtol=0.1)
