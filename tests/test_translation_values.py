"""Values of networks from image to image with random parameters, none of them 0, against NumPy's sums written here."""

from functools import partial

import flax.linen as nn
import jax
import numpy as np
import pytest

from gan_jax.layers import NoNorm
from gan_jax.models import inpainting, super_resolution, translation, vq

pytestmark = pytest.mark.heavy


def images(h, w, c=2, n=3):
    return np.random.default_rng(c).normal(size=(n, h, w, c)).astype(np.float32)


def holed(h, w, n=3):
    """Images and a mask of their holes."""
    return images(h, w, n=n), (images(h, w, 1, n) > 0).astype(np.float32)


def shapes(module, *inputs, **how):
    """The shapes of a module's parameters."""
    return jax.eval_shape(partial(module.init, **how), jax.random.key(0), *inputs)["params"]


def values(module, *inputs, methods=("__call__",), **how):
    """Returns random parameters of a module, which about keep the variance, and what its methods give by them."""
    random = np.random.default_rng(1)

    def drawn(leaf):
        return (random.normal(size=leaf.shape) / np.sqrt(np.prod(leaf.shape[:-1]))).astype(np.float32)

    params = jax.tree.map(drawn, shapes(module, *inputs, **how))
    kept = {"capture_intermediates": lambda layer, name: not layer.path and name in methods}
    apply = jax.jit(partial(module.apply, mutable=["batch_stats", "intermediates"], **kept, **how))
    made = apply({"params": params}, *inputs)[1]["intermediates"]
    return params, *(made[name][0] for name in methods)


def check(actual, expected):
    assert np.std(expected) > 0.01
    np.testing.assert_allclose(actual, expected, rtol=1e-3, atol=1e-4 * np.abs(expected).max())


def check_filled(made, whole, source, mask):
    check(made["whole"], whole)
    check(made["x"], np.where(mask == 1, whole, source))


def layers(params, kind):
    """The parameters of all layers of a kind, in their order."""
    return [params[f"{kind}_{n}"] for n in range(sum(name.startswith(f"{kind}_") for name in params))]


def biased(y, params, bias):
    assert ("bias" in params) == bias
    return y + params["bias"] if bias else y


def convolved(x, params, stride=1, padding=1, rate=1, bias=True):
    """PyTorch's Conv2d: sums over windows of which every `rate`-th pixel counts."""
    kernel = params["kernel"].astype(np.float64)
    x = np.pad(x, ((0, 0), (padding,) * 2, (padding,) * 2, (0, 0)))
    size = tuple((side - 1) * rate + 1 for side in kernel.shape[:2])
    windows = np.lib.stride_tricks.sliding_window_view(x, size, axis=(1, 2))[:, ::stride, ::stride, :, ::rate, ::rate]
    return biased(np.einsum("nhwcuv,uvco->nhwo", windows, kernel), params, bias)


def transposed(x, params, stride=2, padding=1, bias=True):
    """PyTorch's ConvTranspose2d: each pixel adds its kernel, `stride` pixels from the next one."""
    kernel, (n, h, w, _) = params["kernel"].astype(np.float64), x.shape
    rows, columns = kernel.shape[:2]
    y = np.zeros((n, (h - 1) * stride + rows, (w - 1) * stride + columns, kernel.shape[-1]))
    for i, j in np.ndindex(h, w):
        added = np.einsum("nc,uvco->nuvo", x[:, i, j], kernel)
        y[:, i * stride : i * stride + rows, j * stride : j * stride + columns] += added
    return biased(y[:, padding : y.shape[1] - padding, padding : y.shape[2] - padding], params, bias)


def relu(x, slope=0.0):
    return np.where(x > 0, x, slope * x)


def larger(x):
    return x.repeat(2, 1).repeat(2, 2)


def normed(x, axes):
    return (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)


def instance_normed(x):
    return normed(x, (1, 2))


def batch_normed(x, params):
    """By the batch's own statistics."""
    return normed(x, (0, 1, 2)) * params["scale"] + params["bias"]


# Translation.


def u_net(x, params):
    """Halvings to 4x8, 2x4 and 1x2 pixels: the last one has no norm, and the first doubling begins with its ReLU."""
    (first, second, third), norms = layers(params, "Conv"), layers(params, "BatchNorm")
    inner, middle, outer = layers(params, "ConvTranspose")
    a = convolved(x, first, 2)
    b = batch_normed(convolved(relu(a, 0.2), second, 2, bias=False), norms[0])
    c = convolved(relu(b, 0.2), third, 2)
    y = np.concatenate([b, batch_normed(transposed(relu(c), inner, bias=False), norms[1])], -1)
    y = np.concatenate([a, batch_normed(transposed(relu(y), middle, bias=False), norms[2])], -1)
    return np.tanh(transposed(relu(y), outer))


def test_a_u_net_is_the_papers():
    source = images(8, 16)
    params, made = values(translation.UNet((8, 16, 3), width=2), source, train=True)
    check(made, u_net(source, params))


