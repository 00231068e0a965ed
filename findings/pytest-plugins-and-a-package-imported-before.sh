#!/usr/bin/env bash
# pytest 9.2.0: to ship a plugin in a package makes an earlier `import` of that package an error for others.
#
# One would guess that an entry point of the group pytest11 concerns the module that it names. pytest marks every module
# of that distribution to be rewritten, and warns where one of its packages is imported already. With warnings as
# errors that ends the whole run, for every project that imports the package before pytest reads its arguments, takes
# the plugin or not: from sitecustomize, a .pth file, another plugin, or a script that calls pytest.main(). What helps
# is a word in the docstring of the package, PYTEST_DONT_REWRITE, though that is documented as a wish for one module.
# Seen on 2026-11-29, CPython 3.11:
#   without the word: exit code 1, PytestAssertRewriteWarning
#   with the word: exit code 0
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check pytest==9.2.0 2>/dev/null
site=$("$work/env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')

# As pip would: a distribution with a package, and a module beside it that is the plugin and does nothing.
mkdir -p "$site/brought" "$site/brought-1.0.dist-info"
touch "$site/brought_plugin.py"
printf 'Metadata-Version: 2.1\nName: brought\nVersion: 1.0\n' >"$site/brought-1.0.dist-info/METADATA"
printf '[pytest11]\nbrought = brought_plugin\n' >"$site/brought-1.0.dist-info/entry_points.txt"
printf '%s,,\n' brought/__init__.py brought_plugin.py brought-1.0.dist-info/{METADATA,entry_points.txt,RECORD} \
    >"$site/brought-1.0.dist-info/RECORD"
printf 'def test_it():\n    pass\n' >"$work/test_it.py"

run() {
    printf '"""A package.%s"""\n' "$1" >"$site/brought/__init__.py"
    (cd "$work" && env/bin/python -c 'import brought, pytest, sys; sys.exit(pytest.main(["-q", "-W", "error"]))') \
        >"$work/log" 2>&1
}

code=0
run "" || code=$?
printf 'without the word: exit code %d, %s\n' "$code" "$(grep -o 'PytestAssertRewriteWarning' "$work/log" | head -n 1)"
((code == 1)) && grep -q 'PytestAssertRewriteWarning' "$work/log"
code=0
run " PYTEST_DONT_REWRITE" || code=$?
printf 'with the word: exit code %d\n' "$code"
((code == 0))
