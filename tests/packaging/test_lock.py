"""The lock: all that is asked for, on every machine that the suite is for, checked by digest."""

import re
import tomllib
from pathlib import Path

import pytest
from packaging.markers import default_environment
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).resolve().parents[2]
LOCK = (ROOT / "requirements.lock").read_text()
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())
#: Left out, as it unpacks into the folder of opencv-python-headless.
LEFT_OUT = "opencv-python"

MACHINES = {
    "Linux": {"sys_platform": "linux", "platform_system": "Linux", "platform_machine": "x86_64"},
    "Linux on ARM": {
        "sys_platform": "linux",
        "platform_system": "Linux",
        "platform_machine": "aarch64",
    },
    "macOS": {"sys_platform": "darwin", "platform_system": "Darwin", "platform_machine": "arm64"},
}
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def locked() -> list[tuple[Requirement, int]]:
    """Each requirement with the number of its digests."""
    entries = re.split(r"\n(?=[a-z])", re.sub(r"(?m)^#.*\n", "", LOCK).strip())
    return [
        (Requirement(entry.split(" \\\n")[0]), entry.count("--hash=sha256:")) for entry in entries
    ]


def installed(machine: dict[str, str], python: str) -> dict[str, str]:
    """Name -> version of what the lock installs on a machine."""
    environment = {
        **default_environment(),
        **machine,
        "python_version": python,
        "python_full_version": f"{python}.0",
    }
    found = {}
    for each, _ in locked():
        if each.marker is None or each.marker.evaluate(environment):
            name = canonicalize_name(each.name)
            assert name not in found, f"{name} stands twice"
            found[name] = str(each.specifier).removeprefix("==")
    return found


def test_every_package_has_one_version_and_digests() -> None:
    for each, digests in locked():
        assert re.fullmatch(r"==[^*,]+", str(each.specifier)), each
        assert digests, each


def test_no_host_stands_in_it() -> None:
    assert "://" not in LOCK
    assert "--index" not in LOCK


@pytest.mark.parametrize("python", PYTHONS)
@pytest.mark.parametrize("machine", MACHINES)
def test_it_has_all_that_is_asked_for(machine: str, python: str) -> None:
    project = PROJECT["project"]
    asked = [*project["dependencies"], *PROJECT["dependency-groups"]["dev"]]
    asked += [each for extra in project["optional-dependencies"].values() for each in extra]
    found = installed(MACHINES[machine], python)
    for each in map(Requirement, asked):
        name = canonicalize_name(each.name)
        if name != LEFT_OUT:
            assert each.specifier.contains(found[name]), each


@pytest.mark.parametrize("python", PYTHONS)
def test_all_machines_have_the_same_versions(python: str) -> None:
    linux, others = installed(MACHINES["Linux"], python), set(MACHINES) - {"Linux"}
    for machine in others:
        found = installed(MACHINES[machine], python)
        assert {name: linux[name] for name in found if name in linux} == {
            name: version for name, version in found.items() if name in linux
        }


def test_packages_of_linux_alone_are_not_asked_for_elsewhere() -> None:
    mac = installed(MACHINES["macOS"], "3.13")
    assert not [name for name in mac if name.startswith(("nvidia-", "cuda-", "triton"))]
    assert "torch" in mac


def test_there_is_one_opencv() -> None:
    for machine in MACHINES.values():
        names = [name for name in installed(machine, "3.11") if name.startswith("opencv")]
        assert names == ["opencv-python-headless"]


def test_makefile_and_project_name_the_same_pythons() -> None:
    assert PROJECT["project"]["requires-python"] == ">=3.11,<3.15"
    assert "(3, 11) <= v <= (3, 14)" in (ROOT / "Makefile").read_text()
