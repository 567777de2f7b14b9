#!/usr/bin/env bats
#
# Messages where standard error is what standard output is (2>&1, a terminal): each stands on a line of its own there,
# and the data goes on as behind any other line.

load helper/kills

# start_together ARGUMENT...: starts the server with both in $LOG.
start_together() {
	stderr_joins_stdout
	start_silent_echod "$@"
	ERR=${SHOWN:-$LOG}
	wait_until reported 'echod: listening on .*'
}

# ends_with TEXT: is this the end of what was written by now?
ends_with() {
	[ "$(tail -c ${#1} "$ERR")" = "$1" ]
}

# talk: a client's lines, and in the middle of one that another client is closed, and in the middle of the next a table.
talk() {
	open_client b nc -N 127.0.0.1 "$PORT"
	feed b $'x\n'
	wait_until got b $'x\n'
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a 'half '
	wait_until ends_with 'half '
	await_client b
	wait_until reported 'echod: .*: closed, .*'
	feed a $'a line\nand '
	wait_until ends_with 'and '
	read_status
	feed a $'more\n'
	wait_until got a $'half a line\nand more\n'
	await_client a
	wait_until both_are_closed
	stop_echod
}

both_are_closed() {
	[ "$(grep -c '^echod: .*: closed, received .*, dropped 0$' "$ERR")" -eq 2 ]
}

# seen A B: what was written, with names in place of addresses, and of a table's lines what they are.
seen() {
	sed -E -e "s/$1/A/g; s/$2/B/g; s/:$PORT\$/:PORT/" \
		-e 's/^(echod: process) +pid .* waiting$/\1/; s/^(echod: logger) +[0-9]+ +[0-9]+ +[0-9]+ bytes written$/\1/' \
		-e 's/^(echod: worker 0|echod: workers)( +[0-9]+)+$/\1/; s/^(echod: limits): .* bytes each$/\1/' "$ERR"
}

expect_tagged() {
	local a b LOG=$ERR

	b=$(peer 1)
	a=$(peer 2)
	seen "$a" "$b" | diff - <(cat <<-'END'
		echod: listening on 127.0.0.1:PORT
		New connection from B
		B: x
		New connection from A
		A: half 
		echod: B: closed, received 2, echoed 2, dropped 0
		A: a line
		and 
		echod: process
		echod: worker 0
		echod: workers
		echod: logger
		echod: limits
		A: more
		echod: A: closed, received 21, echoed 21, dropped 0
	END
	)
}

@test "tagged, >log 2>&1: a message ends the line that the log stands in, and the source is told again" {
	start_together --workers=1 --verbose
	talk
	expect_tagged
}

@test "on a terminal: the same" {
	SHOWN=$TMP/shown
	stdout_to_terminal socat
	start_together --workers=1 --verbose
	talk
	expect_tagged
	close_terminal
}

@test "plain, >log 2>&1: a message ends the line that the log stands in, and nothing else is added" {
	start_together --workers=1 --output=plain
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a 'half '
	wait_until ends_with 'half '
	read_status
	feed a $'a line\n'
	wait_until got a $'half a line\n'
	await_client a
	stop_echod
	seen "$(peer 1)" none | diff - <(cat <<-'END'
		echod: listening on 127.0.0.1:PORT
		New connection from A
		half 
		echod: process
		echod: worker 0
		echod: workers
		echod: logger
		echod: limits
		a line
	END
	)
}

@test "escaped, >log 2>&1: a message ends the line as an event does" {
	local a b

	start_together --workers=1 --verbose --output=escaped
	talk
	b=$(source_of 1)
	a=$(source_of 2)
	seen "$a" "$b" | diff - <(cat <<-'END'
		echod: listening on 127.0.0.1:PORT
		B* connected to 127.0.0.1:PORT
		B: x
		A* connected to 127.0.0.1:PORT
		A: half \
		B* closed: client_end, received 2, echoed 2, dropped 0
		echod: B: closed, received 2, echoed 2, dropped 0
		A: a line
		A: and \
		echod: process
		echod: worker 0
		echod: workers
		echod: logger
		echod: limits
		A: more
		A* closed: client_end, received 21, echoed 21, dropped 0
		echod: A: closed, received 21, echoed 21, dropped 0
	END
	)
}

# said PATTERN: is there a message in the json log that matches this, the whole of it?
said() {
	jq -r 'select(.event.action == "message") | .message' "$LOG" | grep -qx "$1"
}

