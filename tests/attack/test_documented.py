"""What schemathesis makes of the OpenAPI document, route by route and in sequences."""

from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import Case
from schemathesis.checks import CHECKS
from schemathesis.core.result import Ok
from schemathesis.specs.openapi.checks import positive_data_acceptance

from tools.testbed.service import Service

EXAMPLES = 25
QUIET = list(HealthCheck)
PUBLISHED = {"name": "default", "version": 1}
"""In place of names that are made up, half of the time: nobody guesses one."""


@pytest.fixture(scope="module")
def api(service: Service) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_url(f"http://127.0.0.1:{service.port}/openapi.json")


def test_every_route_answers_as_it_is_documented(api: schemathesis.BaseSchema) -> None:
    labels = []
    for found in api.get_all_operations():
        assert isinstance(found, Ok), found
        operation = found.ok()
        labels.append(operation.label)

        @given(case=operation.as_strategy(), is_published=st.booleans())
        @settings(max_examples=EXAMPLES, suppress_health_check=QUIET)
        def check(case: Case[Any], *, is_published: bool) -> None:
            if is_published:
                case.path_parameters.update(
                    {name: PUBLISHED[name] for name in case.path_parameters.keys() & PUBLISHED}
                )
            # no schema says that a low is below a high, or which models are published
            case.call_and_validate(excluded_checks=[positive_data_acceptance])

        check()
    assert len(labels) > 20
    assert len(CHECKS.get_all()) > 5


def test_sequences_of_requests_find_no_error_of_ours(api: schemathesis.BaseSchema) -> None:
    machine = api.as_state_machine()

    class Sequences(machine):  # type: ignore[misc, valid-type]
        def validate_response(self, response: object, case: Case[Any], **_: object) -> None:
            case.validate_response(response, excluded_checks=[positive_data_acceptance])

    Sequences.run(
        settings=settings(max_examples=20, stateful_step_count=6, suppress_health_check=QUIET)
    )
