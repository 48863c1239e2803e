"""The shortest story of each door: two peers, a write, a reader."""

from __future__ import annotations

import trio

import gossamer


def test_what_one_script_writes_another_reads(join):
    ada, bob = join("ada"), join("bob")

    ada["bench/3/temp"] = 21.5
    bob.wait(lambda mesh: mesh.get("bench/3/temp") == 21.5, timeout=2)

    assert dict(bob) == {"bench/3/temp": 21.5}
    assert {peer.name for peer in bob.peers} == {"ada"}


async def test_what_one_trio_program_writes_another_reads(open_mesh):
    async with open_mesh("ada") as ada, open_mesh("bob") as bob, bob.changes("robot/*") as changes:
        ada["robot/7/pose"] = (1, 2)
        with trio.fail_after(2):
            change = await changes.__anext__()

    assert (change.key, change.old, change.new, change.peer.name) == ("robot/7/pose", None, (1, 2), "ada")


async def test_a_script_and_a_trio_program_share_a_mesh(open_mesh, join):
    async with open_mesh("trio") as mesh:
        script = await trio.to_thread.run_sync(join, "script")
        script["from"] = "script"
        await mesh.wait(lambda m: m.get("from") == "script", timeout=2)
        mesh["from"] = "trio"
        await trio.to_thread.run_sync(lambda: script.wait(lambda m: m["from"] == "trio", timeout=2))


def test_the_public_doors_take_what_the_documentation_shows(mesh_name, mesh_port, options):
    with gossamer.join(mesh_name, port=mesh_port, options=options) as mesh:
        mesh["x"] = 1

        assert repr(mesh) == f"BlockingMesh({mesh_name!r}, {{'x': 1}})"


async def test_the_public_trio_door_opens(mesh_name, mesh_port, options):
    async with gossamer.open_mesh(mesh_name, port=mesh_port, options=options, nickname="ada") as mesh:
        mesh["x"] = 1

        assert (mesh["x"], mesh.me.name) == (1, "ada")
