#!/usr/bin/env bats
# A worker that was taken over (test/hostile): it can do nothing to the clients of other workers, to what the log says of
# them, or to the service.

load helper/kills

setup_file() {
	export ASAN_OPTIONS=detect_leaks=0
}

# However busy the machine is, nobody is held up for so long.
GAP_MSECS=20000

HOSTILE_ECHOD=${HOSTILE_ECHOD:-$(realpath -m "$TEST_FOLDER/../.build/hostile/echod")}

# What is told of a worker that comes to an end is what these tests are about; of the others nothing of that kind is.
no_crash_report() {
	! grep -E "logger: (${LOGGER_ENDS:-killed|exited})|AddressSanitizer|LeakSanitizer|runtime error" "$ERR"
}

# start_doer DEED OPTION...: a server of which the worker of `told`, a client, will do the deed when it is told to.
start_doer() {
	# shellcheck disable=SC2034 # for start_echod
	local ECHOD=$HOSTILE_ECHOD WALLED=1

	through "${RUNNER[@]}" env "ECHOD_HOSTILE=$1" "ECHOD_HOSTILE_SEED=$RANDOM"
	echo "${RUNNER[*]}"
	start_echod "${@:2}"
}

# start_hostile DEED OPTION...: the same with two workers, one of which has `told`, and the other `honest`, which streams
# for as long as the test lasts.
start_hostile() {
	start_doer "$1" --workers=2 --buffer-total=16M --max-clients=200 --output=hex "${@:2}"
	start_swarm honest -n 1 -k 500 -w 65536
	open_client told nc -N 127.0.0.1 "$PORT"
	[ "${2:-}" = --skip-empty ] || wait_until has_connections 2
}

has_connections() {
	[ "$(grep -c 'connected to' "$LOG")" -eq "$1" ]
}

tell() {
	feed told 'misbehave now'
}

address_of() {
	sed -n '2s/ .*//p' "$TMP/$1.sent"
}

# is_exact NAME: has the log all that this client has sent, by however many connections? Each line begins with whose it is.
is_exact() {
	local LOG=$LOG

	sed '1d; s/ .*//; s/^/^/; s/$/[ *]/' "$TMP/$1.sent" | grep -a -f - "$LOG" >"$TMP/$1.log"
	LOG=$TMP/$1.log
	splits hex "$1"
}

# Does the server go on as if nothing had been? The streaming client has had every byte all along; so has the log.
all_is_well() {
	others_are_served -n 25
	await_swarm honest
	[ "$WORST_GAP" -lt "$GAP_MSECS" ]
	if [ -n "${CLIENT_PID[told]:-}" ]; then
		end_input told 2>/dev/null || true
	fi
	stop_echod
	is_exact honest
	run ! grep forged "$ERR" "$LOG"
}

has_ended() {
	grep -qE '^echod: worker [01]: (killed|exited)' "$ERR"
}

# The worker is ended at the call, which is named; its client goes on with the next worker, and has lost nothing.
calls() {
	start_hostile "$1"
	tell
	wait_until reported "echod: worker [01]: forbidden system call ${1%-memory}"
	wait_until reported 'echod: worker [01]: exited with status 4, starting another.*'
	wait_until got told 'misbehave now'
	feed told ' and on'
	wait_until got told 'misbehave now and on'
	all_is_well
	await_client told
}

@test "forbidden system calls on files and sockets: each ends the worker by its name, and no client loses a byte" {
	at_once calls openat openat-memory unlink memfd_create read fcntl socket connect sendto sendmsg accept4 setsockopt
}

@test "forbidden system calls on processes and memory: each ends the worker, and no client loses a byte" {
	at_once calls execve clone kill ptrace process_vm_writev mmap mprotect rt_sigaction prctl prlimit64
}

# The worker comes to its end, and its client may.
spoils() {
	start_hostile "$1"
	tell
	wait_until has_ended
	all_is_well
}

@test "memory: what a worker writes where it may, and tries to where it may not, costs no more than its clients" {
	at_once spoils write-plan write-account remove-plan remove-budget fill-ones fill-zeros fill-random spoil-slot spoil-batch leak claim claim-at-times grab
}

# Does another process serve in the place of the worker that has ended? Then it gets some of four clients.
successor_serves() {
	local row before

	row=worker$(sed -n 's/^echod: worker \([01]\): \(killed\|exited\).*/\1/p' "$ERR" | head -n 1)
	before=$(status_now "$row" received)
	others_are_served -n 4
	[ "$(status_now "$row" received)" -gt "$before" ]
}

echoes_wait() {
	[ "$(status_now workers waiting)" -gt 500000 ]
}

