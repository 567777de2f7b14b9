#!/usr/bin/env bats
#
# --idle-timeout and --stall-timeout: who does nothing is closed, never early, and nobody else; whoever is killed.
#
# Where time must have passed it is another connection's end that tells of it. What takes its time runs together.

load helper/kills

setup_file() {
	begin silent close_the_silent
	begin talking spare_the_talking
	begin kernel spare_slow_readers_of_the_kernel
	begin buffer spare_slow_readers_of_the_buffer
	begin lease keep_the_time
	begin kills close_under_kills
	begin stuck close_the_stuck_of_a_dead_worker
	begin uncounted close_by_what_was_not_counted
	begin log spare_those_the_log_holds_up
	begin paused spare_those_that_are_paused
	begin stopped spare_whom_a_stopped_worker_did_not_see
	begin thousands look_at_thousands
}

# closes REASON COUNT: has the log, escaped or json, so many ends of connections for this reason?
closes() {
	[ "$(grep -cE "\* closed: $1, |\"close\",.*\"reason\":\"$1\"" "$LOG")" -eq "$2" ]
}

# connect_silently COUNT: connections that the test itself holds to its end, and on which nothing is sent.
# shellcheck disable=SC2034 # the shell needs a variable
connect_silently() {
	local fd i

	for ((i = 0; i < $1; i++)); do
		exec {fd}<>"/dev/tcp/127.0.0.1/$PORT"
	done
}

# least FILTER: the least number that jq(1) finds with it in the log.
least() {
	jq -s "map($1) | min" "$LOG"
}

# For jq(1): the time of an event, in microseconds.
USECS='def usecs: (.time[:19] + "Z" | fromdate) * 1000000 + (.time[20:26] | tonumber);'

# times_of ACTION: of all such events.
times_of() {
	jq "$USECS select(.event.action == \"$1\") | usecs" "$LOG"
}

# pauses: of each connection that has sent something, the time between that and its end.
pauses() {
	jq -s "$USECS group_by(.connection.id)[] | map(select(.event.action == \"data\")) as \$data |
		select(\$data != []) | (.[-1] | usecs) - (\$data[-1] | usecs)" "$LOG"
}

close_the_silent() {
	start_echod --workers=2 --output=json --idle-timeout=600ms --verbose
	open_client holding "$CLIENT" hold -n 40 "127.0.0.1:$PORT"
	wait_until says holding holding
	connect_silently 200
	wait_until closes idle 240
	[ "$(least 'select(.event.action == "close") | .event.duration')" -ge 600000000 ]
	[ "$(pauses | wc -l)" -eq 40 ]
	[ "$(pauses | sort -n | head -n 1)" -ge 600000 ]
	[ "$(grep -c '^echod: .*: idle for 600 ms, closing$' "$ERR")" -eq 240 ]
	read_status
	grep -qx 'echod: timeouts: 240 idle, 0 stalled' "$ERR"
	[ "$(status workers clients)" -eq 0 ]
	await_client holding
	stop_echod
}

@test "idle: a connection is closed when nothing has gone either way for the time, and not a microsecond earlier" {
	ends_well silent
}

# is_closed NAME: has the server closed the client's connection?
is_closed() {
	is_gone "${CLIENT_PID[$1]}"
}

# The talking one says more until three others, each opened at the end of the one before, are closed.
spare_the_talking() {
	local i

	start_echod --workers=1 --output=escaped --no-echo --idle-timeout=1s
	open_client talking socat - "TCP4:127.0.0.1:$PORT"
	for i in 1 2; do
		open_client "silent$i" socat - "TCP4:127.0.0.1:$PORT"
		until is_closed "silent$i"; do
			feed talking $'more\n'
			sleep 0.02
		done
		closes idle "$i"
	done
	run ! is_closed talking
	wait_until is_closed talking
	closes idle 3
	stop_echod
}

@test "idle: what a client sends puts it off, without an echo, too" {
	ends_well talking
}

# read_slowly OPTION...: a client that reads its echo a little at a time, which lasts longer than the times of the server;
# STATUS tells of the worker's part of it.
read_slowly() {
	open_client slow "$CLIENT" stuck -x -i 20 "$@" "127.0.0.1:$PORT"
	end_input slow
	wait_until says slow '^sent '
	read_status
	open_client silent socat - "TCP4:127.0.0.1:$PORT"
}

spare_slow_readers_of_the_kernel() {
	start_echod --workers=1 --output=escaped --idle-timeout=1500ms
	read_slowly -b 700000 -w 8192 # what the client's kernel has acknowledged is soon read
	[ "$(status workers waiting)" -eq 0 ]
	wait_until closes idle 1
	await_client slow
	says slow '^received 700000, gaps 0$'
	wait_until closes client_end 1
	stop_echod
}

