"""A method with a released file, small."""

from dataclasses import dataclass

from dicface.methods import MethodFacts
from dicface.methods.codeformer import CodeFormer
from dicface.models import build
from tests.methods.small import TINY


@dataclass(kw_only=True)
class Released(CodeFormer):
    facts = MethodFacts(
        name="released", label="Released", size=16, weights={"bfr": ("released_file",)}
    )

    def build(self):
        return build("codeformer", **TINY)
