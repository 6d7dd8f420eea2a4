"""Addresses that an outside call may not reach, in every spelling."""

from __future__ import annotations

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grantd_server.keys.foreign.addresses import LOOPBACK, ForbiddenAddress, is_loopback, permit
from tokens import UNHURRIED


@pytest.mark.req("G-29")
@pytest.mark.hostile("K09")
@pytest.mark.parametrize(
    "text",
    [
        "127.0.0.1", "127.255.255.254", "0.0.0.0", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1",
        "169.254.169.254", "100.64.0.1", "100.127.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "198.18.0.1",
        "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
        "::", "::1", "::7f00:1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a00:1", "64:ff9b:1::1", "2002:7f00:1::", "2002:a00:1::1", "2001:0:7f00:1::", "2001::1", "2001:db8::1",
        "3fff::1", "100::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "ff0e::1",
        "4000::1", "1000::1", "5f00::1",
        "127.1", "0x7f000001", "2130706433", "017700000001", "127.0.0.1 ", "localhost", "", "1.2.3", "1.2.3.4.5",
    ],
)  # fmt: skip
def test_an_address_that_is_not_public_is_refused(text):
    with pytest.raises(ForbiddenAddress):
        permit(text)


@pytest.mark.parametrize(
    "text", ["1.1.1.1", "93.184.216.34", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "2a00:1450::200e"]
)
def test_a_public_address_passes(text):
    assert permit(text) == ipaddress.ip_address(text)


def test_a_public_address_mapped_to_ipv6_is_the_address_itself():
    assert permit("::ffff:1.1.1.1") == ipaddress.ip_address("1.1.1.1")


def test_a_network_that_the_operator_declared_passes_and_its_neighbours_do_not():
    own = [ipaddress.ip_network("10.1.0.0/16"), ipaddress.ip_network("fd00:1::/32")]
    assert permit("10.1.2.3", own)
    assert permit("::ffff:10.1.2.3", own)
    assert permit("fd00:1::5", own)
    for text in ("10.2.0.1", "fd00:2::5", "127.0.0.1", "169.254.169.254"):
        with pytest.raises(ForbiddenAddress):
            permit(text, own)


def test_loopback_is_this_machine_and_nothing_else():
    assert all(is_loopback(permit(text, LOOPBACK)) for text in ("127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"))
    assert not is_loopback(permit("1.1.1.1"))


@UNHURRIED
@given(st.ip_addresses(v=4))
def test_an_ipv4_address_that_passes_is_global_and_its_embeddings_never_pass(address):
    try:
        assert permit(str(address)).is_global
    except ForbiddenAddress:
        assert not address.is_global or address.is_multicast or address.packed[0] == 192
    number = int(address)
    for embedded in (number, (0x64FF9B << 96) | number, (0x2002 << 112) | (number << 80), (0x20010000 << 96) | number):
        with pytest.raises(ForbiddenAddress):
            permit(str(ipaddress.IPv6Address(embedded)))


@UNHURRIED
@given(st.text(max_size=40))
def test_any_text_that_is_no_address_is_refused_without_an_echo(text):
    try:
        ipaddress.ip_address(text)
    except ValueError:
        with pytest.raises(ForbiddenAddress) as caught:
            permit(text)
        assert str(caught.value) == "not an address"
