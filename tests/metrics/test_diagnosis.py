"""Every planted fault is found in 20 of 20 clips, and 20 sound results are left in peace."""

import cv2
import numpy as np
import pytest

from dicface.base.seeds import numpy_rng
from dicface.metrics.diagnosis import MAX_OFFSET, diagnose, diagnose_clip, looked_at
from dicface.video.clips import write_clip

SIDE, NUM_FRAMES, NUM_CLIPS = 64, 9, 20


def truth(number: int) -> np.ndarray:
    """(T, S, S, 3) float32: blobs and edges in colours, and before them a head that moves."""
    rng = numpy_rng("diagnosis", str(number))
    ground, head = (picture(rng) for _ in range(2))
    y, x = np.mgrid[:SIDE, :SIDE].astype(np.float32)
    step, turn = rng.uniform(0.8, 1.4, 2) * rng.choice([-1, 1], 2), rng.uniform(2, 4)
    frames = []
    for time in range(NUM_FRAMES):
        off = step * (time - NUM_FRAMES // 2)
        middle = (SIDE - 1) / 2 + off
        move = cv2.getRotationMatrix2D(tuple(middle), turn * (time - 4), 1 + 0.02 * time)
        move[:, 2] += off
        turned = cv2.warpAffine(head, move, (SIDE, SIDE), borderMode=cv2.BORDER_REFLECT)
        inside = np.hypot((x - middle[0]) / 17, (y - middle[1]) / 22) < 1
        cover = cv2.GaussianBlur(inside.astype(np.float32), (0, 0), 0.8)[..., None]
        frames.append(cover * turned + (1 - cover) * ground)
    return np.clip(frames, 0, 255).astype(np.float32)


def picture(rng: np.random.Generator) -> np.ndarray:
    found = np.zeros((SIDE, SIDE, 3), np.float32)
    for sigma, strength in ((12, 1.0), (4, 0.5), (1, 0.12)):
        layer = cv2.GaussianBlur(rng.normal(size=found.shape).astype(np.float32), (0, 0), sigma)
        found += strength * layer / layer.std()
    found = 110 + 38 * (found + np.array([0.8, 0.0, -0.8], np.float32))
    corner = tuple(int(each) for each in rng.integers(8, 40, 2))
    end = corner[0] + 14, corner[1] + 9
    return cv2.rectangle(found, corner, end, (200.0, 60.0, 40.0), -1)


def restored(frames: np.ndarray, number: int, blur: float = 0.6, noise: float = 3) -> np.ndarray:
    """What a sound method gives: a little blurred, a little noisy."""
    rng = numpy_rng("restored", str(number))
    soft = np.stack([cv2.GaussianBlur(frame, (0, 0), blur) for frame in frames])
    return soft + rng.normal(0, noise, frames.shape).astype(np.float32)


def moved(frames: np.ndarray, right: float, down: float) -> np.ndarray:
    move = np.array([[1, 0, right], [0, 1, down]], np.float32)
    edge = cv2.BORDER_REFLECT
    return np.stack([cv2.warpAffine(f, move, (SIDE, SIDE), borderMode=edge) for f in frames])


def cropped(frames: np.ndarray, scale: float) -> np.ndarray:
    move = cv2.getRotationMatrix2D(((SIDE - 1) / 2, (SIDE - 1) / 2), 0, scale)
    edge = cv2.BORDER_REFLECT
    return np.stack([cv2.warpAffine(f, move, (SIDE, SIDE), borderMode=edge) for f in frames])


def late(frames: np.ndarray, by: int) -> np.ndarray:
    return frames[np.clip(np.arange(NUM_FRAMES) - by, 0, NUM_FRAMES - 1)]


def packed(frames: np.ndarray, quality: int) -> np.ndarray:
    """As JPEG."""
    pictures = np.clip(np.rint(frames), 0, 255).astype(np.uint8)
    options = [cv2.IMWRITE_JPEG_QUALITY, quality]
    return np.stack(
        [cv2.imdecode(cv2.imencode(".jpg", f, options)[1], cv2.IMREAD_COLOR) for f in pictures]
    )


def small_and_back(frames: np.ndarray, factor: int) -> np.ndarray:
    side, area, cubic = SIDE // factor, cv2.INTER_AREA, cv2.INTER_CUBIC
    low = [cv2.resize(frame, (side, side), interpolation=area) for frame in frames]
    return np.stack([cv2.resize(frame, (SIDE, SIDE), interpolation=cubic) for frame in low])


FAULTS = {
    "is shifted by 2 px to the right": lambda f: moved(f, 2, 0),
    "is shifted by 0.5 px up": lambda f: moved(f, 0, -0.5),
    "is shifted by 1 px to the left and 0.5 px down": lambda f: moved(f, -1, 0.5),
    "is 1 frame late": lambda f: late(f, 1),
    "is 2 frames early": lambda f: late(f, -2),
    "has its channels in the order BGR": lambda f: f[..., ::-1],
    "has its channels in the order GBR": lambda f: f[..., [1, 2, 0]],
    "has its values squeezed into 16–235": lambda f: 16 + f * 219 / 255,
    "has its values stretched, as if 16–235": lambda f: (f - 16) * 255 / 219,
    "is darker by a gamma of ": lambda f: 255 * (np.clip(f, 0, 255) / 255) ** 1.6,
    "is lighter by a gamma of ": lambda f: 255 * (np.clip(f, 0, 255) / 255) ** (1 / 2.2),
    "is mirrored left to right": lambda f: f[:, :, ::-1],
    "is another crop: its picture is larger by 1.1": lambda f: cropped(f, 1.12),
    "is another crop: its picture is smaller by 1.1": lambda f: cropped(f, 0.88),
}
SOUND = {
    "little": lambda f, n: restored(f, n),
    "blur": lambda f, n: restored(f, n, blur=1.6, noise=5),
    "strong blur": lambda f, n: restored(f, n, blur=2.6, noise=2),
    "noise": lambda f, n: restored(f, n, noise=18),
    "jpeg": lambda f, n: packed(f, 20),
    "resized": lambda f, n: small_and_back(f, 4),
    "mean of frames": lambda f, n: np.stack([np.roll(f, k, axis=0) for k in (-1, 0, 1)]).mean(0),
    "frozen": lambda f, n: np.stack([f[0]] * NUM_FRAMES),
    "grey": lambda f, n: f.mean(axis=3, keepdims=True).repeat(3, axis=3),
    "dull": lambda f, n: 0.95 * f + 4,
}


def bytes_of(frames: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(frames), 0, 255).astype(np.uint8)


def found(ours: np.ndarray, true: np.ndarray) -> str:
    numbers = looked_at(NUM_FRAMES)
    near = {n + k for n in numbers for k in range(-MAX_OFFSET, MAX_OFFSET + 1)}
    ours, true = bytes_of(ours), bytes_of(true)
    diagnosis = diagnose(
        {n: ours[n] for n in numbers}, {n: true[n] for n in near if 0 <= n < NUM_FRAMES}
    )
    return diagnosis.fault.words if diagnosis.fault else ""


@pytest.fixture(scope="module")
def clips() -> list[np.ndarray]:
    return [truth(number) for number in range(NUM_CLIPS)]


@pytest.mark.parametrize("words", FAULTS)
def test_a_planted_fault_is_found_in_every_clip(clips, words) -> None:
    missed = {}
    for number, frames in enumerate(clips):
        told = found(restored(FAULTS[words](frames), number), frames)
        if not told.startswith(words):
            missed[number] = told
    assert missed == {}


@pytest.mark.parametrize("kind", SOUND)
def test_nothing_is_said_of_sound_results(clips, kind) -> None:
    told = {n: found(SOUND[kind](frames, n), frames) for n, frames in enumerate(clips)}
    assert {n: words for n, words in told.items() if words} == {}


def test_psnr_at_the_best_shift_is_that_of_the_result_moved_back(tmp_path, clips) -> None:
    sound = restored(clips[0], 0)
    shifted = restored(moved(clips[0], 2, 0), 0)
    for name, frames in (("truth", clips[0]), ("sound", sound), ("shifted", shifted)):
        write_clip(tmp_path / f"{name}.mkv", bytes_of(frames), 25)
    plain = diagnose_clip(tmp_path / "sound.mkv", tmp_path / "truth.mkv")
    beside = diagnose_clip(tmp_path / "shifted.mkv", tmp_path / "truth.mkv")
    assert plain.best_shift == (0, 0)
    assert plain.psnr_at_best_shift == plain.psnr
    assert beside.best_shift == (2, 0)
    assert beside.psnr < plain.psnr - 5
    assert beside.psnr_at_best_shift == pytest.approx(plain.psnr, abs=1)


def test_clips_of_few_frames_and_without_any_picture_are_no_trouble() -> None:
    for count in (1, 2, 5):
        flat = {number: np.full((SIDE, SIDE, 3), 90, np.uint8) for number in range(count)}
        assert diagnose(flat, flat).fault is None
