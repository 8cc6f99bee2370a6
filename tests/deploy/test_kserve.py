"""
deploy/kubernetes/kserve: KServe's kind of resource, which has no schema among the published ones.

No package that a test could install without a cluster's worth of others carries the schema, so the
fields beside those of a pod are described here, after KServe's API v1beta1 (ComponentExtensionSpec
and its validation); a predictor's pod is held against Kubernetes's own schema.
"""

from typing import Annotated, Any, Literal, Self

import kubernetes_validate
import pytest
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from pydantic.alias_generators import to_camel

from tests.deploy.manifests import KSERVE, OWN, PLAIN, needs_kubectl, of_kind, pod, the

pytestmark = needs_kubectl

_Strict = ConfigDict(extra="forbid", strict=True, alias_generator=to_camel)


class Predictor(BaseModel):
    """What a predictor that is a container of our own has beside the fields of a pod."""

    model_config = _Strict

    min_replicas: Annotated[int, Field(ge=0)]
    max_replicas: Annotated[int, Field(ge=1)]
    scale_metric: Literal["cpu", "memory"]
    """Those of the autoscaler of Kubernetes; Knative's has others."""
    scale_target: Annotated[int, Field(ge=1, le=100)]
    deployment_strategy: dict[str, Any]
    labels: dict[str, str]
    annotations: dict[str, str]

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.min_replicas > self.max_replicas:
            raise ValueError("minReplicas cannot be greater than maxReplicas")
        return self


class Annotations(BaseModel):
    """A Deployment with Kubernetes's own autoscaler: else `cpu` is refused as a metric."""

    model_config = ConfigDict(extra="forbid", strict=True)

    mode: Annotated[Literal["Standard"], Field(alias="serving.kserve.io/deploymentMode")]
    scaler: Annotated[Literal["hpa"], Field(alias="serving.kserve.io/autoscalerClass")]


class Metadata(BaseModel):
    model_config = _Strict

    name: Annotated[str, Field(pattern=r"^[a-z]([-a-z0-9]*[a-z0-9])?$")]
    labels: dict[str, str]
    annotations: Annotations


class InferenceService(BaseModel):
    model_config = _Strict

    api_version: Literal["serving.kserve.io/v1beta1"]
    kind: Literal["InferenceService"]
    metadata: Metadata
    spec: dict[Literal["predictor"], Predictor]


def own_fields() -> dict[str, Any]:
    """Return the resource without the fields of a pod."""
    service = the(KSERVE, "InferenceService")
    predictor = service["spec"]["predictor"]
    own = {name: value for name, value in predictor.items() if name in OWN}
    return service | {"spec": {"predictor": own}}


def test_the_inference_service_is_one() -> None:
    InferenceService.model_validate(own_fields())


def test_a_metric_that_only_knative_has_is_refused() -> None:
    service = own_fields()
    service["spec"]["predictor"]["scaleMetric"] = "concurrency"

    with pytest.raises(ValidationError, match="scaleMetric"):
        InferenceService.model_validate(service)


def test_its_pod_is_of_the_published_schema() -> None:
    predictor = pod(KSERVE, "serve")

    kubernetes_validate.validate(
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "x"}, "spec": predictor["spec"]},
        kubernetes_validate.latest_version(),
        strict=True,
    )


def test_it_serves_what_the_deployment_does() -> None:
    ours, deployed = pod(KSERVE, "serve"), pod(PLAIN, "serve")
    [container] = ours["spec"]["containers"]
    [other] = deployed["spec"]["containers"]

    # the name by which KServe knows the container that answers
    assert container["name"] == "kserve-container"
    assert container | {"name": other["name"]} == other
    assert ours["metadata"] == deployed["metadata"]
    assert ours["spec"] | {"containers": []} == deployed["spec"] | {"containers": []}


def test_it_scales_as_the_deployment_does() -> None:
    predictor = the(KSERVE, "InferenceService")["spec"]["predictor"]
    scaler = the(PLAIN, "HorizontalPodAutoscaler")["spec"]
    [metric] = [each["resource"] for each in scaler["metrics"]]
    strategy = the(PLAIN, "Deployment")["spec"]["strategy"]

    assert [predictor[key] for key in ("minReplicas", "maxReplicas")] == [
        scaler[key] for key in ("minReplicas", "maxReplicas")
    ]
    assert predictor["scaleMetric"] == metric["name"]
    assert predictor["scaleTarget"] == metric["target"]["averageUtilization"]
    assert predictor["deploymentStrategy"] == {"type": "RollingUpdate"} | strategy


def test_what_kserve_makes_itself_is_not_made_twice() -> None:
    kinds = ("Deployment", "Service", "HorizontalPodAutoscaler")

    assert [of_kind(KSERVE, kind) for kind in kinds] == [[], [], []]
