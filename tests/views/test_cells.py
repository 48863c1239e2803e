"""Cells: one key to hold in the hand; and cells that are calculated from others."""

from __future__ import annotations

import threading

import pytest

from gossamer.errors import ConfigurationError, InvalidKey, UnsendableValue
from gossamer.views.observable import Observable


@pytest.fixture
def cell(mesh):
    return mesh.value("n", 0)


# -- a key in the hand --------------------------------------------------------------------------------


def test_a_cell_and_its_key_are_the_same(mesh, cell):
    assert (cell.value, "n" in mesh) == (0, False)
    cell.value = 5
    assert (mesh["n"], cell.get(), cell.key) == (5, 5, "n")
    mesh["n"] = 6
    assert cell.value == mesh.value("n").value == 6
    cell.set([1, 2])
    assert (mesh["n"], repr(cell)) == ([1, 2], "Value('n', [1, 2])")
    cell.delete()
    cell.delete()

    assert (cell.value, mesh.value("n").value, dict(mesh)) == (0, None, {})


def test_a_cell_calculates_and_compares_as_its_value_and_results_are_plain(cell):
    cell.value = 7

    assert (cell + 1, 1 + cell, cell - 1, 10 - cell, cell * 2, cell / 2, cell // 2, cell % 4) == (
        8,
        8,
        6,
        3,
        14,
        3.5,
        3,
        3,
    )
    assert (divmod(cell, 4), cell**2, 2**cell, -cell, abs(cell), cell & 3, cell << 1) == ((1, 3), 49, 128, -7, 7, 3, 14)
    assert (cell == 7, cell != 7, cell < 8, cell >= 8, cell == 7.0, bool(cell), int(cell)) == (
        True,
        False,
        True,
        False,
        True,
        True,
        7,
    )
    assert (str(cell), f"{cell:03d}", float(cell), round(cell), type(cell + 1)) == ("7", "007", 7.0, 7, int)
    with pytest.raises(TypeError):
        hash(cell)
    with pytest.raises(TypeError):
        cell + "a"


def test_operators_in_place_set_the_key_and_keep_the_cell(mesh, cell):
    kept = cell
    cell += 5
    cell *= 4
    cell -= 2
    cell //= 4
    cell **= 2
    assert cell is kept
    assert mesh["n"] == 16
    cell %= 10
    cell /= 4
    assert mesh["n"] == 1.5
    text = mesh.value("text", "a")
    text += "b"
    items = mesh.value("items", [])
    items += [1]
    items += items

    assert (mesh["text"], mesh["items"]) == ("ab", [1, 1])


def test_changing_by_a_function_is_atomic_among_threads(join):
    mesh = join("alone")
    cell = mesh.value("n", 0)

    def count():
        for _ in range(200):
            cell.change(lambda n: n + 1)

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert mesh["n"] == 800


def test_a_change_that_raises_or_cannot_be_sent_changes_nothing(mesh, cell):
    cell.value = 1
    with pytest.raises(ZeroDivisionError):
        cell /= 0
    with pytest.raises(UnsendableValue):
        cell.change(lambda n: object())
    with pytest.raises(InvalidKey):
        mesh.value(1.5)

    assert mesh["n"] == 1


def test_a_cell_takes_part_in_a_batch(mesh, cell):
    with mesh.batch():
        cell += 1
        cell += 1
        assert cell == 2
    with pytest.raises(ZeroDivisionError), mesh.batch():
        cell += 1 // (cell.value - 2)

    assert mesh["n"] == 2


# -- with cell as unchanged -------------------------------------------------------------------------


def test_inside_a_with_block_the_value_is_changed_in_place_and_written_at_the_end(mesh, net):
    mesh["items"] = [1, {"a": []}]
    cell, told = mesh.value("items"), []
    cell.on_change(lambda cell, old, new: told.append((old, new)))

    with cell as unchanged:
        assert isinstance(unchanged, Exception)
        cell.value.append(2)
        cell.value[1]["a"].append(3)
        assert mesh["items"] == [1, {"a": []}]
    net.run(1)

    assert mesh["items"] == [1, {"a": [3]}, 2]
    assert told == [([1, {"a": []}], [1, {"a": [3]}, 2])]


def test_leaving_it_tells_listeners_even_if_nothing_changed_unless_it_is_said(mesh, net):
    mesh["n"] = 1
    cell, told = mesh.value("n"), []
    cell.on_change(told.append, value_only=True)

    with cell:
        cell.value = 1
    with cell as unchanged:
        cell.value = 5
        if cell == 5:
            raise unchanged
    net.run(1)

    assert (mesh["n"], told) == (1, [1])


def test_what_else_is_raised_inside_comes_out_and_nothing_is_written(mesh, cell):
    with pytest.raises(ZeroDivisionError), cell:
        cell.value = 1 // 0
    with cell as outer:
        cell += 1
        with cell as inner:
            assert inner is outer
            cell += 1
        assert mesh.get("n") is None
    other = mesh.value("other", 0)
    with pytest.raises(type(inner)), other:
        raise inner

    assert (mesh["n"], dict(mesh)) == (2, {"n": 2})


def test_another_thread_does_not_see_what_a_block_changes(mesh, cell):
    seen = []
    with cell:
        cell.value = 5
        thread = threading.Thread(target=lambda: seen.append(cell.value))
        thread.start()
        thread.join()

    assert seen == [0]


# -- telling ----------------------------------------------------------------------------------------


