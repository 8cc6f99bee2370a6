"""A tally says what prometheus_client's own histogram would."""

import random
from threading import Event, Thread

from prometheus_client import CollectorRegistry, Histogram
from prometheus_client.samples import Sample

from app.observability.histograms import HistogramBuffer

BOUNDS = (0.001, 0.01, 0.1, 1.0)


def test_a_tally_adds_up_to_what_the_histogram_observes() -> None:
    own, tallied = (Histogram("h", "", buckets=BOUNDS, registry=None) for _ in range(2))
    tally = HistogramBuffer(tallied, BOUNDS)
    chance = random.Random(0)  # noqa: S311 - no secret
    values = [*BOUNDS, 0.0, 7.0, *(10 ** chance.uniform(-4, 1) for _ in range(200))]

    for number, value in enumerate(values):
        own.observe(value)
        tally.observe(value)
        if number % 50 == 0:
            tally.add()
    tally.add()
    tally.add()

    assert [*map(plain, samples(tallied))] == [*map(plain, samples(own))]


def test_nothing_is_lost_or_counted_twice_while_others_observe() -> None:
    tallied = Histogram("h", "", buckets=BOUNDS, registry=None)
    tally = HistogramBuffer(tallied, BOUNDS)
    each, done = 50_000, Event()

    def observe() -> None:
        for _ in range(each):
            tally.observe(0.5)

    def add() -> None:
        while not done.is_set():
            tally.add()

    observers, adders = ([Thread(target=work) for _ in range(2)] for work in (observe, add))
    for thread in (*observers, *adders):
        thread.start()
    for thread in observers:
        thread.join()
    done.set()
    for thread in adders:
        thread.join()
    tally.add()

    assert [s.value for s in samples(tallied) if s.name == "h_count"] == [2 * each]


def samples(histogram: Histogram) -> list[Sample]:
    registry = CollectorRegistry()
    registry.register(histogram)
    [metric] = registry.collect()
    return [each for each in metric.samples if not each.name.endswith("_created")]


def plain(sample: Sample) -> tuple[str, str, float]:
    return sample.name, sample.labels.get("le", ""), round(sample.value, 9)
