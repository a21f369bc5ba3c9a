"""docs/python.md, run from top to bottom where a run has left its weights."""

import warnings

import numpy as np
import pytest
import torch

import dicface
from dicface.models import build
from dicface.models.checkpoint import save_weights
from tests.docs.blocks import DOCS, blocks
from tests.methods.small import TINY

SIDE = {"resolution": 64, "ch_mult": (1, 2, 2, 2)}


@pytest.mark.slow
def test_the_code_of_the_page_runs(tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DICFACE_WEIGHTS", raising=False)
    torch.manual_seed(0)
    settings = TINY | SIDE
    save_weights(
        "results/demo/train/dicface/weights.safetensors",
        build("dicface", **settings).state_dict(),
        {"network": "dicface", "settings": settings, "task": "bfr"},
    )
    seen: dict = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        for number, code in enumerate(blocks("python.md")):
            exec(compile(code, f"python.md, block {number}", "exec"), seen)
    assert np.array_equal(seen["frames"], seen["restored"])
    assert not np.isnan(list(seen["scores"].mean.values())).any()
    said = capsys.readouterr().out
    assert "frames: no face found in any of its 2 frames; " in said
    assert "keep" not in said.splitlines()[0]
    assert "lpips by Lite2" in said
    assert len([line for line in said.splitlines() if line.startswith("frames: found")]) == 4


def test_every_name_of_the_api_stands_on_the_page() -> None:
    page = (DOCS / "python.md").read_text(encoding="utf-8")
    results = {"Aligned", "Scores", "__version__"}
    assert all(f"dicface.{name}" in page for name in set(dicface.__all__) - results)
    names = [name for name in dicface.metrics.functional.__all__ if name != "backbones"]
    assert all(f"`{name}`" in page for name in names)
