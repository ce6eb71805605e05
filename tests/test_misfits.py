"""All that does not fit in a config and its data is told at once, with overrides that mend it."""

import re

import pytest

from gan_jax import config as configs
from gan_jax.command import overrides
from gan_jax.errors import Misfits, UserError
from gan_jax.runs.directory import RunDirectory
from gan_jax.training import loop

LISTS = {"widths": (4, 4, 4), "kernels": (4, 4, 3), "strides": (2, 2, 2), "paddings": (1, 1, 1)}
"""Layers for 28x28."""


def described(tiny, **data):
    config = tiny("mnist_dcgan", checkpoint_every_steps=3, batch_size=4, steps=3).unlock()
    config.data.update({"name": "digits", "split": "train", **data})
    config.networks.critic.update(LISTS)
    config.networks.critic.kernels = (9, 9, 9)
    of_28 = {"name": "samples.distribution", "features": "mnist-v1", "samples": 20, "seeds": 1, "every_steps": 3}
    config.evaluators = {"validation": {**of_28, "split": "train[9:]", "features": "pixels"}, "samples": of_28}
    config.keep_best = "min validation/frechet"
    return configs.checked(config.to_dict())


def refused(config, folder):
    with pytest.raises(UserError) as error:
        loop.run(config, RunDirectory(folder))
    assert not folder.exists()
    assert "\n" not in str(error.value)
    return str(error.value)


def test_all_misfits_are_listed_and_what_the_list_says_mends_them(tiny, tmp_path):
    config = described(tiny, split="train[:9]")
    said = refused(config, tmp_path / "run")
    assert said.startswith("4 errors: (1) digits has no split 'train[:9]'")
    assert "(--config.data.split=train uses all of it); (2) config.networks do not fit each other or" in said
    assert "(3) config.evaluators.samples: mnist-v1 takes images of (28, 28, 1)" in said
    assert "(4) config.evaluators.validation: digits has no split 'train[9:]'" in said
    mended = overrides.apply(config, re.findall(r"--config\.[\w.]+=\w*", said))
    [run_dir] = loop.run(mended, RunDirectory(tmp_path / "run"))
    assert run_dir.report.exists()


def test_evaluators_that_do_not_fit_are_listed_together_with_the_choice_of_the_best(tiny, tmp_path):
    config = described(tiny).unlock()
    config.networks.critic = {"name": "mlp.Critic", "widths": (4,)}
    config.evaluators.validation.split = "test"
    config.keep_best = "min validation/frecht"
    said = refused(configs.checked(config.to_dict()), tmp_path / "run")
    assert said.startswith("2 errors: (1) config.evaluators.samples: mnist-v1 takes")
    assert "(2) config.keep_best: no evaluator of this config gives 'validation/frecht'; did you mean" in said


def test_a_single_misfit_is_told_as_it_is(tiny, tmp_path):
    config = described(tiny).unlock()
    config.evaluators, config.keep_best = {}, ""
    said = refused(configs.checked(config.to_dict()), tmp_path / "run")
    assert said.startswith("config.networks do not fit each other or examples of shape (8, 8, 1)")
    assert "--config.networks.critic.kernels=auto" in said


def test_errors_are_noted_and_raised_together():
    misfits = Misfits()
    misfits.check()
    with misfits.noted():
        raise UserError("one")
    with pytest.raises(UserError, match=r"^one$"):
        misfits.check()
    with misfits.noted():
        raise UserError("two")
    with pytest.raises(UserError, match=r"^2 errors: \(1\) one; \(2\) two$"):
        misfits.check()
    with pytest.raises(ZeroDivisionError), misfits.noted():
        raise ZeroDivisionError
