"""The suite finds what is wrong: our service with one fault at a time, each with who finds it."""

import dataclasses
import json
import re
from collections.abc import Callable

import pytest

from tests.conformance.test_conformance import ask_with_clients
from tools.conformance import clients, faults, models, proxy, suite
from tools.conformance.__main__ import main
from tools.conformance.binary_checks import REFUSED
from tools.conformance.exchange import Server
from tools.conformance.outcomes import Outcome
from tools.conformance.proxy import Fault
from tools.conformance.refusal_checks import FAULTS
from tools.conformance.subject import BINARY, DEFLATE, GZIP, discover

READY = "the server is ready as KServe reads it"


@pytest.fixture
def failed(url: str) -> Callable[[Fault], dict[str, Outcome]]:
    """Return what fails, of all that needs no client, where the service has a fault."""

    def failed(fault: Fault) -> dict[str, Outcome]:
        with proxy.before(url, fault) as faulty:
            subject = discover(Server(faulty), models.QUANTILES, {})
            outcomes = list(suite.run(subject, []))
        return {each.check: each for each in outcomes if each.state == "failed"}

    return failed


@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        pytest.param(faults.right, set(), id="no fault"),
        pytest.param(
            faults.says_nothing_of_its_health,
            {
                "the server is live",
                "the server is ready as the specification says it",
                READY,
            },
            id="empty health bodies",
        ),
        pytest.param(
            faults.told_otherwise(faults.without("ready"), "/health/ready"), {READY}, id="no ready"
        ),
        pytest.param(
            faults.told_otherwise(faults.without("id")),
            {"an id comes back as it was"},
            id="the id is lost",
        ),
        pytest.param(
            faults.told_otherwise(faults.in_ascii),
            {"an id comes back as it was"},
            id="the id loses letters",
        ),
        pytest.param(
            faults.told_otherwise(faults.without("model_version")),
            {
                "the answer names its version",
                "every version infers and says which it is",
            },
            id="no model_version",
        ),
        pytest.param(
            faults.asked_otherwise(faults.asks_once),
            {"an output asked for twice is refused"},
            id="twice the same output is forgiven",
        ),
        pytest.param(
            faults.asked_otherwise(faults.reads_strings),
            {"a string in the place of a number is refused"},
            id="strings are read as numbers",
        ),
        pytest.param(
            faults.told_otherwise(faults.nudged),
            {"several rows are answered as each alone", "several rows go in and out as binary"},
            id="rows depend on each other",
        ),
        pytest.param(
            faults.breaks_on_depth,
            {"a request that is nested without end is refused"},
            id="500 for depth",
        ),
        pytest.param(
            faults.hangs_up_on_a_negative_length,
            {"a negative header length is refused"},
            id="no answer at all",
        ),
        pytest.param(
            faults.forgives_bytes_after_the_last_tensor,
            {"bytes after the last tensor are refused"},
            id="trailing bytes are forgiven",
        ),
        pytest.param(
            faults.told_otherwise(faults.counts_nothing, "/stats"),
            {"the statistics count what is inferred"},
            id="statistics stand still",
        ),
        pytest.param(
            faults.wants_a_content_type,
            {
                "a body without a content type is taken",
                "JSON called octets is taken",
                "JSON with a character set is taken",
                "JSON in capitals is taken",
                "JSON called a form is taken",
            },
            id="picky about content types",
        ),
        pytest.param(
            faults.knows_no_versions,
            {
                "every version infers and says which it is",
                "an unknown version has no metadata",
                "an unknown version infers nothing",
                "a version that is no number is refused",
            },
            id="versions are not looked at",
        ),
        pytest.param(
            faults.adds_a_byte,
            {
                "binary outputs are given",
                "binary goes in and out",
                "several rows go in and out as binary",
                "each output can be had as binary",
                "what an output says wins over what the request says",
                "a body may be nothing but the tensor",
            },
            id="a byte too many",
        ),
        pytest.param(
            faults.calls_its_models_otherwise,
            {
                "the model is ready",
                "every version is ready",
                "the model tells what it takes and gives",
                "every version tells what it takes and gives",
                "a name may be percent encoded",
            },
            id="another name in metadata",
        ),
        pytest.param(
            faults.told_otherwise(lambda told: told | {"version": "other"}, "/v2/"),
            {"the server tells of itself with a slash behind"},
            id="another server behind the slash",
        ),
        pytest.param(
            faults.told_otherwise(lambda told: told | {"model_name": "other"}),
            {"the answer names its model"},
            id="another name in answers",
        ),
        pytest.param(
            faults.told_otherwise(lambda _: [], "/index"),
            {
                "the index lists the model",
                "the index may be asked with an empty body",
                "the index of what is ready lists nothing else",
            },
            id="an empty index",
        ),
        pytest.param(
            faults.told_otherwise(lambda told: [*told, {"name": "x", "state": "GONE"}], "/index"),
            {"the index of what is ready lists nothing else"},
            id="an index of all sorts",
        ),
        pytest.param(
            faults.told_otherwise(lambda told: told | {"input": []}, "/config"),
            {"the configuration names what the metadata name"},
            id="a configuration without inputs",
        ),
        pytest.param(
            faults.told_otherwise(faults.names_other_models, "/models/stats"),
            {"the statistics of all models hold this one"},
            id="statistics of others",
        ),
        pytest.param(faults.knows_no_binary, set(), id="no binary, and none listed, is no fault"),
        pytest.param(faults.knows_no_compression, set(), id="no compression is no fault"),
    ],
)
def test_a_fault_is_found_by_the_check_for_it_alone(
    failed: Callable[[Fault], dict[str, Outcome]], fault: Fault, found_by: set[str]
) -> None:
    found = failed(fault)

    assert found.keys() == found_by, found


