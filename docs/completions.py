"""What lets bash, zsh and fish complete the command line: made by shtab from the parsers, and completed here.

The scripts have the options of all shipped plugins. shtab knows nothing of options that come and go, so what is
put in here leaves out those of a plugin that is neither on the line by ``--plugin NAME`` nor loaded by the command
itself.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Callable

import shtab

from inotify_cffi.cli import document
from inotify_cffi.cli.command import PROGRAM
from inotify_cffi.cli.parser import NAMES, build, command
from inotify_cffi.hooks.dispatch import Dispatcher

if TYPE_CHECKING:
    import argparse

__all__ = ["completions"]

# What stands for a value that is a path.
PATHS = {"PATH", "FILE"}
PLUGIN_OPTIONS = ("--plugin", "--no-plugin", "--require")

# What shtab's functions begin with.
SHTAB = f"_shtab_{PROGRAM.replace('-', '_')}"


def completions(shell: str) -> str:
    """Return what lets a shell complete the command line."""
    whole = build(None, Dispatcher())
    (chooser,) = (action for action in whole._actions if action.dest == "command")  # noqa: SLF001
    shipped = document.shipped()
    for name in NAMES:
        chosen = command(name)
        parser = document.parser_with(chosen, *(shipped if chosen.takes_plugins else ()))
        parser.description = chosen.summary
        for action in parser._actions:  # noqa: SLF001
            _say_what_completes(action, shipped)
            if shell == "zsh" and isinstance(action.metavar, str):
                # shtab leaves it as it is; what stands behind a colon would be done.
                action.metavar = action.metavar.replace(":", r"\:")
        chooser.choices[name] = parser  # type: ignore[index]
    whole.prog = PROGRAM
    return SHELLS[shell](shtab.complete(whole, shell))


def _say_what_completes(action: argparse.Action, shipped: list[str]) -> None:
    if action.metavar in PATHS:
        action.complete = shtab.FILE  # type: ignore[attr-defined]
    elif any(option in PLUGIN_OPTIONS for option in action.option_strings):
        names = " ".join(shipped)
        files = "--plugin" in action.option_strings
        action.complete = {  # type: ignore[attr-defined]
            "bash": "_inotify_cffi_plugin_files" if files else "_inotify_cffi_plugin_names",
            "zsh": f"{{ compadd {names}; _files }}" if files else f"({names})",
            "fish": f"{names} (__fish_complete_path (commandline -ct))" if files else names,
            "preamble": {"bash": BASH_PLUGINS.replace("NAMES", names)},
        }


def _owners() -> dict[str, list[str]]:
    """Return the options of each shipped plugin; which are the same for each command that takes plugins."""
    found: dict[str, list[str]] = {}
    for chosen in map(command, NAMES):
        for plugin, groups in document.plugins_of(chosen, loaded=True):
            options = [name for _, actions in groups for action in actions for name in action.option_strings]
            if found.setdefault(plugin, options) != options:
                raise SystemExit(
                    f"{chosen.name} takes other options of the plugin {plugin} than commands before it"
                )
    return found


def _cases() -> str:
    """Return cases of bash and of zsh: ``command --option`` sets the plugin that has to be there."""
    lines = []
    for plugin, options in _owners().items():
        takers = [c for c in map(command, NAMES) if c.takes_plugins and plugin not in c.plugins]
        patterns = " | ".join(f"'{chosen.name} {option}'" for chosen in takers for option in options)
        lines.append(f"    {patterns}) plugin={plugin} ;;")
    return "\n".join(lines)


# --- bash ---

BASH_PLUGINS = """
_inotify_cffi_plugin_names() { compgen -W "NAMES" -- "$1"; }
_inotify_cffi_plugin_files() { _inotify_cffi_plugin_names "$1"; compgen -f -- "$1"; }
"""

BASH = """
# Leaves out the options of plugins that are not on the line.
_inotify_cffi() {
  _shtab_inotify_cffi "$@"
  local word before="" loaded=" " plugin kept=()
  for word in "${COMP_WORDS[@]}"; do
    # bash takes --plugin=NAME for three words.
    [[ $word == = ]] && continue
    [[ $before == --plugin ]] && loaded+="$word "
    before=$word
  done
  for word in "${COMPREPLY[@]}"; do
    plugin=""
    case "${COMP_WORDS[1]} $word" in
CASES
    esac
    [[ -z $plugin || $loaded == *" $plugin "* ]] && kept+=("$word")
  done
  COMPREPLY=("${kept[@]}")
}

