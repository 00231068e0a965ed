#!/usr/bin/env bash
# shtab 1.13.0: what it makes for zsh fails when it is sourced, and nothing is completed.
#
# Programs tell their users to write `source <(program completion zsh)` into ~/.zshrc, and the script that shtab makes
# has a comment that it can be: "eval/source/. command, register function for later". It looks whether the last of
# zsh_eval_context is "eval". For `source` and `.` that is "file" (zshparam(1)), so the function that completes is called
# at once, outside of a completion, and is not registered. `eval "$(program completion zsh)"` works.
# Seen on 2026-11-29, zsh 5.9:
#   eval: _shtab_program
#   source: _arguments:comparguments:327: can only be called from completion function
# Exits with 1 if that is so no more.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/env"
"$work/env/bin/pip" install -q --disable-pip-version-check shtab==1.13.0 2>/dev/null
"$work/env/bin/python" - >"$work/made" <<'P'
import argparse

import shtab

parser = argparse.ArgumentParser("program")
parser.add_argument("--option", choices=["a", "b"])
print(shtab.complete(parser, "zsh"))
P
begin='autoload -U compinit; compinit -u -D;'
# shellcheck disable=SC2016  # zsh expands it
evaluated=$(zsh -f -c "$begin"' eval "$(cat '"$work"'/made)"; print $_comps[program]' 2>&1)
# shellcheck disable=SC2016  # the same
sourced=$(zsh -f -c "$begin"' source '"$work"'/made; print $_comps[program]' 2>&1)
printf 'eval: %s\nsource: %s\n' "$evaluated" "$sourced"
[[ $evaluated == _shtab_program && $sourced == *"can only be called from completion function"* ]]
