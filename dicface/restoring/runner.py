"""Restoring clips: one streaming loop for every method, resumable, with checked output.

A clip is read, restored and written frame by frame, so that memory does not grow with its length.
What is written under a final name is whole: as many frames as the input, of the same size and
frame rate.
"""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

import torch
from torch import Tensor
from tqdm import tqdm

from dicface.base.counts import how_many
from dicface.base.errors import ClipError, MethodError
from dicface.base.files import digest_of, write_json
from dicface.models.fast import num_parameters, prepare_for_inference
from dicface.models.streaming import (
    Position,
    StreamSettings,
    batches,
    default_batch,
    stream,
    stream_alpha,
)
from dicface.provenance.kept import find, kept
from dicface.restoring.low_resolution import low_resolution_input, small_clip
from dicface.runs.results import COST_FILE, read_cost
from dicface.video.arrays import to_tensor, to_uint8
from dicface.video.clips import (
    ClipInfo,
    clip_name,
    frame_rate,
    list_clips,
    probe,
    read_frames,
    require_apart,
    write_clip,
)

__all__ = [
    "Position",
    "StreamSettings",
    "default_batch",
    "per_frame",
    "prepare_for_inference",
    "require_available",
    "restore_clip",
    "restore_frames",
    "restore_set",
    "stream",
    "stream_alpha",
    "to_tensor",
    "to_uint8",
]

logger = logging.getLogger(__name__)

# Output a hair outside [0, 1] is rounding; anything more is a method that forgot to clamp.
RANGE_SLACK = 1e-3


