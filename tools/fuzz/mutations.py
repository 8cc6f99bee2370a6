"""Requests made from valid ones: changed in bytes, tokens, structure, head and framing."""

import copy
import json
import random
import re
import zlib
from typing import TYPE_CHECKING, Any, Final

from tools.fuzz import framing
from tools.fuzz.bodies import costly_requests
from tools.testbed.client import Shot
from tools.testbed.requests import Request

if TYPE_CHECKING:
    from collections.abc import Callable

CANARY: Final = "cAnArY7f3e"
"""Planted in requests; it must not come back in an error."""

_NUMBERS: Final = (
    *("NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1e-999", "-0", "0", "-1", "1.5"),
    *(str(2**31), str(2**63), str(2**64), str(2**128), "1e308", "5e-324", "0.1e1", "01", "+1"),
    *("true", "null", '"1"', "[]", "{}", "[[1]]", f'"{CANARY}"', "9" * 400, "9" * 5000),
)
_VALUES: Final[tuple[Any, ...]] = (
    *(None, True, False, 0, -1, 1.5, 2**31, 2**63, 2**200, 1e308, "", CANARY, "../" + CANARY),
    *([], {}, [[]], [None], {CANARY: CANARY}, [CANARY] * 3, "\x00\n\r\u202e" + CANARY, "é" * 40),
)
_NAMES: Final = (
    *("..", "../..", "%2e%2e", "%252e%252e", "..%2f..%2fetc%2fpasswd", "..\\..", "%00", "%5c"),
    *(
        "/etc/passwd",
        "//",
        "%ff%fe",
        "%e2%80%ae",
        "\uff0e\uff0e",
        "stats",
        "ready",
        "infer",
        "current",
    ),
    *(CANARY, CANARY * 8, f"default/{CANARY}", f"%0d%0a{CANARY}", "{name}", "default%20"),
    *("0", "-1", "01", "999999999", "1e3", "9" * 30, "9" * 5000),
)
_HEADERS: Final = (
    (
        b"Content-Type",
        (b"text/plain", b"application/x-pickle", b"application/JSON; a=b", b"", b"\xff"),
    ),
    (b"Content-Encoding", (b"gzip", b"deflate", b"br", b"identity", b"gzip, gzip", b"\xff")),
    (b"Inference-Header-Content-Length", (b"0", b"-1", b"1", b"9" * 18, b"9" * 40, b"x", b"")),
    (b"X-Request-Id", (CANARY.encode() + b"\x1b[0m", b"a" * 500, b"a b", b"\xc3\xa9", b"")),
    (b"Accept-Encoding", (b"gzip", b"identity;q=0", b"*")),
    (b"Authorization", (b"Bearer " + CANARY.encode(), b"Basic \xff", b"Bearer")),
    (b"Traceparent", (b"00-" + b"0" * 32 + b"-" + b"0" * 16 + b"-01", CANARY.encode())),
    (b"Origin", (b"null", b"http://" + CANARY.encode())),
    (b"Nextday-Key", (CANARY.encode(), b"")),
    (b"Host", (b"", b"\xff", CANARY.encode())),
    (b"Cookie", (CANARY.encode() * 100,)),
    (b"Expect", (b"100-continue", b"200-ok")),
    (b"Connection", (b"close", b"keep-alive", CANARY.encode())),
    (b"X-" + CANARY.encode(), (b"1", b"")),
    (b"Forwarded", (b"for=" + CANARY.encode(),)),
    (b"X-HTTP-Method-Override", (b"DELETE",)),
    (b"Range", (b"bytes=0-1,0-1,0-1",)),
)
_VERBS: Final = (b"GET", b"POST", b"PUT", b"DELETE", b"PATCH", b"OPTIONS", b"TRACE", b"PROPFIND")
_MAGIC: Final = (b"\x00", b"\xff", b"\xc0\xae", b"{", b"[", b'"', b"\\u0000", b"\\ud800", b"\r\n")
_LONG: Final = 200
"""Items of a list that is not repeated: fuzz is many small requests, not a few large ones."""
_number = re.compile(rb"-?[0-9][0-9.eE+-]*")
_control = re.compile(rb"[\x00-\x1f]")
_segment = re.compile(rb"[^/]+")

ID: Final = "fuzz-"
"""Beginning of the ids by which answers are told to be those of their requests."""
COSTLY_EVERY: Final = 10_000
"""One request of so many is as costly as they come."""

Chance = random.Random


