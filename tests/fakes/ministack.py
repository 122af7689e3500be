"""AWS on loopback: ministack runs real Python functions and verifies signatures with code of its own.

It pins botocore, so it lives in an environment of its own; `FAAS_TOOLKIT_TEST_MINISTACK` is the path of its executable.
Its root keys are not checked at all, so tests use the key of a user that was created for them.
"""

import contextlib
import io
import json
import os
import socket
import subprocess
import time
import zipfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EXECUTABLE = "FAAS_TOOLKIT_TEST_MINISTACK"
REGION = "eu-west-1"
_ROOT = "test"
_STARTS_WITHIN = 30.0


@dataclass(frozen=True)
class Keys:
    """Of a user that was created."""

    access_key_id: str
    secret_access_key: str


@dataclass(frozen=True)
class FakeAws:
    """A running AWS."""

    endpoint: str
    may_invoke: Keys
    """Of a user who may invoke functions and nothing else."""
    may_nothing: Keys
    role: str

    def client(self, service: str) -> Any:
        """A botocore client with the root keys."""
        import botocore.session

        return botocore.session.get_session().create_client(
            service, region_name=REGION, endpoint_url=self.endpoint, aws_access_key_id=_ROOT, aws_secret_access_key=_ROOT
        )

    def user(self, name: str, *statements: Mapping[str, object]) -> Keys:
        """Creates a user who may do what these statements of a policy say."""
        return _user(self.client("iam"), name, _policy(*statements))

    def deploy(self, name: str, code: str, *, timeout: int = 5) -> str:
        """Creates a function from the source of its module with the entry point `handler`; its ARN."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            archive.writestr("main.py", code)
        made: Mapping[str, str] = self.client("lambda").create_function(
            FunctionName=name,
            Runtime="python3.12",
            Role=self.role,
            Handler="main.handler",
            Code={"ZipFile": packed.getvalue()},
            Timeout=timeout,
        )
        return made["FunctionArn"]


@contextlib.contextmanager
def running(executable: str, folder: Path) -> Iterator[FakeAws]:
    """AWS with signature checks on, until the block ends."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = probe.getsockname()[1]
    environment = {**os.environ, "BIND_HOST": "127.0.0.1", "GATEWAY_PORT": str(port), "AUTH": "true"}
    with (folder / "ministack.log").open("wb") as log:
        process = subprocess.Popen([executable], cwd=folder, env=environment, stdout=log, stderr=subprocess.STDOUT)
        try:
            _wait(process, port, folder / "ministack.log")
            yield _prepared(f"http://127.0.0.1:{port}")
        finally:
            process.terminate()
            try:
                process.wait(10)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait(process: subprocess.Popen[bytes], port: int, log: Path) -> None:
    until = time.monotonic() + _STARTS_WITHIN
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.1)
    raise RuntimeError(f"ministack does not serve: {log.read_text(errors='replace')[-2000:]}")


def _prepared(endpoint: str) -> FakeAws:
    bare = FakeAws(endpoint, Keys("", ""), Keys("", ""), "")
    iam = bare.client("iam")
    trust = {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}
    role = iam.create_role(RoleName="functions", AssumeRolePolicyDocument=json.dumps(_policy(trust)))["Role"]["Arn"]
    invoking = _policy({"Effect": "Allow", "Action": "lambda:InvokeFunction", "Resource": "*"})
    return FakeAws(endpoint, _user(iam, "invoker", invoking), _user(iam, "nobody", None), role)


def _user(iam: Any, name: str, policy: Mapping[str, object] | None) -> Keys:
    iam.create_user(UserName=name)
    if policy is not None:
        iam.put_user_policy(UserName=name, PolicyName="only", PolicyDocument=json.dumps(policy))
    key = iam.create_access_key(UserName=name)["AccessKey"]
    return Keys(key["AccessKeyId"], key["SecretAccessKey"])


def _policy(*statements: Mapping[str, object]) -> dict[str, object]:
    return {"Version": "2012-10-17", "Statement": list(statements)}
