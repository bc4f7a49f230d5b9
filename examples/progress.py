"""A job that says how far it is: python progress.py http://127.0.0.1:8081 process/7."""

import sys

from cometary import Connector


def work(control: str, path: str, steps: int = 1000) -> None:
    """Do something in a thousand steps."""
    with Connector(control) as connector, connector.progress(path) as job:
        for step in range(steps):
            job.update(step / steps, text=f"step {step} of {steps}")


if __name__ == "__main__":
    work(sys.argv[1], sys.argv[2])
