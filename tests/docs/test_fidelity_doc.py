"""Every setting that docs/fidelity.md names exists under that name."""

import dataclasses
import importlib
import inspect
import re
from pathlib import Path

import pytest

DOC = Path(__file__).resolve().parents[2] / "docs" / "fidelity.md"
MODULES = {
    "BlindDegradation": "dicface.data.degradation.degrade",
    "BrushMask": "dicface.data.degradation.masks",
    "DicFaceSettings": "dicface.models.dicface",
    "ImportSettings": "dicface.faces.importer",
    "Objective": "dicface.training.losses",
    "PerceptualLoss": "dicface.training.lpips",
    "StreamSettings": "dicface.restoring.runner",
    "TrainSettings": "dicface.config.settings",
    "WindowSampling": "dicface.training.windows",
}
NAMED = sorted(set(re.findall(r"`([A-Z]\w+)\.(\w+)`", DOC.read_text(encoding="utf-8"))))


@pytest.mark.parametrize(("owner", "setting"), NAMED, ids=lambda value: value)
def test_setting_exists(owner, setting):
    cls = getattr(importlib.import_module(MODULES[owner]), owner)
    if dataclasses.is_dataclass(cls):
        names = {field.name for field in dataclasses.fields(cls)}
    else:
        names = set(inspect.signature(cls).parameters)
    assert setting in names


def test_all_seventeen_disagreements_are_listed():
    numbers = re.findall(r"^\| (\d+) \|", DOC.read_text(encoding="utf-8"), flags=re.MULTILINE)
    assert [int(number) for number in numbers] == list(range(1, 18))
