"""A repository of six commits, one of which is slower, with its dashboard; a browser; and where the screenshots go."""

import contextlib
import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path
from types import SimpleNamespace

import pytest
from selenium import webdriver

from asv_benchmarks import landing
from asv_benchmarks.offline import localise
from asv_benchmarks.tests import history

SCREENSHOTS = Path(__file__).resolve().parents[2] / "build" / "dashboard"
# ratios within the threshold that the configuration sets, a real improvement, and one step from the fourth commit on
FIRST = [2.0, 2.1, 1.95, 2.1, 1.0, 1.0]
SECOND = [2.0, 2.1, 2.0, 3.0, 3.1, 3.0]
SLOWER = 3


@pytest.fixture(scope="session")
def dashboard(tmp_path_factory):
    """asv's configuration, the published pages, their address, and the commits, oldest first."""
    root = tmp_path_factory.mktemp("known")
    values = [{"first": a, "second": b, "error": 1.5} for a, b in zip(FIRST, SECOND, strict=True)]
    commits = history.write(root, values)
    config = history.configure(root)
    asv = functools.partial(run_asv, config.parent)
    asv("run", "--show-stderr", "--bench", "^(?!unmeasured)", "HASHFILE:-", given="\n".join(reversed(commits)))
    asv("publish")
    html = config.parent / "html"
    localise(html)
    landing.finish(html)
    with serve(html) as address:
        yield SimpleNamespace(config=config, html=html, address=address, commits=commits)


def run_asv(folder, *command, given=None):
    command = [sys.executable, "-m", "asv", *command]
    done = subprocess.run(command, cwd=folder, input=given, text=True, capture_output=True)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


class Quiet(http.server.SimpleHTTPRequestHandler):
    """Serves files without a line for each of them."""

    def log_message(self, *args):
        pass


@contextlib.contextmanager
def serve(folder):
    """The files of a folder on a free port of this machine."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=folder)) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/"
        server.shutdown()


@pytest.fixture(scope="session")
def chromium():
    """Debian's Chromium without a window; nothing that is missing is skipped, it fails."""
    options = webdriver.ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    # root has no sandbox, and a container little shared memory
    for argument in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = webdriver.Chrome(options, webdriver.ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


@pytest.fixture
def screenshot(chromium):
    """Writes what the browser shows, for whoever looks at the run."""

    def take(name):
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        chromium.save_screenshot(str(SCREENSHOTS / f"{name}.png"))

    return take