def test_a_completion_is_a_u_net_of_the_source_and_its_mask():
    source, mask = holed(8, 16)
    params, made = values(translation.Completion((8, 16, 2), width=2), source, mask, train=True)
    check_filled(made, u_net(np.concatenate([source, mask], -1), params), source, mask)


def test_dropout_is_between_the_fourth_and_the_innermost_doubling():
    """For 256x256 in three, as in the authors' code; for 32x32 in none."""
    seen = []

    def note(call, args, kwargs, context):
        if type(context.module).__name__ == "Dropout":
            seen.append(args[0].shape[1])
        return call(*args, **kwargs)

    with nn.intercept_methods(note):
        for side in (32, 256):
            shapes(translation.UNet((side, side, 1), width=1), images(side, side, 1, 1), train=False)
    assert seen == [4, 8, 16]


def reflected(x, params, stride=1, bias=False):
    pixels = len(params["kernel"]) // 2
    x = np.pad(x, ((0, 0), (pixels,) * 2, (pixels,) * 2, (0, 0)), "reflect")
    return convolved(x, params, stride, 0, bias=bias)


def test_a_resnet_is_the_papers_and_its_encoder_shows_what_patches_are_compared_by():
    source = images(8, 12)
    module = translation.ResNet((8, 12, 3), width=2, blocks=2)
    params, made, seen = values(module, source, methods=("__call__", "encode"), train=True)
    first, *downs_and_blocks, large, larger_still, last = layers(params, "Conv")
    x, expected = relu(instance_normed(reflected(source, first))), [source]
    for down in downs_and_blocks[:2]:
        expected.append(reflected(x, down, 2))
        x = relu(instance_normed(expected[-1]))
    for one, two in zip(downs_and_blocks[2::2], downs_and_blocks[3::2], strict=True):
        x = x + instance_normed(reflected(relu(instance_normed(reflected(x, one))), two))
        expected.append(x)
    for actual, by_hand in zip(seen, expected, strict=True):
        check(actual, by_hand)
    for up in (large, larger_still):
        x = relu(instance_normed(reflected(larger(x), up)))
    check(made, np.tanh(reflected(x, last, bias=True)))


def test_a_patch_critic_is_the_papers():
    """Three halvings and two layers of stride 1; all norms but the first and the last layer's."""
    x = images(24, 32, n=2)
    params, scores = values(translation.PatchCritic(width=2), x, train=True)
    first, *others, last = layers(params, "Conv")
    h = relu(convolved(x, first, 2), 0.2)
    for layer, stride in zip(others, (2, 2, 1), strict=True):
        h = relu(instance_normed(convolved(h, layer, stride, bias=False)), 0.2)
    check(scores, convolved(h, last)[..., 0])


def test_a_pair_critic_is_a_patch_critic_of_both_with_batch_norm():
    x, source = images(12, 16, 3), images(12, 16, 1)
    params, scores = values(translation.PairCritic(width=2, downs=2), x, source, train=True)
    first, *others, last = layers(params, "Conv")
    h = relu(convolved(np.concatenate([x, source], -1), first, 2), 0.2)
    for layer, norm, stride in zip(others, layers(params, "BatchNorm"), (2, 1), strict=True):
        h = relu(batch_normed(convolved(h, layer, stride, bias=False), norm), 0.2)
    check(scores, convolved(h, last)[..., 0])


@pytest.mark.parametrize(
    "module",
    [
        translation.UNet((8, 16, 2), width=2, norm=NoNorm),
        translation.ResNet((8, 16, 2), width=2, blocks=1, norm=NoNorm),
        translation.PatchCritic(width=2, downs=1, norm=NoNorm),
        inpainting.ContextEncoder((8, 16, 2), width=2, downs=2, bottleneck=3, norm=NoNorm),
    ],
)
def test_without_a_norm_all_layers_have_biases(module):
    inputs = holed(8, 16) if isinstance(module, inpainting.ContextEncoder) else [images(8, 16)]
    made = shapes(module, *inputs, train=True)
    assert [name for name, layer in made.items() if {*layer} != {"kernel", "bias"}] == []


# Super-resolution.


