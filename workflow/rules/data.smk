"""This part of the workflow makes clips: rendered or imported, and their degraded inputs.

In: nothing (rendered sets), the user's videos, or data sets. Out: aligned lossless test clips with
an index, every task's input of every test clip and what was drawn for it; an index of training
clips, which are read where they lie, and the landmarks that align them.
"""


def one_of(names):
    """A constraint for wildcards; of no name where there is none."""
    return "|".join(names) or "none"


def source_of(wildcards):
    """What jobs on a data set read of its section: not, say, in which order a training aligns."""
    section = config["data"][wildcards.set]
    return {key: section.get(key, 1) for key in ("layout", "folder", "shard_size")}


rule render_clips:
    """Render a split of the demo's talking heads; the test split also holds the photograph."""
    output:
        index=f"{TRAIN}/clips/{{split}}/index.parquet",
    log:
        f"{TRAIN}/logs/render_{{split}}.log",
    benchmark:
        f"{TRAIN}/benchmarks/render_{{split}}.tsv"
    wildcard_constraints:
        split=one_of(SUITE.rendered_splits()),
    threads: SUITE.resources("render_clips").threads
    resources:
        **asked_by("render_clips"),
    params:
        config=TRAIN_CONFIG,
        facts=lambda wildcards: SUITE.render_facts(wildcards.split),
    shell:
        "{DICFACE} render --config {params.config} --split {wildcards.split}"
        " --out $(dirname {output.index}) --workers {threads} 2>&1 | tee {log}"


rule import_clips:
    """Align the clips of a folder or data set, by the faces in them or released landmarks."""
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
        facts=SUITE.test_set_facts(),
    shell:
        "{DICFACE} import --config {params.config} --out $(dirname {output.index}) 2>&1 | tee {log}"


rule training_landmarks:
    """Find, smooth and store the landmarks of one shard of the training clips."""
    output:
        f"{TRAIN}/clips/{{set}}/landmarks/shard_{{shard}}.parquet",
    log:
        f"{TRAIN}/logs/landmarks_{{set}}_{{shard}}.log",
    benchmark:
        f"{TRAIN}/benchmarks/landmarks_{{set}}_{{shard}}.tsv"
    threads: SUITE.resources("training_landmarks").threads
    resources:
        **asked_by("training_landmarks"),
    params:
        set=source_of,
        detector=config["data"]["detector"],
        clips=lambda wildcards: triggers.digest(
            SUITE.landmark_shards(wildcards.set)[wildcards.shard]
        ),
    shell:
        "{DICFACE} data landmarks --layout {params.set[layout]} --folder {params.set[folder]:q}"
        " --shard-size {params.set[shard_size]} --shard {wildcards.shard}"
        " --detector {params.detector} --out {TRAIN}/clips/{wildcards.set} 2>&1 | tee {log}"


rule training_index:
    """Write where each training clip, its frames and its landmarks are."""
    input:
        lambda wildcards: expand(
            rules.training_landmarks.output,
            set=wildcards.set,
            shard=SUITE.landmark_shards(wildcards.set),
        ),
    output:
        f"{TRAIN}/clips/{{set}}/index.parquet",
    log:
        f"{TRAIN}/logs/index_{{set}}.log",
    wildcard_constraints:
        set=one_of(SUITE.indexed_sets()),
    threads: SUITE.resources("training_index").threads
    resources:
        **asked_by("training_index"),
    params:
        set=source_of,
    shell:
        "{DICFACE} data index --layout {params.set[layout]} --folder {params.set[folder]:q}"
        " --shard-size {params.set[shard_size]} --out $(dirname {output}) 2>&1 | tee {log}"


rule degrade:
    """Make a task's input of every test clip: degraded, masked or grey; or take released ones."""
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
