"""Times steps of StyleGAN2 in plain PyTorch with the widths of `configs/cifar10_stylegan2.py`: a peer for bench.py.

PyTorch is not among the project's dependencies, so run this in its own environment:

    python3 -m venv /tmp/torch && /tmp/torch/bin/pip install torch==2.13.0 numpy
    python scripts/bench.py --config=configs/cifar10_stylegan2.py --data=32x32x3 --seconds=1 --blocks=3 \
        --peer=scripts/torch_stylegan2.py --peer_python=/tmp/torch/bin/python --peer_args="--blocks 3"

For images of 64x64 use --data=64x64x3, five widths in both networks, and "--size 64" in --peer_args.

A step is an update of the critic by cross-entropy, with R1 at every 16th step, then one of the generator, with path
lengths of half of the examples at every 4th. Style mixing, noise, and the moving average of weights are included.
Blocks have 16 steps, so that all have equally many penalties. Batches are random images from memory. Kernels are
modulated by scaling inputs and outputs, as in the authors' training code; `--kernels` makes one for each example, as
groups of one convolution. Prints a JSON object: ms per step (median, min and max of `--blocks` blocks), and the setup.
"""

import argparse
import json
import time
from statistics import median

import torch  # pyrefly: ignore[missing-import]
from torch.nn import functional  # pyrefly: ignore[missing-import]

# pyrefly: ignore[missing-import]
from torch_stylegan2_networks import FEATURES, Critic, Generator  # the file in this folder

R1, R1_EVERY, PATHS, PATHS_EVERY, EMA = 0.005, 16, 2.0, 4, 0.999


class Game:
    """Both networks, their optimizers, and the moving averages of weights and of path lengths."""

    def __init__(self, batch, size, device, kernels):
        self.batch, self.device, self.step, self.average = batch, device, 0, 0.0
        self.generator, self.critic = Generator(size, kernels).to(device), Critic(size).to(device)
        self.ema = [p.detach().clone() for p in self.generator.parameters()]
        networks = self.generator, self.critic
        self.optimizers = [torch.optim.Adam(m.parameters(), 2.5e-3, (0.0, 0.99)) for m in networks]
        self.images = torch.rand(1024, 3, size, size, device=device) * 2 - 1

    def latents(self, n):
        """Returns z [n, FEATURES]."""
        return torch.randn(n, FEATURES, device=self.device)

    def train(self):
        """Trains one step."""
        self.update_critic()
        self.update_generator()
        self.step += 1

    def update_critic(self):
        """Updates the critic."""
        with torch.no_grad():
            fake = self.generator(self.generator.styles(self.latents(self.batch)))
        real = self.images[torch.randint(0, len(self.images), (self.batch,), device=self.device)]
        lazy = self.step % R1_EVERY == 0
        scores = self.critic(real.requires_grad_(lazy))
        loss = (functional.softplus(-scores) + functional.softplus(self.critic(fake))).mean()
        if lazy:
            (slope,) = torch.autograd.grad(scores.sum(), real, create_graph=True)
            loss = loss + R1_EVERY * R1 * slope.square().sum((1, 2, 3)).mean()
        self.optimizers[1].zero_grad()
        loss.backward()
        self.optimizers[1].step()

    def update_generator(self):
        """Updates the generator, without gradients for the critic's weights."""
        self.critic.requires_grad_(False)
        loss = functional.softplus(-self.critic(self.generator(self.generator.styles(self.latents(self.batch))))).mean()
        if self.step % PATHS_EVERY == 0:
            w = self.generator.styles(self.latents(self.batch // 2))
            image = self.generator(w)
            noise = torch.randn_like(image) / image.shape[2]
            (slope,) = torch.autograd.grad((image * noise).sum(), w, create_graph=True)
            lengths = slope.square().sum(2).mean(1).sqrt()
            loss = loss + PATHS_EVERY * PATHS * (lengths - self.average).square().mean()
            self.average += 0.01 * (lengths.mean().item() - self.average)
        self.optimizers[0].zero_grad()
        loss.backward()
        self.optimizers[0].step()
        self.critic.requires_grad_(True)
        with torch.no_grad():
            torch._foreach_lerp_(self.ema, list(self.generator.parameters()), 1 - EMA)


def main():
    """Prints the JSON object."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--size", type=int, default=32, choices=(32, 64, 128, 256), help="sides of images")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--kernels", action="store_true", help="a kernel for each example")
    parser.add_argument("--compile", action="store_true", help="compile the networks")
    parser.add_argument("--steps", type=int, default=16, help="steps of a block, a multiple of 16")
    parser.add_argument("--blocks", type=int, default=1)
    args = parser.parse_args()
    if args.steps < 1 or args.steps % R1_EVERY:
        parser.error(f"--steps is {args.steps}: it must be a multiple of {R1_EVERY}")
    torch.manual_seed(0)
    game = Game(args.batch, args.size, torch.device(args.device), args.kernels)
    if args.compile:
        game.generator.compile()
        game.critic.compile()
    wait = torch.cuda.synchronize if args.device == "cuda" else lambda: None
    game.train()
    game.train()
    game.step, times = 0, []
    for _ in range(args.blocks):
        wait()
        start = time.perf_counter()
        for _ in range(args.steps):
            game.train()
        wait()
        times.append((time.perf_counter() - start) / args.steps * 1e3)
    networks = {"generator": game.generator, "critic": game.critic}
    parameters = {name: sum(p.numel() for p in network.parameters()) for name, network in networks.items()}
    spread = {"ms_per_step": median(times), "min": min(times), "max": max(times)}
    made = {name: round(value, 3) for name, value in spread.items()}
    how = {"device": args.device, "kernels": args.kernels, "compiled": args.compile, "parameters": parameters}
    print(json.dumps({"peer": f"torch {torch.__version__}", "batch": args.batch, **made, **how}))


if __name__ == "__main__":
    main()
