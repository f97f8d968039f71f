"""Episodes as animated WebP: every browser plays it, and it is small enough to embed in a page."""

from __future__ import annotations

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

MEDIA_TYPE = "image/webp"
QUALITY = 72


@dataclass(frozen=True)
class Video:
    """An episode as an animated picture, and its last frame as a still one."""

    animation: bytes
    poster: bytes


def animate(frames: NDArray[np.uint8], frames_per_second: int) -> Video:
    """Frames (n, H, W, 3) as an endless animation.

    The last frame is held for a second, so that the end of the episode is visible.
    """
    pictures = [Image.fromarray(frame) for frame in np.asarray(frames)]
    each = round(1000 / frames_per_second)
    durations = [each] * (len(pictures) - 1) + [1000]
    moving, still = BytesIO(), BytesIO()
    pictures[0].save(
        moving,
        "WEBP",
        save_all=True,
        append_images=pictures[1:],
        duration=durations,
        loop=0,
        quality=QUALITY,
        method=4,
    )
    pictures[-1].save(still, "WEBP", quality=QUALITY)
    return Video(moving.getvalue(), still.getvalue())
