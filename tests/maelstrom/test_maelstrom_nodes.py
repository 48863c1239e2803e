"""Maelstrom's protocol, on virtual time: what a client asks, what it is told, and what the others then show."""

from __future__ import annotations

import pytest
from cables import Cables


@pytest.mark.parametrize("loss", [0.0, 0.4])
def test_what_is_broadcast_at_one_node_is_read_at_all(loss):
    cables = Cables("broadcast", 5, loss=loss)
    cables.start()
    assert cables.ask("n1", "topology", topology={name: [] for name in cables.nodes})["type"] == "topology_ok"

    for number in range(40):
        assert cables.ask(f"n{number % 5 + 1}", "broadcast", message=number)["type"] == "broadcast_ok"
        cables.run(0.1)
    cables.loss = 0.0
    cables.run(10)

    for name in cables.nodes:
        reply = cables.ask(name, "read")
        assert reply["type"] == "read_ok"
        assert sorted(reply["messages"]) == list(range(40))


def test_a_set_that_was_split_is_whole_again_by_an_exchange_on_a_stream():
    cables = Cables("g-set", 3)
    cables.start()
    cables.partition(["n1", "n2"], ["n3"])
    for number in range(500):
        cables.ask("n1", "add", element=number)
        cables.ask("n3", "add", element=-number)
    cables.run(20)
    assert len(cables.ask("n2", "read")["value"]) == 500

    cables.partition()
    cables.loss = 0.3  # so that pieces of streams are sent again
    cables.run(20)

    assert all(len(cables.ask(name, "read")["value"]) == 999 for name in cables.nodes)


def test_additions_at_several_nodes_at_once_are_all_counted():
    cables = Cables("pn-counter", 3)
    cables.start()
    cables.partition(["n1"], ["n2"], ["n3"])
    for name, deltas in {"n1": [1, 2, 3], "n2": [-10], "n3": [100, -1]}.items():
        for delta in deltas:
            assert cables.ask(name, "add", delta=delta)["type"] == "add_ok"
    assert cables.ask("n1", "read")["value"] == 6

    cables.partition()
    cables.run(15)

    assert [cables.ask(name, "read")["value"] for name in cables.nodes] == [95, 95, 95]


def test_any_json_is_an_element_and_comes_back_as_it_was():
    elements = [1, "1", 1.5, None, True, [1, [2]], {"a": {"b": []}}]
    cables = Cables("g-set", 2)
    cables.start()
    for element in elements:
        cables.ask("n1", "add", element=element)
    cables.run(1)

    shown = cables.ask("n2", "read")["value"]

    assert sorted(map(repr, shown)) == sorted(map(repr, elements))


def test_a_request_before_init_is_refused_for_now():
    assert Cables("g-set", 1).ask("n1", "read")["code"] == 11


@pytest.mark.parametrize(
    ("service", "request_", "code"),
    [
        ("g-set", {"type": "cas"}, 10),
        ("broadcast", {"type": "add", "element": 1}, 10),
        ("g-set", {"type": "add"}, 12),
        ("pn-counter", {"type": "add", "delta": "one"}, 12),
        ("g-set", {"type": "add", "element": "x" * 2000}, 12),
    ],
)
def test_what_cannot_be_done_is_refused_with_the_code_that_says_so(service, request_, code):
    cables = Cables(service, 1)
    cables.start()

    reply = cables.ask("n1", request_.pop("type"), **request_)

    assert (reply["type"], reply["code"]) == ("error", code)


def test_a_line_that_is_no_message_is_an_error_and_changes_nothing():
    cables = Cables("g-set", 1)
    cables.start()

    for line in ("", "{}", '{"src": "c", "dest": "n1", "body": {}}', "[1]"):
        with pytest.raises(ValueError):
            cables.nodes["n1"].hear(line, 0.0, 0)
    assert cables.ask("n1", "read")["value"] == []
