"""One body of facts for every store of cached answers, on the real servers; then what is particular to S3."""

import logging
import os
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from faas_toolkit.core.call import Workspace
from faas_toolkit.core.clock import SystemClock
from faas_toolkit.core.offload import InlineOffload
from faas_toolkit.net.egress import EgressGuard
from faas_toolkit.net.http import HttpClient
from faas_toolkit.state.cache.config import S3Cold
from faas_toolkit.state.cache.disk import DiskCache
from faas_toolkit.state.cache.memory import MemoryCache
from faas_toolkit.state.cache.port import MAX_VALUE_BYTES, Kept
from faas_toolkit.state.cache.redis import RedisCache
from faas_toolkit.state.cache.s3 import S3Cache
from faas_toolkit.state.cache.tiers import TieredCache
from faas_toolkit.state.redis.address import RedisAddress
from faas_toolkit.state.redis.connection import RedisConnection
from tests.fakes import ministack
from tests.fakes.clock import FakeClock
from tests.fakes.data_servers import RedisServer, running
from tests.fakes.redis_arrangements import redis_cli
from tests.fakes.servers import serving
from tests.fakes.tampering import TAMPERED

ONE = Workspace("workspace-one", bytes(range(32)))
OTHER = Workspace("workspace-other", bytes(range(32)))
BUCKET = "answers"


@pytest.fixture
def clock():
    return FakeClock(epoch=SystemClock().epoch())  # servers compare signatures and times to live with their own clocks


@pytest.fixture(scope="module")
def aws(tmp_path_factory):
    executable = os.environ.get(ministack.EXECUTABLE, "")
    if not Path(executable).is_file():
        pytest.skip(f"{ministack.EXECUTABLE} does not name ministack's executable")
    with ministack.running(executable, tmp_path_factory.mktemp("aws")) as cloud:
        cloud.client("s3").create_bucket(Bucket=BUCKET, CreateBucketConfiguration={"LocationConstraint": ministack.REGION})
        yield cloud


@pytest.fixture(scope="module")
def keys(aws):
    objects = {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:PutObject", "s3:DeleteObject"],
        "Resource": f"arn:aws:s3:::{BUCKET}/*",
    }
    listing = {"Effect": "Allow", "Action": "s3:ListBucket", "Resource": f"arn:aws:s3:::{BUCKET}"}
    return aws.user("keeper", objects, listing)


@pytest.fixture
def s3(aws, keys, clock):
    def build(**changes):
        auth = {"access_key_id": keys.access_key_id, "secret_access_key": keys.secret_access_key}
        section = {"kind": "s3", "endpoint": aws.endpoint, "bucket": BUCKET, "region": ministack.REGION, "auth": auth} | changes
        guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": f"http://{urlsplit(aws.endpoint).netloc}"})
        client = HttpClient(guard=guard)
        clients.append(client)
        return S3Cache(config=S3Cold.model_validate(section), client=client, clock=clock, spawn=InlineOffload().spawn)

    clients = []
    bucket = aws.client("s3")
    for found in bucket.list_objects_v2(Bucket=BUCKET).get("Contents", []):
        bucket.delete_object(Bucket=BUCKET, Key=found["Key"])
    yield build
    for client in clients:
        client.close()


