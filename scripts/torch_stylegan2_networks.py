"""StyleGAN2's networks in plain PyTorch, with the widths of `configs/cifar10_stylegan2.py`; for torch_stylegan2.py."""

import itertools

import torch  # pyrefly: ignore[missing-import]
from torch import nn  # pyrefly: ignore[missing-import]
from torch.nn import functional  # pyrefly: ignore[missing-import]

WIDTH, LAYERS, FEATURES, GROUP, MIXING = 64, 2, 128, 8, 0.9
TAPS = torch.tensor([1.0, 3.0, 3.0, 1.0]) / 8


def widths_of(size):
    """Returns the channels of each stage for images of size x size, from 4x4 on."""
    return (WIDTH,) * (size.bit_length() - 2)


def leaky(x):
    """Returns the leaky ReLU of slope 0.2 with a gain of sqrt(2)."""
    return functional.leaky_relu(x, 0.2) * 2**0.5


def fir(x, padding, gain=1.0, stride=1):
    """Returns [1, 3, 3, 1] gain / 8 along rows and columns of images [n, c, h, w]."""
    kernel = (torch.outer(TAPS, TAPS).to(x) * gain**2).expand(x.shape[1], 1, 4, 4)
    return functional.conv2d(x, kernel, stride=stride, padding=padding, groups=x.shape[1])


def doubled(x):
    """Returns images of twice the size: zeros between pixels, then the filter."""
    kernel = (torch.outer(TAPS, TAPS).to(x) * 4).expand(x.shape[1], 1, 4, 4)
    return functional.conv_transpose2d(x, kernel, stride=2, padding=1, groups=x.shape[1])


class Dense(nn.Module):
    """A linear layer with an equalized learning rate."""

    def __init__(self, inputs, outputs, rate=1.0, bias=0.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs) / rate)
        self.bias, self.rate = nn.Parameter(torch.full((outputs,), bias / rate)), rate

    def forward(self, x):
        """Returns [b, outputs]."""
        return functional.linear(x, self.weight * (self.rate / self.weight.shape[1] ** 0.5), self.rate * self.bias)


