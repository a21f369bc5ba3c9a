"""This part of the workflow restores the inputs of a task, one job a method.

In: inputs, and weights of the run for trained methods and variants. Out: one lossless clip each;
clips that are there already are not restored again.
"""


def trained_weights(wildcards):
    """The run's own weights that a method needs; nothing for released systems."""
    network = SUITE.method_network(wildcards.method)
    return [weights(network)] if network else []


rule restore:
    """Restore every clip of a task with one method or variant."""
    input:
        degraded=f"{RUN}/{{task}}/input/degradation.parquet",
        weights=trained_weights,
    output:
        f"{RUN}/{{task}}/{{method}}/index.json",
    log:
        f"{RUN}/logs/restore_{{task}}_{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/restore_{{task}}_{{method}}.tsv"
    threads: config["threads"]
    resources:
        gpu=int(config["device"].startswith("cuda")),
    params:
        config=RUN_CONFIG,
        facts=lambda wildcards: SUITE.restore_facts(wildcards.method),
        weights=lambda wildcards, input: (
            f"--weights {input.weights[0]}" if input.weights else ""
        ),
    shell:
        "{DICFACE} restore --config {params.config} --task {wildcards.task}"
        " --method {wildcards.method} {params.weights}"
        " --input $(dirname {input.degraded}) --out $(dirname {output}) 2>&1 | tee {log}"
