"""Which networks measure: official ones whose files are on this machine, else offline ones.

Truth and restored clips always go through the same backbone, and every score names it.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, get_args

from dicface.base.errors import ConfigError, WeightsError
from dicface.config.settings import Config
from dicface.metrics import (
    METRICS,
    WITHOUT_TRUTH,
    BackboneFacts,
    load_class,
    metric_class,
    needed_backbones,
)
from dicface.metrics.backbones.info import PIXELS, BackboneInfo
from dicface.weights import registry

Prefer = Literal["auto", "official", "offline", "random"]

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Backbones:
    """The networks that the metrics need; each is loaded at its first use.

    Attributes:
        networks: Kind -> what measures; `backbones[LANDMARKS]` looks it up by the kind's facts.
        prefer: As `resolve` was told; so are the next three.
        device: torch device of the networks.
        instead: Variants.
        metrics: What is measured with them; None for all listed metrics.
    """

    networks: Mapping[str, Any]
    prefer: Prefer = "auto"
    device: str = "cpu"
    instead: Sequence[BackboneFacts] = ()
    metrics: Sequence[str] | None = None

    @classmethod
    def resolve(
        cls,
        prefer: Prefer = "auto",
        *,
        device: str = "cpu",
        instead: Sequence[BackboneFacts] = (),
        metrics: Sequence[str] | None = None,
    ) -> Backbones:
        """Chooses the backbones and logs what was chosen and why.

        Args:
            prefer: "auto": the official network of each metric whose file is on this machine, the
                offline one otherwise; "official": official ones, an error where a file is missing;
                "offline": offline ones, whatever is there; "random": the same, with random features
                where nothing else needs neither a download nor a package.
            device: torch device of LPIPS, FAN and the video network, "cpu" or "cuda".
            instead: Variants that measure instead of the tables' backbones of the same kind.
            metrics: Chooses for these alone; None for all listed metrics.

        Raises:
            ConfigError: `prefer` has another value.
            WeightsError: A file is damaged, or missing although official ones are asked for; or the
                package of an offline network is not installed.
        """
        if prefer not in get_args(Prefer):
            raise ConfigError(
                f"metrics.backbones is '{prefer}'; expected one of {', '.join(get_args(Prefer))}."
            )
        needed = needed_backbones(metrics) | {variant.kind: variant for variant in instead}
        networks = {kind: _choose(facts, prefer, device) for kind, facts in needed.items()}
        for kind, network in networks.items():
            _log.info("%s by %s: %s", kind, network.info.name, network.info.reason)
        return cls(
            networks=networks,
            prefer=prefer,
            device=device,
            instead=tuple(instead),
            metrics=metrics,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        # Networks do not travel: another process makes the same choice again.
        return _resolve_again, (self.prefer, self.device, self.instead, self.metrics)

    def __getitem__(self, needed: BackboneFacts) -> Any:  # noqa: ANN401 - each kind has its methods
        return self.networks[needed.kind]

    def of(self, metric: str) -> BackboneInfo:
        """What a metric is computed with: the last network it needs, or pixels alone."""
        needs = metric_class(metric).needs
        return self[needs[-1]].info if needs else PIXELS

    def digests(self, *kinds: BackboneFacts) -> dict[str, str]:
        """Kind -> "name sha256", of some kinds or of all: what files made with them depend on."""
        names = [facts.kind for facts in kinds] or self.networks
        infos = {kind: self.networks[kind].info for kind in names}
        return {kind: f"{info.name} {info.sha256}" for kind, info in infos.items()}


def unmeasured(metrics: Iterable[str], prefer: Prefer) -> dict[str, str]:
    """Returns metric -> why nothing measures it here: no file of its network, and no other one.

    None where official networks are asked for: there a missing file is an error (`resolve`).
    """
    reasons = {}
    for name in metrics if prefer != "official" else ():
        for facts in metric_class(name).needs:
            if facts.offline or (prefer == "auto" and registry.here(facts.file)):
                continue
            reasons[name] = (
                registry.where_to_get(facts.file)
                if prefer == "auto"
                else f"metrics.backbones is '{prefer}', and nothing stands for it offline"
            )
    return reasons


def metrics_of(config: Config) -> list[str]:
    """Returns a run's metrics: the paper's, or those that need no truth and can be had here."""
    if not config.wild_clips:
        return list(METRICS)
    absent = unmeasured(WITHOUT_TRUTH, config.metrics.backbones)
    return [name for name in WITHOUT_TRUTH if name not in absent]


def _resolve_again(
    prefer: Prefer,
    device: str,
    instead: Sequence[BackboneFacts],
    metrics: Sequence[str] | None,
) -> Backbones:
    return Backbones.resolve(prefer, device=device, instead=instead, metrics=metrics)


def _choose(facts: BackboneFacts, prefer: Prefer, device: str) -> Any:  # noqa: ANN401
    path = _official_file(facts.file, prefer) if facts.file else None
    if path:
        return _network(facts.official, path, device)
    if not facts.offline:
        raise WeightsError(f"{registry.where_to_get(facts.file)}; nothing stands for it offline.")
    chosen = facts.random if prefer == "random" and facts.random else facts.offline
    return _network(chosen, device, _why_offline(facts.file, prefer))


@functools.cache
def _network(reference: str, *arguments: Any) -> Any:  # noqa: ANN401
    """One of each in a process, so that weights are read, or drawn, at the first use alone."""
    return load_class(reference)(*arguments)


def _official_file(name: str, prefer: Prefer) -> Path | None:
    if prefer in ("offline", "random"):
        return None
    path = registry.find(name)
    if path is None and prefer == "official":
        raise WeightsError(
            f"{registry.where_to_get(name)}; or set metrics.backbones to 'auto' to measure with "
            "the offline backbone."
        )
    return path


def _why_offline(name: str, prefer: Prefer) -> str:
    if not name:
        return "there is no other"
    if prefer in ("offline", "random"):
        return f"{prefer} backbones were asked for"
    return f"{registry.entry(name).file} is not on this machine"


__all__ = ["BackboneInfo", "Backbones", "Prefer", "metrics_of", "unmeasured"]
