#!/usr/bin/env bats
# SIGUSR2: another program in the same process, and nobody notices.

load helper/kills

setup_file() {
	begin refusals at_once refuse_what_is missing not-executable no-program another-program failing crashing \
		hanging
}

@test "upgrades under load: every echo, the log and the counts are exact" {
	local i upgrades

	on_a_copy
	upgrades=$(by_length 10 100)
	start_echod --workers=4 --verbose
	start_swarm streams -n 8 -c 16384 -w 65536 -k 20000
	start_swarm half-closing -b 100000 -n 4 -k 2000
	for ((i = 0; i < upgrades; i++)); do
		upgrade_echod 4
	done
	await_swarm streams
	await_swarm half-closing
	stop_echod
	is_exact streams half-closing
	[ -z "$(other_complaints)" ]
}

# The inodes of the sockets that the master listens on.
listeners() {
	find "/proc/$PID/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' | sort |
		join - <(awk '$4 == "0A" { print $10 }' /proc/net/tcp /proc/net/tcp6 | sort)
}

# receives BYTES: has the server received so many by now?
receives() {
	[ "$(status_now workers received)" -ge "$1" ]
}

@test "an upgrade keeps process id, listeners, options, connections, unsent bytes and counters" {
	local before options

	on_a_copy
	start_echod --workers=2 --listen=0 --buffer=32M --when-full=close --drain-timeout=9m --max-clients=77
	options=$(tr '\0' '\n' <"/proc/$PID/cmdline")
	others_are_served
	before=$(listeners)
	[ "$(wc -w <<<"$before")" -ge 1 ]
	open_client idle "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says idle holding
	open_client stuck "$CLIENT" stuck -x -b 24000000 "127.0.0.1:$PORT"
	wait_until says stuck '^sent 24000000$'
	wait_until receives 24000000
	[ "$(status workers waiting)" -gt 0 ]

	upgrade_echod 2
	[ "$(listeners)" = "$before" ]
	[ "$(tr '\0' '\n' <"/proc/$PID/cmdline")" = "$options" ]
	[ "$(status_now workers clients)" -eq 2 ]
	[ "$(status workers waiting)" -gt 0 ]
	[ "$(status workers received)" -gt 24000000 ]
	[ "$(status workers restarts)" -eq 2 ]
	[ "$(status logger restarts)" -eq 1 ]
	[ "$(status logger written)" -gt 24000000 ]
	grep '^echod: limits: 2 of 77 clients, .*, 33554432 bytes each$' "$ERR"
	others_are_served
	await_client stuck
	says stuck '^received 24000000, gaps 0$'
	await_client idle
	stop_echod
}

# run_as NAME: by this name the server is to be started.
run_as() {
	# shellcheck disable=SC2034 # the helper starts it
	ECHOD=$1
}

# Started in this way, and later replaced: it serves on, from the new binary.
replace_what_was() {
	on_a_copy
	mkdir "$TMP/work"
	case $1 in
	found-in-PATH)
		run_as echod
		through env PATH="$TMP/bin:$PATH"
		;;
	named-by-a-relative-path | in-a-renamed-folder)
		run_as ../bin/echod
		through env --chdir="$TMP/work"
		;;
	in-an-exchanged-folder)
		run_as ./echod
		through env --chdir="$TMP/bin"
		;;
	esac
	start_echod --workers=1
	open_client idle "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says idle holding
	case $1 in
	in-a-renamed-folder)
		mv "$TMP/work" "$TMP/gone"
		;;
	in-an-exchanged-folder)
		cp -r "$TMP/bin" "$TMP/new"
		mv "$TMP/bin" "$TMP/old"
		mv "$TMP/new" "$TMP/bin"
		;;
	esac
	upgrade_echod 1
	others_are_served
	upgrade_echod 1
	others_are_served
	await_client idle
	stop_echod
}

@test "an upgrade finds the binary however the server was started, and though its folder has changed" {
	at_once replace_what_was found-in-PATH named-by-a-relative-path in-a-renamed-folder in-an-exchanged-folder
}

# is_to_become FILE: what is_upgraded looks for.
is_to_become() {
	BINARY=$1
}

# wrap FOLDER: puts a script in front of the program there, as package managers do.
wrap() {
	mv "$1/echod" "$1/wrapped"
	printf '#!/bin/bash\nexec -a "%s" "%s" "%s"\n' "\$0" "$1/wrapped" "\$@" >"$1/echod"
	chmod +x "$1/echod"
}

# Started in this way through a link that is switched, there and back.
follow_a_link() {
	local before there name=echod

	mkdir "$TMP/one" "$TMP/two"
	cp "$ECHOD" "$TMP/one/echod"
	cp "$ECHOD" "$TMP/two/echod"
	ln -s one "$TMP/current"
	case $1 in
	to-a-wrapper)
		name=wrapped
		wrap "$TMP/one"
		wrap "$TMP/two"
		run_as "$TMP/current/echod"
		;;
	to-a-file)
		ln -s current/echod "$TMP/link"
		run_as "$TMP/link"
		;;
	to-a-folder) run_as "$TMP/current/echod" ;;
	found-in-PATH)
		run_as echod
		through env PATH="$TMP/current:$PATH"
		;;
	from-elsewhere)
		run_as ../current/echod
		through env --chdir="$TMP/one"
		;;
	in-the-current-folder)
		run_as ./echod
		# shellcheck disable=SC2016 # for the other shell to expand
		through bash -c 'cd "$0" && exec "$@"' "$TMP/current"
		;;
	esac
	start_echod --workers=1
	open_client idle "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says idle holding
	before=$(descriptor_counts)
	for there in two one; do
		ln -sfn "$there" "$TMP/current"
		kill -USR2 "$PID"
		is_to_become "$TMP/$there/$name"
		wait_until is_upgraded 1
		wait_until descriptor_counts_are "$before"
		others_are_served
	done
	await_client idle
	stop_echod
}

