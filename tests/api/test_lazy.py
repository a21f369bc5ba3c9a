"""`import dicface` costs nothing, shows its names, and keeps them whatever is imported first."""

import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest

import dicface

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = {"methods", "metrics"}


def run(code: str) -> dict:
    """What a fresh interpreter prints as JSON on its last line."""
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_importing_is_cheap():
    found = run(
        "import json, sys, time\n"
        "start = time.process_time()\n"
        "import dicface\n"
        "spent = time.process_time() - start\n"
        "heavy = {'torch', 'numpy', 'pandas', 'pydantic', 'cv2'} & set(sys.modules)\n"
        "print(json.dumps({'heavy': sorted(heavy), 'spent': spent}))"
    )
    assert found["heavy"] == []
    assert found["spent"] < 0.1


def test_listing_methods_and_naming_metrics_load_no_torch():
    found = run(
        "import json, sys, dicface\n"
        "dicface.list_methods('bfr'), list(dicface.metrics.METRICS), dicface.methods.names()\n"
        "dicface.metrics.functional.psnr\n"
        "print(json.dumps('torch' in sys.modules))"
    )
    assert not found


def test_all_names_are_shown_and_none_is_a_module():
    assert set(dir(dicface)) == set(dicface.__all__)
    assert all(getattr(dicface, name) is not None for name in dicface.__all__)
    for name in set(dicface.__all__) - PACKAGES:
        assert importlib.util.find_spec(f"dicface.{name}") is None
    with pytest.raises(AttributeError, match="no attribute 'restorre'; it has .* restore, score"):
        dicface.restorre  # noqa: B018
    assert (ROOT / "dicface" / "py.typed").is_file()


CALLS = """
import importlib, json, pkgutil, sys, warnings
import dicface

names = [module.name for module in pkgutil.walk_packages(dicface.__path__, "dicface.")]
for name in names:
    if not name.endswith("__main__"):
        importlib.import_module(name)
warnings.simplefilter("error")

import numpy as np
import torch
from dicface.models import build
from dicface.models.checkpoint import save_weights
from skimage.data import astronaut

folder = sys.argv[1]
settings = json.loads(sys.argv[2])
path = folder + "/weights.safetensors"
save_weights(path, build("dicface", **settings).state_dict(),
             {"network": "dicface", "settings": settings})
photo = astronaut()
faces = dicface.align(photo, size=16)
restored = dicface.restore(faces.frames, "dicface_trained", weights=path)
said = [
    isinstance(faces, dicface.Aligned),
    dicface.paste(photo, restored, faces).shape == photo.shape,
    isinstance(dicface.load_weights(path), torch.nn.Module),
    "dicface" in dicface.list_methods(),
    isinstance(dicface.score(restored, faces.frames, metrics=["psnr"]), dicface.Scores),
    [
        *dicface.metrics.METRICS,
        *dicface.metrics.WITHOUT_TRUTH,
        *dicface.metrics.LISTED_FOR_PANELS,
    ] == [name for name in dicface.metrics.functional.__all__ if name != "backbones"],
    all(callable(getattr(dicface.metrics.functional, name)) for name in dicface.metrics.METRICS),
    dicface.metrics.functional.psnr(photo, photo) == 100,
    issubclass(dicface.DicfaceError, Exception),
    isinstance(dicface.__version__, str),
]
print(json.dumps({"said": said, "modules": len(names)}))
"""


@pytest.mark.slow
def test_every_name_works_after_every_module_was_imported(tmp_path):
    from tests.methods.small import TINY

    done = subprocess.run(
        [sys.executable, "-c", CALLS, tmp_path, json.dumps(TINY)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])
    assert found["said"] == [True] * 10
    assert found["modules"] > 150
