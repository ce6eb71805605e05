"""Makes tests/fixtures/torch_rounds_{dcgan,wgan_gp}.npz: three reference steps of small GANs in PyTorch.

PyTorch is not among the project's dependencies, so run this in its own environment:

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    /tmp/torch/bin/python scripts/make_torch_rounds.py

The games are plain PyTorch: Adam, batch norm with momentum 0.1 (0.1 is the share of the new value), instance norm with
its defaults. A player's update leaves the other's running statistics unchanged. Arrays, float32, in PyTorch's layouts:

    first/PLAYER/conv_N, .../scale_N, .../bias_N       weights before the first step; scale and bias of batch norm
    last/...; last/PLAYER/mean_N, .../var_N            weights after the last step; running statistics of batch norm
    real [rounds, repeats, b, c, h, w], z_critic [rounds, repeats, b, d], z_generator [rounds, b, d]
    alpha [rounds, repeats, b]                         wgan_gp: the interpolation weights of real examples
    critic_loss, generator_loss, critic_penalty [rounds]   from each player's last update in the step
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import torch  # pyrefly: ignore[missing-import]
from torch import nn  # pyrefly: ignore[missing-import]

FOLDER = Path(__file__).parent.parent / "tests" / "fixtures"
ROUNDS, BATCH, DIM, SIZE = 3, 8, 5, 8
ADAM = {"lr": 2e-3, "betas": (0.5, 0.999)}
WEIGHT = 10.0


def networks(norm: Callable[[int], nn.Module]) -> tuple[nn.Module, nn.Module]:
    """A generator of 8x8 images and a critic for them, with the test's widths."""
    generator = nn.Sequential(
        nn.Unflatten(1, (DIM, 1, 1)),
        *[nn.ConvTranspose2d(DIM, 6, 4, 1, 0, bias=False), norm(6), nn.LeakyReLU(0.2)],
        *[nn.ConvTranspose2d(6, 4, 4, 2, 1, bias=False), norm(4), nn.LeakyReLU(0.2)],
        *[nn.ConvTranspose2d(4, 1, 3, 1, 1, bias=False), nn.Tanh()],
    )
    critic = nn.Sequential(
        *[nn.Conv2d(1, 4, 4, 2, 1, bias=False), nn.LeakyReLU(0.2)],
        *[nn.Conv2d(4, 6, 3, 1, 1, bias=False), norm(6), nn.LeakyReLU(0.2)],
        *[nn.Conv2d(6, 1, 4, 1, 0, bias=False), nn.Flatten(0)],
    )
    for parameter in [*generator.parameters(), *critic.parameters()]:
        if parameter.ndim == 4:
            nn.init.normal_(parameter, std=0.2)
    return generator, critic


@contextmanager
def keeping(network: nn.Module) -> Iterator[None]:
    """Restores a network's running statistics at the end."""
    before = {name: buffer.clone() for name, buffer in network.named_buffers()}
    yield
    for name, buffer in network.named_buffers():
        buffer.copy_(before[name])


def bce_terms(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, alpha: torch.Tensor):
    """The critic's cross-entropy; no penalty."""
    del alpha
    entropy = nn.functional.binary_cross_entropy_with_logits
    ones = torch.ones(BATCH)
    return entropy(critic(real), ones) + entropy(critic(fake), 0 * ones), torch.zeros(())


def wasserstein_terms(critic: nn.Module, real: torch.Tensor, fake: torch.Tensor, alpha: torch.Tensor):
    """The critic's loss, and the gradient penalty."""
    alpha = alpha[:, None, None, None]
    between = (alpha * real + (1 - alpha) * fake).requires_grad_(True)
    gradients = torch.autograd.grad(critic(between).sum(), between, create_graph=True)[0]
    penalty = ((gradients.flatten(1).norm(2, 1) - 1) ** 2).mean()
    return critic(fake).mean() - critic(real).mean() + WEIGHT * penalty, penalty


def weights(network: nn.Module, *, running: bool) -> dict[str, np.ndarray]:
    """A network's arrays, by the names above."""
    convolutions = [m for m in network if isinstance(m, nn.Conv2d | nn.ConvTranspose2d)]
    norms = [m for m in network if isinstance(m, nn.BatchNorm2d)]
    named = {f"conv_{n}": m.weight for n, m in enumerate(convolutions)}
    for n, m in enumerate(norms):
        named |= {f"scale_{n}": m.weight, f"bias_{n}": m.bias}
        if running:
            named |= {f"mean_{n}": m.running_mean, f"var_{n}": m.running_var}
    return {name: tensor.detach().numpy().copy() for name, tensor in named.items()}


def play(norm: Callable[[int], nn.Module], terms: Callable, generator_loss: Callable, repeats: int) -> dict:
    """Trains for a few steps and returns all that the file holds."""
    torch.manual_seed(0)
    generator, critic = networks(norm)
    players = {"generator": generator, "critic": critic}
    optimizers = {name: torch.optim.Adam(player.parameters(), **ADAM) for name, player in players.items()}
    arrays = {
        "real": torch.rand(ROUNDS, repeats, BATCH, 1, SIZE, SIZE) * 2 - 1,
        "z_critic": torch.rand(ROUNDS, repeats, BATCH, DIM) * 2 - 1,
        "z_generator": torch.rand(ROUNDS, BATCH, DIM) * 2 - 1,
        "alpha": torch.rand(ROUNDS, repeats, BATCH),
    }
    files = {f"first/{p}/{n}": a for p, player in players.items() for n, a in weights(player, running=False).items()}
    rows = []
    for step in range(ROUNDS):
        for repeat in range(repeats):
            with keeping(generator):
                fake = generator(arrays["z_critic"][step, repeat]).detach()
            loss, penalty = terms(critic, arrays["real"][step, repeat], fake, arrays["alpha"][step, repeat])
            move(optimizers["critic"], loss)
        with keeping(critic):
            generators = generator_loss(critic(generator(arrays["z_generator"][step])))
            move(optimizers["generator"], generators)
        rows.append([loss.item(), generators.item(), penalty.item()])
    files |= {f"last/{p}/{n}": a for p, player in players.items() for n, a in weights(player, running=True).items()}
    columns = dict(zip(("critic_loss", "generator_loss", "critic_penalty"), np.array(rows, np.float32).T, strict=True))
    return files | {name: tensor.numpy() for name, tensor in arrays.items()} | columns


def move(optimizer: torch.optim.Optimizer, loss: torch.Tensor) -> None:
    """One step of one player."""
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()


def main() -> None:
    """Writes the files, with a fixed seed, so that the same PyTorch makes the same numbers."""
    torch.set_num_threads(1)
    softplus = nn.functional.softplus
    games = {
        "dcgan": play(nn.BatchNorm2d, bce_terms, lambda scores: softplus(-scores).mean(), repeats=1),
        "wgan_gp": play(nn.InstanceNorm2d, wasserstein_terms, lambda scores: -scores.mean(), repeats=5),
    }
    for name, arrays in games.items():
        path = FOLDER / f"torch_rounds_{name}.npz"
        np.savez_compressed(path, allow_pickle=False, torch_version=np.array(torch.__version__), **arrays)
        print(f"{path}: {len(arrays)} arrays, {path.stat().st_size / 1000:.1f} kB, torch {torch.__version__}")


if __name__ == "__main__":
    main()
