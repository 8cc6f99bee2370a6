"""What the page's files are sent with; tests/e2e/test_page.py looks at the page itself."""

import re
from pathlib import Path

import pytest

from tests.builders import publish, serving

PAGE = Path("app/page")
KEY = "a-key-of-this-test-only"
FILES = sorted(
    file.relative_to(PAGE).as_posix() for file in PAGE.rglob("*") if file.is_file()
)  # fmt: skip


def test_every_file_is_sent_with_its_type_and_the_policy(tmp_path: Path) -> None:
    publish(tmp_path)
    with serving(tmp_path) as client:
        answers = {name: client.get(f"/page/{name}") for name in FILES}
        front = client.get("/")

    assert front.content == (PAGE / "index.html").read_bytes()
    for name, answer in {**answers, "index.html": front}.items():
        assert answer.status_code == 200, name
        assert answer.headers["content-type"].startswith(
            {
                "html": "text/html", "css": "text/css", "js": "text/javascript",
                "mjs": "text/javascript", "svg": "image/svg+xml", "csv": "text/csv",
                "txt": "text/plain",
            }[name.rpartition(".")[2]]
        )  # fmt: skip
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'")
        assert "unsafe" not in policy
        assert "frame-ancestors 'none'" in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"


def test_a_file_that_has_not_changed_is_not_sent_again(tmp_path: Path) -> None:
    publish(tmp_path)
    with serving(tmp_path) as client:
        first = client.get("/page/main.js")
        again = client.get("/page/main.js", headers={"If-None-Match": first.headers["etag"]})
        other = client.get("/page/main.js", headers={"If-None-Match": '"another"'})

    assert first.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["etag"] == first.headers["etag"]
    assert other.content == first.content


@pytest.mark.parametrize(
    "path",
    ["none.js", "../routes/page.py", "..%2froutes%2fpage.py", "%2e%2e/main.py", "/etc/passwd", ""],
)
def test_nothing_but_the_page_is_there(tmp_path: Path, path: str) -> None:
    publish(tmp_path)
    with serving(tmp_path) as client:
        answer = client.get(f"/page/{path}")

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_the_page_needs_no_key_and_what_it_asks_does(tmp_path: Path) -> None:
    publish(tmp_path)
    with serving(tmp_path, api_keys=KEY) as client:
        statuses = [client.get(path).status_code for path in ("/", "/page/main.js", "/models")]

    assert statuses == [200, 200, 401]


def test_it_is_found_below_any_prefix_and_asks_nobody_else() -> None:
    for name in FILES:
        text = (PAGE / name).read_text()
        loaded = re.findall(r'(?:src|href)="([^"]+)"|from "([^"]+)"|import "([^"]+)"', text)
        for address in filter(None, (each for found in loaded for each in found)):
            if name.startswith("vendor/") or address.startswith("#"):
                continue
            assert not address.startswith("/"), f"{name}: {address}"
            # links that people follow, and nothing that is fetched
            assert "//" not in address or address == "https://www.tradingview.com/", name


def test_the_chart_comes_with_its_licence_and_its_attribution() -> None:
    page = (PAGE / "index.html").read_text()

    assert "Apache License" in (PAGE / "vendor/lightweight-charts.LICENSE.txt").read_text()
    assert "TradingView" in (PAGE / "vendor/lightweight-charts.NOTICE.txt").read_text()
    assert 'href="https://www.tradingview.com/"' in page
    assert "vendor/lightweight-charts.LICENSE.txt" in page
