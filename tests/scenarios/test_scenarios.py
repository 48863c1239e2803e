"""Every scenario holds, in the simulator, in its quick form; and the same seed tells it the same way."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from gossamer.simulation import ScenarioError, Simulation, Wrong, scenarios
from gossamer.simulation.catalogue import find, home
from gossamer.simulation.scenario import expect

ROOT = Path(__file__).parents[2]
ALL = scenarios()
QUICK = [name for name, one in ALL.items() if not one.slow and "simulated" in one.worlds]
SLOW = [name for name, one in ALL.items() if one.slow and "simulated" in one.worlds]

OWN = """
from __future__ import annotations

from dataclasses import dataclass

from gossamer.simulation.scenario import World, scenario


@dataclass
class Shelf:
    books: int


@scenario(nodes=2)
def mine(world: World) -> None:
    \"\"\"Two keep a shelf.\"\"\"
    one, _ = world.start()
    world.write(one, "shelf", Shelf(3).books)
    world.settle()
"""

HOURS = {("churn", "10k")}
"""What takes too long even for the slow suite; `-m soak` runs it."""


def stronger(one):
    """Return the variants of a scenario but the first, each marked for the suite that has time for it."""
    for variant in list(one.variants)[1:]:
        hours = (one.name, variant) in HOURS
        yield pytest.param(
            one.name, variant, marks=[pytest.mark.soak, pytest.mark.timeout(0)] if hours else pytest.mark.slow
        )


def play(name, seed):
    one = ALL[name]
    world = Simulation(seed, size=one.nodes)
    one.play(world, **next(iter(one.variants.values())))
    return world


@pytest.mark.parametrize("name", QUICK)
def test_a_scenario_holds(name):
    assert play(name, 1).figures


@pytest.mark.parametrize("name", ["quiet", *(pytest.param(name, marks=pytest.mark.slow) for name in QUICK)])
def test_a_scenario_is_told_the_same_way_twice(name):
    first, second = play(name, 1), play(name, 1)

    assert first.journal.hash == second.journal.hash
    assert first.figures == second.figures != {}


@pytest.mark.slow
@pytest.mark.parametrize("name", SLOW)
def test_a_long_scenario_holds(name):
    assert play(name, 1).figures


@pytest.mark.slow
@pytest.mark.parametrize("name", QUICK)
def test_a_scenario_holds_whatever_the_seed(name):
    for seed in range(2, 12):
        play(name, seed)


@pytest.mark.parametrize(("name", "variant"), [strength for one in ALL.values() for strength in stronger(one)])
@pytest.mark.timeout(600)
def test_a_stronger_variant_holds(name, variant):
    one = ALL[name]
    world = Simulation(1, size=one.nodes)

    one.play(world, **one.variants[variant])

    assert world.figures


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_two_hundred_may_join_within_a_second():
    ALL["join-storm"].play(Simulation(1, size=200))


def test_every_situation_that_the_protocol_names_is_shown_somewhere():
    table = (ROOT / "simulations" / "README.md").read_text()
    shown = re.findall(r"^\| [^|]+ \| ([^ |]+) \|$", table, re.MULTILINE)
    files = [where for where in shown if "/" in where]

    assert {where for where in shown if "/" not in where} <= set(ALL)
    assert set(ALL) - set(shown) <= {name for name in ALL if name.startswith("workload-")}
    assert [where for where in files if not (ROOT / where).exists()] == []


def test_the_story_in_the_readme_can_be_played(tmp_path):
    (example,) = re.findall(r"```python\n(.*?)```", (ROOT / "simulations" / "README.md").read_text(), re.DOTALL)
    (tmp_path / "example.py").write_text(example)

    (one,) = scenarios(tmp_path).values()
    world = Simulation(1, size=one.nodes)
    one.play(world)

    assert world.figures


def test_a_broken_promise_is_said_in_words():
    with pytest.raises(Wrong, match="expected that the door is shut"):
        expect(False, "the door is shut")


def test_every_file_is_named_after_its_scenario():
    assert {path.stem.replace("_", "-") for path in home().glob("*.py")} == set(ALL)


def test_a_scenario_that_is_not_there_is_named_beside_those_that_are():
    with pytest.raises(ScenarioError, match=r"no scenario 'split-brian'; there are .*split-brain"):
        find("split-brian")


@pytest.mark.parametrize(
    ("source", "complaint"),
    [
        ("import nothing_like_this", "cannot be imported: ModuleNotFoundError"),
        ("x = 1", "defines 0 scenarios"),
        ("from gossamer.simulation.scenario import scenario\n@scenario(nodes=1)\ndef a(world): pass", "tells no story"),
    ],
)
def test_a_file_that_is_no_scenario_is_named(tmp_path, source, complaint):
    (tmp_path / "mine.py").write_text(source)

    with pytest.raises(ScenarioError, match=rf"mine\.py.*{complaint}"):
        scenarios(tmp_path)


def test_a_story_of_ones_own_may_define_whatever_a_module_may(tmp_path):
    (tmp_path / "mine.py").write_text(OWN)

    one = scenarios(tmp_path)["mine"]
    one.play(Simulation(1, size=one.nodes))


def test_two_files_that_tell_one_story_are_not_taken_for_one(tmp_path):
    for name in ("one", "other"):
        (tmp_path / f"{name}.py").write_text(OWN)

    with pytest.raises(ScenarioError, match=r"other\.py: there is another scenario named 'mine'"):
        scenarios(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path):
    with pytest.raises(ScenarioError, match="nowhere"):
        scenarios(tmp_path / "nowhere")
