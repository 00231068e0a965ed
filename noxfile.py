"""Sessions of nox, for those who have it; .ci/run needs none of it: ``nox -s tests lint docs``."""

from __future__ import annotations

import nox

nox.options.default_venv_backend = "venv"
nox.options.sessions = ["lint", "tests"]


@nox.session(python=["3.9", "3.11", "3.13", "pypy3"])
def tests(session: nox.Session) -> None:
    """Run the suite, or what is named behind ``--``, in place."""
    session.install("-e", ".[test,cli]")
    session.run("python", "-m", "pytest", *session.posargs)


@nox.session(python="3.11")
def lint(session: nox.Session) -> None:
    """Check the style, the types, the layers, the sizes and what is made from the parsers."""
    session.install("-c", ".ci/tools.txt", "-e", ".[lint,test]")
    session.run("ruff", "check")
    session.run("ruff", "format", "--check")
    session.run("mypy")
    session.run("lint-imports")
    session.run("python", ".ci/check_sizes.py")
    session.run("python", "docs/generate.py", "--check")


@nox.session(python="3.11")
def docs(session: nox.Session) -> None:
    """Build the site, any warning being an error."""
    session.install("-c", ".ci/tools.txt", ".[docs,cli]")
    session.run("python", "-P", "-m", "sphinx", "-W", "--keep-going", "-b", "html", "docs", "site")
