"""Make training data in several processes, as Qt allows one application in each."""

import multiprocessing
from collections.abc import Callable, Sequence
from multiprocessing.connection import wait
from pathlib import Path
from typing import Final

from qvl_agent.actions.core.errors import DesktopError
from qvl_agent.sandbox.nano.making.data.shards import SHARD_BYTES, read_shard, shard_paths, write_shard
from qvl_agent.sandbox.nano.making.samples import Episode

__all__ = ["make_data", "make_share"]

_REPORT_S: Final = 20.0


def make_data(
    folder: Path, apps: Sequence[str], *, pictures: int, processes: int, report: Callable[[str], None]
) -> None:
    """Make at least `pictures` pictures of each application; those in the folder already count.

    Args:
        folder: Where the shards are written.
        apps: The applications' names.
        pictures: How many of each.
        processes: How many run at once for each application.
        report: Called with a line about the progress.

    Raises:
        DesktopError: A process ended early; its error is on stderr.
    """
    folder.mkdir(parents=True, exist_ok=True)
    context = multiprocessing.get_context("spawn")
    workers = [
        context.Process(target=make_share, args=(folder, app, -(-pictures // processes), share, processes))
        for app in apps
        for share in range(processes)
    ]
    for worker in workers:
        worker.start()
    try:
        while busy := [worker.sentinel for worker in workers if worker.is_alive()]:
            wait(busy, _REPORT_S)
            report(f"{len(shard_paths(folder))} shards, {len(busy)} processes are busy")
    finally:
        for worker in workers:
            worker.terminate()
            worker.join()
    if broken := [worker.exitcode for worker in workers if worker.exitcode]:
        raise DesktopError(
            f"expected {len(workers)} processes to make the data, {len(broken)} of them ended early"
        )


def make_share(folder: Path, app: str, pictures: int, share: int, shares: int) -> None:
    """Make one process's share: the seeds that leave the remainder `share` when divided by `shares`.

    Continues after the last run that is in the folder.
    """
    from qvl_agent.sandbox.nano.making.data.episodes import make_episodes  # noqa: PLC0415 - Qt
    from qvl_agent.sandbox.nano.making.data.live_app import LiveApp  # noqa: PLC0415 - Qt

    made, number, seed = _progress_of_share(folder, app, share, shares)
    if made >= pictures:
        return
    with LiveApp(app) as live_app:
        pending = list[Episode]()
        for episode in make_episodes(live_app, seed, every=shares):
            pending.append(episode)
            made += len(episode.shots)
            enough = made >= pictures
            if enough or sum(len(shot.png) for run in pending for shot in run.shots) >= SHARD_BYTES:
                write_shard(folder / f"{_shard_prefix(app, share, shares)}-{number:04}.zip", pending)
                pending, number = [], number + 1
            if enough:
                return


def _progress_of_share(folder: Path, app: str, share: int, shares: int) -> tuple[int, int, int]:
    """Return how many pictures a share has already, its next shard's number and its next seed."""
    made, number, seed = 0, 0, share
    for path in sorted(folder.glob(f"{_shard_prefix(app, share, shares)}-*.zip")):
        for episode in read_shard(path):
            made, seed = made + len(episode.shots), episode.seed + shares
        number = int(path.stem.rpartition("-")[2]) + 1
    return made, number, seed


def _shard_prefix(app: str, share: int, shares: int) -> str:
    return f"{app}-{share}-of-{shares}"
