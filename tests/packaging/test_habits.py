"""What other programs read at the repository's top: public CI, hooks, container definitions."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
STEPS = ["system", "install", "lint", "demo", "tests"]


def test_public_ci_takes_the_steps_of_the_local_one() -> None:
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "ci.yml").read_text())
    commands = [step.get("run", "") for step in workflow["jobs"]["check"]["steps"]]
    assert re.findall(r"\.ci/run (\w+)", "\n".join(commands)) == STEPS
    assert f"${{*:-{' '.join(STEPS)}}}" in (ROOT / ".ci" / "run").read_text()


def test_an_unknown_step_is_refused() -> None:
    done = subprocess.run(
        [ROOT / ".ci" / "run", "nonsense"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "found the step 'nonsense', expected system, install, lint, demo" in done.stderr


def test_containers_take_all_that_the_wheel_is_made_of() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    wheel = project["tool"]["hatch"]["build"]["targets"]["wheel"]
    needed = {"pyproject.toml", project["project"]["readme"], *project["project"]["license-files"]}
    needed |= {*wheel["packages"], *wheel["force-include"], "requirements.lock"}
    docker = (ROOT / "container" / "Dockerfile").read_text()
    copied = {word for line in re.findall(r"(?m)^COPY (.*) \S+$", docker) for word in line.split()}
    assert copied == needed
    files = (ROOT / "container" / "dicface.def").read_text().split("%files\n")[1].split("\n\n")[0]
    assert {line.split()[0] for line in files.splitlines()} == needed


def test_hooks_can_be_read() -> None:
    check = [sys.executable, "-m", "pre_commit", "validate-config"]
    subprocess.run([*check, ".pre-commit-config.yaml"], cwd=ROOT, check=True)


def test_the_workflow_catalog_finds_what_it_looks_for() -> None:
    usage = yaml.safe_load((ROOT / ".snakemake-workflow-catalog.yml").read_text())["usage"]
    assert {"mandatory-flags", "software-stack-deployment", "report"} <= set(usage)
    assert (ROOT / "workflow" / "Snakefile").is_file()
    assert (ROOT / "config" / "README.md").is_file()
