"""Floating-point operations of a step, counted from the definitions of its layers, not from how they are computed.

Counted: every matrix product in a step that its results depend on, forward and backward, with two operations for each
multiply-add. A dense layer takes b i o multiply-adds on b examples. A convolution takes b h' w' kh kw c o, with h' x w'
the size of its output, and a transposed one the same with that of its input. Zeros of the padding, and values that
fall outside, are counted, as is usual. The gradients with respect to the input and to the kernel each take as many
again, and so does each product of a second derivative. Which of them a step needs is read from the program that JAX's
differentiation makes of it: there is no gradient for real images or the rival's weights, and what is made twice from
the same inputs, such as fakes shared by two updates, counts once. A term computed in some steps counts in every step.
Not counted: elementwise work (activations, normalisations, losses, optimizers, scaling), sums, noise, reading examples.
"""

import math
from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax.extend.core import Jaxpr, JaxprEqn, Literal, jaxprs_in_params
from ml_collections import ConfigDict

from gan_jax.data.spec import DataSpec
from gan_jax.experiments import build
from gan_jax.layers import Conv, ConvTranspose

CALLS = {"jit", "pjit", "closed_call", "checkpoint", "custom_jvp_call", "custom_vjp_call"}
"""JAX's equations that only call a function, by name."""


def of_step(config: ConfigDict, data: DataSpec) -> int:
    """Returns the operations of one step of a config on such data, over all players, updates and devices."""
    experiment = build(config, data)
    leading = (experiment.updates_per_step, config.batch_size)
    batches = {
        name: jax.ShapeDtypeStruct((*leading, *field.shape), field.dtype) for name, field in experiment.spec.items()
    }
    state = jax.eval_shape(experiment.init, experiment.keys.init)
    return of(experiment.train_step, state, batches, experiment.keys.train, experiment.hyperparams)


def of(function: Callable, *arguments: Any) -> int:
    """Operations of `function(*arguments)`, with arguments given as arrays or their shapes.

    Raises ValueError for what cannot be counted: a convolution outside of `gan_jax.layers`, or products in a loop
    without a fixed length.
    """
    with nn.intercept_methods(_by_definition):
        program = jax.make_jaxpr(function)(*arguments).jaxpr
    return _products(program)


def _products(program: Jaxpr) -> int:
    """Operations of the steps that the program's outputs depend on, each counted once."""
    steps = _Steps({}, {})
    left = list(steps.follow(program, [steps.number("input", place) for place in range(len(program.invars))]))
    seen, total = set(), 0
    while left:
        number, _ = left.pop()
        if number in seen or number not in steps.made:
            continue
        seen.add(number)
        equation, inputs = steps.made[number]
        total += _operations(equation)
        left += inputs
    return total


def _operations(equation: Any) -> int:
    name, parameters = equation.primitive.name, equation.params
    if name == "dot_general":
        (contracted, _), _ = parameters["dimension_numbers"]
        summed = math.prod(equation.invars[0].aval.shape[axis] for axis in contracted)
        return 2 * math.prod(equation.outvars[0].aval.shape) * summed
    if name == "conv_general_dilated":
        raise ValueError("a convolution outside of gan_jax.layers' Conv and ConvTranspose cannot be counted")
    inner = [_products(program) for program in jaxprs_in_params(parameters)]
    if name == "while" and any(inner):
        raise ValueError("matrix products in a loop without a fixed length cannot be counted")
    return max(inner, default=0) * (parameters["length"] if name == "scan" else 1)  # for a cond, the costlier branch


Value: TypeAlias = tuple[int, int]
"""The number of the step that makes the value, and its place among the results."""


class _Steps(NamedTuple):
    """Steps of a program by number. Work done twice with the same inputs is one step, as it is to a compiler."""

    numbers: dict[tuple, int]
    made: dict[int, tuple[JaxprEqn, list[Value]]]  # each step's equation and inputs

    def number(self, *what: Any) -> Value:
        """The first result of a step that is told from others by `what`."""
        return self.numbers.setdefault(what, len(self.numbers)), 0

    def follow(self, program: Jaxpr, inputs: list[Value]) -> list[Value]:
        """The program's outputs. Functions that it calls are followed in turn."""
        names = dict(zip(program.invars, inputs, strict=True))

        def read(atom: Any) -> Value:
            if isinstance(atom, Literal):
                return self.number("literal", str(atom.val), str(atom.aval))
            return names[atom] if atom in names else self.number("constant", id(atom))

        for equation in program.eqns:
            taken = [read(atom) for atom in equation.invars]
            if (name := equation.primitive.name) in CALLS:
                made = self.follow(next(iter(jaxprs_in_params(equation.params))), taken)
            else:
                step, _ = self.number(name, str(equation.params), *taken)
                self.made[step] = equation, taken
                made = [(step, place) for place in range(len(equation.outvars))]
            names |= zip(equation.outvars, made, strict=True)
        return [read(atom) for atom in program.outvars]


def _by_definition(call: Callable, args: tuple, kwargs: dict, context: nn.module.InterceptorContext) -> Any:
    """A convolution as one product of its kernel's windows, whichever form the layer itself uses."""
    module = context.module
    conv = isinstance(module, Conv | ConvTranspose) and context.method_name == "__call__"
    if not conv or module.is_initializing():  # it has no kernel yet, as when layers are only listed
        return call(*args, **kwargs)
    x, kernel = nn.dtypes.promote_dtype(args[0], module.get_variable("params", "kernel"), dtype=module.dtype)
    if isinstance(module, Conv):
        return _conv(x, kernel, module.stride, module.padding, module.groups)
    return _conv_transpose(x, kernel, module.stride, module.padding)  # without the bias, which is no product


def _conv(x: jax.Array, kernel: jax.Array, stride: int, padding: int, groups: int) -> jax.Array:
    size = [(n + 2 * padding - k) // stride + 1 for n, k in zip(x.shape[1:3], kernel.shape[:2], strict=True)]
    x = jnp.pad(x, ((0, 0), (padding, padding), (padding, padding), (0, 0)))
    seen = x[:, *_places(size, kernel.shape[:2], stride)]
    if groups == 1:
        return jnp.einsum("nhwuvc,uvco->nhwo", seen, kernel)
    seen, kernel = (a.reshape(*a.shape[:-1], groups, -1) for a in (seen, kernel))
    return jnp.einsum("nhwuvgc,uvcgo->nhwgo", seen, kernel).reshape(*seen.shape[:3], -1)


def _conv_transpose(x: jax.Array, kernel: jax.Array, stride: int, padding: int) -> jax.Array:
    size = x.shape[1:3]
    h, w = ((n - 1) * stride + k for n, k in zip(size, kernel.shape[:2], strict=True))
    added = jnp.einsum("nhwc,uvco->nhwuvo", x, kernel)
    y = jnp.zeros((len(x), h, w, kernel.shape[3]), x.dtype)
    y = y.at[:, *_places(size, kernel.shape[:2], stride)].add(added)
    return y[:, padding : h - padding, padding : w - padding]


def _places(size: Any, kernel: Any, stride: int) -> tuple[jax.Array, jax.Array]:
    """Rows and columns that each place of the kernel meets, to index with: [h, 1, kh, 1] and [1, w, 1, kw]."""
    rows, columns = (stride * jnp.arange(n)[:, None] + jnp.arange(k) for n, k in zip(size, kernel, strict=True))
    return rows[:, None, :, None], columns[None, :, None, :]
