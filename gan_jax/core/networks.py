"""Networks: Linen modules as pure functions of (params, stats, batch), called with the fields that they take.

The names of a module's arguments are the fields of the batch that it gets: `__call__(self, z, label, *, train)` is
called with `batch["z"], batch["label"]`. This is the only file that knows Linen's dictionary of variables.
"""

import inspect
import math
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from functools import partial
from typing import Any, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax.typing import DTypeLike

from gan_jax.core.collectives import base_key, in_part
from gan_jax.core.fields import Batch, stream
from gan_jax.core.messages import named
from gan_jax.core.state import Tree

RANDOM = ("dropout", "noise")
"""The random streams that layers may draw from in training."""
KEPT = "intermediates"
"""Linen's collection of the values that a module's methods returned."""
MIXES_EXAMPLES = (nn.BatchNorm,)
"""Flax's layers whose output for one example depends on the others; ours set `mixes_examples`."""


class Network(NamedTuple):
    """A module that is called with the fields of a batch that its arguments are named after.

    Attributes:
        module: the module.
        remat: the class name of its blocks. In training their activations are recomputed for the gradients instead of
            being kept (Chen et al. 2016, arXiv:1604.06174). Empty for none.
        method: the method of the module that is called.
        field: the network's name in errors, such as config.networks.critic.
        frozen: True if the network stays in evaluation mode during training, because it is not trained.
    """

    module: nn.Module
    remat: str = ""
    method: str = "__call__"
    field: str = ""
    frozen: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The names of the fields that the module takes, in the order of its arguments."""
        names = inspect.signature(getattr(type(self.module), self.method)).parameters
        return tuple(name for name in names if name not in ("self", "train"))

    def init(self, key: jax.Array, batch: Batch) -> tuple[Tree, Tree]:
        """Returns the initial (params, stats) for a batch of these shapes; stats hold running statistics, if any.

        Raises ValueError if no layer is of the class that `remat` names.
        """
        seen: set[str] = set()
        with nn.intercept_methods(partial(_note_class, seen)), named(self.field):
            variables = dict(self.module.init(_streams(key), *self.inputs(batch), train=False))
        if self.remat and self.remat not in seen:
            name = type(self.module).__name__
            raise ValueError(f"remat is {self.remat!r}, but {name} has no such layer: it has {', '.join(sorted(seen))}")
        return variables.pop("params", {}), variables

    def apply(
        self, params: Tree, stats: Tree, batch: Batch, *, train: bool, key: jax.Array | None = None
    ) -> tuple[Any, Tree]:
        """Returns the module's output and its new stats (the same ones if `train` is False).

        `key` feeds the module's dropout and noise in training. A module with a field `dtype` computes in that type:
        params and inputs are cast to it, and outputs to float32. So everything that is stored, summed or compared stays
        float32, including running statistics.
        """
        outputs, stats, _ = self._run(params, stats, batch, train=train, key=key)
        return outputs, stats

    def features(self, params: Tree, stats: Tree, batch: Batch, *, train: bool, key: jax.Array | None = None) -> Tree:
        """Returns the output of the module's method `features` while the module is applied as in `apply`.

        Raises ValueError if the module has no such method.
        """
        return self._returned("features", params, stats, batch, train=train, key=key)

    def style_gradient(
        self, params: Tree, stats: Tree, batch: Batch, y: jax.Array, *, train: bool, key: jax.Array | None = None
    ) -> jax.Array:
        """Returns y' J for each example, [b, ...]: the gradient of the sum of outputs times y.

        y [b, ...] has the outputs' shape. J is the Jacobian of the outputs with respect to what the method `styles`
        returns. Raises ValueError if the module has no method `styles`, or layers that mix examples.
        """

        def product(shift: jax.Array) -> jax.Array:
            def shifted(next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
                if _mixes(context.module):
                    name = type(context.module).__name__
                    raise ValueError(
                        f"the generator has {name}, which mixes examples: path lengths need a generator without it"
                    )
                made = next_call(*args, **kwargs)
                return made + shift.astype(made.dtype) if _is(context.module, context.method_name, "styles") else made

            with nn.intercept_methods(shifted):
                return (self.apply(params, stats, batch, train=train, key=key)[0] * y).sum()

        styles = jax.eval_shape(lambda: self._returned("styles", params, stats, batch, train=train, key=key))
        return jax.grad(product)(jnp.zeros(styles.shape, styles.dtype))

    def _returned(self, method: str, params: Tree, stats: Tree, batch: Batch, **how: Any) -> Tree:
        """Returns the output of a method of the module while the module is applied."""
        name = type(self.module).__name__
        if not hasattr(self.module, method):
            such = {"features": "dcgan.Critic", "styles": "stylegan2.Generator"}[method]
            raise ValueError(f"{name} has no method `{method}`: use a network that has one, such as {such}")
        kept = partial(_is, name=method)
        _, _, seen = self._run(params, stats, batch, **how, capture_intermediates=kept)
        if method not in seen:
            raise ValueError(f"{name} does not call its method `{method}`: its `__call__` must use it")
        return seen[method][0]

    def _run(
        self, params: Tree, stats: Tree, batch: Batch, *, train: bool, key: jax.Array | None, **how: Any
    ) -> tuple[Any, Tree, Mapping[str, Any]]:
        """Returns the module's output, its new stats, and the intermediate values that `how` requests."""
        train = train and not self.frozen
        dtype = getattr(self.module, "dtype", jnp.float32)
        variables = {"params": _cast(params, dtype), **stats}
        rngs = None if key is None or not train else {name: stream(key, name) for name in RANDOM}
        changed = [*(stats if train else ()), *([KEPT] if how else ())]
        with (
            named(self.field),
            nn.intercept_methods(_refuse_mixing) if train and in_part() else nullcontext(),
            nn.intercept_methods(_recomputing(self.remat)) if train and self.remat else nullcontext(),
        ):
            inputs = _cast(self.inputs(batch), dtype)
            outputs, after = self.module.apply(
                variables, *inputs, train=train, mutable=changed, rngs=rngs, method=self.method, **how
            )
        outputs, kept = _cast((outputs, after.get(KEPT, {})), jnp.float32)
        return outputs, {name: after[name] for name in stats} if train else stats, kept

    def inputs(self, batch: Batch) -> tuple[jax.Array, ...]:
        """Returns the fields [b, ...] of the batch that the module takes, in the order of its arguments.

        Raises ValueError if one is missing.
        """
        if missing := [name for name in self.fields if name not in batch]:
            raise ValueError(
                f"{type(self.module).__name__} takes {', '.join(missing)}, which the batch does not have: "
                f"it has {', '.join(batch)}; set a sampler for it, or use data that has it"
            )
        return tuple(batch[name] for name in self.fields)

    def output_range(
        self, then: Callable[[jax.Array], jax.Array] = lambda outputs: outputs
    ) -> tuple[float, float] | None:
        """Returns the range of `then(outputs)`, from the module's field `last_activation`: (-1, 1) for tanh.

        A side without a bound is infinite. Returns None if the module has no such field, or the activation is not
        elementwise. It is found by evaluating the activation at inputs of magnitude up to 1e25. A side has no bound if
        the largest inputs give values beyond all others.
        """
        activation = getattr(self.module, "last_activation", None)
        large = np.logspace(1.5, 25, 100)
        tried = np.concatenate([-large, np.linspace(-30, 30, 6001), large]).astype(np.float32)
        try:
            made = np.asarray(then(activation(jnp.asarray(tried))), np.float64)  # pyrefly: ignore[not-callable]
        except Exception:  # the activation may be any function
            return None
        if made.shape != tried.shape or np.isnan(made).all():
            return None
        some = made[np.abs(tried) < 1e12]
        low, high = float(np.nanmin(made)), float(np.nanmax(made))
        slack = 1e-3 * float(np.nanmax(some) - np.nanmin(some))
        bounded = low >= np.nanmin(some) - slack, high <= np.nanmax(some) + slack
        return low if bounded[0] else -math.inf, high if bounded[1] else math.inf


