"""What may be opened, and by whom."""

import ipaddress
import socket

import pytest

from faas_toolkit.core.errors import Blocked, Unavailable
from faas_toolkit.net.egress import EgressGuard, Openings, is_private, is_public, resolve_host
from tests.fakes.clock import FakeClock

PUBLIC = "93.184.216.34"
PRIVATE = "10.2.3.4"


def guard(addresses=(PUBLIC,), *, allow=(), environment=None, clock=None):
    return EgressGuard(
        allow=allow, environment=environment or {}, resolve=lambda host, port: list(addresses), clock=clock or FakeClock()
    )


def blocked(url, *args, **settings) -> Blocked:
    with pytest.raises(Blocked) as caught:
        guard(*args, **settings).route(url)
    return caught.value


def test_public_https_is_open_and_pinned_to_every_checked_address():
    route = guard([PUBLIC, "2606:2800:220:1::1"]).route("https://api.example.com/path?x=1")
    assert (route.scheme, route.host, route.port) == ("https", "api.example.com", 443)
    assert route.addresses == (PUBLIC, "2606:2800:220:1::1")


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.0.1",
        "172.31.255.255",
        "192.168.1.1",
        "100.64.0.1",
        "100.100.100.200",
        "169.254.169.254",
        "169.254.170.2",
        "168.63.129.16",
        "192.0.0.192",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "198.18.0.1",
        "198.51.100.1",
        "203.0.113.1",
        "224.0.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:10.0.0.1",
        "::ffff:169.254.169.254",
        "::ffff:0:7f00:1",
        "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::a9fe:a9fe",
        "100::1",
        "2001:0:53aa:64c::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fd20:ce::254",
        "fe80::1",
        "fec0::1",
        "ff02::1",
    ],
)
def test_no_address_that_is_not_public_is_opened_by_itself(address):
    assert blocked("https://api.example.com/", [address])


