"""Forks a listener's process per line of stdin (`FOLDER SEED`); that process acts until it is killed.

The parent prints the child's process id. The child prints what it finds on opening, then a line for each
action that has returned: what must be in the database from then on.
"""

from __future__ import annotations

import json
import os
import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from earbench_mushra.records import Phase
from earbench_mushra.sittings import open_session

if TYPE_CHECKING:
    from earbench_mushra.session import Session

Entry = list[object]  # kind, label, value


def _say(**words: object) -> None:
    os.write(1, (json.dumps(words) + "\n").encode())


def _found(session: Session) -> dict[str, object]:
    return {
        "sitting": session.session_id,
        "phase": session.phase,
        "progress": session.progress,
        "files": {label: session.audio(label).name for label in session.labels},
        "scores": dict(session.scores),
        "comment": session.comment,
        "heard": sorted(session.heard),
    }


def _act(session: Session, chance: random.Random) -> list[Entry]:
    """Do something that is allowed now; return the entries it must have left in the journal."""
    if session.phase in (Phase.INSTRUCTIONS, Phase.BREAK):
        session.start()
        return [["show", None, None]]
    if session.complete and chance.random() < 0.3:
        before = session.phase
        session.next()
        return [["next", None, None]] + [["show", None, None]] * (session.phase is before)
    if session.playing_label in session.labels and chance.random() < 0.7:
        label, score = session.playing_label, float(chance.randrange(101))
        if score != session.scores[label]:
            session.rate(label, score)
            return [["score", label, score]]
    if chance.random() < 0.2:
        text = session.comment[-40:] + chance.choice("xyz ä&\n")
        session.set_comment(text)
        return [["comment", None, text]]
    label = chance.choice([*session.labels, "R"])
    kind = {None: "play", label: "seek"}.get(session.playing_label, "switch")
    session.playing(label, 1.0)
    return [[kind, label, None]]


def _listen(folder: Path, seed: int) -> None:
    chance = random.Random(seed)
    while True:
        with open_session(folder, "anna") as session:
            _say(found=_found(session))
            while session.phase is not Phase.FINISHED:
                _say(entries=_act(session, chance))
        _say(closed=True)


def _main() -> None:
    for line in sys.stdin:
        folder, seed = line.split()
        child = os.fork()
        if child == 0:
            _listen(Path(folder), int(seed))
        _say(pid=child)
        os.waitpid(child, 0)
        _say(dead=child)


_main()
