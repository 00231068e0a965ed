"""What is made from the parsers is theirs of today, and shells complete by it."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

import inotify_cffi
from inotify_cffi.cli import completion, document
from inotify_cffi.hooks import specs
from inotify_cffi.hooks.registry import HOOK_NAMES
from inotify_cffi.testing import run_command_line

TOP = Path(__file__).resolve().parent.parent.parent
COMPLETIONS = Path(completion.__file__).parent / "completions"

here = pytest.mark.skipif(not (TOP / "docs").is_dir(), reason="the documentation is not here")
ALL_OPTIONS = {
    (command.name, name)
    for command, parser in document.parsers()
    for _, actions in document.groups_of(parser)
    for action in actions
    for name in action.option_strings
}
OPTIONS_OF_PLUGINS = {
    (command.name, plugin, name)
    for command, _ in document.parsers()
    for plugin, groups in document.plugins_of(command)
    for _, actions in groups
    for action in actions
    for name in action.option_strings
}


def printed(shell):
    done = run_command_line("completion", shell)
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("shell", completion.FILES)
def test_it_is_printed_and_knows_every_command_and_option(shell):
    text = printed(shell)
    words = set(re.findall(r"[\w-]+", text))
    assert {command for command, _ in ALL_OPTIONS} <= words
    # fish has them without dashes.
    assert {name if shell != "fish" else name.lstrip("-") for _, name in ALL_OPTIONS} <= words


@pytest.mark.parametrize("shell", completion.FILES)
def test_it_knows_the_options_of_every_shipped_plugin(shell):
    words = set(re.findall(r"[\w-]+", printed(shell)))
    assert {name if shell != "fish" else name.lstrip("-") for _, _, name in OPTIONS_OF_PLUGINS} <= words


def test_each_shipped_plugin_has_options_where_a_command_does_not_load_it():
    assert {plugin for _, plugin, _ in OPTIONS_OF_PLUGINS} == set(document.shipped())
    assert ("watch", "forward", "--forward-to") in OPTIONS_OF_PLUGINS
    assert ("run", "metrics", "--metrics-listen") in OPTIONS_OF_PLUGINS
    # They are loaded without being asked for; or there is no --plugin.
    assert {(command, plugin) for command, plugin, _ in OPTIONS_OF_PLUGINS}.isdisjoint(
        {("watch", "console"), ("run", "command"), ("journal", "journal"), ("doctor", "console")}
    )


@here
@pytest.mark.skipif(not (TOP / "share").is_dir(), reason="the man pages are not here")
@pytest.mark.parametrize("command", sorted({command for command, _, _ in OPTIONS_OF_PLUGINS}))
def test_a_man_page_has_a_section_for_each_plugin_that_can_be_loaded(command):
    page = (TOP / "share" / "man" / "man1" / f"inotify-cffi-{command}.1").read_text(encoding="utf-8")
    sections = dict(re.findall(r'^\.SS "with \\-\\-plugin (\w+)"\n(.*?)(?=^\.S)', page, re.MULTILINE | re.DOTALL))
    told = {
        (command, plugin, f"--{name}".replace("\\-", "-"))
        for plugin, text in sections.items()
        for name in re.findall(r"\\fB\\-\\-([\w\\-]+)\\fR", text)
    }
    assert told == {option for option in OPTIONS_OF_PLUGINS if option[0] == command}


@here
def test_the_page_of_the_command_line_has_the_options_of_every_plugin():
    page = (TOP / "docs" / "command-line.md").read_text(encoding="utf-8")
    sections = dict(
        re.findall(r"^\*\*with `--plugin (\w+)`\*\*\n(.*?)(?=^\*\*|\Z)", page, re.MULTILINE | re.DOTALL)
    )
    told = {
        (plugin, name)
        for plugin, text in sections.items()
        for name in re.findall(r"^- `(--[\w-]+)", text, re.MULTILINE)
    }
    assert told == {(plugin, name) for _, plugin, name in OPTIONS_OF_PLUGINS}


def test_there_is_no_other_shell():
    assert run_command_line("completion", "tcsh").exit_code == 2


@here
@pytest.mark.skipif(not (TOP / "share").is_dir(), reason="the man pages are not here")
def test_the_man_pages_are_up_to_date():
    spec = spec_from_file_location("man_pages", TOP / "docs" / "man_pages.py")
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    version = re.search(r'^version = "(\d+\.\d+)', (TOP / "pyproject.toml").read_text(), re.MULTILINE)[1]
    known = json.loads((TOP / "docs" / "since.json").read_text())
    late = {name: when for kind in known.values() for name, when in kind.items() if when != "0.1"}
    there = {path.name: path.read_text(encoding="utf-8") for path in (TOP / "share" / "man" / "man1").iterdir()}
    assert module.pages(version, late) == there, "run: python docs/generate.py"


@pytest.mark.skipif(not (TOP / "inotify_cffi").is_dir(), reason="the sources are not here")
def test_all_that_is_made_is_up_to_date():
    pytest.importorskip("shtab", reason="not installed: shtab")
    done = subprocess.run(
        [sys.executable, TOP / "docs" / "generate.py", "--check"], check=False, capture_output=True, text=True
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


@here
def test_everything_public_says_since_when_it_is_there():
    known = json.loads((TOP / "docs" / "since.json").read_text())
    assert set(inotify_cffi.__all__) <= set(known["names"])
    assert known["hooks"] == {
        name: re.search(r"\.\. versionadded:: (\S+)", getattr(specs, name).__doc__)[1] for name in HOOK_NAMES
    }
    of_commands = {name.partition(" --")[0].split()[0] for name in known["options of commands"]}
    assert of_commands <= set(known["commands"])


@here
def test_a_hook_that_came_later_says_so_on_its_page():
    known = json.loads((TOP / "docs" / "since.json").read_text())["hooks"]
    page = (TOP / "docs" / "hooks.md").read_text(encoding="utf-8")
    sections = dict(re.findall(r"^### `(\w+)\(.*?\)`\n(.*?)(?=^##|\Z)", page, re.MULTILINE | re.DOTALL))
    assert [name for name, when in known.items() if when != "0.1" and f"Since {when}." not in sections[name]] == []


# --- in the shells ---


def told_by(*command):
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return set(done.stdout.split("\n")) - {""}


BASH = """
source "$1"
shift
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMP_LINE="$*" COMP_POINT=${#COMP_LINE}
function=$(complete -p inotify-cffi | sed 's/.* -F \\([^ ]*\\) .*/\\1/')
"$function" "$1" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.mark.needs("bash", "sed")
@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["wa"], {"watch"}),
        (["watch", "--exc"], {"--exclude"}),
        (["run", "--on-busy", ""], {"queue", "restart", "ignore"}),
        (["journal", "--journal-si"], {"--journal-size"}),
        (["completion", "z"], {"zsh"}),
        (["watch", "--plugin", "fo"], {"forward"}),
        (["watch", "--metr"], set()),
        (["watch", "--plugin", "forward", "--metr"], set()),
        (["watch", "--plugin", "metrics", "--metr"], {"--metrics-listen"}),
        # bash takes it apart.
        (["run", "--plugin", "=", "metrics", "--metr"], {"--metrics-listen"}),
        (["watch", "--color"], {"--color"}),
        (["run", "--color"], set()),
    ],
)
def test_bash_completes(words, expected):
    file = COMPLETIONS / completion.FILES["bash"]
    assert told_by("bash", "--norc", "-c", BASH, "bash", file, "inotify-cffi", *words) == expected