class Conv(nn.Module):
    """A convolution with an equalized learning rate. `down` halves images."""

    def __init__(self, inputs, outputs, size, bias=True, down=False):
        super().__init__()
        self.weight, self.down = nn.Parameter(torch.randn(outputs, inputs, size, size)), down
        self.bias = nn.Parameter(torch.zeros(outputs)) if bias else None

    def forward(self, x):
        """Returns [b, outputs, h, w], or of half the size."""
        size = self.weight.shape[2]
        kernel = self.weight / (self.weight[0].numel()) ** 0.5
        if self.down and size == 1:
            return functional.conv2d(fir(x, 1, stride=2), kernel, self.bias)
        if self.down:
            return functional.conv2d(fir(x, 2), kernel, self.bias, stride=2)
        return functional.conv2d(x, kernel, self.bias, padding=size // 2)


class Modulated(nn.Module):
    """A convolution whose kernel is scaled by each example's style. `up` doubles images."""

    def __init__(self, inputs, outputs, size, demodulate=True, up=False, kernels=False):
        super().__init__()
        self.style, self.weight = (
            Dense(FEATURES, inputs, bias=1.0),
            nn.Parameter(torch.randn(outputs, inputs, size, size)),
        )
        self.demodulate, self.up, self.kernels = demodulate, up, kernels

    def forward(self, x, w):
        """Returns [b, outputs, h', w']."""
        s, kernel = self.style(w), self.weight / self.weight[0].numel() ** 0.5
        root = (s.square() @ kernel.square().sum((2, 3)).T + 1e-8).rsqrt() if self.demodulate else None
        if self.kernels:
            own = kernel * s[:, None, :, None, None]
            return self.grouped(x, own if root is None else own * root[:, :, None, None, None])
        y = self.convolved(x * s[:, :, None, None], kernel, 1)
        return y if root is None else y * root[:, :, None, None]

    def convolved(self, x, kernel, groups):
        """Returns the convolution with kernels [o, c, kh, kw]."""
        if not self.up:
            return functional.conv2d(x, kernel, padding=kernel.shape[2] // 2, groups=groups)
        o, c, size, _ = kernel.shape
        kernel = kernel.reshape(groups, o // groups, c, size, size).transpose(1, 2).flatten(0, 1)
        return fir(functional.conv_transpose2d(x, kernel, stride=2, groups=groups), 1, 2.0)

    def grouped(self, x, own):
        """Returns the convolution of each example with its own kernel [b, o, c, kh, kw]."""
        y = self.convolved(x.reshape(1, -1, *x.shape[2:]), own.flatten(0, 1), len(x))
        return y.reshape(len(x), -1, *y.shape[2:])


class Styled(nn.Module):
    """A modulated convolution with noise, a bias and a leaky ReLU."""

    def __init__(self, inputs, outputs, up=False, kernels=False):
        super().__init__()
        self.conv = Modulated(inputs, outputs, 3, up=up, kernels=kernels)
        self.strength, self.bias = nn.Parameter(torch.zeros(())), nn.Parameter(torch.zeros(outputs, 1, 1))

    def forward(self, x, w):
        """Returns [b, outputs, h', w']."""
        x = self.conv(x, w)
        return leaky(x + self.strength * torch.randn(len(x), 1, *x.shape[2:], device=x.device) + self.bias)


class Generator(nn.Module):
    """The skip generator with its mapping network."""

    def __init__(self, size, kernels=False):
        super().__init__()
        self.widths = widths = widths_of(size)
        self.mapping = nn.ModuleList(Dense(FEATURES, FEATURES, 0.01) for _ in range(LAYERS))
        self.constant = nn.Parameter(torch.randn(widths[0], 4, 4))
        before = (widths[0], *widths)
        self.first = nn.ModuleList(Styled(before[i], c, up=True, kernels=kernels) for i, c in enumerate(widths) if i)
        self.second = nn.ModuleList(Styled(c, c, kernels=kernels) for c in widths)
        self.images = nn.ModuleList(Modulated(c, 3, 1, demodulate=False, kernels=kernels) for c in widths)
        self.biases = nn.Parameter(torch.zeros(len(widths), 3, 1, 1))

    def mapped(self, z):
        """Returns w [b, FEATURES]."""
        z = z * (z.square().mean(1, keepdim=True) + 1e-8).rsqrt()
        for layer in self.mapping:
            z = leaky(layer(z))
        return z

    def styles(self, z):
        """Returns the styles [b, layers, FEATURES], those of another latent from a random layer on."""
        count = 2 * len(self.widths)
        first = torch.where(torch.rand(len(z)) < MIXING, torch.randint(1, count, (len(z),)), count).to(z.device)
        kept = torch.arange(count, device=z.device) < first[:, None]
        return torch.where(kept[..., None], self.mapped(z)[:, None], self.mapped(torch.randn_like(z))[:, None])

    def forward(self, w):
        """Returns images [b, 3, size, size] of styles."""
        x, image = self.constant.expand(len(w), -1, -1, -1), None
        for stage in range(len(self.widths)):
            x = self.first[stage - 1](x, w[:, 2 * stage - 1]) if stage else x
            x = self.second[stage](x, w[:, 2 * stage])
            made = self.images[stage](x, w[:, 2 * stage + 1]) + self.biases[stage]
            image = made if image is None else doubled(image) + made
        return image


class Critic(nn.Module):
    """The residual critic with the standard deviation over a group."""

    def __init__(self, size):
        super().__init__()
        widths = widths_of(size)
        pairs = list(itertools.pairwise(widths))
        self.first, last = Conv(3, widths[0], 1), widths[-1]
        self.same = nn.ModuleList(Conv(a, a, 3) for a, _ in pairs)
        self.down = nn.ModuleList(Conv(a, b, 3, down=True) for a, b in pairs)
        self.skip = nn.ModuleList(Conv(a, b, 1, bias=False, down=True) for a, b in pairs)
        self.last, self.dense, self.score = Conv(last + 1, last, 3), Dense(16 * last, last), Dense(last, 1)

    def forward(self, x):
        """Returns scores [b]."""
        x = leaky(self.first(x))
        for same, down, skip in zip(self.same, self.down, self.skip, strict=True):
            x = (leaky(down(leaky(same(x)))) + skip(x)) / 2**0.5
        groups = x.unflatten(0, (-1, GROUP))
        deviation = (groups.var(1, correction=0) + 1e-8).sqrt().mean((1, 2, 3)).repeat_interleave(GROUP)
        x = torch.cat([x, deviation[:, None, None, None].expand(-1, 1, *x.shape[2:])], 1)
        return self.score(leaky(self.dense(leaky(self.last(x)).flatten(1))))[:, 0]