@test "idle: who reads slowly what the kernel holds is not" {
	ends_well kernel
}

spare_slow_readers_of_the_buffer() {
	start_echod --workers=1 --output=escaped --idle-timeout=1500ms --stall-timeout=1500ms
	read_slowly -b 700000 -w 536
	[ "$(status workers waiting)" -gt 100000 ]
	wait_until closes idle 1
	await_client slow
	says slow '^received 700000, gaps 0$'
	wait_until closes client_end 1
	closes stall 0
	stop_echod
}

@test "idle, stall: who reads slowly what is in the echo buffer is neither" {
	ends_well buffer
}

@test "stall: a client that stops reading is closed, with exact counts, and one that has nothing to read is not" {
	local line

	start_echod --workers=1 --output=escaped --stall-timeout=1s --verbose
	open_client holding "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says holding holding
	open_client stuck "$CLIENT" stuck -b 1000000 -w 536 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 1000000$'
	wait_until closes stall 1
	line=$(grep '\* closed: stall, ' "$LOG")
	[[ $line =~ received\ 1000000,\ echoed\ ([0-9]+),\ dropped\ ([0-9]+)$ ]]
	[ "$((BASH_REMATCH[1] + BASH_REMATCH[2]))" -eq 1000000 ]
	[ "${BASH_REMATCH[2]}" -gt 100000 ]
	wait_until status_is 1 workers clients
	reported "echod: $(source_of 2): stalled for 1 s, closing"
	reported "echod: $(source_of 2): closed, ${line#*: stall, }"
	reported 'echod: timeouts: 0 idle, 1 stalled'
	await_client holding
	stop_echod
	closes stall 1
	closes client_end 1
}

# The time between the ends of two connections is that between their beginnings, though all processes were replaced in
# between.
keep_the_time() {
	local opened closed

	on_a_copy
	start_echod --workers=1 --output=json --idle-timeout=10s
	connect_silently 1
	wait_until has_lines 2
	upgrade_echod 1
	connect_silently 1
	wait_until has_lines 3
	kill -KILL "$(processes echod-worker)"
	wait_until deaths_are 1
	wait_until status_is 2 worker0 clients
	wait_until closes idle 2
	stop_echod
	mapfile -t opened < <(times_of open)
	mapfile -t closed < <(times_of close)
	[ "$((closed[1] - closed[0]))" -ge "$(((opened[1] - opened[0]) / 2))" ]
	[ "$(least 'select(.event.action == "close") | .event.duration')" -ge 10000000000 ]
}

@test "idle: a killed worker's successor and an upgrade go on with the time, and give no new one" {
	ends_well lease
}

close_under_kills() {
	start_echod --workers=2 --output=escaped --idle-timeout=1500ms --verbose
	open_client holding "$CLIENT" hold -n 300 "127.0.0.1:$PORT"
	wait_until says holding holding
	kill_at_random 12 -i 160 -t echod-worker
	wait_until closes idle 300
	await_client holding
	wait_until status_is 0 workers clients
	reported 'echod: timeouts: 300 idle, 0 stalled'
	stop_echod
	awk '/closed: / && !(/ received ([0-9]+), echoed ([0-9]+), dropped 0$/ && $5 == $7) { print; wrong = 1 }
		END { exit wrong }' "$LOG"
}

close_the_stuck_of_a_dead_worker() {
	start_echod --workers=1 --output=json --stall-timeout=2s
	open_client stuck "$CLIENT" stuck -b 1000000 -w 536 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 1000000$'
	kill -KILL "$(processes echod-worker)"
	wait_until closes stall 1
	stop_echod
	[ "$(least 'select(.event.action == "close") | .event.duration')" -ge 2000000000 ]
}

@test "stall: a killed worker's successor closes a client that stopped reading before" {
	ends_well stuck
}

# The worker dies when it has received a byte, half a second after another, and has not counted it.
close_by_what_was_not_counted() {
	on_a_fault_build ECHOD_FAULT=receive:2:1
	start_echod --workers=1 --no-echo --output=json --idle-timeout=2s
	open_client a socat STDIO "TCP4:127.0.0.1:$PORT"
	feed a 1
	wait_until has_lines 3
	pass_usecs 500000
	feed a 2
	wait_until closes idle 1
	await_client a
	stop_echod
	deaths_are 1
	[ "$(jq -s 'map(.length // 0) | add' "$LOG")" -eq 2 ]
	[ "$(pauses)" -ge 2000000 ]
}

@test "idle: what a dead worker received and did not count was heard, too" {
	ends_well uncounted
}

@test "idle: workers that are killed while they close: each connection has its one end and its reason" {
	ends_well kills
}

