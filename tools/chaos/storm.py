"""
Publishes and rollbacks under full load: no request lost, no answer but of a published version.

    python -m tools.chaos.storm [--changes 200]

The service runs on one core, the load and the publisher on another. Every answer is held against
what each version forecasts by itself: bit for bit, with any number of windows in one run, as the
last bits of float32 sums depend on that. Prints a line of JSON; exits 1 where anything was wrong.
"""

import argparse
import json
import multiprocessing
import os
import random
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnx
from onnx import numpy_helper

from app.artifact import archive, layout
from app.artifact.manifest import Draft
from app.forecasting.arrays import Floats
from app.forecasting.forecaster import Model, forecast_each
from app.inference import loader
from app.market_data import price_validation
from tools.chaos.load import Load
from tools.testbed.prices import random_bars
from tools.testbed.service import Service, serving
from training.publishing.publish import publish, rollback

NAME: Final = "default"
SHIPPED: Final = Path("models") / NAME
CONNECTIONS: Final = 16
QUESTIONS: Final = 8
"""Different ones, so that the answer to one cannot pass for that to another."""
KEPT: Final = 5
VARIANTS: Final = "variants.txt"
EVERY_S: Final = 0.3
POLL_S: Final = 0.1
UNDISTURBED_S: Final = 20.0
LEVELS: Final = (80.0, 95.0)
MOST: Final = 64
"""Windows that the service runs together, at most."""
SLOWER: Final = 2.0
"""p99 under the storm over that without one, at most."""


def publish_variant(root: Path, number: int) -> Model:
    """Publish the shipped model with every weight of its outputs a little larger."""
    current = layout.current_version(SHIPPED)
    shipped = archive.read(SHIPPED / str(current))
    assert shipped.close_graph is not None
    draft = Draft.model_validate(
        {name: getattr(shipped.manifest, name) for name in Draft.model_fields}
    )
    folder = SHIPPED / str(current)
    return publish(
        root,
        NAME,
        draft=draft,
        graph=_scaled(shipped.graph, 1 + number / 1000),
        close_graph=_scaled(shipped.close_graph, 1 + number / 1000),
        scaler=loader.load(folder, NAME, shipped.manifest.version).scaler,
        reports={layout.CARD: shipped.card.encode()},
        prove=lambda _: None,
        keep=KEPT,
    )


def _scaled(graph: bytes, factor: float) -> bytes:
    """Return a graph whose outputs are so many times those that they were."""
    model = onnx.load_from_string(graph)
    [output] = model.graph.output
    name = output.name
    for node in model.graph.node:
        node.output[:] = [f"{each}_whole" if each == name else each for each in node.output]
    constant = numpy_helper.from_array(np.array(factor, np.float32), "factor_of_the_variant")
    model.graph.initializer.append(constant)
    model.graph.node.append(onnx.helper.make_node("Mul", [f"{name}_whole", constant.name], [name]))
    content: bytes = model.SerializeToString()
    return content


def bodies() -> list[bytes]:
    """Return the questions."""
    return [
        json.dumps({"bars": random_bars(60, seed=seed), "levels": LEVELS}).encode()
        for seed in range(QUESTIONS)
    ]


def own_forecasts(model: Model, asked: list[bytes]) -> list[set[tuple[float, ...]]]:
    """Return what a version forecasts of each question, with any number of windows in a run."""
    windows = [price_validation.validate_bars(json.loads(body)["bars"])[-60:] for body in asked]
    return [_forecasts(model, window) for window in windows]


def _forecasts(model: Model, window: Floats) -> set[tuple[float, ...]]:
    found = set()
    for count in range(1, MOST + 1):
        for each in forecast_each(model, np.stack([window] * count), [LEVELS] * count):
            assert each is not None
            found.add((each.prediction, *(end for both in each.intervals for end in both)))
    return found