@test "json, >log 2>&1: a message is an object of its own, and the log parses" {
	stderr_joins_stdout
	start_silent_echod --workers=1 --verbose --output=json
	wait_until said 'listening on 127\.0\.0\.1:[0-9]*'
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a 'half '
	wait_until has_lines 4
	kill -USR1 "$PID"
	wait_until said 'limits: .* bytes each'
	feed a $'a line\n'
	await_client a
	wait_until said '.*: closed, received 12, echoed 12, dropped 0'
	stop_echod
	jq -r '.event.action + " " + (.data // "") + ((.message // "") | gsub("127.0.0.1:[0-9]+"; "PEER") | gsub(" .*"; ""))' "$LOG" |
		diff - <(cat <<-'END'
			start 
			message listening
			open 
			data half 
			message process
			message worker
			message workers
			message logger
			message limits:
			data a line

			close 
			message PEER:
			stop 
		END
		)
	jq .event.sequence "$LOG" | cmp - <(seq 0 12)
	[ "$(jq -c 'select(.event.action == "message") | keys' "$LOG" | sort -u)" = '["event","message","time"]' ]
	run ! grep -q '^echod' "$LOG"
}

@test "what a worker has to say stands on a line of its own, too" {
	local form

	for form in escaped hex; do
		start_together --workers=1 --output="$form" --buffer=64K
		"$CLIENT" stuck -b 12000000 -m "$TMP/sent" "127.0.0.1:$PORT" </dev/null
		stop_echod
		"$CLIENT" logsplit -o "$form" "$LOG" "$TMP/sent"
		reported 'echod: 127\.0\.0\.1:[0-9]*: echo buffer full, dropping'
		rm "$TMP/sent"
		ERR=$TMP/err
	done
}

@test "under kills of workers and loggers the data is exact, and no message is torn" {
	local kills

	kills=$(by_length 8 60)
	start_together --workers=2 --verbose --output=escaped
	start_swarm streams -n 4 -c 2000 -w 65536 -k 400
	start_swarm half-closing -b 5000 -n 4 -k 200
	kill_at_random "$kills" -i 300 -y 1 -t echod-worker -t echod-logger
	await_swarm streams
	await_swarm half-closing
	stop_echod
	splits escaped streams half-closing
	grep '^echod: ' "$LOG" >"$TMP/messages"
	ERR=$TMP/messages
	deaths_are "$kills"
	[ -z "$(other_complaints)" ]
	[ "$(grep -c ': closed, received ' "$ERR")" -eq "$(cat "$TMP/streams.sent" "$TMP/half-closing.sent" | awk 'NF == 4' | wc -l)" ]
}

# ask_for_tables COUNT: the master has written so many, wherever to.
ask_for_tables() {
	local i

	for ((i = 0; i < $1; i++)); do
		kill -USR1 "$PID"
		ask
		ask # who answers the second time has seen the signal
	done
}

# stop_logger: and it writes nothing until it goes on.
stop_logger() {
	LOGGER=$(processes echod-logger)
	kill -STOP "$LOGGER"
	wait_until has_stopped "$LOGGER"
}

TABLE_LINES='^echod: (process|worker [0-9]|workers|logger|limits)[ :]'

# in_turn: are these lines of whole tables, one after the other, as far as they go, of a server with so many workers?
in_turn() {
	awk -v workers="$1" 'BEGIN { names = "process"; for (i = 0; i < workers; i++) names = names " worker"
			rows = split(names " workers logger limits", order) }
		{ sub(/:$/, "", $2) } $2 != order[(NR - 1) % rows + 1] { exit 1 }'
}

@test "a logger that is stopped: what finds no room in the pipe waits in its turn, and what is too much is counted" {
	local kept left_out

	start_together --workers=4 --output=plain --when-full=pause --status-socket="$TMP/socket"
	open_client half nc -N 127.0.0.1 "$PORT"
	feed half 'half '
	wait_until ends_with 'half '
	stop_logger
	open_client bulk "$CLIENT" stream -S -n 1 -b 40000000 -w 40000000 -m "$TMP/sent" "127.0.0.1:$PORT"
	wait_until says bulk '^stalled [0-9]*$'
	ask_for_tables 75
	ends_with 'half ' # nothing stands there that the logger has not written
	kill -CONT "$LOGGER"
	await_client bulk
	await_client half
	stop_echod
	# The data may have whatever bytes, but these begin no line of it.
	kept=$(grep -aEc "$TABLE_LINES" "$LOG")
	left_out=$(sed -n 's/^echod: \([0-9]*\) messages left out$/\1/p' "$LOG")
	[ "$((kept + left_out))" -eq 600 ]
	grep -aE "$TABLE_LINES" "$LOG" | in_turn 4
	run ! grep -aE "$TABLE_LINES" <(sed '1,/^echod: [0-9]* messages left out$/d' "$LOG")
	[ "$(grep -aE "$TABLE_LINES" "$LOG" | wc -c)" -gt 32000 ]
	# shellcheck disable=SC2094 # it is only read
	[ "$(grep -av '^echod: \|^New connection from ' "$LOG" | wc -c)" -ge 40000005 ]
}

