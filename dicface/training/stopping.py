"""Ending a training that is asked to end: its state is saved first, and nothing is lost.

Slurm sends SIGTERM some time before a job's limit; Ctrl-C is SIGINT.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lightning.fabric import Fabric

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Asked:
    """Whether this process, or another one of the training, was asked to end."""

    def __init__(self) -> None:
        self._signal = 0

    def note(self, number: int, frame: FrameType | None) -> None:
        """Remembers a signal; whoever sends SIGINT twice does not want to wait."""
        del frame
        if self._signal and number == signal.SIGINT:
            raise KeyboardInterrupt
        self._signal = number

    def name(self, fabric: Fabric) -> str:
        """The signal that was sent, in every process the same; "" without one."""
        number = self._signal
        if fabric.world_size > 1:
            import torch

            sent = torch.tensor(number, device=fabric.device)
            number = int(fabric.all_reduce(sent, reduce_op="max").item())
        return signal.Signals(number).name if number else ""


@contextmanager
def listening() -> Iterator[Asked]:
    """Notes SIGINT and SIGTERM in the block, where both would end the process otherwise."""
    asked = Asked()
    if threading.current_thread() is not threading.main_thread():
        yield asked
        return
    before = {each: signal.signal(each, asked.note) for each in SIGNALS}
    try:
        yield asked
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
