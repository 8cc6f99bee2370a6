"""
Batch poisoning and dead workers: what one request does is no other's business.

That what waits together answers as it would alone is in tests/app/test_batching.py, and races of
reloads with requests are in tools/chaos/storm.py.
"""

import json
import os
import signal
import socket
from pathlib import Path

from tests.builders import fails_above_graph, levels, publish
from tools.testbed.client import Client, Finished, Shot
from tools.testbed.service import Service, request, serving
from tools.testbed.waiting import PATIENCE_S, until

ROUNDS = 40
NEIGHBOURS = 12
WORKERS = 2


def asked(prices: list[float]) -> bytes:
    return request("POST", "/predict", json.dumps({"model": "fragile", "prices": prices}).encode())


def test_batch_poisoning_bad_and_cancelled_neighbours_change_no_bit(tmp_path: Path) -> None:
    # its network fails as a whole where one price is far above the others
    publish(tmp_path, "fragile", graph=fails_above_graph(steps=3), scaler=levels())
    good = [asked([100 + each / 7, 120 + each / 3, 150 - each / 9]) for each in range(NEIGHBOURS)]
    poison = asked([100, 101, 400])
    bad = asked([100, float("nan"), 101])
    with serving(tmp_path, request_log=False) as service:
        solo = [service.send(sent).content for sent in good]
        assert len({*solo}) > 1
        poisoned = service.send(poison)
        for _ in range(ROUNDS):
            client = Client(service.port, 100, 10)
            with socket.create_connection(("127.0.0.1", service.port)) as leaving:
                leaving.sendall(good[0])
                for place, sent in enumerate(good):
                    client.send(Shot(sent, str(place)))
                    if place % 4 == 0:
                        client.send(Shot(poison, "poison"))
                        client.send(Shot(bad, "bad"))
            finished: list[Finished] = []
            while client.under_way:
                finished += client.collect(0.05)
            client.close()
            answers = {
                each.shot.label: each.replies[0] for each in finished if each.shot.label.isdigit()
            }
            assert [answers[str(place)].content for place in range(NEIGHBOURS)] == solo
            statuses = {each.shot.label: each.replies[0].status for each in finished}
            assert statuses["poison"] == poisoned.status
            assert statuses["bad"] == 422


def test_dead_worker_is_replaced_and_nobody_hangs(models: Path) -> None:
    sent = request("POST", "/predict", b'{"model": "closes", "prices": [101, 102, 103]}')
    with serving(models, workers=WORKERS, deadline_seconds=300) as service:
        before = _workers(service, WORKERS)
        client = Client(service.port, 16, PATIENCE_S)
        victim = min(before)
        found: list[Finished] = []
        killed = False
        while len(found) < 1000 or not killed or victim in service.workers():
            while client.under_way < 16 and client.has_room:
                client.send(Shot(sent, "plain"))
            found += client.collect(0.02)
            if not killed and len(found) > 200:
                os.kill(victim, signal.SIGKILL)
                killed = True
        while client.under_way:
            found += client.collect(0.02)
        client.close()
        after = _workers(service, WORKERS)
        answer = service.send(sent)

    assert answer.status == 200
    assert victim not in after
    assert len(after & before) == WORKERS - 1
    assert not any(each.hung for each in found)
    # those that were under way in it are lost, each with its connection, and no other
    lost = [each for each in found if not each.replies]
    assert len(lost) <= 16
    assert all(each.ended for each in lost)
    assert {each.replies[0].status for each in found if each.replies} == {200}


def _workers(service: Service, count: int) -> set[int]:
    """Return the workers once there are so many."""
    until(lambda: len(service.workers()) == count, f"{count} workers", process=service.process)
    return service.workers()
