"""curl, from files: what a shell script does."""

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tools.conformance import answers
from tools.conformance.clients import Ask, Told
from tools.conformance.exchange import HEADER_LENGTH, JSON, OCTETS, PATIENCE_S, Reply, Server
from tools.conformance.outcomes import Violation
from tools.conformance.subject import COMPRESS, packed


class Connected:
    ENCODINGS = ("", "gzip", "deflate")
    DOCUMENTS = ("server", "model", "config", "index", "stats")

    def __init__(self, server: Server) -> None:
        self._url = server.url

    def infer(self, ask: Ask) -> Told:
        answer = answers.read(self._infer(ask))
        outputs = {name: tensor.values for name, tensor in answer.outputs.items()}
        return Told(answer.document.id, outputs)

    def error(self, ask: Ask) -> str:
        reply = self._infer(ask)
        answers.assert_refused(reply, answers.ANY_REFUSAL)
        return str(reply.json()["error"])

    def is_ready(self, model: str, version: str | None) -> bool:
        paths = ("/v2/health/live", "/v2/health/ready", _path(model, version) + "/ready")
        return all(self._curl(path).status == 200 for path in paths)

    def document(self, what: str, model: str, version: str | None) -> object:
        if what == "index":
            return self._curl("/v2/repository/index", "--request", "POST").json()
        home = _path(model, version)
        path = {"server": "/v2", "model": home}.get(what, f"{home}/{what}")
        reply = self._curl(path)
        if reply.status != 200:
            raise Violation(f"answered {reply.status}")
        return reply.json()

    def _infer(self, ask: Ask) -> Reply:
        document: dict[str, Any] = {"id": ask.id} if ask.id else {}
        document["inputs"] = [
            each.in_binary() if ask.binary_in else each.in_json() for each in ask.inputs
        ]
        if ask.outputs is not None:
            document["outputs"] = [
                {"name": name, "parameters": {"binary_data": ask.binary_out}}
                for name in ask.outputs
            ]
        content, headers = json.dumps(document).encode(), {"Content-Type": JSON}
        if ask.binary_in:
            content, headers = packed(document, [each.raw for each in ask.inputs])
            headers = {"Content-Type": OCTETS, HEADER_LENGTH: headers[HEADER_LENGTH]}
        options = []
        if ask.encoding:
            content = COMPRESS[ask.encoding](content)
            headers["Content-Encoding"] = ask.encoding
            # asks for a compressed answer, and decompresses it
            options.append("--compressed")
        for name, value in headers.items():
            options += ["--header", f"{name}: {value}"]
        return self._curl(_path(ask.model, ask.version) + "/infer", *options, content=content)

    def _curl(self, path: str, *options: str, content: bytes | None = None) -> Reply:
        with tempfile.TemporaryDirectory() as folder:
            sent, head, body = (Path(folder, name) for name in ("sent", "head", "body"))
            command = ["curl", "--silent", "--show-error", "--max-time", str(PATIENCE_S), *options]
            command += ["--dump-header", str(head), "--output", str(body)]
            if content is not None:
                sent.write_bytes(content)
                command += ["--data-binary", f"@{sent}"]
            finished = subprocess.run(
                [*command, self._url + path], capture_output=True, text=True, check=False
            )
            if finished.returncode:
                raise Violation(finished.stderr.strip() or f"curl exits {finished.returncode}")
            # where it was told to go on, or came by way of a proxy, the last head counts
            last = head.read_text("latin-1").strip().split("\r\n\r\n")[-1]
            status, *fields = last.splitlines()
            pairs = (field.partition(":") for field in fields)
            headers = {name.lower(): value.strip() for name, _, value in pairs}
            received = body.read_bytes() if body.exists() else b""
        return Reply(int(status.split()[1]), headers, received)


def _path(model: str, version: str | None) -> str:
    part = "" if version is None else f"/versions/{version}"
    return f"/v2/models/{quote(model, safe='')}{part}"
