"""Identity of the restored and the input's face. Card: docs/metrics/identity_input.md."""

from __future__ import annotations

from dataclasses import replace

from dicface.metrics.ids import Ids


class IdentityToInput(Ids):
    """IDS with the input in the place of the truth."""

    facts = replace(Ids.facts, id="identity_input", name="IDS input", in_noise_floor=False)
    says = (
        "identity similarity to the input's face, 1 for the input itself; of a face that is hardly "
        "seen the input says little about who it is"
    )
