#!/usr/bin/env bats
# Under a service manager: sockets that it hands over, what it is told, and systemd's units.

load helper/kills

setup_file() {
	begin life at_once call tell_all_at_a_path tell_all_at_an_abstract_name
	begin clients tell_clients
	begin watchdog show_life
	begin trouble trouble_with_manager
	begin unit run_as_the_unit
}

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

# --- readiness ---

# told_at PLACE [OPTION]: a service manager listens there, and the server is to tell it.
told_at() {
	open_client manager "$CLIENT" notified "${@:2}" "$1"
	wait_until says manager '^bound$'
	through "${RUNNER[@]}" env "NOTIFY_SOCKET=$1"
}

# told PATTERN COUNT: has the manager been told this, the whole message, at least so often?
told() {
	[ "$(grep -cx "$1" "$TMP/manager.out")" -ge "$2" ]
}

# manager_leaves: it ends, and its socket is bound to nothing any more.
manager_leaves() {
	kill "${CLIENT_PID[manager]}"
	await_end "${CLIENT_PID[manager]}"
	end_input manager
}

# An upgrade to a program that takes its time: until a client was counted, which leaves then.
upgrade_slowly() {
	cp "$BINARY" "$TMP/bin/next"
	printf '#!/bin/sh\nuntil [ -e %s ]; do sleep 0.01; done\nexec %s "$@"\n' "$TMP/go" "$TMP/bin/next" >"$BINARY.new"
	chmod +x "$BINARY.new"
	mv "$BINARY.new" "$BINARY"
	kill -USR2 "$PID"
	open_client b nc -N 127.0.0.1 "$PORT"
	wait_until told 'STATUS=1 of 9 clients' 2
	: >"$TMP/go"
	wait_until told READY=1 2
	await_client b
	wait_until told 'STATUS=0 of 9 clients' 3
}

# The whole life, as a service manager at this place is told it.
tell_all() {
	on_a_copy
	told_at "$1"
	start_echod --workers=2 --max-clients=9
	wait_until told 'STATUS=0 of 9 clients' 1
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until told 'STATUS=1 of 9 clients' 1
	await_client a
	wait_until told 'STATUS=0 of 9 clients' 2
	upgrade_slowly
	rm "$TMP/bin/next"
	kill -USR2 "$PID"
	wait_until told READY=1 3
	complaints | grep -q '^echod: upgrade: '
	: >"$ERR"
	stop_echod
	tail -n +2 "$TMP/manager.out" | diff - <(cat <<-'END'
		READY=1
		STATUS=0 of 9 clients
		STATUS=1 of 9 clients
		STATUS=0 of 9 clients
		RELOADING=1|MONOTONIC_USEC=now
		STATUS=1 of 9 clients
		READY=1
		STATUS=0 of 9 clients
		RELOADING=1|MONOTONIC_USEC=now
		READY=1
		STOPPING=1
	END
	)
	manager_leaves
}

tell_all_at_a_path() {
	tell_all "$TMP/notify"
}

tell_all_at_an_abstract_name() {
	tell_all "@echod-test-$$-$RANDOM"
}

call() {
	"$1"
}

@test "the service manager is told: ready, clients, upgrades be they refused or not, the end" {
	ends_well life
}

@test "a server that cannot start is not ready" {
	told_at "$TMP/notify"
	under_strace -f -qq -o "$TMP/trace" \
		-e trace=epoll_create1 -e inject=epoll_create1:error=ENFILE
	launch_echod --workers=1
	await_end "$PID"
	[ "$STATUS" -eq 1 ]
	reported 'echod: cannot start'
	: >"$ERR" # no crash report
	wait_until told STOPPING=1 1
	run ! told READY=1 1
	manager_leaves
}

tell_clients() {
	local begun=$SECONDS

	told_at "$TMP/notify"
	start_echod --workers=1 --max-clients=9
	until told 'STATUS=.*' 3; do
		others_are_served
	done
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until ends_with_clients 1
	[ "$(grep -c '^STATUS=' "$TMP/manager.out")" -le $((SECONDS - begun + 2)) ]
	await_client a
	stop_echod
	manager_leaves
}

