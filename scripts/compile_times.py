"""Measures how long each config's step takes to compile, and prints a Markdown table.

    python -m scripts.compile_times
    python -m scripts.compile_times --python=.venv/bin/python --python=.venv-3.13/bin/python [configs/X.py ...]
    python -m scripts.compile_times configs/cifar10_sngan.py --config.data.name=cifar10_jpeg    # fields of all configs

Each config is compiled in its own process, without JAX's cache of programs, on the config's own data. Seconds are CPU
time over all threads, which other work on the machine affects least; wall-clock seconds are in brackets. Both are those
of the first call of one step minus those of the second. With two Pythons, the last column is the ratio of CPU seconds,
the longer over the shorter.
"""

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[1]


def main(argv: list[str]) -> int:
    """Runs a command line. Returns exit status 0, or 1 if a config did not compile."""
    formatter = argparse.RawDescriptionHelpFormatter
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=formatter, allow_abbrev=False)
    parser.add_argument("configs", nargs="*", type=Path, metavar="FILE", help="config files; default: all of configs/")
    parser.add_argument("--python", action="append", help="a Python interpreter; may be repeated; default: this one")
    parser.add_argument("--one", action="store_true", help="print one config's seconds as JSON, in this process")
    args, fields = parser.parse_known_args(argv)
    if args.one:
        print(json.dumps(_seconds(args.configs[0], fields)))
        return 0
    files = args.configs or sorted(
        file
        for part in (".", "features")
        for file in (ROOT / "configs" / part).glob("*.py")
        if "get_config" in file.read_text()
    )
    return _table(files, args.python or [sys.executable], fields)


def _seconds(file: Path, fields: list[str]) -> dict[str, float]:
    """Compiles a config's step. Returns its seconds by `processor` and by `clock`."""
    from gan_jax import config as configs
    from gan_jax import data
    from gan_jax.command import overrides
    from gan_jax.sweeps.timing import TimedRun

    config = overrides.apply(configs.load(file), fields)
    config.steps_per_call = 1
    run = TimedRun(config, data.load(**config.data.to_dict()))
    return {"processor": run.compile_processor_seconds, "clock": run.compile_seconds}


def _table(files: list[Path], pythons: list[str], fields: list[str]) -> int:
    """Prints a row for each config as soon as it is measured. Returns the exit status."""
    compared = ["ratio"] if len(pythons) == 2 else []
    titles = ["config", *(f"jax {_version(python)}" for python in pythons), *compared]
    print(f"| {' | '.join(titles)} |\n|{'---|' * len(titles)}", flush=True)
    status = 0
    for file in files:
        rows = [_measured(python, file, fields) for python in pythons]
        cells = [f"{row['processor']:.1f} ({row['clock']:.1f})" if row else "-" for row in rows]
        if compared:
            less, more = sorted(row["processor"] if row else 0.0 for row in rows)
            cells.append(f"{more / less:.2f}" if less else "-")
        print(f"| `{file.stem}` | {' | '.join(cells)} |", flush=True)
        status |= not all(rows)
    return int(status)


def _version(python: str) -> str:
    words = "from importlib.metadata import version; print(version('jax'))"
    return subprocess.run([python, "-c", words], capture_output=True, text=True, check=True).stdout.strip()


def _measured(python: str, file: Path, fields: list[str]) -> dict:
    """Returns the output of `--one` in a process of that Python. If it fails, prints why and returns {}."""
    command = [python, "-m", "scripts.compile_times", "--one", str(file.resolve()), *fields]
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "0"}
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(f"{file}: {done.stderr.strip().splitlines()[-1]}", file=sys.stderr)
        return {}
    return json.loads(done.stdout.splitlines()[-1])


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