@pytest.fixture(scope="module")
def redis_server(tmp_path_factory):
    with running(RedisServer, tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis(redis_server, clock):
    redis_cli(redis_server.port, "FLUSHALL")
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": "127.0.0.1/32"})
    connection = RedisConnection(address=RedisAddress.parse(redis_server.url), guard=guard, clock=clock)
    yield RedisCache(connection=connection, clock=clock)
    connection.close()


@pytest.fixture
def disk(tmp_path, clock):
    cache = DiskCache(path=tmp_path / "cache" / "cache.db", clock=clock, offload=InlineOffload(), max_bytes=2_000_000)
    yield cache
    cache.close()


@pytest.fixture(params=["memory", "disk", "redis", "s3", "memory before disk", "memory before s3", "all of them"])
def cache(request, clock):
    memory = MemoryCache(clock=clock)
    match request.param:
        case "memory":
            return memory
        case "disk" | "redis":
            return request.getfixturevalue(request.param)
        case "s3":
            return request.getfixturevalue("s3")()
        case "memory before disk":
            return TieredCache(near=memory, cold=request.getfixturevalue("disk"), spawn=InlineOffload().spawn)
        case "memory before s3":
            return TieredCache(near=memory, cold=request.getfixturevalue("s3")(), spawn=InlineOffload().spawn)
        case _:
            shared, cold = request.getfixturevalue("redis"), request.getfixturevalue("s3")()
            return TieredCache(near=memory, shared=shared, cold=cold, spawn=InlineOffload().spawn)


def value_of(cache, workspace, name):
    kept = cache.get(workspace, name)
    return kept and kept.value


def test_a_value_is_kept_under_its_name_and_replaced(cache):
    assert cache.get(ONE, "name") is None
    cache.put(ONE, "name", Kept(b"first", 60))
    cache.put(ONE, "name", Kept(b"second", 60))
    assert value_of(cache, ONE, "name") == b"second"


def test_two_workspaces_share_nothing_though_their_keys_and_names_are_equal(cache):
    cache.put(ONE, "name", Kept(b"of one", 60))
    assert cache.get(OTHER, "name") is None
    cache.put(OTHER, "name", Kept(b"of the other", 60))
    assert value_of(cache, ONE, "name") == b"of one"


def test_a_value_expires(cache, clock):
    cache.put(ONE, "name", Kept(b"value", 60))
    clock.advance(59.5)
    assert value_of(cache, ONE, "name") == b"value"
    clock.advance(0.5)
    assert cache.get(ONE, "name") is None


@pytest.mark.parametrize("seconds", [0, -1])
def test_what_may_not_be_kept_is_not(cache, seconds):
    cache.put(ONE, "name", Kept(b"value", seconds))
    assert cache.get(ONE, "name") is None


def test_a_value_above_the_bound_is_not_kept(cache):
    cache.put(ONE, "largest", Kept(bytes(MAX_VALUE_BYTES), 60))
    cache.put(ONE, "too large", Kept(bytes(MAX_VALUE_BYTES + 1), 60))
    assert cache.get(ONE, "largest") is not None
    assert cache.get(ONE, "too large") is None


@pytest.mark.parametrize("name", ["", "\0", "\ud800", "x" * 100_000, "';DROP TABLE entries"])
def test_any_text_is_a_name(cache, name):
    cache.put(ONE, name, Kept(b"value", 60))
    assert value_of(cache, ONE, name) == b"value"


# ---- S3


@pytest.fixture
def objects(aws):
    """Every object of the bucket: its name, bytes and metadata, as an operator sees them."""
    bucket = aws.client("s3")

    def read():
        listed = bucket.list_objects_v2(Bucket=BUCKET).get("Contents", [])
        found = [bucket.get_object(Bucket=BUCKET, Key=each["Key"]) | {"Key": each["Key"]} for each in listed]
        return [(each["Key"], each["Body"].read(), each["Metadata"]) for each in found]

    read.bucket = bucket
    return read


def test_nothing_of_it_can_be_read_in_the_bucket(s3, objects, clock):
    s3().put(ONE, "the name", Kept(b"the value", 120))
    ((key, body, metadata),) = objects()
    assert key.startswith("faas-toolkit/")
    assert len(key) == len("faas-toolkit/") + 64
    assert metadata == {"expires": str(int(clock.epoch() + 120))}
    for clear in (b"the name", b"the value", ONE.id.encode(), ONE.key):
        assert clear not in body


def test_an_expired_object_is_deleted_by_the_read_that_finds_it(s3, objects, clock):
    s3().put(ONE, "name", Kept(b"value", 60))
    clock.advance(61)
    assert s3().get(ONE, "name") is None
    assert objects() == []


def test_what_lives_under_a_minute_is_not_sent(s3, objects):
    s3().put(ONE, "name", Kept(b"value", 59))
    s3().put(ONE, "larger than a value may be", Kept(bytes(MAX_VALUE_BYTES + 1), 3600))
    assert objects() == []


@pytest.mark.parametrize("change", TAMPERED)
def test_what_was_tampered_with_is_a_miss_and_no_failure(s3, objects, change):
    s3().put(ONE, "name", Kept(b"value", 120))
    ((key, body, _),) = objects()
    objects.bucket.put_object(Bucket=BUCKET, Key=key, Body=change(body))
    assert s3().get(ONE, "name") is None


def test_an_object_in_anothers_place_is_a_miss(s3, objects):
    cache = s3()
    cache.put(ONE, "mine", Kept(b"value", 120))
    ((_, body, _),) = objects()
    cache.put(ONE, "yours", Kept(b"other", 120))
    cache.put(OTHER, "mine", Kept(b"of the other", 120))
    for key, *_ in objects():
        objects.bucket.put_object(Bucket=BUCKET, Key=key, Body=body)
    assert cache.get(ONE, "mine").value == b"value"
    assert cache.get(ONE, "yours") is None
    assert cache.get(OTHER, "mine") is None


def test_a_workspace_with_another_key_finds_nothing(s3):
    s3().put(ONE, "name", Kept(b"value", 120))
    assert s3().get(Workspace(ONE.id, bytes(32)), "name") is None


def test_another_prefix_is_another_cache(s3):
    s3(prefix="a/b/").put(ONE, "name", Kept(b"value", 120))
    assert s3(prefix="").get(ONE, "name") is None
    assert s3(prefix="a/b/").get(ONE, "name").value == b"value"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"auth": {"access_key_id": "nobody", "secret_access_key": "wrong-secret"}}, "HTTP 403"),
        ({"auth": {"access_key_id": "{id}", "secret_access_key": "wrong-secret"}}, "HTTP 403"),
        ({"bucket": "not-there"}, "HTTP 40"),
    ],
    ids=["unknown key", "wrong secret", "no bucket"],
)
def test_a_store_that_refuses_is_left_alone_and_nobody_is_told_a_secret(s3, keys, changes, said, clock, caplog):
    known = {"access_key_id": keys.access_key_id}
    cache = s3(**{name: {**part, **known} if "{id}" in str(part) else part for name, part in changes.items()})
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            cache.put(ONE, "name", Kept(b"value", 120))
            assert cache.get(ONE, "name") is None
    assert len(caplog.records) == 1
    assert "wrong-secret" not in caplog.text
    assert cache.problem.startswith(said)
    clock.advance(30)
    assert cache.problem == ""


