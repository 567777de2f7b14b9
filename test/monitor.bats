#!/usr/bin/env bats
# --status-socket: the figures for whoever connects.

load helper/kills

setup_file() {
	begin figures figures_go_on
}

# agree: the socket, the table and the lines of -v, of which there are so many, say the same now.
agree() {
	local worker

	ask
	read_status
	for worker in 0 1; do
		grep "worker=\"$worker\"" "$TMP/answer" >"$TMP/worker"
		[ "$(value connections "$TMP/worker")" = "$(status "worker$worker" clients)" ]
		[ "$(value received_bytes_total "$TMP/worker")" = "$(status "worker$worker" received)" ]
		[ "$(value worker_restarts_total "$TMP/worker")" = "$(status "worker$worker" restarts)" ]
	done
	[ "$(value received_bytes_total)" = "$(status workers received)" ]
	[ "$(value dropped_bytes_total)" = "$(status workers dropped)" ]
	[ "$(value waiting_bytes)" = "$(status workers waiting)" ]
	[ "$(value logger_restarts_total)" = "$(status logger restarts)" ]
	[ "$(value log_bytes_total)" = "$(status logger written)" ]
	[ "$(value log_bytes_total)" = "$(wc -c <"$LOG")" ]
	[ $(($(value sent_bytes_total) - $(value unacknowledged_bytes_total))) = "$(status workers echoed)" ]
	[ $(($(value connections_accepted_total) - $(value connections_closed_total))) = "$(value connections)" ]
	grep "^echod: limits: $(value connections) of $(value connections_limit) clients, \
$(value buffer_memory_bytes) of $(value buffer_memory_limit_bytes) bytes of buffers, \
$(value buffer_limit_bytes) bytes each\$" "$ERR"
}

# sum FIELD: of the lines that -v has written.
sum() {
	awk -v field="$1" '/: closed, received / { sum += $field } END { print sum + 0 }' "$ERR"
}

# have_not_gone_back BEFORE AFTER: is no counter of an answer less than in the one before?
have_not_gone_back() {
	[ "$(grep -c '^echod_.*_total' "$1")" -ge 10 ]
	awk 'NR == FNR { before[$1] = $2; next }
		/^echod_[a-z_]*_total/ && $2 < before[$1] { print $0 ", before: " before[$1]; back = 1 }
		END { exit back }' "$1" "$2"
}

# keep_asking: until there is a file of that name, no counter goes back.
keep_asking() {
	close_feeds
	ask_into "$TMP/before"
	until [ -e "$TMP/enough" ]; do
		ask_into "$TMP/after"
		have_not_gone_back "$TMP/before" "$TMP/after"
		mv "$TMP/after" "$TMP/before"
	done
}

figures_go_on() {
	on_a_copy
	start_echod --workers=2 --verbose --buffer=64K "--status-socket=$TMP/socket"
	start_swarm streams -n 4 -c 16384 -w 65536 -k 1000
	keep_asking >"$TMP/asker.out" 2>"$TMP/asker.err" 3>&- &
	started asker
	open_client stuck "$CLIENT" stuck -b 12000000 "127.0.0.1:$PORT"
	wait_until reported 'echod: .*: echo buffer full, dropping'
	kill_at_random 6 -i 20 -y 1 -t echod-worker -t echod-logger
	upgrade_echod 2
	await_swarm streams
	end_input stuck
	await_end "${CLIENT_PID[stuck]}"
	wait_until value_is 0 connections
	touch "$TMP/enough"
	await_end "${CLIENT_PID[asker]}"
	cat "$TMP/asker.out" "$TMP/asker.err"
	[ "$STATUS" -eq 0 ]

	wait_until value_is 0 log_waiting_bytes
	agree
	[ "$(value upgrades_total)" -eq 1 ]
	[ "$(value worker_restarts_total)" -ge 2 ]
	[ "$(value dropped_bytes_total)" -gt 0 ]
	[ "$(value received_bytes_total)" = "$(sum 5)" ]
	[ $(($(value sent_bytes_total) - $(value unacknowledged_bytes_total))) = "$(sum 7)" ]
	[ "$(value dropped_bytes_total)" = "$(sum 9)" ]
	[ "$(value connections_closed_total)" = "$(grep -c ': closed, received ' "$ERR")" ]
	[ "$(value start_time_seconds)" -le "$(date +%s)" ]
	[ "$(value start_time_seconds)" -ge $(($(date +%s) - 120)) ]
	stop_echod
	[ ! -e "$TMP/socket" ]
}

@test "under kills and an upgrade no counter goes back; in the end socket, table, -v and log agree to the byte" {
	ends_well figures
}

@test "the answer is what Prometheus expects" {
	type -P promtool || skip "needs promtool"
	start_echod --workers=3 "--status-socket=$TMP/socket"
	ask
	promtool check metrics <"$TMP/answer" >"$TMP/said" 2>&1
	cmp "$TMP/said" /dev/null
	stop_echod
}

# receives BYTES: has the server received so many by now?
receives() {
	ask
	[ "$(value received_bytes_total)" -ge "$1" ]
}

@test "living connections count, and what waits for them" {
	start_echod --workers=2 --buffer=32M "--status-socket=$TMP/socket"
	open_client idle "$CLIENT" hold -n 3 "127.0.0.1:$PORT"
	wait_until says idle holding
	open_client stuck "$CLIENT" stuck -x -b 12000000 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 12000000$'
	wait_until receives 12000000
	wait_until value_is 0 log_waiting_bytes
	agree
	[ "$(value connections)" -eq 4 ]
	[ "$(value connections_accepted_total)" -eq 4 ]
	[ "$(value waiting_bytes)" -gt 0 ]
	await_client stuck
	await_client idle
	stop_echod
}