# Those who come then are served by its successor, too; their echo waits for them in memory that was the dead worker's.
spoils_for_good() {
	local name late=(a b c d e f)

	case $1 in
	stick-untouched) start_hostile "$1" --skip-empty ;;
	*) start_hostile "$1" ;;
	esac
	tell
	if [ "$1" = deaf ]; then
		wait_until reported 'echod: worker [01]: deaf'
		others_are_served -n 25 # it is noticed when it is to be told of one
	fi
	wait_until has_ended
	wait_until successor_serves
	for name in "${late[@]}"; do
		open_client "$name" "$CLIENT" stuck -x -b 1000000 -w 536 -m "$TMP/$name.sent" "127.0.0.1:$PORT"
	done
	for name in "${late[@]}"; do
		wait_until says "$name" '^sent 1000000$'
	done
	wait_until echoes_wait
	for name in ' and' ' on'; do
		feed told "$name" 2>/dev/null || true # he may be closed
		"$CLIENT" stream -n 2 -b 1000000 -c 65536 -m "$TMP/bulk$name.sent" "127.0.0.1:$PORT"
	done
	for name in "${late[@]}"; do
		await_client "$name"
		wait_until grep -qa "^$(address_of "$name")\* closed" "$LOG"
	done
	all_is_well
	for name in "${late[@]}" 'bulk and' 'bulk on'; do
		is_exact "$name"
	done
	[ "$1" = phantom ] || begins_with "$TMP/told.out" 'misbehave now and on'
	[ "$(grep -c 'forbidden system call' "$ERR")" -eq "$([ "$1" = pretend ] && echo 1 || echo 0)" ]
	[ "$(grep -c ', killing it' "$ERR")" -eq "$([ "$1" = hog ] && echo 1 || echo 0)" ]
}

# begins_with FILE TEXT: has the file nothing but a beginning of the text?
begins_with() {
	printf '%s' "$2" | head -c "$(stat -c %s "$1")" | cmp - "$1"
}

@test "memory: those who come to the successor of a worker that has spoilt it have their echo and their log" {
	at_once spoils_for_good wrap-slot spoil-refused wrap-batch spoil-unused hog deaf
}

@test "what a worker in disorder has left in hand, or booked, holds up nobody who comes to its successor" {
	at_once spoils_for_good stick-unused stick-ended stick-untouched phantom pretend
}

@test "memory: who comes before the successor does, into a place that is free again, is served" {
	needs_tracing
	start_doer spoil-free --workers=1 --no-sandbox
	others_are_served -n 4
	open_client told nc -N 127.0.0.1 "$PORT"
	wait_until status_is 1 workers clients
	attach "$PID" -e trace=clone -e inject=clone:error=EAGAIN
	tell
	wait_until has_ended
	open_client late nc -N 127.0.0.1 "$PORT"
	wait_until status_is 2 workers clients
	detach
	is_served late x
	others_are_served -n 25
	await_client told
	await_client late
	stop_echod
}

@test "a worker that has not got a client yet cannot speak for it" {
	start_hostile forge-unsent
	tell
	wait_until reported 'echod: worker [01]: refusing'
	"$CLIENT" pingpong -k 4 -n 25 -m "$TMP/late.sent" "127.0.0.1:$PORT"
	has_ended
	all_is_well
	is_exact late
}

@test "memory that a worker has lent to the pipe is not what its successor writes into" {
	local logger

	start_hostile lend-ahead
	await_swarm honest
	logger=$(processes echod-logger)
	kill -STOP "$logger"
	wait_until has_stopped "$logger"
	tell
	wait_until has_ended
	wait_until successor_serves
	"$CLIENT" stream -n 4 -b 100000 -c 65536 -m "$TMP/late.sent" "127.0.0.1:$PORT"
	kill -CONT "$logger"
	await_client told
	stop_echod
	is_exact honest
	is_exact late
}

# has_at_least BYTES FILE
has_at_least() {
	[ "$(stat -c %s "$2")" -ge "$1" ]
}

# Of a dead worker's clients its successor may have none.
@test "what a dead worker's clients have sent, and their seals, are not left to its successor" {
	start_doer recall --workers=1
	"$CLIENT" stream -n 4 -b 30000 -c 4096 "127.0.0.1:$PORT"
	wait_until has_at_least 120000 "$LOG" # nothing of that is left to be put into the pipe
	kill -KILL "$(processes echod-worker)"
	wait_until has_ended
	open_client told nc -N 127.0.0.1 "$PORT"
	tell
	wait_until got told 'misbehave nowall'
	await_client told
	stop_echod
	run ! grep forged "$LOG"
}

@test "an instant that is yet to come, as a dead worker's client's last one, is none: the client is closed as idle" {
	start_hostile wrap-timer --idle-timeout=5s
	tell
	wait_until has_ended
	wait_until grep -q 'closed: idle' "$LOG"
	all_is_well
	await_client told
}

