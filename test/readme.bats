#!/usr/bin/env bats
#
# The commands of README.md that install packages, with stand-ins for the programs they call.

setup() {
	SAID=$BATS_TEST_TMPDIR/said
	FOLDER=$BATS_TEST_TMPDIR/bin
	mkdir "$FOLDER"
	# shellcheck disable=SC2016 # the stand-in's own argument
	stand_in apt-get 'echo "apt-get $1"'
	stand_in make 'echo make'
}

# stand_in PROGRAM COMMANDS: what the shell is to find by this name.
stand_in() {
	printf '#!/bin/sh\n%s\n' "$2" >"$FOLDER/$1"
	chmod +x "$FOLDER/$1"
}

# Each of the README's commands calls these programs, a line for each.
all_call() {
	local command count=0
	while read -r command; do
		PATH=$FOLDER "$BASH" -euo pipefail -c "$command" >"$SAID"
		printf '%s\n' "$@" | cmp - "$SAID"
		count=$((count + 1))
	done < <(grep '^[^`]*apt-get ' "$BATS_TEST_DIRNAME/../README.md")
	[ "$count" -eq 2 ]
}

@test "the README's commands work without sudo" {
	all_call 'apt-get update' 'apt-get install' make
}

@test "the README's commands become root with sudo where it is" {
	stand_in sudo 'printf "with sudo: "; exec "$@"'
	all_call 'with sudo: apt-get update' 'with sudo: apt-get install' make
}
