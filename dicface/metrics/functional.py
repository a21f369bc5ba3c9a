"""The metrics as functions of two clips: `dicface.metrics.functional.psnr(restored, truth)`.

Each takes a restored and a true clip of one size and length, as `dicface.video.arrays` describes:
arrays (T, H, W, 3) uint8 RGB or tensors (T, 3, H, W) of floats in [0, 1], which are rounded to 8
bits; one frame needs no axis of time. Each gives the number that the scorer gives for that clip,
bit for bit, because it is the scorer's: for several metrics at once, or for files, `dicface.score`
looks at every frame once.

All but PSNR and SSIM are computed with networks. `backbones="auto"` takes the official one of each
where its file is on this machine, and an offline one elsewhere, of which it warns once; "official"
makes that an error, "offline" never looks for files, and "random" takes random features where no
installed package is to be needed either. `backbones()` tells what is used. Frames must be square,
with one aligned face, wherever a face is looked for (IDS, AKD, TLME).

What needs no truth takes the restored clip and the degraded one that it was made from, which may be
left out where nothing is to be compared with it: `niqe(restored)`, `jitter(restored, degraded)`,
`warping_error(restored, degraded)`. They are those of `dicface.metrics.WITHOUT_TRUTH`, and
`help(dicface.metrics.functional.jitter)` says what each is. Without the degraded clip the restored
one stands in its place: its own path, motion and face.
"""

from __future__ import annotations

import functools
import warnings
from collections.abc import Callable
from typing import TYPE_CHECKING

from dicface.base.counts import how_many
from dicface.base.device import require_device
from dicface.base.errors import MetricError
from dicface.metrics import (
    LISTED,
    LISTED_FOR_PANELS,
    LISTED_WITHOUT_TRUTH,
    METRICS,
    WITHOUT_TRUTH,
    features_of,
    metric_class,
)
from dicface.video.arrays import check_alike, given

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from torch import Tensor

    from dicface.metrics.backbones import BackboneInfo, Prefer

    Frames = NDArray[np.uint8] | Tensor

__all__ = [*LISTED, *LISTED_WITHOUT_TRUTH, *LISTED_FOR_PANELS, "backbones"]


def psnr(restored: Frames, truth: Frames) -> float:
    """PSNR: peak signal-to-noise ratio, mean over the frames; higher is better.

    10 log10(255² / MSE) over all pixels of R, G and B of a frame. The paper, Tables 1 and 2; card:
    docs/metrics/psnr.md.

    Args:
        restored: (T, H, W, 3) uint8 RGB, (T, 3, H, W) floats in [0, 1], or one such frame.
        truth: The same of the true clip.

    Returns:
        Decibels, from 0 to 100, which is what equal frames get.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
    """
    return _value("psnr", restored, truth)


def ssim(restored: Frames, truth: Frames) -> float:
    """SSIM: structural similarity, mean over the frames; higher is better.

    Gaussian window of 11×11 px, mean over R, G and B (Wang et al., IEEE TIP 2004). The paper,
    Tables 1 and 2; card: docs/metrics/ssim.md.

    Args:
        restored: (T, H, W, 3) uint8 RGB, (T, 3, H, W) floats in [0, 1], or one such frame; sides of
            11 px or more.
        truth: The same of the true clip.

    Returns:
        A number in [-1, 1]; 1 for equal frames.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are smaller than the window.
    """
    return _value("ssim", restored, truth)


def lpips(
    restored: Frames, truth: Frames, *, backbones: Prefer = "auto", device: str = "auto"
) -> float:
    """LPIPS: learned perceptual distance, mean over the frames; lower is better.

    Features of VGG-16 under the published heads (Zhang et al., CVPR 2018); offline of
    EfficientNet-Lite2, which is another metric. The paper, Tables 1 and 2; card:
    docs/metrics/lpips.md.

    Args:
        restored: (T, H, W, 3) uint8 RGB, (T, 3, H, W) floats in [0, 1], or one such frame; sides of
            32 px or more.
        truth: The same of the true clip.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the network.

    Returns:
        A number from 0, which is what equal frames get.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are too small.
        WeightsError: The official file is damaged, or missing although it was asked for.
    """
    return _value("lpips", restored, truth, backbones, device)


