"""Biharmonic inpainting, the smoothest filling of a hole: a baseline of inpainting that learns nothing."""

import numpy as np


def biharmonic(image: np.ndarray, hole: np.ndarray) -> np.ndarray:
    """Returns an image [h, w, c] as float64 whose hole [h, w], where it is true, is filled smoothly.

    The sum of squares of the discrete Laplacian over all pixels is least, given the pixels around the hole; beyond the
    image's border there are no differences (Damelin and Hoang 2018, section 2). Values beyond those of the other pixels
    are clipped, as scikit-image's inpaint_biharmonic does, whose result it is up to 1e-9. Raises ValueError where the
    hole is everything.
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
