"""Where a model comes from: the code and the libraries that fitted it."""

import hashlib
import importlib.metadata
import subprocess
from pathlib import Path
from typing import Final

# TensorFlow's package has another name where it is the CPU build
_LIBRARIES: Final = frozenset(
    [
        *("arch", "keras", "numpy", "onnx", "onnxruntime"),
        *("pandas", "tensorflow", "tensorflow-cpu", "tf2onnx"),
    ]
)


def libraries() -> dict[str, str]:
    """Return the versions of the libraries that fit."""
    installed = importlib.metadata.distributions()
    found = {each.metadata["Name"].replace("_", "-").lower(): each.version for each in installed}
    return {library: found[library] for library in sorted(_LIBRARIES & found.keys())}


def code(*packages: str) -> str:
    """Return the SHA-256 of packages of training."""
    sha = hashlib.sha256()
    for package in packages:
        for module in sorted((Path(__file__).parent / package).glob("*.py")):
            sha.update(module.read_bytes())
    return sha.hexdigest()


def git_commit() -> str | None:
    """Return the commit of the code that fits, where it lies in a git checkout."""
    try:
        found = subprocess.run(
            ["git", "rev-parse", "HEAD"],  # noqa: S607 - wherever git is
            cwd=Path(__file__).parent,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return found.stdout.strip()
