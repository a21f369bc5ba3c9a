"""What a field of the settings is made of: description, type, rule; nothing here needs pydantic.

Settings are plain dataclasses. `dicface.config.check` has pydantic read them, strictly, and writes
the messages; a `Rule` is also asked where settings are made in Python.
"""

from __future__ import annotations

import dataclasses
import difflib
import functools
import json
import math
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import (
    TYPE_CHECKING,
    Annotated,
    Any,
    Generic,
    Literal,
    TypeVar,
    get_args,
    get_origin,
    get_type_hints,
)

from dicface.base.errors import ConfigError

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler, GetJsonSchemaHandler
    from pydantic_core import CoreSchema

T = TypeVar("T")


class WrongValueError(ConfigError):
    """A value cannot be.

    Attributes:
        key: Its name.
        found: The value.
        expected: What it must be, in words.
        text: Both in a sentence.
    """

    def __init__(self, key: str, found: object, expected: str) -> None:
        self.key, self.found, self.expected = key, found, expected
        self.text = f"found {shown(found)}, expected {expected}."
        super().__init__(f"{key}: {self.text}")

    def at(self, key: str) -> WrongValueError:
        """The same of a key by its whole name."""
        return WrongValueError(key, self.found, self.expected)


def shown(value: object) -> str:
    """Returns a value as a reader knows it from YAML, shortened.

    >>> shown(True), shown("x"), shown(None), shown((1, 2.5))
    ('true', "'x'", 'nothing', '[1, 2.5]')
    """
    if value is None:
        return "nothing"
    text = repr(value) if isinstance(value, str) else json.dumps(value, default=str)
    return text if len(text) <= 80 else f"{text[:77]}…"


def nearest(name: str, known: Iterable[str]) -> list[str]:
    """Returns the known names that somebody may have meant, at most three, the likeliest first.

    >>> nearest("kl", ["steps", "kl_scale"])
    ['kl_scale']
    """
    known = list(known)
    likely = difflib.get_close_matches(name, known, n=3)
    return likely or [each for each in known if name in each or each in name][:3]


def one_of(key: str, found: str, known: Iterable[str], also: str = "") -> None:
    """Raises WrongValueError unless `found` is known, naming the nearest known ones."""
    known = list(known)
    if found not in known:
        names = " or ".join(nearest(found, known)) or f"one of {', '.join(known)}"
        raise WrongValueError(key, found, names + also)


def setting(
    description: str,
    default: object = dataclasses.MISSING,
    *,
    factory: Callable[[], object] | None = None,
) -> Any:  # noqa: ANN401 - as `dataclasses.field`
    """A described field of a settings dataclass.

    Args:
        description: What it is, with its unit; stands in messages and in config/README.md.
        default: Its value where none is given.
        factory: Makes that value anew for each object.
    """
    made = {"default_factory": factory} if factory else {"default": default}
    return dataclasses.field(**made, metadata={"description": description})


@dataclass(frozen=True)
class Rule:
    """What a value must be beside its type.

    Attributes:
        expected: In words, after "expected".
        holds: Tells whether a value of that type is so.
        schema: The same as JSON schema, as far as that can say it.
    """

    expected: str
    holds: Callable[[Any], bool]
    schema: dict[str, object] = dataclasses.field(default_factory=dict)

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import PydanticCustomError, core_schema

        def check(value: T) -> T:
            if not self.holds(value):
                raise PydanticCustomError("rule", "{expected}", {"expected": self.expected})
            return value

        return core_schema.no_info_after_validator_function(check, handler(source))

    def __get_pydantic_json_schema__(
        self, schema: CoreSchema, handler: GetJsonSchemaHandler
    ) -> dict[str, object]:
        return handler(schema) | self.schema | {"expected": self.expected}


