"""The flags of the command line: what each means, which modes use it, and the checks that need no config."""

from pathlib import Path

from absl import flags

from gan_jax.config.python_files import CONFIGS
from gan_jax.errors import UserError

CONFIG = CONFIGS / "digits_dcgan.py"
"""The default config of a new run."""
MAX_SAMPLES = 1_000_000_000  # in one command
USED_BY = {
    "step": ("sample", "reconstruct", "translate", "interpolate", "evaluate", "export", "data"),
    "num": ("sample", "data"),
    "out": ("sample", "reconstruct", "translate", "interpolate", "export", "data"),
    "sample_seed": ("sample", "reconstruct", "translate", "interpolate"),
    **dict.fromkeys(("class", "truncation"), ("sample",)),
    "split": ("reconstruct", "translate", "interpolate"),
    **dict.fromkeys(("input", "mask", "back"), ("translate",)),
    "init_from": ("train",),
    **dict.fromkeys(("coordinator", "processes", "process"), ("train",)),
}
"""The modes that use a flag; every other mode refuses it. All modes use a flag that is not listed here."""
MOVING = (".gif", ".mp4")
SUFFIXES = {
    "sample": (".npz", ".npy", ".png", *MOVING, ""),
    "reconstruct": (".npz",),
    "translate": (".npz", ".png", ""),
    "interpolate": (".png", *MOVING),
    "data": (".png",),
    "export": ("",),
}
"""The suffixes that --out may have, by mode. A path without a suffix is a folder."""
TEXTS = {
    "config": "a config file, or FILE.py:ARGUMENT to call get_config('ARGUMENT'); by default the run's own config, or "
    f"{CONFIG.name} for a new run",
    "workdir": "the run's folder; optional with --mode=data",
    "step": "the step of a checkpoint, or 'best' (by config.keep_best); the newest by default. For data: any step, by "
    "default 0. For sample also 'all': a .gif or .mp4 of the pictures saved during training",
    "out": "the file to write: .npz, .npy, .png, .gif, .mp4 or FOLDER/, depending on the mode",
    "input": "your own picture, or a folder of pictures, to use instead of the data set (--out=FILE.png, FOLDER or "
    "FILE.npz)",
    "mask": "a picture of the same size as --input, white in the hole to fill",
    "class": "the class of all samples, by name or number; by default all classes in turn",
    "init_from": "another run to start from: RUN, or RUN:NAME or RUN:NEW=OLD for one player or network; with @STEP or "
    "@best",
    "split": "a split of the data set; by default that of the evaluator translation.pairs, otherwise test",
    "coordinator": "HOST:PORT on which the first of several processes listens",
}
"""The flags whose values are text, with their help. They have no value by default."""
ALL = "all"
"""The value of --step for an animation of training."""

Flags = flags.FlagValues


def parse(argv: list[str]) -> tuple[Flags, list[str]]:
    """Returns the values of the flags, and the other arguments, which set fields of the config.

    argv: the command line with the program's name first. Raises UserError.
    """
    values = define()
    values.set_gnu_getopt(True)
    try:
        return values, values(argv, known_only=True)[1:]
    except flags.Error as error:
        raise UserError(f"{error}; see --help") from error


def define() -> Flags:
    """Returns the flags of the command line, in a set of their own."""
    values = flags.FlagValues()
    known = {"flag_values": values}
    for name, text in TEXTS.items():
        flags.DEFINE_string(name, None, _help(name, text), **known)
    flags.DEFINE_enum("mode", "train", ["train", *SUFFIXES, "evaluate"], "what to do", **known)
    num = _help("num", "the number of samples or examples")
    flags.DEFINE_integer("num", 64, num, lower_bound=1, upper_bound=MAX_SAMPLES, **known)
    seed = _help("sample_seed", "the random seed of latents, masks and noise")
    flags.DEFINE_integer("sample_seed", 0, seed, lower_bound=0, upper_bound=2**32 - 1, **known)
    truncation = _help("truncation", "the bound T of normal latents, which are kept within +-T; unbounded by default")
    flags.DEFINE_float("truncation", None, truncation, **known)
    flags.DEFINE_integer("processes", None, _help("processes", "the number of processes"), lower_bound=1, **known)
    process = _help("process", "the index of this process, from 0")
    flags.DEFINE_integer("process", None, process, lower_bound=0, **known)
    back = _help("back", "translate from x to source, with CycleGAN's second generator")
    flags.DEFINE_bool("back", False, back, **known)
    flags.DEFINE_bool("quiet", False, "print only results, warnings and errors, no progress", **known)
    flags.DEFINE_bool("help", False, "show this help", **known)
    return values


def check(values: Flags) -> None:
    """Raises UserError for flags that the mode does not use, and for invalid values."""
    mode = values.mode
    unused = [flag for flag, modes in USED_BY.items() if values[flag].present and mode not in modes]
    if unused:
        uses = "; ".join(f"--{flag} is for --mode={' or '.join(USED_BY[flag])}" for flag in unused)
        raise UserError(f"--mode={mode} does not use --{', --'.join(unused)}: leave it out ({uses})")
    step = values.step
    if step == ALL and mode == "sample":
        _check_film(values)
    elif step is not None and step != "best" and not (step.isascii() and step.isdecimal() and len(step) < 20):
        raise UserError(f"--step={step}: it must be 'best' or the number of a checkpoint, 0 or more")
    if mode == "data" and step == "best":
        raise UserError("--step=best: --mode=data shows the data of a step, not a checkpoint: give the step's number")
    if mode in SUFFIXES and (values.out is None or suffix_of(values.out) not in SUFFIXES[mode]):
        forms = " or ".join(f"--out=FILE{suffix}" if suffix else "--out=FOLDER" for suffix in SUFFIXES[mode])
        raise UserError(f"--mode={mode} needs {forms}, not {values.out}")
    _check_input(values)


def _check_input(values: Flags) -> None:
    """Raises UserError for an invalid combination of the flags for the user's own pictures."""
    if values.input is not None and values.split is not None:
        raise UserError("--split selects a split of the data set, which --input replaces: leave one of them out")
    if values.mask is not None and values.input is None:
        raise UserError("--mask marks the hole in --input: give --input too, or leave --mask out")
    if values.mode == "translate" and values.input is None and suffix_of(values.out) == ".png":
        raise UserError(
            f"--out={values.out} is for one picture (--input): for a split use --out=FILE.npz or --out=FOLDER"
        )
    for flag in ("input", "mask"):
        if values[flag].present and not values[flag].value:
            raise UserError(f"--{flag} is empty: give a file")


def suffix_of(out: str) -> str:
    """Returns the suffix of --out, or '' for a folder: a path without one, or one that ends with a slash."""
    suffix = Path(out).suffix
    return "" if out.endswith("/") and not any(suffix in known for known in SUFFIXES.values()) else suffix


def _check_film(values: Flags) -> None:
    """Raises UserError for flags of new samples: an animation shows the pictures saved during training."""
    unused = [f"--{flag}" for flag in ("num", "sample_seed", "class", "truncation") if values[flag].present]
    if unused:
        raise UserError(f"--step={ALL} shows the pictures saved during training: leave out {', '.join(unused)}")
    if values.out is not None and suffix_of(values.out) not in MOVING:
        raise UserError(f"--step={ALL} needs --out=FILE{' or FILE'.join(MOVING)}, not {values.out}")


def _help(flag: str, text: str) -> str:
    return f"{', '.join(USED_BY[flag])}: {text}" if flag in USED_BY else text
