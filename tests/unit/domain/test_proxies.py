"""Whose address counts behind reverse proxies."""

from __future__ import annotations

from ipaddress import ip_network

import pytest

from groundwell.domain.proxies import TrustedProxies

PEER = "10.0.0.1"
PROXIES = TrustedProxies((ip_network("10.0.0.0/8"), ip_network("2001:db8:1::/48")))
NOBODY = TrustedProxies(())


@pytest.mark.parametrize(
    ("peer", "is_trusted"),
    [
        ("10.255.0.1", True),
        ("::ffff:10.0.0.1", True),
        ("2001:db8:1::7", True),
        ("2001:db8:1::7%eth0", True),
        ("11.0.0.1", False),
        ("2001:db8:2::7", False),
        ("testclient", False),
        ("", False),
    ],
)
def test_a_proxy_is_known_by_the_address_of_its_socket(peer: str, is_trusted: bool):
    assert PROXIES.trusts(peer) is is_trusted
    assert not NOBODY.trusts(peer)


@pytest.mark.parametrize(
    ("forwarded_for", "client"),
    [
        # One proxy, then two.
        (["192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        (["192.0.2.7", "10.0.0.3,10.0.0.2"], "192.0.2.7"),
        # What the client made up stands on the left.
        (["203.0.113.9, 192.0.2.7"], "192.0.2.7"),
        (["10.0.0.9, 192.0.2.7, 10.0.0.2"], "192.0.2.7"),
        (["203.0.113.9", "192.0.2.7"], "192.0.2.7"),
        (["127.0.0.1,192.0.2.7"], "192.0.2.7"),
        # Somebody within the trusted network.
        (["10.0.0.5"], "10.0.0.5"),
        (["10.0.0.5, 10.0.0.4"], "10.0.0.5"),
        # IPv6, mapped addresses, zones, ports.
        (["2001:db8:2::7"], "2001:db8:2::7"),
        (["2001:DB8:2:0:0::7, 2001:db8:1::1"], "2001:db8:2::7"),
        (["[2001:db8:2::7]:4711"], "2001:db8:2::7"),
        (["[2001:db8:2::7]"], "2001:db8:2::7"),
        (["fe80::1%eth0"], "fe80::1"),
        (["::ffff:192.0.2.7"], "192.0.2.7"),
        (["192.0.2.7:4711"], "192.0.2.7"),
        (["\t192.0.2.7 ,  10.0.0.2 "], "192.0.2.7"),
        # Nothing, and garbage: the last address that is known counts, never one behind it.
        ([], PEER),
        ([""], PEER),
        ([","], PEER),
        (["unknown"], PEER),
        (["203.0.113.9, unknown"], PEER),
        (["203.0.113.9, , 10.0.0.2"], "10.0.0.2"),
        (["203.0.113.9, _hidden, 10.0.0.2"], "10.0.0.2"),
        (["203.0.113.9, 192.0.2.7.1"], PEER),
        (["192.0.2.007"], PEER),
        (["3232235521"], PEER),
        (["0x7f000001"], PEER),
        (["[192.0.2.7"], PEER),
        (["[2001:db8:2::7]x"], PEER),
        (["192.0.2.7:"], "192.0.2.7"),
        (['"192.0.2.7"'], PEER),
        (["192.0.2.7; DROP TABLE"], PEER),
        (["\u0661\u0669\u0662.0.2.7"], PEER),
    ],
)
def test_the_client_is_the_right_most_address_of_no_trusted_proxy(
    forwarded_for: list[str], client: str
):
    assert PROXIES.client_of(PEER, forwarded_for) == client


def test_no_header_is_long_enough_to_be_read_for_ever():
    chain = ",".join(["192.0.2.7", *["10.0.0.2"] * 20])
    assert PROXIES.client_of(PEER, [chain]) == "10.0.0.2"
