"""How programs end: forgetful, interrupted, crashed; none hangs, and what was written arrives."""

from __future__ import annotations

import signal
import time

import pytest

EXITS_WITHIN_S = 2.0


@pytest.fixture
def peer(join):
    return join("peer")


def met(peer):
    peer.wait(lambda mesh: mesh.peers, timeout=10)


@pytest.mark.parametrize(
    ("ending", "status"),
    [
        ("", 0),
        ("sys.exit(3)", 3),
        ("threading.Thread(target=sys.exit).start()", 0),
        ("def late(): mesh['late'] = 1\nimport atexit; atexit.register(late)", 0),
    ],
    ids=["falls off the end", "sys.exit", "sys.exit in a thread", "writes in atexit"],
)
def test_a_script_that_forgets_to_close_exits_soon_quietly_and_says_goodbye(peer, script, ending, status):
    program = script(f"mesh = join()\nfor number in range(1000): mesh['x'] = number\nsay('done')\n{ending}")
    assert program.says() == "done"
    assert program.ends(within_s=EXITS_WITHIN_S) == status

    assert program.errors() == ""
    peer.wait(lambda mesh: not mesh.peers, timeout=0.5)
    assert peer["x"] == 999
    assert "late" not in ending or peer["late"] == 1


def test_a_script_that_is_alone_and_forgets_to_close_exits_at_once(script):
    program = script("mesh = join(); mesh['x'] = 1; say('done')")
    program.says()

    assert program.ends(within_s=1) == 0
    assert program.errors() == ""


def test_an_uncaught_exception_shows_its_own_traceback_and_the_last_write_arrives(peer, script):
    program = script("mesh = join(); mesh['x'] = 1; say('done'); 1 / 0")
    program.says()

    assert program.ends(within_s=EXITS_WITHIN_S) == 1
    assert program.errors().count("Traceback") == 1
    assert program.errors().endswith("ZeroDivisionError: division by zero\n")
    assert peer["x"] == 1
    peer.wait(lambda mesh: not mesh.peers, timeout=0.5)


def test_a_script_that_is_killed_is_missed_after_a_while_and_what_it_sent_stays(peer, script):
    program = script("mesh = join(); mesh['x'] = 1; mesh.settled(timeout=5); say('done'); os._exit(7)")
    program.says()
    assert program.ends(within_s=1) == 7

    peer.wait(lambda mesh: not mesh.peers, timeout=10)
    assert [row.presence for row in peer.status().peers] == ["failed"]
    assert peer["x"] == 1


@pytest.mark.parametrize(
    "works",
    [
        [
            "mesh['x'] = mesh.get('x', 0) + 1",
            "mesh.update(a=1, b=2); mesh.clear()",
            "dict(mesh), len(mesh), mesh.status()",
        ],
        ["mesh.wait(lambda m: False)", "next(changes)", "mesh.settled()", "mesh.settled(peers=['nobody'])"],
    ],
    ids=["writing and reading", "waiting"],
)
def test_daemon_threads_may_use_the_mesh_until_the_very_end(peer, script, works):
    program = script(f"""
        mesh = join()
        changes = mesh.changes("never")
        mesh.on("*", lambda change: None)
        def keep(work):
            while True: exec(work)
        for work in {works}:
            threading.Thread(target=keep, args=(work,), daemon=True).start()
        time.sleep(0.05)
        say("done")
    """)
    program.says()

    assert program.ends(within_s=EXITS_WITHIN_S) == 0
    assert program.errors() == ""
    peer.wait(lambda mesh: not mesh.peers, timeout=0.5)


def test_a_script_whose_peers_have_gone_silent_exits_soon_all_the_same(join, faults, script):
    peers = [join("peer", wrap=faults), join("other", wrap=faults, name="other mesh")]
    program = script(
        """
        one, other = join("one"), gossamer.join("other mesh", port=PORT, options=OPTIONS)
        for mesh in (one, other): mesh.wait(lambda m: m.peers)
        say("met")
        one.wait(lambda m: "go" in m)
        one["x"] = other["x"] = 1
        say("done")
    """.replace("PORT", str(peers[0].arguments.port))
    )
    assert program.says() == "met"
    peers[0]["go"] = 1
    for peer in peers:
        peer.network.loss = 1.0
        peer.network.cut(peers=[bytes.fromhex(other.id) for other in peer.peers])
    program.says()

    assert program.ends(within_s=EXITS_WITHIN_S) == 0
    assert program.errors() == ""


@pytest.mark.parametrize(
    "waiting",
    [
        "join(options=gossamer.Options(settle_s=60))",
        "join().wait(lambda m: False, timeout=60)",
        "join().settled(peers=['nobody'])",
        "next(join().changes())",
        "mesh = join(); time.sleep(60)",
        "with join() as mesh: time.sleep(60)",
    ],
)
def test_ctrl_c_interrupts_whatever_a_script_waits_for(peer, script, waiting):
    program = script(f"say('waiting')\n{waiting}")
    program.says()
    time.sleep(0.01 if "settle_s" in waiting else 0)
    met(peer)
    started = time.monotonic()
    program.interrupt()

    assert program.ends(within_s=EXITS_WITHIN_S) == -signal.SIGINT
    assert program.errors().endswith("KeyboardInterrupt\n")
    assert "gossamer" not in program.errors().splitlines()[-1]
    peer.wait(lambda mesh: not mesh.peers, timeout=0.5)
    assert time.monotonic() - started < EXITS_WITHIN_S


def test_a_script_may_catch_ctrl_c_and_go_on(peer, script):
    program = script("""
        mesh = join()
        try:
            say("waiting")
            mesh.wait(lambda m: False)
        except KeyboardInterrupt:
            mesh["x"] = "after"
            mesh.settled(timeout=5)
            say(mesh.wait(lambda m: m["x"]))
    """)
    program.says()
    met(peer)
    program.interrupt()

    assert program.says() == "after"
    assert program.ends(within_s=EXITS_WITHIN_S) == 0
    assert (program.errors(), peer["x"]) == ("", "after")
