"""What is said to differ between two versions."""

from __future__ import annotations

import math

import pytest
from report_runs import results

from gossamer.simulation.report.comparison import changes, sign_test, spread
from gossamer.simulation.report.units import label, shown


def test_a_figure_that_rose_under_every_seed_is_clearly_higher_however_far_seeds_lie_apart():
    found = {change.figure: change for change in changes(results("1"), results("2", slower=1.05)) if change.played[1]}

    agreement = found["agreement_s"]

    assert (agreement.rose, agreement.fell) == (10, 0)
    assert agreement.ratio == pytest.approx(1.05)
    assert agreement.verdict == "higher"
    assert found["idle_bytes_per_s"].verdict == "same"


def test_a_figure_that_rose_under_half_the_seeds_is_within_chance():
    before, after = results("1"), results("2")
    for number, result in enumerate(after):
        result.figures["agreement_s"] *= 2 if number % 4 < 2 else 0.5

    found = [change for change in changes(before, after) if change.figure == "agreement_s"]

    assert {change.verdict for change in found} == {"within chance"}


def test_figures_that_only_one_version_has_are_not_compared():
    before, after = results("1"), results("2")
    for result in before:
        del result.figures["agreement_s"]

    assert {change.figure for change in changes(before, after)} == {"idle_bytes_per_s", "cpu_s"}


@pytest.mark.parametrize(
    ("rose", "fell", "chance"), [(0, 0, 1), (1, 0, 1), (5, 5, 1), (5, 0, 2 / 32), (8, 1, 20 / 512)]
)
def test_the_sign_test_gives_what_coins_give(rose, fell, chance):
    assert sign_test(rose, fell) == pytest.approx(chance)


def test_a_spread_of_one_value_is_that_value():
    only = spread([2.0])

    assert {only.least, only.lower, only.middle, only.upper, only.most} == {2.0}


@pytest.mark.parametrize(
    ("figure", "value", "text"),
    [
        ("agreement_s", 0.25, "250 ms"),
        ("agreement_s", 0, "0 s"),
        ("skew_ms", 1500, "1.5 s"),
        ("sent_bytes", 123456, "123 kB"),
        ("idle_bytes_per_s", 310.4, "310 B/s"),
        ("link_bits_per_s", 256e3, "256 kbit/s"),
        ("lost_share", 0.125, "12.5 %"),
        ("lost_writes", 3.0, "3"),
        ("agreement_s", math.nan, "–"),
    ],
)
def test_figures_are_shown_with_the_unit_of_their_name(figure, value, text):
    assert shown(figure, value) == text


def test_the_unit_is_not_said_twice():
    assert [label(name) for name in ("agreement_s", "idle_bytes_per_s", "lost_writes")] == [
        "agreement",
        "idle, a second",
        "lost writes",
    ]
