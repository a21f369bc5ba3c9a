"""Readers of our own files, for any bytes and any values."""

import json
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import array_shapes, arrays
from safetensors.numpy import save

from dicface.base.errors import ClipError
from dicface.base.files import write_json, write_parquet
from dicface.base.reading import (
    Own,
    is_name,
    read_json,
    read_jsonl,
    read_npz,
    read_packed,
    read_parquet,
    read_yaml,
)

OWN = Own("what a test wrote", "Test again.", error=ClipError)
READERS = [
    partial(read_json, shape=dict),
    read_jsonl,
    read_yaml,
    partial(read_parquet, columns={}),
    read_npz,
    read_packed,
]
VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=3)
    ),
    max_leaves=8,
)
BEGINNINGS = st.sampled_from(
    [b"", b"{", b"[", b"a: ", b"PAR1", b"PK\3\4", b"\x93NUMPY\1\0", (8).to_bytes(8, "little")]
)
quick = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


def read_or_refuse(read, path):
    """What a reader returns; None where it refuses in one line with the file's name."""
    try:
        return read(path, own=OWN)
    except ClipError as error:
        message = str(error)
    assert message.startswith(f"{path}: ")
    assert "\n" not in message
    return None


@quick
@given(beginning=BEGINNINGS, rest=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused_in_one_line(tmp_path, beginning, rest):
    path = tmp_path / "file"
    path.write_bytes(beginning + rest)
    for read in READERS:
        read_or_refuse(read, path)


@quick
@given(value=st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), VALUES, max_size=4))
def test_json_is_read_as_it_was_written_and_in_no_part(tmp_path, value):
    path = tmp_path / "a.json"
    write_json(path, value)
    assert read_json(path, OWN) == value
    text = path.read_bytes()
    path.write_bytes(text[: len(text) // 2])
    assert read_or_refuse(read_json, path) is None


@quick
@given(values=st.lists(st.dictionaries(st.text("ab"), st.integers(), max_size=2)), cut=st.data())
def test_whole_lines_of_a_file_that_was_cut_are_kept(tmp_path, values, cut):
    path = tmp_path / "a.jsonl"
    text = "".join(f"{json.dumps(value)}\n" for value in values)
    path.write_text(text[: cut.draw(st.integers(0, len(text)))])
    found = read_jsonl(path, OWN, cut=True)
    assert found == values[: len(found)]
    assert len(found) >= path.read_text().count("\n")


@quick
@given(table=st.data())
def test_tables_keep_their_numbers_and_refuse_infinite_ones(tmp_path, table):
    numbers = table.draw(arrays(np.float64, st.integers(1, 5)))
    path = tmp_path / "a.parquet"
    write_parquet(path, pd.DataFrame({"value": numbers}))
    if np.isinf(numbers).any():
        with pytest.raises(ClipError, match="inf"):
            read_parquet(path, OWN, {"value": "value"})
    else:
        found = read_parquet(path, OWN, {"value": "value"})["value"].to_numpy()
        np.testing.assert_array_equal(found, numbers)


@quick
@given(array=arrays(np.float32, array_shapes(max_dims=3, max_side=3)), flip=st.data())
def test_a_flipped_header_is_refused_or_says_another_thing(tmp_path, array, flip):
    path = tmp_path / "a.safetensors"
    data = bytearray(save({"a": array}))
    data[flip.draw(st.integers(0, len(data) - array.nbytes - 1))] ^= 1 << flip.draw(
        st.integers(0, 7)
    )
    path.write_bytes(data)
    found = read_or_refuse(read_packed, path)
    if found is not None:
        assert sum(each.nbytes for each in found.values()) == array.nbytes


@given(st.text())
def test_a_name_never_leaves_its_folder(name):
    inside = Path("/folder") / name
    if is_name(name):
        assert inside.parent == Path("/folder")
        assert inside.name == name