@runtime_checkable
class Restorer(Protocol):
    """What is asked of a method here; `dicface.methods.Method` says what each means."""

    facts: Any
    device: str
    side: int | None

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Yields one restored frame for each frame of a clip, (3, H, W) in [0, 1]."""

    def unavailable(self, *, size: int | None = None) -> str | None:
        """Says why it cannot run; None if it can."""

    def fingerprint(self) -> dict[str, object]:
        """Returns what a restored clip depends on, apart from its input."""


def restore_clip(
    method: Restorer,
    input_path: str | Path,
    output_path: str | Path,
    *,
    clip: str | None = None,
    on_frame: Callable[[], object] = lambda: None,
) -> ClipInfo:
    """Restores one clip into one lossless file, which appears only when it is whole.

    A method that enlarges gets frames that are smaller by its `scale`, so that what it gives has
    the input's size: those of the degradation's codec, where they lie beside the input, or its
    frames reduced (see `dicface.restoring.low_resolution`).

    Args:
        method: What restores it.
        input_path: A video or a folder of frames.
        output_path: The .mkv file to write.
        clip: Name that seeds whatever is random; the input's name by default.
        on_frame: Called after each frame, for progress.

    Returns:
        Facts of the restored clip; its frame rate is the input's.

    Raises:
        MethodError: The method cannot run here, or yields too few or too many frames, another
            size, or values that are not finite or not in [0, 1]; names clip and frame.
        ClipError: The input cannot be read, or its frames differ in size.
        DicfaceError: The disk is full; nothing is kept under the final name.
    """
    input_path = Path(input_path)
    name = clip or clip_name(input_path)
    small = small_clip(input_path, method.facts.scale)
    frames = map(to_tensor, read_frames(small or input_path, one_size=True))
    restored = restore_frames(
        method,
        frames,
        clip=name,
        source=str(input_path),
        on_frame=on_frame,
        small=small is not None,
    )
    return write_clip(output_path, map(to_uint8, restored), frame_rate(input_path))


def restore_frames(
    method: Restorer,
    frames: Iterable[Tensor],
    *,
    clip: str,
    source: str,
    on_frame: Callable[[], object] = lambda: None,
    small: bool = False,
) -> Iterator[Tensor]:
    """Restores a stream of frames and checks what the method gives; see `restore_clip`.

    Args:
        method: What restores them.
        frames: (3, H, W) float RGB in [0, 1], on the CPU, all of one size.
        clip: Name that seeds whatever is random.
        source: Where the frames come from, for messages.
        on_frame: Called after each frame, for progress.
        small: Whether the frames are as small as the method takes them, H and W by its `scale`
            smaller than what it gives.

    Yields:
        (3, H, W) float RGB in [0, 1], but for rounding, on the method's device.

    Raises:
        MethodError: As `restore_clip`.
    """
    counted = _Counted(frames, method.facts.scale if small else 1)
    taken = counted if small else _reduced(counted, source, method)
    restored = method.restore(taken, clip=clip)
    yield from _checked(restored, counted, label=method.facts.label, clip=clip, on_frame=on_frame)


def restore_set(
    method: Restorer,
    input_folder: str | Path,
    output_folder: str | Path,
    *,
    clips: Iterable[str] | None = None,
    progress: bool = True,
) -> dict[str, Path]:
    """Restores every clip of a folder that is not restored yet.

    A clip counts as restored if it was made from the same input by the same method, settings and
    weights, and its file is as it was written (see `dicface.provenance.kept`).

    Args:
        method: What restores them.
        input_folder: A folder of clips.
        output_folder: Gets one `<clip>.mkv` each, and what it took
            (`dicface.runs.results.COST_FILE`).
        clips: Names of the clips to restore; all by default.
        progress: Whether to show a bar with frames a second and the time left.

    Returns:
        Clip name -> restored file.

    Raises:
        MethodError: The method cannot run here, or gave a clip that fails the checks.
        ClipError: A clip is missing, cannot be read, would be overwritten by its result, or its
            frames differ in size.
        DicfaceError: The disk is full; what was restored before stays.
    """
    output_folder = Path(output_folder)
    inputs = _of_names(list_clips(input_folder), clips, Path(input_folder))
    require_apart(inputs, output_folder)
    # A method that cannot run says why below, with the size of the clips.
    fingerprint = {} if method.unavailable() else method.fingerprint()
    scale = method.facts.scale
    made_from = {name: _made_from(fingerprint, path, scale) for name, path in inputs.items()}
    found = {name: find(output_folder, name, made_from[name]) for name in inputs}
    done = {name: spent for name, spent in found.items() if spent is not None}
    left = {name: probe(path) for name, path in inputs.items() if name not in done}
    for info in left.values():
        require_available(method, info.path, info.width, info.height)
    cost = _cost_before(output_folder)
    cost["clips"] = {name: c for name, c in cost["clips"].items() if name not in left} | done
    if left:
        cost |= {"device": method.device, **_parameters(method)}
    num_done = sum(spent["frames"] for spent in done.values())
    with tqdm(
        total=num_done + sum(info.num_frames for info in left.values()),
        initial=num_done,
        desc=method.facts.label,
        unit="frame",
        disable=not progress,
    ) as bar:
        for name, info in left.items():
            bar.set_postfix_str(name)
            output = output_folder / f"{name}.mkv"
            with kept(output_folder, name, made_from[name], output.name) as piece:
                with _measured(method.device) as spent:
                    restore_clip(method, inputs[name], output, clip=name, on_frame=bar.update)
                piece.facts = {"frames": info.num_frames, **spent}
                # Before the record: a clip that counts as restored has its cost.
                cost["clips"][name] = piece.facts
                write_json(output_folder / COST_FILE, cost)
    return {name: output_folder / f"{name}.mkv" for name in inputs}


def per_frame(
    step: Callable[[Tensor], Tensor], frames: Iterable[Tensor], *, device: str, batch: int = 1
) -> Iterator[Tensor]:
    """Runs a method that sees one frame at a time.

    Args:
        step: Maps (B, 3, H, W) in [0, 1] on `device` to the same.
        frames: (3, H, W) in [0, 1], on the CPU.
        device: Where `step` runs.
        batch: Number of frames given to `step` at once; results do not depend on it.

    Yields:
        (3, H, W) in [0, 1], on the CPU.
    """
    for group in batches(frames, batch):
        # Not around the yield: the mode would leak into the caller between two frames.
        with torch.inference_mode():
            restored = step(torch.stack(group).to(device)).cpu()
        yield from restored


class _Counted:
    """An iterator that knows how many frames it gave and how large restored ones are."""

    def __init__(self, frames: Iterable[Tensor], scale: int) -> None:
        self._frames, self._scale = frames, scale
        self.num_frames = 0
        self.shape: tuple[int, int] = (0, 0)

    def __iter__(self) -> Iterator[Tensor]:
        for frame in self._frames:
            self.num_frames += 1
            self.shape = tuple(self._scale * side for side in frame.shape[1:])
            yield frame


def _reduced(frames: Iterable[Tensor], source: str, method: Restorer) -> Iterator[Tensor]:
    """Frames as the method takes them: `scale` times smaller for one that enlarges."""
    facts = method.facts
    for frame in frames:
        yield low_resolution_input(frame, facts.scale, clip=source, label=facts.label)


def _checked(
    restored: Iterable[Tensor],
    source: _Counted,
    *,
    label: str,
    clip: str,
    on_frame: Callable[[], object],
) -> Iterator[Tensor]:
    count = 0
    for count, frame in enumerate(restored, start=1):
        where = f"{label}, clip '{clip}', frame {count - 1}"
        if count > source.num_frames:
            raise MethodError(
                f"{where}: the method gave a frame before it took one, or more than the clip's "
                f"{source.num_frames}; expected one restored frame for each."
            )
        if tuple(frame.shape) != (3, *source.shape):
            raise MethodError(
                f"{where}: the method gave a frame of shape {tuple(frame.shape)}; "
                f"expected {(3, *source.shape)}, the size of its input."
            )
        low, high = frame.aminmax()
        if not (torch.isfinite(low) and torch.isfinite(high)):
            raise MethodError(
                f"{where}: the method gave values that are not finite. Nothing of the clip was "
                "kept; check its weights and, in reduced precision, try float32."
            )
        if low < -RANGE_SLACK or high > 1 + RANGE_SLACK:
            raise MethodError(
                f"{where}: the method gave values from {low:.3f} to {high:.3f}; "
                "expected [0, 1]. Methods clamp their output."
            )
        on_frame()
        yield frame
    if count != source.num_frames:
        raise MethodError(
            f"{label}, clip '{clip}': the method gave {how_many(count, 'frame')} for the "
            f"{source.num_frames} of the clip; expected one for each."
        )


def _of_names(found: dict[str, Path], names: Iterable[str] | None, folder: Path) -> dict[str, Path]:
    if names is None:
        return found
    names = list(names)
    missing = [name for name in names if name not in found]
    if missing:
        raise ClipError(
            f"{folder}: holds no clip named {', '.join(missing)}; found {', '.join(found)}."
        )
    return {name: found[name] for name in names}


def require_available(method: Restorer, source: object, width: int, height: int) -> None:
    """Looks whether a method can restore frames of a size on this machine.

    Args:
        method: What is to restore them.
        source: Where they come from, for messages.
        width: Of the frames, px.
        height: Of the frames, px.

    Raises:
        MethodError: It cannot: frames of another size, or files that are missing.
    """
    size, label = width if width == height else None, method.facts.label
    if size is None and method.side is not None:
        raise MethodError(
            f"{source}: frames are {width}×{height}; {label} needs square ones. Align the clip "
            "first (dicface data align)."
        )
    reason = method.unavailable(size=size)
    if reason:
        raise MethodError(f"{label} cannot restore {source}: {reason}.")


def _cost_before(folder: Path) -> dict[str, Any]:
    """What earlier calls took; nothing where that cannot be read."""
    try:
        return {"clips": read_cost(folder).get("clips", {})}
    except ClipError as error:
        logger.warning("%s What it said is lost.", error)
        return {"clips": {}}


def _parameters(method: Restorer) -> dict[str, int]:
    """Number of parameters of a method's `network`, or tuple `networks`; empty if it has neither.

    They are loaded here, before time is taken.
    """
    several = getattr(method, "networks", ())
    found = (getattr(method, "network", None), *(several if isinstance(several, tuple) else ()))
    networks = [network for network in found if isinstance(network, torch.nn.Module)]
    return {"parameters": sum(map(num_parameters, networks))} if networks else {}


@contextmanager
def _measured(device: str) -> Iterator[dict[str, float]]:
    """Yields what gets seconds and, on a GPU, the most bytes that were allocated at once."""
    on_gpu = torch.device(device).type == "cuda" and torch.cuda.is_available()
    if on_gpu:
        torch.cuda.init()  # a method may not have used it yet
        torch.cuda.reset_peak_memory_stats(device)
    spent: dict[str, float] = {}
    start = time.perf_counter()
    yield spent
    spent["seconds"] = time.perf_counter() - start
    if on_gpu:
        spent["gpu_bytes"] = torch.cuda.max_memory_allocated(device)


def _made_from(fingerprint: dict[str, object], path: Path, scale: int) -> dict[str, object]:
    """All that a restored clip depends on: method, settings, weights and input."""
    small = small_clip(path, scale)
    made_from = {"method": json.loads(json.dumps(fingerprint, default=str))}
    return made_from | {"input": digest_of(path)} | ({"small": digest_of(small)} if small else {})
