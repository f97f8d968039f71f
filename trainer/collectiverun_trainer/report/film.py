"""Films as files that players and web pages take: H.264 in MP4. Needs PyAV (the extra `play`)."""

from __future__ import annotations

from io import BytesIO

import av
import numpy as np
from numpy.typing import NDArray

_QUALITY = {"crf": "20", "preset": "medium"}


def mp4(frames: NDArray[np.uint8], frames_per_second: int) -> bytes:
    """Frames (n, H, W, 3) as an MP4 file; an odd height or width loses its last row or column.

    The last frame is held for a second, so that the end of the episode is visible.
    """
    height, width = (size - size % 2 for size in frames.shape[1:3])  # what its colours are stored for
    target = BytesIO()
    with av.open(target, "w", format="mp4") as container:
        stream = container.add_stream("libx264", rate=frames_per_second, options=_QUALITY)
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        for picture in (*frames, *[frames[-1]] * frames_per_second):
            cut = np.ascontiguousarray(picture[:height, :width])
            container.mux(stream.encode(av.VideoFrame.from_ndarray(cut, format="rgb24")))
        container.mux(stream.encode())
    return target.getvalue()
