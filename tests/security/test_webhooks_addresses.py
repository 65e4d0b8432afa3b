"""Which addresses are called: no way of writing an inner one gets through, and no way round it."""

from __future__ import annotations

from ipaddress import ip_address

import pytest
from tests.security.seed import dice, tell

from groundwell.domain.errors import UrlRefusedError
from groundwell.domain.webhooks.hosts import HostRules
from groundwell.domain.webhooks.networks import Reach, reach_of

ANY = HostRules(["*"])
HOSTILE = (
    # This machine and its networks, in all ways of writing them.
    *("https://127.0.0.1/", "https://127.1/", "https://127.0.1/", "https://2130706433/"),
    *("https://0x7f000001/", "https://0x7f.0.0.1/", "https://0X7F.1/", "https://017700000001/"),
    *("https://0177.0.0.1/", "https://127.0.0.01/", "https://127.0.0.1./", "https://0/"),
    *("https://0.0.0.0/", "https://10.0.0.1/", "https://10.1/", "https://172.16.0.1/"),
    *("https://192.168.0.1/", "https://100.64.0.1/", "https://[::1]/", "https://[::]/"),
    *("https://[fc00::1]/", "https://[fd12::1]/", "https://255.255.255.255/"),
    # The machine's own credentials.
    *("https://169.254.169.254/latest/meta-data/", "https://2852039166/", "https://0xa9fea9fe/"),
    *("https://0251.0376.0251.0376/", "https://[fe80::1]/", "https://[fe80::1%25eth0]/"),
    *("https://[fd00:ec2::254]/", "https://100.100.100.200/", "https://168.63.129.16/"),
    # IPv4 inside IPv6: mapped, compatible, translated, 6to4, Teredo.
    *("https://[::ffff:10.0.0.1]/", "https://[::ffff:a00:1]/", "https://[::10.0.0.1]/"),
    *("https://[::ffff:8.8.8.8]/", "https://[64:ff9b::10.0.0.1]/", "https://[64:ff9b:1::a00:1]/"),
    *("https://[2002:a00:1::]/", "https://[2001:0:a00:1::]/"),
    # Users, and what readers of addresses disagree about.
    *("https://user@example.org/", "https://user:password@example.org/", "https://@example.org/"),
    *("https://example.org@127.0.0.1/", "https://127.0.0.1#@example.org/"),
    *("https://example.org\\@127.0.0.1/", "https://127.0.0.1\\.example.org/", "https:\\\\a.org/"),
    *("https://127.0.0.1%2f.example.org/", "https://%31%32%37.0.0.1/", "https://ex%61mple.org/"),
    *(
        "https://①②⑦.0.0.1/",
        "https://example。org/",
        "https://exämple.org/",
        "https://a\u200b.org/",
    ),
    *("https://example.org/\r\nHost: x", "https://example.org/ x", "https://example.org\t/"),
    *(" https://example.org/", "https://example.org/\x00", "https:///example.org/", "https://"),
    *("//example.org/", "example.org", "", "https:example.org", "https://example.org/#part"),
    *("https://-a.example.org/", "https://a..example.org/", "https://.example.org/"),
    # Other protocols, and ports of other services.
    *("http://example.org/", "file:///etc/passwd", "gopher://example.org:70/_x", "ftp://a.org/"),
    *("dict://example.org:11211/stat", "data:text/plain,x", "javascript://a.org/", "ws://a.org/"),
    *("https://example.org:22/", "https://example.org:25/", "https://example.org:6379/"),
    *("https://example.org:80/", "https://example.org:0/", "https://example.org:99999/"),
    *("https://example.org:443:22/", "https://example.org:/", "https://example.org:+443/"),
    "https://example.org/" + "a" * 2000,
    "https://" + "a" * 64 + ".org/",
    "https://" + "a." * 127 + "org/",
)


@pytest.mark.parametrize("url", HOSTILE)
def test_a_hostile_address_is_refused_though_every_host_may_be_called(url: str):
    with pytest.raises(UrlRefusedError) as refused:
        ANY.check(url)
    assert refused.value.code == "url_refused"
    assert refused.value.status == 422
    if len(url) > 8:
        assert url not in refused.value.detail


def test_the_hostile_addresses_are_counted():
    tell(f"{len(HOSTILE)} hostile addresses: all refused")


@pytest.mark.parametrize(
    ("url", "host", "port", "target"),
    [
        ("https://hooks.example.org", "hooks.example.org", 443, "/"),
        ("https://hooks.example.org?a=1", "hooks.example.org", 443, "/?a=1"),
        (
            "HTTPS://Hooks.Example.ORG:443/A/b%20c?x=@:/?",
            "hooks.example.org",
            443,
            "/A/b%20c?x=@:/?",
        ),
        ("https://8.8.8.8/x", "8.8.8.8", 443, "/x"),
        ("https://[2606:4700:0:0::1111]/", "2606:4700::1111", 443, "/"),
        ("https://xn--exmple-cua.org/", "xn--exmple-cua.org", 443, "/"),
    ],
)
def test_a_plain_address_is_taken_apart_as_it_is_written(
    url: str, host: str, port: int, target: str
):
    callee = ANY.check(url)
    assert (callee.scheme, callee.host, callee.port, callee.target) == ("https", host, port, target)
    assert not callee.may_be_private


