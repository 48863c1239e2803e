"""Which interfaces a mesh uses unless told otherwise, and what it says when told wrong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gossamer.errors import ConfigurationError
from gossamer.net.interfaces import Interface, check_names, default_interfaces, list_interfaces, named_interfaces

LAN = Interface("eth0", 2, "192.0.2.2", "255.255.255.0", False, True, True, False, False)
ROUTED = replace(LAN, name="wlan0", index=3, address="198.51.100.9", has_default_route=True)
LOOPBACK = replace(LAN, name="lo", index=1, address="127.0.0.1", netmask="255.0.0.0", is_loopback=True)
DOCKER = replace(LAN, name="docker0", index=4, address="172.17.0.1")
TUNNEL = replace(LAN, name="wg0", index=5, address="10.8.0.1", is_tunnel=True)


def names(interfaces: list[Interface]) -> list[str]:
    return [each.name for each in interfaces]


def test_this_host_lists_its_loopback_with_address_mask_and_flags() -> None:
    loopback = next(each for each in list_interfaces() if each.address == "127.0.0.1")

    assert loopback.is_loopback
    assert loopback.is_up
    assert loopback.netmask == "255.0.0.0"
    assert loopback.index > 0
    assert loopback.supports_multicast


def test_a_mesh_uses_every_lan_and_the_one_with_the_default_route_first() -> None:
    assert names(default_interfaces([LOOPBACK, LAN, ROUTED])) == ["wlan0", "eth0"]


@pytest.mark.parametrize("name", ["docker0", "br-1a2b3c", "veth99", "virbr0", "tailscale0", "utun3", "vboxnet0"])
def test_the_inside_of_a_container_host_is_no_lan(name: str) -> None:
    assert names(default_interfaces([LOOPBACK, LAN, replace(DOCKER, name=name)])) == ["eth0"]


def test_a_bridge_that_carries_the_default_route_is_a_lan_whatever_its_name() -> None:
    assert names(default_interfaces([LOOPBACK, replace(DOCKER, name="br-lan", has_default_route=True)])) == ["br-lan"]


def test_a_tunnel_is_used_only_by_name() -> None:
    routed_tunnel = replace(TUNNEL, has_default_route=True)

    assert names(default_interfaces([LOOPBACK, routed_tunnel])) == ["lo"]
    assert names(named_interfaces(["wg0"], [LOOPBACK, routed_tunnel])) == ["wg0"]


def test_without_a_network_the_programs_of_a_host_meet_on_its_loopback() -> None:
    assert names(default_interfaces([LOOPBACK, replace(LAN, is_up=False)])) == ["lo"]
    assert default_interfaces([replace(LOOPBACK, is_up=False)]) == []


def test_a_device_with_two_addresses_is_used_once() -> None:
    second = replace(LAN, address="192.0.2.77")

    assert default_interfaces([LAN, second]) == [LAN]
    assert named_interfaces(["192.0.2.77"], [LAN, second]) == [second]


def test_an_interface_that_does_not_exist_is_an_error_that_lists_those_that_do() -> None:
    with pytest.raises(ConfigurationError, match=r"no network interface 'eth7'.*eth0 \(192\.0\.2\.2\).*wg0"):
        check_names(["eth0", "eth7"], [LAN, TUNNEL])


def test_an_interface_that_is_down_may_be_named_and_is_used_when_it_comes_up() -> None:
    down = replace(LAN, is_up=False)

    check_names(["eth0", "192.0.2.2"], [down])

    assert named_interfaces(["eth0"], [down]) == []
    assert named_interfaces(["eth0"], [LAN]) == [LAN]


@given(
    st.lists(
        st.builds(
            Interface,
            name=st.sampled_from(["eth0", "wlan0", "docker0", "tun0", "lo"]),
            index=st.just(1),
            address=st.sampled_from(["192.0.2.1", "192.0.2.2", "127.0.0.1"]),
            netmask=st.just("255.255.255.0"),
            is_loopback=st.booleans(),
            is_up=st.booleans(),
            supports_multicast=st.booleans(),
            is_tunnel=st.booleans(),
            has_default_route=st.booleans(),
        )
    )
)
def test_the_choice_is_up_of_distinct_devices_and_mixes_no_loopback_with_a_lan(have: list[Interface]) -> None:
    chosen = default_interfaces(have)

    assert all(each in have and each.is_up for each in chosen)
    assert len(set(names(chosen))) == len(chosen)
    assert len({each.is_loopback for each in chosen}) <= 1
    assert chosen or not any(each.is_up and each.is_loopback for each in have)
