"""Readers of our own files: each wrong file is one sentence with what makes it again."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import save_file
from typing_extensions import TypedDict

from dicface.base.errors import ClipError, DicfaceError
from dicface.base.reading import (
    Array,
    Own,
    read_header,
    read_json,
    read_jsonl,
    read_npz,
    read_packed,
    read_parquet,
    read_tensors,
    read_yaml,
)

OWN = Own("what a test wrote", "Delete it and test again.", "Test first.", ClipError)


class Cost(TypedDict):
    frames: int
    seconds: float


def refusal(read, path, *arguments, **named):
    """The message of a reader; of the right kind, in one line, with the file's name."""
    with pytest.raises(ClipError) as caught:
        read(path, OWN, *arguments, **named)
    message = str(caught.value)
    assert message.startswith(f"{path}: ")
    assert "expected" in message
    assert "\n" not in message
    return message.removeprefix(f"{path}: ")


READERS = {
    read_json: b'{"a": 1}',
    read_jsonl: b'{"a": 1}\n',
    read_yaml: b"a: 1\n",
    lambda path, own: read_parquet(path, own, {}): None,
    read_npz: None,
    read_header: None,
    read_tensors: None,
    read_packed: None,
}


@pytest.mark.parametrize("read", READERS)
def test_what_is_no_such_file_is_said(read, tmp_path):
    path = tmp_path / "file"
    missing = "no such file; expected what a test wrote. Test first."
    assert refusal(read, path) == missing
    path.symlink_to(tmp_path / "gone")
    assert "is a link to a file that is gone" in refusal(read, path)
    path.unlink()
    path.symlink_to(path)
    assert re.match("cannot be read|is a link", refusal(read, path))
    path.unlink()
    path.mkdir()
    folder = "is a folder; expected what a test wrote. Delete it and test again."
    assert refusal(read, path) == folder
    path.rmdir()
    for junk in (b"", b"\xff\xfe\x00" * 40, b"[" * 5000, b"PK\x03\x04" + b"\0" * 60):
        path.write_bytes(junk)
        if not (junk == b"" and read is read_jsonl):
            assert refusal(read, path).endswith(" Delete it and test again.")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("[1]", "found [1]; expected keys and values"),
        ('{"frames": "2", "seconds": 1.0}', "frames is '2'; expected a valid integer in what"),
        ('{"frames": 2}', "lacks seconds; expected what a test wrote"),
        ('{"frames": true, "seconds": 1}', "frames is True"),
        ('{"frames": 2, "seconds": NaN}', "is no JSON (NaN is no number of it)"),
    ],
)
def test_other_json_is_said(text, found, tmp_path):
    path = tmp_path / "cost.json"
    path.write_text(text)
    shape = dict if text.startswith("[") else Cost
    assert refusal(read_json, path, shape).startswith(found)


def test_json_keeps_keys_that_nobody_asked_for(tmp_path):
    path = tmp_path / "cost.json"
    path.write_text('{"frames": 2, "seconds": 1.5, "more": 3}')
    assert read_json(path, OWN, Cost)["more"] == 3


def test_the_line_is_named(tmp_path):
    path = tmp_path / "stats.jsonl"
    path.write_text('{"frames": 2, "seconds": 1.5}\n{"frames": 2\n')
    assert refusal(read_jsonl, path, Cost).startswith("line 2 is no JSON")
    assert read_jsonl(path, OWN, Cost, cut=True) == [{"frames": 2, "seconds": 1.5}]
    path.write_text('{"frames": 2, "seconds": 1.5}\n{"frames": 2}\n')
    assert refusal(read_jsonl, path, Cost).startswith("line 2: lacks seconds")
    path.write_text("a: 1\nb: [\n")
    assert refusal(read_yaml, path).startswith("is no YAML (line 3: ")
    path.write_text("a: 1\nb: {c: 1, d: 2, c: 3}\n")
    assert refusal(read_yaml, path).startswith("is no YAML (line 2: the key 'c' stands there more")


COLUMNS = {"clip": "name", "frame": "count", "value": "value", "note": "note"}
TABLE = {"clip": ["a", "b"], "frame": [0, 1], "value": [1.0, np.nan], "note": ["x", None]}


