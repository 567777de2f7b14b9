# What the integration tests share: starting and ending the server, looking at it, waiting for conditions.
#
# Nothing waits for a time to pass: wait_until polls a condition. What sleeps for its own sake, in single suites, measures
# over a time or reaches an instant by chance.
# A test's files lie in BATS_TEST_TMPDIR; all that it has started is killed, by process id, when it ends.

# shellcheck disable=SC2034 # what is not used here is for the tests

bats_require_minimum_version 1.5.0

# Where an ordinary user's shell does not look, and much of what the tests use may be.
PATH=$PATH:/usr/sbin:/sbin

TEST_FOLDER=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
ECHOD=${ECHOD:-$(realpath -m "$TEST_FOLDER/../echod")}
TEST_PROGRAMS=${TEST_PROGRAMS:-$(realpath -m "$TEST_FOLDER/../.build/release/test")}
CLIENT=$TEST_PROGRAMS/client

WAIT_SECONDS=30
# A test that hangs is ended by bats.
export BATS_TEST_TIMEOUT=120

setup() {
	TMP=$BATS_TEST_TMPDIR
	LOG=$TMP/log # the server's stdout
	ERR=$TMP/err # its stderr
	RUNNER=()    # what runs the server, if it is not run by itself
	LISTEN=(--listen=127.0.0.1:0) # where it listens, unless told otherwise
	declare -gA STARTED=()     # process ids that the end of the test kills
	declare -gA CLIENT_PID=()  # by the client's name
	declare -gA CLIENT_FEED=() # the same: what open_client has opened
}

teardown() {
	kill_started
	# A control group that the test has made and put its server into.
	[ -z "${GROUP:-}" ] || wait_until rmdir "$GROUP"
	if [ -f "$ERR" ]; then
		head -n 40 "$ERR" | sed 's/^/stderr: /'
		no_crash_report
	fi
}

# --- waiting ---

# Into this nobody ever writes: a read from it that times out needs no process, as a sleep would, which takes more time
# than most looks.
NEVER=$BATS_RUN_TMPDIR/never
[ -p "$NEVER" ] || mkfifo "$NEVER"

# wait_until COMMAND...: polls until the command succeeds; fails after WAIT_SECONDS.
wait_until() {
	local deadline=$((SECONDS + WAIT_SECONDS)) looks=0

	until "$@"; do
		if ((SECONDS > deadline)); then
			echo "waited in vain for: $*"
			return 1
		fi
		# What takes long needs no close look.
		read -rt "0.0$((looks++ < 10 ? 2 : 8))" _ <>"$NEVER" || true
	done
}

# --- processes ---

