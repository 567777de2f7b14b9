# What the tests that kill and replace processes share: swarms, kills, upgrades, and several tests at once.
#
# The same tests make the short run of the suite and the long one of `make torture`, which sets TORTURE,
# the factor by which it is longer than usual, and FIGURES, the file that gets its figures. A run can be
# repeated with SEED.

# shellcheck disable=SC2034 # what is not used here is for the tests

# shellcheck source=test/helper/clients.bash
source "$(dirname "${BASH_SOURCE[0]}")/clients.bash"
# shellcheck source=test/helper/status.bash
source "$(dirname "${BASH_SOURCE[0]}")/status.bash"

FAULT_ECHOD=${FAULT_ECHOD:-$(realpath -m "$TEST_FOLDER/../.build/fault/echod")}
LOAD=${BENCH_PROGRAMS:-$(realpath -m "$TEST_FOLDER/../.build/release/bench")}/load
SEED=${SEED:-$RANDOM}
RANDOM=$SEED

# The signal that a test lets processes die of.
DEADLY=9

PATIENCE_SECONDS=100 # with what was begun before the tests
if [ -n "${TORTURE:-}" ]; then
	WAIT_SECONDS=300
	PATIENCE_SECONDS=3000
	export BATS_TEST_TIMEOUT=3600
fi

# by_length SHORT LONG: how many of something, in the suite and in the torture.
by_length() {
	if [ -n "${TORTURE:-}" ]; then
		awk -v long="$2" -v factor="$TORTURE" 'BEGIN { print int(long * factor + 0.999) }'
	else
		echo "$1"
	fi
}

# figure NAME VALUE: for the summary of the torture.
figure() {
	if [ -n "${FIGURES:-}" ]; then
		echo "$1 $2" >>"$FIGURES"
	fi
}

# note TEXT: what the one who waits for the torture may see.
note() {
	if [ -n "${TORTURE:-}" ]; then
		echo "# $1" 2>/dev/null >&3 || echo "# $1"
	fi
}

# may_die_of SIGNAL: instead of SIGKILL.
may_die_of() {
	DEADLY=$1
}

# Deaths are what these tests are about, but not any death.
no_crash_report() {
	if grep -E 'AddressSanitizer|LeakSanitizer|runtime error|exited with status' "$ERR" ||
		grep 'killed by signal' "$ERR" | grep -v "killed by signal $DEADLY "; then
		return 1
	fi
}

# deaths_are COUNT: has the master reported so many kills?
deaths_are() {
	[ "$(grep -c 'killed by signal 9' "$ERR")" -eq "$1" ]
}

# --- where the log goes ---

# log_through_a_pipe: the server's stdout is to be a pipe, which is read into $TMP/log.
log_through_a_pipe() {
	mkfifo "$TMP/pipe"
	cat "$TMP/pipe" >"$TMP/log" 3>&- &
	started log_reader
	stdout_to "$TMP/pipe"
}

# await_log: after stop_echod, and one of these. The log is complete in $LOG.
await_log() {
	if [ -n "${CLIENT_PID[log_reader]}" ]; then
		await_client log_reader
	elif [ -e "$TMP/appended" ]; then
		[ "$(head -n 1 "$TMP/appended")" = earlier ]
		tail -n +2 "$TMP/appended" >"$TMP/log"
	fi
	LOG=$TMP/log
}

# --- calls that fail ---

# attach PID OPTION...: has strace look on at this process, or interfere, until detach. Fails, as a test that
# needs_tracing does not, if that is not permitted.
attach() {
	strace -qq -o "$TMP/trace" -p "$1" "${@:2}" 3>&- &
	started tracer
	wait_until is_traced_or_refused "$1"
	is_traced "$1" || is_dead "$1" # which it may have of just that
}

is_traced() {
	grep -qs '^TracerPid:.[1-9]' "/proc/$1/status"
}

# Has the process ended, though its parent may not have asked for its status yet?
is_dead() {
	! grep -qs '^State:.[^XZ]' "/proc/$1/status"
}

is_traced_or_refused() {
	is_traced "$1" || is_gone "${CLIENT_PID[tracer]}"
}

# Has the process, to which SIGSTOP was sent, stopped?
has_stopped() {
	awk '/^State:/ { stopped = $2 ~ /[Tt]/ } /^ShdPnd:/ { pending = substr($2, 12, 1) ~ /[4-7c-f]/ }
		END { exit !stopped || pending }' "/proc/$1/status"
}

