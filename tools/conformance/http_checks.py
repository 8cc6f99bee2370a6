"""Below the protocol: content types that clients send, compressed bodies, chunks."""

import json
from collections.abc import Callable
from typing import Final

from tools.conformance import answers
from tools.conformance.answers import ANY_REFUSAL
from tools.conformance.exchange import JSON, OCTETS, Headers
from tools.conformance.outcomes import Check, named
from tools.conformance.subject import BINARY, COMPRESS, DEFLATE, GZIP, Subject, packed

TYPES: Final[dict[str, Headers]] = {
    # the synchronous client of Triton
    "a body without a content type is taken": {},
    # its asynchronous one
    "JSON called octets is taken": {"Content-Type": OCTETS},
    "JSON with a character set is taken": {"Content-Type": f"{JSON}; charset=utf-8"},
    "JSON in capitals is taken": {"Content-Type": "Application/JSON"},
    # curl, unless told otherwise
    "JSON called a form is taken": {"Content-Type": "application/x-www-form-urlencoded"},
}


def a_body_in_chunks_is_taken(subject: Subject) -> None:
    body = json.dumps(subject.document()).encode()
    half = len(body) // 2
    reply = subject.server.ask(
        "POST", subject.path("infer"), iter([body[:half], body[half:]]), {"Content-Type": JSON}
    )
    answers.assert_same(answers.read(reply).outputs, subject.expected())


def an_unknown_encoding_is_refused_or_not_looked_at(subject: Subject) -> None:
    # RFC 9110, section 8.4, leaves it open
    body = json.dumps(subject.document()).encode()
    headers = {"Content-Type": JSON, "Content-Encoding": "no-such-encoding"}
    reply = subject.infer(body, headers=headers)
    if reply.status != 200:
        answers.assert_refused(reply, ANY_REFUSAL)


def a_body_that_is_not_compressed_as_it_says_is_refused(subject: Subject) -> None:
    body = json.dumps(subject.document()).encode()
    headers = {"Content-Type": JSON, "Content-Encoding": GZIP}
    answers.assert_refused(subject.infer(body, headers=headers), ANY_REFUSAL)


def a_compressed_body_that_is_cut_short_is_refused(subject: Subject) -> None:
    body = COMPRESS[GZIP](json.dumps(subject.document()).encode())[:-9]
    headers = {"Content-Type": JSON, "Content-Encoding": GZIP}
    answers.assert_refused(subject.infer(body, headers=headers), ANY_REFUSAL)


def _takes(headers: Headers) -> Callable[[Subject], None]:
    def check(subject: Subject) -> None:
        reply = subject.infer(json.dumps(subject.document()).encode(), headers=headers)
        answers.assert_same(answers.read(reply).outputs, subject.expected())

    return check


def _takes_compressed(encoding: str) -> Callable[[Subject], None]:
    def check(subject: Subject) -> None:
        body = COMPRESS[encoding](json.dumps(subject.document()).encode())
        headers = {"Content-Type": JSON, "Content-Encoding": encoding}
        reply = subject.infer(body, headers=headers)
        answers.assert_same(answers.read(reply).outputs, subject.expected())

    return check


def _takes_binary_compressed(encoding: str) -> Callable[[Subject], None]:
    """The length of the JSON is that before compression, as the clients of Triton have it."""

    def check(subject: Subject) -> None:
        inputs = subject.inputs()
        document = {"inputs": [each.in_binary() for each in inputs]}
        body, headers = packed(document, [each.raw for each in inputs])
        reply = subject.infer(
            COMPRESS[encoding](body), headers=headers | {"Content-Encoding": encoding}
        )
        answers.assert_same(answers.read(reply).outputs, subject.expected())

    return check


CHECKS: Final[list[Check]] = [
    *(Check(name, "HTTP", _takes(headers)) for name, headers in TYPES.items()),
    *named("HTTP", a_body_in_chunks_is_taken, an_unknown_encoding_is_refused_or_not_looked_at),
    *(
        Check(
            f"JSON compressed by {encoding} is taken",
            "HTTP",
            _takes_compressed(encoding),
            (encoding,),
        )
        for encoding in (GZIP, DEFLATE)
    ),
    *(
        Check(
            f"binary compressed by {encoding} is taken",
            "HTTP",
            _takes_binary_compressed(encoding),
            (BINARY, encoding),
        )
        for encoding in (GZIP, DEFLATE)
    ),
    *named(
        "HTTP",
        a_body_that_is_not_compressed_as_it_says_is_refused,
        a_compressed_body_that_is_cut_short_is_refused,
        extensions=(GZIP,),
    ),
]
