"""H.264 round trip of a clip through memory: DicFace release, degradation (d)."""

from __future__ import annotations

import platform
import tempfile
from collections.abc import Iterable, Iterator

import av
import numpy as np
from numpy.typing import NDArray

from dicface.base.errors import ClipError
from dicface.config.degradation import ChannelOrder

_BYTES_IN_MEMORY = 16 * 2**20

# x264's AVX-512 macroblock tree reads memory that it never wrote where the width is no multiple of
# 128 px, so that the stream changes from run to run. The instructions every x86-64 processor of the
# last fifteen years has give the bytes that AVX2 gives, at the same speed (docs/degradation.md).
REPEATABLE = (
    {"x264-params": "asm=sse2,ssse3,sse4.2"}
    if platform.machine().lower() in ("x86_64", "amd64")
    else {}
)


def h264_roundtrip(
    frames: Iterable[NDArray[np.uint8]],
    crf: int,
    *,
    channel_order: ChannelOrder = "bgr_as_rgb24",
    fps: int = 1,
) -> Iterator[NDArray[np.uint8]]:
    """Encodes frames with libx264 as one stream and decodes them again.

    yuv420p in an MP4 container, x264's own defaults but for the rate factor; picture types are left
    to the encoder. Frames are read while they are encoded and decoded one at a time; the coded
    stream moves from memory to a temporary file beyond 16 MiB, so that memory stays bounded.

    Args:
        frames: (H, W, 3) uint8 RGB, even H and W, all of one size.
        crf: Constant rate factor, 0 (lossless) to 51.
        channel_order: ``bgr_as_rgb24`` keeps the release's quirk: its frames are BGR but declared
            RGB, so that red and blue change places in the YUV conversion (and change back after
            decoding). ``rgb`` declares the colours as they are.
        fps: Frame rate told to the encoder; it weighs frames by their duration. The release: 1.

    Yields:
        (H, W, 3) uint8 RGB, as many as went in.

    Raises:
        ClipError: There is no frame, sides are odd, or the codec lost frames.
    """
    reverse = channel_order == "bgr_as_rgb24"
    with tempfile.SpooledTemporaryFile(max_size=_BYTES_IN_MEMORY) as buffer:
        num_frames = _encode(buffer, frames, crf, fps, reverse)
        buffer.seek(0)
        count = 0
        with av.open(buffer, "r", format="mp4") as container:
            container.streams.video[0].codec_context.thread_count = 1
            for frame in container.decode(video=0):
                count += 1
                decoded = frame.to_ndarray(format="rgb24", threads=1)
                yield np.ascontiguousarray(decoded[..., ::-1]) if reverse else decoded
        if count != num_frames:
            raise ClipError(
                f"H.264 round trip: {num_frames} frames went in and {count} came out; "
                "the installed PyAV (FFmpeg) build is faulty: reinstall the package `av`"
            )


def _encode(
    buffer: tempfile.SpooledTemporaryFile,
    frames: Iterable[NDArray[np.uint8]],
    crf: int,
    fps: int,
    reverse: bool,
) -> int:
    num_frames = 0
    with av.open(buffer, "w", format="mp4") as container:
        stream = None
        for frame in frames:
            if stream is None:
                height, width = frame.shape[:2]
                if height % 2 or width % 2:
                    raise ClipError(
                        f"H.264 round trip: frames are {height}×{width} px, expected even sides "
                        "(yuv420p halves the colour planes)"
                    )
                options = {"crf": str(crf), **REPEATABLE}
                stream = container.add_stream("libx264", rate=fps, options=options)
                stream.height, stream.width, stream.pix_fmt = height, width, "yuv420p"
                stream.codec_context.thread_count = 1  # their number changes the stream
            declared = np.ascontiguousarray(frame[..., ::-1] if reverse else frame)
            picture = av.VideoFrame.from_ndarray(declared, format="rgb24")
            container.mux(stream.encode(picture.reformat(format="yuv420p", threads=1)))
            num_frames += 1
        if stream is None:
            raise ClipError("H.264 round trip: found no frame, expected at least one")
        container.mux(stream.encode(None))
    return num_frames
