"""Colors sorted into kinds: self-organising maps and k-means."""

from typing import Annotated

import numpy as np

from opsin import values
from opsin.arrays import from_unit
from opsin.chance import Rng
from opsin.kernels.kmeans import kmeans, lloyd
from opsin.kernels.palette import Palette, nearest
from opsin.kernels.som import self_organising_map
from opsin.op import op
from opsin.ops._planes import color_of, with_color
from opsin.types import Bound, Channels, Image, Usual

Side = Annotated[int, Bound(ge=1, le=256), Usual(1, 8)]
Rounds = Annotated[int, Bound(ge=1, le=10000), Usual(5, 60)]
Seed = Annotated[int, Bound(ge=0, le=2**63 - 1), Usual(0, 100)]
_FEW = 1 << 13
_POINTS = 1 << 16  # learning from more colors than this changes nothing that is seen


@op(quantizes=True)
def som_segment(
    image: Image,
    /,
    *,
    rows: Side,
    columns: Side,
    iterations: Rounds = 20,
    seed: Seed = 0,
    channels: Channels = "color",
) -> values.Labels:
    """Sort pixels into kinds of color with a self-organising map.

    Use it to find the kinds without knowing them, ordered so that neighbors on the map look alike; `kmeans_segment`
    gives kinds without an order.

    Args:
        rows: of the map's grid.
        columns: of the map's grid; there are rows x columns kinds.
        iterations: how often the map looks at all colors while it orders itself; then its nodes settle.
        seed: which pixels of a large picture the map learns from.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W int32: row * columns + column of the map's node; `.centers` are the nodes' colors, rows * columns C, in
        fractions of full scale. Alpha is not looked at.

    Source:
        Kohonen, "Self-organized formation of topologically correct feature maps", 1982; batch rule of 2013.
    """
    palette = Palette.of(color_of(image, channels))
    points, weights = palette.some(_POINTS, Rng(seed).at("som"))
    nodes = self_organising_map(points, weights, rows, columns, iterations)
    number, _ = nearest(palette.colors, nodes)
    return values.Labels.of(
        palette.spread(number).astype(np.int32), background=None, centers=nodes, method=f"som {rows} x {columns}"
    )


@op(quantizes=True)
def som_quantize(
    image: Image,
    /,
    *,
    colors: Annotated[int, Bound(ge=1, le=65536), Usual(4, 64)],
    iterations: Rounds = 20,
    seed: Seed = 0,
    channels: Channels = "color",
) -> Image:
    """Paint a picture with few colors, learned by a self-organising map.

    Use it for posters, small files and as a first step before segmentation.

    Args:
        colors: how many; fewer where the picture has fewer.
        iterations: how often the map looks at all colors while it orders itself; then its nodes settle.
        seed: which pixels of a large picture the map learns from.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        same shape and dtype, with at most `colors` different colors; alpha is kept.

    Source:
        Dekker, "Kohonen neural networks for optimal colour quantization", 1994; batch rule of Kohonen 2013.
    """
    color = color_of(image, channels)
    palette = Palette.of(color)
    points, weights = palette.some(_POINTS, Rng(seed).at("som"))
    nodes = self_organising_map(points, weights, 1, colors, iterations, squared=True)
    number, _ = nearest(palette.colors, nodes)
    painted = from_unit(nodes, image.dtype)[palette.spread(number)]
    return with_color(image, painted.reshape(color.shape), channels)


@op(quantizes=True)
def kmeans_segment(
    image: Image,
    /,
    *,
    clusters: Annotated[int, Bound(ge=1, le=4096), Usual(2, 12)],
    seed: Seed = 0,
    channels: Channels = "color",
) -> values.Labels:
    """Sort pixels into a given number of kinds of color by k-means.

    Use it where the number of kinds is known and where they lie in the picture does not matter; `slic` keeps pixels
    together that lie together.

    Args:
        clusters: how many kinds; fewer where the picture has fewer colors.
        seed: of the first guesses.
        channels: "bands" when a fourth channel is not alpha.

    Returns:
        H W int32 from 0, the darkest kind, to the brightest; `.centers` are the kinds' mean colors, K C, in fractions
        of full scale. Alpha is not looked at.

    Source:
        Lloyd, "Least squares quantization in PCM", 1982; first guesses by k-means++, the best of ten outcomes.
    """
    palette = Palette.of(color_of(image, channels))
    rng = Rng(seed).at("kmeans")
    # many first guesses on few points, then ever more points for ever better guesses
    few = max(_FEW, 32 * clusters)
    centers = kmeans(*palette.some(few, rng), clusters, rng, restarts=10)
    if len(palette.colors) > few:
        centers = lloyd(*palette.some(_POINTS, rng), centers)[1]
    if len(palette.colors) > _POINTS:
        centers = lloyd(palette.colors, palette.weights, centers, rounds=3)[1]
    centers = centers[np.lexsort((*centers.T, centers.sum(axis=1)))]
    number, _ = nearest(palette.colors, centers)
    return values.Labels.of(
        palette.spread(number).astype(np.int32), background=None, centers=centers, method=f"k-means {len(centers)}"
    )
