#!/usr/bin/env bats
# Clients that do not read, and what each --when-full policy promises then.

load helper/clients

# The memory of all the server's processes, in KiB, shared pages counted once.
memory_kib() {
	local pid

	for pid in "$PID" $(descendants "$PID"); do
		cat "/proc/$pid/smaps_rollup"
	done | awk '/^Pss:/ { sum += $2 } END { print sum }'
}

# number_after WORD LINE: the number that follows the word.
number_after() {
	[[ $2 =~ $1\ ([0-9]+) ]]
	echo "${BASH_REMATCH[1]}"
}

# has_read NAME BYTES: has the client read so much of the file that is its stdin?
has_read() {
	[ "$(sed -n 's/^pos:[[:space:]]*//p' "/proc/${CLIENT_PID[$1]}/fdinfo/0")" -eq "$2" ]
}

# closing_line NUMBER: what --verbose says at the end of the so many-th connection.
closing_line() {
	grep "^echod: $(peer "$1"): closed, " "$ERR"
}

@test "drop: nc piped into a command that reads nothing; received = echoed + dropped to the byte" {
	local before line dropped echoed received=24000000

	seq 1000000 3999999 >"$TMP/sent"
	start_echod --verbose --workers=1
	open_client pings "$CLIENT" pingpong -n 3000 "127.0.0.1:$PORT"
	wait_until has_accepted 1
	before=$(memory_kib)

	mkfifo "$TMP/pipe"
	tail -f /dev/null <"$TMP/pipe" 3>&- &
	started reader
	"$CLIENT" nonblock nc -N 127.0.0.1 "$PORT" <"$TMP/sent" >"$TMP/pipe" 3>&- &
	started stuck
	wait_until has_accepted 2
	wait_until has_read stuck "$received"
	wait_until reported "echod: $(peer 2): echo buffer full, dropping"
	others_are_served
	[ "$(($(memory_kib) - before))" -lt 8192 ]
	await_client pings

	cat "$TMP/pipe" >"$TMP/echo" 3>&- &
	started second_reader
	wait_until test -s "$TMP/echo"
	kill "${CLIENT_PID[reader]}"
	await_client stuck
	await_client second_reader
	stop_echod

	line=$(closing_line 2)
	dropped=$(number_after dropped "$line")
	echoed=$(stat -c %s "$TMP/echo")
	[ "$line" = "echod: $(peer 2): closed, received $received, echoed $echoed, dropped $dropped" ]
	[ "$dropped" -gt 0 ]
	[ "$((echoed + dropped))" -eq "$received" ]
	reported "echod: $(peer 2): dropped $dropped bytes"
	[ "$(grep -c 'echo buffer full' "$ERR")" -eq 1 ]
	cmp -n 2097152 "$TMP/echo" "$TMP/sent"
	grep -x '[0-9]\{7\}' "$TMP/echo" | sort -c -u
}

@test "drop: a client reads only after 24 MB: others are served, the log is whole, the echo lacks what was dropped" {
	local line received

	start_echod --verbose --workers=1
	open_client stuck "$CLIENT" stuck -b 24000000 -t 4000000 -s 7 -m "$TMP/stuck.sent" "127.0.0.1:$PORT"
	wait_until says stuck '^sent 24000000$'
	others_are_served -m "$TMP/pings.sent"
	await_client stuck
	says stuck '^received [0-9]*, gaps [1-9][0-9]*$'
	stop_echod
	received=$(number_after received "$(tail -n 1 "$TMP/stuck.out")")
	line="echod: $(peer 1): closed, received 28000000, echoed $received, dropped $((28000000 - received))"
	[ "$(closing_line 1)" = "$line" ]
	reported "echod: $(peer 1): echo buffer full, dropping"
	reported "echod: $(peer 1): dropped $((28000000 - received)) bytes"
	"$CLIENT" logsplit "$LOG" "$TMP/stuck.sent" "$TMP/pings.sent"
}

@test "drop: a client that reads late loses nothing while its backlog fits --buffer" {
	start_echod --verbose --buffer=32M
	open_client stuck "$CLIENT" stuck -x -b 24000000 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 24000000$'
	await_client stuck
	stop_echod
	[ "$(closing_line 1)" = "echod: $(peer 1): closed, received 24000000, echoed 24000000, dropped 0" ]
	run ! grep -e dropping -e 'dropped [1-9]' "$ERR"
}

@test "pause: a client that does not read is no longer read from, others are served, and nothing is dropped" {
	start_echod --verbose --workers=1 --when-full=pause
	open_client stuck "$CLIENT" stuck -x -b 48000000 -s 7 -m "$TMP/stuck.sent" "127.0.0.1:$PORT"
	wait_until says stuck '^stalled [0-9]*$'
	others_are_served -m "$TMP/pings.sent"
	await_client stuck
	says stuck '^received 48000000, gaps 0$'
	stop_echod
	[ "$(closing_line 1)" = "echod: $(peer 1): closed, received 48000000, echoed 48000000, dropped 0" ]
	run ! grep -e 'buffer full' -e 'dropped [1-9]' "$ERR"
	"$CLIENT" logsplit "$LOG" "$TMP/stuck.sent" "$TMP/pings.sent"
}

@test "close: a client that does not read is closed and reported once, and others are served" {
	local before line given

	start_echod --verbose --workers=1 --when-full=close
	before=$(descriptor_counts)
	open_client stuck "$CLIENT" stuck -b 100000000 "127.0.0.1:$PORT"
	wait_until says stuck '^closed [0-9]*$'
	wait_until reported "echod: $(peer 1): echo buffer full, closing"
	others_are_served
	await_client stuck
	wait_until descriptor_counts_are "$before"
	stop_echod
	[ "$(grep -c 'echo buffer full' "$ERR")" -eq 1 ]
	line=$(closing_line 1)
	given=$(($(number_after echoed "$line") + $(number_after dropped "$line")))
	[ "$(number_after received "$line")" -eq "$given" ]
	# Not counted as echoed is what the socket took and the end of the connection destroyed.
	[ "$(number_after echoed "$line")" -eq "$(number_after received "$(tail -n 1 "$TMP/stuck.out")")" ]
}

@test "a stuck client that vanishes leaves nothing behind" {
	local before

	start_echod --verbose
	before=$(descriptor_counts)
	open_client stuck "$CLIENT" stuck -b 24000000 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 24000000$'
	kill -KILL "${CLIENT_PID[stuck]}"
	wait_until closing_line 1
	wait_until descriptor_counts_are "$before"
	others_are_served
	stop_echod
}
