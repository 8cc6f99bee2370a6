"""How replies are taken apart, and outcomes told."""

import json
from typing import Any

import pytest

from tools.conformance import answers, report
from tools.conformance.exchange import HEADER_LENGTH, Reply
from tools.conformance.outcomes import Outcome, Violation

OUTPUT = {"name": "y", "shape": [2], "datatype": "FP32"}
IN_JSON = OUTPUT | {"data": [1.0, 2.0]}
IN_BINARY = OUTPUT | {"parameters": {"binary_data_size": 8}}


def reply(*outputs: Any, raw: bytes = b"", length: str | None = None) -> Reply:
    head = json.dumps({"model_name": "m", "outputs": outputs}).encode()
    headers = {HEADER_LENGTH.lower(): length or str(len(head))} if raw or length else {}
    return Reply(200, headers, head + raw)


def test_json_and_bytes_are_read_side_by_side() -> None:
    raw = b"\0\0\x80\x3f\0\0\0\x40"

    answer = answers.read(reply(IN_JSON, IN_BINARY | {"name": "z"}, raw=raw))

    assert [answer.outputs[name].plain for name in ("y", "z")] == [[1.0, 2.0], [1.0, 2.0]]
    assert answer.binary == {"z"}


@pytest.mark.parametrize(
    ("told", "why"),
    [
        pytest.param(reply(IN_JSON, length="many"), "is no number", id="length"),
        pytest.param(reply(OUTPUT), "neither data nor", id="no data"),
        pytest.param(reply(IN_BINARY), "without Inference-Header", id="binary without a length"),
        pytest.param(
            reply(IN_BINARY | {"data": []}, raw=b"\0" * 8), "both data and", id="both kinds"
        ),
        pytest.param(reply(IN_BINARY, raw=b"\0" * 9), "1 bytes follow", id="a byte too many"),
        pytest.param(reply(IN_BINARY, raw=b"\0" * 7), "7 bytes for 2", id="a byte too few"),
        pytest.param(reply(IN_JSON, IN_JSON), "comes twice", id="the same output twice"),
        pytest.param(reply(IN_JSON | {"datatype": "FP12"}), "FP12", id="an unknown datatype"),
        pytest.param(reply(), "outputs", id="no outputs"),
        pytest.param(Reply(200, {}, b""), "empty body", id="nothing"),
        pytest.param(Reply(200, {}, b"[" * 100_000), "no JSON", id="nested without end"),
        pytest.param(Reply(503, {}, b"soon"), "answered 503$", id="an error of another form"),
        pytest.param(Reply(503, {}, b'{"error": "soon"}'), "answered 503: soon", id="an error"),
    ],
)
def test_a_reply_that_is_no_answer_is_a_violation(told: Reply, why: str) -> None:
    with pytest.raises(Violation, match=why):
        answers.read(told)


def test_servers_are_told_side_by_side() -> None:
    passed, failed = (
        [
            {"check": "it is live", "section": "endpoints", "client": "http"} | first,
            *(
                {"check": f"infer {way}", "section": "clients", "client": "curl"} | last
                for way in "ab"
            ),
        ]
        for first, last in (
            ({"state": "passed", "why": ""}, {"state": "passed", "why": ""}),
            ({"state": "failed", "why": "a|b"}, {"state": "not offered", "why": "no a"}),
        )
    )

    table = report.side_by_side({"one": {"outcomes": passed}, "two": {"outcomes": failed}})

    assert table.splitlines() == [
        "| | check | by | one | two |",
        "|---|---|---|---|---|",
        "| endpoints | it is live | http | passed | **failed**: a\\|b |",
        "| clients | infer in every form, place and encoding | curl | 2 passed | 2 not offered |",
        "| | **all** | | 3 passed | 1 failed, 2 not offered |",
    ]


def test_outcomes_are_told_in_a_table() -> None:
    outcomes = [
        Outcome("it is live", "endpoints", "http", "passed"),
        Outcome("stats", "extensions", "http", "failed", ("statistics",), "no count"),
    ]

    assert report.table(outcomes).splitlines() == [
        "check       client  only with   outcome  why",
        "it is live  http                passed",
        "stats       http    statistics  failed   no count",
        "",
        "http: 1 passed, 1 failed",
    ]
