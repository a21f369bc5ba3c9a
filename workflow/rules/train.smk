"""This part of the workflow trains the networks of the run.

In: training clips. Out: one safetensors file a network, stages (vqgan -> codeformer -> fusion and
-> dicface) and variants alike. Checkpoints inside the folder make a killed run go on.
"""


def weights(network):
    return f"{TRAIN}/train/{network}/weights.safetensors"


rule train:
    """Train one stage or variant, or take its released weights."""
    input:
        clips=lambda wildcards: SUITE.training_index(wildcards.network),
        weights=lambda wildcards: list(map(weights, SUITE.sources(wildcards.network))),
    output:
        weights("{network}"),
    log:
        f"{TRAIN}/logs/train_{{network}}.log",
    benchmark:
        f"{TRAIN}/benchmarks/train_{{network}}.tsv"
    threads: max(config["threads"], SUITE.resources("train").threads)
    resources:
        **asked_by("train"),
    params:
        config=TRAIN_CONFIG,
        clips=lambda wildcards: str(SUITE.run.training_clips(wildcards.network)),
        facts=lambda wildcards: SUITE.network_facts(wildcards.network),
    shell:
        "{DICFACE} train --config {params.config} --network {wildcards.network}"
        " --clips {params.clips:q} --out {TRAIN}/train 2>&1 | tee {log}"