@pytest.mark.parametrize(
    ("change", "found"),
    [
        ({"value": None}, "lacks the columns value; expected clip, frame, value, note"),
        ({"clip": ["a", "../b"]}, "column 'clip' has '../b'; expected names of files"),
        ({"clip": [1, 2]}, "column 'clip' has 1; expected names of files"),
        ({"frame": [0.0, 1.0]}, "column 'frame' has values of the kind float64; expected whole"),
        ({"frame": [0, -1]}, "column 'frame' has -1; expected whole numbers from 0"),
        ({"value": [1.0, np.inf]}, "column 'value' has inf; expected finite numbers or none"),
        ({"value": ["1", "2"]}, "column 'value' has values of the kind"),
        ({"note": [3.0, 4.0]}, "column 'note' has 3.0; expected text or nothing"),
        ({"note": [[1.0], [2.0]]}, "cannot be read (unhashable type"),
        ({"clip": ["a", "a"], "frame": [1, 1]}, "has more than one row of clip a, frame 1"),
        ({name: [] for name in TABLE}, "has no row"),
    ],
)
def test_other_tables_are_said(change, found, tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame({k: v for k, v in (TABLE | change).items() if v is not None}).to_parquet(path)
    said = refusal(read_parquet, path, COLUMNS, unique=["clip", "frame"])
    assert said.startswith(found)


def test_a_table_as_asked_for_is_read(tmp_path):
    path = tmp_path / "table.parquet"
    pd.DataFrame(TABLE).to_parquet(path)
    pd.testing.assert_frame_equal(
        read_parquet(path, OWN, COLUMNS, unique=["clip"]), pd.read_parquet(path)
    )
    pd.DataFrame(TABLE).iloc[:0].to_parquet(path)
    assert read_parquet(path, OWN, {}, empty=True).empty


@pytest.mark.parametrize("read", [read_npz, read_packed])
def test_other_arrays_are_said(read, tmp_path):
    path = tmp_path / "arrays"
    wanted = {"points": Array("f", (None, 2)), "loose": Array("f", (3,), nan=True)}

    def written(**arrays):
        good = {"points": np.zeros((4, 2)), "loose": np.full(3, np.nan)} | arrays
        kept = {name: array for name, array in good.items() if array is not None}
        if read is read_packed:
            save_file(kept, path)
        else:
            with path.open("wb") as file:
                np.savez(file, **kept)

    written()
    assert set(read(path, OWN, wanted)) == set(wanted)
    written(points=np.zeros(0))
    assert set(read(path, OWN, wanted)) == set(wanted)
    for name, array in (
        ("points", None),
        ("points", np.zeros((4, 3))),
        ("points", np.zeros(4)),
        ("points", np.zeros((4, 2), np.int64)),
        ("points", np.full((4, 2), np.nan)),
        ("loose", np.full(3, np.inf)),
    ):
        written(**{name: array})
        assert name in refusal(read, path, wanted)


def test_flipped_bits_of_arrays_are_noticed(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, points=np.zeros((40, 2)))
    data = bytearray(path.read_bytes())
    data[300] ^= 8
    path.write_bytes(data)
    assert re.search("CRC", refusal(read_npz, path))


def test_a_pickle_is_never_read(tmp_path):
    path = tmp_path / "arrays.npz"
    np.savez(path, points=np.array([{}], object))
    assert "allow_pickle" in refusal(read_npz, path)


def test_the_error_is_the_files_own():
    with pytest.raises(DicfaceError, match=r"x: found 2; expected three\. Again\."):
        Own("three", "Again.").refuse("x", "found 2")


#: What opens a file of ours past its reader; `torch.load` and the like read files of others.
PAST_THE_READER = re.compile(
    r"(pd|pandas)\.read_parquet|pq\.(ParquetFile\(|read_)|np\.load\(|json\.load\(|"
    r"json\.loads\(.*(read_text|read_bytes|\bline\b)|safe_load\(.*read_|"
    r"(?<!\w)load_file\(|(?<![\w.])safe_open\(|jit\.load\("
)
#: The reader itself, what Snakemake's process is asked through its pipe, and programs by digest.
EXCEPT = (
    "dicface/base/reading.py",
    "dicface/cost/_dag.py",
    "dicface/weights/convert.py",
)


def test_nobody_opens_a_file_of_ours_past_its_reader():
    root = Path(__file__).resolve().parents[2]
    found = [
        f"{path.relative_to(root)}:{number}: {line.strip()}"
        for package in ("dicface", "baselines")
        for path in sorted((root / package).rglob("*.py"))
        if not path.relative_to(root).as_posix().startswith(EXCEPT)
        for number, line in enumerate(path.read_text().splitlines(), start=1)
        if PAST_THE_READER.search(line)
    ]
    assert not found, "\n".join(found)
