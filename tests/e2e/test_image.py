"""The serve image: what it says of itself is true, and made again it is the same."""

import json
import os
import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from app import __version__
from tests.e2e.containers import ROOT, docker

pytestmark = pytest.mark.usefixtures("images")

IMAGE = "nextday-serve"

INSTALLED = """
import json
from importlib.metadata import distributions
print(json.dumps({each.name: each.version for each in distributions()}))
"""

FILES = """
cd / && set -- venv nextday models etc/passwd etc/group etc/shadow etc/gshadow
find "$@" -printf '%p %y %m %U:%G %T@ %l\\n' | sort
find "$@" -type f -print0 | sort -z | xargs -0 sha256sum
"""


def inside(image: str, *command: str) -> str:
    return docker("run", "--rm", "--network=none", "--user=0", image, *command)


def installed() -> dict[str, str]:
    """Return the packages that the image has, with their versions."""
    found: dict[str, str] = json.loads(inside(IMAGE, "python", "-c", INSTALLED))
    return {normal(name): version for name, version in found.items()}


def normal(name: str) -> str:
    return re.sub("[-_.]+", "-", name).lower()


@contextmanager
def built(*options: str) -> Iterator[str]:
    """Build the image once more, under a name of its own."""
    name = f"nextday-e2e-image-{os.getpid()}"
    docker("build", "--quiet", "--target=serve", f"--tag={name}", *options, str(ROOT))
    try:
        yield name
    finally:
        docker("image", "rm", name)


def labels(image: str) -> dict[str, str]:
    [described] = json.loads(docker("image", "inspect", image))
    found: dict[str, str] = described["Config"]["Labels"]
    return {name.removeprefix("org.opencontainers.image."): said for name, said in found.items()}


def test_the_bill_of_materials_is_of_its_schema_and_complete() -> None:
    text = inside(IMAGE, "cat", "/nextday/bom.cdx.json")
    bom: dict[str, Any] = json.loads(text)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]

    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    described = bom["metadata"]["component"]
    assert (described["name"], described["version"]) == (project["name"], __version__)
    listed = {normal(each["name"]): each["version"] for each in bom["components"]}
    print(f"{len(listed)} components")
    assert listed == installed()
    # and which of them the service itself asks for
    [root] = [each for each in bom["dependencies"] if each["ref"] == described["bom-ref"]]
    asked = {re.split("[<>=;]", each)[0] for each in project["dependencies"]}
    assert asked <= {normal(reference.split("==")[0]) for reference in root["dependsOn"]}


def test_the_licences_are_of_all_packages() -> None:
    lines = inside(IMAGE, "cat", "/nextday/licences.txt").splitlines()

    assert {re.split("[ :]", line)[0] for line in lines} == installed().keys()


def test_the_tools_that_made_them_are_not_in_it() -> None:
    tools = re.findall(
        r"^([\w-]+)==", (ROOT / "deploy/supply-chain/requirements.txt").read_text(), re.MULTILINE
    )

    assert "cyclonedx-bom" in tools
    assert installed().keys().isdisjoint({"cyclonedx-bom", "cyclonedx-python-lib", "lxml", "pip"})
    assert inside(IMAGE, "sh", "-c", "ls -d /tools /packages /files 2>/dev/null || true") == ""


def test_labels_say_what_was_built_from_what_and_when() -> None:
    when = ("--build-arg=CREATED=2026-11-21T21:00:00Z", "--build-arg=REVISION=0123abc")

    with built(*when) as image:
        said = labels(image)

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert said == {
        "title": project["name"],
        "description": project["description"],
        "licenses": project["license"],
        "version": __version__,
        "revision": "0123abc",
        "created": "2026-11-21T21:00:00Z",
    }


def test_built_again_from_nothing_it_has_the_same_files() -> None:
    before = inside(IMAGE, "sh", "-c", FILES)

    with built("--no-cache") as image:
        after = inside(image, "sh", "-c", FILES)
        layers = [
            json.loads(docker("image", "inspect", each))[0]["RootFS"]["Layers"]
            for each in (IMAGE, image)
        ]

    print(f"{len(before.splitlines())} lines; layers the same: {layers[0] == layers[1]}")
    assert [a for a, b in zip(before.splitlines(), after.splitlines(), strict=True) if a != b] == []


def test_nobody_but_root_may_change_what_runs() -> None:
    writable = "find / -xdev ! -type l -user 10001 ! -path '/models*' -o -xdev -type f -perm /o=w"

    assert inside(IMAGE, "sh", "-c", f"{writable} | grep -v ^/proc || true") == ""
