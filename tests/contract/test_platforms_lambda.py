"""The platform `aws_lambda` against an AWS that runs real functions and checks signatures."""

import os
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.deadline import Deadline
from faas_toolkit.core.errors import Blocked, Failure
from faas_toolkit.net.config import AwsAuth, Tls
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.platforms.aws_lambda import AwsLambda, LambdaTarget
from faas_toolkit.platforms.port import Invocation
from tests.fakes.ministack import EXECUTABLE, REGION, FakeAws, Keys, running

FUNCTIONS = {
    "echo": "def handler(event, context):\n    return {'got': event}\n",
    "raises": "def handler(event, context):\n    raise ValueError('amount is above the limit')\n",
    "slow": "import time\ndef handler(event, context):\n    time.sleep(10)\n",
    "sleeps": "import time\ndef handler(event, context):\n    time.sleep(2)\n",
    "big": "def handler(event, context):\n    return 'x' * 2_000_000\n",
    "nothing": "def handler(event, context):\n    pass\n",
    "reserved": "def handler(event, context):\n    return 1\n",
    "counts": "runs = 0\ndef handler(event, context):\n    global runs\n    runs += 1\n    return runs\n",
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory) -> Iterator[FakeAws]:
    executable = os.environ.get(EXECUTABLE, "")
    if not Path(executable).is_file():
        pytest.skip(f"{EXECUTABLE} does not name ministack's executable")
    with running(executable, tmp_path_factory.mktemp("aws")) as cloud:
        for name, code in FUNCTIONS.items():
            cloud.deploy(name, code, timeout=1 if name == "slow" else 5)
        cloud.client("lambda").put_function_concurrency(FunctionName="reserved", ReservedConcurrentExecutions=0)
        cloud.client("lambda").publish_version(FunctionName="echo")
        cloud.client("lambda").create_alias(FunctionName="echo", Name="prod", FunctionVersion="1")
        yield cloud


def platform(aws: FakeAws, name: str, *, keys: Keys | None = None, secret: str | None = None, **target) -> AwsLambda:
    keys = keys or aws.may_invoke
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://{urlsplit(aws.endpoint).netloc}"})
    return AwsLambda(
        name="score",
        target=LambdaTarget.model_validate({"region": REGION, "name": name, "endpoint": aws.endpoint, **target}),
        auth=AwsAuth.model_validate({"access_key_id": keys.access_key_id, "secret_access_key": secret or keys.secret_access_key}),
        tls=Tls(),
        client=HttpClient(guard=guard),
        now=SystemClock().epoch,
    )


def invoke(made: AwsLambda, payload: object = None, *, seconds: float = 15.0):
    invocation = Invocation(function="score", payload={} if payload is None else payload, message_id="m-1", trace_id="t")
    return made.invoke(invocation, Deadline.after(SystemClock(), seconds))


def failure(made: AwsLambda, **options) -> Failure:
    with pytest.raises(Failure) as caught:
        invoke(made, **options)
    return caught.value


@pytest.mark.parametrize("payload", [{"a": 1}, {"名": "客户 ü 🌍"}, {}, {"x": "y" * 100_000}])
def test_a_function_gets_its_event_and_its_answer_comes_back(aws, payload):
    result = invoke(platform(aws, "echo"), payload)
    assert result.data == {"got": payload}
    assert result.version == "$LATEST"
    assert result.request_id


def test_a_function_is_found_by_its_arn_and_alias(aws):
    arn = f"arn:aws:lambda:{REGION}:000000000000:function:echo"
    assert invoke(platform(aws, arn), {"a": 1}).data == {"got": {"a": 1}}
    assert invoke(platform(aws, "echo", qualifier="prod"), {"a": 1}).version == "1"
    assert invoke(platform(aws, arn, qualifier="prod"), {"a": 1}).version == "1"


def test_an_answer_of_nothing_is_none(aws):
    assert invoke(platform(aws, "nothing")).data is None


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"secret": "example/wrong+secret"}, "secret_access_key"),
        ({"keys": Keys("EXAMPLEUNKNOWNKEY", "example")}, "access_key_id"),
        ({"keys": "may_nothing"}, "lambda:InvokeFunction"),
    ],
)
def test_refused_keys_are_unavailable_and_name_the_catalog_key(aws, wrong, said):
    if wrong.get("keys") == "may_nothing":
        wrong = {"keys": aws.may_nothing}
    caught = failure(platform(aws, "echo", **wrong))
    assert (caught.kind, caught.retryable, caught.not_executed) == ("unavailable", False, True)
    assert "`functions.score.auth`" in caught.hint
    assert said in caught.hint
    assert aws.may_invoke.secret_access_key not in caught.as_text()


@pytest.mark.parametrize(("name", "target"), [("none", {}), ("echo", {"qualifier": "no-such-alias"})])
def test_an_unknown_function_names_the_target_in_the_catalog(aws, name, target):
    caught = failure(platform(aws, name, **target))
    assert (caught.kind, caught.retryable, caught.not_executed) == ("unavailable", False, True)
    assert "`functions.score.target`" in caught.hint


def test_a_function_that_raises_is_a_function_error_without_its_stack(aws):
    caught = failure(platform(aws, "raises"))
    assert (caught.kind, caught.retryable) == ("function_error", False)
    assert "amount is above the limit" in caught.message
    assert "main.py" not in caught.as_text()
    assert "Traceback" not in caught.as_text()


def test_a_function_over_its_own_time_limit_may_have_done_part_of_its_work(aws):
    caught = failure(platform(aws, "slow"))
    assert (caught.kind, caught.not_executed) == ("timeout_unknown", False)
    assert "its own time limit" in caught.message


def test_our_deadline_ends_the_wait(aws):
    assert failure(platform(aws, "sleeps"), seconds=0.5).kind == "timeout_unknown"


def test_a_throttled_function_did_not_run_and_says_whose_limit_it_was(aws):
    caught = failure(platform(aws, "reserved"))
    assert (caught.kind, caught.retryable, caught.not_executed) == ("throttled", True, True)
    assert "executions reserved for it" in caught.message
    assert caught.retry_after is not None


def test_a_large_answer_is_given_up(aws):
    assert failure(platform(aws, "big")).kind == "too_large"


def test_a_sign_of_life_checks_keys_and_name_and_runs_nothing(aws):
    made = platform(aws, "counts")
    assert invoke(made).data == 1
    for _ in range(2):
        assert "may be invoked" in made.check(Deadline.after(SystemClock(), 5))
    assert invoke(made).data == 2
    for wrong in (platform(aws, "none"), platform(aws, "counts", secret="example/wrong")):
        with pytest.raises(Failure):
            wrong.check(Deadline.after(SystemClock(), 5))


def test_an_endpoint_of_the_catalog_passes_the_guard(aws):
    made = platform(aws, "echo")
    made._client = HttpClient(guard=EgressGuard(environment={}))
    with pytest.raises(Blocked):
        invoke(made)