@pytest.mark.needs("bash", "sed")
def test_bash_completes_files(tmp_path):
    (tmp_path / "some").mkdir()
    file = COMPLETIONS / completion.FILES["bash"]
    assert told_by("bash", "--norc", "-c", BASH, "bash", file, "inotify-cffi", "watch", f"{tmp_path}/so") == {
        f"{tmp_path}/some"
    }


# What fish and zsh are given, and what they offer.
LINES = [
    ("inotify-cffi wa", {"watch"}),
    ("inotify-cffi watch --exc", {"--exclude"}),
    ("inotify-cffi run --on-busy ", {"queue", "restart", "ignore"}),
    ("inotify-cffi completion z", {"zsh"}),
    ("inotify-cffi watch --plugin fo", {"forward"}),
    ("inotify-cffi watch --metr", set()),
    ("inotify-cffi watch --plugin forward --metr", set()),
    ("inotify-cffi watch --plugin metrics --metr", {"--metrics-listen"}),
    ("inotify-cffi run --plugin=metrics --metr", {"--metrics-listen"}),
    ("inotify-cffi watch --color", {"--color"}),
    ("inotify-cffi run --color", set()),
]


@pytest.mark.needs("fish")
@pytest.mark.parametrize(("line", "expected"), LINES)
def test_fish_completes(line, expected, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path))
    file = COMPLETIONS / completion.FILES["fish"]
    program = f'source {file}; complete -C "{line}"'
    assert {told.split("\t")[0] for told in told_by("fish", "--no-config", "-c", program)} == expected


