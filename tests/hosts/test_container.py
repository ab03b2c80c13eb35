"""The image of the Dockerfile, built and run where podman or docker can start a container."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from contextlib import suppress
from itertools import product

import pytest
from desk import FRESH, Desk, desk, source, wheel
from test_packaging import HOUSE

__all__ = ["desk", "source", "wheel"]
pytestmark = FRESH
HEALTH = re.compile(r"^HEALTHCHECK .*\\\n +CMD (\[.+\])$", re.MULTILINE)
CONTAINER = (HOUSE / "docs" / "container.md").read_text(encoding="utf-8")
DOCKERFILE = (HOUSE / "Dockerfile").read_text(encoding="utf-8")
ENGINES = ("podman", "podman --runtime runc", "docker")
LIMITS = "--ulimit nofile=4096:4096 --ulimit nproc=4096:4096"  # raising them may be forbidden
PODMAN = f"{LIMITS} --layers=false --volume {{0}}/pip.conf:/etc/pip.conf --volume {{0}}:/image"


def test_packages_of_image_for_cards_found(desk: Desk) -> None:
    """The image itself has several GB."""
    (extras,) = re.findall(r"--build-arg EXTRAS=(\S+)", CONTAINER)
    (version,) = re.findall(r"^ARG BASE=python:([\d.]+)-slim", DOCKERFILE, re.MULTILINE)
    (desk.home / "asked.txt").write_text(f"styleplug[{extras}]")
    platform = f"--python-version {version} --python-platform x86_64-manylinux_2_36"
    found = desk(f"uv pip compile --quiet {platform} asked.txt")
    names = {line.partition("==")[0] for line in found.splitlines()}
    assert {"onnxruntime-gpu", "torch", "triton", "gradio"} <= names and "onnxruntime" not in names


@pytest.fixture(scope="module")
def container(desk: Desk) -> Iterator[str]:
    """The command of containers, which knows the image of the Dockerfile.

    The base is the one of the file, or another where no registry answers (docs/container.md).
    podman hands the image what pip downloads here, by its own settings; docker uses the network.
    """
    named = re.findall(r"^ARG (?:BASE|EXTRAS)=(.+)$", DOCKERFILE, re.MULTILINE)
    asked = "-c 'import sys; print(*sys.version_info[:2], sep=\".\")'"
    for engine, base in product(ENGINES, (named[0], "localhost/python-base")):
        with suppress(AssertionError, FileNotFoundError):
            python = desk(f"{engine} run --rm {LIMITS} --entrypoint python3 {base} {asked}").strip()
            break
    else:
        pytest.skip("no container starts here: needs podman or docker, and the base")
    built = f"{engine} build --tag styleplug-test --build-arg BASE={base} --network host"
    if engine != "docker":
        there, only = desk.home / "image", f"--only-binary :all: --python-version {python}"
        desk(f'python -m pip download -q -d {there} {only} "styleplug[{named[1]}]" setuptools')
        next(there.glob("styleplug-*")).unlink()
        (there / "pip.conf").write_text("[global]\nno-index = true\nfind-links = /image\n")
        built = f"{built} {PODMAN.format(there)}"
    desk(f"{built} {HOUSE}")
    yield engine
    desk(f"{engine} rmi styleplug-test")


def test_container_without_rights(desk: Desk, container: str) -> None:
    given = f"--rm --read-only --tmpfs /tmp --network host {LIMITS}"
    given = f"{given} --name styleplug-test --env GRADIO_SERVER_PORT={desk.port}"
    with desk.serving(f"{container} run {given} styleplug-test") as url:
        desk.paint(url)
        inside = f"{container} exec styleplug-test"
        assert desk(f"{inside} id -u").strip() == "1000"
        with pytest.raises(AssertionError, match="Read-only file system"):
            desk(f"{inside} touch /opt/styleplug/new")
        health = HEALTH.search(DOCKERFILE)
        assert health is not None
        desk(f"{inside} {shlex.join(json.loads(health[1]))}")
