"""The documents for users from beginning to end, what trains or installs included."""

from pathlib import Path

import pytest

from tests.docs.documents import DOCUMENTS, SLOW, blocks_of
from tests.docs.reader import reader

WITH_SLOW = [
    document for document in DOCUMENTS if any(SLOW in block.words for block in blocks_of(document))
]


@pytest.mark.parametrize("document", WITH_SLOW)
def test_a_new_user_gets_what_the_document_shows(document: str, tmp_path: Path) -> None:
    with reader(tmp_path) as someone:
        someone.serve()
        someone.read(blocks_of(document), slow=True)
