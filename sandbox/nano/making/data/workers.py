"""Makes training data in several processes: Qt has one application each."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.sandbox.nano.making.data.shards import SHARD_BYTES, read_shard, shards, write_shard
from qvl_agent.sandbox.nano.making.samples import Episode

__all__ = ["make", "make_all"]

_TELL_S: Final = 20.0


def make_all(
    folder: Path, apps: Sequence[str], *, pictures: int, processes: int, say: Callable[[str], None]
) -> None:
    """Make at least so many pictures of each application; what is there already counts.

    Args:
        folder: where the shards go.
        apps: of which applications.
        pictures: of each.
        processes: at once, for each application.
        say: what is told how far it is.

    Raises:
        DesktopError: a process ended early; its own words are on stderr.
    """
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=make, args=(folder, app, -(-pictures // processes), share, processes))
        for app in apps
        for share in range(processes)
    ]
    for worker in workers:
        worker.start()
    try:
        while busy := [worker.sentinel for worker in workers if worker.is_alive()]:
            wait(busy, _TELL_S)
            say(f"{len(shards(folder))} shards, {len(busy)} processes are busy")
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    if broken := [worker.exitcode for worker in workers if worker.exitcode]:
        raise DesktopError(
            f"expected {len(workers)} processes to make the data, {len(broken)} of them ended early"
        )


def make(folder: Path, app: str, pictures: int, share: int, shares: int) -> None:
    """Make one share's pictures: of each `shares` seeds the one with the remainder `share`.

    It goes on after the last run that is there.
    """
    from qvl_agent.sandbox.nano.making.data.episodes import episodes  # noqa: PLC0415 - Qt
    from qvl_agent.sandbox.nano.making.data.live_app import Stage  # noqa: PLC0415 - Qt

    made, number, seed = _there(folder, app, share, shares)
    if made >= pictures:
        return
    with Stage(app) as stage:
        pending = list[Episode]()
        for episode in episodes(stage, seed, every=shares):
            pending.append(episode)
            made += len(episode.shots)
            enough = made >= pictures
            if enough or sum(len(shot.png) for run in pending for shot in run.shots) >= SHARD_BYTES:
                write_shard(folder / f"{_name(app, share, shares)}-{number:04}.zip", pending)
                pending, number = [], number + 1
            if enough:
                return


def _there(folder: Path, app: str, share: int, shares: int) -> tuple[int, int, int]:
    """Say of a share how many pictures there are, the next shard's number and the next seed."""
    made, number, seed = 0, 0, share
    for path in sorted(folder.glob(f"{_name(app, share, shares)}-*.zip")):
        for episode in read_shard(path):
            made, seed = made + len(episode.shots), episode.seed + shares
        number = int(path.stem.rpartition("-")[2]) + 1
    return made, number, seed


def _name(app: str, share: int, shares: int) -> str:
    return f"{app}-{share}-of-{shares}"
