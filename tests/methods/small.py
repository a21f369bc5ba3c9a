"""Settings of a CodeFormer or DicFace that is built in no time."""

TINY = {
    "resolution": 16,
    "nf": 8,
    "ch_mult": (1, 2),
    "num_res_blocks": 1,
    "attn_resolutions": (8,),
    "norm_groups": 4,
    "codebook_size": 16,
    "emb_dim": 8,
    "dim_embd": 16,
    "n_head": 2,
    "n_layers": 1,
    "dim_mlp": 16,
    "connect_list": ("16",),
}