ends_with_clients() {
	[ "$(tail -n 1 "$TMP/manager.out")" = "STATUS=$1 of 9 clients" ]
}

@test "the number of clients is told once a second at most, and in the end as it is" {
	ends_well clients
}

show_life() {
	local begun

	on_a_copy
	told_at "$TMP/notify"
	# shellcheck disable=SC2016 # for the other shell to expand
	through "${RUNNER[@]}" sh -c 'WATCHDOG_USEC=400000 WATCHDOG_PID=$$ exec "$@"' sh
	begun=${EPOCHREALTIME/[.,]/}
	start_echod --workers=1
	wait_until told WATCHDOG=1 4
	[ $((${EPOCHREALTIME/[.,]/} - begun)) -ge 590000 ]
	upgrade_echod 1
	wait_until told READY=1 2
	begun=$(grep -c . "$TMP/manager.out")
	wait_until told WATCHDOG=1 $((begun + 2))
	stop_echod

	through env "NOTIFY_SOCKET=$TMP/notify" WATCHDOG_USEC=2000 WATCHDOG_PID=1
	start_echod --workers=1
	begun=$(grep -c WATCHDOG "$TMP/manager.out")
	others_are_served
	stop_echod
	[ "$(grep -c WATCHDOG "$TMP/manager.out")" -eq "$begun" ]
	[ -z "$(complaints)" ]
	manager_leaves
}

@test "signs of life come at half the time that the watchdog waits, through upgrades, if it waits for this process" {
	ends_well watchdog
}

# serve_where_manager REASON: nobody is harmed by a manager that is not told, and one line says so.
serve_where_manager() {
	wait_until reported "echod: NOTIFY_SOCKET: $TMP/notify: $1"
	others_are_served
	upgrade_echod 1
	others_are_served
	[ "$(complaints | wc -l)" -eq 1 ]
}

trouble_with_manager() {
	on_a_copy
	told_at "$TMP/notify"
	manager_leaves
	start_echod --workers=1
	serve_where_manager 'Connection refused'
	rm "$TMP/notify"
	rm "$TMP/manager.in"
	through
	told_at "$TMP/notify"
	wait_until told READY=1 1
	stop_echod
	manager_leaves

	rm "$TMP/notify" "$TMP/manager.in"
	start_echod --workers=1
	serve_where_manager 'No such file or directory'
	stop_echod

	through
	told_at "$TMP/notify" -d
	through "${RUNNER[@]}" env WATCHDOG_USEC=2000
	start_echod --workers=1
	serve_where_manager 'Resource temporarily unavailable'
	stop_echod
	manager_leaves
}

@test "a manager that is missing, refuses or does not read: one line, nobody is harmed; one that comes back is told" {
	ends_well trouble
}

@test "variables of readiness that make no sense: one line, and nobody is harmed" {
	local value

	on_a_copy
	for value in '' notify @ / "/$(printf '%0107d' 0)"; do
		through env "NOTIFY_SOCKET=$value"
		start_echod --workers=1
		[ "$(complaints)" = "echod: NOTIFY_SOCKET: '$value' is not a path or @NAME of at most 107 bytes" ]
		stop_echod
	done
	told_at "$TMP/notify"
	for value in '' 0 x; do
		through
		through env "NOTIFY_SOCKET=$TMP/notify" "WATCHDOG_USEC=$value"
		start_echod --workers=1
		upgrade_echod 1
		[ "$(complaints)" = "echod: WATCHDOG_USEC: '$value' is not a number from 1 to 9223372036854775807" ]
		stop_echod
	done
	manager_leaves
}

# --- the units ---

UNITS=$TEST_FOLDER/../src/systemd

# needs_analysis COMMAND...: skips the test where systemd-analyze(1) is missing, or fails with the simplest unit.
needs_analysis() {
	printf '[Service]\nExecStart=/bin/sh\n' >"$TMP/simple.service"
	systemd-analyze "$@" "$TMP/simple.service" >"$TMP/said" 2>&1 || skip "needs systemd-analyze"
}

