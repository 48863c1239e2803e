"""Programs written for rpyc-mem, those of its README and its user guide among them, in processes of their own."""

from __future__ import annotations

import pytest

pytestmark = pytest.mark.slow  # each starts programs of its own, as their users would


def test_the_readme_has_two_clients_share_a_list_over_a_service(program):
    service = program("service")
    first = program("client_1")
    assert first.line() == "[1, 2]"
    second = program("client_2")
    assert second.line() == "[1, 2]"
    assert second.ends() == (0, "")
    first.enter()

    assert first.line() == "[1, 2, 3]"
    assert first.ends() == (0, "")
    service.interrupt()
    assert service.ends() == (0, "")


def test_without_a_service_what_the_readme_shares_lives_on_in_any_program_that_takes_part(program, join):
    ours = join(name="rpyc_mem-18813")
    assert program("client_2").ends() == (0, "")
    assert ours.wait(lambda mesh: mesh.objects.get("unique-key") == [1, 2, 3, 3], timeout=10)
    ours.objects["unique-key"].append("kept")

    assert program("client_2").line() == "[1, 2, 3, 3, 'kept']"


def test_the_guides_parent_and_child_make_one_list(program):
    parent = program("children")
    assert parent.ends() == (0, "")

    assert parent.rest() == (
        ["Parent Process:", "[1, 2]", "2", "Child Process:", "[1, 2]", "---------", "[1, 2, 3]", "---------"]
    )


@pytest.mark.parametrize("name", ["shared_class", pytest.param("spawned_class", marks=pytest.mark.slow)])
def test_the_guides_children_take_turns_at_a_lock_and_see_what_was_done_under_it(program, name):
    parent = program(name)
    assert parent.ends() == (0, "")

    said = parent.rest()
    told = [line for line in said if line.startswith("Cool-Class")]
    assert sorted(set(said) - set(told)) == ["Oops", "[1, 2]"]
    if name == "shared_class":
        assert told == ["Cool-Class: " + ("[1, 2]" if told[0].endswith("]") else "(1, 2)")]


def test_the_guides_connection_comes_back_however_it_was_closed(program):
    program_ = program("reconnect")
    assert program_.ends() == (0, "")

    assert program_.rest() == ["True", "False", "True", "True", "re-connected", "False"]


def test_the_guides_modules_make_lists_and_locks(program):
    program_ = program("modules")
    assert program_.ends() == (0, "")

    assert program_.rest() == (["1", "2", "True", "True", "synchronized operation", "2 <class 'int'>", "2 RpycMem"])
