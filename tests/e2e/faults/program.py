"""Revise drafts from Python until done or interrupted; started by ``interrupted.py``.

Each trajectory is printed as JSON, and in the end "interrupted" where that happened. Arguments:
the server's address, how many drafts, rounds of each, the name of the way.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from pathlib import Path

from revloop import revise_many
from revloop.evaluation import open_judge
from tests.e2e.faults.trial import RETRIES, STORE, drafts
from tests.e2e.faults.ways import WAYS


def main(address: str, count: str, rounds: str, name: str) -> int:
    """Return 0 if done, 130 if interrupted with everything closed, else 1."""
    way = next(way for way in WAYS if way.name == name)
    done = revise_many(
        drafts(int(count)),
        iterations=int(rounds),
        base_url=address,
        retries=RETRIES,
        store=STORE,
        judge=partial(open_judge, address) if way.is_judged else None,
        **way.options,
    )
    try:
        for trajectory in done:
            sys.stdout.write(trajectory.model_dump_json() + "\n")
            sys.stdout.flush()
    except KeyboardInterrupt:
        left = [one.name for one in threading.enumerate() if one.name.startswith("revloop")]
        sys.stderr.write(f"threads that are left: {left}\n" if left else "")
        return 1 if left or Path(f"{STORE}-wal").exists() else 130
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
