#!/usr/bin/env bats
# Every process is disposable: kills under load, and not a byte is lost, neither in the echo nor in the log.

load helper/kills

setup_file() {
	begin workers kill_workers
	begin loggers at_once kill_loggers file appended pipe
}

# Streams that keep the workers busy, for the test and its control.
STREAMS=(-n 8 -c 2048 -w 65536 -k 10000)

@test "the control: without the repair from the kernel's counts the same test fails" {
	on_a_fault_build ECHOD_OMIT=repair
	start_echod --workers=8
	start_swarm streams "${STREAMS[@]}"
	# On a busy machine a great many kills do no harm: it goes on until one does.
	kill_at_random 100000 -i 40 -t echod-worker 3>&- &
	started killer
	WAIT_SECONDS=100 wait_until is_gone "${CLIENT_PID[streams]}"
	run ! await_client streams
	grep 'the next byte of the echo is wrong$' "$TMP/streams.err"
}

# The commit points, as the source names them.
fault_points() {
	grep -hoE '(fault_point|commit_at)\("[a-z-]*"' "$TEST_FOLDER"/../src/*/*.c | cut -d '"' -f 2 | sort -u
}

aborts_are() {
	[ "$(grep -c 'killed by signal 6' "$ERR")" -eq "$1" ]
}

# Deaths at this point, the server's stdout a file or, where only that comes by, a pipe.
die_at() {
	local fault=$1:25:3 died=(deaths_are 3) options=() lives=(-b 300000)

	case $1 in
	header | take-header) options=(--proxy-protocol) lives=(-P -b 20000) ;;
	known) options=(--proxy-protocol --max-per-address=1000) lives=(-P -b 20000) ;;
	relay | splice) log_through_a_pipe ;;
	repair)
		# Only a successor comes by, so it takes other deaths, too. These are told apart by the signal.
		may_die_of '[69]'
		ulimit -c 0
		fault=$1:1:2:6 died=(aborts_are 2)
		;;
	esac
	on_a_fault_build "ECHOD_FAULT=$fault"
	start_echod --workers=2 --verbose "${options[@]}"
	start_swarm streams -z -n 4 "${lives[@]}" -w 250000 -k 4000
	while [ "$1" = repair ] && ! "${died[@]}"; do
		kill_at_random 1 -i 50 -t echod-worker
	done
	wait_until "${died[@]}"
	await_swarm streams
	stop_echod
	await_log
	is_exact streams
	[ -z "$(other_complaints)" ]
}

@test "a build that dies by itself between effect and commit, at each commit point in turn: exact" {
	# shellcheck disable=SC2046 # a word for each point
	at_once die_at $(fault_points)
}

@test "a connection that is reset while its worker is dead: the log has every byte of it" {
	# A worker dies in its second receive. What it echoed before is never read, so that the client's
	# end is a reset, and it comes before another worker is started.
	on_a_fault_build ECHOD_FAULT=receive:2:1
	start_echod --workers=1
	awk 'BEGIN { for (i = 0; i < 600; i++) printf "%049d\n", i }' >"$TMP/sent"
	# shellcheck disable=SC2016 # the client's own argument
	open_client resetting bash -c 'exec {socket}<>"/dev/tcp/127.0.0.1/$1" && cat >&"$socket"' client "$PORT"
	cat "$TMP/sent" >&"${CLIENT_FEED[resetting]}"
	wait_until deaths_are 1
	await_client resetting
	stop_echod
	sed '1d; s/^127[^ ]* //' "$LOG" | cmp - "$TMP/sent"
}

# start_lossy_swarm NAME OPTION...: the test is left out where losing segments is a right that it does not have.
start_lossy_swarm() {
	start_swarm "$1" -p 2 "${@:2}" && return
	cat "$TMP/$1.err"
	if grep -q 'SO_ATTACH_FILTER: Operation not permitted' "$TMP/$1.err"; then
		skip "needs the right to attach a filter to a socket"
	fi
	return 1
}

@test "kills under loss, half-closes, resets and urgent bytes: exact" {
	start_echod --workers=8 --verbose
	# Without the right to trace the server only what it sends is lost.
	"$CLIENT" loss 2 "$PID" || note "no segment is lost on its way to the server"
	start_lossy_swarm lossy -n 4 -w 65536 -k 2000
	start_swarm half-closing -p 2 -b 100000 -n 4 -k 2000
	start_swarm resetting -r -b 100000 -n 4 -k 2000
	start_swarm urgent -o -n 4 -w 65536 -k 2000
	kill_at_random "$(by_length 60 1000)" -i 20 -t echod-worker
	await_swarm lossy
	await_swarm half-closing
	await_swarm resetting
	await_swarm urgent
	stop_echod
	is_exact lossy half-closing resetting urgent
	[ -z "$(other_complaints)" ]
}

@test "short connections with kills and upgrades: no client sees an error, no slot and no descriptor is left" {
	local before

	on_a_copy
	start_echod --workers=4 --max-clients=64
	others_are_served -m "$TMP/warm-up.sent"
	before=$(sorted_descriptor_counts)
	open_client churn "$CLIENT" stream -r -H -n "$(by_length 6000 50000)" -p 16 -b 200 -c 150 \
		-m "$TMP/churn.sent" "127.0.0.1:$PORT"
	until is_gone "${CLIENT_PID[churn]}"; do
		upgrade_echod 4
		kill_at_random 1 -i 1000 -t echod-worker -t echod-logger
	done
	await_client churn
	count_work churn
	wait_until sorted_descriptor_counts_are "$before"
	wait_until status_is 0 workers clients
	"$CLIENT" pingpong -k 64 -n 20 -m "$TMP/full.sent" "127.0.0.1:$PORT"
	wait_until sorted_descriptor_counts_are "$before"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/warm-up.sent" "$TMP/churn.sent" "$TMP/full.sent"
	[ -z "$(other_complaints)" ]
}

# The server's dead children for which it has not waited.
zombies() {
	local pid

	for pid in $(children); do
		grep -l '^State:.Z' "/proc/$pid/status" 2>/dev/null || true
	done
}

no_zombie() {
	[ -z "$(zombies)" ]
}

@test "workers and loggers killed while the binary is replaced again and again: exact" {
	local interval=100

	on_a_copy
	start_echod --workers=4 --verbose
	start_swarm streams -n 8 -c 16384 -w 65536 -k 10000
	start_swarm half-closing -b 100000 -n 4 -k 2000
	# With all the upgrades nobody becomes old, and who dies young again and again is started ever later.
	[ -z "${TORTURE:-}" ] || interval=1500
	kill_at_random "$(by_length 20 500)" -y 1000 -i "$interval" -t echod-worker -t echod-logger 3>&- &
	started killer
	until is_gone "${CLIENT_PID[killer]}"; do
		upgrade_echod 4
	done
	await_client killer
	await_swarm streams
	await_swarm half-closing
	wait_until no_zombie
	stop_echod
	is_exact streams half-closing
	[ -z "$(other_complaints)" ]
}

@test "loggers killed at random: nothing is lost, torn or repeated in a file, an appended file and a pipe" {
	ends_well loggers
}

@test "a logger killed in its first write to an appended file that was truncated repeats nothing" {
	local appending

	log_by_appending
	appending=("${RUNNER[@]}")
	# The first write announces the client.
	on_a_fault_build ECHOD_FAULT=write:2:1
	through "${RUNNER[@]}" "${appending[@]}"
	start_echod
	stdout_to "$TMP/appended"
	open_client one nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	tail -n +2 "$LOG" | sed -n 's/^New connection from \(.*\)/\1: hello/p' >"$TMP/expected"
	: >"$LOG"
	feed one $'hello\n'
	wait_until deaths_are 1
	await_client one
	stop_echod
	cmp "$TMP/expected" "$LOG"
}

kill_workers() {
	local kills

	kills=$(by_length 200 2000)
	start_echod --workers=8 --verbose
	start_swarm streams "${STREAMS[@]}"
	kill_at_random "$kills" -i 40 -t echod-worker
	[ "$(status_now workers restarts)" -eq "$kills" ]
	wait_until no_zombie
	await_swarm streams
	stop_echod
	is_exact streams
	deaths_are "$kills"
	[ -z "$(other_complaints)" ]
}

@test "workers killed at random under 8 streaming clients: every echo, the log and the counts are exact" {
	ends_well workers
}

# log_by_appending: the server's stdout is to be appended to $TMP/appended, where a line is already.
log_by_appending() {
	echo earlier >"$TMP/appended"
	stdout_to /dev/null
	# shellcheck disable=SC2016 # for the other shell to expand
	through sh -c 'exec "$@" >>"$0"' "$TMP/appended"
}

# The logger dies again and again while it writes to this kind of output.
kill_loggers() {
	case $1 in
	appended) log_by_appending ;;
	pipe) log_through_a_pipe ;;
	esac
	start_echod --workers=2 --verbose
	start_swarm streams -n 4 -w 65536 -k 5000
	kill_at_random "$(by_length 7 34)" -i 100 -t echod-logger
	[ "$(status_now logger restarts)" -eq "$(by_length 7 34)" ]
	await_swarm streams
	stop_echod
	await_log
	[ "$(status logger written)" -le "$(stat -c %s "$LOG")" ]
	is_exact streams
	[ -z "$(other_complaints)" ]
}
