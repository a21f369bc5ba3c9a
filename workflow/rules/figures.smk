"""This part of the workflow draws the paper's figures and the curves of the training.

In: clips, scores, landmarks and code weights. Out: results/<run>/figures/<figure>.{pdf,png,txt}.
"""


rule code_weights:
    """Measure how a trained DicFace weights the codes of its codebook."""
    input:
        weights=weights("{network}"),
        degraded=f"{RUN}/bfr/input/degradation.parquet",
    output:
        f"{RUN}/analysis/code_weights/{{network}}.npz",
    log:
        f"{RUN}/logs/code_weights_{{network}}.log",
    threads: SUITE.resources("code_weights").threads
    resources:
        **asked_by("code_weights"),
    params:
        config=RUN_CONFIG,
        facts=SUITE.code_weights_facts(),
    shell:
        "{DICFACE} code-weights --config {params.config} --weights {input.weights}"
        " --input $(dirname {input.degraded}) --out {output} 2>&1 | tee {log}"


def shown_in(wildcards):
    """What a figure is drawn from."""
    figure = wildcards.figure
    if figure == "training_curves":
        return list(map(weights, SUITE.trained_stages()))
    if figure in ("figure8a", "figure8b"):
        return [
            f"{RUN}/analysis/code_weights/{network}.npz"
            for network in SUITE.networks_shown(figure)
        ]
    task = systems.TASK_OF_GRID.get(figure, "bfr")
    return scores(task, SUITE.methods_shown(figure))


rule figure:
    """Draw one figure as PDF and PNG, with its caption."""
    input:
        shown=shown_in,
        truth=TEST_INDEX,
    output:
        multiext(f"{RUN}/figures/{{figure}}", ".pdf", ".png", ".txt"),
    log:
        f"{RUN}/logs/{{figure}}.log",
    wildcard_constraints:
        figure="|".join(systems.FIGURES),
    params:
        config=RUN_CONFIG,
        facts=lambda wildcards: SUITE.figure_facts(wildcards.figure),
    shell:
        "{DICFACE} figure --figure {wildcards.figure} --config {params.config} --run {RUN}"
        " --train {TRAIN}/train 2>&1 | tee {log}"


rule figures:
    """All figures that the configuration can have."""
    input:
        expand(f"{RUN}/figures/{{figure}}.pdf", figure=SUITE.figures()),
