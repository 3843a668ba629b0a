"""Ask the public advisory database about the pinned packages: python .ci/audit.py requirements.txt ...

A known weakness fails. Where the database cannot be reached nothing can be said, which is said, and fails nothing.
"""

import json
import subprocess
import sys
from pathlib import Path

LONGEST_S = 180


def main(files: list[str]) -> int:
    """Audit the files; 1 where a package has a known weakness."""
    command = [str(Path(sys.executable).with_name("pip-audit")), "--format", "json", "--progress-spinner", "off"]
    command += ["--require-hashes", "--disable-pip", "--timeout", "10"]
    for file in files:
        command += ["-r", file]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=LONGEST_S, check=False)  # noqa: S603  # nosec B603
        told = json.loads(done.stdout)["dependencies"]
    except (subprocess.TimeoutExpired, ValueError, KeyError):
        told = []
    known = [one for one in told if "vulns" in one]
    weak = [(one["name"], one["version"], weakness) for one in known for weakness in one["vulns"]]
    for name, version, weakness in weak:
        fixed = ", ".join(weakness.get("fix_versions", ())) or "none yet"
        sys.stderr.write(f"{name} {version}: {weakness['id']}, fixed in: {fixed}\n")
    if weak:
        return 1
    if not known:
        sys.stderr.write("Dependency audit left out: the advisory database cannot be reached from here.\n")
    elif len(known) < len(told):
        missing = ", ".join(one["name"] for one in told if "vulns" not in one)
        sys.stderr.write(f"Audited {len(known)} packages; not known to the advisory database: {missing}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
