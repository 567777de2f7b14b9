#!/usr/bin/env bats
# Outputs that are stalled, full, closed or gone.

load helper/clients

# A FIFO as the server's stdout, held open by the test and read by nobody yet.
stall_stdout() {
	mkfifo "$TMP/pipe"
	exec {HELD}<>"$TMP/pipe"
	stdout_to "$TMP/pipe"
}

# workers_hold COUNT: have the workers got so many connections? Each has a channel besides.
workers_hold() {
	local worker count=0

	for worker in $(processes echod-worker); do
		count=$((count + $(find "/proc/$worker/fd" -lname 'socket:*' | wc -l) - 1))
	done
	[ "$count" -eq "$1" ]
}

@test "a stdout that nobody reads stalls the clients, and nothing is lost once somebody reads it" {
	stall_stdout
	start_echod --workers=4 --when-full=pause
	open_client streams "$CLIENT" stream -S -H -n 8 -b 12000000 -c 65536 -w 100000000 -m "$TMP/sent" \
		"127.0.0.1:$PORT"
	wait_until says streams '^stalled [0-9]*$'
	# Who comes now is let in, and waits for his place in the log.
	open_client late "$CLIENT" stream -n 16 -b 50000 -s 2 -m "$TMP/late.sent" "127.0.0.1:$PORT"
	wait_until workers_hold 24
	cat "$TMP/pipe" >"$TMP/log" 3>&- {HELD}>&- &
	started log_reader
	await_client streams
	await_client late
	exec {HELD}>&-
	stop_echod
	await_client log_reader
	"$CLIENT" logsplit "$TMP/log" "$TMP/sent" "$TMP/late.sent"
}

@test "a stdout that nobody reads does not keep the server from ending" {
	stall_stdout
	start_echod --workers=2 --drain-timeout=300ms
	open_client streams "$CLIENT" stream -S -n 8 -b 12000000 -c 65536 -w 100000000 "127.0.0.1:$PORT"
	wait_until says streams '^stalled [0-9]*$'
	signal_echod TERM
	await_echod
}

# Reads a byte at a time, as the shell does from a pipe, so that what the pipes hold takes it seconds.
read_slowly() {
	local line

	while IFS= read -r line; do
		printf '%s\n' "$line"
	done
}

@test "a log that is read slowly is waited for after --drain-timeout, and is whole" {
	mkfifo "$TMP/pipe"
	read_slowly <"$TMP/pipe" >"$TMP/log" 3>&- &
	started log_reader
	stdout_to "$TMP/pipe"
	start_echod --workers=1 --no-echo --drain-timeout=0
	awk 'BEGIN { for (i = 0; i < 9000; i++) printf "%099d\n", i }' >"$TMP/sent"
	nc -N 127.0.0.1 "$PORT" <"$TMP/sent" 3>&-
	stop_echod
	await_end "${CLIENT_PID[log_reader]}"
	grep -v '^New connection' "$TMP/log" | sed 's/^127[^ ]* //' | cmp - "$TMP/sent"
}

@test "while the log is read more slowly than clients send, each has its turn, and a late one, too" {
	local megabytes=0

	stall_stdout
	start_echod --workers=1 --output=plain
	open_client crowd "$CLIENT" stream -e -n 60 -c 65536 -w 1000000 "127.0.0.1:$PORT"
	head -c 32M <&"$HELD" >/dev/null
	open_client late nc -N 127.0.0.1 "$PORT"
	feed late "$(printf '%020000d' 7)"
	until [ "$(stat -c %s "$TMP/late.out")" -eq 20000 ]; do
		[ "$((megabytes++))" -lt 256 ]
		head -c 1M <&"$HELD" >/dev/null
	done
	end_input late
	cat <&"$HELD" >/dev/null 3>&- &
	started log_reader
	await_client late
	stop_echod
	await_client crowd
}

@test "a stdout that is closed from the start: one line, status 1" {
	local status=0

	timeout 30 "$ECHOD" --listen=127.0.0.1:0 >&- 2>"$ERR" 3>&- || status=$?
	[ "$status" -eq 1 ]
	[ "$(wc -l <"$ERR")" -eq 1 ]
	grep -q '^echod: .*standard output' "$ERR"
}

@test "a full disk is reported once and ends the server with status 1; the client gets its end-of-file" {
	stdout_to /dev/full
	start_echod
	note_family
	"$CLIENT" stream -e "127.0.0.1:$PORT"
	await_echod 1
	[ "$(complaints | wc -l)" -eq 2 ]
	reported 'echod: standard output: No space left on device'
	reported 'echod: standard output: [0-9]* bytes of the log are lost'
}

@test "a full disk: all that was received, and echoed perhaps, is in what is said to be lost" {
	local peer lost

	stdout_to /dev/full
	start_echod --verbose
	note_family
	printf 'hello\n' | nc -N 127.0.0.1 "$PORT" 3>&-
	await_echod 1
	peer=$(sed -n 's/^echod: \(.*\): closed, .*/\1/p' "$ERR")
	lost=$(printf 'New connection from %s\n%s: hello\n' "$peer" "$peer" | wc -c)
	reported "echod: standard output: $lost bytes of the log are lost"
}

@test "a pipe whose reader goes is reported once and ends the server with status 1 after draining" {
	mkfifo "$TMP/pipe"
	cat "$TMP/pipe" >"$TMP/log" 3>&- &
	started log_reader
	stdout_to "$TMP/pipe"
	start_echod --workers=2
	open_client streams "$CLIENT" stream -e -n 8 "127.0.0.1:$PORT"
	wait_until says streams 'all echo'
	note_family
	kill "${CLIENT_PID[log_reader]}"
	await_echod 1
	await_client streams
	[ "$(complaints | wc -l)" -eq 2 ]
	reported 'echod: standard output: Broken pipe'
	reported 'echod: standard output: [0-9]* bytes of the log are lost'
}

@test "a stderr that nobody reads does not stall the service" {
	mkfifo "$TMP/stderr"
	exec {HELD}<>"$TMP/stderr"
	ERR=$TMP/stderr
	start_silent_echod --verbose
	ERR=$TMP/nothing
	: >"$ERR"
	# Each makes a line of some 70 bytes, and a pipe holds 64 KiB.
	"$CLIENT" stream -r -n 2000 -p 32 -b 100 "127.0.0.1:$PORT"
	stop_echod
}
