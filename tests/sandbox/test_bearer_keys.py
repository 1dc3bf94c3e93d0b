"""Who may call."""

import pytest

from pipeline.sandbox.serve import TEST_KEY, SandboxApi
from tests.sandbox.caller import Caller, customer

UNKNOWN = "/billing/bills/nobody"


def ask(api: SandboxApi, authorization: str | None) -> tuple[int, str]:
    caller = Caller(api, bearer=None)
    answer = caller.call("GET", UNKNOWN, headers={"Authorization": authorization} if authorization else {})
    caller.close()
    return answer.status, answer.kind


@pytest.mark.parametrize("authorization", [None, TEST_KEY, f"Basic {TEST_KEY}", "Bearer "])
def test_without_a_bearer_key_the_answer_is_401(api: SandboxApi, authorization: str | None) -> None:
    assert ask(api, authorization) == (401, "missing_key")


def test_a_key_nobody_knows_is_answered_401_invalid_request(api: SandboxApi) -> None:
    assert ask(api, "Bearer sk_test_of_somebody_else") == (401, "invalid_request")


def test_a_public_key_is_answered_403(api: SandboxApi) -> None:
    assert ask(api, "Bearer pk_test_sandbox") == (403, "public_key")


def test_a_key_that_expires_while_in_use_is_answered_403_from_then_on(api: SandboxApi) -> None:
    assert ask(api, f"Bearer {TEST_KEY}") == (404, "not_found")
    api.expire_key(TEST_KEY)
    assert ask(api, f"Bearer {TEST_KEY}") == (403, "expired_key")


def test_a_good_key_asking_for_an_unknown_reference_gets_404_so_the_question_proves_the_key(
    caller: Caller,
) -> None:
    assert caller.get(UNKNOWN).status == 404


def test_each_of_several_keys_is_good() -> None:
    with SandboxApi(keys={"sk_one", "sk_test_two"}) as api:
        assert [ask(api, f"Bearer {key}")[0] for key in ("sk_one", "sk_test_two", TEST_KEY)] == [
            404,
            404,
            401,
        ]


def test_a_refused_key_leaves_no_trace_and_does_not_spend_the_idempotency_key(api: SandboxApi) -> None:
    stranger, owner = Caller(api, bearer="sk_wrong"), Caller(api)
    assert stranger.post("/billing/customers", customer(), key="k-1").status == 401
    assert api.snapshot()["customers"] == []
    answer = owner.post("/billing/customers", customer(), key="k-1")
    assert (answer.status, answer.replayed) == (201, False)
    stranger.close()
    owner.close()
