"""The command line: one message and a non-zero exit for bad input; help without heavy imports."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from dicface.cli.main import EXIT_USER_ERROR, in_words, main
from dicface.runs.folder import Run

ROOT = Path(__file__).resolve().parents[2]
CONFIG = str(ROOT / "config" / "config.yaml")


def test_a_missing_configuration_is_one_message(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    wanted = ["job", "degrade", "--task", "bfr"]
    assert main([*wanted, "--config", "none.yaml"]) == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert message.startswith("dicface job degrade: none.yaml: no such file")
    assert len(message.splitlines()) == 1
    assert main([*wanted, "--run", str(tmp_path)]) == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert message.startswith(f"dicface job degrade: {tmp_path}: found no run_config.yaml")
    assert len(message.splitlines()) == 1


def test_an_unknown_key_names_file_and_key(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    (tmp_path / "mine.yaml").write_text("colour: blue\n")
    mine = str(tmp_path / "mine.yaml")
    wanted = ["job", "train", "--network", "vqgan", "--dry-run"]
    status = main([*wanted, "--config", CONFIG, mine])
    assert status == EXIT_USER_ERROR
    message = capsys.readouterr().err
    assert "mine.yaml: colour: unknown key" in message


def test_a_folder_without_clips_leaves_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    run = Run.of(yaml.safe_load(Path(CONFIG).read_text()) | {"results": str(tmp_path)})
    run.write_settings()
    run.truth.mkdir(parents=True)
    assert main(["job", "degrade", "--run", str(run.folder), "--task", "bfr"]) == EXIT_USER_ERROR
    assert "found no clip" in capsys.readouterr().err
    out = run.inputs("bfr")
    assert not out.exists() or not list(out.iterdir())


def test_a_dry_run_says_what_a_job_would_do(capsys: pytest.CaptureFixture) -> None:
    wanted = ["job", "score", "--task", "bfr", "--method", "input", "--dry-run"]
    assert main([*wanted, "--config", CONFIG]) == 0
    said = yaml.safe_load(capsys.readouterr().out)
    assert said["writes"] == ["results/demo/bfr/input/metrics.parquet"]
    assert "results/demo/analysis/done.json" in said["waits for"]
    assert said["made from"]["metrics"] == {"backbones": "auto"}


def test_a_job_of_a_name_that_is_none_lists_those_there_are(capsys: pytest.CaptureFixture) -> None:
    with pytest.raises(SystemExit):
        main(["job", "degarde", "--run", "results/demo"])
    said = capsys.readouterr().err
    assert "degarde" in said
    assert "'degrade'" in said


def test_a_later_file_is_laid_over_an_earlier_one(capsys: pytest.CaptureFixture) -> None:
    paper = str(ROOT / "config" / "paper.yaml")
    wanted = ["job", "train", "--network", "dicface", "--dry-run"]
    assert main([*wanted, "--config", CONFIG, paper]) == 0
    text = capsys.readouterr().out
    assert "parameters: 116187075" in text
    assert "codebook_size: 1024" in text
    assert "steps: 100000" in text


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(28, "No space left on device"), "a file: cannot be written (No space"),
        (OSError(28, "No space left on device", "/a/b"), "/a/b: cannot be written (No space"),
        (OSError(122, "Disk quota exceeded", "/a"), "/a: cannot be written (Disk quota exceeded"),
        (OSError(30, "Read-only file system", "/a"), "/a: cannot be written (Read-only"),
        (shutil.Error([("a", "b", "[Errno 28] No space left on device")]), "cannot be written"),
        (PermissionError(13, "Permission denied", "/a"), "/a: Permission denied. Check the path"),
        (MemoryError(), "there is not enough memory (out of memory). Allow more"),
        (RuntimeError("[…] DefaultCPUAllocator: can't allocate memory: you"), "not enough memory"),
        (OSError(12, "Cannot allocate memory"), "not enough memory"),
        (RuntimeError("can't start new thread"), "not enough memory"),
        (ImportError("cv2.so: failed to map segment from shared object"), "not enough memory"),
        (ValueError("a mistake of the suite's"), ""),
    ],
)
def test_what_a_machine_lacks_is_one_message(error: Exception, said: str) -> None:
    assert said in in_words(error)
    assert bool(said) == bool(in_words(error))


def test_a_message_that_cannot_be_written_ends_a_command_all_the_same() -> None:
    with open("/dev/full", "w") as full:
        words = [sys.executable, "-m", "dicface.cli", "verify", "nowhere"]
        assert subprocess.run(words, stdout=full, stderr=full).returncode == EXIT_USER_ERROR


def test_help_needs_no_torch() -> None:
    code = (
        "import sys; from dicface.cli.main import main\n"
        "try:\n    main(['--help'])\nexcept SystemExit: pass\n"
        "assert 'torch' not in sys.modules and 'cv2' not in sys.modules"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "restore" in done.stdout
