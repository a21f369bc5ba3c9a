"""This part of the workflow trains the networks of the run.

In: training clips. Out: one safetensors file a stage: vqgan -> codeformer (code prediction) ->
fusion (its feature fusion) and -> dicface. Checkpoints inside the folder make a killed run go on.
"""


def stage_starts_from(wildcards):
    """The weights that a stage starts from, and the codebook prior whose codes it predicts."""
    start = SUITE.config.stage(wildcards.stage).init_from
    stages = {start, "vqgan"} - {"", wildcards.stage}
    return [f"{TRAIN}/train/{stage}/weights.safetensors" for stage in sorted(stages)]


rule train:
    """Train one stage."""
    input:
        clips=TRAIN_INDEX,
        weights=stage_starts_from,
    output:
        f"{TRAIN}/train/{{stage}}/weights.safetensors",
    log:
        f"{TRAIN}/logs/train_{{stage}}.log",
    benchmark:
        f"{TRAIN}/benchmarks/train_{{stage}}.tsv"
    threads: config["threads"]
    resources:
        gpu=int(config["device"].startswith("cuda")),
    params:
        config=TRAIN_CONFIG,
        facts=lambda wildcards: SUITE.stage_facts(wildcards.stage),
    shell:
        "{DICFACE} train --config {params.config} --stage {wildcards.stage}"
        " --clips {TRAIN_CLIPS} --out {TRAIN}/train 2>&1 | tee {log}"
