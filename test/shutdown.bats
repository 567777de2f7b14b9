#!/usr/bin/env bats
# The end of the server, as it is asked for and as it comes.

load helper/clients

@test "TERM under load: each client gets a prefix of what it sent and end-of-file; the log has every byte" {
	start_echod --workers=3
	open_client streams "$CLIENT" stream -e -n 12 -c 65536 -s 6 -m "$TMP/sent" "127.0.0.1:$PORT"
	wait_until says streams 'all echo'
	stop_echod
	await_client streams
	tail -n 1 "$TMP/streams.out"
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
	[ -z "$(complaints)" ]
}

@test "TERM, INT and HUP each end it with status 0 and no process left" {
	local signal

	for signal in TERM INT HUP; do
		start_echod
		printf hi | nc -N 127.0.0.1 "$PORT" >"$TMP/back"
		signal_echod "$signal"
		await_echod 0
		expect_log "New connection from $(peer 1)
$(peer 1): hi"
	done
}

@test "after TERM no connection is taken, and it waits no longer than for the last client" {
	start_echod --drain-timeout=10m
	open_client three "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	signal_echod TERM
	wait_until is_deaf
	kill -0 "$PID"
	await_client three
	await_echod 0
	[ -z "$(complaints)" ]
}

@test "what a client sends after TERM is logged and no longer echoed" {
	local a

	start_echod --drain-timeout=10m
	open_client a socat -t 30 - "TCP4:127.0.0.1:$PORT,ignoreeof"
	wait_until has_accepted 1
	a=$(peer 1)
	feed a $'before\n'
	wait_until got a $'before\n'
	signal_echod TERM
	wait_until is_deaf
	feed a $'after\n'
	expect_log "New connection from $a
$a: before
after
"
	kill "${CLIENT_PID[a]}"
	await_echod 0
	got a $'before\n'
}

@test "clients that do not go are cut at --drain-timeout, and one line says how many" {
	start_echod --drain-timeout=300ms
	open_client three "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	signal_echod TERM
	await_echod 0
	[ "$(complaints | wc -l)" -eq 1 ]
	complaints | grep -w 3
}

@test "a client that does not read holds up the end no longer than --drain-timeout" {
	start_echod --drain-timeout=300ms
	open_client stuck "$CLIENT" stuck -b 24000000 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 24000000$'
	signal_echod TERM
	await_echod 0
}

@test "a second signal ends it at once" {
	start_echod --drain-timeout=10m
	open_client three "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	signal_echod TERM
	wait_until is_deaf
	kill -INT "$PID"
	await_echod
}

@test "clients that reset their connections while it waits for them do no harm" {
	start_echod --drain-timeout=10m
	open_client three "$CLIENT" hold -r -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	signal_echod TERM
	wait_until is_deaf
	kill -KILL "${CLIENT_PID[three]}"
	await_echod 0
}
