"""Programs written for pyvent run as they are, but for the line that imports it; each of its README is among them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from old_programs import OldProgram

pytestmark = pytest.mark.slow  # each starts programs of its own, as their users would


@pytest.fixture
def start(tmp_path, mesh_port) -> Iterator[Callable[..., OldProgram]]:
    with ExitStack() as killing:

        def start(name: str, *arguments: str, interactive: bool = False) -> OldProgram:
            program = OldProgram(tmp_path / "programs", mesh_port, name, *arguments, interactive=interactive)
            killing.callback(program.kill)
            return program

        yield start


def test_a_customer_in_one_program_orders_in_another(start):
    kitchen = start("pyvent_order.py", interactive=True)  # which keeps it alive, as nothing in it does
    assert kitchen.line() == "open"

    customer = start("pyvent_customer.py")

    assert kitchen.line() == "You ordered sushi and sake!"
    assert customer.ends() == (0, "")
    assert kitchen.ends()[0] == 0


def test_a_script_that_only_connects_ends_by_itself_and_silently(start):
    kitchen = start("pyvent_order.py")

    assert kitchen.ends() == (0, "")


@pytest.mark.slow
def test_decorators_and_functions_are_connected_alike(start):
    program = start("pyvent_burnt.py")

    assert program.ends() == (0, "")
    assert program.rest() == ["Food is burnt :(", "Open a window", "True True", "stopped False"]


@pytest.mark.slow
def test_a_node_in_a_child_process_and_the_modules_own_meet(start):
    program = start("pyvent_cooks.py")

    assert program.ends() == (0, "")
    lines = program.rest()
    assert lines[0] == "() pyvent.cook"
    assert "Making chicken" in lines


@pytest.mark.slow
def test_waiting_ends_in_time_or_with_what_was_sent(start):
    program = start("pyvent_waiter.py")

    assert program.ends() == (0, "")
    assert program.rest() == ["Took too long!", "Food ready: soup", "True False"]


@pytest.mark.slow
def test_senders_are_told_apart_and_pydispatcher_is_heard(start):
    pytest.importorskip("pydispatch")
    program = start("pyvent_reception.py")

    assert program.ends() == (0, "")
    assert program.rest() == [
        "told by somebody else",
        "A customer has arrived: ada",
        "told by customer-manager",
        "A customer has arrived: bob",
        "told by customer-manager",
    ]
