"""This part of the workflow makes clips: rendered or imported, and their degraded inputs.

In: nothing (rendered sets) or the user's videos. Out: aligned lossless clips with an index, every
task's input of every test clip and what was drawn for it.
"""


rule render_clips:
    """Render a split of the demo's talking heads; the test split also holds the photograph."""
    output:
        index=f"{TRAIN}/clips/{{split}}/index.parquet",
    log:
        f"{TRAIN}/logs/render_{{split}}.log",
    benchmark:
        f"{TRAIN}/benchmarks/render_{{split}}.tsv"
    threads: SUITE.resources("render_clips").threads
    resources:
        **asked_by("render_clips"),
    params:
        config=TRAIN_CONFIG,
        facts=lambda wildcards: SUITE.facts("data"),
    shell:
        "{DICFACE} render --config {params.config} --split {wildcards.split}"
        " --out $(dirname {output.index}) --workers {threads} 2>&1 | tee {log}"


rule import_clips:
    """Find, smooth and align the faces of the user's own videos."""
    input:
        SUITE.source_files(),
    output:
        index=f"{RUN}/clips/own/index.parquet",
    log:
        f"{RUN}/logs/import.log",
    benchmark:
        f"{RUN}/benchmarks/import.tsv"
    threads: SUITE.resources("import_clips").threads
    resources:
        **asked_by("import_clips"),
    params:
        config=RUN_CONFIG,
        facts=SUITE.facts("data", "test_clips"),
    shell:
        "{DICFACE} import --config {params.config} --out $(dirname {output.index}) 2>&1 | tee {log}"


rule degrade:
    """Make a task's input of every test clip: degraded, masked or grey."""
    input:
        TEST_INDEX,
    output:
        f"{RUN}/{{task}}/input/degradation.parquet",
    log:
        f"{RUN}/logs/degrade_{{task}}.log",
    benchmark:
        f"{RUN}/benchmarks/degrade_{{task}}.tsv"
    threads: SUITE.resources("degrade").threads
    resources:
        **asked_by("degrade"),
    params:
        config=RUN_CONFIG,
        facts=lambda wildcards: SUITE.input_facts(wildcards.task),
    shell:
        "{DICFACE} degrade --config {params.config} --task {wildcards.task}"
        " --clips $(dirname {input}) --out $(dirname {output}) 2>&1 | tee {log}"