# detach: strace looks on no more. A call that it makes fail just then would fail with ENOSYS, so whom it looks on at
# is stopped meanwhile, which is between two calls.
detach() {
	local pid traced=()

	for pid in "$PID" $(children) ${CLIENT_PID[traced]}; do
		! is_traced "$pid" || traced+=("$pid")
	done
	for pid in "${traced[@]}"; do
		kill -STOP "$pid"
		wait_until has_stopped "$pid"
	done
	kill "${CLIENT_PID[tracer]}" 2>/dev/null || true # it ends with the last that it looks on at
	await_end "${CLIENT_PID[tracer]}"
	[ "${#traced[@]}" -eq 0 ] || kill -CONT "${traced[@]}"
}

# needs_tracing: skips the test where a process may not be traced by another of its user.
needs_tracing() {
	local permitted=0

	sleep 60 3>&- &
	started traced
	attach "${CLIENT_PID[traced]}" -e trace=none 2>"$TMP/refusal" || permitted=$?
	[ "$permitted" -eq 0 ] || skip "needs the right to trace: $(cat "$TMP/refusal")"
	detach
}

# --- several at once ---

# apart FOLDER SEED COMMAND...: runs the command in the background, with a folder and a server of its own, as a
# test would. FOLDER.result gets what it says and FOLDER.status, at its end, its exit status.
apart() {
	(
		trap - DEBUG # it costs much, and helps only where bats itself looks on
		trap 'leave $?' EXIT
		enter "$1" "$2"
		"${@:3}"
	) >"$1.result" 2>&1 3>&- &
}

# enter FOLDER SEED: the beginning of what runs apart.
enter() {
	mkdir "$1"
	BATS_TEST_TMPDIR=$1
	RANDOM=$2
	setup
}

# leave STATUS: the end of what runs apart.
leave() {
	kill_started
	if [ "$1" -ne 0 ] && [ -f "$ERR" ]; then
		# In a trap bash has the redirections of before the subshell.
		head -n 40 "$ERR" >>"$TMP.result"
	fi
	echo "$1" >"$TMP.status"
}

# succeeded FOLDER: waits for the end of what runs apart, which has waits of its own, and shows it if it has failed.
succeeded() {
	WAIT_SECONDS=$PATIENCE_SECONDS wait_until test -s "$1.status"
	[ "$(cat "$1.status")" -eq 0 ] || {
		echo "${1##*/}:"
		cat "$1.result"
		return 1
	}
}

# at_once FUNCTION ARGUMENT...: calls the function once with each argument, all at the same time; fails if any of
# them does.
at_once() {
	local argument seed=$RANDOM

	for argument in "${@:2}"; do
		apart "$TMP/$argument" "$((seed++))" "$1" "$argument"
		started "$argument"
	done
	for argument in "${@:2}"; do
		succeeded "$TMP/$argument"
		await_end "${CLIENT_PID[$argument]}"
	done
}

# begin NAME COMMAND...: for setup_file, starts what takes its time, while the file's other tests run.
begin() {
	apart "$BATS_FILE_TMPDIR/$1" "$SEED" "${@:2}"
	echo $! >"$BATS_FILE_TMPDIR/$1.pid"
}

# ends_well NAME: the test of what was begun.
ends_well() {
	succeeded "$BATS_FILE_TMPDIR/$1"
}

