"""One row of a table as a record: what was scored, by which protocol, on which clips, by whom.

A record is one JSON file. Its digest covers all of it, so that a number changed by hand is found;
who digests it anew can still lie, which is why a public table asks for the restored clips too.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from dicface.base.errors import MetricError
from dicface.base.files import write_json
from dicface.base.reading import Own, read_json
from dicface.metrics import METRICS, metric_class
from dicface.provenance.manifest import settings_digest
from dicface.report.tables.scores import Scores, read_rows, read_scores
from dicface.video.clips import read_frames

FORMAT = 1
Sha256 = Field(pattern=r"^[0-9a-f]{64}$")
Number = float | None


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Measure(_Part):
    """What computed a metric."""

    name: str
    sha256: str
    official: bool


class Cost(_Part):
    """What restoring took, where the run measured it."""

    frames: int
    seconds: float
    parameters: int | None = None
    device: str = ""


class Clip(_Part):
    """A true clip: digest of its frames, and how many there are."""

    sha256: str = Sha256
    num_frames: int = Field(ge=1)


class Record(_Part):
    """One row.

    Attributes:
        format: Of the file.
        method: Id; the file is named so.
        label: What tables print.
        version: Of the package that the method is in.
        task: What was restored.
        protocol: Id of the evaluation protocol.
        protocol_sha256: Digest of it and of all that computed the metrics.
        backbones: Metric -> what computed it.
        clips: True clip -> its frames; of all clips of the set.
        values: Metric -> clip -> value; null where it has none.
        set_values: Metric -> value for the whole set.
        notes: Remarks of the row.
        cost: What restoring took.
        weights: File -> sha256.
        settings_sha256: Digest of the settings that it was scored with.
        code: Version and commit of the suite.
        machine: What scored it.
        made: When.
        sha256: Digest of all of the above.
    """

    format: Literal[1]
    method: str = Field(pattern=r"^[a-z0-9_][a-z0-9_-]*$")
    label: str = Field(min_length=1)
    version: str
    task: Literal["bfr", "inpainting", "colorization"]
    protocol: str
    protocol_sha256: str = Sha256
    backbones: dict[str, Measure]
    clips: dict[str, Clip]
    values: dict[str, dict[str, Number]]
    set_values: dict[str, Number]
    notes: tuple[str, ...]
    cost: Cost | None
    weights: dict[str, str]
    settings_sha256: str
    code: dict[str, Any]
    machine: dict[str, Any]
    made: str
    sha256: str = Sha256

    def write(self, path: Path) -> None:
        """Writes it as JSON."""
        write_json(path, self.model_dump(mode="json"))


def digest_record(values: Mapping[str, Any]) -> str:
    """Digest of a record's values but for the digest itself."""
    return settings_digest({key: value for key, value in values.items() if key != "sha256"})


def protocol_digest(protocol: str, backbones: Mapping[str, Mapping[str, Any]]) -> str:
    """Digest of a protocol and of what computed the metrics."""
    return settings_digest({"protocol": protocol, "backbones": dict(backbones)})


def digest_frames(clip: Path) -> Clip:
    """Digests a clip by its frames, whatever file they are in.

    Raises:
        ClipError: It cannot be read.
    """
    digest, count = hashlib.sha256(), 0
    for frame in read_frames(clip):
        digest.update(repr(frame.shape).encode() + frame.tobytes())
        count += 1
    return Clip(sha256=digest.hexdigest(), num_frames=count)


def make_record(
    metrics: Path,
    truths: Mapping[str, Clip],
    *,
    method: str,
    label: str,
    version: str = "",
    notes: tuple[str, ...] = (),
    cost: Mapping[str, Any] | None = None,
    weights: Mapping[str, str] | None = None,
    manifest: Mapping[str, Any] | None = None,
) -> Record:
    """Makes the record of a row.

    Args:
        metrics: Its `metrics.parquet`, with features beside it.
        truths: True clip -> its frames, of all clips of the set.
        method: Id.
        label: What tables print.
        version: Of the package that the method is in.
        notes: Remarks of the row.
        cost: What restoring took, as `cost.json` has it.
        weights: File -> sha256.
        manifest: Of the scores.

    Raises:
        MetricError: Scores cannot be read.
    """
    scores, manifest, cost = read_set(metrics), manifest or {}, cost or {}
    backbones = {
        metric: {"name": found.name, "sha256": found.sha256, "official": found.official}
        for metric, found in scores.backbones.items()
    }
    by_clip = list((cost.get("clips") or {}).values())
    (task,) = set(read_rows(metrics)["task"])
    values = {
        "format": FORMAT,
        "method": method,
        "label": label,
        "version": version,
        "task": task,
        "protocol": scores.protocol,
        "protocol_sha256": protocol_digest(scores.protocol, backbones),
        "backbones": backbones,
        "clips": {clip: found.model_dump() for clip, found in truths.items()},
        "values": {
            metric: {clip: _number(value) for clip, value in found.items()}
            for metric, found in scores.values.items()
            if METRICS[metric].level != "set"
        },
        "set_values": {metric: _number(found.whole) for metric, found in scores.features.items()},
        "notes": list(notes),
        "cost": {
            "frames": sum(each["frames"] for each in by_clip),
            "seconds": sum(each["seconds"] for each in by_clip),
            "parameters": cost.get("parameters"),
            "device": cost.get("device") or "",
        }
        if by_clip
        else None,
        "weights": dict(weights or {}),
        "settings_sha256": manifest.get("settings_sha256", ""),
        "code": manifest.get("code", {}),
        "machine": manifest.get("machine", {}),
        "made": manifest.get("ended") or "",
    }
    return Record(**values, sha256=digest_record(json.loads(json.dumps(values))))


def read_set(metrics: Path) -> Scores:
    """Reads scores with the features of all set-level metrics."""
    distances = {
        name: metric_class(name).distance for name, facts in METRICS.items() if facts.level == "set"
    }
    return read_scores(metrics, distances)


def read_record(path: str | Path) -> Record:
    """Reads and checks a record.

    Raises:
        MetricError: It is no record, or it is not as it was written.
    """
    path = Path(path)
    again = "Export it again with `dicface results export`, and do not edit it."
    values = read_json(path, Own("a record, one JSON file", again, error=MetricError))
    if values.get("format") != FORMAT:
        found = values.get("format")
        raise MetricError(f"{path}: found format {found}; expected a record of format {FORMAT}.")
    if values.get("sha256") != digest_record(values):
        raise MetricError(
            f"{path}: is not as it was written: its digest is {digest_record(values)[:12]}…, it "
            f"states {str(values.get('sha256'))[:12]}…. {again}"
        )
    try:
        record = Record.model_validate(values)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise MetricError(f"{path}: {where}: {first['msg']}. {again}") from error
    _check(path, record)
    return record


def _check(path: Path, record: Record) -> None:
    """What a schema cannot say."""
    backbones = {name: found.model_dump() for name, found in record.backbones.items()}
    wrong = []
    if record.protocol_sha256 != protocol_digest(record.protocol, backbones):
        wrong.append("its protocol_sha256 is not that of its protocol and backbones")
    for metric, values in record.values.items():
        if metric not in METRICS or metric not in record.backbones:
            wrong.append(f"values of '{metric}', which is no metric or has no backbone")
        if unknown := sorted(set(values) - set(record.clips)):
            wrong.append(f"{metric} of clips that are not listed: {', '.join(unknown)}")
    if wrong:
        raise MetricError(f"{path}: {'; '.join(wrong)}. Export it again.")


def _number(value: float) -> Number:
    return float(value) if value == value else None
