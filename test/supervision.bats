#!/usr/bin/env bats
# The master and its children: who dies is replaced, who hangs holds nobody up, and in the end nothing is left.

load helper/kills

setup_file() {
	begin replacement replace_at_once
	begin crashes survive_single_crashes
}

# The counter of a connection is damaged, and its worker dies.
damage() {
	local counter=${1%:*} peer

	start_echod --workers=1 --verbose --buffer=1M
	open_client damaged socat - "TCP4:127.0.0.1:$PORT"
	feed damaged $'hello\n'
	wait_until got damaged $'hello\n'
	wait_until has_accepted 1
	peer=$(peer 1)
	start_swarm streams -n 4 -z -w 500000 -k 4000
	"$CLIENT" parts spoil "$PID" "$peer" "$counter" "${1#*:}"
	kill_at_random 1 -i 0 -t echod-worker
	wait_until reported "echod: $peer: connection and table disagree, closing"
	wait_until is_gone "${CLIENT_PID[damaged]}"
	got damaged $'hello\n'
	others_are_served -m "$TMP/others.sent"
	await_swarm streams
	stop_echod
	[ "$(sed -n 2p "$LOG")" = "$peer: hello" ]
	sed -i 1,2d "$LOG"
	is_exact streams others
	[ "$(grep -c 'disagree' "$ERR")" -eq 1 ]
}

@test "a connection that does not fit its slot is closed and reported, and the others are served" {
	at_once damage received:1000 received:-1 sent:1 sent:-1 queued:1000000000000 queued:2000000 \
		ring_held:1000000000000
}

# It is told to end at some instant of its start.
end_at_the_start() {
	launch_echod --workers=2
	pass_usecs $((RANDOM % 20000))
	kill -TERM "$PID"
	await_end "$PID"
	# Before it has done anything it may die of the signal as any program does.
	[ "$STATUS" -eq 0 ] || { [ "$STATUS" -eq 143 ] && [ ! -s "$ERR" ]; }
	nothing_is_left
	[ -z "$(complaints)" ]
}

@test "TERM right after the start: status 0 and nothing left" {
	local round

	for ((round = 0; round < $(by_length 1 20); round++)); do
		at_once end_at_the_start "$round.1" "$round.2" "$round.3" "$round.4" "$round.5" "$round.6"
	done
}

# It is told to end while workers are dead, being started or just there; the second death of one takes a while.
end_in_a_respawn() {
	start_echod --workers=2
	open_client streams "$CLIENT" stream -e -n 4 -w 65536 -m "$TMP/streams.sent" "127.0.0.1:$PORT"
	wait_until says streams 'all echo'
	# shellcheck disable=SC2046 # a word for each process id
	kill -KILL $(processes echod-worker)
	pass_usecs $((RANDOM % 200000))
	kill -TERM "$PID"
	await_end "$PID"
	[ "$STATUS" -eq 0 ]
	await_client streams
	"$CLIENT" logsplit "$LOG" "$TMP/streams.sent"
	nothing_is_left
}

@test "TERM in the middle of a respawn: each client gets its prefix, the log is whole, status 0" {
	local round

	for ((round = 0; round < $(by_length 1 20); round++)); do
		at_once end_in_a_respawn "$round.1" "$round.2" "$round.3" "$round.4" "$round.5" "$round.6"
	done
}

# kill_and_await PID: and waits until the master knows.
kill_and_await() {
	kill -KILL "$1"
	wait_until is_gone "$1"
}

@test "SIGKILL of the master: each client gets its prefix, the log is whole, and nothing is left" {
	start_echod --workers=2 --drain-timeout=10m
	open_client streams "$CLIENT" stream -e -n 4 -w 65536 -m "$TMP/streams.sent" "127.0.0.1:$PORT"
	wait_until says streams 'all echo'
	kill_and_await "$PID"
	await_client streams
	wait_until nothing_is_left
	"$CLIENT" logsplit "$LOG" "$TMP/streams.sent"
}

@test "SIGKILL of the master while a client does not go: its workers keep to --drain-timeout" {
	start_echod --workers=2 --drain-timeout=300ms
	open_client three "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	kill_and_await "$PID"
	wait_until nothing_is_left
	[ "$(grep -c '^127.0.0.1:[0-9]*: ' "$LOG")" -eq 3 ]
}

# SIGKILL of everything, in the order of the letters: the master, the workers, the logger.
kill_in_order() {
	local who

	start_echod --workers=2 --drain-timeout=300ms
	open_client three "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	for who in $1; do
		case $who in
		M) who=echod ;;
		W) who=echod-worker ;;
		L) who=echod-logger ;;
		esac
		# Not all of them may still be there.
		# shellcheck disable=SC2046 # a word for each process id
		kill -KILL $(members "$PID" "$who") 2>/dev/null || true
	done
	wait_until nothing_is_left
}