Networks = Mapping[str, Network]


def mixing_layers(network: Network, batch: Batch) -> list[str]:
    """Returns the names of the network's layers whose output for one example depends on the others of the batch."""
    found: list[str] = []

    def note(next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        if _mixes(context.module):
            found.append(type(context.module).__name__)
        return next_call(*args, **kwargs)

    with nn.intercept_methods(note):
        jax.eval_shape(network.init, base_key(0), batch)
    return sorted({*found})


def _mixes(layer: nn.Module) -> bool:
    """Returns True if the layer's output for one example depends on the others of the batch."""
    return getattr(layer, "mixes_examples", False) or isinstance(layer, MIXES_EXAMPLES)


def _refuse_mixing(next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    """Raises ValueError for a layer that mixes the examples of a batch while only a part of the batch is traced.

    Layers that mix within groups of consecutive examples are allowed; they check that no part splits a group.
    """
    if _mixes(context.module) and not getattr(context.module, "in_groups", False):
        raise ValueError(
            f"the layer {type(context.module).__name__} mixes the examples of a batch, so a batch cannot be "
            "split into parts: config.accumulate must be 1, or use another norm in config.networks"
        )
    return next_call(*args, **kwargs)


def _note_class(seen: set[str], next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
    """Adds the layer's class name to `seen`, unless the layer is the whole network."""
    if context.module.path:
        seen.add(type(context.module).__name__)
    return next_call(*args, **kwargs)


def _recomputing(block: str) -> Callable[..., Any]:
    """Returns the interceptor that makes layers of the class of this name keep only their inputs for the gradients."""
    within: list[str] = []

    def intercept(next_call: Any, args: Any, kwargs: Any, context: Any) -> Any:
        module = context.module
        if within or context.method_name != "__call__" or type(module).__name__ != block:
            return next_call(*args, **kwargs)

        def run(module: Any, *args: Any) -> Any:
            within.append(block)  # the call below is intercepted again
            try:
                return module(*args, **kwargs)
            finally:
                within.pop()

        return nn.remat(run)(module, *args)

    return intercept


def _is(module: nn.Module, method: str, name: str) -> bool:
    """Returns True if it is the whole network's method of this name."""
    return method == name and module.path == ()


def _streams(key: jax.Array) -> dict[str, jax.Array]:
    return {"params": key} | {name: stream(key, name) for name in RANDOM}


def _cast(tree: Tree, dtype: DTypeLike) -> Tree:
    """Returns the tree with its floats cast to this dtype; integers stay as they are."""
    return jax.tree.map(lambda a: a.astype(dtype) if jnp.issubdtype(a.dtype, jnp.floating) else a, tree)
