"""Processes that begin the same thing at once."""

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
READY = "print('ready', flush=True); sys.stdin.readline()\n"
"""Stands in a program where it waits for the others."""


def at_once(program: str, *arguments: str) -> list[tuple[str, str]]:
    """What three processes wrote to their standard output and error, after all of them had come to `READY`."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", program, *arguments],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "PYTHONWARNINGS": "ignore"},  # those of the SDK's own imports
        )
        for _ in range(3)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return [process.communicate(timeout=100) for process in processes]