@test "SIGKILL of master, workers and logger, in every order: nothing is left" {
	at_once kill_in_order "M W L" "M L W" "W M L" "W L M" "L M W" "L W M"
}

msecs() {
	echo $((${EPOCHREALTIME/[^0-9]/} / 1000))
}

# dies PID WHAT: kills a worker; the master says what it does about it.
dies() {
	local deaths

	deaths=$(grep -c 'killed by signal 9' "$ERR" || true)
	DIED=$(msecs)
	kill -KILL "$1"
	wait_until deaths_are $((deaths + 1))
	grep 'killed by signal 9' "$ERR" | tail -n 1 |
		grep -x "echod: worker [0-9]*: killed by signal 9 (Killed), starting another$2"
}

# children_but PID...: the server's children but for these.
children_but() {
	children | tr ' ' '\n' | grep -vwF "$(printf '%s\n' "$@")"
}

one_child_more_than() {
	[ -n "$(children_but "$@")" ]
}

is_older_than_a_second() {
	awk -v hertz="$(getconf CLK_TCK)" '
		NR == FNR { now = $1; next }
		{ exit now - $22 / hertz < 1.1 }' /proc/uptime "/proc/$1/stat"
}

# worker_with_clients: the process id of the first worker that has any.
worker_with_clients() {
	local number

	read_status
	for number in 0 1 2 3; do
		if [ "$(status "worker$number" clients)" -gt 0 ]; then
			status "worker$number" pid
			return
		fi
	done
}

try_ever_less_often() {
	local delay others victim

	start_echod --workers=2
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	victim=$(worker_with_clients)
	mapfile -t others < <(children_but "$victim")
	open_client b nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 2

	wait_until is_older_than_a_second "$victim"
	dies "$victim" ""
	for delay in 100 200 400 800 ${TORTURE:+1600 3200 5000 5000}; do
		wait_until one_child_more_than "${others[@]}"
		dies "$(children_but "${others[@]}")" " in $delay ms"
		feed b .
		echo -n . >>"$TMP/fed"
		wait_until cmp -s "$TMP/fed" "$TMP/b.out"
		wait_until one_child_more_than "${others[@]}"
		[ $(($(msecs) - DIED)) -ge "$delay" ]
	done
	feed a hello
	wait_until got a hello
	await_client a
	await_client b
	stop_echod
}

@test "a worker that dies each time it is started is tried ever less often, and the others serve" {
	try_ever_less_often
}

replace_at_once() {
	local victim

	start_echod --workers=1 --verbose
	start_swarm stream -n 1 -w 65536 -k 2000
	victim=$(worker_with_clients)
	wait_until is_older_than_a_second "$victim"
	dies "$victim" ""
	await_swarm stream
	[ "$WORST_GAP" -lt 500 ]
	stop_echod
	is_exact stream
}

@test "a worker that has lived for a second is replaced at once, and its client hardly notices" {
	ends_well replacement
}

close_what_crashes_workers() {
	may_die_of 6
	ulimit -c 0
	# The first adoption does no harm, the second one does. After that the first connection is always
	# adopted first, and the second one next.
	on_a_fault_build ECHOD_FAULT=adopt:2:3:6
	start_echod --workers=1
	open_client innocent nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	feed innocent one
	wait_until got innocent one
	open_client poisonous socat -u "TCP4:127.0.0.1:$PORT" STDOUT
	wait_until is_gone "${CLIENT_PID[poisonous]}"
	[ "$(grep -c 'worker 0: killed by signal 6 (Aborted), starting another in ' "$ERR")" -eq 3 ]
	[ "$(grep -c 'crashed adopting this connection, closing it$' "$ERR")" -eq 1 ]
	feed innocent two
	wait_until got innocent onetwo
	[ "$(status_now workers clients)" -eq 1 ]
	others_are_served
	await_client innocent
	stop_echod
}

@test "a connection whose adoption crashes a worker three times in a row is closed and reported" {
	close_what_crashes_workers
}

log_what_crashes_workers() {
	local source

	may_die_of 6
	ulimit -c 0
	# An adoption of a connection that has sent something does harm.
	on_a_fault_build ECHOD_FAULT=repair:1:3:6
	start_echod --workers=1 --output=escaped
	open_client poisonous socat STDIO "TCP4:127.0.0.1:$PORT"
	feed poisonous $'half a line, half a character\xc3'
	wait_until got poisonous $'half a line, half a character\xc3'
	kill -ABRT "$(worker_with_clients)"
	wait_until is_gone "${CLIENT_PID[poisonous]}"
	stop_echod
	[ "$(grep -c 'crashed adopting this connection, closing it$' "$ERR")" -eq 1 ]
	source=$(source_of 1)
	diff - "$LOG" <<-END
		$source* connected to 127.0.0.1:$PORT
		$source: half a line, half a character\\xc3\\
		$source* closed: error, received 30, echoed 30, dropped 0
	END
}

