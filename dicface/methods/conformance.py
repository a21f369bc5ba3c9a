"""What every restoration method must satisfy, checked on clips of a few small frames.

The checks ask nothing of how a method works: they give it frames and look at what comes back. A
method that passes can be a row of the tables, whatever package it comes from. Released networks are
checked as small ones with seeded weights (`Method.example`), so that no file is needed; a method
that has no such example is checked as it is.
"""

from __future__ import annotations

import contextlib
import gc
import json
import logging
import random
import sysconfig
import tempfile
import traceback
import tracemalloc
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

import dicface.methods
from dicface.base.device import chosen_device
from dicface.base.errors import DicfaceError, MethodError
from dicface.methods.environment import opencv_fault
from dicface.methods.method import TASKS, Method
from dicface.methods.subject import NUM_FRAMES, Subject, require
from dicface.models.checkpoint import facts_of
from dicface.restoring.runner import restore_set, to_uint8
from dicface.video.clips import write_clip
from dicface.weights import registry

# Odd and even, shorter than a window, on both sides of the borders of chunks.
LENGTHS = (1, 2, 3, 4, 5, 6, 11)
# Of the frames that a longer clip has more, what may stay in memory: a seventh, or a few kB.
GROWTH_SHARE, GROWTH_BYTES = 1 / 7, 16_384


@dataclass(frozen=True, kw_only=True)
class Result:
    """One check of one method.

    Attributes:
        check: What was checked, in a few words.
        ok: Whether it holds.
        detail: What was found.
        task: The task that was done, "" for what holds for all.
        device: Where it ran, "" for what needs no run.
    """

    check: str
    ok: bool
    detail: str
    task: str = ""
    device: str = ""

    def __str__(self) -> str:
        where = ", ".join(filter(None, (self.task, self.device)))
        return f"{'ok  ' if self.ok else 'FAIL'}  {where:<18}  {self.check}: {self.detail}"


def check(
    name: str,
    *,
    tasks: Iterable[str] | None = None,
    devices: Iterable[str] | None = None,
    weights: Path | None = None,
    side: int | None = None,
) -> Iterator[Result]:
    """Checks one method, and yields each result as soon as it is known.

    Args:
        name: The method.
        tasks: Tasks to check it on; by default that of the weights, or all that it does.
        devices: Where to run it; "cpu" and, where there is one, the GPU by default.
        weights: A weights file to run it with, instead of its small example.
        side: Side of the frames before any reduction, in pixels; by default what it needs.

    Raises:
        MethodError: There is no such method, it cannot be imported, or does not do a task.
    """
    method = dicface.methods.method(name)
    if devices is None:
        devices = dict.fromkeys(("cpu", chosen_device("auto")))
    if tasks is None:
        trained_for = facts_of(weights).get("task") if weights else None
        tasks = [trained_for] if trained_for in method.facts.tasks else method.facts.tasks
    chosen = tuple(tasks)
    for task in chosen:
        if task not in method.facts.tasks:
            raise MethodError(
                f"{method.facts.label} does not do the task '{task}'; "
                f"it does {', '.join(method.facts.tasks)}."
            )
    if two := opencv_fault():
        yield Result(check="OpenCV", ok=False, detail=two)
    yield _run("facts", lambda: _facts(method))
    for task in chosen:
        for device in devices:
            subject = Subject(
                method=method, task=task, device=device, weights=weights, given_side=side
            )
            for title, function in _CHECKS.items():
                result = _run(title, lambda f=function, s=subject: f(s), task=task, device=device)
                yield result
                if title == _FIRST and not result.ok:
                    break  # what cannot run at all fails the rest for the same reason


def _facts(method: type[Method]) -> str:
    facts = method.facts
    empty = [name for name in ("name", "label", "tasks", "licence") if not getattr(facts, name)]
    require(not empty, f"nothing is stated for {', '.join(empty)}")
    unknown = sorted(set(facts.tasks) - set(TASKS))
    require(not unknown, f"unknown tasks {', '.join(unknown)}; known are {', '.join(TASKS)}")
    other = sorted(set(facts.weights) - set(facts.tasks))
    require(not other, f"weights are stated for {', '.join(other)}, which it does not do")
    for name in {name for names in facts.weights.values() for name in names}:
        registry.entry(name)
    bounded = facts.window >= 1 or facts.chunk is not None
    require(bounded, "neither a window of 1 or more frames nor a chunk is stated")
    require(facts.scale >= 1, f"scale is {facts.scale}; expected 1 or more")
    return f"{facts.label}; {', '.join(facts.tasks)}; {facts.licence}"


