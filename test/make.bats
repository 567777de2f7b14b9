#!/usr/bin/env bats
#
# What make says: a short line for each file, and its own help.

setup() {
	OUT=$BATS_TEST_TMPDIR/out
}

# Runs make as if from a new shell, whatever the make that runs the suite was told; it builds under $OUT.
make_here() {
	env -u MAKEFLAGS -u V make --no-print-directory -C "$BATS_TEST_DIRNAME/.." OUT="$OUT" "$@"
}

@test "make prints one short line for a file, the whole command with V=1, nothing with -s" {
	local object=$OUT/objects/src/worker/queue.o
	make_here "$object" >"$BATS_TEST_TMPDIR/said"
	echo "CC src/worker/queue.c" | cmp - "$BATS_TEST_TMPDIR/said"
	rm "$object"
	make_here V=1 "$object" >"$BATS_TEST_TMPDIR/said"
	grep -q -- " -c -o $object src/worker/queue.c$" "$BATS_TEST_TMPDIR/said"
	rm "$object"
	make_here -s "$object" >"$BATS_TEST_TMPDIR/said"
	[ -f "$object" ]
	[ ! -s "$BATS_TEST_TMPDIR/said" ]
}

@test "on a 32-bit system the one error says that echod needs a 64-bit one" {
	local said=$BATS_TEST_TMPDIR/said
	run make_here CC="${CC:-cc} -U__SIZEOF_POINTER__ -D__SIZEOF_POINTER__=4" "$OUT/objects/src/common/record.o"
	[ "$status" -ne 0 ]
	grep 'error:' <<<"$output" >"$said"
	[ "$(wc -l <"$said")" -eq 1 ]
	grep -q '#error "echod needs a 64-bit system: ' "$said"
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
