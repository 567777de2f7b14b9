#!/usr/bin/env bats
# The example of several echods behind one HAProxy, which the README tells of: it must go on to work.

load helper/server

@test "two echods behind HAProxy, one of them stopped and started: one log has each byte under its client's name" {
	local program

	for program in haproxy rsyslogd; do
		command -v "$program" >/dev/null || skip "needs $program"
	done
	"$BATS_TEST_DIRNAME/example/run" >"$TMP/said"
	[ "$(tail -n 1 "$TMP/said")" = "each byte was echoed, and is in the one log under its client's name" ]
	grep -qE '^one: [1-9][0-9]* connections$' "$TMP/said"
	grep -qE '^two: [1-9][0-9]* connections$' "$TMP/said"
}
