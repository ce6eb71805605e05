"""What is said of wrong input: on one line, bounded, without what a terminal would act on."""

import pytest

from gan_jax.errors import MAX_LETTERS, MAX_NAMES, UserError, printable, reraise_as, suggestions


def test_what_is_shown_is_one_line_that_a_terminal_does_not_act_on():
    assert printable("a\nb\x1b[31m\u202e \ud800 ä 数字") == r"a\nb\x1b[31m\u202e \ud800 ä 数字"
    assert printable("plain  words") == "plain  words"


def test_what_is_shown_is_bounded_and_keeps_both_ends():
    words = printable("first" + "x" * 10**6 + "last")
    assert len(words) < MAX_LETTERS + 10
    assert (words[:5], words[-4:]) == ("first", "last")


def test_many_options_are_not_all_listed():
    names = [f"name{number:03}" for number in range(100)]
    said = suggestions("nome041", names)
    assert "did you mean name041" in said
    assert said.count("name") < MAX_NAMES + 5
    assert said.endswith("and 60 more")
    assert suggestions("x", []) == "there are: none"


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (ValueError("too\nlarge"), "config.field: too large"),
        (ZeroDivisionError("by zero"), "config.field: ZeroDivisionError: by zero"),
        (UserError("there is no split 'x'"), "config.field: there is no split 'x'"),
        (UserError("config.other: wrong"), "config.other: wrong"),
    ],
)
def test_an_error_is_blamed_on_the_value(error, said):
    with pytest.raises(UserError) as found, reraise_as("config.field"):
        raise error
    assert str(found.value) == said


@pytest.mark.parametrize("error", [MemoryError(), KeyboardInterrupt()])
def test_what_is_no_fault_of_the_value_is_not_blamed_on_it(error):
    with pytest.raises(type(error)), reraise_as("config.field"):
        raise error
