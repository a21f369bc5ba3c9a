"""How `on_gpu.py` measures: within a time, in a precision, eagerly or from a CUDA graph."""

from __future__ import annotations

import gc
import json
import statistics
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import torch
from torch import Tensor
from torch.utils import _pytree as pytree

PRECISIONS = ("float32", "tf32", "bf16")


@contextmanager
def computing(precision: str, device: str) -> Iterator[None]:
    """Lets torch compute in one of `PRECISIONS`."""
    rounds = precision != "float32"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = rounds
    with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
        yield


class Bench:
    """Measures within a time, and keeps what was found.

    Args:
        device: "cuda" or "cpu".
        tiny: Small networks and few runs, to see that everything works.
        seconds: What does not fit into these is skipped.
        facts: Of the machine.
        file: Written after every measurement; None for none.
    """

    def __init__(self, device: str, tiny: bool, seconds: float, facts: dict, file: Path | None):
        self.device, self.tiny, self.seconds, self.file = device, tiny, seconds, file
        self.cuda, self.began = device == "cuda", time.monotonic()
        self.precisions = ("float32", "bf16") if tiny else PRECISIONS
        self.result: dict = {"facts": facts, "skipped": []}

    def measure(self, part: str, row: dict, work: Callable[[], dict], needs: float = 3) -> dict:
        """Adds a row to a part's table, unless it would take longer than is left.

        Args:
            part: Of the result.
            row: What is measured.
            work: Measures; what it raises goes into the row.
            needs: Seconds that it takes, at most.

        Returns:
            The row.
        """
        named = f"{part}: {', '.join(map(str, row.values()))}"
        if time.monotonic() - self.began + needs > self.seconds:
            self.result["skipped"].append(named)
            return row
        try:
            row = row | work()
        except Exception as error:  # noqa: BLE001 - out of memory, no compiler, and so on
            row = row | {"failed": f"{type(error).__name__}: {str(error).partition(chr(10))[0]}"}
        self.free()
        self.result.setdefault(part, []).append(row)
        sys.stdout.write(f"{time.monotonic() - self.began:5.0f} s  {part}: {row}\n")
        sys.stdout.flush()
        if self.file:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            self.file.write_text(json.dumps(self.result, indent=1) + "\n")
        return row

    def timed(self, run: Callable[[], object], count: int = 1) -> dict:
        """Milliseconds of one of the `count` things that `run` does, and the peak memory."""
        warm, runs = (0, 1) if self.tiny else (2, 5)
        for _ in range(warm):
            run()
        if self.cuda:
            torch.cuda.reset_peak_memory_stats()
        ms: list[float] = []
        while len(ms) < runs and (len(ms) < 2 or sum(ms) * count < 4000):  # long ones vary less
            self.wait()
            start = time.perf_counter()
            run()
            self.wait()
            ms.append((time.perf_counter() - start) * 1000 / count)
        found = {"ms": statistics.median(ms), "fastest": min(ms), "slowest": max(ms)}
        return found | ({"gb": torch.cuda.max_memory_allocated() / 1e9} if self.cuda else {})

    def wait(self) -> None:
        """Lets the GPU finish what it was given."""
        if self.cuda:
            torch.cuda.synchronize()

    def free(self) -> None:
        """Gives back what nobody holds any more."""
        gc.collect()
        if self.cuda:
            torch.cuda.empty_cache()


class Graphed:
    """A function whose kernels are captured once for each shape and replayed: a CUDA graph."""

    def __init__(self, function: Callable) -> None:
        self.function, self.captured = function, {}

    def __call__(self, *args):
        """Calls it; other arguments than tensors are part of what was captured."""
        leaves, form = pytree.tree_flatten(args)
        given = [leaf for leaf in leaves if isinstance(leaf, Tensor)]
        key = str(form), *(x.shape if isinstance(x, Tensor) else x for x in leaves)
        if key not in self.captured:
            held = [tensor.clone() for tensor in given]
            tensors = iter(held)
            fixed = [next(tensors) if isinstance(x, Tensor) else x for x in leaves]
            args = pytree.tree_unflatten(fixed, form)
            side = torch.cuda.Stream()
            side.wait_stream(torch.cuda.current_stream())
            with torch.cuda.stream(side):
                for _ in range(2):
                    self.function(*args)
            torch.cuda.current_stream().wait_stream(side)
            graph = torch.cuda.CUDAGraph()
            with torch.cuda.graph(graph):
                result = self.function(*args)
            self.captured[key] = graph, held, result
        graph, held, result = self.captured[key]
        for into, tensor in zip(held, given, strict=True):
            into.copy_(tensor)
        graph.replay()
        return pytree.tree_map(lambda x: x.clone() if isinstance(x, Tensor) else x, result)
