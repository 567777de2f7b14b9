#!/usr/bin/env bats
# What clients and limits may do to the server, and what is left of them afterwards: nothing.

load helper/clients

@test "connections reset in every state: others are served, and no descriptor is left" {
	local before state

	start_echod --workers=2 --verbose
	before=$(descriptor_counts)
	for state in connected sent unread half-closed echoed finished; do
		"$CLIENT" reset -n 200 "127.0.0.1:$PORT" "$state"
	done
	wait_until descriptor_counts_are "$before"
	others_are_served
	stop_echod
	[ "$(grep -c '^New connection from ' "$LOG")" -eq 1204 ]
	[ "$(grep -c '^echod: .*: closed, received ' "$ERR")" -eq 1204 ]
	[ "$(complaints | wc -l)" -eq 1204 ]
	awk '/: closed, received/ && $5 + 0 != $7 + $9 { print; wrong = 1 } END { exit wrong }' "$ERR"
}

@test "connections reset while they wait in the kernel's queue do no harm" {
	start_echod --max-clients=1
	open_client first "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says first holding
	"$CLIENT" reset -n 20 "127.0.0.1:$PORT" connected
	"$CLIENT" reset -n 20 "127.0.0.1:$PORT" sent
	await_client first
	printf hi | nc -N 127.0.0.1 "$PORT" >"$TMP/back"
	cmp "$TMP/back" <(printf hi)
	stop_echod
}

@test "clients killed in the middle of their streams leave nothing behind" {
	local before

	start_echod --workers=2
	before=$(descriptor_counts)
	open_client streams "$CLIENT" stream -e -n 20 "127.0.0.1:$PORT"
	wait_until says streams 'all echo'
	kill -KILL "${CLIENT_PID[streams]}"
	wait_until descriptor_counts_are "$before"
	others_are_served
	stop_echod
}

@test "10,000 connections come and go: each echo and the log are exact, no descriptor and no slot is left" {
	local before

	start_echod --workers=2 --max-clients=64
	before=$(descriptor_counts)
	"$CLIENT" stream -r -H -n 10000 -p 32 -b 200 -c 150 -m "$TMP/churn.sent" "127.0.0.1:$PORT"
	wait_until descriptor_counts_are "$before"
	"$CLIENT" pingpong -k 64 -n 20 -m "$TMP/full.sent" "127.0.0.1:$PORT"
	wait_until descriptor_counts_are "$before"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/churn.sent" "$TMP/full.sent"
}

@test "--max-clients: who comes later waits in the kernel's queue and is served when another leaves" {
	local last

	start_echod --max-clients=2
	open_client one nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	open_client two nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 2
	open_client three nc -N -v 127.0.0.1 "$PORT"
	wait_until grep -q succeeded "$TMP/three.err"
	feed three $'three\n'
	feed one $'one\n'
	wait_until got one $'one\n'
	feed two $'two\n'
	wait_until got two $'two\n'
	last="New connection from $(peer 1)
New connection from $(peer 2)
$(peer 1): one
$(peer 2): two
"
	expect_log "$last"
	await_client one
	wait_until got three $'three\n'
	await_client two
	await_client three
	stop_echod
	expect_log "${last}New connection from $(peer 3)
$(peer 3): three
"
}

@test "with 64 descriptors 200 clients at once are all served" {
	through prlimit --nofile=64:64
	start_echod --workers=2
	"$CLIENT" stream -H -n 200 -b 20000 -m "$TMP/sent" "127.0.0.1:$PORT"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
}

@test "the soft limit on descriptors is raised to the hard one" {
	through prlimit --nofile=16:200
	start_echod --workers=2
	grep -E '^Max open files +200 +200 ' "/proc/$PID/limits"
	open_client hundred "$CLIENT" hold -n 100 "127.0.0.1:$PORT"
	wait_until says hundred holding
	await_client hundred
	stop_echod
}

@test "valgrind, or the sanitizers in the binary, find nothing in any process, whatever the clients do" {
	local options=() state

	[[ ${BUILD-} != coverage* ]] || skip "valgrind cannot run a binary that counts"
	# A binary with sanitizers does its own checking, and valgrind cannot run it.
	if ! is_built_with_sanitizers; then
		through valgrind --leak-check=full --trace-children=yes --error-exitcode=99 \
			--log-file="$TMP/valgrind.%p"
		options=(--no-sandbox) # it calls the system for itself
	fi
	start_echod --workers=2 --max-clients=16 --buffer=64K --verbose "${options[@]}"
	"$CLIENT" stream -H -n 16 -b 100000 "127.0.0.1:$PORT"
	for state in connected sent unread half-closed echoed finished; do
		"$CLIENT" reset -n 3 "127.0.0.1:$PORT" "$state"
	done
	"$CLIENT" oob -n 20 "127.0.0.1:$PORT"
	open_client stuck "$CLIENT" stuck -b 12000000 "127.0.0.1:$PORT"
	wait_until says stuck '^sent'
	await_client stuck
	stop_echod
	if ! is_built_with_sanitizers; then
		[ "$(grep -l 'ERROR SUMMARY: 0 errors' "$TMP"/valgrind.* | wc -l)" -eq 4 ]
		run ! grep -h 'ERROR SUMMARY: [1-9]' "$TMP"/valgrind.*
	fi
}