def shuffled(x, factor):
    """Channels as (row, column, channel) of a square of pixels."""
    n, h, w, channels = x.shape
    y = np.zeros((n, h * factor, w * factor, channels // factor**2))
    for k, (i, j) in enumerate(np.ndindex(factor, factor)):
        y[:, i::factor, j::factor] = x[..., k * y.shape[-1] : (k + 1) * y.shape[-1]]
    return y


def enlarged(x, factor):
    """Bilinear, between the centres of pixels."""
    for axis in (1, 2):
        n = x.shape[axis]
        places = (np.arange(n * factor) + 0.5) / factor - 0.5
        x = np.apply_along_axis(lambda line, n=n, places=places: np.interp(places, np.arange(n), line), axis, x)
    return x


@pytest.mark.parametrize(("factor", "shuffles"), [(4, (2, 2)), (3, (3,))])
def test_an_srresnet_is_the_papers_with_the_enlarged_source_added(factor, shuffles):
    source = images(4, 5)
    module = super_resolution.SRResNet(factor=factor, width=2, blocks=2)
    params, made = values(module, source, train=True)
    # where one is called in the other's argument, the outer layer is counted first
    begin, two, one, four, three, *ups, last, last_but_one = layers(params, "Conv")
    x = first = relu(convolved(source, begin), 0.1)
    x = x + convolved(relu(convolved(x, one)), two)
    x = x + convolved(relu(convolved(x, three)), four) + first
    for layer, each in zip(ups, shuffles, strict=True):
        x = relu(shuffled(convolved(x, layer), each), 0.1)
    x = convolved(relu(convolved(x, last_but_one), 0.1), last)
    check(made, x + enlarged(source, factor))


def test_the_critic_of_super_resolution_is_of_two_layers_a_halving_and_two_dense_ones():
    x = images(8, 12)
    params, scores = values(super_resolution.SRCritic(width=4, downs=2), x, train=True)
    h = x
    for number, layer in enumerate(layers(params, "Conv")):
        assert layer["kernel"].shape[:2] == ((4, 4) if number % 2 else (3, 3))
        h = relu(convolved(h, layer, 1 + number % 2), 0.2)
    one, two = layers(params, "Dense")
    h = h.reshape(3, 2 * 3 * 8) @ one["kernel"] + one["bias"]
    assert (h < 0).any()
    check(scores, (relu(h, 0.2) @ two["kernel"] + two["bias"])[:, 0])


# Inpainting.


def test_a_context_encoder_is_the_papers():
    source, mask = holed(8, 16)
    module = inpainting.ContextEncoder((8, 16, 2), width=2, downs=2, bottleneck=3)
    params, made = values(module, source, mask, train=True)
    (first, second, narrow), norms = layers(params, "Conv"), iter(layers(params, "BatchNorm"))
    wide, middle, last = layers(params, "ConvTranspose")
    x = relu(convolved(np.concatenate([source, mask], -1), first, 2), 0.2)
    x = relu(batch_normed(convolved(x, second, 2, bias=False), next(norms)), 0.2)
    x = relu(batch_normed(convolved(x, narrow, 1, 0, bias=False), next(norms)), 0.2)
    assert x.shape == (3, 1, 1, 3)
    x = relu(batch_normed(transposed(x, wide, 1, 0, bias=False), next(norms)))
    x = relu(batch_normed(transposed(x, middle, bias=False), next(norms)))
    check_filled(made, np.tanh(transposed(x, last)), source, mask)


def elu(x):
    return np.where(x > 0, x, np.expm1(np.minimum(x, 0)))


def gated(x):
    of_values, gates = np.split(x, 2, -1)
    return elu(of_values) / (1 + np.exp(-gates))


@pytest.mark.parametrize(
    ("model", "activation"), [(inpainting.DilatedCompletion, elu), (inpainting.GatedCompletion, gated)]
)
def test_dilated_and_gated_networks_are_their_papers(model, activation):
    source, mask = holed(16, 32, n=1)
    params, made = values(model((16, 32, 2), width=2, rates=(2, 4)), source, mask, train=True)
    *convolutions, last = layers(params, "Conv")
    first, *downs, two, four, middle, large, larger_still = convolutions
    x = activation(convolved(np.concatenate([source, mask], -1), first))
    for number, layer in enumerate(downs):
        x = activation(convolved(x, layer, 2 - number % 2))
    for layer, rate in ((two, 2), (four, 4), (middle, 1)):
        x = activation(convolved(x, layer, padding=rate, rate=rate))
    for layer in (large, larger_still):
        x = activation(convolved(larger(x), layer))
    check_filled(made, np.tanh(convolved(x, last)), source, mask)


# Tokenizers.


def residual(x, params):
    return x + convolved(relu(convolved(relu(x), params["Conv_0"])), params["Conv_1"], padding=0)


def test_a_tokenizers_encoder_and_decoder_are_the_papers():
    x, z = images(8, 12), images(2, 3, 3)
    params, made = values(vq.Encoder(dim=3, width=2, downs=2, blocks=2), x)
    first, second, last = layers(params, "Conv")
    h = convolved(relu(convolved(x, first, 2)), second, 2)
    for block in layers(params, "Residual"):
        h = residual(h, block)
    check(made, convolved(relu(h), last, padding=0))

    params, made = values(vq.Decoder(channels=2, width=2, ups=2, blocks=2), z)
    h = convolved(z, params["Conv_0"])
    for block in layers(params, "Residual"):
        h = residual(h, block)
    check(made, transposed(relu(transposed(relu(h), params["ConvTranspose_0"])), params["last"]))