def ids(
    restored: Frames, truth: Frames, *, backbones: Prefer = "auto", device: str = "auto"
) -> float:
    """IDS: identity similarity, mean over the frames that show a face; higher is better.

    Cosine of ArcFace's embeddings (Deng et al., CVPR 2019) of both faces, cut out by the true
    landmarks; offline of dlib's face-recognition network, on another scale. The paper, Tables 1
    and 2; card: docs/metrics/ids.md.

    Args:
        restored: (T, S, S, 3) uint8 RGB, (T, 3, S, S) floats in [0, 1], or one such frame, with one
            aligned face.
        truth: The same of the true clip.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the landmark network.

    Returns:
        A number in [-1, 1]; 1 for the same face; NaN, and a warning is logged, where no true frame
        shows a face.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are not square.
        WeightsError: An official file is damaged, or missing although it was asked for.
    """
    return _value("ids", restored, truth, backbones, device)


def akd(
    restored: Frames, truth: Frames, *, backbones: Prefer = "auto", device: str = "auto"
) -> float:
    """AKD: average keypoint distance, mean over the frames that show a face; lower is better.

    Mean distance of 68 landmarks found in the box of the true face, by FAN (Bulat and
    Tzimiropoulos, ICCV 2017), offline by dlib. The name is the paper's (Tables 1 and 2), which does
    not define it: own definition, docs/metrics/akd.md.

    Args:
        restored: (T, S, S, 3) uint8 RGB, (T, 3, S, S) floats in [0, 1], or one such frame, with one
            aligned face.
        truth: The same of the true clip.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the landmark network.

    Returns:
        Pixels of a 512-px face, whatever S is, from 0; NaN, and a warning is logged, where no true
        frame shows a face.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are not square.
        WeightsError: An official file is damaged, or missing although it was asked for.
    """
    return _value("akd", restored, truth, backbones, device)


def fvd(
    restored: Frames, truth: Frames, *, backbones: Prefer = "auto", device: str = "auto"
) -> float:
    """FVD: Fréchet distance between features of the windows of both clips; lower is better.

    Windows of 16 frames, one every 8, features of I3D (Unterthiner et al., 2018), offline of
    EfficientNet-Lite2, which is another metric. The paper, Tables 1 and 2, prints one value of a
    whole set, and so does `dicface.score` for several clips: below 64 windows it ranks nothing.
    Card: docs/metrics/fvd.md.

    Args:
        restored: (T, H, W, 3) uint8 RGB or (T, 3, H, W) floats in [0, 1], T of 17 or more; frames
            that are not square are squeezed into a square.
        truth: The same of the true clip.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the network.

    Returns:
        A number from 0, squared units of the features.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are fewer than two windows.
        WeightsError: The official file is damaged, or missing although it was asked for.
    """
    return _value("fvd", restored, truth, backbones, device)


def kvd(
    restored: Frames, truth: Frames, *, backbones: Prefer = "auto", device: str = "auto"
) -> float:
    """KVD: kernel distance between features of the windows of both clips; lower is better.

    Windows and features are FVD's; the estimate (Binkowski et al., ICLR 2018) is unbiased however
    few windows there are. The paper does not print it. Card: docs/metrics/kvd.md.

    Args:
        restored: (T, H, W, 3) uint8 RGB or (T, 3, H, W) floats in [0, 1], T of 17 or more; frames
            that are not square are squeezed into a square.
        truth: The same of the true clip.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the network.

    Returns:
        Thousandths; 0 for equal clips, and a little below it where both sides are alike.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are fewer than two windows.
        WeightsError: The official file is damaged, or missing although it was asked for.
    """
    return _value("kvd", restored, truth, backbones, device)


def tlme(
    restored: Frames, truth: Frames, *, backbones: Prefer = "auto", device: str = "auto"
) -> float:
    """TLME: temporal landmark motion error, mean over all frames but the first; lower is better.

    How far 68 landmarks move otherwise than in the truth from one frame to the next; landmarks as
    for AKD. The name is the paper's (Tables 1 and 2), which does not define it: own definition,
    docs/metrics/tlme.md.

    Args:
        restored: (T, S, S, 3) uint8 RGB or (T, 3, S, S) floats in [0, 1], with one aligned face, T
            of 2 or more.
        truth: The same of the true clip.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the landmark network.

    Returns:
        Pixels of a 512-px face a frame, whatever S is, from 0; NaN, and a warning is logged, where
        no two frames in a row show a face.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are not square, or there is only one.
        WeightsError: An official file is damaged, or missing although it was asked for.
    """
    return _value("tlme", restored, truth, backbones, device)


