"""Programs in a Python of their own, which imports the package anew."""

import os
import subprocess
import sys


def interpreted(program, timeout=None, **variables):
    """The finished process, with what it printed, under the environment and these variables."""
    command, environment = [sys.executable, "-c", program], os.environ | variables
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=timeout)
