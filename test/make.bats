#!/usr/bin/env bats
#
# What make says: a short line for each file, nothing in a log, what is missing, and its own help.

setup() {
	OUT=$BATS_TEST_TMPDIR/out
}

# Runs make as if from a new shell, whatever the make that runs the suite was told; it builds under $OUT.
make_here() {
	(cd "$BATS_TEST_DIRNAME/.." && env -u MAKEFLAGS -u MAKELEVEL -u V make OUT="$OUT" "$@")
}

@test "make prints one short line for a file, the whole command with V=1, nothing with -s" {
	local object=$OUT/objects/src/common/queue.o
	make_here "$object" >"$BATS_TEST_TMPDIR/said"
	echo "CC src/common/queue.c" | cmp - "$BATS_TEST_TMPDIR/said"
	rm "$object"
	make_here V=1 "$object" >"$BATS_TEST_TMPDIR/said"
	grep -q -- " -c -o $object src/common/queue.c$" "$BATS_TEST_TMPDIR/said"
	rm "$object"
	make_here -s "$object" >"$BATS_TEST_TMPDIR/said"
	[ -f "$object" ]
	[ ! -s "$BATS_TEST_TMPDIR/said" ]
}

@test "on a 32-bit system the one error says that echod needs a 64-bit one" {
	local said=$BATS_TEST_TMPDIR/said

	[[ ${BUILD-} != coverage* ]] || skip "its flags are clang's alone"
	run make_here CC="${CC:-cc} -U__SIZEOF_POINTER__ -D__SIZEOF_POINTER__=4" "$OUT/objects/src/common/record.o"
	[ "$status" -ne 0 ]
	grep 'error:' <<<"$output" >"$said"
	[ "$(wc -l <"$said")" -eq 1 ]
	grep -q '#error "echod needs a 64-bit system: ' "$said"
}

# run_says_nothing VARIABLE=VALUE...: make run, here of an echod that tells its version; it alone writes to stdout.
# It is built in $OUT, by a name that can stand behind "./".
run_says_nothing() {
	local out
	out=$(realpath --relative-to="$BATS_TEST_DIRNAME/.." "$OUT")
	make_here OUT="$out" BUILD=another CFLAGS=-O0 "$@" run ARGS=--version >"$BATS_TEST_TMPDIR/said"
	[[ $(<"$BATS_TEST_TMPDIR/said") =~ ^echod\ [0-9.]+$ ]]
}

@test "make run writes nothing to stdout, whether it has something to build or not" {
	run_says_nothing
	run_says_nothing
	rm "$OUT/echod"
	run_says_nothing V=1
}

@test "make test and make check without bats say at once what to install" {
	local target
	mkdir "$BATS_TEST_TMPDIR/path"
	ln -s "$(command -v env)" "$(command -v make)" "$BATS_TEST_TMPDIR/path"
	for target in test check; do
		status=0
		PATH=$BATS_TEST_TMPDIR/path make_here "$target" >"$BATS_TEST_TMPDIR/said" 2>&1 || status=$?
		[ "$status" -eq 2 ]
		[ "$(wc -l <"$BATS_TEST_TMPDIR/said")" -eq 1 ]
		grep "apt-get install bats " "$BATS_TEST_TMPDIR/said"
		[ ! -e "$OUT" ]
	done
}

@test "make check is make test" {
	make_here --dry-run test >"$BATS_TEST_TMPDIR/test"
	make_here --dry-run check | cmp - "$BATS_TEST_TMPDIR/test"
	grep -q ' bats ' "$BATS_TEST_TMPDIR/test"
}

@test "make help names every target" {
	local target
	local -a targets
	make_here help >"$BATS_TEST_TMPDIR/help"
	mapfile -t targets < <(sed -n 's/^\.PHONY: //p' "$BATS_TEST_DIRNAME/../Makefile" | tr ' ' '\n')
	[ "${#targets[@]}" -gt 12 ]
	for target in "${targets[@]}"; do
		grep -Eq "^ +(.* )?$target([ ,]|$)" "$BATS_TEST_TMPDIR/help" || {
			echo "not in make help: $target"
			return 1
		}
	done
}
