"""This part of the workflow makes a rule of every job in `dicface.jobs`.

A job says in its one file what it waits for, what it writes, on which settings that depends, and
what it does: read there what a rule is about (`dicface/jobs/<rule>.py`), or ask for one job:

    dicface job restore --run results/demo --task bfr --method codeformer_trained --dry-run
"""


def job_of(job, wildcards):
    """The job of a rule for its wildcards."""
    run = PLAN.run.training if job.of_training else PLAN.run
    return job(run=run, **dict(wildcards.items()))


def waits_for(job):
    return lambda wildcards: list(map(str, job_of(job, wildcards).waits_for()))


def writes(job):
    placeholders = {name: f"{{{name}}}" for name in job.wildcards()}
    files = list(map(str, job_of(job, placeholders).writes()))
    if job.name == "report_pages":
        # For `snakemake --report`, which takes the whole folder in.
        return report(
            directory(Path(files[0]).parent),
            htmlindex=Path(files[0]).name,
            category="Report",
            caption="../report/report.rst",
        )
    return files


def noted_in(folder, job, suffix):
    """Log or benchmark of a job, named by its rule and wildcards."""
    home = TRAIN if job.of_training else RUN
    name = "_".join((job.name, *(f"{{{name}}}" for name in job.wildcards())))
    return f"{home}/{folder}/{name}{suffix}"


def made_from(job):
    return lambda wildcards: job_of(job, wildcards).made_from()


def options(job):
    pairs = [f"--{name} {{{name}}}" for name in job.wildcards()]
    return lambda wildcards: " ".join(pairs).format(**dict(wildcards.items()))


def constraints(job):
    allowed = dict.fromkeys(job.wildcards(), [ANY]) | job.constraints(PLAN)
    return {name: "|".join(values) or "none" for name, values in allowed.items()}


def asked_by(rule):
    """Memory, time and GPUs of a rule from the configuration; a retry asks for more."""
    return {
        "gpu": PLAN.resources(rule).gpu,
        "mem_mb": lambda wildcards, attempt: PLAN.resources(rule, attempt).mem_mb,
        "runtime": lambda wildcards, attempt: PLAN.resources(rule, attempt).runtime,
    }


for JOB in JOBS.values():

    rule:
        name:
            JOB.name
        input:
            waits_for(JOB),
        output:
            writes(JOB),
        log:
            noted_in("logs", JOB, ".log"),
        benchmark:
            noted_in("benchmarks", JOB, ".tsv")
        wildcard_constraints:
            **constraints(JOB),
        priority: JOB.priority
        threads: PLAN.resources(JOB.name).threads
        resources:
            **asked_by(JOB.name),
        params:
            run=TRAIN if JOB.of_training else RUN,
            made_from=made_from(JOB),
            options=options(JOB),
        shell:
            "{DICFACE} job {rule} --run {params.run} {params.options} --workers {threads}"
            " > {log} 2>&1"

    workflow.get_rule(JOB.name).docstring = JOB.__doc__


# Both write a method's index; what was made elsewhere is not restored.
ruleorder: import_results > restore
