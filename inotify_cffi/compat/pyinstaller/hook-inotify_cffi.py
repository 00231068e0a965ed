"""What PyInstaller can not see: what is imported late, cffi's own module, plugins and their entry points."""

from PyInstaller.utils.hooks import (  # type: ignore[import-untyped, import-not-found, unused-ignore]
    collect_data_files,
    collect_submodules,
    copy_metadata,
)

# Not the interfaces to packages that need not be there.
hiddenimports = ["_cffi_backend", *collect_submodules("inotify_cffi", filter=lambda name: ".compat" not in name)]
datas = [*collect_data_files("inotify_cffi"), *copy_metadata("inotify_cffi")]