@test "systemd-analyze finds nothing to say of the units" {
	needs_analysis verify --man=no
	[ ! -s "$TMP/said" ] || skip "needs a systemd-analyze without complaints: $(head -n 1 "$TMP/said")"
	systemd-analyze verify --man=no "$UNITS/echod.service" "$UNITS/echod.socket" >"$TMP/said" 2>&1
	diff /dev/null "$TMP/said"
}

@test "systemd-analyze takes the service for exposed at most 1.5" {
	needs_analysis security --offline=true --threshold=100
	systemd-analyze security --no-pager --offline=true --threshold=15 "$UNITS/echod.service" >"$TMP/said" ||
		{
			tail -n 1 "$TMP/said"
			return 1
		}
}

# setting NAME: what the service's unit says of it.
setting() {
	sed -n "s/^$1=//p" "$UNITS/echod.service"
}

# calls_of NAME...: these system calls, and those of groups of systemd's and of those in them.
calls_of() {
	local group name

	for group; do
		if [[ $group != @* ]]; then
			echo "$group"
			continue
		fi
		systemd-analyze syscall-filter --no-pager "$group" | awk '/^ +[^ #]/ { print $1 }' | while read -r name; do
			calls_of "$name"
		done
	done
}

# What the unit lets the service call.
permitted_calls() {
	local line

	: >"$TMP/so_far"
	while read -r line; do
		# shellcheck disable=SC2086 # a word for each group
		calls_of ${line#"~"} | sort -u >"$TMP/these"
		case $line in
		"~"*) comm -23 "$TMP/so_far" "$TMP/these" ;;
		*) sort -u "$TMP/so_far" "$TMP/these" ;;
		esac >"$TMP/now"
		mv "$TMP/now" "$TMP/so_far"
	done < <(setting SystemCallFilter)
	cat "$TMP/so_far"
}

# The unit's command line, with the environment and the priority of the unit, leads a life with all that happens; what
# its processes call is in $TMP/called.
run_as_the_unit() {
	local command environment

	environment=$(setting Environment)
	if is_to_be_seen; then
		environment+=' --no-sandbox'
	fi
	on_a_copy
	mkdir "$TMP/logs" "$TMP/run"
	[ "$(setting CPUSchedulingPolicy)" = batch ]
	command=$(setting ExecStart | sed -n "s|/usr/local/bin/echod|$ECHOD|; s/\\$\\$/\$/g; s/^\/bin\/sh -c '\(.*\)'$/\1/p")
	handed_sockets -- 127.0.0.1:0
	told_at "$TMP/notify"
	through "${RUNNER[@]}" env "LOGS_DIRECTORY=$TMP/logs" "RUNTIME_DIRECTORY=$TMP/run" "$environment" WATCHDOG_USEC=100000 \
		chrt --batch 0
	under_strace -f -qq -o "$TMP/trace"
	ECHOD=/bin/sh
	WALLED=1 start_echod -c "$command"
	others_are_served -n 25 -m "$TMP/others.sent"
	upgrade_echod "$(processes echod-worker | wc -l)"
	kill -KILL "$(processes echod-logger)" "$(processes echod-worker | head -n 1)"
	wait_until deaths_are 2
	read_status
	socat - "UNIX:$TMP/run/status" | grep -x 'echod_upgrades_total 1'
	others_are_served -n 25 -s 2 -m "$TMP/more.sent"
	stop_echod
	manager_leaves
	"$CLIENT" logsplit -o escaped "$TMP/logs/echo.log" "$TMP/others.sent" "$TMP/more.sent"
	[ ! -s "$LOG" ]
	sed -nE 's/^[0-9]+ +([a-z0-9_]+)\(.*/\1/p' "$TMP/trace" | sort -u >"$TMP/called"
	grep -qx accept4 "$TMP/called"
}

@test "the service's command line serves, and logs in its folder" {
	ends_well unit
}

@test "the service calls nothing that its unit refuses" {
	needs_analysis security --offline=true --threshold=100
	ends_well unit
	permitted_calls >"$TMP/permitted"
	comm -23 "$BATS_FILE_TMPDIR/unit/called" "$TMP/permitted" | diff /dev/null -
}