def test_without_hosts_nothing_is_called():
    with pytest.raises(UrlRefusedError, match="webhook_hosts is not set"):
        HostRules().check("https://hooks.example.org/")


@pytest.mark.parametrize(
    ("entry", "fits", "fits_not"),
    [
        (
            "a.org",
            ["https://a.org/", "https://A.org:443/"],
            ["https://b.a.org/", "https://xa.org/"],
        ),
        ("a.org:8443", ["https://a.org:8443/"], ["https://a.org/"]),
        (
            "*.a.org",
            ["https://b.a.org/", "https://c.b.a.org/"],
            ["https://a.org/", "https://ba.org"],
        ),
        ("*.a.org:8443", ["https://b.a.org:8443/"], ["https://b.a.org/", "http://b.a.org:8443/"]),
        ("*", ["https://a.org/", "https://9.9.9.9/"], ["http://a.org/", "https://localhost:8443/"]),
        ("*:8443", ["https://a.org:8443/"], ["https://a.org/"]),
        ("localhost", ["https://localhost/", "http://localhost/"], ["http://localhost:8080/"]),
        ("10.0.0.5:9000", ["http://10.0.0.5:9000/"], ["http://10.0.0.6:9000/", "http://10.5:9000"]),
        ("[::1]:9000", ["http://[0::1]:9000/"], ["http://[::2]:9000/"]),
        ("8.8.8.8", ["https://8.8.8.8/"], ["http://8.8.8.8/"]),
    ],
)
def test_an_entry_opens_what_it_names_and_nothing_else(
    entry: str, fits: list[str], fits_not: list[str]
):
    rules = HostRules([entry])
    for url in fits:
        rules.check(url)
    for url in fits_not:
        with pytest.raises(UrlRefusedError):
            rules.check(url)


@pytest.mark.parametrize(
    "entry",
    [
        *("", "https://a.org", "a.org/", "a b", "a.*.org", "*a.org", "a.org:0", "a.org:99999"),
        *("127.1", "2130706433", "::1", "[::1", "a..org", "user@a.org", "*.127.1"),
        *("169.254.169.254", "[fe80::1]", "0.0.0.0", "[::ffff:127.0.0.1]", "168.63.129.16"),
    ],
)
def test_an_entry_that_means_nothing_or_what_nobody_may_call_is_a_mistake(entry: str):
    with pytest.raises(ValueError, match=r"neither a host|never called"):
        HostRules([entry])


@pytest.mark.parametrize(
    ("entry", "scheme", "addresses", "is_called"),
    [
        ("*", "https", ["93.184.216.34", "2606:4700::1111"], True),
        ("*", "https", ["10.0.0.1"], False),
        ("*", "https", ["93.184.216.34", "10.0.0.1"], False),
        ("*", "https", ["93.184.216.34", "::ffff:93.184.216.34"], False),
        ("*", "https", ["64:ff9b::5db8:d822"], True),
        ("*", "https", ["64:ff9b::a00:1"], False),
        ("*.a.org", "https", ["127.0.0.1"], False),
        ("hook.a.org", "https", ["10.0.0.1", "fd00::1"], True),
        ("hook.a.org", "https", ["93.184.216.34", "10.0.0.1"], True),
        ("hook.a.org", "https", ["169.254.169.254"], False),
        ("hook.a.org", "https", ["10.0.0.1", "fe80::1"], False),
        ("hook.a.org", "https", ["100.100.100.200"], False),
        ("hook.a.org", "http", ["10.0.0.1"], True),
        ("hook.a.org", "http", ["93.184.216.34"], False),
        ("hook.a.org", "http", ["10.0.0.1", "93.184.216.34"], False),
    ],
)
def test_all_addresses_of_a_name_count_and_only_its_own_entry_opens_private_ones(
    entry: str, scheme: str, addresses: list[str], is_called: bool
):
    callee = HostRules([entry]).check(f"{scheme}://hook.a.org/")
    found = [ip_address(address) for address in addresses]
    if is_called:
        callee.check(found)
    else:
        with pytest.raises(UrlRefusedError):
            callee.check(found)


def test_what_is_called_public_is_what_the_python_of_today_calls_global():
    # The list is ours, so that it is the same everywhere; this tells when it lags behind.
    rolls, seen = dice("networks"), 0
    for _ in range(20_000):
        bits = rolls.getrandbits(32)
        address = ip_address(bits)
        if reach_of(address) is Reach.PUBLIC:
            seen += 1
            assert address.is_global, address
        wide = ip_address((0x2000 << 112) | rolls.getrandbits(125))
        assert reach_of(wide) is not Reach.PUBLIC or wide.is_global, wide
    assert seen > 10_000
