"""Parts of splits of files, such as 'train[:90%]', by a hash of names, so that adding a file does not move others."""

import bisect
import hashlib
import itertools
import logging
import os
import re
from collections.abc import Sequence

from gan_jax.data.files import File
from gan_jax.errors import UserError, reraise_as

_PART = re.compile(r"([^\[\]+]+)(?:\[(-?\d+%?)?:(-?\d+%?)?\])?")


def base(split: str) -> str:
    """Returns the name of a split without the part; raises UserError if it is not a valid split."""
    return _parsed(split)[0]


def choose(listed: Sequence[File], split: str, group: str = "") -> list[File]:
    """Returns the files of a part, in their order.

    Args:
        listed: all files of the split.
        split: 'train', 'train[:90%]', or with numbers of files, in the order of their hashes, 'train[100:]'.
        group: a regular expression. Files in whose names it matches the same text have the same hash, and a part has
            all or none of them. If a number ends a part within such a group, the end is moved to the group's first
            file.

    Raises:
        UserError: for an invalid part, or an invalid expression.
    """
    given = _parsed(split)[1:]
    low, high = (_end(*pair, split, len(listed)) for pair in (given, given[::-1]))
    if low is None and high is None:
        return list(listed)
    with reraise_as(f"config.data.group is {group!r}, which is not a regular expression"):
        places = [_place(file, re.compile(group)) for file in listed]
    if (low or high or "").endswith("%") != (high or low or "").endswith("%"):
        raise UserError(f"split {split!r}: give both ends in percent, or both as numbers of files")
    if (low or high or "").endswith("%"):
        first, last = _share(low, 0.0), _share(high, 1.0)
        return [file for file, place in zip(listed, places, strict=True) if first <= place < last]
    order = sorted(range(len(listed)), key=lambda i: (places[i], listed[i].name))
    if high is not None and int(high) > len(listed):
        logging.warning("split %r asks for more files than there are: %d are used", split, len(listed))
    ends = slice(*(int(end) if end else None for end in (low, high))).indices(len(order))[:2]
    first, last = (_edge([places[i] for i in order], end) for end in ends) if group else ends
    kept = {*order[first:last]}
    if (first, last) != ends:
        message = "split %r would cut a group of config.data.group in two: %d files are used"
        logging.warning(message, split, len(kept))
    return [file for i, file in enumerate(listed) if i in kept]


def overlap(one: str, other: str) -> bool:
    """Returns True if two splits, or parts or sums of splits, certainly share examples.

    'all' shares examples with every split. An end in percent cannot be compared with an end in numbers of files. But
    two parts that both reach the same end of a split share the files there.
    """
    return any(_shared(*pair) for pair in itertools.product(one.split("+"), other.split("+")))


def _shared(one: str, other: str) -> bool:
    if one == other:
        return True
    try:
        (name, *ends), (other_name, *other_ends) = _parsed(one), _parsed(other)
    except UserError:  # other notations, which prepared sets allow
        return False
    if name != other_name:
        return "all" in (name, other_name)
    return _before(ends[0], other_ends[1]) and _before(other_ends[0], ends[1])


def _before(low: str | None, high: str | None) -> bool:
    """Returns True if a part's low end is certainly before another part's high end."""
    if low is None or high is None:
        return True
    if low.endswith("%") and high.endswith("%"):
        return _share(low, 0.0) < _share(high, 1.0)
    alike = low.startswith("-") == high.startswith("-") and "%" not in low + high
    return alike and int(low) < int(high)


def _edge(places: Sequence[float], end: int) -> int:
    """Returns an end of a part of files with these sorted places, moved to the first file of the group that it cuts."""
    return bisect.bisect_left(places, places[end]) if end < len(places) else end


def _end(end: str | None, other: str | None, split: str, n: int) -> str | None:
    """Returns an end of a part of n files. If half of them or more would be held out, it holds out a tenth instead.

    But not if the other end is a number: the two ends then count the same files.
    """
    if end is None or end.endswith("%") or int(end) >= 0 or 2 * -int(end) < n or (other and not other.endswith("%")):
        return end
    logging.warning("split %r is meant for a larger set: a tenth of the %d files is held out instead", split, n)
    return "90%"


def _parsed(split: str) -> tuple[str, str | None, str | None]:
    if not (match := _PART.fullmatch(split.strip())):
        raise UserError(
            f"split {split!r}: it must be a split's name, or a part of one, such as train[:90%] or train[90%:]"
        )
    return match.group(1).strip(), match.group(2), match.group(3)


def _place(file: File, group: re.Pattern[str]) -> float:
    """Returns a file's position in [0, 1), from the hash of its name or group."""
    found = group.search(file.stem) if group.pattern else None
    name = file.stem if found is None else found.group(found.re.groups and 1)
    digest = hashlib.sha256(os.fsencode(name)).digest()
    return int.from_bytes(digest[:7], "big") / 2**56


def _share(end: str | None, otherwise: float) -> float:
    if end is None:
        return otherwise
    share = int(end[:-1]) / 100
    return share + 1 if share < 0 or end.startswith("-") else share
