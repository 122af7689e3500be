"""The setting `redis_url`: what may be written, and what is said of what may not."""

from urllib.parse import quote

import pytest

from faas_toolkit.core.errors import InvalidInput
from faas_toolkit.state.redis.address import RedisAddress


def wrong(url) -> InvalidInput:
    with pytest.raises(InvalidInput) as caught:
        RedisAddress.parse(url)
    assert "redis_url" in caught.value.message
    assert "rediss" in caught.value.hint or "options are" in caught.value.hint or "tls is" in caught.value.hint
    return caught.value


def test_one_server():
    address = RedisAddress.parse("redis://user:p%40ss@redis.internal:6380/3")
    assert (address.arrangement, address.hosts, address.database) == ("single", (("redis.internal", 6380),), 3)
    assert (address.username, address.password, address.tls) == ("user", "p@ss", None)


def test_port_and_database_have_defaults_and_spaces_around_do_not_matter():
    address = RedisAddress.parse(" rediss://redis.example \n")
    assert (address.hosts, address.database) == ((("redis.example", 6379),), 0)


def test_tls_is_1_3_unless_lowered_by_name():
    assert RedisAddress.parse("rediss://h").tls.minimum == "1.3"
    assert RedisAddress.parse("rediss://h?tls=1.2").tls.minimum == "1.2"


def test_an_authority_of_one_s_own_is_given_as_percent_encoded_pem():
    pem = "-----BEGIN CERTIFICATE-----\nabc+/=\n-----END CERTIFICATE-----\n"
    assert RedisAddress.parse(f"rediss://h?ca={quote(pem)}").tls.ca == pem


def test_sentinels_with_the_service_they_watch():
    address = RedisAddress.parse("rediss+sentinel://:pw@a,b:26380,[fd00::1]/main/2?sentinel_password=other")
    assert address.arrangement == "sentinel"
    assert address.hosts == (("a", 26379), ("b", 26380), ("fd00::1", 26379))
    assert (address.service, address.database, address.password) == ("main", 2, "pw")
    assert address.sentinel_password == "other"


def test_a_cluster_by_some_of_its_nodes():
    address = RedisAddress.parse("redis+cluster://a:7000,b:7001")
    assert (address.arrangement, address.hosts) == ("cluster", (("a", 7000), ("b", 7001)))


@pytest.mark.parametrize(
    ("url", "part"),
    [
        ("", "begins with none of"),
        ("unix:///var/run/redis.sock", "Sockets in the file system"),
        ("http://redis.example", "begins with none of"),
        ("redis://", "host or port"),
        ("redis://h:0", "host or port"),
        ("redis://h:70000", "host or port"),
        ("redis://[::1", "is no URL"),
        ("redis://a,b", "several hosts"),
        ("redis://h/x", "number of a database"),
        ("redis://h/0/1", "number of a database"),
        ("redis://h/٣", "number of a database"),
        ("redis://h#x", "%23"),
        ("redis+cluster://h/1", "Cluster has only 0"),
        ("redis+sentinel://h", "which service"),
        ("redis://h?socket_timeout=1", "not offered"),
        ("redis://h?tls=1.2", "TLS"),
        ("rediss://h?tls=1.1", "option of TLS"),
        ("rediss://h?tls=1.2&tls=1.3", "twice"),
        ("rediss://h?ca=/etc/ssl/ca.pem", "option of TLS"),
        ("rediss://h?sentinel_password=x", "not offered"),
        ("redis+cluster://" + ",".join("h" * 1 for _ in range(21)), "more than 20"),
    ],
)
def test_what_is_wrong_is_said_with_what_would_be_right(url, part):
    assert part in wrong(url).message


@pytest.mark.parametrize(
    "url",
    [
        "redis://user:s3cr#t@h",
        "redis://user:s3cr/t@h",
        "redis://user:s3c@r:t@h:x",
        "redis://s3cr t@h?no=1",
        "redis://user:p@x?s3cr@h/0",
    ],
)
def test_no_part_of_a_password_is_repeated(url):
    failure = wrong(url)
    assert "s3c" not in failure.as_text()


def test_no_representation_shows_a_password():
    shown = repr(RedisAddress.parse("redis+sentinel://u:s3cret@h/main?sentinel_password=s3cret"))
    assert "s3cret" not in shown
