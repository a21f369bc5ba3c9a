"""This part of the workflow writes tables and the comparison picture.

In: scores of all methods that can run here. Out: results/<run>/tables/ and figures/.
"""


def scores(task, methods):
    return [f"{RUN}/{task}/{method}/metrics.parquet" for method in methods]


rule table1:
    """Table 1: blind restoration, every system of the paper and what the run trained."""
    input:
        scores=scores("bfr", SUITE.runnable(config["table1"])),
        noise_floor=rules.noise_floor.output,
        picture=f"{RUN}/figures/comparison.png",
    output:
        md=f"{RUN}/tables/table1.md",
        csv=f"{RUN}/tables/table1.csv",
        tex=f"{RUN}/tables/table1.tex",
        differences=f"{RUN}/tables/table1_differences.csv",
    log:
        f"{RUN}/logs/table1.log",
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("table1"),
    shell:
        "{DICFACE} table --config {params.config} --run {RUN} --train {TRAIN}/train"
        " --out $(dirname {output.md}) 2>&1 | tee {log}"


rule picture:
    """Input, CodeFormer, DicFace and truth of four clips, chosen by a rule."""
    input:
        truth=TEST_INDEX,
        scores=scores("bfr", ["input", "codeformer_trained", "dicface_trained"]),
    output:
        f"{RUN}/figures/comparison.png",
    log:
        f"{RUN}/logs/picture.log",
    params:
        config=RUN_CONFIG,
    shell:
        "{DICFACE} picture --config {params.config} --run {RUN}"
        " --truth $(dirname {input.truth}) --out {output} 2>&1 | tee {log}"
