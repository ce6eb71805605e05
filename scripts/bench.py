"""Times the steps of a config, as in training, and prints one JSON line.

    python scripts/bench.py --config=configs/mnist_dcgan.py [--config.field=value ...] [--batch_size=256]
                            [--steps_per_call=20] [--seeds=8] [--data=28x28x1] [--blocks=5] [--seconds=2]
    python scripts/bench.py --config=... --sweep
    python scripts/bench.py --config=... --peer=YOUR_SCRIPT.py --peer_python=python3 --peer_args="dcgan" --pairs=3

    ms_per_step                of all seeds together: median, min and max of `blocks` blocks of about `seconds` each,
                               after a first call to compile and a second to warm up; includes choosing and reading
                               examples, but not logging, samples and checkpoints
    images_per_second          batch_size x seeds for each step, however many updates it has
    compile_seconds            the first call's time minus the second's; JAX's own cache of programs is not set up here
    flops_per_step             of all seeds together, counted from the layers' shapes: see flops.py
    gflops_per_second          flops_per_step at the median
    peak_gflops_per_second     of a large float32 matrix product, measured after each block: the median
    share_of_peak              the median over blocks of a block's speed, divided by that of the product after it; may
                               be above 1 for other dtypes than float32
    peak_memory_mb             host: of the process, including compiling; device: null if unknown
    load_before                the machine's load in the minute before; if it is not near 0, times are unreliable

`--data=HxWxC` trains on 8,192 random images of that shape, in ten classes, instead of the config's own data set: the
arithmetic is the same, and no data is needed. `--sweep` prints a table instead: batches of 16 to 512, then all `widths`
of the networks times 0.5, 1 and 2. The rows' blocks alternate. `--peer` runs another program alternately with ours. Its
last line must be a JSON object with `ms_per_step`, or `ms_per_round`, (and `batch`, `min`). The output then also has
each pair's ratio, the peer's time divided by ours, their median, and the ratio of the best blocks of all.
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from gan_jax import config as configs
from gan_jax import data
from gan_jax.command import overrides
from gan_jax.data import Dataset
from gan_jax.errors import UserError, one_line
from gan_jax.runs.paths import of_user
from scripts import timed

BATCH_SIZES, WIDTHS = (16, 32, 64, 128, 256, 512), (0.5, 1.0, 2.0)
"""The rows of --sweep's table."""
RANDOM_IMAGES = 8192


def main(argv: list[str]) -> int:
    """Runs a command line. Returns 0, or 2 for errors that the user can correct."""
    args, overrides = _parser().parse_known_args(argv)
    overrides += [
        f"--config.{field}={value}"
        for field in ("batch_size", "steps_per_call", "seeds")
        if (value := getattr(args, field)) is not None
    ]
    try:
        _sweep(args, overrides) if args.sweep else print(json.dumps(_measure(args, overrides)))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("--config", type=of_user, required=True, help="config file")
    parser.add_argument("--batch_size", type=int, help="overrides config.batch_size")
    parser.add_argument("--steps_per_call", type=int, help="overrides config.steps_per_call")
    parser.add_argument("--seeds", type=int, help="overrides config.seeds")
    parser.add_argument("--data", type=_shape, help="HxWxC: random images of this shape, not the config's data")
    parser.add_argument("--blocks", type=_positive, default=5, help="blocks to time (of each pair)")
    parser.add_argument("--seconds", type=float, default=2.0, help="about how long a block is")
    either = parser.add_mutually_exclusive_group()
    either.add_argument("--sweep", action="store_true", help="a table over batch sizes and widths")
    either.add_argument("--peer", help="a Python script to time alternately with ours")
    parser.add_argument("--peer_python", default="python3", help="the interpreter that runs it")
    parser.add_argument("--peer_args", type=shlex.split, default=[], help="its arguments, as one quoted argument")
    parser.add_argument("--pairs", type=_positive, default=3, help="how often the peer and ours are timed")
    return parser


def _positive(text: str) -> int:
    if (value := int(text)) < 1:
        raise argparse.ArgumentTypeError(f"{value}: it must be at least 1")
    return value


def _shape(text: str) -> tuple[int, ...]:
    sizes = tuple(int(part) for part in text.split("x"))
    if len(sizes) != 3 or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"{text}: it must be height, width and channels, such as 28x28x1")
    return sizes


def _config(path: Path, arguments: list[str]) -> ConfigDict:
    return overrides.apply(configs.load(path), arguments)


def _dataset(config: ConfigDict, shape: tuple[int, ...] | None) -> Dataset:
    """Returns the config's own data set, or random images of this shape with random labels."""
    if shape is None:
        return data.load(**config.data.to_dict())
    rng = np.random.default_rng(0)
    x = rng.integers(0, 256, (RANDOM_IMAGES, *shape), np.uint8)
    return Dataset(f"random {'x'.join(map(str, shape))}", "train", x, rng.integers(0, 10, len(x), np.int32), classes=10)


