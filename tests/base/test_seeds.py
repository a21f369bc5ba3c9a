"""Seeds come from names."""

from dicface.base.seeds import numpy_rng, seed_of


def test_seeds_depend_on_names_alone() -> None:
    assert seed_of("demo", "clip", 1) == seed_of("demo", "clip", "1")
    assert seed_of("a", "b") != seed_of("b", "a")
    assert 0 <= seed_of("x") < 2**63
    assert numpy_rng("a").random() == numpy_rng("a").random()
