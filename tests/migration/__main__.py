"""`python -m tests.migration` in .venv-peers: run their calls, and keep what they return in values.json."""

import json
from importlib.metadata import version

from tests.migration.libraries import LIBRARIES, VALUES, installed
from tests.migration.rows import SETUP, namespace, run

DISTRIBUTIONS = {"sklearn": "scikit-learn", "tensorflow": "tensorflow-cpu"}


def text(values):
    """JSON with a call on each line."""
    libraries = []
    for name, kept in values.items():
        calls = ",\n".join(f"  {json.dumps(call)}: {json.dumps(found)}" for call, found in kept["calls"].items())
        versions = json.dumps(kept["versions"])
        libraries.append(f'{json.dumps(name)}: {{"versions": {versions}, "calls": {{\n{calls}\n}}}}')
    return "{\n" + ",\n".join(libraries) + "\n}\n"


def main():
    values = json.loads(VALUES.read_text()) if VALUES.exists() else {}
    for library in filter(installed, LIBRARIES):
        names = namespace(SETUP, library.setup, library.imports)
        calls = {row.theirs: [part.tolist() for part in run(row.theirs, names)] for row in library.rows}
        found = {package: version(DISTRIBUTIONS.get(package, package)) for package in library.packages}
        values[library.name] = {"versions": found, "calls": calls}
        print(f"{library.name}: {len(calls)} calls of {found}")
    VALUES.write_text(text(values))


if __name__ == "__main__":
    main()
