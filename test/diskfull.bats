#!/usr/bin/env bats
#
# A disk that is full: it is said once, the clients wait, nothing is lost or there twice, and the log goes on when
# there is room.

load helper/kills

FULL='echod: standard output: No space left on device, waiting for room'
GOES_ON='echod: standard output: goes on after [0-9]* s'

# For the inner shell to expand: what goes into the log, $0.
# shellcheck disable=SC2016
declare -gA INTO=([file]='>"$0"' [appended]='>>"$0"' [both]='>"$0" 2>&1')

# What runs a command where $TMP/disk is a disk of 2 MiB, which nobody else sees.
on_its_disk() {
	mkdir -p "$TMP/disk"
	# shellcheck disable=SC2016 # for the other shell to expand
	ON_ITS_DISK=(unshare --mount sh -c 'mount -t tmpfs -o size=2m tmpfs "$0" && exec "$@"' "$TMP/disk")
}

needs_mounting() {
	on_its_disk
	"${ON_ITS_DISK[@]}" true 2>"$TMP/refusal" || skip "needs the right to mount: $(cat "$TMP/refusal")"
}

# log_on_its_disk file|appended|both: the server is to have its log on such a disk.
log_on_its_disk() {
	on_its_disk
	through "${RUNNER[@]}" "${ON_ITS_DISK[@]}" sh -c 'exec "$@" '"${INTO[$1]}" "$TMP/disk/log"
	stdout_to /dev/null
}

# hold_log: after the start; the log stays to be read when the server, and with it the disk, is gone.
hold_log() {
	exec {HELD}<"/proc/$PID/root$TMP/disk/log"
	stdout_to "$TMP/log"
}

# take_log: after the server's end; the log is in $LOG.
take_log() {
	cat <&"$HELD" >"$LOG"
	exec {HELD}<&-
}

# start_on_a_small_disk file|appended ARGUMENT...: see log_on_its_disk.
start_on_a_small_disk() {
	log_on_its_disk "$1"
	start_echod "${@:2}"
	hold_log
}

# Of so much that a client sends not everything finds room on the way.
STALLED=(-S -b 12000000)

# send_streams OPTION...: four clients that send more than the disk can take.
send_streams() {
	open_client streams "$CLIENT" stream -n 4 -b 3000000 -c 65536 -w 12000000 -m "$TMP/sent" "$@" \
		"127.0.0.1:$PORT"
}

disk_is_full() {
	reported "$FULL"
}

clients_wait() {
	says streams '^stalled [0-9]*$'
}

make_room() {
	nsenter --mount="/proc/$PID/ns/mnt" mount -o remount,size=256m "$TMP/disk"
}

# is_exact_in file: what the streams have sent is in the log once.
is_exact_in() {
	"$CLIENT" logsplit "$1" "$TMP/sent"
}

# finish: after make_room.
finish() {
	wait_until reported "$GOES_ON"
	await_client streams
	stop_echod
	take_log
	is_exact_in "$LOG"
}

# was_said_once: when it began and when it went on, and nothing else but deaths.
was_said_once() {
	[ "$(other_complaints | wc -l)" -eq 2 ]
	[ "$(other_complaints | head -n 1)" = "$FULL" ]
	other_complaints | tail -n 1 | grep -x "$GOES_ON"
}

wait_for_room() {
	start_on_a_small_disk "$1" --workers=2 --when-full=pause
	send_streams -H "${STALLED[@]}"
	wait_until disk_is_full
	wait_until clients_wait
	make_room
	finish
	was_said_once
}

@test "a log that fills the disk, appended to or not: clients wait until there is room, and nothing is lost" {
	needs_mounting
	at_once wait_for_room file appended
}

# goes_on_without_room FORM: echoes do, and the log says exactly what it lacks.
goes_on_without_room() {
	start_on_a_small_disk file --workers=2 --when-log-stalls=drop --output="$1"
	send_streams -H
	wait_until disk_is_full
	await_client streams
	make_room
	wait_until reported "$GOES_ON"
	wait_until status_is 0 workers clients
	stop_echod
	take_log
	"$CLIENT" logsplit -o "$1" "$LOG" "$TMP/sent"
	grep -q 'not logged\|"lost"' "$LOG"
	was_said_once
}

@test "with --when-log-stalls=drop a full disk holds nobody up, and what the log lacks is named exactly" {
	needs_mounting
	at_once goes_on_without_room escaped json
}

