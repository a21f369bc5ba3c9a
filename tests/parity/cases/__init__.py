"""One module per reference file: what our code computes for the tensors stored in it.

A case is a module `tests/parity_cases/<name>.py` with one function:

    def tensors(seed, golden, manifest) -> Iterator[tuple[str, np.ndarray, Tolerance]]

It yields (key of the golden file, our tensor, tolerance) one by one, so that nothing large stays in
memory. `seed` is the SEED of the recipe, `golden` a mapping key → stored array (to look at, e.g.
for which variants are there, never to copy from), `manifest` the parsed manifest or {}. Helpers for
weights, inputs and the "strided + stats" form are in `_recipe`. Alternatively a case yields
ready-made deviations: `def compare(golden, seed) -> Iterator[(key, deviation, allowed)]`.

`<name>` is the folder that holds the reference files. Where one folder has several kinds of files,
add the kind to `VARIANTS` in `tests/parity/compare.py`.
"""
