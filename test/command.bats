#!/usr/bin/env bats
# The command line as far as it shows in a running server.

load helper/clients

listening_lines() {
	grep '^echod: listening on ' "$ERR"
}

# listens_on COUNT: has it said so for so many sockets?
listens_on() {
	[ "$(listening_lines | wc -l)" -eq "$1" ]
}

@test "--listen=0 takes the same free port on every address of both families" {
	start_echod --listen=0
	wait_until listens_on 2
	grep -qx "echod: listening on 0\.0\.0\.0:$PORT" "$ERR"
	grep -qx "echod: listening on \[::\]:$PORT" "$ERR"
	printf four | nc -N 127.0.0.1 "$PORT" >"$TMP/four"
	printf six | nc -N ::1 "$PORT" >"$TMP/six"
	cmp "$TMP/four" <(printf four)
	cmp "$TMP/six" <(printf six)
	stop_echod
	[[ $(peer 1) =~ ^127\.0\.0\.1:[0-9]+$ ]]
	[[ $(peer 2) =~ ^\[::1\]:[0-9]+$ ]]
	expect_log "New connection from $(peer 1)
$(peer 1): four
New connection from $(peer 2)
$(peer 2): six"
}

@test "--listen may be repeated, and each is served" {
	local address

	start_echod --listen=127.0.0.1:0 -l '[::1]:0' --listen 127.0.0.2:0
	wait_until listens_on 3
	for address in $(listening_lines | sed 's/.* //'); do
		printf hi | socat -t 30 - "TCP:$address" >"$TMP/back"
		cmp "$TMP/back" <(printf hi)
	done
	wait_until has_accepted 3
	stop_echod
}

@test "an operand is where to listen, instead of the default, and options may follow it" {
	start_echod 127.0.0.1:0 --verbose
	listens_on 1
	printf hi | nc -N 127.0.0.1 "$PORT" >"$TMP/back"
	cmp "$TMP/back" <(printf hi)
	stop_echod
	reported "echod: $(peer 1): closed, received 2, echoed 2, dropped 0"
}

@test "a port behind a colon, be there an asterisk before it or not, is taken on every address" {
	local value

	for value in :0 '*:0'; do
		start_echod --listen="$value"
		wait_until listens_on 2
		grep -qx "echod: listening on 0\.0\.0\.0:$PORT" "$ERR"
		grep -qx "echod: listening on \[::\]:$PORT" "$ERR"
		stop_echod
	done
}

# without_sockets WHEN ERROR: the master's so many-th calls of socket() fail.
without_sockets() {
	through # nothing else
	under_strace -o "$TMP/trace" -e trace=socket \
		-e "inject=socket:error=$2:when=$1"
}

@test "a family that a policy refuses or the system lacks: one line names it and why, the other is listened on" {
	local refused="Permission denied" lacking="Address family not supported by protocol"

	without_sockets 2 EACCES
	start_echod --listen=0
	others_are_served
	stop_echod
	cmp <(sort "$ERR") <(printf 'echod: %s\n' "listening on 0.0.0.0:$PORT" "port 0: not on IPv6: $refused")
	without_sockets 1 EAFNOSUPPORT
	start_echod --listen=0
	"$CLIENT" pingpong -n 1 "[::1]:$PORT"
	stop_echod
	cmp <(sort "$ERR") <(printf 'echod: %s\n' "listening on [::]:$PORT" "port 0: not on IPv4: $lacking")
}

@test "no family that can be had, or an address of one that cannot: one line with the reason, status 1" {
	without_sockets 1+ EPERM
	launch_echod --listen=0
	await_echod 1
	cmp "$ERR" <(echo "echod: port 0: Operation not permitted")
	without_sockets 1 EACCES
	launch_echod --listen='[::]:0' --listen=127.0.0.1:0
	await_echod 1
	cmp "$ERR" <(echo "echod: [::]:0: Permission denied")
}

@test "a port that is taken in one of the two families alone: one line, status 1" {
	local taken second

	for taken in 0.0.0.0:0 '[::]:0'; do
		start_echod --listen="$taken"
		second=0
		timeout 30 "$ECHOD" --listen="$PORT" >/dev/null 2>"$TMP/second" 3>&- || second=$?
		[ "$second" -eq 1 ]
		cmp "$TMP/second" <(echo "echod: port $PORT: Address already in use")
		stop_echod
	done
}

@test "[::]:PORT listens on IPv6 alone" {
	start_echod --listen='[::]:0'
	listens_on 1
	"$CLIENT" pingpong -n 1 "[::1]:$PORT"
	run ! nc -z 127.0.0.1 "$PORT"
	stop_echod
}

@test "--buffer larger than --buffer-total: one line says so, even with --quiet, and clients are served" {
	start_silent_echod --quiet --buffer=3M --buffer-total=1m
	others_are_served
	stop_echod
	cmp "$ERR" <(echo "echod: --buffer=3145728 is more than --buffer-total=1048576, which holds for each client, too")
	start_echod --buffer=1M --buffer-total=1M
	stop_echod
	[ -z "$(complaints)" ]
}

@test "an address in use: one line that names it, status 1" {
	local second=0

	start_echod
	timeout 30 "$ECHOD" --listen="127.0.0.1:$PORT" >/dev/null 2>"$TMP/second" 3>&- || second=$?
	[ "$second" -eq 1 ]
	[ "$(wc -l <"$TMP/second")" -eq 1 ]
	grep -q "^echod: .*127\.0\.0\.1:$PORT.*Address already in use" "$TMP/second"
	others_are_served
	stop_echod
}

@test "an address that is not ours: one line that names it, status 1" {
	local address status

	for address in 203.0.113.7:0 '[2001:db8::7]:0'; do
		status=0
		timeout 30 "$ECHOD" --listen="$address" >/dev/null 2>"$ERR" 3>&- || status=$?
		[ "$status" -eq 1 ]
		[ "$(wc -l <"$ERR")" -eq 1 ]
		grep '^echod: ' "$ERR" | grep -F "$address"
	done
}

@test "it can be started again at once on the port of the one before" {
	local first

	start_echod
	first=$PORT
	# The server is the first to end this connection, so its end lingers in the kernel.
	open_client stays "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says stays holding
	signal_echod TERM
	wait_until is_deaf
	await_client stays
	await_echod 0
	start_echod --listen="127.0.0.1:$first"
	[ "$PORT" -eq "$first" ]
	others_are_served
	stop_echod
}

@test "--quiet: nothing is written to stderr from start to end" {
	start_silent_echod --quiet
	others_are_served
	stop_echod
	cmp "$ERR" /dev/null
}

@test "--verbose: a line for each connection closed, with the bytes received, echoed and dropped" {
	start_echod --verbose
	printf 'hello' | nc -N 127.0.0.1 "$PORT" >/dev/null
	printf '' | nc -N 127.0.0.1 "$PORT" >/dev/null
	stop_echod
	complaints | sort >"$TMP/complaints"
	cmp "$TMP/complaints" <(
		{
			echo "echod: $(peer 1): closed, received 5, echoed 5, dropped 0"
			echo "echod: $(peer 2): closed, received 0, echoed 0, dropped 0"
		} | sort
	)
}

@test "without --verbose a connection that ends well is not mentioned" {
	start_echod
	others_are_served
	stop_echod
	[ -z "$(complaints)" ]
}
