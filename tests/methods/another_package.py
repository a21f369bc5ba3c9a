"""What the tests register as methods of another package."""

from dataclasses import dataclass

from dicface.methods import Method, MethodFacts

TEXT = "no class"


@dataclass(kw_only=True)
class Negative(Method):
    """A method of another package."""

    strength: float = 1.0

    facts = MethodFacts(name="negative", label="Negative image", size=None, aligned=False)

    def restore(self, frames, *, clip=""):
        for frame in frames:
            yield 1 - self.strength * frame


class Factless(Method):
    def restore(self, frames, *, clip=""):
        yield from frames
