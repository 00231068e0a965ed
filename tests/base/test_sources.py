"""What is said where Python takes the sources of a checkout, which have no compiled module."""

import os
import shutil
import subprocess
import sys

import inotify_cffi


def test_an_import_of_sources_says_what_to_do(tmp_path):
    package = os.path.dirname(inotify_cffi.__file__)
    compiled = shutil.ignore_patterns("_inotify.*so", "__pycache__")
    shutil.copytree(package, tmp_path / "inotify_cffi", ignore=compiled)
    # Without ``site``, for an editable install would find the compiled module elsewhere.
    command = [sys.executable, "-S", "-c", "import inotify_cffi"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        f"ImportError: {tmp_path}/inotify_cffi has the sources of inotify_cffi, which are not compiled there;"
        " start Python in another directory, or run: pip install --editable ."
    )


def test_another_module_that_is_missing_is_said_as_ever(tmp_path):
    code = "import sys; sys.modules['_cffi_backend'] = None; import inotify_cffi"
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == (0 if sys.implementation.name == "pypy" else 1)
    assert "pip install --editable" not in done.stderr
