"""What another package may have done to the environment that it was installed into."""

from __future__ import annotations

from importlib import metadata

OPENCV = "opencv-python-headless"
_OTHER_BUILDS = ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless")


def opencv_fault() -> str | None:
    """Says what to do where a second build of OpenCV is installed; None where there is one.

    All unpack into one folder, so that the last one installed wins, for every method and metric.
    """
    others = [name for name in _OTHER_BUILDS if _version(name)]
    if not others:
        return None
    found = ", ".join(f"{name} {_version(name)}" for name in others)
    again = f"{OPENCV}=={_version(OPENCV)}" if _version(OPENCV) else f"'{OPENCV}<5'"
    return (
        f"found {found}, expected {OPENCV} alone: all builds share the folder cv2, and the last "
        f"one installed has won. Run `pip uninstall --yes {' '.join(others)}`, then `pip install "
        f"--no-deps --force-reinstall {again}`, and install methods with --no-deps."
    )


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
