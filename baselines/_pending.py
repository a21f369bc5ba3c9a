"""Systems whose facts are known while their network is not part of this version."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from baselines._method import Method, describe_missing
from dicface.errors import MethodError

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(kw_only=True)
class Pending(Method):
    """A method that states its facts and says honestly that it cannot run yet."""

    def unavailable(self, *, size: int | None = None) -> str | None:
        """Returns that the network is missing, and which weights file it would take."""
        del size
        return (
            f"the network of {self.facts.label} is not part of this version of the suite; "
            f"it would need the {describe_missing(self.weights_names())}"
        )

    def restore(self, frames: Iterable[Tensor], *, clip: str = "") -> Iterator[Tensor]:
        """Cannot run.

        Raises:
            MethodError: Always.
        """
        raise MethodError(f"{self.facts.label} cannot run: {self.unavailable()}.")
