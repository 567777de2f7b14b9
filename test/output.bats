#!/usr/bin/env bats
# Outputs that are stalled, full, closed or gone.

load helper/kills

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

# numbered_lines COUNT: of 100 bytes each.
numbered_lines() {
	awk -v count="$1" 'BEGIN { for (i = 0; i < count; i++) printf "%099d\n", i }'
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
	numbered_lines 9000 >"$TMP/sent"
	nc -N 127.0.0.1 "$PORT" <"$TMP/sent" 3>&-
	stop_echod
	await_end "${CLIENT_PID[log_reader]}"
	grep -v '^New connection' "$TMP/log" | sed 's/^127[^ ]* //' | cmp - "$TMP/sent"
}

# read_a_page_a_round: reads a page of what is held whenever a process was replaced, so often.
read_a_page_a_round() {
	local family rounds

	for ((rounds = 0; rounds < $1; rounds++)); do
		family=$(children)
		head -c 4096 <&"$HELD" >>"$TMP/log"
		wait_until children_are_not "$family"
	done
}

children_are_not() {
	[ "$(children)" != "$1" ]
}

@test "a log that is read a page at a time is waited for, though each time somebody was thought to hang" {
	stall_stdout
	start_echod --workers=1 --no-echo --drain-timeout=0
	numbered_lines 20000 >"$TMP/sent"
	nc -N 127.0.0.1 "$PORT" <"$TMP/sent" 3>&-
	kill -TERM "$PID"
	read_a_page_a_round 6
	cat "$TMP/pipe" >>"$TMP/log" 3>&- {HELD}>&- &
	started log_reader
	note_family
	await_echod 0
	exec {HELD}>&-
	await_client log_reader
	grep -v '^New connection' "$TMP/log" | sed 's/^127[^ ]* //' | cmp - "$TMP/sent"
}

shows() {
	grep -v '^New connection' "$TMP/shown" | cmp -s - "$1"
}

@test "a slow terminal is waited for after --drain-timeout, and shows everything once" {
	needs_tracing
	# A few bytes at a time, and tracing makes each call slow.
	stdout_to_terminal strace -qq -o /dev/null socat -b 256
	start_echod --workers=1 --no-echo --output=plain --drain-timeout=0
	numbered_lines 8000 >"$TMP/sent"
	nc -N 127.0.0.1 "$PORT" <"$TMP/sent" 3>&-
	stop_echod
	wait_until shows "$TMP/sent"
	close_terminal
	[ "$(complaints | wc -l)" -eq 0 ]
}

@test "a slow terminal is waited for though a record takes fifty times its bytes there" {
	needs_tracing
	stdout_to_terminal strace -qq -o /dev/null socat -b 64
	start_echod --workers=1 --no-echo --output=escaped --drain-timeout=0
	head -c 16000 /dev/zero | tr '\0' '\n' | nc -N 127.0.0.1 "$PORT" 3>&-
	stop_echod
	wait_until grep -q 'closed: ' "$TMP/shown"
	close_terminal
	[ "$(grep -c '^127.0.0.1:[0-9]*: $' "$TMP/shown")" -eq 16000 ]
	[ "$(complaints | wc -l)" -eq 0 ]
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

@test "a limit on the file's size is reported once and ends the server with status 1; the client gets its end-of-file" {
	start_echod
	prlimit --pid "$(processes echod-logger)" --fsize=100000
	note_family
	"$CLIENT" stream -e "127.0.0.1:$PORT"
	await_echod 1
	[ "$(complaints | wc -l)" -eq 2 ]
	reported 'echod: standard output: File too large'
	reported 'echod: standard output: [0-9]* bytes of the log are lost'
}

full_is_said() {
	reported 'echod: standard output: No space left on device, waiting for room'
}

@test "a full disk to the end: all that was received, and echoed perhaps, is in what is said to be lost" {
	local peer lost

	stdout_to /dev/full
	start_echod --verbose --drain-timeout=0
	note_family
	[ "$(printf 'hello\n' | nc -N 127.0.0.1 "$PORT" 3>&-)" = hello ]
	wait_until full_is_said
	kill -TERM "$PID"
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

@test "loggers that die when stdout is gone: what is said to be lost is what was received and not written" {
	local first written

	mkfifo "$TMP/pipe"
	# shellcheck disable=SC2016 # for the other shell to expand
	sh -c 'read -r line; echo "$line" >"$0"; exec sleep 1000' "$TMP/first" <"$TMP/pipe" 3>&- &
	started log_reader
	stdout_to "$TMP/pipe"
	start_echod --workers=1 --no-echo --output=plain --drain-timeout=20
	open_client one nc -N 127.0.0.1 "$PORT"
	feed one "$(printf '%03000000d' 7)" &
	started feeder
	wait_until [ -s "$TMP/first" ]
	kill "${CLIENT_PID[log_reader]}"
	wait_until reported 'echod: standard output: Broken pipe'
	note_family
	kill_loggers 5
	await_end "${CLIENT_PID[feeder]}"
	wait_until status_is 3000000 workers received
	read -r first <"$TMP/first"
	written=$(status_now logger written)
	await_client one
	await_echod 1
	# The first line of the log is the connection's.
	reported "echod: standard output: $((3000000 + ${#first} + 1 - written)) bytes of the log are lost"
}

@test "messages in the same file (2>&1) take no byte of the log away" {
	stderr_joins_stdout
	start_silent_echod --verbose --no-echo --output=plain
	# shellcheck disable=SC2016 # for the other shell to expand
	open_client bulk sh -c 'head -c 200000000 /dev/zero | tr "\\0" "\\1" | nc -N 127.0.0.1 "$0"' "$PORT"
	until is_gone "${CLIENT_PID[bulk]}"; do
		"$CLIENT" reset -n 20 "127.0.0.1:$PORT" connected
	done
	await_client bulk
	stop_echod
	[ "$(tr -dc '\1' <"$LOG" | wc -c)" -eq 200000000 ]
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
