"""The command line: one message and a non-zero exit for bad input; help without heavy imports."""

import subprocess
import sys
from pathlib import Path

import pytest

from dicface.cli.main import EXIT_USER_ERROR, main

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "config" / "config.yaml")


def test_a_missing_configuration_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    status = main(["degrade", "--config", "none.yaml", "--clips", "a", "--out", str(tmp_path)])
    assert status == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert message.startswith("dicface degrade: none.yaml: no such file")
    assert len(message.splitlines()) == 1


def test_an_unknown_key_names_file_and_key(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "mine.yaml").write_text("colour: blue\n")
    mine = str(tmp_path / "mine.yaml")
    status = main(["train", "--network", "vqgan", "--dry-run", "--config", CONFIG, mine])
    assert status == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert "mine.yaml: unknown key 'colour'" in message


def test_a_folder_without_clips_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    clips, out = tmp_path / "clips", tmp_path / "out"
    clips.mkdir()
    status = main(["degrade", "--config", CONFIG, "--clips", str(clips), "--out", str(out)])
    assert status == EXIT_USER_ERROR
    assert "found no clip" in capsys.readouterr().err
    assert not out.exists() or not list(out.iterdir())


def test_a_later_file_is_laid_over_an_earlier_one(capsys: pytest.CaptureFixture) -> None:
    paper = str(ROOT / "config" / "paper.yaml")
    assert main(["train", "--network", "dicface", "--dry-run", "--config", CONFIG, paper]) == 0
    text = capsys.readouterr().out
    assert "parameters: 116187075" in text
    assert "codebook_size: 1024" in text
    assert "steps: 100000" in text


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from dicface.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "train" in done.stdout
