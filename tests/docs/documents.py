"""The documents for users, cut into fenced blocks: what is run, what is shown, what is not."""

import re
from pathlib import Path
from typing import Final, NamedTuple

ROOT: Final = Path(__file__).parents[2]
DOCUMENTS: Final = (
    "README.md", "docs/quickstart.md", "docs/files.md", "docs/api.md", "docs/concepts.md",
)  # fmt: skip

RUN: Final = {"sh", "python"}
SHOWN: Final = {"json", "csv", "output"}
"""What the block before it answers."""
NOT_RUN: Final = {"text"}

SLOW: Final = "slow"
SHAPE: Final = "shape"
_fence: Final = re.compile(r"^```(.*?)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_link: Final = re.compile(r"\]\(([^)\s]+)\)")
_heading: Final = re.compile(r"^#+ (.+)$", re.MULTILINE)


class Block(NamedTuple):
    """A fenced block, and the words behind its fence."""

    document: str
    line: int
    language: str
    words: frozenset[str]
    """
    `slow`: it trains or installs, and only tests/e2e runs it; `shape`: an answer whose values
    depend on the day.
    """
    text: str

    @property
    def place(self) -> str:
        return f"{self.document}:{self.line}"


def text_of(document: str) -> str:
    return (ROOT / document).read_text(encoding="utf-8")


def blocks_of(document: str) -> list[Block]:
    text = text_of(document)
    found = []
    for match in _fence.finditer(text):
        language, *words = match[1].split() or [""]
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(document, line, language, frozenset(words), match[2]))
    return found


def links_of(document: str) -> list[str]:
    """Return where a document's links lead, those to other hosts aside."""
    prose = _fence.sub("", text_of(document))
    return [link for link in _link.findall(prose) if "://" not in link]


def anchors_of(path: Path) -> set[str]:
    """Return what GitHub calls a document's headings."""
    headings = _heading.findall(_fence.sub("", path.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}
