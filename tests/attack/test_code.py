"""Unsafe deserialisation and archive extraction: there is nothing here that could do either."""

import ast
import pickle
import subprocess
import sys
from pathlib import Path

import pytest

from tools.testbed.service import Service, request

APP = Path("app")
UNSAFE = {
    *("pickle", "_pickle", "cPickle", "cloudpickle", "dill", "joblib", "shelve", "marshal", "yaml"),
    *("tarfile", "zipfile", "lzma", "bz2", "ctypes", "cffi", "jinja2", "runpy", "code", "pty"),
}
CALLS = {"eval", "exec", "compile", "__import__", "input", "breakpoint"}
ATTRIBUTES = {
    *("unpack_archive", "make_archive", "allow_pickle", "popen", "import_module"),
    *("extractall", "fromfile", "memmap", "format_map"),
}
NEVER_LOADED = {"joblib", "dill", "cloudpickle", "shelve", "yaml", "jinja2", "requests", "httpx"}
CLIENTS = {
    *(
        "socket",
        "http.client",
        "urllib.request",
        "requests",
        "httpx",
        "httpx2",
        "aiohttp",
        "urllib3",
    ),
    *("smtplib", "ftplib", "telnetlib", "xmlrpc", "websockets", "subprocess", "paramiko"),
}
PICKLES = (
    *("application/x-pickle", "application/pickle", "application/x-python-pickle"),
    *("application/python-pickle", "application/vnd.bentoml+pickle", "application/octet-stream"),
    *("application/x-joblib", "application/x-dill", "application/x-numpy", "application/x-npy"),
    *("application/yaml", "application/x-yaml", "application/zip", "application/x-tar", "text/xml"),
)


def trees() -> list[tuple[Path, ast.AST]]:
    found: list[tuple[Path, ast.AST]] = [
        (path, ast.parse(path.read_text())) for path in sorted(APP.rglob("*.py"))
    ]
    assert len(found) > 30
    return found


def imported(tree: ast.AST) -> set[str]:
    """Return what a module imports, by its full name and by its first part."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return names | {name.partition(".")[0] for name in names}


def unsafe_uses(tree: ast.AST) -> set[str]:
    """Return the names of what makes code of data, archives into files, or runs programs."""
    found = imported(tree) & UNSAFE
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            found |= {node.func.id} & CALLS
        elif isinstance(node, ast.Attribute):
            found |= {node.attr} & ATTRIBUTES
            if ast.unparse(node) in {"np.load", "numpy.load", "os.system"}:
                found.add(ast.unparse(node))
        elif isinstance(node, ast.keyword):
            found |= {node.arg} & ATTRIBUTES if node.arg else set()
    return found


def test_unsafe_deserialisation_is_not_in_the_services_code() -> None:
    assert {str(path): uses for path, tree in trees() if (uses := unsafe_uses(tree))} == {}


@pytest.mark.parametrize(
    "source",
    [
        "import pickle",
        "from yaml import load",
        "eval('1')",
        "np.load(file, allow_pickle=True)",
        "shutil.unpack_archive(x)",
        "import zipfile as z",
    ],
)
def test_what_is_unsafe_would_be_seen(source: str) -> None:
    assert unsafe_uses(ast.parse(source))


def test_unsafe_libraries_are_not_loaded_with_the_service() -> None:
    script = "import sys, app.main, app.fastpath.protocol; print(*sys.modules)"
    printed = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    ).stdout
    loaded = set(printed.split())

    assert "app.main" in loaded
    assert loaded & NEVER_LOADED == set()


def test_archive_extraction_is_not_in_the_services_code() -> None:
    opened = {"tarfile", "zipfile", "shutil", "patoolib", "py7zr", "rarfile", "zstandard"}

    assert {str(path) for path, tree in trees() if imported(tree) & opened} == set()


def test_ssrf_no_client_of_anything_is_in_the_services_code() -> None:
    found = {str(path): imported(tree) & CLIENTS for path, tree in trees()}

    # which starts Python, to try a graph, and nothing else
    proving = "app/inference/proving.py"
    assert {path: names for path, names in found.items() if names} == {proving: {"subprocess"}}
    assert Path(proving).read_text().count("subprocess.Popen(\n            [sys.executable, ") == 1


def test_template_injection_nothing_is_made_of_templates() -> None:
    templates = {"jinja2", "mako", "string.Template", "django", "chevron"}

    assert {str(path) for path, tree in trees() if imported(tree) & templates} == set()


class Payload:
    """A pickle that would write a file where it is loaded."""

    def __init__(self, target: Path) -> None:
        self.target = target

    def __reduce__(self) -> tuple[object, tuple[object, ...]]:
        return Path.touch, (self.target,)


@pytest.mark.parametrize("media_type", PICKLES)
def test_unsafe_deserialisation_a_pickle_is_refused(
    service: Service, media_type: str, tmp_path: Path
) -> None:
    loaded = tmp_path / "loaded"
    body = pickle.dumps(Payload(loaded))

    for target in ("/predict", "/predict/batch", "/v1/timeseries/forecast"):
        sent = request("POST", target, body, content_type=media_type)
        assert service.send(sent).status == 415, target
    for target in ("/v2/models/default/infer", "/v2/models/default/versions/1/infer"):
        # that protocol's clients send JSON under any media type, or none
        sent = request("POST", target, body, content_type=media_type)
        assert service.send(sent).status == 400, target
    sent = request("POST", "/v2/repository/index", body, content_type=media_type)
    assert service.send(sent).status in {400, 415}
    assert not loaded.exists()
    # it would have been
    pickle.loads(body)  # noqa: S301 - our own
    assert loaded.exists()
