"""Shipped configs on examples of the form that their data have, without the data."""

from conftest import build_on

SHAPES = {
    "digits": (8, 8, 1),
    "mnist": (28, 28, 1),
    "binary_mnist": (28, 28, 1),
    "ring": (2,),
    "grid": (2,),
    "stacked_mnist": (28, 28, 3),
    "fashion_mnist": (28, 28, 1),
    "cifar10": (32, 32, 3),
}
CLASSES = {"digits": 10, "mnist": 10, "binary_mnist": 10, "stacked_mnist": 1000, "fashion_mnist": 10, "cifar10": 10}


def on_its_data(config):
    """The experiment of a config on data of the form that it names."""
    data = config.data
    if data.name != "folder" and "size" not in data:
        shape, classes, others = SHAPES[data.name], CLASSES.get(data.name, 0), {}
        if data.get("labels_per_class") and data.get("unlabelled", "keep") == "keep":
            classes, others = 0, {"labelled": shape, "labelled_class": (classes,)}
        return build_on(config, shape, classes, others)
    size = (data.size, data.size) if isinstance(data.size, int) else tuple(data.size)
    others = {*data.get("fields", {})} - {"x"}
    by_class = any("Conditional" in spec.name for spec in config.networks.values())
    return build_on(config, (*size, data.get("channels", 3)), 1000 if by_class else 0, others)
