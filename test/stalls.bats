#!/usr/bin/env bats
# --when-log-stalls=drop: while the log does not move echoes go on, and what is left out of it is named exactly.

load helper/kills

sum() {
	awk '{ sum += $1 } END { print sum + 0 }'
}

echoes_go_on() {
	local form=$1

	stall_stdout
	start_echod --workers=2 --output="$form" --when-log-stalls=drop
	"$CLIENT" stream -H -n 8 -b 3000000 -c 65536 -m "$TMP/streams.sent" "127.0.0.1:$PORT"
	# Nothing is read yet: all that was too much for the pipes is left out.
	others_are_served -m "$TMP/others.sent"
	read_on cat
	others_are_served -s 2 -m "$TMP/more.sent"
	wait_until status_is 0 workers clients
	stop_echod
	read_to_the_end
	splits "$form" streams others more
}

@test "escaped: a log that nobody reads holds nobody up, and says what is not in it" {
	echoes_go_on escaped
	grep -q '\* [1-9][0-9]* bytes not logged$' "$LOG"
	[ "$(sed -n 's/.*\* \([0-9]*\) bytes not logged$/\1/p' "$LOG" | sum)" -eq \
		"$(sed -n 's/.*, \([0-9]*\) bytes not logged$/\1/p' "$LOG" | sum)" ]
}

@test "hex: a log that nobody reads holds nobody up, and says what is not in it" {
	echoes_go_on hex
}

@test "json: a log that nobody reads holds nobody up, and says what is not in it" {
	echoes_go_on json
	[ "$(jq 'select(.event.action == "lost") | .length' "$LOG" | sum)" -eq \
		"$(jq 'select(.event.action == "close") | .unlogged // 0' "$LOG" | sum)" ]
}

@test "tagged: what is not in the log is said on a line of its own, when the log moves again" {
	local peer

	stall_stdout
	start_echod --workers=1 --when-log-stalls=drop
	open_client a nc -N 127.0.0.1 "$PORT"
	"$CLIENT" stream -n 8 -b 1000000 -c 65536 "127.0.0.1:$PORT"
	feed a hello
	wait_until got a hello
	read_on cat
	# It says nothing more, and yet it is told of.
	wait_until grep -qx '127.0.0.1:[0-9]*: \[5 bytes not logged\]' "$TMP/log"
	feed a $' again\n'
	await_client a
	stop_echod
	read_to_the_end
	peer=$(grep -x '127.0.0.1:[0-9]*: \[5 bytes not logged\]' "$LOG" | sed 's/: .*//')
	grep -qxF "$peer:  again" "$LOG"
}

@test "workers and loggers that are killed while data is left out: what is said is exact" {
	local form

	for form in escaped json; do
		stall_stdout
		start_echod --workers=2 --output="$form" --when-log-stalls=drop
		start_swarm streams -n 8 -c 16384 -w 65536 -k 4000 -y utf8
		start_swarm half-closing -n 8 -b 30000 -c 16384 -k 2000 -y forged
		kill_at_random "$(by_length 5 100)" -i 60 -t echod-worker -t echod-logger
		read_on cat
		kill_at_random "$(by_length 5 100)" -i 60 -t echod-worker -t echod-logger
		await_swarm streams
		await_swarm half-closing
		wait_until status_is 0 workers clients
		stop_echod
		read_to_the_end
		splits "$form" streams half-closing
		rm "$TMP/pipe" "$TMP"/*.in
	done
}

@test "a log that is read slowly holds nobody up for long" {
	needs_tracing
	stall_stdout
	start_echod --workers=1 --output=escaped --when-log-stalls=drop
	# A few bytes at a time, and tracing makes each call slow.
	read_on strace -qq -o /dev/null dd bs=512 status=none
	open_client streams "$CLIENT" stream -H -n 8 -b 4000000 -c 65536 -m "$TMP/streams.sent" "127.0.0.1:$PORT"
	others_are_served -m "$TMP/others.sent" | tee "$TMP/others"
	note "$(cat "$TMP/others")"
	[ -z "${TORTURE:-}" ] || [ "$(number_after took "$(cat "$TMP/others")")" -le 200000 ]
	await_client streams
	wait_until status_is 0 workers clients
	stop_echod
	read_to_the_end
	splits escaped streams others
}

@test "clients that come while the log does not move, and go: each is in it" {
	local form

	for form in escaped json; do
		stall_stdout
		start_echod --workers=1 --output="$form" --when-log-stalls=drop
		"$CLIENT" stream -n 4 -b 2000000 -c 65536 -m "$TMP/streams.sent" "127.0.0.1:$PORT"
		"$CLIENT" stream -H -r -n 50 -p 5 -b 100 -s 3 -m "$TMP/short.sent" "127.0.0.1:$PORT"
		read_on cat
		wait_until status_is 0 workers clients
		stop_echod
		read_to_the_end
		splits "$form" streams short
		rm "$TMP/pipe"
	done
}

@test "clients that are reset while the log does not move: each is in it, and has its end" {
	stall_stdout
	start_echod --workers=1 --output=escaped --when-log-stalls=drop
	"$CLIENT" stream -n 4 -b 2000000 -c 65536 "127.0.0.1:$PORT"
	"$CLIENT" reset -n 5 "127.0.0.1:$PORT" connected
	"$CLIENT" reset -n 5 "127.0.0.1:$PORT" sent
	read_on cat
	wait_until status_is 0 workers clients
	stop_echod
	read_to_the_end
	[ "$(grep -c '\* connected to ' "$LOG")" -eq 14 ]
	[ "$(grep -c '\* closed: client_end, ' "$LOG")" -eq 4 ]
	[ "$(grep -c '\* closed: client_reset, ' "$LOG")" -eq 10 ]
}

@test "clients that had ended before a shutdown are not cut off by it, though the log has not been told" {
	stall_stdout
	start_echod --workers=1 --output=escaped --when-log-stalls=drop --drain-timeout=0
	"$CLIENT" stream -H -n 4 -b 2000000 -c 65536 "127.0.0.1:$PORT"
	"$CLIENT" stream -H -r -n 1500 -p 8 -b 5 "127.0.0.1:$PORT"
	signal_echod TERM
	wait_until is_deaf
	read_on cat
	await_echod 0
	read_to_the_end
	[ "$(grep -c 'closed: client_end, ' "$LOG")" -eq 1504 ]
	[ "$(complaints | wc -l)" -eq 0 ]
}
