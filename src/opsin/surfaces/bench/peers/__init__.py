"""What Opsin is compared with: the same work in other libraries, written as well as they allow, one thread.

Each peer gives, for a pipeline's name, a function of (JPEG bytes or array, key), or None where it cannot express it.
All end in the same sizes, float32 and channels first. Random peers draw their own numbers from the same ranges. A
library that is not installed is left out by name.
"""

from __future__ import annotations

from opsin.surfaces.bench.peers import albumentations, dali, kornia_rs, opencv, pillow, pyvips, torchvision, turbo
from opsin.surfaces.bench.peers.common import BOXES, Peer, Together, Work

__all__ = ["BOXES", "PEERS", "Peer", "Together", "Work"]

PEERS: dict[str, Peer] = {
    "libjpeg-turbo decode + one write": Peer(turbo.floor, "floor"),
    "OpenCV, hand-written": Peer(
        opencv.make, "hand-written", {"P5": "reads the file at 1/8", "P6": "hue, saturation and value by 8-bit tables"}
    ),
    "kornia-rs": Peer(
        kornia_rs.make,
        "library",
        {
            "P1": "antialiased with its bicubic",
            "P2": "antialiased with its bicubic; brightness is added, not multiplied",
            "P3": "antialiased with its bicubic",
            "P5": "antialiased with its bicubic; no scaled decode",
        },
    ),
    "kornia-rs, matrices by hand": Peer(kornia_rs.by_hand, "hand-written"),
    "torchvision v2, tensors": Peer(torchvision.tensors, "library", {"P5": "no scaled decode"}),
    "torchvision v2, Pillow": Peer(torchvision.pictures, "library", {"P5": "no scaled decode"}),
    "Albumentations": Peer(
        albumentations.make, "library", {"P5": "no scaled decode", "P6": "hue, saturation and value are added"}
    ),
    "Pillow": Peer(pillow.make, "library", {"P5": "no scaled decode"}),
    "Pillow, draft mode": Peer(pillow.draft, "library", {"P5": "reads the file at 1/8"}),
    "pyvips": Peer(pyvips.make, "library", {"P1": "its thumbnail", "P5": "its thumbnail, reads the file at 1/8"}),
    "DALI, CPU": Peer(dali.make, "library", {"P3": "without the perspective", "P5": "no scaled decode"}),
}
