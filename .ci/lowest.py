"""Print the lowest version of each dependency that a pyproject.toml allows here, as constraints for pip.

``lowest.py PYPROJECT``: those of the build, of the package and of its extras "test" and "cli".
"""

from __future__ import annotations

import sys
from pathlib import Path

from packaging.requirements import Requirement
from packaging.version import Version

if sys.version_info >= (3, 11):
    import tomllib
else:
    from pip._vendor import tomli as tomllib

EXTRAS = ("test", "cli")


def lowest(requirements: list[str]) -> dict[str, Version]:
    """Return the version of each that all lines allow which hold for this interpreter."""
    versions: dict[str, Version] = {}
    for requirement in map(Requirement, requirements):
        if requirement.marker is None or requirement.marker.evaluate():
            (specifier,) = requirement.specifier
            version = Version(specifier.version)
            versions[requirement.name] = max(version, versions.get(requirement.name, version))
    return versions


def main() -> None:
    """Print a line for each."""
    tables = tomllib.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    project = tables["project"]
    requirements = [*tables["build-system"]["requires"], *project["dependencies"]]
    for extra in EXTRAS:
        requirements += project["optional-dependencies"][extra]
    for name, version in lowest(requirements).items():
        print(f"{name}=={version}")


if __name__ == "__main__":
    main()
