"""From names to what they name."""

from functools import partial

import pytest

from gan_jax.errors import UserError
from gan_jax.layers import BatchNorm
from gan_jax.models import dcgan
from gan_jax.resolve import bind, resolve


def test_resolve_finds_by_dotted_name():
    assert resolve("gan_jax.models", "dcgan.Critic", "f") is dcgan.Critic
    assert resolve("optax", "adam", "f").__name__ == "adam"


@pytest.mark.parametrize("name", ["dcgan.leaky_relu", "dcgan.nn", "nothing.Critic", "dcgan", "os.system", "..main", ""])
def test_resolve_offers_only_what_a_file_lists(name):
    with pytest.raises(UserError, match=r"dcgan.Critic, .*mlp.Critic, mlp.Generator"):
        resolve("gan_jax.models", name, "networks.critic.name")


def test_bind_binds_arguments_and_nested_blocks():
    spec = {"name": "dcgan.Critic", "widths": (4,), "norm": {"name": "BatchNorm", "momentum": 0.5}}
    bound = bind("gan_jax.models", spec, "networks.critic")
    assert bound.func is dcgan.Critic
    norm = bound.keywords["norm"]
    assert isinstance(norm, partial)
    assert (norm.func, norm.keywords) == (BatchNorm, {"momentum": 0.5})


def test_bind_refuses_what_is_not_taken():
    with pytest.raises(
        UserError, match=r"networks.critic.widht: dcgan.Critic has no argument 'widht'; did you mean width"
    ):
        bind("gan_jax.models", {"name": "dcgan.Critic", "widht": 3}, "networks.critic")
    with pytest.raises(UserError, match=r"networks.critic has no name"):
        bind("gan_jax.models", {"width": 3}, "networks.critic")