def backbones(prefer: Prefer = "auto") -> dict[str, BackboneInfo]:
    """Tells what each metric is computed with on this machine.

    Args:
        prefer: As `backbones` of the metrics.

    Returns:
        Metric -> name, sha256 of the weights, whether the network is the official one, and why it
        was chosen.

    Raises:
        WeightsError: An official file is damaged, or missing although it was asked for.
    """
    from dicface.metrics.backbones import Backbones

    chosen = Backbones.resolve(prefer)
    return {metric: chosen.of(metric) for metric in METRICS}


def __getattr__(name: str) -> Callable[..., float]:
    # A metric that was listed has its function, before anybody writes one with its own words.
    if name in METRICS or name in LISTED_FOR_PANELS:
        return functools.partial(_value, name)
    if name in WITHOUT_TRUTH:
        return _without_truth(name)
    raise AttributeError(f"module '{__name__}' has no attribute '{name}'; it has {__all__}")


@functools.cache
def _without_truth(name: str) -> Callable[..., float]:
    """The function of a metric that needs no truth."""

    def measure(
        restored: Frames,
        degraded: Frames | None = None,
        *,
        backbones: Prefer = "auto",
        device: str = "auto",
    ) -> float:
        reference = restored if degraded is None else degraded
        return _value(name, restored, reference, backbones, device)

    facts, says = WITHOUT_TRUTH[name], metric_class(name).note("input")
    better = "higher" if facts.higher_is_better else "lower"
    measure.__name__ = measure.__qualname__ = name
    measure.__doc__ = f"""{facts.name}: {says}; {better} is better.

    Card: docs/metrics/{metric_class(name).__module__.rpartition(".")[2]}.md.

    Args:
        restored: (T, S, S, 3) uint8 RGB or (T, 3, S, S) floats in [0, 1], with one aligned face.
        degraded: The same of the clip that it was made from; None: the restored one itself.
        backbones: "auto", "official", "offline" or "random", see the module's text.
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for the networks.

    Returns:
        Mean over the frames that have a value{f", {facts.unit}" if facts.unit else ""}.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        MetricError: They are not square, or too few.
        WeightsError: A file is damaged, or missing where nothing stands for it.
    """
    return measure


def _value(
    metric: str,
    restored: Frames,
    truth: Frames,
    backbones: Prefer = "auto",
    device: str = "auto",
) -> float:
    """Value of a metric for one clip, as the scorer has it."""
    from dicface.metrics.clip_scorer import measure
    from dicface.metrics.protocol import EvaluationProtocol
    from dicface.metrics.scorer import set_value

    ours, true = given(restored, "restored"), given(truth, "truth")
    check_alike(ours, true)
    facts = metric_class(metric).facts
    device = require_device(device)
    protocol = EvaluationProtocol.resolve(backbones, device=device, metrics=[metric])
    info = protocol.backbones.of(metric)
    if backbones == "auto" and not info.official:
        _warn(
            f"{facts.name} is computed with {info.name}: {info.reason}. Its values compare with "
            "those of the same network only. `dicface weights list` says where official files come "
            "from; backbones='offline' says that this network is meant."
        )
    score = measure("restored", ours.arrays(), true.arrays(), protocol, metrics=[metric])
    if facts.level == "set":
        features = score.features[features_of(metric)]
        too_short, value = len(features.truth) < 2, set_value(metric, features)
    else:
        too_short, value = not len(score.values[metric]), score.value(metric)
    if too_short:
        raise MetricError(
            f"{facts.name}: a clip of {how_many(true.num_frames, 'frame')} has no value, it is too "
            f"short; `help(dicface.metrics.functional.{metric})` says how many are needed."
        )
    return value


@functools.cache
def _warn(message: str) -> None:
    """Warns once in a process."""
    # The caller of the metric: above are the metric and `_value`.
    warnings.warn(message, UserWarning, stacklevel=4)