def _frames(subject: Subject) -> str:
    instance = subject.instance
    reason = instance.unavailable(size=subject.side * instance.facts.scale)
    require(reason is None, f"cannot run here: {reason}")
    json.dumps(instance.settings(), default=str)
    frames = subject.clip("a", NUM_FRAMES)
    given = [frame.clone() for frame in frames]
    subject.reference = subject.restored(instance, frames, expected=NUM_FRAMES)
    same = all(map(torch.equal, frames, given))
    require(same, "changed the frames that it was given")
    low, high = (value.item() for value in subject.reference.aminmax())
    side = subject.reference.shape[-1]
    return f"{NUM_FRAMES} of 3×{side}×{side}, finite, {low:.3f} to {high:.3f}; input untouched"


def _lengths(subject: Subject) -> str:
    for length in LENGTHS:
        try:
            subject.restored(subject.instance, subject.clip("a", length), expected=length)
        except MethodError as error:
            raise MethodError(f"a clip of {length}: {error}") from error
    return f"as many out as in, for clips of {', '.join(map(str, LENGTHS))}"


def _repeatable(subject: Subject) -> str:
    state = torch.get_rng_state(), np.random.get_state(), random.getstate()
    try:
        torch.manual_seed(3)
        np.random.seed(3)  # noqa: NPY002 - methods that draw from it are what this looks for
        random.seed(3)
        frames = subject.clip("a", NUM_FRAMES)
        found = subject.restored(subject.make(), frames, expected=NUM_FRAMES)
    finally:
        torch.set_rng_state(state[0])
        np.random.set_state(state[1])  # noqa: NPY002
        random.setstate(state[2])
    subject.equal(found, "a second instance, with other global seeds,")
    return "a second instance, with other global seeds, gives the same"


def _inference_mode(subject: Subject) -> str:
    for _ in subject.instance.restore(iter(subject.clip("a", 2)), clip="a"):
        leaked = torch.is_inference_mode_enabled() or not torch.is_grad_enabled()
        require(not leaked, "leaves its own mode on between two frames")
    with torch.inference_mode():
        frames = subject.clip("a", NUM_FRAMES)
        found = subject.restored(subject.instance, frames, expected=NUM_FRAMES)
    subject.equal(found.clone(), "the result under inference_mode")
    return "the same under torch.inference_mode, and no mode is left on between frames"


def _order(subject: Subject) -> str:
    method = subject.make()
    other = subject.restored(method, subject.clip("b", NUM_FRAMES), "b", expected=NUM_FRAMES)
    found = subject.restored(method, subject.clip("a", NUM_FRAMES), expected=NUM_FRAMES)
    subject.equal(found, "clip 'a' after clip 'b'")
    require(not torch.equal(found, other), "gives two different clips the same result")
    # Other frames under the name of a clip that it has seen: what it kept of that clip would show.
    again = subject.restored(method, subject.clip("b", NUM_FRAMES), "a", expected=NUM_FRAMES)
    alone = subject.restored(subject.make(), subject.clip("b", NUM_FRAMES), expected=NUM_FRAMES)
    off = (again - alone).abs().max().item()
    require(
        off <= subject.tolerance,
        f"gives other frames of the same clip's name what it keeps of the first ({off:.1e} off)",
    )
    return "a clip after another one is as alone, and two clips differ"


def _reach(subject: Subject) -> str:
    """Changes each frame in turn, and looks at which frames come back otherwise, on both sides."""
    if subject.reach >= NUM_FRAMES:
        return f"not checked: {subject.reach} frames depend on each other, clips here are shorter"
    facts, given = subject.instance.facts, subject.clip("a", NUM_FRAMES)
    depends: dict[int, list[int]] = {number: [] for number in range(NUM_FRAMES)}
    for changed in range(NUM_FRAMES):
        frames = [frame.clone() for frame in given]
        frames[changed] = subject.frame("b", changed)
        found = subject.restored(subject.instance, frames, expected=NUM_FRAMES)
        off = (found - subject.reference).abs().amax((1, 2, 3)) > subject.tolerance
        for number in off.nonzero().flatten().tolist():
            depends[number].append(changed)
    for number, frames_of in depends.items():
        if not frames_of:
            continue
        first, last = frames_of[0], frames_of[-1]
        if facts.window == 0:
            start = number // subject.reach * subject.reach
            inside = start <= first and last < start + subject.reach
        else:
            inside = last - first < subject.reach
        require(
            inside,
            f"frame {number} depends on frames {first} to {last}, one further away than the stated "
            f"{subject.reach} allow",
        )
    return f"no frame depends on any outside of its {subject.reach}, before or behind it"


