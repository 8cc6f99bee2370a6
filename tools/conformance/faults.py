"""Faults that a server may have: what a proxy does to what is asked, or to what is told."""

import dataclasses
import json
import re
from collections.abc import Callable
from typing import Any

from tools.conformance.exchange import HEADER_LENGTH, JSON, Reply
from tools.conformance.proxy import Asked, Fault, Forward
from tools.conformance.subject import BINARY

LENGTH = HEADER_LENGTH.lower()


def told(status: int, document: Any) -> Reply:
    return Reply(status, {"content-type": JSON}, json.dumps(document).encode())


def told_otherwise(change: Callable[[Any], Any], path: str = "infer") -> Fault:
    """Change the JSON of what is answered with 200 at a path."""

    def fault(forward: Forward, asked: Asked) -> Reply:
        reply = forward(asked)
        if reply.status != 200 or not asked.path.endswith(path) or LENGTH in reply.headers:
            return reply
        return told(200, change(json.loads(reply.content)))

    return fault


def asked_otherwise(change: Callable[[dict[str, Any]], Any]) -> Fault:
    """Forgive what is asked: change it where it is JSON, so that it is answered."""

    def fault(forward: Forward, asked: Asked) -> Reply:
        try:
            document = json.loads(asked.body)
            changed = change(document) if isinstance(document, dict) else document
        except (ValueError, RecursionError):
            return forward(asked)
        return forward(dataclasses.replace(asked, body=json.dumps(changed).encode()))

    return fault


def refused_otherwise(change: Callable[[Reply], Reply]) -> Fault:
    """Change how inference requests are refused."""

    def fault(forward: Forward, asked: Asked) -> Reply:
        reply = forward(asked)
        is_refused = asked.path.endswith("infer") and reply.status == 400
        return change(reply) if is_refused else reply

    return fault


def right(forward: Forward, asked: Asked) -> Reply:
    return forward(asked)


def says_nothing_of_its_health(forward: Forward, asked: Asked) -> Reply:
    return Reply(200, {}, b"") if "/health/" in asked.path else forward(asked)


def is_never_ready(forward: Forward, asked: Asked) -> Reply:
    return told(503, {"error": "soon"}) if asked.path.endswith("/ready") else forward(asked)


def calls_its_models_otherwise(forward: Forward, asked: Asked) -> Reply:
    is_told = asked.method == "GET" and not asked.path.endswith(("/stats", "/config"))
    if not is_told or not asked.path.startswith("/v2/models/"):
        return forward(asked)
    reply = forward(asked)
    return told(reply.status, json.loads(reply.content) | {"name": "other"})


def wants_a_content_type(forward: Forward, asked: Asked) -> Reply:
    is_plain = asked.path.endswith("infer") and LENGTH not in asked.headers
    if is_plain and asked.headers.get("content-type") != JSON:
        return told(415, {"error": "send JSON"})
    return forward(asked)


def knows_no_versions(forward: Forward, asked: Asked) -> Reply:
    path = re.sub("/versions/[^/]+", "", asked.path)
    return forward(dataclasses.replace(asked, path=path))


def breaks_on_depth(forward: Forward, asked: Asked) -> Reply:
    if asked.body.startswith(b"[[["):
        return Reply(500, {"content-type": "text/plain"}, b"Internal Server Error")
    return forward(asked)


def hangs_up_on_a_negative_length(forward: Forward, asked: Asked) -> Reply:
    if asked.headers.get(LENGTH) == "-1":
        raise BrokenPipeError
    return forward(asked)


def forgives_bytes_after_the_last_tensor(forward: Forward, asked: Asked) -> Reply:
    # the last byte of a number between 2 and 32,768 is @
    if LENGTH in asked.headers and asked.body.endswith(b"@\0"):
        return forward(dataclasses.replace(asked, body=asked.body[:-1]))
    return forward(asked)


def loses_the_length_of_its_JSON(forward: Forward, asked: Asked) -> Reply:  # noqa: N802 - its name
    reply = forward(asked)
    return dataclasses.replace(reply, headers={"content-type": "application/octet-stream"})


def adds_a_byte(forward: Forward, asked: Asked) -> Reply:
    reply = forward(asked)
    is_binary = LENGTH in reply.headers
    return dataclasses.replace(reply, content=reply.content + b"\0") if is_binary else reply


def knows_no_binary(forward: Forward, asked: Asked) -> Reply:
    if LENGTH in asked.headers or b"binary_data" in asked.body:
        return told(400, {"error": "no binary data here"})
    reply = forward(asked)
    if asked.path not in {"/v2", "/v2/"}:
        return reply
    document = json.loads(reply.content)
    return told(200, document | {"extensions": sorted({*document["extensions"]} - {BINARY})})


def knows_no_compression(forward: Forward, asked: Asked) -> Reply:
    if "content-encoding" in asked.headers:
        return told(415, {"error": "send it as it is"})
    return forward(asked)


def lists_binary_and_takes_none(forward: Forward, asked: Asked) -> Reply:
    if LENGTH in asked.headers:
        return told(400, {"error": "no binary data here"})
    return forward(asked)


def counts_nothing(document: dict[str, Any]) -> Any:
    return {"model_stats": [each | {"inference_count": 7} for each in document["model_stats"]]}


def names_other_models(document: dict[str, Any]) -> Any:
    return {"model_stats": [each | {"name": "other"} for each in document["model_stats"]]}


def without(member: str) -> Callable[[dict[str, Any]], Any]:
    return lambda document: {key: value for key, value in document.items() if key != member}


def gives_all_outputs(document: dict[str, Any]) -> Any:
    return without("outputs")(document)


def asks_once(document: dict[str, Any]) -> Any:
    outputs = document.get("outputs")
    if not isinstance(outputs, list) or not all("name" in output for output in outputs):
        return document
    return document | {"outputs": list({each["name"]: each for each in outputs}.values())}


def reads_strings(document: dict[str, Any]) -> Any:
    for each in document.get("inputs") or []:
        if isinstance(each, dict) and isinstance(each.get("data"), list):
            each["data"] = [float(at) if isinstance(at, str) else at for at in each["data"]]
    return document


def nudged(document: dict[str, Any]) -> Any:
    """Answer a little else where several rows are asked for."""
    for output in document["outputs"]:
        if output["shape"][0] > 1:
            output["data"][-1] *= 1.001
    return document


def in_single_precision(document: dict[str, Any]) -> Any:
    outputs = [output | {"datatype": "FP32"} for output in document["outputs"]]
    return document | {"outputs": outputs}


def with_an_axis_more(document: dict[str, Any]) -> Any:
    outputs = [output | {"shape": [1, *output["shape"]]} for output in document["outputs"]]
    return document | {"outputs": outputs}


def undefined(document: dict[str, Any]) -> Any:
    for output in document["outputs"]:
        output["data"] = [float("nan") for _ in output["data"]]
    return document


def in_ascii(document: dict[str, Any]) -> Any:
    """Answer with an id without the letters that ASCII has not."""
    if "id" not in document:
        return document
    return document | {"id": document["id"].encode("ascii", "replace").decode()}
