"""This part of the workflow writes tables.

In: scores of all methods and variants that can run here. Out: results/<run>/tables/. Where a job
failed, the tables are still written, in part, with its reason in the row: tables/partial/.
"""

PAPER_NUMBERS = Path(workflow.basedir) / "config" / "paper_numbers"


def scores(task, methods):
    return [f"{RUN}/{task}/{method}/metrics.parquet" for method in methods]


def paper_numbers(table):
    """The paper's table and why its numbers may differ from ours; none where it has no such table."""
    printed = PAPER_NUMBERS / f"{table}.csv"
    return [printed, PAPER_NUMBERS / "reasons.csv"] if printed.is_file() else []


rule table1:
    """Table 1: blind restoration, every system of the paper and what the run trained."""
    input:
        scores=scores("bfr", SUITE.scored("bfr")),
        noise_floor=rules.noise_floor.output,
        paper=paper_numbers("table1"),
    output:
        md=f"{RUN}/tables/table1.md",
        csv=f"{RUN}/tables/table1.csv",
        json=f"{RUN}/tables/table1.json",
        tex=f"{RUN}/tables/table1.tex",
        differences=f"{RUN}/tables/table1_differences.csv",
    log:
        f"{RUN}/logs/table1.log",
    params:
        config=RUN_CONFIG,
        facts=SUITE.table_facts("table1"),
    shell:
        "{DICFACE} table --table table1 --config {params.config} --run {RUN} --train {TRAIN}/train"
        " 2>&1 | tee {log}"


rule table2:
    """Table 2: inpainting and colorization."""
    input:
        scores=[scores(task, SUITE.scored(task)) for task in config["table2"]],
        noise_floor=rules.noise_floor.output,
        paper=paper_numbers("table2"),
    output:
        md=f"{RUN}/tables/table2.md",
        csv=f"{RUN}/tables/table2.csv",
        json=f"{RUN}/tables/table2.json",
        tex=f"{RUN}/tables/table2.tex",
    log:
        f"{RUN}/logs/table2.log",
    params:
        config=RUN_CONFIG,
        facts=SUITE.table_facts("table2"),
    shell:
        "{DICFACE} table --table table2 --config {params.config} --run {RUN} --train {TRAIN}/train"
        " 2>&1 | tee {log}"


ABLATION_OF_FILE = {SUITE.table_file(name): name for name in config["ablations"]}


rule ablation:
    """Table 3, Table 4 or a table of the appendix: variants beside the headline model."""
    input:
        scores=lambda wildcards: scores(
            "bfr", config["ablations"][ABLATION_OF_FILE[wildcards.table]]["rows"]
        ),
        noise_floor=rules.noise_floor.output,
        paper=lambda wildcards: paper_numbers(wildcards.table),
    output:
        md=f"{RUN}/tables/{{table}}.md",
        csv=f"{RUN}/tables/{{table}}.csv",
        json=f"{RUN}/tables/{{table}}.json",
        tex=f"{RUN}/tables/{{table}}.tex",
    log:
        f"{RUN}/logs/{{table}}.log",
    wildcard_constraints:
        table="|".join(ABLATION_OF_FILE),
    params:
        config=RUN_CONFIG,
        facts=lambda wildcards: SUITE.table_facts(ABLATION_OF_FILE[wildcards.table]),
        name=lambda wildcards: ABLATION_OF_FILE[wildcards.table],
    shell:
        "{DICFACE} table --table {params.name} --config {params.config} --run {RUN}"
        " --train {TRAIN}/train 2>&1 | tee {log}"


rule table3:
    """Table 3: the prior."""
    input:
        f"{RUN}/tables/table3.md",


rule table4:
    """Table 4: how codes are mixed."""
    input:
        f"{RUN}/tables/table4.md",


rule ablations:
    """Tables 3, 4 and those of the appendix."""
    input:
        expand(f"{RUN}/tables/{{table}}.md", table=ABLATION_OF_FILE),
