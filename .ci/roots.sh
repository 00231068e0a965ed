# shellcheck shell=bash
# A Debian of its own, below a directory: made by debootstrap, entered with namespaces of its own, with the network,
# package sources and pip settings of this machine. Source it after lib.sh. It needs root.
#
# What is in there is fresh but for sudo and the certificates; somebody is a user who may use sudo.

# Of whoever builds here: what pip and TLS are told by the environment.
CARRIED='^(PIP_.*|SSL_CERT_FILE|SSL_CERT_DIR|REQUESTS_CA_BUNDLE|CURL_CA_BUNDLE|(https?|no|all)_proxy|(HTTPS?|NO|ALL)_PROXY)='

# why_no_roots: the reason why there can be none here, if there is one.
why_no_roots() {
    if ((EUID)); then
        echo "needs root"
    elif ! has debootstrap && ! has apt-get; then
        echo "needs debootstrap"
    elif ! unshare --mount --pid --fork true 2>/dev/null; then
        echo "needs namespaces"
    fi
}

# mirror: where this machine has its packages from, if that is a Debian's; none is debootstrap's own.
mirror() {
    if [[ -n ${DEBIAN_MIRROR:-} ]]; then
        echo "$DEBIAN_MIRROR"
    else
        # shellcheck disable=SC2016  # apt's own
        apt-get indextargets --format '$(REPO_URI)' 'Created-By: Packages' 'Origin: Debian' 'Label: Debian' |
            head -n 1
    fi
}

# new_root SUITE: make $root.
new_root() {
    install_packages debootstrap debian-archive-keyring ca-certificates
    apt-get update -q
    mkdir "$root"
    # shellcheck disable=SC2046  # no word if there is none
    debootstrap --variant=minbase --include=ca-certificates,sudo "$1" "$root" $(mirror)
    carry_settings
    chroot "$root" useradd --create-home --shell /bin/bash somebody
    echo 'somebody ALL=(ALL) NOPASSWD: ALL' >"$root/etc/sudoers.d/somebody"
    carry_pip /root
    carry_pip /home/somebody
    chroot "$root" chown -R somebody: /home/somebody
}

# Names, certificates, and how apt and pip get at their packages.
carry_settings() {
    local file
    cp -L /etc/resolv.conf /etc/hosts "$root/etc"
    if [[ -d /usr/local/share/ca-certificates ]]; then
        cp -rT /usr/local/share/ca-certificates "$root/usr/local/share/ca-certificates"
        chroot "$root" update-ca-certificates
    fi
    {
        apt-config dump Acquire | grep -E '^Acquire::(https?|ftp|Check[^:]*|Retries)\b.*"[^"]+";$' || true
        # Two users install at a time.
        echo 'DPkg::Lock::Timeout "600";'
    } >"$root/etc/apt/apt.conf.d/99-from-outside"
    for file in /etc/pip.conf /etc/xdg/pip; do
        if [[ -e $file ]]; then (cd / && cp -r --parents -t "$root" ".$file"); fi
    done
    env | grep -E "$CARRIED" >"$root/.environment" || true
    # The certificates that the environment names.
    for file in $(sed 's/^[^=]*=//' "$root/.environment"); do
        if [[ -f $file && ! -e $root$file ]]; then install -D -m 644 "$file" "$root$file"; fi
    done
}

# carry_pip HOME: the settings of pip that are of the user who runs this.
carry_pip() {
    local name
    for name in .pip .config/pip; do
        if [[ -e $HOME/$name ]]; then
            mkdir -p "$root$1/$(dirname "$name")"
            cp -r "$HOME/$name" "$root$1/$name"
        fi
    done
}

# enter USER COMMAND...: in $root.
enter() { .ci/enter "$root" "$@"; }

# own USER: what was put into the home directory of a user is that user's.
own() { chroot "$root" chown -R "$1:" "$(home "$1")"; }

home() { chroot "$root" getent passwd "$1" | cut -d: -f6; }

# take_results USER LABEL: pytest's file of a run in there.
take_results() {
    local file
    file="$root$(home "$1")/results.xml"
    if [[ -e $file ]]; then mv "$file" "$work/results/$2.xml"; fi
}

# --- the README's blocks, as they are printed ---

lay_checkout() { # USER
    copy_sources "$root$(home "$1")/checkout"
    own "$1"
}

# try_it USER: the block that watches /tmp, until Ctrl-C.
try_it() {
    readme_block "watch /tmp" >"$root$(home "$1")/try-it.sh"
    cat "$root$(home "$1")/try-it.sh"
    "$(any_python)" .ci/try_it.py "$root/tmp" .ci/enter "$root" "$1" bash -c 'cd checkout && bash ~/try-it.sh'
}

# run_the_tests USER LABEL: the block that runs the tests.
run_the_tests() {
    local code=0
    readme_block "pytest" >"$root$(home "$1")/run-the-tests.sh"
    cat "$root$(home "$1")/run-the-tests.sh"
    enter "$1" DEBIAN_FRONTEND=noninteractive PYTEST_ADDOPTS="--tb=short --junitxml=$(home "$1")/results.xml" \
        timeout "$RUN_LIMIT" bash -c 'cd checkout && bash ~/run-the-tests.sh' || code=$?
    take_results "$1" "$2"
    return "$code"
}

# fresh_debian NUMBER SUITE: the whole of a part.
fresh_debian() {
    local why
    root="$work/root"
    why=$(why_no_roots)
    if [[ -n $why ]]; then
        skip "Debian $1" "$why"
    else
        must "a fresh root of Debian $1, by debootstrap" new_root "$2"
        lay_checkout somebody
        lay_checkout root
        step "README, Try it, as a user with sudo" try_it somebody
        start "tests: README, Run the tests, as a user with sudo" run_the_tests somebody "Debian-$1-user"
        start "tests: README, Run the tests, as root" run_the_tests root "Debian-$1-root"
    fi
    finish
}
