"""Runs a sweep. This is the command `gan-jax-sweep`, from gan_jax/sweeps/main.py.

python scripts/sweep.py --sweep=configs/sweeps/objectives_digits.py --workdir=runs/objectives
"""

from gan_jax.sweeps.main import run

if __name__ == "__main__":
    run()
