"""Files of our own, each kind read in one place; what is wrong with one is said in one way.

    SCORES = Own("scores of clips", "Delete it and score this method again.", error=MetricError)

    table = read_parquet(path, SCORES, {"clip": "name", "value": "value"}, unique=["clip"])

A message has the file, what was found, what was expected, and what makes the file again. What is
read has the shape that was asked for: nobody who calls these need look again.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NoReturn, TypeVar

from dicface.base.errors import DicfaceError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow.parquet as pq
    import torch
    from numpy.typing import NDArray
    from safetensors import safe_open

logger = logging.getLogger(__name__)

T = TypeVar("T")
Column = Literal["name", "text", "note", "count", "whole", "number", "value", "flag", "any"]

_TEXTS: dict[Column, tuple[str, Callable[[Any], bool]]] = {
    "name": ("names of files", lambda value: is_name(value)),
    "text": ("text", lambda value: isinstance(value, str)),
    "note": ("text or nothing", lambda value: isinstance(value, str) or _is_nothing(value)),
}
_NUMBERS: dict[Column, tuple[str, str]] = {
    "count": ("whole numbers from 0", "iu"),
    "whole": ("whole numbers", "iu"),
    "number": ("finite numbers", "iuf"),
    "value": ("finite numbers or none", "iuf"),
    "flag": ("true or false", "b"),
}


@dataclass(frozen=True)
class Own:
    """A kind of file that the suite writes.

    Attributes:
        what: What it holds, after "expected".
        again: Sentence that says how a damaged one is made again.
        first: Sentence that says how a missing one is made; "" is `again`.
        error: What is raised.
    """

    what: str
    again: str
    first: str = ""
    error: type[DicfaceError] = DicfaceError

    def refuse(self, path: str | Path, found: str, expected: str = "") -> NoReturn:
        """Raises the error for a file.

        Args:
            path: The file.
            found: What was found: "lacks the columns a, b".
            expected: What was expected; "" is `what`.
        """
        raise self.error(f"{path}: {found}; expected {expected or self.what}. {self.again}")


@dataclass(frozen=True)
class Array:
    """What an array of a file has to be.

    Attributes:
        kinds: Letters of NumPy's kinds that it may have: "f", "iu", "U", "b".
        shape: Its length in each direction, None where any goes. An array without a value fits.
        nan: Whether it may have NaN; it has no infinite number in any case.
    """

    kinds: str
    shape: tuple[int | None, ...]
    nan: bool = False

    def __str__(self) -> str:
        """For messages: "f (n, 68, 2)"."""
        sides = ", ".join("n" if side is None else str(side) for side in self.shape)
        return f"{'/'.join(self.kinds)} ({sides})"


def is_name(value: object) -> bool:
    """Whether a value can be the name of a clip, which files are called by: it is no path.

    >>> is_name("clip 1"), is_name("../clip"), is_name("")
    (True, False, False)
    """
    named = isinstance(value, str) and value not in ("", ".", "..")
    return named and "/" not in value and "\0" not in value


def is_there(path: str | Path) -> bool:
    """Whether anything has that name, be it a folder or a link to nothing: then it is read."""
    return os.path.lexists(path)


def saved(path: str | Path, read: Callable[[], T]) -> T | None:
    """Reads what merely saves work: None, and a warning, where that cannot be read."""
    if not is_there(path):
        return None
    try:
        return read()
    except DicfaceError as error:
        logger.warning("%s It is made again.", error)
        return None


@contextmanager
def said(path: str | Path, own: Own) -> Iterator[None]:
    """Turns whatever a library says of a file that it cannot read into one sentence."""
    path = Path(path)
    try:
        if path.is_dir():
            own.refuse(path, "is a folder")
        yield
    except DicfaceError:
        raise
    except FileNotFoundError as error:
        what = "is a link to a file that is gone" if path.is_symlink() else "no such file"
        raise own.error(f"{path}: {what}; expected {own.what}. {own.first or own.again}") from error
    except PermissionError as error:
        raise own.error(
            f"{path}: may not be read ({error.strerror}); expected {own.what}. Ask whoever owns it "
            "for permission."
        ) from error
    except RecursionError:
        own.refuse(path, "is nested too deeply")
    except Exception as error:  # a damaged file makes libraries say anything
        reason = (str(error).strip().split("\n")[0] or type(error).__name__).rstrip(".")
        raise own.error(
            f"{path}: cannot be read ({reason[:200]}); expected {own.what}. {own.again}"
        ) from error


def read_json(path: str | Path, own: Own, shape: Any = dict) -> Any:  # noqa: ANN401
    """Reads a JSON file.

    Args:
        path: The file.
        own: What it is.
        shape: Type that the value has, as pydantic understands it: a `TypedDict`, `list[int]`.

    Raises:
        DicfaceError: It is missing, damaged, or of another shape; the error of `own`.
    """
    with said(path, own):
        text = Path(path).read_text(encoding="utf-8")
        try:
            found = json.loads(text, parse_constant=_no_number)
        except ValueError as error:
            own.refuse(path, f"is no JSON ({error})")
    return checked(path, own, shape, found)


def checked(path: str | Path, own: Own, shape: Any, found: Any, *, where: str = "") -> Any:  # noqa: ANN401
    """Returns a value that was read from a file, once it has a shape (errors as `read_json`)."""
    if shape is dict or shape is list:
        if not isinstance(found, shape):
            kind = "keys and values" if shape is dict else "a list"
            own.refuse(path, f"{where}found {_short(found)}", f"{kind}: {own.what}")
        return found
    # Only files of a known form pay for its import.
    import pydantic

    try:
        pydantic.TypeAdapter(shape).validate_python(found, strict=True)
    except pydantic.ValidationError as error:
        problems = error.errors()
        places = [".".join(map(str, each["loc"])) for each in problems]
        kinds = zip(places, problems, strict=True)
        if lacking := [place for place, each in kinds if each["type"] == "missing"]:
            own.refuse(path, f"{where}lacks {', '.join(lacking)}")
        if not problems[0]["loc"]:
            own.refuse(path, f"{where}found {_short(found)}")
        wanted = problems[0]["msg"].removeprefix("Input should be ")
        found = f"{places[0]} is {_short(problems[0]['input'])}"
        own.refuse(path, f"{where}{found}", f"{wanted} in {own.what}")
    return found


def read_jsonl(
    path: str | Path,
    own: Own,
    shape: Any = dict,  # noqa: ANN401
    *,
    cut: bool = False,
) -> list[Any]:
    """Reads a file of one JSON value a line, each of a shape (arguments as `read_json`).

    Args:
        path: The file.
        own: What it is.
        shape: Of each value.
        cut: Whether the first damaged line ends it, as where a process was killed.

    Raises:
        DicfaceError: It is missing or a line is damaged or of another shape; the error of `own`.
    """
    with said(path, own):
        lines = Path(path).read_text(encoding="utf-8").splitlines()
    values = []
    for number, line in enumerate(lines, start=1):
        try:
            values.append(json.loads(line))
        except (ValueError, RecursionError) as error:
            if cut:
                break
            own.refuse(path, f"line {number} is no JSON ({error})")
        checked(path, own, shape, values[-1], where=f"line {number}: ")
    return values


def read_yaml(path: str | Path, own: Own, shape: Any = dict) -> Any:  # noqa: ANN401
    """Reads a YAML file (arguments and errors as `read_json`)."""
    import yaml

    class OneOfEachKey(yaml.SafeLoader):
        """PyYAML takes the last of two equal keys without a word."""

        def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict:
            keys = [key.value for key, _ in node.value]
            for key, _ in node.value:
                if key.value != "<<" and keys.count(key.value) > 1:
                    problem = f"the key '{key.value}' stands there more than once"
                    raise yaml.MarkedYAMLError(problem=problem, problem_mark=key.start_mark)
            return super().construct_mapping(node, deep)

    with said(path, own):
        text = Path(path).read_text(encoding="utf-8")
        try:
            found = yaml.load(text, OneOfEachKey)
        except yaml.MarkedYAMLError as error:
            line = getattr(error.problem_mark, "line", 0) + 1
            own.refuse(path, f"is no YAML (line {line}: {error.problem})")
    return checked(path, own, shape, found)


def read_parquet(
    path: str | Path,
    own: Own,
    columns: Mapping[str, Column],
    *,
    unique: Sequence[str] = (),
    empty: bool = False,
) -> pd.DataFrame:
    """Reads a table.

    Args:
        path: The file.
        own: What it is.
        columns: Those that it must have, and what they hold: "name" (of a file, no path), "text",
            "note" (text or nothing), "count" (whole, from 0), "whole", "number" (finite), "value"
            (finite or none), "flag", "any". It may have others.
        unique: Columns that tell a row from all others.
        empty: Whether it may have no row.

    Raises:
        DicfaceError: It is missing, damaged, or another table; the error of `own`.
    """
    with said(path, own):
        import pandas as pd

        table = pd.read_parquet(path)
        if missing := [name for name in columns if name not in table.columns]:
            own.refuse(path, f"lacks the columns {', '.join(missing)}", ", ".join(columns))
        if table.empty and not empty:
            own.refuse(path, "has no row", f"{own.what}, one row or more")
        for name, kind in columns.items():
            if kind != "any" and (wrong := _wrong_in(table[name], kind)):
                expected = (_TEXTS | _NUMBERS)[kind][0]
                own.refuse(path, f"column '{name}' has {wrong}", expected)
        if unique and (repeated := table.duplicated(list(unique))).any():
            row = ", ".join(f"{name} {table[repeated].iloc[0][name]}" for name in unique)
            own.refuse(path, f"has more than one row of {row}", "one")
        return table


def read_npz(
    path: str | Path, own: Own, arrays: Mapping[str, Array] = {}
) -> dict[str, NDArray[Any]]:
    """Reads all arrays of a file.

    Args:
        path: The file.
        own: What it is.
        arrays: Those that it must have, and their forms; it may have others.

    Raises:
        DicfaceError: It is missing, damaged, or lacks an array; the error of `own`.
    """
    with said(path, own):
        import numpy as np

        stored = np.load(path, allow_pickle=False)
        if not isinstance(stored, np.lib.npyio.NpzFile):
            own.refuse(path, "is no .npz file")
        with stored:
            found = dict(stored)
    for name, wanted in arrays.items():
        if name not in found:
            own.refuse(path, f"lacks the array '{name}'", f"the arrays {', '.join(arrays)}")
        if wrong := _wrong_with(found[name], wanted):
            own.refuse(path, f"array '{name}' {wrong}", str(wanted))
    return found


def open_parquet(path: str | Path, own: Own) -> pq.ParquetFile:
    """Opens a table of which parts are read (errors as `open_tensors`)."""
    with said(path, own):
        import pyarrow.parquet as pq

        return pq.ParquetFile(path)


def open_tensors(path: str | Path, own: Own) -> safe_open:
    """Opens a safetensors file, of which tensors or parts of them are read as arrays.

    Raises:
        DicfaceError: It is missing or damaged; the error of `own`.
    """
    with said(path, own):
        from safetensors import safe_open

        return safe_open(path, framework="numpy")


def read_header(path: str | Path, own: Own) -> dict[str, str]:
    """Reads the texts that a safetensors file has beside its tensors (errors as `open_tensors`)."""
    with open_tensors(path, own) as file:
        return file.metadata() or {}


def read_tensors(path: str | Path, own: Own) -> dict[str, torch.Tensor]:
    """Reads all tensors of a safetensors file, on the CPU (errors as `open_tensors`)."""
    with said(path, own):
        from safetensors.torch import load_file

        return load_file(path)


def read_packed(
    path: str | Path, own: Own, arrays: Mapping[str, Array] = {}
) -> dict[str, NDArray[Any]]:
    """Reads a safetensors file as arrays (arguments and errors as `read_npz`)."""
    with said(path, own):
        from safetensors.numpy import load_file

        found = load_file(path)
    for name, wanted in arrays.items():
        if name not in found or _wrong_with(found[name], wanted):
            shown = ", ".join(f"{name} {array.shape}" for name, array in list(found.items())[:5])
            wanted_too = ", ".join(f"{name} {each}" for name, each in arrays.items())
            own.refuse(path, f"holds {shown or 'nothing'}", wanted_too)
    return found


def _no_number(word: str) -> NoReturn:
    raise ValueError(f"{word} is no number of it")


def _wrong_in(column: pd.Series, kind: Column) -> str:
    """The first value of a column that is not of a kind; "" where all are."""
    if kind in _TEXTS:
        fits = _TEXTS[kind][1]
        wrong = (value for value in dict.fromkeys(column) if not fits(value))
        return next(map(_short, wrong), "")
    if column.dtype.kind not in _NUMBERS[kind][1]:
        return f"values of the kind {column.dtype}"
    import numpy as np

    values = column.to_numpy()
    wrong = np.isinf(values) if kind == "value" else ~np.isfinite(values)
    if kind == "count":
        wrong = values < 0
    return _short(values[wrong][0].item()) if wrong.any() else ""


def _wrong_with(array: NDArray[Any], wanted: Array) -> str:
    """What is wrong with an array; "" where it is as wanted."""
    import numpy as np

    if not array.size:
        return ""
    sides = zip(array.shape, wanted.shape, strict=False)
    fits = array.ndim == len(wanted.shape) and all(b is None or a == b for a, b in sides)
    if not fits or array.dtype.kind not in wanted.kinds:
        return f"is {array.dtype} of shape {array.shape}"
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        if not wanted.nan or np.isinf(array).any():
            return "has numbers that are not finite"
    return ""


def _is_nothing(value: object) -> bool:
    return value is None or value != value


def _short(value: object) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 40 else f"{text[:39]}…"