@dataclass(frozen=True)
class Read:
    """How a value is read before its type is looked at."""

    read: Callable[[Any], object]

    def __get_pydantic_core_schema__(
        self, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic_core import core_schema

        return core_schema.no_info_before_validator_function(self.read, handler(source))


def _number(value: object) -> object:
    """YAML 1.1 reads 1e-4 as text; numbers are what everybody means by it."""
    try:
        return float(value) if isinstance(value, str) else value
    except ValueError:
        return value


def _whole_number(value: object) -> object:
    """Snakemake gives what stands inside `--config 'train={vqgan: {steps: 10}}'` as text."""
    return int(value) if isinstance(value, str) and re.fullmatch(r"-?\d{1,18}", value) else value


def _flag(value: object) -> object:
    """As `_whole_number`."""
    return {"true": True, "false": False}.get(value, value) if isinstance(value, str) else value


def _text(value: object) -> object:
    """A number where a name is asked for is the name: `test_clips=2024`."""
    return str(value) if type(value) in (int, float) else value


def whole(low: int, high: int | None = None) -> Rule:
    """The rule of whole numbers from `low` on, to `high` included."""
    if high is None:
        return Rule(f"a whole number ≥ {low}", lambda value: value >= low, {"minimum": low})
    limits = {"minimum": low, "maximum": high}
    return Rule(f"a whole number from {low} to {high}", lambda value: low <= value <= high, limits)


def matches(pattern: str, expected: str) -> Rule:
    """The rule that a text matches a regular expression as a whole."""
    regular = re.compile(pattern)
    return Rule(expected, lambda text: bool(regular.fullmatch(text)), {"pattern": f"^({pattern})$"})


def within(expected: str, low: float, high: float = math.inf, *, excluded: bool = False) -> Rule:
    """The rule of a pair [first, last] between two numbers; `excluded`: last belongs to it no more.

    Args:
        expected: In words.
        low: The least first.
        high: The greatest last.
        excluded: Whether the range ends before its last number, and so must not be empty.
    """

    def holds(ends: tuple[float, float]) -> bool:
        first, last = ends
        return low <= first <= last <= high and not (excluded and first == last)

    return Rule(expected, holds)


def _unique(names: Iterable[str]) -> bool:
    names = list(names)
    return len(set(names)) == len(names)


Number = Annotated[float, Read(_number)]
Int = Annotated[int, Read(_whole_number)]
Flag = Annotated[bool, Read(_flag)]
Text = Annotated[str, Read(_text)]
Count = Annotated[Int, whole(0)]
PositiveInt = Annotated[Int, whole(1)]
OddInt = Annotated[Int, Rule("an odd number ≥ 1", lambda n: n >= 1 and n % 2 == 1)]
FrameRate = Annotated[Int, whole(1, 1000)]
Processors = Annotated[Int, whole(1, 1024)]
NonNegative = Annotated[Number, Rule("a number ≥ 0", lambda x: x >= 0, {"minimum": 0})]
Positive = Annotated[Number, Rule("a number > 0", lambda x: x > 0, {"exclusiveMinimum": 0})]
Probability = Annotated[
    Number, Rule("a number from 0 to 1", lambda x: 0 <= x <= 1, {"minimum": 0, "maximum": 1})
]
BelowOne = Annotated[
    Number,
    Rule("a number from 0 to below 1", lambda x: 0 <= x < 1, {"minimum": 0, "exclusiveMaximum": 1}),
]
Title = Annotated[Text, Rule("a text that is not empty", lambda text: bool(text.strip()))]
Name = Annotated[Text, matches(r"[a-z0-9_-]+", "lower-case letters, digits, _ and -")]
TableName = Annotated[Text, matches(r"[a-z0-9_]+", "lower-case letters, digits and _")]
Names = Annotated[
    tuple[Name, ...],
    Rule("a list of names, at least one and none twice", lambda names: names and _unique(names)),
]
PositiveInts = Annotated[
    tuple[Int, ...],
    Rule("a list of whole numbers ≥ 1, at least one", lambda each: each and min(each) >= 1),
]
Samples = Annotated[
    Int | Literal["mean"],
    Rule("mean, or a whole number ≥ 1 of draws", lambda n: n == "mean" or n >= 1),
]
"""What is drawn: the expected value, or so many draws that are averaged."""


def overlay(base: dict[str, Any], over: dict[str, Any]) -> dict[str, Any]:
    """Returns `base` with the values of `over`, key by key at every depth; neither is changed."""
    merged = dict(base)
    for key, value in over.items():
        both = isinstance(value, dict) and isinstance(merged.get(key), dict)
        merged[key] = overlay(merged[key], value) if both else value
    return merged


def defaults_of(owner: type) -> dict[str, object]:
    """Returns the values of a settings class that need not be given, by name."""
    found = {}
    for each in dataclasses.fields(owner):
        if each.default is not dataclasses.MISSING:
            found[each.name] = each.default
        elif each.default_factory is not dataclasses.MISSING:
            found[each.name] = each.default_factory()
    return found


class Changes(dict[str, Any], Generic[T]):
    """Values by name for some of the described fields of T: what is laid over other values.

    A type for annotations; the values themselves are a plain dict, checked as T's fields are. It
    covers the fields that the class itself describes, not those of its parents.
    """

    @classmethod
    def __get_pydantic_core_schema__(
        cls, source: object, handler: GetCoreSchemaHandler
    ) -> CoreSchema:
        from pydantic import Field
        from typing_extensions import TypedDict

        (owner,) = get_args(source)
        types = hints(owner)
        described = {
            each.name: Annotated[types[each.name], Field(**each.metadata)]
            for each in dataclasses.fields(owner)
            if each.name in owner.__annotations__ and each.metadata
        }
        changes = TypedDict(f"{owner.__name__}Changes", described, total=False)
        changes.__pydantic_config__ = Settings.__pydantic_config__
        return handler(changes)


class Settings:
    """Base of the settings' dataclasses: how pydantic reads them."""

    __pydantic_config__ = {"extra": "forbid", "strict": True, "allow_inf_nan": False}  # noqa: RUF012


class Checked(Settings):
    """Settings that are also made in Python, and are checked there as well."""

    def __post_init__(self) -> None:
        """Asks the rule of every field.

        Raises:
            WrongValueError: A rule does not hold.
        """
        for name, hint in hints(type(self)).items():
            value = getattr(self, name)
            for rule in _rules(hint):
                try:
                    holds = rule.holds(value)
                except (TypeError, ValueError):
                    holds = False
                if not holds:
                    raise WrongValueError(name, value, rule.expected)


@functools.cache
def hints(owner: type) -> dict[str, Any]:
    """Returns the types of a class's fields, rules included."""
    return get_type_hints(owner, include_extras=True)


def _rules(hint: object) -> list[Rule]:
    rules = [each for each in getattr(hint, "__metadata__", ()) if isinstance(each, Rule)]
    if get_origin(hint) is Literal:
        choices = get_args(hint)
        rules.append(Rule(f"one of {', '.join(map(str, choices))}", choices.__contains__))
    return rules
