"""A codebook that lives: its start from k-means, and new places for codes that nobody chooses.

Trained by its loss alone, most of a codebook is never chosen: the few codes that lie near the first
outputs of the encoder take all of them. Ours starts among the encoder's outputs once these have a
shape, and a code that falls out of use moves to where outputs are far from any code. Everything is
drawn from seeds, and its tensors are part of the checkpoint. Torch alone is needed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

TOKENS_A_CODE = 32
"""Of the encoder's last outputs that are kept, from which codes are placed."""
RARE = 0.05
"""A code chosen less often than this share of the mean is moved."""
LAST_REVIVAL = 0.8
"""Of the steps: codes need the rest to settle."""
_ITERATIONS = 10


class LivingCodebook:
    """The encoder's last outputs, how often each code was chosen, and when codes move.

    Args:
        codebook_size: N.
        emb_dim: d.
        start: Steps before k-means; 0 for none.
        every: Steps between revivals; 0 for none.
        steps: Of the whole training.
    """

    def __init__(
        self, codebook_size: int, emb_dim: int, *, start: int, every: int, steps: int
    ) -> None:
        self.start, self.every, self.steps = start, every, steps
        self.tokens = torch.zeros(codebook_size * TOKENS_A_CODE, emb_dim)
        self.counts = torch.zeros(codebook_size, dtype=torch.int64)
        self.seen = torch.zeros((), dtype=torch.int64)

    def tensors(self) -> dict[str, Tensor]:
        """Returns what a checkpoint holds of it."""
        return {"codebook/tokens": self.tokens, "codebook/counts": self.counts} | {
            "codebook/seen": self.seen
        }

    def load(self, state: dict[str, Tensor]) -> None:
        """Restores what `tensors` returned."""
        for name in ("tokens", "counts", "seen"):
            setattr(self, name, state[f"codebook/{name}"])

    def observe(self, z: Tensor, indices: Tensor) -> None:
        """Takes in a step's encoder outputs (n, d, h, w) and chosen codes (n, h, w)."""
        new = z.detach().movedim(1, -1).flatten(0, -2).float()[-len(self.tokens) :]
        self.tokens = self.tokens.to(new.device)
        at = (int(self.seen) + torch.arange(len(new), device=new.device)) % len(self.tokens)
        self.tokens[at] = new
        self.seen = self.seen + len(new)
        counts = torch.bincount(indices.flatten(), minlength=len(self.counts))
        self.counts = self.counts.to(counts.device) + counts

    def moves(self, step: int) -> bool:
        """Whether codes move after `step`, counted from 0."""
        done = step + 1
        if done == self.start:
            return True
        late = done <= self.start or done > LAST_REVIVAL * self.steps
        return not late and self.every > 0 and (done - self.start) % self.every == 0

    def move(
        self, step: int, codes: Tensor, counts: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Gives codes new places, and begins to count again.

        Args:
            step: After which codes move.
            codes: The codebook, (N, d).
            counts: How often each code was chosen since the last move, by all processes, (N,).
            generator: Of the draws, on the CPU.

        Returns:
            The codebook (N, d), and which of its rows are new (N,).
        """
        tokens = self.tokens[: int(self.seen)].cpu()
        codes = codes.detach().cpu().clone()
        if step + 1 == self.start:
            codes, moved = k_means(tokens, len(codes), generator), torch.ones(len(codes)).bool()
        else:
            moved = counts.cpu() < RARE * counts.sum().item() / len(codes)
            # Where an output is far from its code, a code is missing.
            distances = torch.cdist(tokens, codes[~moved]).amin(1).square() + 1e-12
            chosen = (
                torch.multinomial(distances, int(moved.sum()), generator=generator)
                if moved.any()
                else []
            )
            codes[moved] = tokens[chosen]
        self.counts = torch.zeros_like(self.counts)
        return codes, moved


def k_means(tokens: Tensor, count: int, generator: torch.Generator) -> Tensor:
    """Lloyd's algorithm from a random start: tokens (n, d), n ≥ count, → centres (count, d).

    A centre without tokens moves to a random one.
    """
    centres = tokens[torch.randperm(len(tokens), generator=generator)[:count]].clone()
    for _ in range(_ITERATIONS):
        nearest = torch.cdist(tokens, centres).argmin(1)
        sums = torch.zeros_like(centres).index_add_(0, nearest, tokens)
        sizes = torch.bincount(nearest, minlength=count)
        centres = sums / sizes.clamp(min=1)[:, None]
        empty = sizes == 0
        spare = torch.randint(len(tokens), (int(empty.sum()),), generator=generator)
        centres[empty] = tokens[spare]
    return centres


def replace_rows(
    parameter: nn.Parameter,
    averaged: Tensor,
    optimizer: torch.optim.Optimizer,
    codes: Tensor,
    moved: Tensor,
) -> None:
    """Writes moved codes into the codebook and its average; Adam forgets their moments."""
    with torch.no_grad():
        moved = moved.to(parameter.device)
        codes = codes.to(parameter.device)
        parameter[moved] = codes[moved]
        averaged[moved] = codes[moved]
        for name in ("exp_avg", "exp_avg_sq"):
            if name in optimizer.state.get(parameter, {}):
                optimizer.state[parameter][name][moved] = 0.0