def storm(root: Path, changes: int) -> None:
    """Publish and roll back, so many times in all, and write down which variant became what."""
    # the load shares this core, and its latencies are measured
    os.nice(10)
    chance = random.Random(1)  # noqa: S311 - no secret
    for number in range(1, changes + 1):
        began = time.monotonic()
        whole = layout.versions(root / NAME)
        if number % 2:
            note(root, publish_variant(root, number), number)
        else:
            rollback(root, NAME, chance.choice(whole))
        time.sleep(max(0.0, EVERY_S - (time.monotonic() - began)))


def note(root: Path, model: Model, number: int) -> None:
    """Write down which variant a version is."""
    with (root / VARIANTS).open("a") as file:
        file.write(f"{model.manifest.version} {number}\n")


def variants(root: Path) -> dict[int, int]:
    """Return which variant each version is, also of those that were deleted since."""
    lines = (root / VARIANTS).read_text().splitlines()
    return {int(version): int(number) for version, number in map(str.split, lines)}


def wrong_answers(load: Load, own: dict[int, Any]) -> list[str]:
    """Return what was answered otherwise than one version would by itself."""
    found = []
    for (question, status, content), times in load.answers.items():
        if status != 200:
            found.append(f"{times} times {status}: {content[:200]!r}")
            continue
        answer = json.loads(content)
        ends = [end for each in answer["intervals"] for end in (each["low"], each["high"])]
        if (answer["prediction"], *ends) not in own[answer["version"]][question]:
            found.append(f"{times} times another forecast than version {answer['version']}'s own")
    return found


def p99_ms(latencies: list[float]) -> float:
    """Return the 99th percentile in milliseconds."""
    return 1000 * sorted(latencies)[int(0.99 * len(latencies))]


def run(changes: int, undisturbed_s: float = UNDISTURBED_S) -> dict[str, Any]:
    """Let it storm for so many changes; return what was seen."""
    asked = bodies()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        note(root, publish_variant(root, 0), 0)
        with serving(
            root, has_own_core=True, poll_seconds=POLL_S, log_level="error", request_log=False
        ) as service:
            calm = _calm(service, asked, undisturbed_s / 2)
            load = Load(service.port, asked, CONNECTIONS)
            context = multiprocessing.get_context("spawn")
            publisher = context.Process(target=storm, args=(root, changes))
            publisher.start()
            load.run(lambda: publisher.exitcode is None)
            calm += _calm(service, asked, undisturbed_s / 2)
        numbers = variants(root)
    versions = {json.loads(content).get("version") for _, _, content in load.answers} - {None}
    # again, as most have been deleted by now
    own = {each: own_forecasts(_variant(numbers[each]), asked) for each in sorted(versions)}
    wrong = wrong_answers(load, own)
    undisturbed, disturbed = p99_ms(calm), p99_ms(load.latencies)
    violations = wrong[:10]
    if publisher.exitcode:
        violations.append("the publisher failed")
    if load.lost:
        violations.append(f"{load.lost} requests without an answer")
    if disturbed > SLOWER * undisturbed:
        violations.append("p99 rose too much")
    return {
        "changes": changes,
        "requests": len(load.latencies),
        "versions seen": len(versions),
        "lost": load.lost,
        "wrong": len(wrong),
        "p99 ms": round(disturbed, 2),
        "p99 ms undisturbed": round(undisturbed, 2),
        "p99 ratio": round(disturbed / undisturbed, 3),
        "violations": violations,
    }


def main(arguments: Sequence[str] | None = None) -> int:
    """Let it storm; return 1 where anything was wrong."""
    parser = argparse.ArgumentParser(prog="python -m tools.chaos.storm", description=__doc__)
    parser.add_argument("--changes", type=int, default=200, help="publishes and rollbacks")
    summary = run(parser.parse_args(arguments).changes)
    print(json.dumps(summary))
    return 1 if summary["violations"] else 0


def _calm(service: Service, asked: list[bytes], seconds: float) -> list[float]:
    """Return latencies where nothing is published."""
    load = Load(service.port, asked, CONNECTIONS)
    end = time.monotonic() + seconds
    load.run(lambda: time.monotonic() < end)
    return load.latencies


def _variant(number: int) -> Model:
    with tempfile.TemporaryDirectory() as folder:
        return publish_variant(Path(folder), number)


if __name__ == "__main__":
    sys.exit(main())