@pytest.mark.needs("zsh")
def test_zsh_takes_it_by_eval_and_from_fpath():
    file = COMPLETIONS / completion.FILES["zsh"]
    program = f'autoload -U compinit; compinit -u -D; eval "$(cat {file})"; print $_comps[inotify-cffi]'
    (function,) = told_by("zsh", "-f", "-c", program)
    program = f"fpath=({COMPLETIONS} $fpath); autoload -U compinit; compinit -u -D; print $_comps[inotify-cffi]"
    assert told_by("zsh", "-f", "-c", program) == {"_inotify-cffi"}
    assert function in file.read_text(encoding="utf-8")


# What is read by an interactive zsh: it completes a line, writes down what is offered, and ends.
ZSHRC = """
autoload -U compinit; compinit -u -D
eval "$(cat $COMPLETIONS)"
compadd() {
  local -a found
  # Others ask by these what fits.
  [[ " ${@[1,(i)(-|--)]} " == *\\ -[OAD]\\ * ]] || { builtin compadd -A found "$@"; print -rl -- $found >>$FOUND; }
  builtin compadd "$@"
}
complete-and-end() { BUFFER=$TYPED CURSOR=$#BUFFER; zle complete-word; exit }
zle -N zle-line-init complete-and-end
"""


def in_zsh(typed, directory):
    """What zsh offers behind a line."""
    (directory / ".zshrc").write_text(ZSHRC)
    found = directory / "offered"
    found.touch()
    environment = {
        **os.environ,
        "ZDOTDIR": str(directory),
        "COMPLETIONS": str(COMPLETIONS / completion.FILES["zsh"]),
        "FOUND": str(found),
        "TYPED": typed,
        "TERM": "dumb",
    }
    # It completes on a terminal alone.
    program = 'import pty, sys; sys.exit(pty.spawn(["zsh", "-d", "-i"]))'
    subprocess.run(
        [sys.executable, "-c", program],
        env=environment, cwd=directory, check=True, stdin=subprocess.DEVNULL, capture_output=True, timeout=60,
    )  # fmt: skip
    return set(found.read_text().split("\n")) - {""}


@pytest.mark.needs("zsh")
@pytest.mark.parametrize(
    ("line", "expected"),
    [
        *LINES,
        # shtab alone lets it complete one path, and nothing behind --plugin.
        ("inotify-cffi watch of", {"offered"}),
        ("inotify-cffi watch elsewhere of", {"offered"}),
        ("inotify-cffi watch --plugin of", {"offered"}),
        ("inotify-cffi watch --plugin forward --forward-creds of", {"offered"}),
    ],
)
def test_zsh_completes(line, expected, tmp_path):
    assert in_zsh(line, tmp_path) == expected


@here
@pytest.mark.needs("groff")
def test_the_man_pages_are_without_a_warning():
    pages = sorted((TOP / "share" / "man" / "man1").glob("*.1"))
    if not pages:
        pytest.skip("the man pages are not here")
    for page in pages:
        done = subprocess.run(
            ["groff", "-ww", "-mandoc", "-Tutf8", page], check=False, capture_output=True, text=True
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert f"{page.stem.upper()}(1)" in done.stdout
