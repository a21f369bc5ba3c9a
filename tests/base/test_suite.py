"""Where the suite's own files lie, in a checkout and in a wheel."""

from pathlib import Path

import pytest

from dicface.base import suite
from dicface.base.errors import ConfigError

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def package(tmp_path, monkeypatch) -> Path:
    """An installed package, which is the one in use."""
    package = tmp_path / "site-packages" / "dicface"
    (package / "_suite").mkdir(parents=True)
    (package / "__init__.py").touch()
    monkeypatch.setattr(suite, "PACKAGE", package)
    return package


def test_a_checkout_has_its_files_beside_the_package() -> None:
    assert suite.suite_folder() == ROOT
    suite.require_same_suite(ROOT)


def test_a_wheel_has_them_inside(package, tmp_path) -> None:
    assert suite.suite_folder() == package / "_suite"
    suite.require_same_suite(package / "_suite")
    suite.require_same_suite(tmp_path)


def test_a_wheel_beside_a_checkout_is_refused(package) -> None:
    with pytest.raises(ConfigError, match="another copy of the suite") as error:
        suite.require_same_suite(ROOT)
    assert str(ROOT / "dicface") in str(error.value)
    assert "make install" in str(error.value)


def test_the_workflow_of_another_wheel_is_refused(package, tmp_path) -> None:
    other = tmp_path / "other" / "dicface"
    (other / "_suite").mkdir(parents=True)
    (other / "__init__.py").touch()
    with pytest.raises(ConfigError, match="another copy of the suite"):
        suite.require_same_suite(other / "_suite")
