"""Hide a text and a picture in a picture, store it as PNG, and find both again.

python examples/message_hidden_and_found.py [PICTURE] --out message_hidden_and_found.webp
"""

import argparse

import numpy as np
from skimage import data

import opsin
from opsin import ops
from opsin.draw import contact_sheet
from opsin.errors import ParamError


def main(arguments: list[str] | None = None) -> tuple[object, object]:
    """Hide in a picture (scikit-image's coffee by default), write what was seen and found, give both messages."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("picture", nargs="?")
    parser.add_argument("--out", default="message_hidden_and_found.webp")
    words = parser.parse_args(arguments)
    cover = opsin.read(words.picture) if words.picture else data.coffee()
    secret = ops.resize(data.chelsea(), width=150, height=100)

    with_text = ops.hide(cover, "Meet me where the coffee is.", key="blue door")
    with_picture = ops.hide(cover, secret, key="green door")

    # through files and back: PNG keeps every bit
    stored = [opsin.io.encode(picture, "png") for picture in (with_text, with_picture)]
    text = ops.reveal(opsin.read(stored[0]), key="blue door")
    found = ops.reveal(opsin.read(stored[1]), key="green door")
    print(f"found: {text}")
    print(f"found: {found!r}, {'bit for bit' if found == secret else 'changed'}")
    try:
        ops.reveal(with_text, key="red door")
    except ParamError as reason:
        print(f"with another key: {reason}")
    error = np.mean((with_picture.astype(float) - cover) ** 2)
    print(f"PSNR of the cover: {10 * np.log10(255**2 / error):.1f} dB")

    changed = np.abs(with_picture.astype(int) - cover).max(axis=2).astype(bool)
    captions = ["The cover", "With a picture in it", "Where it changed, by one level", "What was found"]
    sheet = contact_sheet([cover, with_picture, changed, np.asarray(found)], 2, captions, cell=(420, 280))
    opsin.write(sheet, words.out)
    return text, found


if __name__ == "__main__":
    main()
