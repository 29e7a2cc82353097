"""`python -m qvl_agent.sandbox.attacks`: the process that shows the windows of attacks to its parent."""

import sys


def main() -> int:
    """Run the windows."""
    from qvl_agent.sandbox.attacks.windows.host import run  # noqa: PLC0415 - imports Qt

    return run()


if __name__ == "__main__":
    sys.exit(main())
