"""A living codebook: k-means finds clusters, codes that nobody chooses move to where one lacks."""

import torch

from dicface.training.codebook import LivingCodebook, k_means


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def clusters(centres: torch.Tensor, each: int = 50) -> torch.Tensor:
    noise = torch.randn(each, *centres.shape, generator=generator()) * 0.01
    return (centres + noise).flatten(0, 1)


def observe(codebook: LivingCodebook, tokens: torch.Tensor, indices: torch.Tensor) -> None:
    codebook.observe(tokens.T.reshape(1, -1, 1, len(tokens)), indices.reshape(1, 1, -1))


def test_k_means_finds_the_clusters() -> None:
    centres = torch.tensor([[0.0, 0.0], [5.0, 0.0], [0.0, 5.0], [5.0, 5.0]])
    found = k_means(clusters(centres), 16, generator())
    assert torch.cdist(centres, found).amin(1).max() < 0.02
    assert torch.equal(found, k_means(clusters(centres), 16, generator()))


def test_k_means_leaves_no_centre_without_tokens() -> None:
    tokens = torch.tensor([[0.0], [0.0], [0.0], [1.0]])
    assert torch.isfinite(k_means(tokens, 3, generator())).all()


def test_codes_move_when_they_are_told_to() -> None:
    codebook = LivingCodebook(4, 2, start=10, every=5, steps=40)
    assert [step + 1 for step in range(40) if codebook.moves(step)] == [10, 15, 20, 25, 30]
    off = LivingCodebook(4, 2, start=0, every=0, steps=40)
    assert not any(off.moves(step) for step in range(40))


def test_an_unused_code_moves_to_outputs_that_lack_one() -> None:
    codebook = LivingCodebook(3, 1, start=0, every=1, steps=100)
    codes = torch.tensor([[0.0], [1.0], [-9.0]])
    tokens = torch.tensor([[0.0], [1.0], [0.0], [1.0], [7.0], [7.0]])
    observe(codebook, tokens, torch.tensor([0, 1, 0, 1, 1, 1]))
    placed, moved = codebook.move(0, codes, codebook.counts, generator())
    assert moved.tolist() == [False, False, True]
    assert placed.flatten().tolist() == [0, 1, 7]
    assert codebook.counts.sum() == 0


def test_codes_in_use_stay() -> None:
    codebook = LivingCodebook(2, 1, start=0, every=1, steps=100)
    codes = torch.tensor([[0.0], [1.0]])
    observe(codebook, torch.tensor([[0.0], [1.0]]), torch.tensor([0, 1]))
    placed, moved = codebook.move(0, codes, codebook.counts, generator())
    assert not moved.any()
    assert torch.equal(placed, codes)


def test_the_last_outputs_are_kept_in_a_ring() -> None:
    codebook = LivingCodebook(1, 1, start=0, every=1, steps=100)  # 32 tokens
    for start in (0, 20):
        tokens = torch.arange(start, start + 20).float()[:, None]
        observe(codebook, tokens, torch.zeros(20, dtype=torch.int64))
    assert set(codebook.tokens.flatten().tolist()) == set(range(8, 40))
    again = LivingCodebook(1, 1, start=0, every=1, steps=100)
    again.load(codebook.tensors())
    assert torch.equal(again.tokens, codebook.tokens)
    assert again.counts.tolist() == [40]