@test "memory: what is the master's to say of a client is put right, and the client goes on with its log" {
	start_hostile disown
	tell
	wait_until has_ended
	feed told ' and on'
	wait_until got told 'misbehave now and on'
	all_is_well
	await_client told
	[ "$(grep -ac ' 6d 69 73 62 .* |misbehave now| *$' "$LOG")" -eq 1 ]
	[ "$(grep -ac ' |and on|\| | and on|$' "$LOG")" -eq 1 ]
}

# The worker serves on.
writes() {
	start_hostile "$1"
	tell
	wait_until got told 'misbehave now'
	feed told ' and on'
	wait_until got told 'misbehave now and on'
	all_is_well
}

@test "the pipe: whatever a worker writes there, the others' records are whole, and nobody speaks for others" {
	at_once writes garbage marks flood forge swallow jump nonsense reasons stop forge-message
}

has_bytes() {
	[ "$(stat -c %s "$1")" -eq "$2" ]
}

# What each client but the streaming one has sent, in hexadecimal and without spaces: of the log's, and of files.
streams_in_log() {
	grep -a '^[^ ]* [0-9a-f]\{8\} ' "$LOG" | grep -av "^$(address_of honest) " | cut -d'|' -f1 |
		awk '{ address = $1; $1 = $2 = ""; gsub(/ /, ""); stream[address] = stream[address] $0 }
			END { for (address in stream) print stream[address] }'
}

hexadecimal() {
	local file

	for file in "$@"; do
		od -A n -v -t x1 "$file" | tr -d ' \n'
		echo
	done
}

a_logger_runs() {
	[ -n "$(processes echod-logger)" ]
}

loggers_were_killed() {
	[ "$(grep -c 'logger: killed by signal 9' "$ERR")" -eq "$1" ]
}

# A record as it lies in the pipe, and parts of one, from clients of both workers. Loggers that are killed leave such
# bytes, behind those that were read last, to their successors.
@test "a worker tells a client its seal: what others send with it is logged as theirs, byte for byte" {
	local name

	LOGGER_ENDS=exited # others than those that are killed here
	start_hostile tell-seal
	tell
	wait_until has_bytes "$TMP/told.out" $((64 + 12 + 16 + 13))
	tail -c +14 "$TMP/told.out" >"$TMP/record"
	await_swarm honest
	for name in "$TMP"/colluder{1..8}; do
		{
			head -c 2000 /dev/zero
			cat "$TMP/record"
			head -c $((${name: -1} * 8)) "$TMP/record"
		} >"$name"
		nc -N 127.0.0.1 "$PORT" <"$name" >"$TMP/echo"
		cmp "$TMP/echo" "$name"
		[ $((${name: -1} % 4)) -eq 0 ] || continue
		kill -KILL "$(processes echod-logger)"
		wait_until loggers_were_killed $((${name: -1} / 4))
		wait_until a_logger_runs
	done
	await_client told
	stop_echod
	printf 'misbehave now' >"$TMP/told.sent"
	hexadecimal "$TMP"/colluder? "$TMP/told.sent" | sort >"$TMP/expected"
	streams_in_log | sort | cmp - "$TMP/expected"
	is_exact honest
	run ! grep 'no records' "$ERR"
}

@test "what is no record is passed over, counted, and told of" {
	start_hostile garbage
	tell
	wait_until reported 'echod: logger: [0-9]* bytes from the pipe are no records, passed over'
	all_is_well
}

# The worker talks nonsense to the master.
talks() {
	start_hostile "$1"
	tell
	case $1 in
	no-message | give-up | hang-up) wait_until has_ended ;;
	*) wait_until got told 'misbehave now' ;;
	esac
	all_is_well
}

@test "the channel: whatever a worker tells the master, in any number, the others are served" {
	at_once talks flood-ready flood-refused any-slots give-up hang-up no-message forge-line chatter
}

# line_of REGEX: its number on stderr.
line_of() {
	grep -nE "^$1\$" "$ERR" | cut -d : -f 1
}

# A worker may have ten clients.
@test "a worker can keep few more descriptors than it may have clients, and what it says of that is told first" {
	start_doer gather --workers=2 --max-clients=20
	open_client told nc -N 127.0.0.1 "$PORT"
	tell
	wait_until has_ended
	[ "$(sed -n 's/.*: \([0-9]*\) descriptors kept, one lost$/\1/p' "$ERR")" -le 30 ]
	# What it has said comes before what is said of its end.
	[ "$(line_of 'echod: worker [01]: [0-9]* descriptors kept, one lost')" -lt "$(line_of 'echod: worker [01]: exited .*')" ]
	others_are_served -n 25
	await_client told
	stop_echod
}

