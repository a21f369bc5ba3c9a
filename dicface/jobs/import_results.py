"""Makes results that were made elsewhere a method of the run."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from dicface.base.files import stamp_of_folder
from dicface.config.settings import TASKS, ResultsElsewhere
from dicface.config.systems import made_elsewhere
from dicface.jobs.files import clips_of, true_clips
from dicface.jobs.job import Job, wildcard
from dicface.workflow.plan import Plan


@dataclass(frozen=True, kw_only=True)
class ImportResults(Job):
    """Make results that were made elsewhere a method of the run, without copying a clip."""

    name = "import_results"
    kind = "restored"

    task: str = wildcard(", ".join(TASKS))
    method: str = wildcard("a name in `methods` of the configuration")

    @classmethod
    def constraints(cls, plan: Plan) -> dict[str, Iterable[str]]:
        """The names in `methods`."""
        return {"task": TASKS, "method": [each.name for each in made_elsewhere(plan.config)]}

    @property
    def entry(self) -> ResultsElsewhere:
        """Its entry of `methods`."""
        wanted = (self.method, self.task)
        (entry,) = (e for e in self.run.config.methods if (e.name, e.task) == wanted)
        return entry

    def waits_for(self) -> list[Path]:
        """The true clips, with which they are matched."""
        return [self.run.truth_index]

    def writes(self) -> list[Path]:
        """Which clips there are, and where they lie."""
        return [self.run.results(self.task, self.method).index]

    def depends_on(self) -> dict[str, Any]:
        """The entry, and its files by name, size and time, so that a changed frame is noticed."""
        return {**asdict(self.entry), "files": stamp_of_folder(self.entry.restored)}

    def work(self) -> None:
        """See `dicface.report.score_folder.import_results`."""
        from dicface.report.score_folder import import_results

        import_results(
            self.method,
            Path(self.entry.restored),
            self.run.truth,
            self.run.results(self.task, self.method).folder,
            label=self.entry.label,
        )

    def reads(self) -> Mapping[str, Iterable[Path]]:
        """True and restored clips."""
        restored = clips_of(Path(self.entry.restored))
        return {"clips": true_clips(self.run.truth), "restored": restored}
