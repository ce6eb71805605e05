"""Predictions of a trained model as StableHLO programs, for CPUs, GPUs and TPUs and batches of any size.

A program contains the weights, as moving averages if there are any. It needs neither this project nor its config:

    program = jax.export.deserialize(bytearray(open("sampler.stablehlo", "rb").read()))
    images = program.call(z)            # its inputs in order, [n, ...] each

The file is in the format of `jax.export`; `program.mlir_module_serialized` is StableHLO alone, in portable bytecode.
"""

from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jax import export

from gan_jax.core.collectives import base_key, example_keys
from gan_jax.core.fields import IMAGE, LABEL, Batch, fill_each
from gan_jax.core.state import Players, averaged
from gan_jax.data import pixels
from gan_jax.errors import UserError
from gan_jax.experiments import Experiment
from gan_jax.experiments.observed import observed

PLATFORMS = ("cpu", "cuda", "tpu")
FILES = {
    "sample": "sampler.stablehlo",
    "translate": "translate.stablehlo",
    "reconstruct": "reconstruct.stablehlo",
    "decode": "decode.stablehlo",
}
"""The file of each prediction that is exported."""
SIZES = (1, 5)
"""The batch sizes at which programs are compared with the model."""
LEVELS = {"float32": 1, "bfloat16": 8}
"""The largest allowed difference of a program's pixels from the model's, of 255, by the networks' dtype."""
SHARE = {"float32": 1e-4, "bfloat16": 0.03}
"""The same for floats, as a share of the batch's largest value."""
_MAKERS, _READERS = ("generator", "decoder"), ("generator", "encoder", "decoder")


class Program(NamedTuple):
    """A prediction as a program.

    Attributes:
        use: the prediction, a key of `FILES`.
        content: the bytes of the file.
        inputs: the shape [n, ...] and dtype of each input in words, by field, in order.
        output: the same for its output.
    """

    use: str
    content: bytes
    inputs: dict[str, str]
    output: str


def make(experiment: Experiment, players: Players, use: str, dtype: str) -> Program:
    """Returns a prediction as a program, after checking that it reproduces the model's outputs.

    Images are uint8 as inputs and as outputs. Random numbers that are not inputs, such as dropout's, are those of seed
    0. dtype: the type that networks compute in. Raises UserError if the program's outputs differ, and whatever JAX
    raises for a model that cannot be compiled for batches of any size.
    """
    inputs = _inputs(experiment, players, use, 2)
    kept = {
        name: player._replace(opt_state=(), ema=(), carry=(), ema_stats=())
        for name, player in averaged(players).items()
    }

    def predict(players: Players, *arrays: jax.Array) -> jax.Array:
        batch = _scaled(experiment, dict(zip(inputs, arrays, strict=True)))
        return experiment.predict[use](players, example_keys(base_key(0), arrays[0].shape[0]), batch)

    (n,) = export.symbolic_shape("n")
    shapes = [jax.ShapeDtypeStruct((n, *array.shape[1:]), array.dtype) for array in inputs.values()]
    # For a known size, because only then does JAX find out what is not used.
    used = {*export.export(jax.jit(predict), platforms=PLATFORMS[:1])(kept, *inputs.values()).module_kept_var_idx}

    def program(*arrays: jax.Array) -> jax.Array:
        leaves, structure = jax.tree.flatten(kept)  # other weights, such as a critic's, would only take space
        own = [leaf if number in used else jnp.zeros_like(leaf) for number, leaf in enumerate(leaves)]
        return predict(structure.unflatten(own), *arrays)

    exported = export.export(jax.jit(program), platforms=PLATFORMS)(*shapes)
    content = bytes(exported.serialize())
    _check(content, experiment, players, use, dtype)
    words = [_words(each) for each in (*shapes, exported.out_avals[0])]
    return Program(use, content, dict(zip(inputs, words[:-1], strict=True)), words[-1])


def _check(content: bytes, experiment: Experiment, players: Players, use: str, dtype: str) -> None:
    """Raises UserError if a program's outputs are not the model's."""
    call = jax.jit(export.deserialize(bytearray(content)).call)
    for n in SIZES:
        inputs = _inputs(experiment, players, use, n)
        wanted = experiment.predict[use](players, example_keys(base_key(0), n), _scaled(experiment, inputs))
        made, wanted = (np.asarray(a, np.float64) for a in (call(*inputs.values()), wanted))
        pixels = use != "decode" and experiment.spec["x"].kind == IMAGE
        bound = LEVELS[dtype] if pixels else SHARE[dtype] * np.abs(wanted).max()
        if made.shape != wanted.shape or not (off := np.abs(made - wanted).max()) <= bound:
            off = "in shape" if made.shape != wanted.shape else f"by {off:g}, but at most {bound:g} is allowed"
            raise UserError(f"{FILES[use]}: its outputs for {n} examples differ from the model's {off}")


def _inputs(experiment: Experiment, players: Players, use: str, n: int) -> Batch:
    """Returns random inputs [n, ...] of a prediction, by field in the order of the networks' arguments."""
    random, keys = np.random.default_rng(0), example_keys(base_key(0), n)
    stored = {name: jax.ShapeDtypeStruct((1, n, *field.shape), field.dtype) for name, field in experiment.spec.items()}
    shown = jax.eval_shape(experiment.augment, stored, base_key(0), jnp.int32(0))  # crops are smaller
    given: Batch = {}
    for name, field in experiment.spec.items():
        shape = shown[name].shape[1:]
        if field.kind == IMAGE:
            given[name] = jnp.asarray(random.integers(0, 256, shape, np.uint8))
        elif field.kind == LABEL:
            given[name] = jnp.asarray(random.integers(0, field.classes, shape, np.int32))
        else:
            given[name] = jnp.asarray(random.normal(size=shape), field.dtype)
    roles = _READERS if use == "reconstruct" else _MAKERS
    taken = dict.fromkeys(name for role in roles for name in experiment.takes.get(role, ()))
    if use == "decode":  # a tokenizer's generator takes x, but only its codes are decoded
        taken = dict.fromkeys("z" if name == "x" else name for name in taken)
    if use == "reconstruct":
        return {name: given[name] for name in taken if name in given}
    floats = experiment.scale(given)
    drawn = {"z": experiment.predict["encode"](players, keys, floats)} if use == "decode" else {}
    seen = observed(experiment.predict, players, keys, floats) if use == "translate" else {}
    images = {name: pixels.unscale(experiment.spec, "x", seen[name]) for name in seen if name != "mask"}
    filled = {**fill_each(experiment.latents, floats, keys), **given, **drawn, **images}
    return {name: filled[name] for name in taken if name in filled}


def _scaled(experiment: Experiment, inputs: Batch) -> Batch:
    """Returns a program's inputs as networks take them: observed images are in the range of x."""
    seen = {name for name, values in inputs.items() if name not in experiment.spec and values.dtype == jnp.uint8}
    floats = {name: experiment.scale({"x": inputs[name]})["x"] for name in seen}
    return {**experiment.scale(inputs), **floats}


def _words(array: Any) -> str:
    return f"{array.dtype} [{', '.join(map(str, array.shape))}]"
