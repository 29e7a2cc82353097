"""`python -m qvl_agent.sandbox.attacks`: the process that shows the attacks' windows, for `stage.py`."""

import sys


def main() -> int:
    """Show windows until the parent is gone; return the exit status."""
    from qvl_agent.sandbox.attacks.windows.host import run  # noqa: PLC0415 - imports Qt

    return run()


if __name__ == "__main__":
    sys.exit(main())
