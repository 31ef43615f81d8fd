"""Count coins that touch or lie in uneven light, and measure each.

python examples/coins_counted.py [PICTURE] --out coins_counted.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops


def main(arguments: list[str] | None = None) -> int:
    """Count the coins of a picture (scikit-image's coins by default), write them in color, give their number."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?", help="bright round things on a darker ground")
    parser.add_argument("--out", default="coins_counted.webp")
    words = parser.parse_args(arguments)
    image = opsin.read(words.picture) if words.picture else data.coins()

    coins = ops.watershed(image)
    # specks are no coins: nothing below a tenth of the usual size
    coins = coins.keep(coins.areas >= 0.1 * np.median(coins.areas)) if coins.count else coins

    opsin.write(coins.draw(image), words.out)
    print(f"{coins.count} coins")
    for coin in coins.regions:
        diameter = 2.0 * (coin.area / np.pi) ** 0.5
        print(f"  {diameter:5.1f} px across at ({coin.centroid[0]:.0f}, {coin.centroid[1]:.0f})")
    return coins.count


if __name__ == "__main__":
    main()
