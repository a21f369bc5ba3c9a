"""This part of the workflow writes the report: one folder of pages that opens from disk."""


rule report_pages:
    """Tables, figures, clips side by side, costs and provenance as pages."""
    input:
        rules.table1.output.md,
        rules.table2.output.md,
        rules.ablations.input,
        rules.figures.input,
        truth=TEST_INDEX,
    output:
        report(
            directory(f"{RUN}/report"),
            htmlindex="index.html",
            category="Report",
            caption="../report/report.rst",
        ),
    log:
        f"{RUN}/logs/report.log",
    params:
        config=RUN_CONFIG,
    shell:
        "{DICFACE} report --config {params.config} --run {RUN} --train {TRAIN}/train 2>&1 | tee {log}"


rule report:
    """The report; `snakemake --report` holds it too."""
    input:
        rules.report_pages.output,
