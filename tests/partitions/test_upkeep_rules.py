"""What a peer does on the quiet: share the budget, forget deletes, tell of a return after long absence."""

from gossamer.options import Options
from gossamer.protocol.effects import Rejoined
from gossamer.simulation import Simulation


def test_deletes_that_everybody_acknowledged_are_forgotten_within_a_minute(mesh_of):
    mesh = mesh_of("abc")
    for n in range(50):
        mesh.write("a", f"k{n}", n)
    mesh.settle()
    for n in range(50):
        mesh.delete("b", f"k{n}")

    mesh.run(seconds=60)

    assert all(not mesh.nodes[name].replica.ledger.state.deletes for name in "abc")
    assert mesh.state("c") == {}


def test_deletes_are_kept_for_who_is_cut_off_and_may_return(mesh_of):
    mesh = mesh_of("abc")
    mesh.write("a", "k", 1)
    mesh.settle()

    mesh.partition("ab", "c")
    mesh.delete("a", "k")
    mesh.run(seconds=60)

    assert "k" in mesh.nodes["a"].replica.ledger.state.deletes
    mesh.heal()
    mesh.settle()
    assert mesh.state("c") == {}


def test_a_return_after_long_absence_is_reported_with_how_much_changed():
    mesh = Simulation("absence")
    for name in "abc":
        mesh.add(name, options=Options(rejoin_after_s=300, forget_peer_after_s=1e6))
    mesh.run(seconds=3)
    mesh.partition("ab", "c")
    mesh.run(seconds=400)
    for n in range(7):
        mesh.write("a", f"k{n}", n)

    mesh.heal()
    mesh.settle(within_s=60)
    mesh.run(seconds=3)  # until a beacon says that there is nothing more

    (report,) = mesh.notices("c", Rejoined)
    assert report.absent_s > 300
    assert report.keys == 7
    assert not mesh.notices("a", Rejoined)


def test_a_short_absence_is_not_reported(mesh_of):
    mesh = mesh_of("abc")
    mesh.partition("ab", "c")
    mesh.run(seconds=30)
    mesh.write("a", "k", 1)

    mesh.heal()
    mesh.settle(within_s=60)
    mesh.run(seconds=3)

    assert not mesh.notices("c", Rejoined)


def test_those_who_write_share_the_budget(mesh_of):
    mesh = mesh_of("abcd")
    for second in range(25):
        for name in "abc":
            mesh.write(name, name, second)
        mesh.run(seconds=1)

    assert [mesh.nodes[name].replica.ledger.outbox.writers for name in "abc"] == [3, 3, 3]