# One client's bytes, and another one's end, wait while the log stalls. A third has it stall, and tells the time: bytes of
# its own wait, too, so it is not idle, but it does not read, and its echo does not move.
spare_those_the_log_holds_up() {
	stall_stdout
	start_echod --workers=1 --output=escaped --idle-timeout=4s --stall-timeout=8s --verbose
	open_client flood "$CLIENT" stuck -b 64000000 -w 536 "127.0.0.1:$PORT" # more than kernels hold
	wait_until says flood '^stalled '
	open_client waiting nc -N 127.0.0.1 "$PORT"
	feed waiting hello
	end_input waiting
	open_client ending nc -N 127.0.0.1 "$PORT"
	end_input ending
	wait_until reported 'echod: .*: stalled for 8 s, closing'
	run ! grep ': idle for ' "$ERR"
	[ ! -s "$TMP/waiting.out" ]
	read_on cat
	await_client waiting
	got waiting hello
	await_client ending
	end_input flood
	await_end "${CLIENT_PID[flood]}" # it finds itself closed
	wait_until status_is 0 workers clients
	stop_echod
	read_to_the_end
	closes client_end 2
	closes idle 0
	closes stall 1
}

@test "idle: who waits because the log stalls is not" {
	ends_well log
}

spare_those_that_are_paused() {
	start_echod --workers=1 --output=escaped --when-full=pause --buffer=64K --idle-timeout=1s
	open_client stuck "$CLIENT" stuck -x -b 1000000 -w 536 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 1000000$'
	open_client silent socat - "TCP4:127.0.0.1:$PORT"
	wait_until is_closed silent
	open_client another socat - "TCP4:127.0.0.1:$PORT"
	wait_until is_closed another
	closes idle 2
	[ "$(status_now workers received)" -lt 1000000 ]
	await_client stuck
	says stuck '^received 1000000, gaps 0$'
	wait_until closes client_end 1
	stop_echod
}

@test "idle: whose bytes are not read for want of room in the echo buffer is not" {
	ends_well paused
}

# More clients end than epoll tells of at once, half of them with a worker that is stopped until the time of all is over.
spare_whom_a_stopped_worker_did_not_see() {
	local worker

	start_echod --workers=2 --output=escaped --idle-timeout=10s
	open_client holding "$CLIENT" hold -n 800 "127.0.0.1:$PORT"
	wait_until says holding holding
	worker=$(processes echod-worker | head -n 1)
	kill -STOP "$worker"
	await_client holding
	wait_until status_is 400 workers clients
	open_client silent socat - "TCP4:127.0.0.1:$PORT"
	wait_until is_closed silent
	kill -CONT "$worker"
	wait_until status_is 0 workers clients
	stop_echod
	closes 'client_[a-z]*' 800
	closes idle 1
}

@test "idle: a worker that was stopped takes nobody for idle whose end it has not seen yet" {
	ends_well stopped
}

# spent PID: the processor time that a process has used, in clock ticks, and how often it has slept.
spent() {
	awk '{ print $14 + $15 }' "/proc/$1/stat"
	awk '/^voluntary_ctxt_switches:/ { print $2 }' "/proc/$1/status"
}

# Two thousand wait until the first one's time comes: their worker has done next to nothing until the last look but one
# before that.
look_at_thousands() {
	local worker before after=() last

	start_echod --workers=1 --output=escaped --idle-timeout=10s --stall-timeout=1s
	worker=$(processes echod-worker)
	open_client holding "$CLIENT" hold -n 2000 "127.0.0.1:$PORT"
	wait_until says holding holding
	mapfile -t before < <(spent "$worker")
	last=("${before[@]}")
	until closes_any; do
		after=("${last[@]}")
		mapfile -t last < <(spent "$worker")
		read -rt 0.2 _ <>"$NEVER" || true
	done
	echo "${before[*]}, then ${after[*]}"
	[ "${#after[@]}" -eq 2 ] # none had been closed before the first look
	[ "$((after[0] - before[0]))" -le 15 ]
	[ "$((after[1] - before[1]))" -le 1000 ]
	wait_until closes idle 2000
	await_client holding
	stop_echod
}

closes_any() {
	grep -q '\* closed: idle, ' "$LOG"
}

@test "thousands of timers leave the processor idle" {
	ends_well thousands
}

@test "a shutdown: who does not go is closed by the idle timeout before the drain timeout, and not counted for that" {
	start_echod --workers=2 --output=escaped --drain-timeout=10m --idle-timeout=500ms
	open_client holding "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says holding holding
	stop_echod
	closes idle 3
	run ! grep 'drain timeout' "$ERR"
}

@test "0 is no timeout, and there is none by default: nothing of it is in the status either" {
	start_echod --idle-timeout=0 --stall-timeout=0
	read_status
	run ! grep 'timeouts' "$ERR"
	stop_echod
}
