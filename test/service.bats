#!/usr/bin/env bats
# Under a service manager: sockets that it hands over.

load helper/kills

# handed_sockets [OPTION...] ADDRESS:PORT...: the server is to be run with sockets that listen there.
handed_sockets() {
	handed_sockets_by "$CLIENT" activate "$@" run
}

# --- socket activation ---

# The flags of the first socket that was handed over, in octal, and which socket it is.
listener() {
	sed -n 's/^flags:\s*//p' "/proc/$PID/fdinfo/3"
	readlink "/proc/$PID/fd/3"
}

has_close_on_exec_and_nonblock() {
	local flags

	flags=$((0$(listener | head -n 1)))
	(((flags & 02000000) != 0 && (flags & 04000) != 0))
}

@test "sockets that are handed over are served through kills and upgrades, and are nobody else's" {
	local before

	on_a_copy
	handed_sockets -- 127.0.0.1:0 127.0.0.1:0
	start_echod --workers=2
	[ "$(grep -c '^echod: listening on 127\.0\.0\.1:[0-9]*$' "$ERR")" -eq 2 ]
	sed -n 's/^client: socket at //p' "$ERR" | cmp - <(sed -n 's/^echod: listening on //p' "$ERR")
	has_close_on_exec_and_nonblock
	before=$(listener)

	open_client a nc -N 127.0.0.1 "$PORT"
	feed a 'one '
	wait_until got a 'one '
	kill -KILL "$(processes echod-worker | head -n 1)" "$(processes echod-worker | tail -n 1)"
	wait_until deaths_are 2
	feed a 'two '
	wait_until got a 'one two '
	upgrade_echod 2
	feed a three
	wait_until got a 'one two three'
	await_client a
	[ "$(listener)" = "$before" ]
	has_close_on_exec_and_nonblock
	run ! grep -z '^LISTEN_' "/proc/$PID/environ"
	upgrade_echod 2
	PORT=$(sed -n 's/^echod: listening on 127.0.0.1://p' "$ERR" | tail -n 1) others_are_served
	stop_echod
}

@test "a client that came before the server: each byte comes back in its place, urgent ones, too" {
	handed_sockets -w -- 127.0.0.1:0
	launch_echod --workers=1
	wait_until reported 'client: socket at .*'
	PORT=$(sed -n 's/^client: socket at .*://p' "$ERR")
	"$CLIENT" oob "127.0.0.1:$PORT"
	stop_echod
}

# refuses STATUS LINE: the server says this one line and ends.
refuses() {
	await_end "$PID"
	[ "$STATUS" -eq "$1" ]
	[ "$(grep -v '^client: socket at ' "$ERR")" = "echod: $2" ]
	[ ! -s "$LOG" ]
}

# with VARIABLE=VALUE...: a socket is handed over with these variables in place of the right ones.
with() {
	handed_sockets -- 127.0.0.1:0
	through "${RUNNER[@]}" env "$@"
	launch_echod
}

@test "variables that make no sense: status 1, and one line that names what is wrong" {
	local value

	for value in '' 0 -1 +1 ' 1' 1x 33 99999999999999999999; do
		with LISTEN_FDS="$value"
		refuses 1 "LISTEN_FDS: '$value' is not a number from 1 to 32"
	done
	for value in '' 0 x -1 2147483648; do
		with LISTEN_PID="$value"
		refuses 1 "LISTEN_PID: '$value' is not a number from 1 to 2147483647"
	done
	with LISTEN_FDNAMES=a:b
	refuses 1 "LISTEN_FDNAMES: 'a:b' does not have a name for each of LISTEN_FDS=1"
}

@test "descriptors that are no listening TCP sockets: status 1, and one line that says which" {
	local kind

	for kind in bound datagram; do
		handed_sockets -k "$kind" -- 127.0.0.1:0
		launch_echod
		refuses 1 "LISTEN_FDS: descriptor 3 is not a listening TCP socket"
	done
	with LISTEN_FDS=2
	refuses 1 "LISTEN_FDS: descriptor 4 is not a listening TCP socket"
}

@test "--listen, or an operand, beside sockets that are handed over: status 2, and one line" {
	local argument

	handed_sockets -- 127.0.0.1:0
	for argument in --listen=127.0.0.1:0 127.0.0.1:0; do
		launch_echod "$argument"
		refuses 2 "--listen: it cannot be given beside the sockets of LISTEN_FDS"
	done
}

@test "sockets that are meant for another process are left alone" {
	through env LISTEN_PID=1 LISTEN_FDS=1 LISTEN_FDNAMES=a:b
	start_echod --workers=1
	[ -z "$(complaints)" ]
	others_are_served
	stop_echod
}

is_offered_or_refused() {
	grep -q '^Listening on ' "$ERR" || is_gone "$PID"
}

# launch_by_systemd ARGUMENT...: systemd-socket-activate(1) does not take port 0.
launch_by_systemd() {
	until
		PORT=$((20000 + RANDOM % 10000))
		handed_sockets_by systemd-socket-activate -l "127.0.0.1:$PORT" --fdname=echo
		launch_echod "$@"
		wait_until is_offered_or_refused
		! is_gone "$PID"
	do
		:
	done
}

@test "under systemd-socket-activate the first client starts the server, and is served" {
	command -v systemd-socket-activate >"$TMP/found" || skip "needs systemd-socket-activate"
	on_a_copy
	launch_by_systemd --workers=1
	others_are_served
	reported "echod: listening on 127\.0\.0\.1:$PORT"
	upgrade_echod 1
	others_are_served
	stop_echod
}
