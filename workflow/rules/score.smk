"""This part of the workflow scores restored clips against the truth.

In: restored and true clips. Out: long-form numbers per clip and per frame, and the features from
which set-level metrics are computed.
"""


rule score:
    """Score every clip of one method: all metrics in one decode."""
    input:
        restored=lambda wildcards: (
            f"{RUN}/bfr/input/degradation.parquet"
            if wildcards.method == "input"
            else f"{RUN}/bfr/{wildcards.method}/restored.json"
        ),
        truth=rules.analyse_truth.output,
        index=TEST_INDEX,
    output:
        f"{RUN}/bfr/{{method}}/metrics.parquet",
    log:
        f"{RUN}/logs/score_{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/score_{{method}}.tsv"
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("metrics"),
    shell:
        "{DICFACE} score --config {params.config} --method {wildcards.method}"
        " --restored $(dirname {input.restored}) --truth $(dirname {input.index})"
        " --analysis $(dirname {input.truth}) --out $(dirname {output}) 2>&1 | tee {log}"
