"""A shell, as somebody has it who pastes what the page let them copy."""

import json
import subprocess
from pathlib import Path
from typing import Any


def shell(command: str, folder: Path, **environment: str) -> Any:
    """Run what was copied, as somebody would who pastes it."""
    # longer than a shell takes as an argument
    script = folder / "pasted.sh"
    script.write_text(command)
    done = subprocess.run(
        ["sh", script], cwd=folder, capture_output=True, check=True, env=environment
    )
    return json.loads(done.stdout)
