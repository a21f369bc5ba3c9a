"""This part of the workflow names what one asks for: tables, figures, the report."""


def tables(*names):
    files = [
        f"{RUN}/tables/{name}.{end}" for name in names for end in ("md", "csv", "tex")
    ]
    return lambda _: PLAN.with_truth(files)


rule table1:
    """Table 1: blind restoration, every system of the paper and what the run trained."""
    input:
        tables(*(name for name, table in PLAN.tables().items() if table == "table1")),
        f"{RUN}/figures/comparison.png",


rule over_time:
    """The rows of Table 1 over time, with controls of the truth."""
    input:
        tables("over_time"),


rule table2:
    """Table 2: inpainting by region and colorization in colour, too."""
    input:
        tables(
            "table2",
            *(name for name in ("by_region", "in_colour") if name in PLAN.tables()),
        ),


rule table3:
    """Table 3: the prior."""
    input:
        tables("table3"),


rule table4:
    """Table 4: how codes are mixed."""
    input:
        tables("table4"),


rule ablations:
    """Tables 3, 4 and those of the appendix."""
    input:
        tables(
            *(
                name
                for name, table in PLAN.tables().items()
                if table not in ("table1", "table2", *PANELS)
            )
        ),


rule wild:
    """Your own degraded videos, without a truth; with --config wild_clips=FOLDER."""
    input:
        lambda _: PLAN.wild_files(),


rule demo_weights:
    """The weights of stages I to III that ship; with config/demo_weights.yaml."""
    input:
        lambda _: [
            f"{TRAIN}/train/{name}/shipped/{name}.safetensors"
            for name in PLAN.shipped()
        ],


rule figures:
    """All figures that the configuration can have."""
    input:
        [f"{RUN}/figures/{figure}.pdf" for figure in figures(PLAN.config)],


rule report:
    """The report; `snakemake --report` holds it too."""
    input:
        f"{RUN}/report",
