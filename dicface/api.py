"""The public API, `import dicface`: one call each to restore, align, paste back, load and list.

`dicface.score` is in `dicface.metrics.scores`, a call a metric in `dicface.metrics.functional`.
Frames are arrays or tensors as `dicface.video.arrays` describes and checks them; what comes out is
of the kind that went in. Every error is a `DicfaceError` of one to three sentences. Examples:
docs/python.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, overload

import numpy as np
from numpy.typing import NDArray

from dicface.base.device import require_device
from dicface.base.errors import ClipError, MethodError, WeightsError
from dicface.video.arrays import (
    AnyFrames,
    AnyPath,
    check_same,
    given,
    path_of,
    read_given,
    to_uint8,
)
from dicface.video.clips import FOLDER_FPS, clip_name, read_frames, write_clip

if TYPE_CHECKING:
    from torch import Tensor, nn

    from dicface.faces.align import Border
    from dicface.faces.detect import Detector, DetectorName
    from dicface.faces.track import Choice, Ends
    from dicface.restoring.film.settings import FilmSettings
    from dicface.restoring.runner import Restorer

__all__ = ["Aligned", "align", "list_methods", "load_weights", "paste", "restore"]


def list_methods(task: str | None = None) -> list[str]:
    """Lists the restoration methods that can be used, in the order of the paper's Table 1.

    `dicface.methods.method(name).facts` describes one; `dicface.methods.unavailable(name)` says why
    it cannot run on this machine, or None.

    Args:
        task: Only methods that do this task, "bfr", "inpainting" or "colorization".

    Raises:
        MethodError: There is no such task.
    """
    from dicface.methods import methods, methods_for

    return list(methods() if task is None else methods_for(task))


@overload
def restore(
    frames: AnyFrames,
    method: str | Restorer,
    *,
    weights: AnyPath | None = ...,
    task: str = ...,
    device: str = ...,
    clip: str | None = ...,
    out: None = ...,
) -> AnyFrames: ...


@overload
def restore(
    frames: AnyPath,
    method: str | Restorer,
    *,
    weights: AnyPath | None = ...,
    task: str = ...,
    device: str = ...,
    clip: str | None = ...,
    out: None = ...,
) -> NDArray[np.uint8]: ...


@overload
def restore(
    frames: NDArray[np.uint8] | Tensor | AnyPath,
    method: str | Restorer,
    *,
    weights: AnyPath | None = ...,
    task: str = ...,
    device: str = ...,
    clip: str | None = ...,
    out: AnyPath,
) -> Path: ...


@overload
def restore(
    frames: AnyPath,
    method: str | Restorer | None = ...,
    *,
    weights: AnyPath | None = ...,
    task: str = ...,
    device: str = ...,
    out: AnyPath | None = ...,
    film: FilmSettings | None,
) -> list[Path]: ...


def restore(
    frames: Any,
    method: str | Restorer | None = None,
    *,
    weights: AnyPath | None = None,
    task: str = "bfr",
    device: str = "auto",
    clip: str | None = None,
    out: AnyPath | None = None,
    film: FilmSettings | None = None,
) -> Any:
    """Restores a clip of aligned faces with one method, or a whole film.

    A film is what a path names without a method, or with settings of a film: its faces are found,
    restored and pasted back, as `dicface restore FILM` does (docs/films.md).

    Args:
        frames: (T, H, W, 3) uint8 RGB, (T, 3, H, W) floats in [0, 1], or one such frame; or the
            path of a video or of a folder of frames. Methods with networks need square frames with
            one aligned face, of one side (`dicface.align` makes them). Floats are not rounded.
        method: A name of `list_methods`, or an object that restores, as `dicface.methods.create`
            gives: that is where a method's own settings go. For a film "dicface", or
            "dicface_trained" where weights are given, if no other is named.
        weights: A weights file for a method by name: that of a training, or another one than the
            registry's.
        task: What a method by name is to do: "bfr", "inpainting" or "colorization".
        device: "auto" (a GPU where there is one), "cpu", "cuda:0", … for a method by name.
        clip: Name that seeds whatever is random; by default the file's, or none.
        out: The .mkv file to write instead, losslessly; a video or folder then streams through, so
            that memory does not grow with its length. The frame rate is the video's, or 25. For a
            film the folder of its result; by default "restored" beside it.
        film: How a film is restored; without it, a path with a method is a clip of aligned faces.

    Returns:
        The restored frames, of the number, size and kind of the given ones; an array for a path; or
        the path `out`; for a film the files of its result, the film first.

    Raises:
        MethodError: There is no such method or task, its weights are missing, or it needs frames of
            another size; the words are those of `Method.unavailable`.
        ClipError: Frames are of another kind, shape or range; a file cannot be read or written.
        WeightsError: Weights are damaged or of another network.
    """
    from dicface.restoring.runner import require_available, restore_clip, restore_frames

    if film is not None or (method is None and path_of(frames)):
        return _restore_film(frames, method, film, weights, task, device, out)
    chosen = _method(method, weights, task, device)
    path, target = path_of(frames), path_of(out)
    if path and target and path.resolve() == target.resolve():
        raise ClipError(f"{path}: its result would take its place. Give another path as `out`.")
    name = clip if clip is not None else (clip_name(path) if path else "")
    source = str(path) if path else "frames"
    if path and target:
        first = next(read_frames(path))
        require_available(chosen, source, first.shape[1], first.shape[0])
        return restore_clip(chosen, path, target, clip=name).path
    clean = read_given(frames, "frames")
    height, width = clean.sides
    require_available(chosen, source, width, height)
    restored = restore_frames(chosen, clean.tensors(), clip=name, source=source)
    if target:
        return write_clip(target, map(to_uint8, restored), FOLDER_FPS).path
    return clean.back(restored)


@dataclass(frozen=True, kw_only=True, eq=False)
class Aligned(Generic[AnyFrames]):
    """Aligned faces of a clip, and where they were.

    Attributes:
        frames: (T, S, S, 3) uint8 RGB or (T, 3, S, S) floats in [0, 1], the kind that was given;
            one frame without an axis of time where one was given.
        affines: (T, 2, 3) similarities, px of the whole frame → px of the aligned one.
        landmarks: (T, 5, 2) x and y of left eye, right eye, nose tip, left and right mouth corner,
            px of the whole frame; filled and smoothed along time.
        detected: (T,) False where no face was found and the landmarks are interpolated.
        detector: What found the faces.
    """

    frames: AnyFrames
    affines: NDArray[np.float64]
    landmarks: NDArray[np.float64]
    detected: NDArray[np.bool_]
    detector: str


def align(
    frames: AnyFrames | AnyPath,
    *,
    size: int = 512,
    detector: DetectorName | Detector = "auto",
    choice: Choice = "largest",
    smoothing_ends: Ends = "reflect",
    border: Border = "trainer",
) -> Aligned[AnyFrames]:
    """Finds the largest face of a clip, smooths its track and cuts it out upright and centred.

    The same as `dicface data align` (docs/faces.md) does to a folder.

    Args:
        frames: (T, H, W, 3) uint8 RGB, (T, 3, H, W) floats in [0, 1] (rounded to 8 bits), or one
            such frame; or the path of a video or of a folder of frames.
        size: Side S of the aligned faces, px; even, 16 or more.
        detector: "retinaface", "dlib", "auto" for the former where its weights are on this machine,
            or a detector.
        choice: Which face of several: "largest", or "nearest" to the last frame's.
        smoothing_ends: How the track continues beyond its ends, "reflect" or "extrapolate".
        border: Colour outside of the frames, "trainer" or "helper".

    Returns:
        Aligned faces with their similarities, for `paste`.

    Raises:
        FaceError: No frame shows a face. A frame without one among others is interpolated and
            `detected` says so.
        ClipError: Frames are of another kind, shape or range; a file cannot be read.
        ConfigError: A setting is out of its range.
        WeightsError: RetinaFace was asked for and its weights are missing.
    """
    from dicface.faces.detect import default_detector
    from dicface.faces.importer import ImportSettings, cut_out, find_places

    settings = ImportSettings(
        size=size, choice=choice, smoothing_ends=smoothing_ends, border=border
    )
    clean = read_given(frames, "frames")
    finder = detector if hasattr(detector, "detect") else default_detector(detector)
    whole, name = clean.arrays(), str(path_of(frames) or "frames")
    places = find_places(whole, name, settings=settings, detector=finder)
    return Aligned(
        frames=clean.back(cut_out(whole, places.affines, size, border=border)),
        affines=places.affines,
        landmarks=places.track.points,
        detected=places.track.detected,
        detector=finder.name,
    )


def paste(
    frames: AnyFrames,
    restored: NDArray[np.uint8] | Tensor,
    aligned: Aligned[Any],
    *,
    upscale: int = 1,
    parse: bool = False,
) -> AnyFrames:
    """Pastes restored faces back into the frames that they were aligned from, through a soft mask.

    Args:
        frames: The whole frames that were given to `align`; floats are rounded to 8 bits.
        restored: Restored faces, (T, S, S, 3) uint8 RGB or (T, 3, S, S) floats in [0, 1], of the
            number and size of `aligned.frames`.
        aligned: What `align` gave.
        upscale: Whole number of times that the whole frames are enlarged (bilinearly).
        parse: Keeps hair and background of the whole frames by ParseNet's mask, as the release
            does; needs its weights.

    Returns:
        Whole frames, `upscale` times as large, of the kind of `frames`.

    Raises:
        ClipError: Frames are of another kind, shape or range, or differ in number or size.
        WeightsError: ParseNet's weights are missing or damaged.
    """
    from dicface.faces.paste import parsenet_parser, paste_face

    if not isinstance(aligned, Aligned):
        raise ClipError(
            f"aligned: found a {type(aligned).__name__}; expected what dicface.align gave."
        )
    clean, faces = read_given(frames, "frames"), given(restored, "restored")
    cut = given(aligned.frames, "aligned.frames")
    check_same(
        "number of frames",
        frames=clean.num_frames,
        restored=faces.num_frames,
        aligned=cut.num_frames,
    )
    check_same("size", restored=faces.size, aligned=cut.size)
    if not isinstance(upscale, int) or upscale < 1:
        raise ClipError(f"upscale: found {upscale!r}; expected a whole number from 1.")
    parser = parsenet_parser() if parse else None
    parts = zip(clean.arrays(), faces.arrays(), aligned.affines, strict=True)
    return clean.back(
        paste_face(frame, face, affine, upscale=upscale, parser=parser)
        for frame, face, affine in parts
    )


def load_weights(path: AnyPath, *, device: str = "cpu") -> nn.Module:
    """Loads the network of a weights file: one of a training, or one that the registry knows.

    A file of a training says which network it holds; a released one is known by its name or its
    digest, and its content is checked. Pickles that hold more than tensors are never opened.

    Args:
        path: The file.
        device: Where the network goes: "cpu", "cuda:0", …, or "auto" for a GPU where there is one.

    Returns:
        The network in eval mode, without gradients, with the names of its file's tensors. That of a
        training, and of the released CodeFormer and DicFace, has `settings`: how it was built, also
        the side of the frames it takes (`settings.resolution`). Its own `forward` is documented in
        `dicface.models`; `restore` is the way to restore with it.

    Raises:
        WeightsError: The file is missing, damaged or unknown, or holds no restoration network.
    """
    from dicface.models.checkpoint import load_network
    from dicface.weights.load import identify

    file = Path(path).expanduser()
    if not file.is_file():
        raise WeightsError(f"{file}: no such weights file. Check the path.")
    known = identify(file)
    if known is not None:
        network = _released(file, known.name, known.used_for)
    elif file.suffix == ".safetensors":
        network, _ = load_network(file)
    else:
        raise WeightsError(
            f"{file}: is no file of a training (.safetensors), and neither its name nor its digest "
            "is in the registry. `dicface weights list` prints what is; "
            "`dicface.weights.load.read_state` reads tensors without a network."
        )
    return network.eval().requires_grad_(False).to(require_device(device))


def _released(file: Path, name: str, used_for: str) -> nn.Module:
    """The network of the method that runs on a file of the registry alone."""
    from dicface.methods import methods
    from dicface.methods.network import NetworkMethod

    for method in methods().values():
        for task, files in method.facts.weights.items():
            if files == (name,) and issubclass(method, NetworkMethod):
                return method(task=task).load(file)
    raise WeightsError(
        f"{file}: is '{name}' of the registry ({used_for}), which is no network of a method alone."
    )


def _restore_film(
    frames: object,
    method: str | Restorer | None,
    film: FilmSettings | None,
    weights: AnyPath | None,
    task: str,
    device: str,
    out: AnyPath | None,
) -> list[Path]:
    from dicface.restoring.film.film import restore_films

    path = path_of(frames)
    if path is None:
        raise ClipError(
            f"film: found {type(frames).__name__} in place of a film; expected the path of a video "
            "or of a folder of frames. Leave `film` away for frames of aligned faces."
        )
    name = method or ("dicface_trained" if weights is not None else "dicface")
    chosen = _method(name, weights, task, device)
    (files,) = restore_films([path], chosen, film, out=path_of(out), progress=False).values()
    return files


def _method(
    method: str | Restorer | None, weights: AnyPath | None, task: str, device: str
) -> Restorer:
    from dicface.methods import create
    from dicface.restoring.runner import Restorer

    if isinstance(method, str):
        return create(method, task=task, device=require_device(device), weights=path_of(weights))
    if isinstance(method, type) or not isinstance(method, Restorer):
        raise MethodError(
            f"method: found {method!r}; expected a name of dicface.list_methods(), or an object as "
            "dicface.methods.create gives it."
        )
    if weights is not None or task != "bfr" or device != "auto":
        raise MethodError(
            "weights, task and device belong to a method by name; an object has its own. Give them "
            "to dicface.methods.create."
        )
    return method
