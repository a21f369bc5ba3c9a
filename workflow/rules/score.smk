"""This part of the workflow scores restored clips against the truth.

In: restored and true clips. Out: long-form numbers per clip and per frame, and the features from
which set-level metrics are computed.
"""


rule analyse_truth:
    """Find faces, landmarks, identities and video features of the true clips, once for all methods."""
    input:
        TEST_INDEX,
    output:
        f"{RUN}/analysis/done.json",
    log:
        f"{RUN}/logs/analyse.log",
    benchmark:
        f"{RUN}/benchmarks/analyse.tsv"
    threads: SUITE.resources("analyse_truth").threads
    resources:
        **asked_by("analyse_truth"),
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("metrics"),
    shell:
        "{DICFACE} analyse --config {params.config} --truth $(dirname {input})"
        " --out $(dirname {output}) --workers {threads} 2>&1 | tee {log}"


rule noise_floor:
    """Measure what the face metrics give on the truth itself: detector and re-encoding."""
    input:
        truth=TEST_INDEX,
        analysis=rules.analyse_truth.output,
    output:
        f"{RUN}/noise_floor.parquet",
    log:
        f"{RUN}/logs/noise_floor.log",
    benchmark:
        f"{RUN}/benchmarks/noise_floor.tsv"
    threads: SUITE.resources("noise_floor").threads
    resources:
        **asked_by("noise_floor"),
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("metrics"),
    shell:
        "{DICFACE} noise-floor --config {params.config} --truth $(dirname {input.truth})"
        " --analysis $(dirname {input.analysis}) --out {output} 2>&1 | tee {log}"


def restored_index(wildcards):
    """What says that a method's clips of a task are all there."""
    index = "degradation.parquet" if wildcards.method == "input" else "index.json"
    return f"{RUN}/{wildcards.task}/{wildcards.method}/{index}"


rule score:
    """Score every clip of one method: all metrics in one decode."""
    input:
        restored=restored_index,
        truth=rules.analyse_truth.output,
        index=TEST_INDEX,
    output:
        f"{RUN}/{{task}}/{{method}}/metrics.parquet",
    log:
        f"{RUN}/logs/score_{{task}}_{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/score_{{task}}_{{method}}.tsv"
    threads: SUITE.resources("score").threads
    resources:
        **asked_by("score"),
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("metrics"),
    shell:
        "{DICFACE} score-method --config {params.config} --task {wildcards.task}"
        " --method {wildcards.method} --restored $(dirname {input.restored})"
        " --truth $(dirname {input.index}) --analysis $(dirname {input.truth})"
        " --out $(dirname {output}) 2>&1 | tee {log}"