is_anybody_served() {
	timeout 3 "$CLIENT" pingpong -k 2 -n 5 "127.0.0.1:$PORT"
}

# The system counts descriptors on their way to any process of a user against the sender's limit.
@test "descriptors that a worker leaves on their way to it do not keep the master from sending any to others" {
	through prlimit --nofile=40:40
	start_doer hoard --workers=2 --max-clients=4
	open_client told nc -N 127.0.0.1 "$PORT"
	tell
	wait_until reported 'echod: worker [01]: hoarding'
	wait_until is_anybody_served # those who are given to it before it is found deaf are not
	# shellcheck disable=SC2046 # a word for each process id
	kill -KILL $(processes echod-worker)
	await_client told
	stop_echod
}

@test "a worker that says too much is not heard, and that is told" {
	start_hostile chatter
	tell
	wait_until reported 'echod: worker [01]: [0-9]* of its messages left out'
	all_is_well
	[ "$(grep -c 'worker [01]: chatter$' "$ERR")" -lt 2000 ]
}

declare -gA SAID=([chatter]='worker 0: chatter' [garbage]='logger: [0-9]* bytes from the pipe are no records, passed over')

# forges_no_line DEED: the log stands in the middle of a client's line, and the worker has something said then, by
# itself or by another process.
forges_no_line() {
	# shellcheck disable=SC2034 # for start_echod
	local ECHOD=$HOSTILE_ECHOD WALLED=1

	# shellcheck disable=SC2016 # for the other shell to expand
	through env "ECHOD_HOSTILE=$1" "ECHOD_HOSTILE_SEED=$RANDOM" sh -c 'exec "$@" 2>&1' sh
	launch_echod --workers=1 --output=escaped
	wait_until grep -q '^echod: listening on ' "$LOG"
	PORT=$(sed -n 's/^echod: listening on .*://p' "$LOG")
	open_client told nc -N 127.0.0.1 "$PORT"
	feed told 'misbehave '
	wait_until grep -q ': misbehave $' "$LOG"
	feed told 'now'
	wait_until grep -q "echod: ${SAID[$1]}$" "$LOG"
	feed told $'10.0.0.1:99: not mine\n'
	wait_until got told $'misbehave now10.0.0.1:99: not mine\n'
	await_client told
	stop_echod
	grep -q '^127.0.0.1:[0-9]*: .*10\.0\.0\.1:99: not mine$' "$LOG"
	run ! grep -vE '^(127\.0\.0\.1:[0-9]*[:*] |echod: )' "$LOG"
}

@test "where messages go where the log goes a worker cannot have what a client sends look like somebody else's line" {
	at_once forges_no_line chatter garbage
}

@test "lines in the names of others are left out, and all of that is told" {
	start_hostile forge-line
	tell
	wait_until reported 'echod: worker [01]: 1 of its messages left out'
	wait_until reported 'echod: worker [01]: 9 of its messages left out' # ten seconds later
	all_is_well
}

@test "a client that the master was told is gone is gone" {
	start_hostile keep-client
	tell
	wait_until has_ended
	reported 'echod: worker [01]: exited with status 1, starting another.*'
	all_is_well
}

@test "a worker that does not finish does not keep the service from its end" {
	start_hostile keep-moving --drain-timeout=500ms
	tell
	wait_until got told 'misbehave now'
	await_swarm honest
	stop_echod
	is_exact honest
}

@test "a worker that hears no more is ended when it is to be told of the end" {
	start_hostile deaf --drain-timeout=60m
	tell
	wait_until reported 'echod: worker [01]: deaf'
	await_swarm honest
	signal_echod TERM
	await_client told # with its successor
	await_echod 0
	is_exact honest
}

@test "a connection that a worker says has ended does not keep the service from its end" {
	start_hostile end-early --drain-timeout=500ms
	tell
	wait_until has_ended
	wait_until reported 'echod: .*: connection and table disagree, closing'
	await_swarm honest
	stop_echod
	is_exact honest
}

memory_is_back() {
	[ "$("$CLIENT" parts rings "$PID")" -le $((64 << 10)) ]
}

# What it has written where it had taken nothing is given back.
@test "memory that a worker grabs is given back, and so are descriptors" {
	local before

	[ "$(id -u)" -eq 0 ] || skip "needs to look into processes"
	start_hostile grab
	before=$(sorted_descriptor_counts)
	tell
	wait_until reported 'echod: worker [01]: it has [0-9]* bytes of memory and says [0-9]*, of at most [0-9]*, killing it'
	wait_until has_ended
	wait_until memory_is_back
	wait_until sorted_descriptor_counts_are "$before"
	all_is_well
}