# is_gone PID: has the process ended? One that nobody has reaped has, too: bash may miss the end of a child, and reaps it
# only when it waits for it or another ends.
is_gone() {
	local fields

	{ read -r fields <"/proc/$1/stat"; } 2>/dev/null || return 0
	[[ ${fields##*) } == [ZX]* ]]
}

# await_end PID: waits for a process that the test has started to end; sets STATUS.
await_end() {
	wait_until is_gone "$1"
	STATUS=0
	wait "$1" || STATUS=$?
	unset "STARTED[$1]"
}

# descendants PID: the process ids of its children, their children and so on.
descendants() {
	local child

	cat /proc/"$1"/task/*/children 2>/dev/null | tr ' ' '\n' | while read -r child; do
		echo "$child"
		descendants "$child"
	done
}

# members PID [PATTERN]: the processes, of such a name, of the session that PID has begun, also those that have lost their
# parent, but not the dead.
members() {
	local stat name fields

	for stat in /proc/[0-9]*/stat; do
		{ read -r fields <"$stat"; } 2>/dev/null || continue
		name=${fields#*\(}
		name=${name%)*}
		read -ra fields <<<"${fields##*) }"
		# shellcheck disable=SC2053 # a pattern
		if [ "${fields[3]}" = "$1" ] && [ "${fields[0]}" != Z ] && [[ $name == ${2:-*} ]]; then
			basename "${stat%/stat}"
		fi
	done
}

kill_started() {
	local pid

	for pid in "${!STARTED[@]}"; do
		# shellcheck disable=SC2046 # a word for each process id
		kill -KILL "$pid" $(descendants "$pid") $(members "$pid") 2>/dev/null || true
	done
}

# processes COMM: the process ids of the server's processes of that name.
processes() {
	local pid

	for pid in "$PID" $(descendants "$PID"); do
		if [ "$(cat "/proc/$pid/comm")" = "$1" ]; then
			echo "$pid"
		fi
	done
}

# --- the server ---

# A crash would else go unnoticed: the sanitizers end a process with a report, and the master replaces it.
no_crash_report() {
	local reports='AddressSanitizer|LeakSanitizer|runtime error|killed by signal|exited with status'

	if grep -E "$reports" "$ERR"; then
		return 1
	fi
}

# Tests look into the server's processes, which they hide from anybody but root unless they are told not to: with
# WALLED they are not. A build with sanitizers never does.
is_to_be_seen() {
	[ -z "${WALLED:-}" ] && [ "$(id -u)" -ne 0 ]
}

# Is the server under test such a build?
is_built_with_sanitizers() {
	grep -qa __asan_init "$ECHOD"
}

# launch_echod ARGUMENT...: starts the server on a free port of 127.0.0.1, unless told otherwise; sets PID.
# Its stdout goes to $LOG. It may not be ready yet.
launch_echod() {
	local argument file listen=("${LISTEN[@]}")

	for argument; do
		case $argument in
		-l* | --listen* | *:[0-9]*) listen=() ;;
		esac
	done
	if is_to_be_seen; then
		listen+=(--no-sandbox)
	fi
	# What an earlier server wrote must not be taken for this one's.
	for file in "$LOG" "$ERR"; do
		[ ! -f "$file" ] || : >"$file"
	done
	# A shell without job control starts what is in the background deaf to SIGINT; nohup, to SIGHUP. By their session
	# the server's processes are told from others.
	setsid env --default-signal=INT,HUP "${RUNNER[@]}" "$ECHOD" "${listen[@]}" "$@" >"$LOG" 2>"$ERR" 3>&- &
	PID=$!
	STARTED[$PID]=1
}

# through COMMAND...: the server is to be run by this command.
through() {
	RUNNER=("$@")
}

# under_strace OPTION...: the server is to be run by strace, which is not its parent. Skips the test where that is not
# permitted.
under_strace() {
	strace -qq -o /dev/null true 2>"$TMP/refusal" || skip "needs the right to trace: $(cat "$TMP/refusal")"
	# LeakSanitizer cannot do its work in a traced process.
	through "${RUNNER[@]}" env ASAN_OPTIONS=detect_leaks=0 strace -D "$@"
}

# handed_sockets_by COMMAND...: the server is to be run by this command, which has sockets for it to listen on.
handed_sockets_by() {
	through "$@"
	LISTEN=()
}

# stderr_joins_stdout: the server's messages are to go where its log goes.
stderr_joins_stdout() {
	# shellcheck disable=SC2016 # for the other shell to expand
	through sh -c 'exec "$@" 2>&1' sh
}

# stall_stdout: a FIFO as the server's stdout, held open by the test and read by nobody yet.
stall_stdout() {
	mkfifo "$TMP/pipe"
	exec {HELD}<>"$TMP/pipe"
	stdout_to "$TMP/pipe"
}

# stdout_to FILE: what the server is to have as its stdout.
stdout_to() {
	LOG=$1
}

# start_echod ARGUMENT...: the same, and waits until it is ready; sets PORT.
start_echod() {
	launch_echod "$@"
	wait_until is_listening_or_gone
	PORT=$(sed -n 's/^echod: listening on .*:\([0-9]*\)$/\1/p' "$ERR" | head -n 1)
	[ -n "$PORT" ]
}

# start_silent_echod ARGUMENT...: the same for a server that does not tell where it listens.
start_silent_echod() {
	launch_echod "$@"
	wait_until has_port
	PORT=$(listening_port)
}

# The port on 127.0.0.1 that the kernel says the server listens on.
listening_port() {
	local port

	find "/proc/$PID/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' |
		awk 'NR == FNR { ours[$1]; next }
			$4 == "0A" && $10 in ours { print substr($2, 10) }' - /proc/net/tcp |
		while read -r port; do
			echo $((16#$port))
		done
}

has_port() {
	[ -n "$(listening_port)" ]
}

is_listening_or_gone() {
	grep -q '^echod: listening on .*:[0-9]*$' "$ERR" || is_gone "$PID"
}

# stop_echod: ends the server as in normal life, and makes sure that nothing of it is left.
stop_echod() {
	signal_echod TERM
	await_echod 0
}

# signal_echod SIGNAL: takes down who belongs to the server before it is told to end.
signal_echod() {
	note_family
	kill -"$1" "$PID"
}

# note_family: the same, for a server that will end by itself.
note_family() {
	FAMILY=$(descendants "$PID")
}

# await_echod [STATUS]: after signal_echod or note_family. The server ends, with this status, and none of its
# processes is left.
await_echod() {
	local pid

	await_end "$PID"
	[ "$STATUS" -eq "${1:-$STATUS}" ]
	for pid in $FAMILY; do
		is_gone "$pid"
	done
	no_crash_report
}

# Does the server no longer listen? Told by the kernel: to try it would make a connection if it still does.
is_deaf() {
	! awk '$4 == "0A" { print substr($2, 9) }' /proc/net/tcp |
		grep -qx "$(printf ':%04X' "$PORT")"
}

# peer NUMBER: the ADDRESS:PORT of the server's so many-th connection.
peer() {
	sed -n 's/^New connection from //p' "$LOG" | sed -n "$1p"
}

# source_of NUMBER: the same, of an escaped or hex log.
source_of() {
	sed -n 's/\* connected to .*//p' "$LOG" | sed -n "$1p"
}

# has_lines COUNT: has the log so many lines by now?
has_lines() {
	[ "$(wc -l <"$LOG")" -ge "$1" ]
}

# has_accepted COUNT: has the server announced so many connections?
has_accepted() {
	[ "$(grep -c '^New connection from ' "$LOG")" -ge "$1" ]
}

log_is() {
	cmp -s "$LOG" <(printf '%s' "$1")
}

# expect_log TEXT: the log becomes exactly this.
expect_log() {
	wait_until log_is "$1" || {
		diff <(printf '%s' "$1") "$LOG"
		return 1
	}
}

# The number of open descriptors of each of the server's processes.
descriptor_counts() {
	local pid

	for pid in "$PID" $(descendants "$PID"); do
		echo "$(cat "/proc/$pid/comm") $(find "/proc/$pid/fd" -type l | wc -l)"
	done
}

# descriptor_counts_are COUNTS: are they again what they were?
descriptor_counts_are() {
	[ "$(descriptor_counts)" = "$1" ]
}

# reported PATTERN: does a line on the server's stderr match this, the whole of it?
reported() {
	grep -qx "$1" "$ERR"
}

# What the server has written to stderr, but for where it listens.
complaints() {
	grep -v '^echod: listening on ' "$ERR" || true
}