kill_while_it_waits() {
	start_on_a_small_disk "$1" --workers=2 --when-full=pause
	send_streams -H
	wait_until disk_is_full
	kill_loggers 4
	make_room
	finish
	deaths_are 4
	was_said_once
}

@test "loggers that are killed while the disk is full: it is not said again, and the log is exact" {
	needs_mounting
	at_once kill_while_it_waits file appended
}

# die_at EVERY:DEATHS: loggers die between a write and counting it, some of them when it found no room or not enough.
die_at() {
	on_a_fault_build "ECHOD_FAULT=write:$1"
	start_on_a_small_disk file --workers=2 --when-full=pause
	send_streams -H
	wait_until disk_is_full
	wait_until deaths_are "${1#*:}"
	make_room
	finish
	was_said_once
}

@test "loggers that die between a write for which there is not enough room, and counting it: exact" {
	needs_mounting
	at_once die_at 1:6 3:5
}

@test "an upgrade while the disk is full: it is not said again, and the log is exact" {
	needs_mounting
	on_a_copy
	start_on_a_small_disk file --workers=2 --when-full=pause
	send_streams -H
	wait_until disk_is_full
	upgrade_echod 2
	make_room
	finish
	was_said_once
}

fills_the_disk() {
	[ "$(stat -L -c %s "/proc/$PID/root$TMP/disk/log")" -ge $((2 << 20)) ]
}

# Standard error is in the same file, so that all that is said goes through the log.
kill_while_both_wait() {
	log_on_its_disk both
	start_silent_echod --quiet --workers=2 --when-full=pause --output=escaped
	hold_log
	send_streams -H "${STALLED[@]}"
	wait_until fills_the_disk
	wait_until clients_wait
	kill_loggers "$1"
	make_room
	await_client streams
	stop_echod
	take_log
	"$CLIENT" logsplit -o escaped "$LOG" "$TMP/sent"
	grep '^echod: ' "$LOG" >"$TMP/messages"
	ERR=$TMP/messages
	deaths_are "$1"
	was_said_once
}

@test "standard error in the same file: whoever is killed, all is there, and what is said of it stands there, too" {
	needs_mounting
	at_once kill_while_both_wait 0 3
}

@test "TERM while the disk is full: it ends, with status 1, and says how much of the log is not there" {
	local lost

	needs_mounting
	start_on_a_small_disk file --workers=1 --no-echo --drain-timeout=300ms
	awk 'BEGIN { for (i = 0; i < 25000; i++) printf "%099d\n", i }' >"$TMP/lines"
	nc -N 127.0.0.1 "$PORT" <"$TMP/lines" 3>&-
	wait_until disk_is_full
	signal_echod TERM
	await_echod 1
	take_log
	printf 'New connection from %s\n%s: ' "$(peer 1)" "$(peer 1)" | cat - "$TMP/lines" >"$TMP/whole"
	cmp -n "$(stat -c %s "$LOG")" "$LOG" "$TMP/whole"
	lost=$(($(stat -c %s "$TMP/whole") - $(stat -c %s "$LOG")))
	[ "$lost" -gt 0 ]
	complaints | cmp - <(printf '%s\n' "$FULL" "echod: standard output: $lost bytes of the log are lost")
}

@test "TERM while the disk is full and clients go on sending: it ends, with status 1, and nothing hangs" {
	needs_mounting
	start_on_a_small_disk file --workers=2 --when-full=pause --drain-timeout=300ms
	send_streams -e -S
	wait_until disk_is_full
	wait_until clients_wait
	signal_echod TERM
	await_echod 1
	[ "$(complaints | head -n 1)" = "$FULL" ]
	complaints | tail -n 1 | grep -x 'echod: standard output: [1-9][0-9]* bytes of the log are lost'
	run ! grep hang "$ERR"
}

@test "TERM while the disk is full, and there is room in time: all is written, and the status is 0" {
	needs_mounting
	start_on_a_small_disk file --workers=2 --when-full=pause --drain-timeout=9m
	send_streams -e -S
	wait_until disk_is_full
	wait_until clients_wait
	signal_echod TERM
	wait_until is_deaf
	make_room
	await_echod 0
	await_client streams
	take_log
	is_exact_in "$LOG"
	[ "$(grep -cx "$FULL" "$ERR")" -eq 1 ]
	[ "$(grep -cx "$GOES_ON" "$ERR")" -eq 1 ]
}
