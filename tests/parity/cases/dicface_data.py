"""Parity of data handling: kernels, resizing, noise, masks, alignment, paste-back, windows.

`compare` works for golden files of any seed. Arrays that depend on the seed (through the test
pattern P(h, w, seed), the noise generator or the tensor recipe): filter2D_kernel4, down_*, up_*,
noise_after_seed, align*_pair_*, align*_helper_*, paste_*_strided*, read_image_*_strided16, color_*,
tensor2img_bgr, img2tensor_norm and bgr2gray. All others are the same for every seed, or hold their
own inputs (landmarks, kernel parameters, brush seeds).
"""

from __future__ import annotations

import hashlib
import random
import re
from collections.abc import Iterator, Mapping

import numpy as np
import torch

from dicface.config.degradation import INTERPOLATIONS
from dicface.data.degradation import degrade, kernels, masks
from dicface.faces import align, paste, track
from dicface.restoring.runner import to_tensor, to_uint8

Case = tuple[str, float, float]

EXACT = 0.0
FLOAT64 = 1e-12
SAME_OPENCV_AFFINE = 1e-8
"""OpenCV 4 and 5 estimate affines that differ by 1e-6 and more; one version agrees to 1e-12."""


def pattern(height: int, width: int, seed: int) -> np.ndarray:
    """The fixtures' test picture P(h, w, s), uint8 BGR."""
    y, x, c = np.meshgrid(np.arange(height), np.arange(width), np.arange(3), indexing="ij")
    checks = (x // 16 + y // 16) % 2 * 40
    values = x * (3 + seed) + y * 5 + c * 70 + checks + x * y // 97
    return (values % 256).astype(np.uint8)


def compare(golden: Mapping[str, np.ndarray], seed: int) -> Iterator[Case]:
    """Compares every array of a data fixture file with what this package computes.

    Args:
        golden: the fixture file's arrays.
        seed: the seed it was made with.

    Yields:
        Name, largest deviation, tolerance.
    """
    yield from _kernels(golden)
    yield from _degradation(golden, seed)
    yield from _alignment(golden, seed)
    yield from _paste(golden, seed)
    yield from _masks_and_colour(golden, seed)
    yield from _tensors(golden, seed)
    yield from _windows(golden)


def _rgb(picture: np.ndarray) -> np.ndarray:
    return np.ascontiguousarray(picture[..., ::-1])


def _deviation(ours: np.ndarray, theirs: np.ndarray) -> float:
    ours, theirs = np.asarray(ours, dtype=np.float64), np.asarray(theirs, dtype=np.float64)
    if ours.shape != theirs.shape:
        return float("inf")
    return float(np.abs(ours - theirs).max(initial=0))


def _drawn_kernel(seed: int) -> np.ndarray:
    """What the release draws after seeding both global generators."""
    _, sigma_x, sigma_y, theta = kernels.draw_blur(
        random.Random(seed),
        np.random.RandomState(seed),
        iso_prob=0.7,
        sigma_range_px=(0.1, 10.0),
    )
    return kernels.gaussian_kernel(sigma_x, sigma_y, theta)


def _kernels(golden: Mapping[str, np.ndarray]) -> Iterator[Case]:
    for name in (key for key in golden if re.fullmatch(r"kernel\d+", key)):
        sigma_x, sigma_y, theta, iso = golden[f"{name}_params"]
        ours = kernels.gaussian_kernel(sigma_x, sigma_x if iso else sigma_y, theta)
        yield name, _deviation(ours, golden[name]), FLOAT64
    seeds = [int(seed) for seed in golden["random_mixed_kernels_seeds"]]
    ours = [_drawn_kernel(seed) for seed in seeds]
    yield "random_mixed_kernels", _deviation(ours, golden["random_mixed_kernels"]), FLOAT64


def _degradation(golden: Mapping[str, np.ndarray], seed: int) -> Iterator[Case]:
    picture = pattern(64, 64, seed)
    kernel = golden["kernel4"]
    blurred = kernels.blur(picture / 255, kernel)
    yield "filter2D_kernel4", _deviation(blurred, golden["filter2D_kernel4"]), FLOAT64
    for name in INTERPOLATIONS:
        small = kernels.downsample(golden["filter2D_kernel4"], 4, name)
        yield f"down_{name}", _deviation(small, golden[f"down_{name}"]), FLOAT64
        fast = kernels.blur_and_downsample(picture, kernel, 4, name)
        yield f"down_{name} (one pass)", _deviation(fast, golden[f"down_{name}"]), 1e-5
        levels = degrade.to_codec_levels(golden[f"down_{name}"])
        yield f"down_{name}_u8trunc", _deviation(levels, golden[f"down_{name}_u8trunc"]), EXACT
        large = kernels.upsample(golden[f"down_{name}_u8trunc"], 64, 64, name)
        yield f"up_{name}_from_u8", _deviation(large, golden[f"up_{name}_from_u8"]), EXACT
    noisy = degrade.add_noise(golden["down_area"], np.random.RandomState(100 + seed))
    yield "noise_after_seed", _deviation(noisy, golden["noise_after_seed"]), FLOAT64


def _alignment(golden: Mapping[str, np.ndarray], seed: int) -> Iterator[Case]:
    yield "face_template", _deviation(align.template(512), golden["face_template"]), FLOAT64
    same = _same_opencv(golden)
    for j in sorted(int(key[5:-10]) for key in golden if re.fullmatch(r"align\d+_landmarks", key)):
        affine = align.estimate_affine(golden[f"align{j}_landmarks"])
        tolerance = SAME_OPENCV_AFFINE if same else 1e-4
        yield f"align{j}_affine", _deviation(affine, golden[f"align{j}_affine"]), tolerance
        inverse = paste.inverse_affine(affine)
        theirs = golden[f"align{j}_inverse_affine_up1"]
        yield f"align{j}_inverse_affine_up1", _deviation(inverse, theirs), tolerance
        for kind, source, border in (
            ("pair_lq", seed + 3, "trainer"),
            ("pair_gt", seed, "trainer"),
            ("helper", seed, "helper"),
        ):
            face = align.warp(_rgb(pattern(512, 512, source)), affine, border=border)
            name = f"align{j}_{kind}_strided8"
            yield from _pictures(name, _rgb(face)[::8, ::8], golden[name], same)
    picture = align.enlarge_small(pattern(200, 300, seed))
    yield (
        "read_image_200x300_shape",
        _deviation(picture.shape, golden["read_image_200x300_shape"]),
        EXACT,
    )
    theirs = golden["read_image_200x300_strided16"]
    yield "read_image_200x300_strided16", _deviation(picture[::16, ::16], theirs), EXACT
    raw = golden["landmarks_raw"].reshape(-1, 5, 2)
    # Random points jump, where the suite splits a track; this is how each part is smoothed.
    smooth = track.filled_and_smoothed(
        raw, sigma_frames=track.SMOOTHING_SIGMA_FRAMES, ends="reflect"
    )
    yield "landmarks_smoothed", _deviation(smooth, golden["landmarks_smoothed"]), FLOAT64


def _paste(golden: Mapping[str, np.ndarray], seed: int) -> Iterator[Case]:
    same = _same_opencv(golden)
    frame, face = _rgb(pattern(600, 720, seed)), _rgb(pattern(512, 512, seed + 7))
    affine = align.estimate_affine(golden["paste_landmarks"])
    for upscale in (1, 2):
        name = f"paste_up{upscale}_inverse_affine_after"
        inverse = paste.inverse_affine(affine, upscale)
        yield name, _deviation(inverse, golden[name]), SAME_OPENCV_AFFINE if same else 1e-4
        for parse in (0, 1):
            step = 4 * upscale
            name = f"paste_up{upscale}_parse{parse}_strided{step}"
            parser = _fixture_classes if parse else None
            ours = paste.paste_face(frame, face, affine, upscale=upscale, parser=parser)
            yield from _pictures(name, _rgb(ours)[::step, ::step], golden[name], same)


def _pictures(name: str, ours: np.ndarray, theirs: np.ndarray, same: bool) -> Iterator[Case]:
    """Bilinear warps differ between OpenCV versions by up to seven grey levels."""
    yield name, _deviation(ours, theirs), 1.0 if same else 8.0
    if ours.shape == theirs.shape:
        mean = float(np.abs(ours.astype(np.float64) - theirs).mean())
        yield f"{name} (mean)", mean, 0.05 if same else 0.5


def _same_opencv(golden: Mapping[str, np.ndarray]) -> bool:
    """Whether the fixtures were made with the OpenCV generation that runs here."""
    affine = align.estimate_affine(golden["align0_landmarks"])
    return _deviation(affine, golden["align0_affine"]) < SAME_OPENCV_AFFINE


def _fixture_classes(face: np.ndarray) -> np.ndarray:
    y, x = np.mgrid[: face.shape[0], : face.shape[1]]
    classes = ((x - 256) / 170) ** 2 + ((y - 270) / 220) ** 2 < 1
    classes = classes.astype(np.int64)
    classes[(y < 70) & (classes == 0)] = 17
    classes[y > 470] = 14
    return classes


def _masks_and_colour(golden: Mapping[str, np.ndarray], seed: int) -> Iterator[Case]:
    seeds = [int(s) for s in golden["brush_seeds"]]
    ours = [masks.brush_mask(np.random.RandomState(s), 512, 512) for s in seeds]
    packed = np.stack([np.packbits(mask) for mask in ours])
    theirs = golden["brush_masks_packbits_512x512"]
    yield "brush_masks_packbits_512x512", _deviation(packed, theirs), EXACT
    ratios = [mask.mean() for mask in ours]
    yield "brush_mask_ratio", _deviation(ratios, golden["brush_mask_ratio"]), FLOAT64
    many = range(1000, 1200)  # the seeds of the fixture's statistics, the same in every file
    ratios = [masks.brush_mask(np.random.RandomState(s), 512, 512).mean() for s in many]
    statistics = [np.mean(ratios), np.std(ratios), np.min(ratios), np.max(ratios)]
    name = "brush_ratio_stats_200seeds_mean_std_min_max"
    yield name, _deviation(statistics, golden[name]), 1e-9
    picture = pattern(32, 32, seed)
    yield "color_input_u8", _deviation(picture, golden["color_input_u8"]), EXACT
    grey = masks.colorization_input(_rgb(picture))
    theirs = np.repeat(golden["color_gray_u8"][..., None], 3, axis=2)
    yield "color_gray_u8", _deviation(grey, theirs), EXACT
    # Truncation to uint8 changes no value of 0…255: the list of those that it changes is empty.
    levels = np.arange(256)
    changed = levels[degrade.to_codec_levels(levels / 255.0) != levels]
    yield "truncation_values", _deviation(changed, golden["truncation_values"]), EXACT
    noisy_grey = np.repeat(pattern(64, 64, seed)[..., :1], 3, axis=2)
    noisy_grey[..., 1] = np.clip(noisy_grey[..., 1].astype(int) + 1, 0, 255)
    flat_grey = np.repeat(pattern(64, 64, seed)[..., :1], 3, axis=2)
    cases = [_is_grey(p) for p in (flat_grey, pattern(64, 64, seed), noisy_grey)]
    yield "is_gray_cases", _deviation(cases, golden["is_gray_cases"]), EXACT


def _tensors(golden: Mapping[str, np.ndarray], seed: int) -> Iterator[Case]:
    digest = hashlib.sha256(f"dicface_data/t2i/{seed}".encode()).digest()
    rng = np.random.Generator(np.random.PCG64(int.from_bytes(digest[:8], "little")))
    normal = rng.standard_normal((3, 8, 8), dtype=np.float32)
    signed = torch.from_numpy(np.clip(np.float32(0.8) * normal, -2, 2))
    ours = _rgb(to_uint8((signed.clamp(-1, 1) + 1) / 2))
    yield "tensor2img_bgr", _deviation(ours, golden["tensor2img_bgr"]), EXACT
    picture = _rgb(pattern(8, 8, seed))
    ours = (to_tensor(picture) - 0.5) / 0.5
    yield "img2tensor_norm", _deviation(ours.numpy(), golden["img2tensor_norm"]), 1e-6
    grey = align.grey_of(picture.astype(np.float64))
    yield "bgr2gray", _deviation(grey, golden["bgr2gray"]), 1e-9


def _is_grey(frame: np.ndarray) -> bool:
    """Whether the release calls a picture grey: variance of channel differences of at most 10."""
    channels = frame.astype(np.int16)
    differences = channels - np.roll(channels, -1, axis=2)
    return float(differences.var(axis=(0, 1)).mean()) <= 10


def _release_windows(num_frames: int, length: int) -> np.ndarray:
    """The release's windows, which replicate one side of the clip only; -9 lies beyond the clip.

    Clips of at least `length - 1` frames have those of `dicface.models.streaming`.
    """
    raw = np.arange(num_frames)[:, None] + np.arange(length)[None] - length // 2
    beyond = np.where(raw[:, :1] < 0, -9, num_frames - 1)
    return np.where(raw >= num_frames, beyond, np.maximum(raw, 0))


def _windows(golden: Mapping[str, np.ndarray]) -> Iterator[Case]:
    for name in (key for key in golden if key.startswith("window_")):
        num_frames, length = map(int, re.fullmatch(r"window_T(\d+)_L(\d+)", name).groups())
        ours = _release_windows(num_frames, length)
        yield name, _deviation(ours, golden[name]), EXACT