def _measure(args: argparse.Namespace, overrides: list[str]) -> dict[str, Any]:
    """Returns the fields of the JSON line."""
    load = os.getloadavg()[0]
    config = _config(args.config, overrides)
    dataset = _dataset(config, args.data)
    run = timed.Timed(config, dataset)
    memory = timed.memory()  # before the peak's matrices are made
    peak = timed.peak()
    theirs, ours, peaks = [], [], []
    for _ in range(args.pairs if args.peer else 1):
        if args.peer:
            theirs.append(_peer([args.peer_python, args.peer, *args.peer_args], config.batch_size))
        times, after = zip(*((run.ms_per_step(args.seconds), peak()) for _ in range(args.blocks)), strict=True)
        ours.append(times)
        peaks += after
    every = [ms for times in ours for ms in times]
    shares = [run.flops / ms / 1e6 / peak for ms, peak in zip(every, peaks, strict=True)]
    return {
        "config": str(args.config),
        "overrides": overrides,
        "data": dataset.name,
        "steps_per_call": config.steps_per_call,
        **_speed(run, every),
        "compile_seconds": round(run.compile_seconds, 2),
        "peak_gflops_per_second": round(median(peaks), 1),
        "share_of_peak": round(median(shares), 4),
        "peak_memory_mb": memory,
        "load_before": round(load, 2),
        **timed.circumstances(),
        **({"peer": _ratios(theirs, ours)} if theirs else {}),
    }


def _ratios(theirs: list[dict[str, Any]], ours: list[tuple[float, ...]]) -> dict[str, Any]:
    """Returns each pair's ratio of times, the peer's over ours, their median, and the ratio of the best blocks."""
    pairs = [
        {"peer": ms, "ours": round(middle, 3), "ratio": round(ms / middle, 3)}
        for ms, middle in zip(map(_peer_ms, theirs), map(median, ours), strict=True)
    ]
    best = min(printed.get("min", _peer_ms(printed)) for printed in theirs) / min(map(min, ours))
    ratio = median(pair["ratio"] for pair in pairs)
    return {"pairs": pairs, "ratio": round(ratio, 3), "ratio_of_best": round(best, 3), "printed": theirs[-1]}


def _speed(run: timed.Timed, times: list[float]) -> dict[str, Any]:
    middle = median(times)
    return {
        "batch_size": run.config.batch_size,
        "seeds": run.config.seeds,
        "ms_per_step": {name: round(of(times), 3) for name, of in (("median", median), ("min", min), ("max", max))},
        "images_per_second": round(run.images / middle * 1e3),
        "flops_per_step": run.flops,
        "gflops_per_second": round(run.flops / middle / 1e6, 1),
    }


def _peer(command: list[str], batch_size: int) -> dict[str, Any]:
    """Returns the JSON object of the peer's last line. Raises UserError if it has no time, or one for other batches."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        printed = json.loads(done.stdout.splitlines()[-1])
        _peer_ms(printed) / 1
    except subprocess.CalledProcessError as error:
        raise UserError(f"--peer: {shlex.join(command)} failed: {one_line(Exception(error.stderr[-400:]))}") from error
    except (OSError, LookupError, TypeError, ValueError) as error:
        why = one_line(error)
        raise UserError(f"--peer: {shlex.join(command)} prints no JSON object with ms_per_step: {why}") from error
    if (batch := printed.get("batch", batch_size)) != batch_size:
        raise UserError(f"--peer: its batch size is {batch}, ours is {batch_size}: set the same in --peer_args")
    return printed


def _peer_ms(printed: dict[str, Any]) -> float:
    return printed["ms_per_step"] if "ms_per_step" in printed else printed["ms_per_round"]


def _sweep(args: argparse.Namespace, overrides: list[str]) -> None:
    """Prints the table. All rows are compiled before the first one is timed."""
    own = _config(args.config, overrides)
    dataset = _dataset(own, args.data)
    rows = [(size, 1.0) for size in BATCH_SIZES] + [(own.batch_size, factor) for factor in WIDTHS]
    runs = [
        timed.Timed(_config(args.config, [*overrides, f"--config.batch_size={size}", *_widened(own, factor)]), dataset)
        for size, factor in rows
    ]
    blocks = [[run.ms_per_step(args.seconds) for run in runs] for _ in range(args.blocks)]
    print("| batch_size | widths | ms per step | min | max | images/s | GFLOP/s |\n|---|---|---|---|---|---|---|")
    for (size, factor), run, times in zip(rows, runs, zip(*blocks, strict=True), strict=True):
        speed = _speed(run, list(times))
        ms = speed["ms_per_step"]
        rest = f"{speed['images_per_second']} | {speed['gflops_per_second']}"
        print(f"| {size} | x {factor:g} | {ms['median']} | {ms['min']} | {ms['max']} | {rest} |")


def _widened(config: ConfigDict, factor: float) -> list[str]:
    """Returns overrides that multiply each layer's width, with a minimum of 1."""

    def times(width: int) -> int:
        return max(1, round(width * factor))

    return [
        f"--config.networks.{role}.{field}={times(width) if field == 'width' else tuple(map(times, width))}"
        for role, network in config.networks.items()
        for field, width in network.items()
        if field in ("width", "widths") and width and factor != 1
    ]


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