class Mutator:
    """Makes shots of seeds, the same ones for the same chance."""

    def __init__(
        self,
        seeds: list[Request],
        weights: list[int],
        chance: Chance,
        *,
        costly_every: int = COSTLY_EVERY,
    ) -> None:
        """Mutate `seeds`, each as often as its weight says; 0 is no costly request at all."""
        self._costly_share = 1 / costly_every if costly_every else 0.0
        self._seeds, self._chance = seeds, chance
        self._count = 0
        self._costly_requests: list[tuple[str, Request]] = []
        self._cumulative = [sum(weights[: each + 1]) for each in range(len(weights))]
        self._documents = {
            seed.body: _document(seed.body) for seed in seeds if seed.body is not None
        }
        self._ways: list[tuple[str, Callable[[Request], Request], int]] = [
            ("as it is", lambda seed: seed, 2),
            ("bytes", self._bytes, 3),
            ("token", self._token, 4),
            ("structure", self._structure, 5),
            ("headers", self._headers, 3),
            ("target", self._target, 3),
            ("method", self._method, 1),
            ("encoding", self._encoding, 1),
        ]
        self._ways_weights = [weight for _, _, weight in self._ways]

    def shot(self) -> Shot:
        """Return the next one."""
        chance = self._chance
        draw = chance.random()
        if draw < self._costly_share:
            label, request = chance.choice(self._costly())
            # of a large one that is refused early nobody knows where it ends
            return Shot(request.content, f"costly: {label}", sound=False, leave_s=5.0)
        if draw < 0.08:
            return self._misframed()
        if draw < 0.14:
            label, mutated, identity = self._named()
            content, sound = framing.in_chunks(chance, mutated)
            shot = Shot(content, f"in chunks: {label}", sound=sound, ids=(identity,))
        elif draw < 0.20:
            shot = self._pipelined()
        else:
            label, mutated, identity = self._named()
            if draw < 0.23:
                label, mutated = f"upgrade: {label}", framing.offering(chance, mutated)
            elif draw < 0.26:
                label, mutated = f"coded: {label}", framing.coded(chance, mutated)
            shot = Shot(mutated.content, label, ids=(identity,))
        if chance.random() < 0.15:
            shot = framing.segmented(chance, shot)
        if chance.random() < 0.02:
            shot = shot._replace(half_close=True)
        return shot

    def _named(self) -> tuple[str, Request, str]:
        """Return a mutated request with an id of its own, which its answer must have."""
        label, mutated = self._mutated()
        self._count += 1
        identity = f"{ID}{self._count}"
        headers = [each for each in mutated.headers if each[0] != b"X-Request-Id"]
        named = [(b"X-Request-Id", identity.encode()), *headers]
        return label, mutated._replace(headers=named), identity

    def _pipelined(self) -> Shot:
        """Return several requests in one."""
        most = self._chance.choices((4, 20, 1000), (0.97, 0.028, 0.002))[0]
        several = [self._named() for _ in range(self._chance.randint(2, most))]
        # whoever is refused for its framing, or told to close, is answered no further
        several = [each for each in several if _stays(each[1])] or [self._named()]
        content = b"".join(request.content for _, request, _ in several)
        label = " + ".join(label for label, _, _ in several[:4])
        ids = tuple(identity for _, _, identity in several)
        return Shot(content, f"pipelined: {label}", len(several), ids=ids)

    def _costly(self) -> list[tuple[str, Request]]:
        # a gigabyte of them: made when the first is wanted
        if not self._costly_requests:
            self._costly_requests = costly_requests()
        return self._costly_requests

    def _seed(self) -> Request:
        [seed] = self._chance.choices(self._seeds, cum_weights=self._cumulative)
        return seed

    def _mutated(self) -> tuple[str, Request]:
        seed = self._seed()
        [(name, way, _)] = self._chance.choices(self._ways, self._ways_weights)
        mutated = way(seed)
        if self._chance.random() < 0.1:
            mutated = self._headers(mutated)
        path = seed.target.decode().replace("/1", "/{version}")
        return f"{name} of {seed.method.decode()} {path}", mutated

    def _bytes(self, seed: Request) -> Request:
        if not seed.body:
            return self._target(seed)
        chance, body = self._chance, bytearray(seed.body)
        for _ in range(chance.choice((1, 1, 1, 2, 4, 16))):
            at = chance.randrange(len(body) + 1)
            draw = chance.randrange(5)
            if draw == 0 and at < len(body):
                body[at] ^= 1 << chance.randrange(8)
            elif draw == 1:
                body[at:at] = chance.choice(_MAGIC)
            elif draw == 2:
                del body[at : at + chance.choice((1, 2, 8, 64))]
            elif draw == 3:
                body[at:at] = body[at : at + chance.choice((1, 8, 64))]
            else:
                del body[at:]
        return seed._replace(body=bytes(body))

    def _token(self, seed: Request) -> Request:
        found = list(_number.finditer(seed.body[:8192])) if seed.body else []
        if not seed.body or not found:
            return self._target(seed)
        one = self._chance.choice(found)
        token = self._chance.choice(_NUMBERS).encode()
        return seed._replace(body=seed.body[: one.start()] + token + seed.body[one.end() :])

    def _structure(self, seed: Request) -> Request:
        known = self._documents.get(seed.body) if seed.body is not None else None
        if known is None:
            return self._token(seed)
        document = json.loads(known)
        for _ in range(self._chance.choice((1, 1, 2, 3))):
            document = self._changed(document)
        return seed._replace(body=json.dumps(document).encode())

    def _changed(self, document: Any, depth: int = 0) -> Any:
        """Change one place of a document, near its root as a rule."""
        chance = self._chance
        if not document or not isinstance(document, dict | list) or chance.random() < depth / 6:
            return self._value(document)
        places = [*document] if isinstance(document, dict) else [*range(len(document))]
        place, draw = chance.choice(places), chance.randrange(8)
        if draw == 0:
            del document[place]
        elif draw == 1 and isinstance(document, dict):
            document[chance.choice((CANARY, "model", "prices", "bars", "shape"))] = self._value(1)
        elif draw == 2 and isinstance(document, list):
            document.insert(place, document[place])
        elif draw == 3 and isinstance(document, list):
            return document * chance.choice((2, 3, 30)) if len(document) < _LONG else document
        else:
            document[place] = self._changed(document[place], depth + 1)
        return document

    def _value(self, before: Any) -> Any:
        chance = self._chance
        draw = chance.randrange(8)
        if draw == 0:
            for _ in range(chance.choice((1, 2, 64))):
                before = [before]
            return before
        if draw == 1 and isinstance(before, int | float) and abs(before) < 1e15:
            return before * chance.choice((-1, 0, 2, 1e9, 1e-9))
        # of its own: it may be changed again
        return copy.deepcopy(chance.choice(_VALUES))

    def _headers(self, seed: Request) -> Request:
        name, values = self._chance.choice(_HEADERS)
        header = (name, self._chance.choice(values))
        kept = seed.headers
        if self._chance.random() < 0.7:
            kept = [each for each in kept if each[0] != name]
        return seed._replace(headers=[*kept, header])

    def _target(self, seed: Request) -> Request:
        chance, target = self._chance, seed.target
        found = list(_segment.finditer(target))
        name = chance.choice(_NAMES).encode()
        if found and chance.random() < 0.8:
            one = chance.choice(found)
            target = target[: one.start()] + name + target[one.end() :]
        else:
            target += chance.choice((b"/", b"?", b"?" + b"a=1&" * 50, b"%", b";")) + name
        # a target that is more than one word is no target
        return seed._replace(target=target.replace(b" ", b"%20"))

    def _method(self, seed: Request) -> Request:
        return seed._replace(method=self._chance.choice(_VERBS))

    def _encoding(self, seed: Request) -> Request:
        if seed.body is None:
            return self._headers(seed)
        chance = self._chance
        body = zlib.compress(seed.body, 1)
        if chance.random() < 0.5:
            body = self._bytes(seed._replace(body=body)).body or b""
        return seed._replace(headers=[*seed.headers, (b"Content-Encoding", b"deflate")], body=body)

    def _misframed(self) -> Shot:
        """Return a request of which nobody can say where it ends."""
        chance, (label, mutated) = self._chance, self._mutated()
        content = mutated.content
        head, _, body = content.partition(b"\r\n\r\n")
        ways = (
            lambda: head + b"\r\nTransfer-Encoding: chunked\r\n\r\n" + body,
            lambda: head + b"\r\nContent-Length: 3\r\n\r\n" + body,
            lambda: head + b"\r\nContent-Length: " + chance.choice(_NUMBERS).encode() + b"\r\n\r\n",
            lambda: head.replace(b"\r\n", b"\n") + b"\n\n" + body,
            lambda: head + b"\r\n folded: " + CANARY.encode() + b"\r\n\r\n" + body,
            lambda: head + b"\r\nTransfer-Encoding: x" + CANARY.encode() + b"\r\n\r\n" + body,
            lambda: head.replace(b" HTTP/1.1", b" HTTP/" + chance.choice((b"0.9", b"2.0", b"x"))),
            lambda: content[: chance.randrange(1, len(content))],
            lambda: self._bytes(Request(b"", b"", [], content)).body or b"",
            lambda: b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + content,
            lambda: content + chance.randbytes(chance.randrange(1, 200)),
            lambda: head + b"\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n" + body,
            lambda: chance.randbytes(chance.randrange(1, 200)),
        )
        leave_s = None if chance.random() < 0.02 else 0.05
        # nothing at all is no request, and waits for one
        content = chance.choice(ways)() or b"\r\nx"
        return Shot(content, f"misframed: {label}", sound=False, leave_s=leave_s)


def _document(body: bytes) -> bytes | None:
    """Return a body where it is JSON."""
    try:
        json.loads(body)
    except ValueError:
        return None
    return body


def _stays(request: Request) -> bool:
    """Tell whether a request leaves the connection as it is, whatever the answer."""
    return (
        request.target.isascii()
        and (b"Connection", b"close") not in request.headers
        and not any(_control.search(value) for _, value in request.headers)
    )