def cache_of(address, clock, **changes):
    auth = {"access_key_id": "someone", "secret_access_key": "example-secret"}
    section = {"kind": "s3", "endpoint": address, "bucket": "answers", "auth": auth} | changes
    guard = EgressGuard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": address})
    return S3Cache(
        config=S3Cold.model_validate(section), client=HttpClient(guard=guard), clock=clock, spawn=InlineOffload().spawn
    )


def test_a_store_that_says_nothing_costs_its_time_out_once(clock):
    with serving(lambda exchange: exchange.closing.wait(10)) as server:
        cache = cache_of(f"http://127.0.0.1:{server.port}", clock, timeout="100ms")
        for _ in range(5):
            assert cache.get(ONE, "name") is None
        assert len(server.exchanges) == 1
        assert "object store" in cache.problem


@pytest.mark.parametrize(
    "status", ["301 Moved Permanently", "307 Temporary Redirect", "400 Bad Request", "500 Internal", "503 Slow Down"]
)
def test_any_other_answer_is_a_miss(clock, status):
    with serving(lambda exchange: exchange.answer(b"<Error/>", status=status)) as server:
        cache = cache_of(f"http://127.0.0.1:{server.port}", clock)
        assert cache.get(ONE, "name") is None
        assert cache.problem.startswith(f"HTTP {status[:3]}")
        clock.advance(30)
        assert cache.problem == ""


def test_the_guard_decides_whether_the_store_may_be_asked(clock):
    cache = cache_of("http://127.0.0.1:9", clock)
    cache._client = HttpClient(guard=EgressGuard(environment={}))
    assert cache.get(ONE, "name") is None
    assert "not allowed" in cache.problem


def test_the_bucket_may_stand_before_the_host(clock):
    cache = cache_of("http://oss-eu-central-1.example.com:80", clock, addressing="host", prefix="p/")
    request = cache._request("GET", "f00", b"", {})
    assert str(request.url) == "http://answers.oss-eu-central-1.example.com/p/f00"
