"""Whether this machine lets us build a rig."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from functools import cache

from .namespaces import NEW_USER

TOOLS = {"ip": "iproute2", "tc": "iproute2", "nft": "nftables", "unshare": "util-linux", "setpriv": "util-linux"}
"""Program -> the package it is in."""
TRIAL = "mount -t tmpfs tmpfs /tmp && ip link add br0 type bridge && nft add table bridge rig"


@cache
def available() -> str:
    """Return why there can be no rig here; nothing if there can.

    Tried once, by making namespaces with a bridge, a filter and a mount, which takes some 30 ms.
    """
    if sys.platform != "linux":
        return "the rig needs Linux; the simulator runs everywhere"
    for tool, package in TOOLS.items():
        if not shutil.which(tool):
            return f"the rig needs `{tool}`: install {package}"
    new_user = NEW_USER if os.geteuid() else []
    tried = subprocess.run(
        ["unshare", *new_user, "--net", "--mount", "sh", "-c", TRIAL], capture_output=True, text=True
    )
    if not tried.returncode:
        return ""
    return f"namespaces with a bridge cannot be made here (see docs/explanation/rig.md): {tried.stderr.strip()}"
