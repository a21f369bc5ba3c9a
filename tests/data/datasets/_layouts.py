"""Miniature copies of the data sets' layouts."""

from fractions import Fraction
from pathlib import Path

import av
import cv2
import numpy as np
from PIL import Image

from dicface.data.datasets.layouts.text import write_landmarks
from dicface.faces import align
from dicface.faces.detect import Face
from dicface.faces.dlib_models import Box

NAMES = ("Clip+aaaaaaaaaaa+P0+C0+F10-17", "Clip+bbbbbbbbbbb+P0+C1+F100-107")
NUM_FRAMES = 6
RELEASED = ("Clip+aaaaaaaaaaa+P0+C0+F10-13", "Clip+bbbbbbbbbbb+P0+C1+F100-103")


class FixedDetector:
    """Finds the face that `pictures` draws at a known place, but for the frames it is to miss."""

    name, sha256 = "fixed", "0" * 64

    def __init__(self, missing: tuple[int, ...] = ()) -> None:
        self.missing, self.calls = missing, 0

    def detect(self, frame: np.ndarray) -> list[Face]:
        self.calls += 1
        if self.calls - 1 in self.missing:
            return []
        size = frame.shape[1]
        return [Face(box=Box(0, 0, size, size), score=1.0, points=landmarks(size))]


def landmarks(size: int) -> np.ndarray:
    """The face: turned, moved and smaller than the template."""
    turn = np.array([[0.78, -0.1], [0.1, 0.78]])
    return (align.template(512) @ turn.T + [70, 100]) * size / 512


def pictures(name: str, num_frames: int, size: int = 64) -> list[np.ndarray]:
    """Smooth frames; each differs from all others, and by the clip's name."""
    rng = np.random.default_rng(sum(map(ord, name)))
    base = rng.uniform(20, 235, (6, 6, 3)).astype(np.float32)
    frames = []
    for number in range(num_frames):
        frame = cv2.resize(base, (size, size), interpolation=cv2.INTER_CUBIC)
        frame = frame + 6 * number
        frames.append(np.clip(frame, 0, 254).astype(np.uint8))
    return frames


def write_frames(folder: Path, frames: list[np.ndarray], first: int = 0) -> None:
    folder.mkdir(parents=True)
    for number, frame in enumerate(frames, start=first):
        Image.fromarray(frame).save(folder / f"{number:08d}.png", compress_level=1)


def write_video(path: Path, frames: list[np.ndarray], gop: int = 12, lossless: bool = True) -> None:
    """An H.264 file with B-frames, as data sets hold them."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264rgb" if lossless else "libx264", rate=Fraction(25))
        stream.height, stream.width = frames[0].shape[:2]
        stream.pix_fmt = "rgb24" if lossless else "yuv420p"
        stream.options = {"qp": "0" if lossless else "20", "g": str(gop), "bf": "2"}
        stream.thread_count = 1
        for frame in frames:
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, "rgb24")))
        container.mux(stream.encode(None))


def write_meta(path: Path, *, side: int = 64, wide: int = 96, num_frames: int = NUM_FRAMES) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    header = f"CLIP: {path.stem}\nH: {side}\nW: {wide}\nFPS: 25.0\nCROP: 16 0 {16 + side} {side}\n"
    path.write_text(header + (" ".join(["1.5"] * 10) + "\n") * num_frames)


def vfhq_frames(root: Path) -> Path:
    """VFHQ's training set as extracted frames, with meta files."""
    for name in NAMES:
        write_frames(root / "frames" / name, pictures(name, NUM_FRAMES))
        write_meta(root / "meta_info" / f"{name}.txt")
    return root


def vfhq_videos(root: Path) -> Path:
    """VFHQ's training set as raw clips of the whole frame, with meta files."""
    for name in NAMES:
        whole = [np.pad(f, ((0, 0), (16, 16), (0, 0))) for f in pictures(name, NUM_FRAMES)]
        write_video(root / "clips" / f"{name}.mp4", whole, gop=4)
        write_meta(root / "meta_info" / f"{name}.txt")
    return root


def vfhq_test(root: Path) -> Path:
    """VFHQ-Test."""
    for name in NAMES:
        truth = root / "GT" / "Interval1_512x512_LANCZOS4" / name
        write_frames(truth, pictures(name, NUM_FRAMES), first=1)
    return root


def released(root: Path, num_frames: int = 3) -> Path:
    """The released test set; colour inputs are aligned already, the others are not."""
    affine = align.estimate_affine(landmarks(512))
    for name in RELEASED:
        truth = pictures(name, num_frames, 512)
        write_frames(root / "TEST_DATA" / name, truth)
        low = [cv2.resize(frame, (128, 128), interpolation=cv2.INTER_AREA) for frame in truth]
        write_frames(root / "LR_Blind" / name, low)
        masked = [frame.copy() for frame in truth]
        for frame in masked:
            frame[100:200, 150:300] = 255
        write_frames(root / "vfhq_test_inpaint_input_512" / name, masked)
        grey = [
            align.warp(cv2.cvtColor(f, cv2.COLOR_RGB2GRAY)[..., None].repeat(3, 2), affine)
            for f in truth
        ]
        write_frames(root / "vfhq_test_color_input" / name, grey)
        points = np.repeat(landmarks(512)[None], num_frames, axis=0)
        write_landmarks(root / "vfhq_test_landmarks" / f"{name}.txt", points)
    return root


def ffhq(root: Path) -> Path:
    """FFHQ in subfolders of a thousand."""
    for number in (0, 1, 1000):
        write_frames(root / f"{number:05d}", pictures(str(number), 1), first=number)
    for number in (0, 1, 1000):
        image = root / f"{number:05d}" / f"{number:08d}.png"
        target = root / f"{number // 1000 * 1000:05d}" / f"{number:05d}.png"
        target.parent.mkdir(exist_ok=True)
        image.rename(target)
    (root / "00001").rmdir()
    return root