@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        pytest.param(
            faults.refused_otherwise(lambda reply: dataclasses.replace(reply, status=422)),
            {*FAULTS, *REFUSED},
            id="422 for 400",
        ),
        pytest.param(
            faults.refused_otherwise(lambda _: faults.told(400, {"detail": "no"})),
            {*FAULTS, *REFUSED},
            id="detail for error",
        ),
        pytest.param(
            faults.refused_otherwise(lambda reply: dataclasses.replace(reply, headers={})),
            {*FAULTS, *REFUSED},
            id="errors without a content type",
        ),
        pytest.param(
            faults.told_otherwise(faults.without("model_name")),
            {"the answer names its model", "nested data are taken"},
            id="no model_name",
        ),
        pytest.param(
            faults.told_otherwise(faults.undefined),
            {
                "the answer names its model",
                "without outputs named all are given as the metadata say",
            },
            id="NaN in JSON",
        ),
        pytest.param(
            faults.told_otherwise(faults.in_single_precision),
            {"without outputs named all are given as the metadata say"},
            id="another datatype",
        ),
        pytest.param(
            faults.told_otherwise(faults.with_an_axis_more),
            {"without outputs named all are given as the metadata say"},
            id="another shape",
        ),
        pytest.param(
            faults.asked_otherwise(faults.gives_all_outputs),
            {"each output can be had alone", "an unknown output is refused"},
            id="all outputs whatever is asked",
        ),
        pytest.param(
            faults.loses_the_length_of_its_JSON,
            {"binary outputs are given", "a body may be nothing but the tensor"},
            id="a binary answer without its header",
        ),
        pytest.param(
            faults.lists_binary_and_takes_none,
            {"binary inputs are taken", "a body may be nothing but the tensor"},
            id="an extension that is listed and not there",
        ),
    ],
)
def test_a_fault_is_found_by_all_checks_for_it(
    failed: Callable[[Fault], dict[str, Outcome]], fault: Fault, found_by: set[str]
) -> None:
    found = failed(fault)

    assert found_by <= found.keys(), found_by - found.keys()
    # what it does not touch passes
    assert "the server is live" not in found


@pytest.mark.parametrize(
    ("fault", "extension"),
    [
        pytest.param(faults.knows_no_binary, BINARY, id="binary"),
        pytest.param(faults.knows_no_compression, GZIP, id="gzip"),
        pytest.param(faults.knows_no_compression, DEFLATE, id="deflate"),
    ],
)
def test_an_extension_that_is_neither_listed_nor_answered_is_not_offered(
    url: str, fault: Fault, extension: str
) -> None:
    with proxy.before(url, fault) as lacking:
        outcomes = list(suite.run(discover(Server(lacking), models.POINT, {}), []))

    states = {each.state for each in outcomes if extension in each.extensions}
    assert states == {"not offered"}


def test_a_failed_check_is_told_in_the_table_and_by_the_exit_code(
    url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with proxy.before(url, faults.breaks_on_depth) as faulty:
        code = main([faulty, "--model", models.POINT, "--client", ""])

    out = capsys.readouterr().out
    assert code == 1
    assert re.search("nested without end is refused +http +failed +answered 500, not 400", out)
    assert "1 failed" in out


@pytest.mark.needs("curl")
@pytest.mark.parametrize(
    ("fault", "found_by"),
    [
        pytest.param(
            faults.is_never_ready,
            {"server and model are live and ready", "a version is ready"},
            id="not ready",
        ),
        pytest.param(
            faults.told_otherwise(faults.without("id")), {"an id comes back"}, id="the id is lost"
        ),
        pytest.param(
            faults.asked_otherwise(faults.gives_all_outputs),
            {"one output is had alone"},
            id="all outputs whatever is asked",
        ),
        pytest.param(
            faults.told_otherwise(lambda _: {}, "/stats"), {"stats is told"}, id="no statistics"
        ),
        pytest.param(
            faults.refused_otherwise(lambda _: faults.told(400, {"error": " "})),
            {"a bad request's error is told"},
            id="an error without a word",
        ),
    ],
)
def test_a_fault_is_found_by_curl(url: str, fault: Fault, found_by: set[str]) -> None:
    with proxy.before(url, fault) as faulty:
        outcomes = list(suite.run(discover(Server(faulty), models.QUANTILES, {}), ["curl"]))

    failed = {each.check for each in outcomes if (each.client, each.state) == ("curl", "failed")}
    # and by more: what is wrong for one is so in every way to infer
    assert found_by <= failed
    assert "server is told" not in failed


@pytest.mark.needs("curl")
def test_every_client_finds_an_error_that_it_cannot_read(url: str) -> None:
    fault = faults.refused_otherwise(lambda _: faults.told(400, {"detail": [{"msg": "no"}]}))

    with proxy.before(url, fault) as faulty:
        finished = ask_with_clients(faulty, "--model", models.POINT)

    check = "a bad request's error is told"
    outcomes = [each for each in json.loads(finished.stdout)["outcomes"] if each["check"] == check]
    assert {each["client"]: each["state"] for each in outcomes} == {
        "tritonclient": "failed",
        "aio": "failed",
        # it tells the whole document, so that one can read it there
        "kserve": "passed",
        "curl": "failed",
    }
    assert finished.returncode == 1


def test_the_client_of_kserve_finds_what_it_alone_reads(url: str) -> None:
    with proxy.before(url, faults.says_nothing_of_its_health) as faulty:
        finished = ask_with_clients(faulty, "--model", models.POINT)

    failed = {
        each["client"]
        for each in json.loads(finished.stdout)["outcomes"]
        if each["check"] == "server and model are live and ready" and each["state"] == "failed"
    }
    assert failed == {"kserve"}
    assert failed < clients.MODULES.keys()