@test "what a client that was cut never had is counted by itself" {
	start_echod --workers=2 --verbose --buffer=64K --when-full=close "--status-socket=$TMP/socket"
	open_client stuck "$CLIENT" stuck -b 12000000 "127.0.0.1:$PORT"
	wait_until reported 'echod: .*: echo buffer full, closing'
	wait_until value_is 1 connections_closed_total
	wait_until value_is 0 log_waiting_bytes
	agree
	[ "$(value unacknowledged_bytes_total)" -gt 0 ]
	[ $(($(value sent_bytes_total) - $(value unacknowledged_bytes_total))) = "$(sum 7)" ]
	stop_echod
}

@test "what a worker has in hand does not count as dropped" {
	on_a_fault_build ECHOD_FAULT=send:1:1:19
	start_echod --workers=1 "--status-socket=$TMP/socket"
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a $'once\n'
	wait_until receives 5
	ask
	[ "$(value sent_bytes_total)" -eq 0 ]
	[ "$(value dropped_bytes_total)" -eq 0 ]
	kill -CONT "$(processes echod-worker)"
	await_client a
	got a $'once\n'
	stop_echod
}

@test "who sends a request first gets the whole answer and end-of-file, and no error" {
	start_echod --workers=1 "--status-socket=$TMP/socket"
	kill -STOP "$PID" # the request is there before the answer
	wait_until has_stopped "$PID"
	open_client asker socat -d -d -t 20 - "UNIX:$TMP/socket"
	feed asker $'GET /metrics HTTP/1.0\r\n\r\n'
	end_input asker # the request is half-closed, which a poll cannot tell from closed
	wait_until has_said asker 'socket 1 .* is at EOF'
	kill -CONT "$PID"
	await_end "${CLIENT_PID[asker]}"
	[ "$STATUS" -eq 0 ]
	is_whole "$TMP/asker.out"
	run ! grep -i "reset" "$TMP/asker.err"
	stop_echod
}

# has_said NAME PATTERN: is there a line that matches in what it says of itself?
has_said() {
	grep -q "$2" "$TMP/$1.err"
}

@test "readers that do not read, and many at once, hold up neither clients nor others, and are closed" {
	local before i

	start_echod --workers=1 "--status-socket=$TMP/socket"
	before=$(descriptor_counts)
	for ((i = 0; i < 40; i++)); do
		socat -u - "UNIX:$TMP/socket" </dev/zero >/dev/null 2>&1 3>&- &
		started "deaf$i"
	done
	ask
	others_are_served
	for ((i = 0; i < 40; i++)); do
		await_end "${CLIENT_PID[deaf$i]}" # writing to what was closed
	done
	ask
	wait_until descriptor_counts_are "$before"
	stop_echod
}

# refuses ARGUMENT...: another server that is to listen there says so, and leaves what is there alone.
refuses() {
	local status=0

	(
		cd "$TMP"
		timeout 20 "$ECHOD" -q --status-socket=socket 127.0.0.1:0
	) >/dev/null 2>"$TMP/refusal" || status=$?
	[ "$status" -eq 1 ]
	printf 'echod: --status-socket=socket: %s\n' "$1" | cmp - "$TMP/refusal"
}

# What root may make without its capabilities it can remove without them, too.
@test "a folder that belongs to somebody else is for no socket of root's" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	mkdir "$TMP/folder"
	chown 65534 "$TMP/folder"
	timeout 20 "$ECHOD" -q "--status-socket=$TMP/folder/socket" 127.0.0.1:0 2>"$TMP/refusal" && return 1
	printf 'echod: --status-socket=%s: Permission denied\n' "$TMP/folder/socket" | cmp - "$TMP/refusal"
	[ -z "$(ls "$TMP/folder")" ]
}

@test "a socket that was left is replaced; one that is in use, and what is no socket, is not" {
	printf 'precious' >"$TMP/socket"
	refuses 'what is there is no socket'
	[ "$(cat "$TMP/socket")" = precious ]
	ln -sf nowhere "$TMP/socket"
	refuses 'what is there is no socket'
	rm "$TMP/socket"

	start_echod --workers=1 "--status-socket=$TMP/socket"
	refuses 'Address already in use'
	ask
	note_family
	kill -KILL "$PID"
	await_end "$PID"
	[ -S "$TMP/socket" ]
	start_echod --workers=1 "--status-socket=$TMP/socket"
	ask
	stop_echod
	[ ! -e "$TMP/socket" ]
}

@test "the socket's path may be relative; the umask says who may connect; at the end only our own is removed" {
	through env --chdir="$TMP" sh -c 'umask 007 && exec "$@"' sh
	start_echod --workers=1 --status-socket=socket
	[ "$(stat -c %a "$TMP/socket")" = 770 ]
	ask
	rm "$TMP/socket"
	printf 'precious' >"$TMP/socket"
	stop_echod
	[ "$(cat "$TMP/socket")" = precious ]
}

@test "a server that cannot start leaves no socket" {
	start_echod --workers=1
	run -1 timeout 20 "$ECHOD" -q "--status-socket=$TMP/socket" "127.0.0.1:$PORT"
	[ ! -e "$TMP/socket" ]
	stop_echod
}
