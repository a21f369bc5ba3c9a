"""DicFace over a clip of any length: every frame encoded once, one frame decoded for each.

A window of t frames slides by one frame; one frame of its result is kept. Computed window by
window, a frame is encoded and decoded t times and t - 1 of its decodings are thrown away. Here a
buffer keeps what does not depend on the window: the tokens after the first spatial layer, and the
encoder's skips until the frame is decoded. The result is that of the windows, to rounding.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Literal

import torch
from torch import Tensor

from dicface.base.errors import ConfigError
from dicface.base.seeds import torch_generator
from dicface.models import DicFace

Position = Literal["centre", "release"]


@dataclass(frozen=True, kw_only=True)
class StreamSettings:
    """How DicFace restores.

    Attributes:
        position: Which frame of a window is kept. "centre" (the paper, section 3.5) sees as many
            frames before as after. "release" is what the released command computes with its 10 or
            20 frames a window: the network splits them into windows of five of which the first
            frame is kept, so that it sees the four frames after it and none before.
        fidelity_w: Weight of the encoder's skips in the decoder; the release uses 1.
        aggregation: "dirichlet", "average" or "topK"; None for the network's own setting.
        samples: "mean" for the expected code weights, or the number L of draws to average (the
            release: 1); None for the network's own setting.
        batch: Frames encoded, windows computed and frames decoded at once; None for
            `default_batch`. Results differ by rounding alone.
    """

    position: Position = "centre"
    fidelity_w: float = 1.0
    aggregation: str | None = None
    samples: int | Literal["mean"] | None = None
    batch: int | None = None

    def __post_init__(self) -> None:
        if self.position not in ("centre", "release"):
            raise ConfigError(f"position = {self.position!r}; it must be 'centre' or 'release'.")
        if self.fidelity_w < 0:
            raise ConfigError(f"fidelity_w = {self.fidelity_w}; it must be 0 or more.")
        if self.batch is not None and self.batch < 1:
            raise ConfigError(f"batch = {self.batch}; it must be 1 or more.")


def default_batch(size: int) -> int:
    """Frames worth computing at once at a side of `size` px: small frames fill no processor.

    >>> default_batch(64), default_batch(128), default_batch(512)
    (8, 4, 1)
    """
    return min(8, max(1, (256 // size) ** 2))


def batches(frames: Iterable[Tensor], size: int) -> Iterator[tuple[Tensor, ...]]:
    """Groups frames by `size`; the last group may be smaller."""
    iterator = iter(frames)
    while group := tuple(islice(iterator, size)):
        yield group


def stream(
    network: DicFace,
    frames: Iterable[Tensor],
    *,
    clip: str = "",
    settings: StreamSettings | None = None,
) -> Iterator[Tensor]:
    """Restores a clip with DicFace in memory that does not grow with its length.

    Windows reach over the ends of the clip by repeating its first and last frame (DicFace release,
    inference), so clips shorter than a window work.

    Args:
        network: In eval mode, best through `prepare_for_inference`.
        frames: (3, S, S) RGB in [0, 1], S the network's `resolution`.
        clip: Name of the clip; with the frame's number it seeds the draws of `samples`, so that
            they depend on nothing else.
        settings: How to restore.

    Yields:
        (3, S, S) RGB in [0, 1] on the CPU, one for each frame, in order.
    """
    windows = _Windows(network, clip, settings or StreamSettings())
    yield from _slide(windows, frames, windows.pop)


def stream_alpha(
    network: DicFace, frames: Iterable[Tensor], *, settings: StreamSettings | None = None
) -> Iterator[Tensor]:
    """Yields α̂ (h·w, N), as `DicFace.predict` gives it, of every frame that `stream` restores.

    The arguments are those of `stream`; nothing is decoded.
    """
    windows = _Windows(network, "", settings or StreamSettings())
    yield from _slide(windows, frames, windows.pop_alpha)


def _slide(
    windows: _Windows, frames: Iterable[Tensor], pop: Callable[..., list[Tensor]]
) -> Iterator[Tensor]:
    for group in batches(frames, windows.batch):
        windows.push(group)
        while done := pop(ended=False):
            yield from done
    while done := pop(ended=True):
        yield from done


@dataclass
class _Frame:
    """What is kept of a frame: tokens (1, h·w, C), and skips by size until it is decoded."""

    tokens: Tensor
    skips: dict[str, Tensor] | None


class _Windows:
    """Buffer of the frames that windows still to come look at."""

    def __init__(self, network: DicFace, clip: str, settings: StreamSettings) -> None:
        self.network, self.clip, self.settings = network, clip, settings
        self.batch = settings.batch or default_batch(network.settings.resolution)
        length = network.settings.frame_length if network.settings.temporal else 1
        self.before = length // 2 if settings.position == "centre" else 0
        self.after = length - 1 - self.before
        self.held: dict[int, _Frame] = {}
        self.num_pushed = 0
        self.num_popped = 0
        parameter = next(network.parameters())
        self.device, self.dtype = parameter.device, parameter.dtype

    @torch.inference_mode()
    def push(self, frames: Iterable[Tensor]) -> None:
        """Encodes frames (3, S, S) in [0, 1]."""
        x = torch.stack(tuple(frames)).to(self.device, self.dtype).mul(2).sub(1)
        lq_feat, skips = self.network.encode(x.contiguous(memory_format=torch.channels_last))
        tokens = self.network.spatial(0, self.network.embed(lq_feat))
        for i in range(len(x)):
            own = {size: skip[i : i + 1] for size, skip in skips.items()}
            self.held[self.num_pushed] = _Frame(tokens[i : i + 1], own)
            self.num_pushed += 1

    @torch.inference_mode()
    def pop(self, *, ended: bool) -> list[Tensor]:
        """Restores up to a batch of frames whose windows are whole; none where there is none."""
        kept = self._whole(ended)
        if not kept:
            return []
        quant = self._quantised(kept, self._alpha(kept))
        skips = self._take_skips(kept)
        self._forget(kept)
        images = self.network.decode(quant, skips, self.settings.fidelity_w)
        return list(images.clamp(-1, 1).add(1).div(2).cpu())

    @torch.inference_mode()
    def pop_alpha(self, *, ended: bool) -> list[Tensor]:
        """α̂ (h·w, N) of the frames that `pop` would restore."""
        kept = self._whole(ended)
        if not kept:
            return []
        alpha = self._alpha(kept)
        self._forget(kept)
        return list(alpha.cpu())

    def _whole(self, ended: bool) -> range:
        """The next frames, up to a batch, whose windows are whole."""
        end = self.num_pushed if ended else self.num_pushed - self.after
        return range(self.num_popped, min(end, self.num_popped + self.batch))

    def _forget(self, kept: range) -> None:
        """Drops what no window still to come looks at."""
        self.num_popped = kept.stop
        for index in [i for i in self.held if i < self.num_popped - self.before]:
            del self.held[index]

    def _alpha(self, kept: range) -> Tensor:
        network, last = self.network, self.network.settings.n_layers - 1
        centred = self.settings.position == "centre"
        tokens = torch.cat([self.held[i].tokens for n in kept for i in self._window(n)])
        for i in range(last + 1):
            if i > 0:
                tokens = network.spatial(i, tokens)
            if network.settings.temporal:
                tokens = network.temporal(i, tokens, "centre" if i == last and centred else "all")
        if not centred:
            tokens = tokens[:: self.before + 1 + self.after]
        return network.alpha(network.head(tokens))

    def _window(self, n: int) -> list[int]:
        reach = range(n - self.before, n + self.after + 1)
        return [min(max(i, 0), self.num_pushed - 1) for i in reach]

    def _quantised(self, kept: range, alpha: Tensor) -> Tensor:
        settings = self.settings
        return torch.cat(
            [
                self.network.quantise(
                    alpha[i : i + 1],
                    settings.aggregation,
                    settings.samples,
                    torch_generator("restore", self.clip, n, device=str(self.device)),
                )
                for i, n in enumerate(kept)
            ]
        )

    def _take_skips(self, kept: range) -> dict[str, Tensor]:
        own = [self.held[n].skips for n in kept]
        for n in kept:
            self.held[n].skips = None
        if len(own) == 1:
            return own[0]
        return {size: torch.cat([skips[size] for skips in own]) for size in own[0]}
