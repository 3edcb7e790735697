"""Makes the pages that `asv publish` wrote fit for any place: `python asv_benchmarks/offline.py [HTML_DIR]`.

They load scripts and a style sheet from three hosts; npm has installed the same files into web/node_modules. And on a
narrow screen their menu hides what is under it; web/narrow.css undoes that.
"""

import re
import shutil
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
MODULES = HERE / "web" / "node_modules"
NARROW = "narrow.css"
# the last part of the address: the file in MODULES
FILES = {
    "jquery-3.3.1.min.js": "jquery/dist/jquery.min.js",
    "jquery.flot.min.js": "flot/jquery.flot.js",
    "jquery.flot.time.min.js": "flot/jquery.flot.time.js",
    "jquery.flot.selection.min.js": "flot/jquery.flot.selection.js",
    "jquery.flot.categories.min.js": "flot/jquery.flot.categories.js",
    "jquery.flot.orderBars.js": "flot-orderbars/js/jquery.flot.orderBars.js",
    "stupidtable.min.js": "stupid-table-plugin/stupidtable.min.js",
    "md5.min.js": "blueimp-md5/js/md5.min.js",
    "bootstrap.min.js": "bootstrap/dist/js/bootstrap.min.js",
    "bootstrap.min.css": "bootstrap/dist/css/bootstrap.min.css",
}
TAG = re.compile(r'<(?:script|link)\b[^>]*?\b(?:src|href)="(https?://[^"]+)"[^>]*>')
ONLY_FOR_OTHER_HOSTS = re.compile(r' (?:integrity|crossorigin|referrerpolicy)="[^"]*"')


def localise(html: Path) -> list[str]:
    """Copies the files beside index.html and points it to them; the names of those that came from elsewhere."""
    names = []
    (html / "web").mkdir(exist_ok=True)

    def local(tag: re.Match) -> str:
        address = tag[1]
        name = address.rpartition("/")[2]
        if name not in FILES:
            raise SystemExit(f"asv's page loads {address}, which asv_benchmarks/offline.py does not know")
        source = MODULES / FILES[name]
        if not source.exists():
            raise SystemExit(f"{source} is missing: make dashboard installs it")
        shutil.copy(source, html / "web" / name)
        names.append(name)
        return ONLY_FOR_OTHER_HOSTS.sub("", tag[0].replace(address, f"web/{name}"))

    index = html / "index.html"
    text = TAG.sub(local, index.read_text(encoding="utf-8"))
    if NARROW not in text:
        shutil.copy(HERE / "web" / NARROW, html / "web" / NARROW)
        own = f'<meta name="viewport" content="width=device-width"/>\n    <link rel="stylesheet" href="web/{NARROW}"/>'
        text = text.replace("</head>", f"  {own}\n  </head>")
    index.write_text(text, encoding="utf-8")
    return names


if __name__ == "__main__":
    localise(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "html")
