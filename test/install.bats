#!/usr/bin/env bats
#
# make install and make uninstall, into a folder of the test's own.

COMPLETION=share/bash-completion/completions/echod

# Whatever the make that runs the suite was told about folders does not count here.
make_here() {
	env -u MAKEFLAGS -u PREFIX make --no-print-directory -C "$BATS_TEST_DIRNAME/.." BUILD="${BUILD:-release}" \
		DESTDIR="$BATS_TEST_TMPDIR/stage" "$@"
}

# All files and links below the folder.
files() {
	(cd "$BATS_TEST_TMPDIR/stage" && find . ! -type d | LC_ALL=C sort)
}

# installed FOLDER: what is to be there.
installed() {
	printf "./$1/%s\n" bin/echod lib/systemd/system/echod.service lib/systemd/system/echod.socket "$COMPLETION" \
		share/man/man1/echod.1
}

@test "make install puts the program, its manual page, completion and units under DESTDIR and PREFIX, and nothing else" {
	make_here PREFIX=/opt/echod install
	[ "$(files)" = "$(installed opt/echod)" ]
	cmp "$BATS_TEST_TMPDIR/stage/opt/echod/$COMPLETION" "$BATS_TEST_DIRNAME/../src/completion/echod.bash"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/stage/opt/echod/$COMPLETION")" = 644 ]
	cmp "$BATS_TEST_TMPDIR/stage/opt/echod/share/man/man1/echod.1" "$BATS_TEST_DIRNAME/../man/echod.1"
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/stage/opt/echod/bin/echod")" = 755 ]
	[ "$(stat -c %a "$BATS_TEST_TMPDIR/stage/opt/echod/share/man/man1/echod.1")" = 644 ]
	run "$BATS_TEST_TMPDIR/stage/opt/echod/bin/echod" --version
	[ "$status" -eq 0 ]
	[[ $output == "echod "* ]]
}

@test "the unit starts the program where PREFIX says" {
	local units=$BATS_TEST_TMPDIR/stage/opt/echod/lib/systemd/system unit

	make_here PREFIX=/opt/echod install
	diff <(sed 's|/usr/local/bin/echod|/opt/echod/bin/echod|' "$BATS_TEST_DIRNAME/../src/systemd/echod.service") \
		"$units/echod.service"
	[ "$(grep -c '^ExecStart=.*/opt/echod/bin/echod ' "$units/echod.service")" -eq 1 ]
	for unit in echod.service echod.socket; do
		[ "$(stat -c %a "$units/$unit")" = 644 ]
	done
}

@test "make install goes to /usr/local by default" {
	make_here install
	[ "$(files)" = "$(installed usr/local)" ]
}

@test "make uninstall takes away what make install put there, and nothing else" {
	make_here install
	touch "$BATS_TEST_TMPDIR/stage/usr/local/bin/other"
	make_here uninstall
	[ "$(files)" = ./usr/local/bin/other ]
}