def test_listeners_get_the_cell_the_value_or_nothing_on_changes_here_and_elsewhere(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    cell, told = north.value("n", 0), []

    @cell.on_change
    def full(cell, old, new):
        told.append((cell.key, old, new))

    cell.on_change(lambda new: told.append(new), value_only=True)
    cell.on_change(lambda: told.append("nothing"), no_args=True)
    south["n"] = 1
    net.run(1)
    north["n"] = 1
    north["other"] = 1
    net.run(1)
    del south["n"]
    net.run(1)
    cell.touch()
    cell.value = 3
    net.run(1)
    cell.touch()
    cell.off(full)
    cell.off(full)
    cell.value = 4
    net.run(1)

    assert [item for item in told if isinstance(item, tuple)] == [("n", 0, 1), ("n", 1, 0), ("n", 0, 3)]
    assert [item for item in told if isinstance(item, int)] == [1, 0, 3, 3, 4]
    assert told.count("nothing") == 5


def test_a_listener_that_raises_harms_no_other(mesh, net, caplog):
    told = []
    cell = mesh.value("n")
    cell.on_change(lambda: 1 // 0, no_args=True)
    cell.on_change(told.append, value_only=True)
    counter = mesh.counter("n")
    counter.on_change(lambda: 1 // 0, no_args=True)
    counter.on_change(told.append, value_only=True)

    cell.value = 1
    counter.add(2)
    net.run(1)

    assert told == [1, 2]
    assert caplog.text.count("a listener raised") == 2


def test_seeds_n29_an_observable_scalar_with_operators_listeners_and_a_with_block(mesh, net):
    var, told = mesh.value("volume", 5), []
    var.on_change(lambda var, old, new: told.append((var.key, old, new)))
    var.on_change(lambda new: told.append(new), value_only=True)
    var.on_change(lambda: told.append("changed"), no_args=True)

    var += 1
    net.run(1)
    with var as unchanged:
        raise unchanged
    with var:
        pass
    net.run(1)

    assert (var + 1, int(var), float(var), str(var), bool(var), divmod(var, 4)) == (7, 6, 6.0, "6", True, (1, 2))
    assert told == [("volume", 5, 6), 6, "changed", ("volume", 6, 6), 6, "changed"]


def test_seeds_n30_a_text_computed_from_several_cells_wherever_they_are_set(mesh_factory, net):
    north, south = mesh_factory("north"), mesh_factory("south")
    text = north.derived("{} is {} years old", north.value("name", "?"), north.value("age", 0))
    told = []
    text.on_change(told.append, value_only=True)

    south.update(name="Ada", age=36)
    net.run(1)

    assert (text.value, told) == ("Ada is 36 years old", ["Ada is 36 years old"])


# -- derived ----------------------------------------------------------------------------------------


def test_a_derived_cell_follows_its_inputs(mesh, net):
    width, height, steps = mesh.value("width", 2), mesh.value("height", 3), mesh.counter("steps")
    area = mesh.derived(lambda w, h: w * h, width, height)
    text = mesh.derived("{} x {} = {area}".replace("{area}", "{}"), width, height, area)
    told = []
    area.on_change(lambda cell, old, new: told.append((old, new)))

    assert (area.value, text.value, area + 1, repr(area)) == (6, "2 x 3 = 6", 7, "Derived(6)")
    mesh["width"] = 5
    assert (area == 15, str(text)) == (True, "5 x 3 = 15")
    net.run(1)
    with mesh.batch():
        width.value, height.value = 3, 5
    net.run(1)
    total = mesh.derived(lambda n, tags: n + len(tags), steps, mesh.shared_set("tags"))
    steps += 4
    mesh.shared_set("tags").add("x")

    assert total == 5
    assert told == [(6, 15)]


def test_a_derived_cell_is_calculated_when_an_input_is_another_and_not_more_often(mesh):
    calls = []
    cell = mesh.value("n", 0)
    double = mesh.derived(lambda n: calls.append(n) or n * 2, cell)

    for _ in range(3):
        assert double.value == 0
    cell.value = 1
    cell.value = 2
    for _ in range(3):
        assert double.value == 4

    assert calls == [0, 2]


def test_inputs_that_are_equal_but_print_differently_are_other_inputs(mesh):
    cell = mesh.value("n", 1)
    text = mesh.derived("{}", cell)

    assert text.value == "1"
    cell.value = 1.0
    assert text.value == "1.0"


def test_what_a_formula_raises_comes_out_of_the_read_and_passes_when_its_inputs_do(mesh):
    cell = mesh.value("n", 0)
    inverse = mesh.derived(lambda n: 1 / n, cell)

    with pytest.raises(ZeroDivisionError):
        inverse.value
    cell.value = 2

    assert inverse == 0.5


def test_derived_cells_stop_telling_when_asked(mesh, net):
    told = []
    cell = mesh.value("n", 0)
    double = mesh.derived(
        lambda n: n * 2,
        cell,
    )
    again = mesh.derived(lambda a, b: a + b, double, cell)
    again.on_change(told.append, value_only=True)
    cell.value = 1
    net.run(1)
    again.off(told.append)
    cell.value = 2
    net.run(1)

    assert told == [3]


def test_what_is_no_cell_is_refused_as_an_input(mesh):
    with pytest.raises(ConfigurationError, match=r"mesh.value\(key\)"):
        mesh.derived(str, "n")
    with pytest.raises(ConfigurationError, match="a function or a format string"):
        mesh.derived(3, mesh.value("n"))
    assert isinstance(mesh.derived(lambda: 3), Observable)
    assert mesh.derived(lambda: 3).value == 3
