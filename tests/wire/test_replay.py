from hypothesis import given
from hypothesis import strategies as st

from gossamer.wire.replay import Reception, ReplayWindow

WIDTH = 8
numbers = st.lists(st.integers(0, 40) | st.integers(0, 2**64 - 1), max_size=80)


class OracleWindow:
    """The law of the window, over a set that never forgets."""

    def __init__(self, width):
        self.width = width
        self.accepted = set()

    def accept(self, number):
        if number in self.accepted or (self.accepted and number <= max(self.accepted) - self.width):
            return False
        self.accepted.add(number)
        return True

    def in_window(self):
        if not self.accepted:
            return range(0)
        highest = max(self.accepted)
        return range(max(min(self.accepted), highest - self.width + 1), highest + 1)


@given(numbers)
def test_a_window_accepts_exactly_what_a_boundless_memory_would(sequence):
    window, oracle = ReplayWindow(WIDTH), OracleWindow(WIDTH)

    for number in sequence:
        assert window.accept(number) is oracle.accept(number)
        assert window.highest == max(oracle.accepted)
        assert window.heard == len(oracle.accepted)
        assert window.missing() == tuple(n for n in oracle.in_window() if n not in oracle.accepted)
        assert window.reception() == Reception(
            heard=sum(n in oracle.accepted for n in oracle.in_window()), span=len(oracle.in_window())
        )


@given(st.permutations(range(WIDTH)))
def test_packets_may_overtake_one_another_within_the_window(order):
    window = ReplayWindow(WIDTH)

    assert all(window.accept(number) for number in order)
    assert not any(window.accept(number) for number in order)


def test_a_window_that_heard_nothing_misses_nothing():
    window = ReplayWindow()

    assert window.missing() == ()
    assert window.reception() == Reception(heard=0, span=0)
    assert window.highest == -1


def test_a_leap_to_the_last_number_costs_no_memory():
    window = ReplayWindow()
    window.accept(0)

    assert window.accept(2**64 - 1)
    assert window.reception() == Reception(heard=1, span=1024)


def test_a_window_counts_what_came_of_the_latest_packets():
    window = ReplayWindow(WIDTH)
    for number in (100, 101, 103, 104):
        window.accept(number)

    assert window.reception() == Reception(heard=4, span=5)
    assert window.missing() == (102,)
