"""A second OpenCV, which a method's package brought, is noticed."""

from importlib import metadata

import pytest

from dicface.methods import conformance
from dicface.methods.environment import opencv_fault


@pytest.fixture
def installed(monkeypatch):
    """Pretends that these packages are installed, by name and version."""
    versions: dict[str, str] = {}

    def version(name: str) -> str:
        if name not in versions:
            raise metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(metadata, "version", version)
    return versions


def test_one_opencv_is_no_fault(installed) -> None:
    installed["opencv-python-headless"] = "4.14.0.94"
    assert opencv_fault() is None


def test_a_second_opencv_is_named_with_what_to_do(installed) -> None:
    installed |= {"opencv-python-headless": "4.14.0.94", "opencv-python": "5.0.0.93"}
    said = opencv_fault()
    assert "opencv-python 5.0.0.93" in said
    assert "pip uninstall --yes opencv-python`" in said
    assert "--no-deps --force-reinstall opencv-python-headless==4.14.0.94" in said


def test_checking_a_method_says_it_first(installed) -> None:
    installed["opencv-contrib-python"] = "4.14.0.94"
    first = next(iter(conformance.check("input", tasks=["bfr"], devices=["cpu"])))
    assert not first.ok
    assert "found opencv-contrib-python 4.14.0.94" in str(first)
    assert "'opencv-python-headless<5'" in str(first)