@pytest.mark.parametrize("address", ["8.8.8.8", PUBLIC, "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_are_open(address):
    assert guard([address]).route("https://api.example.com/")


def test_one_bad_address_among_good_ones_refuses_all():
    assert "private" in blocked("https://rebind.example/", [PUBLIC, PRIVATE]).message


@pytest.mark.parametrize(
    "text", ["127.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "localhost"]
)
def test_oddly_written_loopback_is_caught_by_what_the_resolver_makes_of_it(text):
    real = EgressGuard(environment={}, resolve=resolve_host)
    with pytest.raises(Blocked) as caught:
        real.route(f"https://{text}/")
    assert "loopback" in caught.value.message
    assert "FAAS_TOOLKIT_NETWORK_ALLOW" in caught.value.hint


@pytest.mark.parametrize(
    ("url", "taught"),
    [
        ("ftp://api.example.com/", "https://"),
        ("file:///etc/passwd", "https://"),
        ("gopher://api.example.com/", "https://"),
        ("//api.example.com/", "https://"),
        ("", "https://"),
        ("https://", "https://"),
        ("https://user:quiet-1@api.example.com/", "user name"),
        ("https://user@api.example.com/", "user name"),
        ("https://api.example.com:99999/", "URL"),
        ("https://[::1/", "URL"),
    ],
)
def test_what_is_no_open_address_is_refused(url, taught):
    failure = blocked(url)
    assert taught in failure.as_text()
    assert "quiet" not in failure.as_text()


def test_another_port_has_to_be_listed():
    failure = blocked("https://api.example.com:8443/")
    assert 'Add "api.example.com:8443"' in failure.hint
    assert guard(allow=["api.example.com:8443"]).route("https://api.example.com:8443/").port == 8443


def test_a_private_range_is_opened_by_the_catalog():
    assert '"10.2.3.4/32"' in blocked("https://db.internal/", [PRIVATE]).hint
    opened = guard([PRIVATE], allow=["10.2.0.0/16"])
    assert opened.route("https://db.internal:8443/").addresses == (PRIVATE,)
    assert blocked("https://db.internal/", ["10.3.0.1"], allow=["10.2.0.0/16"])


def test_plain_http_goes_to_listed_private_hosts_only():
    assert 'add "http://models.internal:8000"' in blocked("http://models.internal:8000/v1", [PRIVATE]).hint
    allow = ["http://models.internal:8000"]
    assert guard([PRIVATE], allow=allow).route("http://models.internal:8000/v1").scheme == "http"
    assert "Use https" in blocked("http://models.internal:8000/v1", [PUBLIC], allow=allow).hint
    assert blocked("http://models.internal:9000/v1", [PRIVATE], allow=allow)


def test_a_range_opens_no_plain_http():
    assert "Plain HTTP" in blocked("http://models.internal:8000/v1", [PRIVATE], allow=["10.0.0.0/8"]).message


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "169.254.169.254",
        "100.100.100.200",
        "fd00:ec2::254",
        "fd20:ce::254",
        "192.0.0.192",
        "0.0.0.0",
        "64:ff9b::a00:1",
    ],
)
def test_no_catalog_opens_loopback_link_local_or_metadata(address):
    allow = ["0.0.0.0/0", "::/0", "http://evil.internal:80", "evil.internal:443"]
    assert "which no catalog opens" in blocked("https://evil.internal/", [address], allow=allow).message
    assert blocked("http://evil.internal:80/", [address], allow=allow)


@pytest.mark.parametrize("entry", ["127.0.0.0/8", "demo.local:443"])
def test_the_operator_opens_loopback(entry):
    opened = guard(["127.0.0.1"], environment={"FAAS_TOOLKIT_NETWORK_ALLOW": f" {entry} , 10.9.0.0/16"})
    assert opened.route("https://demo.local/").addresses == ("127.0.0.1",)


def test_the_operator_opens_plain_http_on_loopback():
    environment = {"FAAS_TOOLKIT_NETWORK_ALLOW": "http://127.0.0.1:8080"}
    assert EgressGuard(environment=environment).route("http://127.0.0.1:8080/").addresses == ("127.0.0.1",)
    with pytest.raises(Blocked):
        EgressGuard(environment=environment).route("http://127.0.0.1:8081/")


def test_the_operator_closes_private_networks_but_not_the_public_one():
    environment = {"FAAS_TOOLKIT_NETWORK": "closed"}
    allow = ["10.0.0.0/8", "http://models.internal:8000", "api.example.com:8443"]
    assert "FAAS_TOOLKIT_NETWORK=closed" in blocked("https://db.internal/", [PRIVATE], allow=allow, environment=environment).hint
    assert blocked("http://models.internal:8000/", [PRIVATE], allow=allow, environment=environment)
    assert guard(allow=allow, environment=environment).route("https://api.example.com:8443/")


def test_an_unreadable_operator_setting_is_named_instead_of_ignored():
    with pytest.raises(Unavailable, match="FAAS_TOOLKIT_NETWORK_ALLOW"):
        guard(environment={"FAAS_TOOLKIT_NETWORK_ALLOW": "everything"})


@pytest.mark.parametrize("error", [socket.gaierror(-2, "unknown"), OSError("no resolver"), UnicodeError("label too long")])
def test_a_name_without_address_is_unavailable_and_nothing_was_sent(error):
    def fail(host, port):
        raise error

    with pytest.raises(Unavailable) as caught:
        EgressGuard(environment={}, resolve=fail).route("https://nowhere.example/")
    assert caught.value.not_executed
    assert caught.value.retryable


def test_a_label_that_no_name_may_have_is_unavailable():
    with pytest.raises(Unavailable):
        EgressGuard(environment={}).route(f"https://{'a' * 300}/")


def test_addresses_are_remembered_for_ten_seconds_and_no_longer():
    clock, asked = FakeClock(), []

    def resolve(host, port):
        asked.append(host)
        return [PUBLIC] if len(asked) == 1 else ["127.0.0.1"]

    remembering = EgressGuard(environment={}, resolve=resolve, clock=clock)
    remembering.route("https://a.example/")
    clock.advance(9)
    assert remembering.route("https://a.example/").addresses == (PUBLIC,)
    assert asked == ["a.example"]
    clock.advance(2)
    with pytest.raises(Blocked):
        remembering.route("https://a.example/")


def test_memory_of_names_is_bounded():
    many = guard(clock=FakeClock())
    for number in range(1_000):
        many.route(f"https://h{number}.example/")
    assert len(many._remembered) <= 256


def test_every_list_entry_has_one_meaning():
    assert Openings.parse(["a.example:8443"]).plain == frozenset()
    assert Openings.parse(["http://A.example:80"]).plain == {("a.example", 80)}
    assert Openings.parse(["10.1.2.3"]).contains(ipaddress.ip_address("10.1.2.3"))


def test_public_and_private_never_meet():
    for network in ("10.0.0.0", "100.64.0.0", "8.8.8.8", "2606:4700::1", "fd12::1", "127.0.0.1", "168.63.129.16"):
        address = ipaddress.ip_address(network)
        assert not (is_public(address) and is_private(address))