@test "an upgrade follows a link that was switched, again and again, and nothing is left open" {
	at_once follow_a_link to-a-wrapper to-a-file to-a-folder found-in-PATH from-elsewhere in-the-current-folder
}

@test "what was checked is what is executed, though there is something else by then; a script does, too" {
	local before

	on_a_copy
	start_echod --workers=1
	open_client idle "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says idle holding
	before=$(descriptor_counts)
	cat >"$BINARY.new" <<-END
		#!/bin/sh
		until [ -z "\$ECHOD_UPGRADE_CHECK" ] || [ -e "$TMP/go" ]; do
			: >"$TMP/checking"
			sleep 0.02
		done
		exec "$ORIGINAL" "\$@"
	END
	chmod +x "$BINARY.new"
	mv "$BINARY.new" "$BINARY"
	kill -USR2 "$PID"
	wait_until [ -e "$TMP/checking" ]
	ln -s "$(type -P false)" "$BINARY.new"
	mv "$BINARY.new" "$BINARY"
	: >"$TMP/go"
	is_to_become "$ORIGINAL"
	wait_until is_upgraded 1
	wait_until descriptor_counts_are "$before"
	others_are_served

	# Where it is to be found has not changed by that.
	kill -USR2 "$PID"
	wait_until reported "echod: upgrade: $ECHOD cannot go on with what is in memory here, the old program stays"
	others_are_served
	await_client idle
	stop_echod
}

@test "a binary that does not know the layout of the table is not taken" {
	on_a_copy
	start_echod --workers=1
	"$CLIENT" parts relayout "$PID"
	replace_binary
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: .*'
	run ! test "/proc/$PID/exe" -ef "$BINARY"
	others_are_served
	[ "$(complaints | wc -l)" -eq 1 ]
	stop_echod
}

end_in_an_upgrade() {
	on_a_copy
	start_echod --workers=2
	open_client streams "$CLIENT" stream -e -n 4 -w 65536 -s 1 -m "$TMP/sent" "127.0.0.1:$PORT"
	wait_until says streams 'all echo'
	replace_binary
	kill -USR2 "$PID"
	pass_usecs $((RANDOM % 20000))
	kill -TERM "$PID"
	await_end "$PID"
	[ "$STATUS" -eq 0 ]
	await_client streams
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
	nothing_is_left
	[ -z "$(complaints)" ]
}

@test "TERM in the middle of an upgrade: each client gets its prefix, the log is whole, status 0" {
	local round

	for ((round = 0; round < $(by_length 1 20); round++)); do
		at_once end_in_an_upgrade "$round.1" "$round.2" "$round.3" "$round.4" "$round.5" "$round.6"
	done
}

@test "a binary that is missing or does not do: one line says so, and the running program goes on" {
	ends_well refusals
}

# A binary that is of no use: one line says so, and the old program goes on.
refuse_what_is() {
	local children

	on_a_copy
	start_echod --workers=1
	open_client idle "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says idle holding
	children=$(children)
	case $1 in
	missing) rm "$BINARY" ;;
	not-executable) chmod -x "$BINARY" ;;
	no-program) printf 'no program' >"$BINARY.new" ;;
	another-program) cp "$(type -P true)" "$BINARY.new" ;;
	failing) printf '#!/bin/sh\nexit 7\n' >"$BINARY.new" ;;
	crashing) printf '#!/bin/sh\nkill -SEGV $$\n' >"$BINARY.new" ;;
	hanging) printf '#!/bin/sh\nexec sleep 1000\n' >"$BINARY.new" ;;
	esac
	if [ -e "$BINARY.new" ]; then
		chmod +x "$BINARY.new"
		mv "$BINARY.new" "$BINARY"
	fi
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: .*'
	others_are_served
	wait_until no_other_children "$children"
	[ "$(complaints | wc -l)" -eq 1 ]
	complaints | grep -F "$BINARY"
	await_client idle

	# A good one that comes later is taken.
	cp "$ORIGINAL" "$BINARY.new"
	mv "$BINARY.new" "$BINARY"
	upgrade_echod 1
	others_are_served
	stop_echod
}

no_other_children() {
	[ "$(children)" = "$1" ]
}

@test "no process to try the new program in: one line says so, and the next upgrade goes well" {
	needs_tracing
	on_a_copy
	start_echod --workers=1
	open_client idle "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says idle holding
	attach "$PID" -e trace=clone,clone3 -e inject=clone,clone3:error=EAGAIN
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: cannot start a process: Resource temporarily unavailable'
	detach
	[ "$(complaints | wc -l)" -eq 1 ]
	upgrade_echod 1
	await_client idle
	others_are_served
	stop_echod
}

@test "USR2 when it is told to end: no upgrade, it says so, and it ends as it would have" {
	start_echod --workers=1
	open_client last socat - "TCP4:127.0.0.1:$PORT"
	feed last hello
	wait_until got last hello
	# What nobody lets go on cannot end before the second signal comes.
	kill -STOP "$(processes echod-worker)"
	signal_echod TERM
	wait_until is_deaf
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: not now'
	kill -CONT "$(processes echod-worker)"
	await_client last
	await_echod 0
	[ "$(complaints | wc -l)" -eq 1 ]
}
