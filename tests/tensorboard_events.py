"""Reads TensorBoard event files without TensorFlow."""

from pathlib import Path

from tensorboardX.proto.event_pb2 import Event


def summaries(folder: Path) -> dict[str, list]:
    """The values of each tag in a folder's event files, in the order written."""
    found: dict[str, list] = {}
    for path in sorted(folder.glob("events.out.tfevents.*")):
        content, place = path.read_bytes(), 0
        while place < len(content):
            size = int.from_bytes(content[place : place + 8], "little")
            event = Event.FromString(content[place + 12 : place + 12 + size])
            for value in event.summary.value:
                found.setdefault(value.tag, []).append(value)
            place += size + 16
    return found


def scalars(folder: Path) -> dict[str, list[float]]:
    """The same of scalars, as numbers."""
    return {
        tag: [value.simple_value for value in values]
        for tag, values in summaries(folder).items()
        if values[0].WhichOneof("value") == "simple_value"
    }
