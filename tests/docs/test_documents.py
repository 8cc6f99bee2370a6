"""What the documents for users say is so: commands run, answers come as shown, links lead on."""

import ast
import re
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from app.market_data.jumps import JUMP_CODES
from app.transport.openapi_examples import EXAMPLE_CSV
from tests.builders import serving
from tests.docs.answers import assert_like
from tests.docs.documents import (
    DOCUMENTS,
    NOT_RUN,
    ROOT,
    RUN,
    SHAPE,
    SHOWN,
    SLOW,
    anchors_of,
    blocks_of,
    links_of,
    text_of,
)
from tests.docs.reader import reader


@pytest.mark.needs("curl")
@pytest.mark.parametrize("document", DOCUMENTS)
def test_commands_run_and_answer_as_shown(document: str, tmp_path: Path) -> None:
    with reader(tmp_path) as someone:
        someone.serve()
        someone.read(blocks_of(document), slow=False)


@pytest.mark.parametrize("document", DOCUMENTS)
def test_every_block_is_run_or_held_against_an_answer_or_says_that_it_is_neither(
    document: str,
) -> None:
    before = ""
    for block in blocks_of(document):
        assert block.language in RUN | SHOWN | NOT_RUN, f"{block.place}: say its language"
        assert block.words <= {SLOW, SHAPE}, f"{block.place}: {set(block.words)}"
        if block.language in SHOWN:
            assert before in RUN, f"{block.place}: no command before it answers this"
        before = block.language


FOR_CONTRIBUTORS = ("CONTRIBUTING.md", "SECURITY.md", "CODE_OF_CONDUCT.md")


@pytest.mark.parametrize("document", [*DOCUMENTS, "docs/architecture.md", *FOR_CONTRIBUTORS])
def test_links_lead_somewhere(document: str) -> None:
    for link in links_of(document):
        path, _, anchor = link.partition("#")
        target = (ROOT / document).parent / path if path else ROOT / document
        assert target.exists(), f"{document}: {link}"
        assert not anchor or anchor in anchors_of(target), f"{document}: {link}"


def test_every_file_that_contributors_are_sent_to_is_there() -> None:
    named = re.findall(r"`([\w.]+/[\w./-]*)`", text_of("CONTRIBUTING.md"))

    assert len(named) > 15
    assert [path for path in named if not (ROOT / path).exists()] == []


def test_the_readme_is_short() -> None:
    assert len(text_of("README.md").splitlines()) <= 130


def warning_codes() -> Iterator[str]:
    """Find the codes in the source: of remarks, and of what `guards` yields to make one of."""
    yield from JUMP_CODES
    for path in sorted((ROOT / "app").rglob("*.py")):
        tree = ast.parse(path.read_text())
        constants = {
            node.target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.AnnAssign)
            and isinstance(node.target, ast.Name)
            and isinstance(node.value, ast.Constant)
        }
        for node in ast.walk(tree):
            match node:
                case ast.Call(func=ast.Name(id="DataWarning"), args=[ast.Name(id=name), *_]) if (
                    name in constants
                ):
                    yield str(constants[name])
                case ast.Call(
                    func=ast.Name(id="DataWarning"), args=[ast.Constant(value=str(code)), *_]
                ):
                    yield code
                case ast.Yield(value=ast.Tuple(elts=[_, ast.Constant(value=str(code)), _])):
                    yield code


@pytest.mark.parametrize("code", sorted(set(warning_codes())))
def test_every_warning_is_documented(code: str) -> None:
    assert f"| `{code}` |" in text_of("docs/api.md")


def test_no_warning_is_documented_that_there_is_not() -> None:
    section = text_of("docs/api.md").partition("\n## Warnings\n")[2].partition("\n## ")[0]
    documented = {row.split("`")[1] for row in section.splitlines() if row.startswith("| `")}

    assert documented == set(warning_codes())


def test_every_route_is_documented() -> None:
    with serving(ROOT / "models") as client:
        paths = client.get("/openapi.json").json()["paths"]

    for path in paths:
        assert f"`{path}`" in text_of("docs/api.md") or f" {path}`" in text_of("docs/api.md"), path


@pytest.mark.parametrize("package", ["app", "training"])
def test_the_tree_has_every_package_and_loose_module_and_nothing_else(package: str) -> None:
    text = text_of("docs/architecture.md")
    tree = text[text.index(f"\n{package}/  ") :].partition("\n")[2].partition("\n")[2]
    shown = []
    for line in tree.splitlines():
        if not line.startswith("  "):
            break
        shown.append(line.split()[0])

    folders = [path for path in (ROOT / package).iterdir() if path.is_dir()]
    here = [f"{path.name}/" for path in folders if any(path.glob("[a-z]*.*"))]
    loose = [path.name for path in (ROOT / package).glob("*.py") if path.stem != "__init__"]
    assert sorted(shown) == sorted([*here, *loose])
    assert len(loose) <= 6


def test_the_architecture_is_one_page() -> None:
    assert len(text_of("docs/architecture.md").splitlines()) < 250


def test_the_example_file_is_the_one_of_the_openapi_document() -> None:
    assert (ROOT / "docs/example.csv").read_text() == EXAMPLE_CSV


@pytest.mark.parametrize(
    ("shown", "came"),
    [
        pytest.param({"a": 1}, {"a": 2}, id="another value"),
        pytest.param({"a": Decimal("187.26")}, {"a": 187.28}, id="another figure"),
        pytest.param({"a": 1}, {"a": 1, "b": 2}, id="a member that is not shown"),
        pytest.param({"a": 1, "b": 2}, {"a": 1}, id="a member that does not come"),
        pytest.param([1, 2], [1], id="a shorter list"),
        pytest.param({"a": None}, {"a": 0}, id="null and zero"),
    ],
)
def test_another_answer_is_told(shown: Any, came: Any) -> None:
    with pytest.raises(AssertionError):
        assert_like(shown, came)
