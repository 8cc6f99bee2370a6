"""The manifests of deploy/kubernetes, as kubectl builds them."""

import functools
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

ROOT: Final = Path(__file__).parents[2]
PLAIN: Final = "deploy/kubernetes"
KSERVE: Final = "deploy/kubernetes/kserve"

Manifest = dict[str, Any]

needs_kubectl = pytest.mark.needs("kubectl")


@functools.cache
def built(folder: str) -> tuple[Manifest, ...]:
    """Return every document that `kubectl apply -k` would send."""
    finished = subprocess.run(
        ["kubectl", "kustomize", folder], cwd=ROOT, capture_output=True, text=True, check=False
    )
    if finished.returncode:
        pytest.fail(f"kubectl kustomize {folder}: {finished.stderr}")
    return tuple(yaml.safe_load_all(finished.stdout))


def of_kind(folder: str, kind: str) -> list[Manifest]:
    return [document for document in built(folder) if document["kind"] == kind]


def the(folder: str, kind: str) -> Manifest:
    [found] = of_kind(folder, kind)
    return found


def pod_template(document: Manifest) -> Manifest | None:
    """Return the labels, annotations and spec of the pods that a document makes, or None."""
    spec = document.get("spec", {})
    if document["kind"] == "CronJob":
        spec = spec["jobTemplate"]["spec"]
    if document["kind"] == "InferenceService":
        predictor = spec["predictor"]
        metadata = {key: predictor[key] for key in ("labels", "annotations")}
        return {"metadata": metadata, "spec": {k: predictor[k] for k in predictor.keys() - OWN}}
    template: Manifest | None = spec.get("template")
    return template


def pods(folder: str) -> Iterator[Manifest]:
    return (found for found in map(pod_template, built(folder)) if found)


def pod(folder: str, component: str) -> Manifest:
    [found] = [
        each
        for each in pods(folder)
        if each["metadata"]["labels"]["app.kubernetes.io/component"] == component
    ]
    return found


OWN: Final = frozenset(
    [
        "minReplicas",
        "maxReplicas",
        "scaleMetric",
        "scaleTarget",
        "deploymentStrategy",
        "labels",
        "annotations",
    ]
)
"""What KServe's predictor has beside the fields of a pod."""


def mounts(container: Manifest) -> dict[str, Manifest]:
    """Return a container's mounts by the volume that is mounted."""
    return {mount["name"]: mount for mount in container["volumeMounts"]}
