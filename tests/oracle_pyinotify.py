"""Run PyInotify's own tests against the drop-in: ``python tests/oracle_pyinotify.py [SDIST]``.

They are under another licence (GPL-2) and no part of this project: they are fetched when they are needed, from the
package index by pip, and only run. Their package ``inotify`` is never imported; its name stands for our modules.
One of the 11 tests is for Python 2 and skipped. The exit status is 0 if the others pass.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib
import importlib.util
import os
import subprocess
import sys
import tarfile
import tempfile
import types
import unittest

SDIST = "inotify-0.2.12.tar.gz"
SHA256 = "9aee407f92c7d51a2ce50f3b78291a9094e334e34bd68e82bf60020795fa2c94"
TESTS = "inotify-0.2.12/tests/test_inotify.py"


@contextlib.contextmanager
def temp_path():
    """A directory to work in, as their tests ask for it."""
    before = os.getcwd()
    with tempfile.TemporaryDirectory() as path:
        os.chdir(path)
        try:
            yield path
        finally:
            os.chdir(before)


def fetched(directory):
    """Download the source distribution and return its path."""
    requirement = "inotify==0.2.12"
    options = ["--no-deps", "--no-binary", ":all:", "--quiet", "--dest", directory]
    subprocess.run([sys.executable, "-m", "pip", "download", *options, requirement], check=True)
    return os.path.join(directory, SDIST)


def extracted(sdist, directory):
    """Take their test module out of *sdist* and return its path."""
    with open(sdist, "rb") as file:
        if hashlib.sha256(file.read()).hexdigest() != SHA256:
            raise SystemExit(f"{sdist} is not the {SDIST} that was looked at")
    path = os.path.join(directory, "test_inotify.py")
    with tarfile.open(sdist) as archive, open(path, "wb") as file:
        file.write(archive.extractfile(TESTS).read())
    return path


def stand_in():
    """Let our modules have the names that their tests import."""
    package = types.ModuleType("inotify")
    package.__path__ = []
    support = types.ModuleType("inotify.test_support")
    support.temp_path = temp_path
    modules = {
        name: importlib.import_module(f"inotify_cffi.{name}") for name in ("adapters", "calls", "constants")
    }
    for name, module in {**modules, "test_support": support}.items():
        setattr(package, name, module)
        sys.modules[f"inotify.{name}"] = module
    sys.modules["inotify"] = package


def main(arguments):
    with tempfile.TemporaryDirectory() as directory:
        path = extracted(arguments[0] if arguments else fetched(directory), directory)
        stand_in()
        spec = importlib.util.spec_from_file_location("test_inotify", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        tests = unittest.defaultTestLoader.loadTestsFromModule(module)
        result = unittest.TextTestRunner(verbosity=2).run(tests)
    return 0 if result.wasSuccessful() and result.testsRun == 11 else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