def _memory(subject: Subject) -> str:
    short = max(10, 2 * subject.reach)
    long = 3 * short
    peaks = [_peak_bytes(subject, length) for length in (short, short, long)][1:]
    growth = peaks[1] - peaks[0]
    frame_bytes = subject.frame("a", 0).numel() * 4
    allowed = GROWTH_BYTES + GROWTH_SHARE * (long - short) * frame_bytes
    found = f"{peaks[0] / 1e3:.0f} kB for {short} frames, {peaks[1] / 1e3:.0f} kB for {long}"
    require(growth <= allowed, f"memory grows with the length of a clip: {found}")
    return f"does not grow: {found}"


def _peak_bytes(subject: Subject, num_frames: int) -> int:
    """Most bytes in tensors and arrays that came into being, seen when a frame goes in or out."""
    peak = 0
    gc.collect()
    gc.freeze()  # what is there before is not looked at again
    tracemalloc.start()

    def look() -> None:
        nonlocal peak
        tensors = (found for found in gc.get_objects() if isinstance(found, Tensor))
        storages = {s.data_ptr(): s.nbytes() for s in map(Tensor.untyped_storage, tensors)}
        peak = max(peak, sum(storages.values()) + tracemalloc.get_traced_memory()[0])

    def frames() -> Iterator[Tensor]:
        for index in range(num_frames):
            yield subject.frame("a", index)
            look()

    try:
        for _ in subject.instance.restore(frames(), clip="a"):
            look()
    finally:
        tracemalloc.stop()
        gc.unfreeze()
    return peak


def _runner(subject: Subject) -> str:
    scale = subject.instance.facts.scale
    with tempfile.TemporaryDirectory() as folder:
        clips, out = Path(folder, "clips"), Path(folder, "restored")
        for name, length in (("a", 2), ("b", 1)):
            frames = (to_uint8(subject.frame(name, index, scale)) for index in range(length))
            write_clip(clips / f"{name}.mkv", frames, 25)
        done = restore_set(subject.instance, clips, out, progress=False)
        before = {path: path.stat().st_mtime_ns for path in done.values()}
        restore_set(subject.make(), clips, out, progress=False)
        again = [path.name for path in before if path.stat().st_mtime_ns != before[path]]
        require(not again, f"{', '.join(again)} was restored a second time: settings changed")
    return "two clips restored, written, and known as done by a second instance"


_STANDARD_LIBRARY = sysconfig.get_path("stdlib")
_FIRST = "frames"
_CHECKS: dict[str, Callable[[Subject], str]] = {
    _FIRST: _frames,
    "lengths": _lengths,
    "repeatable": _repeatable,
    "inference_mode": _inference_mode,
    "order": _order,
    "reach": _reach,
    "memory": _memory,
    "runner": _runner,
}


def _run(title: str, function: Callable[[], str], *, task: str = "", device: str = "") -> Result:
    where = {"check": title, "task": task, "device": device}
    try:
        with _quiet():
            return Result(ok=True, detail=function(), **where)
    except DicfaceError as error:
        return Result(ok=False, detail=str(error), **where)
    except Exception as error:  # whatever a method raises is a finding, not an end
        return Result(ok=False, detail=f"raised {error!r}"[:300] + _place(error), **where)


def _place(error: Exception) -> str:
    """File and line of a crash: the last one of the method's own code, or the very last."""
    calls = traceback.extract_tb(error.__traceback__)
    others = tuple(str(Path(package.__file__).parent) for package in (dicface, torch, np))
    own = [
        call
        for call in calls
        if not call.filename.startswith(others)
        and ("-packages" in call.filename or not call.filename.startswith(_STANDARD_LIBRARY))
    ]
    call = (own or calls)[-1]
    return f", at {call.filename}:{call.lineno}, in {call.name}"


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keeps warnings about tiny frames, which are tiny on purpose, out of the list."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)