complete -o bashdefault -F _inotify_cffi inotify-cffi
"""


def _bash(text: str) -> str:
    before, registered, after = text.partition(f"complete -o bashdefault -F {SHTAB} {PROGRAM}")
    if not registered:
        raise SystemExit("shtab registers its completion for bash in another way; mend docs/completions.py")
    return before.rstrip() + "\n" + BASH.replace("CASES", _cases()) + after.lstrip()


# --- zsh ---

ZSH = """
# Leaves out the options of plugins that are not on the line.
_inotify_cffi_arguments() {
  local chosen=$1 word before="" option spec plugin
  local -a loaded specs
  shift
  for word in "${words[@]}"; do
    [[ $before == --plugin ]] && loaded+=("$word")
    [[ $word == --plugin=* ]] && loaded+=("${word#--plugin=}")
    before=$word
  done
  for spec; do
    option=${${spec#\\*}%%\\[*}
    plugin=""
    case "$chosen $option" in
CASES
    esac
    [[ -z $plugin || -n ${loaded[(r)$plugin]} ]] && specs+=("$spec")
  done
  _arguments -C -s "${specs[@]}"
}

"""


def _zsh(text: str) -> str:
    for chosen in map(command, NAMES):
        if chosen.takes_plugins:
            old = f"{chosen.name}) _arguments -C -s ${SHTAB}_{chosen.name}_options ;;"
            if old not in text:
                raise SystemExit("shtab writes another function for zsh; mend docs/completions.py")
            new = (
                f'{chosen.name}) _inotify_cffi_arguments {chosen.name} "${{{SHTAB}_{chosen.name}_options[@]}}" ;;'
            )
            text = text.replace(old, new)
    # Of several arguments shtab lets zsh complete the first one alone.
    text = text.replace('  "(*)::', '  "*:')
    before, begin, after = text.partition(f"{SHTAB}_commands() {{\n")
    return before + ZSH.lstrip().replace("CASES", _cases()) + begin + after


# --- fish ---

FISH = """
# Is the plugin on the line?
function _inotify_cffi_with
  set -l before ''
  for word in (commandline -opc)
    if test "$before $word" = "--plugin $argv[1]"; or test "$word" = "--plugin=$argv[1]"
      return 0
    end
    set before $word
  end
  return 1
end

"""


def _fish(text: str) -> str:
    owner = {option: plugin for plugin, options in _owners().items() for option in options}
    loads = {chosen.name: chosen.plugins for chosen in map(command, NAMES) if chosen.takes_plugins}

    def conditional(match: re.Match[str]) -> str:
        chosen, option = match["command"], f"--{match['option']}"
        plugin = owner.get(option)
        if chosen not in loads or plugin is None or plugin in loads[chosen]:
            return match[0]
        return match[0].replace(f"using {chosen}'", f"using {chosen}; and _inotify_cffi_with {plugin}'")

    line = re.compile(
        rf"^complete -c {PROGRAM} -n '{SHTAB}_using (?P<command>\w+)' .*?-l (?P<option>[\w-]+)", re.MULTILINE
    )
    before, begin, after = text.partition(f"complete -c {PROGRAM} -e\n")
    return before + FISH.lstrip() + begin + line.sub(conditional, after)


SHELLS: dict[str, Callable[[str], str]] = {"bash": _bash, "zsh": _zsh, "fish": _fish}
