"""GET /models: what is served, what it was fitted on and how well it does."""

from fastapi import APIRouter
from fastapi.concurrency import run_in_threadpool

from app.api.schemas import (
    ModelDetail,
    ModelList,
    ModelSummary,
    RefusedModel,
    VersionDetail,
    skill_of,
)
from app.inference.model_store import ModelStore
from app.transport.dependencies import StoreDependency
from app.transport.problem_details import documented

router = APIRouter(prefix="/models", tags=["models"])


@router.get("", summary="The models that answer, and those that were refused")
async def list_models(store: StoreDependency) -> ModelList:
    """List every model in one row."""
    summaries = [
        ModelSummary(
            name=name,
            version=model.manifest.version,
            fields=model.manifest.fields,
            target=model.manifest.target,
            window=model.manifest.window,
            skill=skill_of(model.manifest.scores),
            created_at=model.manifest.created_at,
        )
        for name, model in sorted(store.served.items())
    ]
    return ModelList(models=summaries, refused=refused_models(store))


@router.get(
    "/{name}",
    summary="One model, and the manifest of the version that answers",
    responses=documented(404, 422, 503),
)
async def describe_model(name: str, store: StoreDependency) -> ModelDetail:
    """Show the version being served, and the versions that a request may pin."""
    manifest = store.current(name).manifest
    versions = await run_in_threadpool(store.versions, name)
    trial = store.trials.get(name)
    return ModelDetail(
        name=name,
        version=manifest.version,
        versions=versions,
        rollout=trial and trial.rollout,
        manifest=manifest,
    )


@router.get(
    "/{name}/versions/{version}",
    summary="One published version",
    responses=documented(404, 422, 503),
)
async def describe_version(name: str, version: int, store: StoreDependency) -> VersionDetail:
    """Show a version's manifest and its card, in Markdown."""
    model = await run_in_threadpool(store.pinned, name, version)
    return VersionDetail(name=name, version=version, manifest=model.manifest, card=model.card)


def refused_models(store: ModelStore) -> list[RefusedModel]:
    """Return the refused versions, by name; a refused candidate after what would be served."""
    return [
        RefusedModel(name=name, version=refusal.version, reason=refusal.reason)
        for refused in (store.refused, store.trials_refused)
        for name, refusal in sorted(refused.items())
    ]
