"""Sizes of networks that compute in no time."""

from typing import Any

DICFACE: dict[str, Any] = {
    "resolution": 16,
    "nf": 8,
    "ch_mult": [1, 2, 2],
    "num_res_blocks": 1,
    "attn_resolutions": [],
    "norm_groups": 4,
    "codebook_size": 16,
    "emb_dim": 8,
    "dim_embd": 16,
    "n_head": 2,
    "n_layers": 2,
    "dim_mlp": 16,
    "connect_list": ["8", "16"],
}


def model(side: int) -> dict[str, dict[str, Any]]:
    """`model` of a configuration for frames of `side` px, whose networks train in seconds."""
    return {
        "vqgan": {
            "nf": 8,
            "ch_mult": [1, 2],
            "num_res_blocks": 1,
            "attn_resolutions": [],
            "norm_groups": 4,
            "codebook_size": 16,
            "emb_dim": 8,
        },
        "transformer": {
            "dim_embd": 16,
            "n_head": 2,
            "n_layers": 1,
            "dim_mlp": 16,
            "connect_list": [str(side)],
            "dropout": 0.1,
        },
        "dicface": {"frame_length": 3, "train_samples": 1},
    }
