"""Compile the cffi module; everything else is declared in pyproject.toml."""

from __future__ import annotations

import sys
import sysconfig

from setuptools import setup


def stable_abi(implementation: str, version: tuple[int, int], *, free_threaded: bool) -> str | None:
    """Return the oldest Python that the wheel serves, as its tag; None if only the one that it is built on.

    One wheel serves every CPython from 3.9 on. Free-threaded builds have a stable ABI from 3.15 on; such a wheel
    (``cp315-abi3.abi3t``) serves both kinds. PyPy has none.
    """
    if implementation != "cpython":
        return None
    if not free_threaded:
        return "cp39"
    return "cp315" if version >= (3, 15) else None


if __name__ == "__main__":
    oldest = stable_abi(
        sys.implementation.name,
        sys.version_info[:2],
        free_threaded=bool(sysconfig.get_config_var("Py_GIL_DISABLED")),
    )
    setup(
        cffi_modules=["build_ffi.py:ffibuilder"],
        options={"bdist_wheel": {"py_limited_api": oldest}} if oldest else {},
    )
