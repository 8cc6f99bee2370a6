"""`models`: every published version, with its scores and what is served."""

import argparse
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Literal

from app.artifact import layout
from app.artifact.manifest import Manifest
from app.artifact.rollout import read_rollout
from app.errors import ArtifactRejected
from app.inference import loader
from training.commands.options import Commands, add_models

_FIGURES: Final = ("MAE/naive", "CRPS vs GARCH", "in 90 %", "sessions", "size")
_HEADINGS: Final = ("model", "version", "serves", "created", "target", "fitted to", *_FIGURES)


@dataclass(frozen=True, slots=True)
class _Listed:
    """One version, or what is wrong with what names one."""

    model: str
    version: int | None
    role: Literal["current", "candidate"] | None
    size: int = 0
    """Bytes."""
    manifest: Manifest | None = None
    fault: str | None = None
    """Why the service would refuse it; None of a whole one."""


def add(commands: Commands) -> None:
    """Add the command."""
    models = commands.add_parser(
        "models",
        help="what is published: versions, scores, and which is served",
        description="Verify every published version as the service would, and list it with the"
        " scores of its held-out sessions and what it serves as: the current version answers,"
        " a candidate answers a share of the requests, or forecasts beside it unseen.",
        epilog="MAE/naive: mean absolute error over that of tomorrow = today, below 1 is better."
        " CRPS vs GARCH: skill of the whole distribution, above 0 is better. in 90 %: share of"
        " sessions within the 90 % interval. sessions: forecasts that were scored. A version that"
        " the service would refuse is listed with the reason. See `rollback` and `rollout`.",
    )
    add_models(models)
    models.add_argument("--json", action="store_true", help="for machines: a list, one a version")
    models.set_defaults(command=_models)


def _models(options: argparse.Namespace) -> int:
    found = [each for home in layout.model_folders(options.models) for each in _versions(home)]
    if options.json:
        print(json.dumps([_record(each) for each in found], indent=1))
    elif found:
        print(_table(found))
    else:
        print(f"no model in {options.models}")
    return 0


def _versions(home: Path) -> Iterator[_Listed]:
    """Give what is published, oldest first, and what is named without being there."""
    named: dict[int, Literal["current", "candidate"]] = {}
    try:
        rollout = read_rollout(home)
        if rollout:
            named[rollout.candidate] = "candidate"
    except ArtifactRejected as rejection:
        yield _Listed(home.name, None, "candidate", fault=str(rejection))
    try:
        current = layout.current_version(home)
        if current:
            named[current] = "current"
    except ArtifactRejected as rejection:
        yield _Listed(home.name, None, "current", fault=str(rejection))
    for version in sorted({*layout.versions(home), *named}):
        folder, role = home / str(version), named.get(version)
        size = sum(file.stat().st_size for file in folder.glob("*"))
        try:
            manifest = loader.load(folder, home.name, version).manifest
        except ArtifactRejected as rejection:
            yield _Listed(home.name, version, role, size, fault=str(rejection))
        else:
            yield _Listed(home.name, version, role, size, manifest)


def _record(listed: _Listed) -> dict[str, Any]:
    record: dict[str, Any] = {
        "model": listed.model,
        "version": listed.version,
        "role": listed.role,
        "bytes": listed.size,
        "fault": listed.fault,
    }
    manifest = listed.manifest
    if manifest is not None:
        record |= {
            "created_at": manifest.created_at.isoformat(),
            "target": manifest.target,
            "fitted_to": manifest.trained_on.last.isoformat(),
            "scores": manifest.scores.model_dump(mode="json"),
        }
    return record


def _table(found: list[_Listed]) -> str:
    rows = [_HEADINGS, *(_cells(each) for each in found)]
    # a reason is as long as it is, and stands in the last cell of its row
    widths = [max(len(row[at]) for row in rows if len(row) > at) for at in range(len(_HEADINGS))]
    widths[3] = max(len(row[3]) for row in rows if len(row) == len(_HEADINGS))
    return "\n".join(
        "  ".join(
            cell.rjust(width) if heading in {"version", *_FIGURES} else cell.ljust(width)
            for cell, width, heading in zip(row, widths, _HEADINGS, strict=False)
        ).rstrip()
        for row in rows
    )


def _cells(listed: _Listed) -> tuple[str, ...]:
    version = "" if listed.version is None else str(listed.version)
    head = (listed.model, version, listed.role or "")
    manifest = listed.manifest
    if manifest is None:
        return (*head, f"refused: {listed.fault}")
    scores = manifest.scores
    skill, covered = scores.crps_vs_garch, scores.coverage_90
    return (
        *head,
        f"{manifest.created_at:%Y-%m-%d %H:%M}",
        manifest.target,
        f"{manifest.trained_on.last}",
        f"{scores.mae_vs_naive:.4f}",
        "" if skill is None else f"{skill:+.2%}",
        "" if covered is None else f"{covered:.1%}",
        f"{scores.sessions:,}",
        f"{listed.size / 1000:,.0f} kB",
    )
