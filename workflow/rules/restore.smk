"""This part of the workflow restores the degraded clips, one job a method.

In: degraded clips, and weights trained in the run for the two trained methods. Out: one lossless
clip each; clips that are there already are not restored again.
"""


def trained_weights(wildcards):
    """The run's own weights that a trained method needs; nothing for released systems."""
    stage = suite.TRAINED_METHODS.get(wildcards.method)
    return [f"{TRAIN}/train/{stage}/weights.safetensors"] if stage else []


rule restore:
    """Restore every degraded clip with one method."""
    input:
        degraded=f"{RUN}/bfr/input/degradation.parquet",
        weights=trained_weights,
    output:
        f"{RUN}/bfr/{{method}}/index.json",
    log:
        f"{RUN}/logs/restore_{{method}}.log",
    benchmark:
        f"{RUN}/benchmarks/restore_{{method}}.tsv"
    threads: config["threads"]
    resources:
        gpu=int(config["device"].startswith("cuda")),
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("restore", "device"),
        weights=lambda wildcards, input: (
            f"--weights {input.weights[0]}" if input.weights else ""
        ),
    shell:
        "{DICFACE} restore --config {params.config} --method {wildcards.method} {params.weights}"
        " --input $(dirname {input.degraded}) --out $(dirname {output}) 2>&1 | tee {log}"
