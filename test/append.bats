#!/usr/bin/env bats
#
# A log that is appended to, and a logger that dies when half of a write is done: nothing is lost, and nothing is
# there twice unless another program appended in the instant of that write.

load helper/kills

# half_of_write NUMBER: the log is appended to $LOG, which has a line already; the first logger dies in its write of
# this number, counted from the first, after as much as let_through allows.
half_of_write() {
	echo earlier >"$TMP/appended"
	on_a_fault_build "ECHOD_FAULT=write:$1:1"
	# shellcheck disable=SC2016 # for the other shell to expand
	through "${RUNNER[@]}" sh -c 'exec "$@" >>"$0"' "$TMP/appended"
	stdout_to /dev/null
	start_echod --workers=1
	stdout_to "$TMP/appended"
}

# let_through BYTES: this logger cannot make the log longer by more.
let_through() {
	prlimit --pid "$(processes echod-logger)" --fsize=$(($(stat -c %s "$LOG") + $1))
}

# say_2000_bytes: the client that is connected sends a line that is so long.
say_2000_bytes() {
	LINE=$(printf '%01999d' 7)
	feed one "$LINE"$'\n'
	wait_until deaths_are 1
}

finish() {
	await_client one
	stop_echod
}

# The log as it is to be, but for what others wrote, if `say_2000_bytes` was all that was said.
expected() {
	printf 'New connection from %s\n%s: %s\n' "$PEER" "$PEER" "$LINE"
}

connect() {
	open_client one nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	PEER=$(peer 1)
}

append_50000_bytes() {
	head -c 50000 /dev/zero | tr '\0' x >>"$LOG"
}

@test "nobody else writes: exact" {
	half_of_write 2
	connect
	let_through 1000
	say_2000_bytes
	finish
	cmp "$LOG" <(echo earlier; expected)
}

@test "another program has appended since the last write: exact" {
	half_of_write 2
	connect
	append_50000_bytes
	let_through 1000
	say_2000_bytes
	finish
	tr -d x <"$LOG" | cmp - <(echo earlier; expected)
	[ "$(wc -c <"$LOG")" -eq $((8 + 50000 + $(expected | wc -c))) ]
}

@test "the file was truncated since the last write: exact" {
	half_of_write 2
	connect
	: >"$LOG"
	let_through 1000
	say_2000_bytes
	finish
	cmp "$LOG" <(expected | tail -n +2)
}

@test "it is the first write, and the file was not empty: exact" {
	half_of_write 1
	append_50000_bytes
	let_through 10
	open_client one nc -N 127.0.0.1 "$PORT"
	wait_until deaths_are 1
	finish
	tr -d x <"$LOG" | grep -cx 'New connection from 127.0.0.1:[0-9]*'
	[ "$(wc -c <"$LOG")" -eq $((8 + 50000 + $(tail -n 1 "$LOG" | tr -d x | wc -c))) ]
}

@test "another program appends in the instant of the write: at worst that write is there again" {
	needs_tracing
	half_of_write 2
	connect
	attach "$(processes echod-logger)" -e trace=lseek,writev -e inject=writev:delay_enter=2s
	let_through 1010
	LINE=$(printf '%01999d' 7)
	feed one "$LINE"$'\n'
	wait_until grep -q ^lseek "$TMP/trace"
	printf 'anything..' >>"$LOG"
	wait_until deaths_are 1
	finish
	grep -qF "$LINE" "$LOG"
	[ "$(tr -d '\n' <"$LOG" | grep -o 'anything' | wc -l)" -eq 1 ]
}
