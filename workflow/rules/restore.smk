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
    threads: max(config["threads"], SUITE.resources("restore").threads)
    resources:
        **asked_by("restore"),
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


rule import_results:
    """Make results that were made elsewhere a method of the run, without copying a clip."""
    input:
        truth=TEST_INDEX,
    output:
        f"{RUN}/{{task}}/{{method}}/index.json",
    log:
        f"{RUN}/logs/import_{{task}}_{{method}}.log",
    wildcard_constraints:
        method="|".join(each["name"] for each in config["methods"]) or "none",
    params:
        config=RUN_CONFIG,
        made=lambda wildcards: SUITE.results_elsewhere(wildcards.method, wildcards.task),
    shell:
        "{DICFACE} import-results --config {params.config} --method {wildcards.method}"
        " --label {params.made[label]:q} --restored {params.made[restored]:q}"
        " --truth $(dirname {input.truth}) --out $(dirname {output}) 2>&1 | tee {log}"


ruleorder: import_results > restore