teardown_file() {
	local file pid

	for file in "$BATS_FILE_TMPDIR"/*.pid; do
		[ -e "$file" ] || continue
		pid=$(cat "$file")
		if [ ! -e "${file%.pid}.status" ]; then
			# shellcheck disable=SC2046 # a word for each process id
			kill -KILL "$pid" $(descendants "$pid") 2>/dev/null || true
		fi
	done
}

# --- swarms ---

# start_swarm NAME OPTION...: a swarm that streams until await_swarm, and has had its first echo. Each has its
# own payload.
start_swarm() {
	open_client "$1" "$CLIENT" swarm -s $((SEED + ${#CLIENT_PID[@]})) -m "$TMP/$1.sent" "${@:2}" "127.0.0.1:$PORT"
	wait_until says_or_ends "$1" 'all echo'
	says "$1" 'all echo'
}

says_or_ends() {
	says "$1" "$2" || is_gone "${CLIENT_PID[$1]}"
}

# await_swarm NAME: ends it; every echo must have been exact.
await_swarm() {
	local line

	await_client "$1"
	count_work "$1"
	line=$(tail -n 1 "$TMP/$1.out")
	WORST_GAP=$(number_after gap "$line")
	figure gap "$WORST_GAP"
}

# number_after WORD LINE
number_after() {
	grep -o "$1 [0-9]*" <<<"$2" | cut -d ' ' -f 2
}

# count_work NAME: a swarm or a stream that has ended has told how much it was.
count_work() {
	local line

	line=$(tail -n 1 "$TMP/$1.out")
	echo "$1: $line"
	note "$1: $line"
	figure connections "$(awk '{ print $1 }' <<<"$line")"
	figure bytes "$(awk '{ print $3 }' <<<"$line")"
}

# splits FORM NAME...: the log is of this form, and has what the clients of these names have sent, but for what it
# says is not there.
splits() {
	local manifests=("${@:2}")

	manifests=("${manifests[@]/#/$TMP/}")
	"$CLIENT" logsplit -o "$1" "$LOG" "${manifests[@]/%/.sent}"
}

# is_exact NAME...: after stop_echod. The log has what the swarms of these names have sent, and the server's
# own counts of it, if it runs with --verbose, are right. Nothing was dropped.
is_exact() {
	splits tagged "$@"
	counts_are_exact "$@"
}

# counts_are_exact NAME...: the second half of that, whatever the log's form.
counts_are_exact() {
	local manifests=("${@/#/$TMP/}")

	manifests=("${manifests[@]/%/.sent}")
	# shellcheck disable=SC2094 # it is only read
	awk -v file="$ERR" '
		FILENAME == file && / closed, received / { closed[$2] = $5 $7 $9 }
		FILENAME != file && NF == 4 && $3 == $4 {
			wanted = $3 "," $3 ",0"
			if (closed[$1 ":"] != wanted) {
				print $1 ": " closed[$1 ":"] " instead of " wanted
				wrong = 1
			}
		}
		END { exit wrong }' "$ERR" "${manifests[@]}"
}

# --- kills ---

# kill_at_random KILLS OPTION...: kills so many of the server's processes.
kill_at_random() {
	local line

	line=$("$CLIENT" killer -s "$RANDOM" -n "$@" "$PID" 3>&-)
	echo "$line"
	note "$line"
	figure kills "$1"
}

# is_another LOGGER: has another one taken its place?
is_another() {
	local logger

	logger=$(processes echod-logger 2>/dev/null)
	[ -n "$logger" ] && [ "$logger" != "$1" ]
}

# kill_loggers COUNT: one after the other.
kill_loggers() {
	local logger i

	for ((i = 0; i < $1; i++)); do
		logger=$(processes echod-logger)
		kill -KILL "$logger"
		wait_until is_another "$logger"
	done
}

nothing_is_left() {
	[ -z "$(members "$PID")" ]
}

# The open descriptors of the server's processes, in an order that does not depend on who was replaced.
sorted_descriptor_counts() {
	descriptor_counts 2>/dev/null | sort
}

sorted_descriptor_counts_are() {
	[ "$(sorted_descriptor_counts)" = "$1" ]
}

# The process ids of the master's children.
children() {
	cat "/proc/$PID/task/$PID/children" 2>/dev/null
}

# --- other binaries ---

# on_a_fault_build SETTING: the server is to be one that fails on demand (test/fault/fault.c).
on_a_fault_build() {
	ECHOD=$FAULT_ECHOD
	through env "$1"
}

# on_a_copy: the server is to run from a binary of its own, which can be replaced.
on_a_copy() {
	ORIGINAL=$ECHOD
	BINARY=$TMP/bin/echod
	mkdir -p "$TMP/bin"
	cp "$ECHOD" "$BINARY"
	ECHOD=$BINARY
}

# replace_binary: puts the same program in another file in its place.
replace_binary() {
	cp "$BINARY" "$BINARY.new"
	mv "$BINARY.new" "$BINARY"
}

# upgrade_echod WORKERS: replaces the binary, and waits until all processes run the new one.
upgrade_echod() {
	replace_binary
	kill -USR2 "$PID"
	wait_until is_upgraded "$1"
	figure upgrades 1
}

is_upgraded() {
	local count=0 pid

	[ "/proc/$PID/exe" -ef "$BINARY" ] || return 1
	for pid in $(children); do
		[ "/proc/$pid/exe" -ef "$BINARY" ] || return 1
		count=$((count + 1))
	done
	[ "$count" -eq $(($1 + 1)) ]
}

# pass_usecs USECS: reaches another instant. No condition is waited for: it is chance that is wanted.
pass_usecs() {
	sleep "0.$(printf '%06d' "$1")"
}