@test "of a connection that is given up because workers crash, the log has what it sent and its end" {
	log_what_crashes_workers
}

has_crashed() {
	[ "$(grep -c 'killed by signal 6' "$ERR")" -eq "$1" ]
}

survive_single_crashes() {
	local crashes

	may_die_of '[69]'
	ulimit -c 0
	# Of the adoptions of the one connection every other one goes wrong, and a SIGKILL asks for the next.
	on_a_fault_build ECHOD_FAULT=adopt:2:4:6
	start_echod --workers=1
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	for crashes in 1 2 3 4; do
		feed a .
		echo -n . >>"$TMP/fed"
		wait_until cmp -s "$TMP/fed" "$TMP/a.out"
		kill_and_await "$(processes echod-worker)"
		wait_until has_crashed "$crashes"
	done
	feed a .
	wait_until got a .....
	await_client a
	stop_echod
	[ -z "$(other_complaints)" ]
}

@test "a connection whose adoption crashes workers again and again, but not in a row, is kept" {
	ends_well crashes
}

# ends_within_msecs MSECS: TERM, and it ends with status 0, and nothing of it is left.
ends_within_msecs() {
	local start took

	start=$(msecs)
	kill -TERM "$PID"
	await_end "$PID"
	took=$(($(msecs) - start))
	echo "ended after $took ms"
	[ "$STATUS" -eq 0 ]
	[ "$took" -lt "$1" ]
	nothing_is_left
}

@test "a stopped worker holds up neither the other workers nor the end" {
	local victim

	start_echod --workers=2 --drain-timeout=300ms
	open_client a nc -N 127.0.0.1 "$PORT" # which does not go when the server says that it is done
	wait_until has_accepted 1
	victim=$(worker_with_clients)
	kill -STOP "$victim"
	open_client b nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 2
	feed b hello
	wait_until got b hello
	read_status
	ends_within_msecs 3000
	[ "$(other_complaints | wc -l)" -eq 1 ]
	reported 'echod: drain timeout: 2 connections closed'
}

# Ten new clients, all of which are answered soon.
ten_are_served() {
	timeout 2 "$CLIENT" pingpong -k 10 -n 10 "127.0.0.1:$PORT"
}

@test "a stopped master does not hold up the workers' clients" {
	start_echod --workers=1
	open_client a socat - "TCP4:127.0.0.1:$PORT"
	open_client many "$CLIENT" hold -e -n 900 "127.0.0.1:$PORT"
	wait_until says many '^holding 900$'
	feed a hello
	wait_until got a hello
	kill -STOP "$PID"
	await_client many # one after another: a message about each, and more than the channel takes
	feed a again
	wait_until got a helloagain
	kill -CONT "$PID"
	await_client a
	stop_echod
}

@test "a stopped worker gets no new clients, but for those of its first second, until it goes on" {
	local victim

	start_echod --workers=2
	victim=$(processes echod-worker | head -n 1)
	kill -STOP "$victim"
	wait_until ten_are_served
	ten_are_served
	kill -CONT "$victim"
	wait_until status_is 0 workers clients
	open_client two "$CLIENT" hold -n 2 "127.0.0.1:$PORT"
	wait_until says two holding
	read_status
	[ "$(status worker0 clients)" -eq 1 ]
	await_client two
	stop_echod
}

@test "a stopped logger does not hold up the end, and the log is whole" {
	start_echod --workers=2 --drain-timeout=300ms --verbose
	open_client a socat -u "TCP4:127.0.0.1:$PORT" STDOUT
	kill -STOP "$(processes echod-logger)"
	others_are_served -m "$TMP/others.sent"
	kill "${CLIENT_PID[a]}"
	ends_within_msecs 3000
	printf 'seed 1\n%s 0 0 0\n' "$(peer 1)" >"$TMP/a.sent"
	is_exact others a
}

@test "stopped workers and a stopped logger do not hold up the end either" {
	start_echod --workers=2 --drain-timeout=300ms
	open_client three "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says three holding
	# shellcheck disable=SC2046 # a word for each process id
	kill -STOP $(children)
	ends_within_msecs 4000
	[ "$(grep -c '^127.0.0.1:[0-9]*: ' "$LOG")" -eq 3 ]
}
