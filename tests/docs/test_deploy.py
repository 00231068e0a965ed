"""The files that deploy it are what was published, and what they run works with a real server."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path
from urllib.request import urlopen

import pytest
from broker import PATIENCE_S, Server
from pages import DOCS

from inotify_cffi.cli.parser import parse
from tests.helpers.ports import free_port

EXAMPLES = Path(__file__).resolve().parent.parent.parent / "examples"
DAEMON_SET = EXAMPLES / "kubernetes" / "daemonset.yaml"
CONTAINER = EXAMPLES / "container" / "Containerfile"

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="the examples are not here")


def documents():
    yaml = pytest.importorskip("yaml", reason="not installed: PyYAML")
    return {one["kind"]: one for one in yaml.safe_load_all(DAEMON_SET.read_text(encoding="utf-8"))}


@pytest.mark.parametrize("version", ["1.27", "1.31", "1.34"])
def test_the_published_schemas_of_kubernetes_have_nothing_to_say_against_it(version):
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="not installed: kubernetes-validate", exc_type=ImportError
    )
    assert sorted(documents()) == ["DaemonSet", "Namespace"]
    for one in documents().values():
        kubernetes_validate.validate(one, version, strict=True)


def test_the_schemas_would_refuse_a_field_that_there_is_not():
    kubernetes_validate = pytest.importorskip(
        "kubernetes_validate", reason="not installed: kubernetes-validate", exc_type=ImportError
    )
    one = documents()["DaemonSet"]
    one["spec"]["template"]["spec"]["containers"][0]["securityContext"]["readOnlyRootFileSystem"] = True
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(one, "1.34", strict=True)


def container():
    (one,) = documents()["DaemonSet"]["spec"]["template"]["spec"]["containers"]
    return one


def test_each_volume_is_mounted_and_each_name_is_known():
    pod = documents()["DaemonSet"]["spec"]["template"]["spec"]
    assert [one["name"] for one in pod["volumes"]] == [one["name"] for one in container()["volumeMounts"]]
    words = " ".join(container()["args"])
    assert set(re.findall(r"\$\((\w+)\)", words)) == {one["name"] for one in container()["env"]}
    (port,) = container()["ports"]
    assert {container()[probe]["httpGet"]["port"] for probe in ("startupProbe", "livenessProbe")} == {port["name"]}
    annotations = documents()["DaemonSet"]["spec"]["template"]["metadata"]["annotations"]
    assert annotations["prometheus.io/port"] == str(port["containerPort"])
    assert f":{port['containerPort']}" in words


def test_it_has_no_rights_but_to_read():
    context = container()["securityContext"]
    assert context["capabilities"] == {"drop": ["ALL"], "add": ["DAC_READ_SEARCH"]}
    assert context["readOnlyRootFilesystem"] and not context["allowPrivilegeEscalation"]
    writable = [one["name"] for one in container()["volumeMounts"] if not one.get("readOnly")]
    assert writable == ["journal"]


def test_what_a_node_runs_sends_what_happens_there(tmp_path):
    """The arguments as they are, but for where the server, the secret and the directories are."""
    pytest.importorskip("nats", reason="not installed: nats-py")
    pytest.importorskip("prometheus_client", reason="not installed: prometheus-client")
    documents()
    server = Server(
        tmp_path / "nats",
        'accounts { FS { jetstream: enabled, users: [{ user: nodes, password: "w" }] } }',
    )
    (tmp_path / "watched").mkdir()
    (tmp_path / "password").touch(0o600)
    (tmp_path / "password").write_text("w\n")
    port = free_port()
    changed = {
        "tls://stream.example:4222": server.url,
        "$(NODE_NAME)": "node-1",
        "$(POD_IP):9750": f"127.0.0.1:{port}",
        "/etc/stream/password": os.fspath(tmp_path / "password"),
        "/watched": os.fspath(tmp_path / "watched"),
    }
    words = []
    for given in container()["args"]:
        word = given
        for before, now in changed.items():
            word = word.replace(before, now)
        # The stream is made by an administrator there, and there is no TLS here.
        if "tls-ca" not in word and "no-create" not in word:
            words.append(word)
    environment = {**os.environ, "XDG_STATE_HOME": os.fspath(tmp_path / "state")}
    process = subprocess.Popen(
        [sys.executable, "-m", "inotify_cffi", *words], env=environment, stderr=subprocess.DEVNULL
    )
    try:
        until_it_answers(port)
        (tmp_path / "watched" / "new").touch()
        told = follow_one(server, tmp_path, "node-1")
    finally:
        process.terminate()
        code = process.wait(PATIENCE_S)
        server.close()
    assert (told["host"], os.path.basename(told["path"])) == ("node-1", "new")
    assert code == 128 + 15


def until_it_answers(port):
    end = time.monotonic() + PATIENCE_S
    while True:
        try:
            with urlopen(f"http://127.0.0.1:{port}/metrics", timeout=PATIENCE_S) as answer:
                assert answer.status == 200
                return
        except OSError:
            assert time.monotonic() < end
            time.sleep(0.02)


def follow_one(server, tmp_path, host):
    words = ("--host", host, "--since", "0", "--count", "1", "--format", "json", "--timeout", f"{PATIENCE_S}s")
    words += ("--user", "nodes", "--password-file", os.fspath(tmp_path / "password"))
    end = time.monotonic() + PATIENCE_S
    while True:
        done = subprocess.run(
            [sys.executable, "-m", "inotify_cffi", "follow", server.url, *words],
            check=False, capture_output=True, text=True, timeout=PATIENCE_S * 2,
        )  # fmt: skip
        if done.returncode == 0:
            return json.loads(done.stdout.splitlines()[0])
        # The forwarder has not made the stream yet.
        assert time.monotonic() < end, done.stderr


# --- the container ---


def instructions():
    text = CONTAINER.read_text(encoding="utf-8").replace("\\\n", " ")
    return [line.split(None, 1) for line in text.splitlines() if line and not line.startswith("#")]


def test_hadolint_has_nothing_to_say_against_it():
    program = shutil.which("hadolint", path=os.pathsep.join([os.path.dirname(sys.executable), os.environ["PATH"]]))
    if program is None:
        pytest.skip("not installed: hadolint")
    done = subprocess.run([program, CONTAINER], check=False, capture_output=True, text=True)
    assert (done.returncode, done.stdout) == (0, "")


def test_what_the_container_runs_is_understood():
    found = dict(instructions())
    program, *words = [*json.loads(found["ENTRYPOINT"]), *json.loads(found["CMD"])]
    assert program == "inotify-cffi"
    command, options, _ = parse(words)
    assert (command.name, options.paths, options.plugin) == ("watch", ["/watched"], ["journal"])
    assert found["USER"] != "root"


def test_the_container_has_the_extras_that_a_node_needs():
    text = CONTAINER.read_text(encoding="utf-8")
    assert "'.[nats,prometheus]'" in text
    volume = dict(instructions())["VOLUME"]
    mounts = {one["name"]: one["mountPath"] for one in container()["volumeMounts"]}
    assert mounts["journal"] == volume


def test_the_page_names_each_file():
    page = DOCS / "fleet-deploy.md"
    if not page.is_file():
        pytest.skip("the documentation is not here")
    text = page.read_text(encoding="utf-8")
    for file in ("kubernetes/daemonset.yaml", "container/Containerfile", "nats/nats.conf"):
        assert f"../examples/{file}" in text
        assert (EXAMPLES / file).is_file()