@test "a logger that is stopped: what a worker has to say and finds no room is left out, and that is told" {
	start_together --workers=1 --output=escaped --buffer=64K --when-log-stalls=drop --status-socket="$TMP/socket"
	stop_logger
	open_client first "$CLIENT" stuck -b 12000000 "127.0.0.1:$PORT"
	wait_until value_is 12000000 received_bytes_total # more than the pipe holds
	ask_for_tables 20 # the last page of it is full then, too
	open_client second "$CLIENT" stuck -b 12000000 "127.0.0.1:$PORT"
	wait_until value_is 24000000 received_bytes_total
	kill -CONT "$LOGGER"
	wait_until reported 'echod: worker 0: [1-9] of its messages left out'
	await_client first
	await_client second
	stop_echod
}

@test "what still waits at the end comes after the log" {
	start_together --workers=1 --output=plain --when-full=pause --status-socket="$TMP/socket"
	stop_logger
	open_client bulk "$CLIENT" stream -S -n 1 -b 40000000 -w 40000000 -m "$TMP/sent" "127.0.0.1:$PORT"
	wait_until says bulk '^stalled [0-9]*$'
	ask_for_tables 30
	signal_echod TERM
	signal_echod INT # at once
	await_echod 1
	# Of the tables the pipe has had some, which nobody reads any more.
	grep -aE "$TABLE_LINES" "$LOG" >"$TMP/tables"
	[ "$(wc -l <"$TMP/tables")" -ge 100 ]
	tail -n 100 "$TMP/tables" | in_turn 1
}

@test "json: what waits when the end is asked for is in the log, before its end" {
	stderr_joins_stdout
	start_silent_echod --workers=1 --output=json --when-full=pause --status-socket="$TMP/socket"
	wait_until said 'listening on 127\.0\.0\.1:[0-9]*'
	stop_logger
	open_client bulk "$CLIENT" stream -S -e -n 1 -b 40000000 -w 40000000 -m "$TMP/sent" "127.0.0.1:$PORT"
	wait_until says bulk '^stalled [0-9]*$'
	ask_for_tables 30
	signal_echod TERM
	kill -CONT "$LOGGER"
	await_client bulk
	await_echod 0
	[ "$(jq -r 'select(.event.action == "message") | .message' "$LOG" | grep -c '^limits: ')" -eq 30 ]
	[ "$(tail -n 1 "$LOG" | jq -r .event.action)" = stop ]
}

# A program that has something to say itself is tried by an upgrade, while the log stands in the middle of a line.
@test "what a new program says that is none does not stand in the log" {
	on_a_copy
	start_together --workers=1 --output=escaped
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a 'half '
	wait_until ends_with 'half '
	printf '#!/bin/sh\necho wrong >&2\nexit 1\n' >"$BINARY.new"
	chmod +x "$BINARY.new"
	mv "$BINARY.new" "$BINARY"
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: .*, the old program stays'
	feed a $'10.0.0.1:99: not mine\n'
	wait_until got a $'half 10.0.0.1:99: not mine\n'
	await_client a
	stop_echod
	grep -q '^127.0.0.1:[0-9]*: 10\.0\.0\.1:99: not mine$' "$LOG"
	run ! grep -vE '^(127\.0\.0\.1:[0-9]*[:*] |echod: )' "$LOG"
}

# What waits is in the new program's hands then, and its logger goes on.
@test "an upgrade while the log has no room loses no message" {
	on_a_copy
	start_together --workers=1 --output=plain --when-full=pause --status-socket="$TMP/socket"
	stop_logger
	open_client bulk "$CLIENT" stream -S -n 1 -b 40000000 -w 40000000 -m "$TMP/sent" "127.0.0.1:$PORT"
	wait_until says bulk '^stalled [0-9]*$'
	ask_for_tables 30
	upgrade_echod 1
	await_client bulk
	stop_echod
	[ "$(grep -aEc "$TABLE_LINES" "$LOG")" -eq 150 ]
}

@test "where the two are not the same, nothing of a message is in the log" {
	start_echod --workers=1 --verbose --output=escaped
	printf 'x\n' | nc -N 127.0.0.1 "$PORT" 3>&-
	wait_until both_in_err
	stop_echod
	run ! grep -q '^echod: ' "$LOG"
	[ "$(wc -l <"$LOG")" -eq 3 ]
}

both_in_err() {
	reported 'echod: listening on .*' && reported 'echod: .*: closed, received 2, echoed 2, dropped 0'
}
