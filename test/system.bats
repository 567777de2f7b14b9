#!/usr/bin/env bats
# A system that has less than usual, or allows less: echod does with what there is, or says what it lacks.

load helper/kills

# without CALL ERROR: the server is to be run where this system call fails for all its processes.
without() {
	through # nothing else
	under_strace -f -qq --seccomp-bpf -o /dev/null -e "trace=$1" \
		-e "inject=$1:error=$2"
}

# needs RIGHT COMMAND...: skips the test unless the command, which tries the right, succeeds.
needs() {
	"${@:2}" 2>/dev/null || skip "needs $1"
}

# fails PATTERN: the server ends at once with status 1, and the last that it says matches.
fails() {
	await_end "$PID"
	[ "$STATUS" -eq 1 ]
	tail -n 1 "$ERR" | grep -x "$1"
	[ ! -s "$LOG" ]
}

serves_and_stops() {
	others_are_served -m "$TMP/others.sent"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/others.sent"
}

@test "no process can be started: status 1 and the reason, nobody connects and hangs" {
	without clone,clone3 EAGAIN
	launch_echod --workers=2
	fails 'echod: cannot start'
	reported 'echod: cannot start a process: Resource temporarily unavailable'
}

@test "a child that cannot become what it is to be: status 1 and the reason, not one attempt after another" {
	without epoll_create1 ENFILE
	launch_echod --workers=1
	fails 'echod: cannot start'
	reported 'echod: worker 0: Too many open files in system'
	: >"$ERR" # no crash report
}

@test "a worker that cannot be started again does not hold up the end, which says what is missing" {
	needs_tracing
	through env ASAN_OPTIONS=detect_leaks=0
	start_echod --workers=1
	open_client a socat - "TCP4:127.0.0.1:$PORT"
	feed a hello
	wait_until got a hello
	attach "$PID" -f -e trace=clone,clone3 -e inject=clone,clone3:error=EAGAIN
	kill -KILL "$(processes echod-worker)"
	wait_until reported 'echod: cannot start a process: Resource temporarily unavailable'
	kill -TERM "$PID"
	await_end "$PID"
	[ "$STATUS" -eq 1 ]
	reported 'echod: shutdown: a process is missing, the log is not complete'
}

@test "close_range that is missing or refused: no process has a descriptor more" {
	local counts error

	start_echod --workers=1
	counts=$(descriptor_counts)
	stop_echod
	for error in ENOSYS EPERM; do
		without close_range "$error"
		start_echod --workers=1
		descriptor_counts_are "$counts"
		serves_and_stops
	done
}

# The test sees the server in its own /proc, the server sees none.
@test "close_range and /proc that are missing: no process has a descriptor more" {
	local bare counts

	bare=(unshare --mount sh -c 'mount -t tmpfs none /proc && exec "$@"' sh)
	needs "the right to mount" "${bare[@]}" true
	through "${bare[@]}"
	start_echod --workers=1
	counts=$(descriptor_counts)
	stop_echod
	without close_range ENOSYS
	through "${bare[@]}" "${RUNNER[@]}"
	start_echod --workers=1
	descriptor_counts_are "$counts"
	serves_and_stops
}

@test "close_range that is missing: no process tries more descriptors than there are" {
	local most

	most=$(ulimit -Hn)
	needs "a limit of 1000 open files" [ "$most" -ge 1000 ]
	under_strace -f -qq -o "$TMP/calls" \
		-e trace=close,close_range -e inject=close_range:error=ENOSYS
	start_echod --workers=1
	stop_echod
	grep -q 'close_range(.*ENOSYS' "$TMP/calls"
	[ "$(grep -c 'close(' "$TMP/calls")" -lt 1000 ]
}

# The first of each process is for its name.
@test "prctl that is refused: no process has its name, and all is well" {
	without prctl EPERM:when=1
	start_echod --workers=2
	serves_and_stops
}

# The flags of each of the process's mappings of shared memory.
shared_memory_flags() {
	awk '/^[0-9a-f]+-/ { shared = /memfd:echod/ } shared && /^VmFlags:/' "/proc/$1/smaps"
}

@test "no shared memory goes into a core dump, which would write all of it" {
	local pid

	start_echod --workers=2
	for pid in "$PID" $(children); do
		shared_memory_flags "$pid" >"$TMP/flags"
		[ -s "$TMP/flags" ]
		run ! grep -vw dd "$TMP/flags"
	done
	stop_echod
}

@test "the logger has the memory that it reads into before it reads" {
	local kib

	start_echod --workers=1
	kib=$(awk '/^[0-9a-f]+-/ { desk = /memfd:echod-logger/ } desk && /^Rss:/ { print $2 }' \
		"/proc/$(processes echod-logger)/smaps")
	[ "$kib" -gt 1024 ]
	stop_echod
}

# limited LIMIT...: the server is to be run under these limits of prlimit(1).
limited() {
	# A sanitizer reserves terabytes of addresses.
	[ "${BUILD:-}" != sanitize ] || skip "not with sanitizers"
	through prlimit "$@"
}

@test "limits on address space and file size: fewer clients than by default, and it says how many" {
	local name

	for name in as fsize; do
		limited --"$name"=2000000000
		start_echod --workers=2
		grep -Ex 'echod: a limit on (address space \(ulimit -v\)|file size \(ulimit -f\)) of 2000000000 bytes allows [0-9]+ clients with --buffer=2097152' "$ERR"
		serves_and_stops
	done
}

@test "limits too low for the clients asked for: status 1, the limit's name, and what it allows" {
	limited --as=2000000000
	launch_echod --workers=2 --max-clients=5000
	fails 'echod: a limit on address space (ulimit -v) of 2000000000 bytes is too low for --max-clients=5000 --buffer=2097152 --workers=2: it allows [0-9]* clients'
	limited --fsize=100000
	launch_echod --workers=2
	fails 'echod: a limit on file size (ulimit -f) of 100000 bytes is too low for .*: it allows 0 clients'
	limited --nofile=64:64
	launch_echod --workers=60
	fails 'echod: a limit of 64 open files is too low for 60 workers'
}

@test "buffers for which there are not addresses enough: status 1, and how many and how large" {
	launch_echod --workers=2 --buffer=1024G --buffer-total=1024G --max-clients=512
	fails 'echod: --buffer=1099511627776: so much for each of 512 clients cannot be addressed'
}

# Holds as many pipes as a user without rights may have at their usual size; the next are of a page or two (pipe(7)).
hold_pipes() {
	local count=$(($(cat /proc/sys/fs/pipe-user-pages-soft) / 16 + 1))

	needs "$count more open files" [ "$(ulimit -Hn)" -gt $((count + 50)) ]
	mkdir "$TMP/fifos"
	# shellcheck disable=SC2016 # for the shell that is called
	open_client pipes bash -euc '
		ulimit -n "$(ulimit -H -n)"
		mkfifo $(seq -f "$1/%g" "$2")
		for fifo in "$1"/*; do exec {fd}<>"$fifo"; done
		echo all held
		read -r _' bash "$TMP/fifos" "$count"
	wait_until says pipes 'all held'
}

@test "a user who has many pipes already: the server's are small, and its log is exact all the same" {
	[ "$(id -u)" -ne 0 ] || through setpriv --bounding-set=-sys_resource,-sys_admin
	hold_pipes
	log_through_a_pipe
	start_echod --workers=1 --output=hex
	# Even a few records are more in hex than such a pipe takes.
	start_swarm streams -n 4 -c 300 -w 65536
	kill_at_random 5 -i 50 -t echod-logger
	await_swarm streams
	stop_echod
	await_log
	splits hex streams
	end_input pipes
}

@test "an upgrade without room for what it needs: one line says so, and the running program goes on" {
	limited --nofile=1000:1000
	start_echod --workers=2
	open_client a socat - "TCP4:127.0.0.1:$PORT"
	feed a hello
	wait_until got a hello
	prlimit --pid "$PID" --as=500000000:
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: .* cannot go on with what is in memory here, the old program stays'
	reported 'echod: upgrade: the new program: Cannot allocate memory'
	feed a again
	wait_until got a helloagain
	await_client a
	prlimit --pid "$PID" --as=unlimited:
	stop_echod
}

@test "without /proc an upgrade finds the program if it was started by its path" {
	on_a_copy
	without readlink ENOENT:when=1 # /proc/self/exe
	start_echod --workers=1
	upgrade_echod 1
	serves_and_stops
}

@test "without /proc, and started by a name alone, an upgrade finds the program all the same" {
	on_a_copy
	without readlink ENOENT:when=1
	PATH=$(dirname "$ECHOD"):$PATH
	ECHOD=$(basename "$ECHOD")
	start_echod --workers=1
	upgrade_echod 1
	serves_and_stops
}

@test "without /proc, and started by a descriptor, an upgrade says what it lacks" {
	without readlink ENOENT
	# By then the server has another file under this number, which could be executed.
	# shellcheck disable=SC2016 # for the other shell to expand
	through "${RUNNER[@]}" bash -c 'exec 7<"$0" && exec -a echod /dev/fd/7 "$@"'
	start_echod --workers=1
	kill -USR2 "$PID"
	wait_until reported "echod: upgrade: without /proc this program's file is only known if it is started by its path"
	serves_and_stops
}

# What runs a command where /sys/fs/cgroup is the folder $TMP/groups.
among_groups() {
	# shellcheck disable=SC2016 # for the other shell to expand
	AMONG_GROUPS=(unshare --mount sh -c 'mount --bind "$0" /sys/fs/cgroup && exec "$@"' "$TMP/groups")
}

among_groups_if_possible() {
	among_groups
	"${AMONG_GROUPS[@]}" true || AMONG_GROUPS=()
}

@test "the buffers' default total is a quarter of what the control group may have" {
	mkdir -p "$TMP/groups/memory"
	echo 100000000 | tee "$TMP/groups/memory.max" >"$TMP/groups/memory/memory.limit_in_bytes"
	among_groups
	needs "the right to mount" "${AMONG_GROUPS[@]}" true
	through "${AMONG_GROUPS[@]}"
	start_echod --workers=1
	read_status
	grep -q '^echod: limits: .* of 25000000 bytes of buffers' "$ERR"
	stop_echod
}

# memory_group BYTES: makes a control group that may have no more than that; sets GROUP. Skips the test where that
# cannot be done.
memory_group() {
	local place limit

	for place in /sys/fs/cgroup/memory /sys/fs/cgroup; do
		for limit in memory.limit_in_bytes memory.max; do
			GROUP=$place/echod-test-$BASHPID
			if mkdir "$GROUP" 2>/dev/null; then
				! echo "$1" 2>/dev/null >"$GROUP/$limit" || return 0
				rmdir "$GROUP"
			fi
		done
	done
	unset GROUP
	skip "needs a control group for memory"
}

# The processors that this test may run on.
processors_here() {
	taskset -cp $$ | sed 's/.*: //' | tr , '\n' | awk -F - '{ for (i = $1; i <= $NF; i++) print i }'
}

needs_two_processors() {
	[ "$(processors_here | wc -l)" -ge 2 ] || skip "needs two processors"
}

# workers_are COUNT: so many does the server start without being told how many.
workers_are() {
	start_echod
	[ "$(processes echod-worker | wc -l)" -eq "$1" ]
	stop_echod
}

@test "by default there is a worker for each processor that echod may run on" {
	through taskset -c "$(processors_here | tail -n 1)"
	workers_are 1
	needs_two_processors
	# A quota of this test's own group would count, too.
	mkdir "$TMP/groups"
	among_groups_if_possible
	through taskset -c "$(processors_here | tail -n 2 | paste -sd ,)" "${AMONG_GROUPS[@]}"
	workers_are 2
}

# quota_group QUOTA: makes a control group that may use so much of 100,000 microseconds; sets GROUP. Skips the test
# where that cannot be done.
quota_group() {
	local place

	for place in /sys/fs/cgroup/cpu /sys/fs/cgroup; do
		GROUP=$place/echod-test-$BASHPID
		if [ -e "$place/cgroup.procs" ] && mkdir "$GROUP" 2>/dev/null; then
			! echo "$1 100000" 2>/dev/null >"$GROUP/cpu.max" || return 0
			! echo "$1" 2>/dev/null >"$GROUP/cpu.cfs_quota_us" || return 0
			rmdir "$GROUP"
		fi
	done
	unset GROUP
	skip "needs a control group for processors"
}

@test "a group's quota of a processor's time is worth one worker" {
	needs_two_processors
	quota_group 60000
	# shellcheck disable=SC2016 # for the other shell to expand
	through sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$GROUP"
	workers_are 1
}

# quota_is QUOTA: writes this to the files of either version in $TMP/groups.
quota_is() {
	echo "$1 100000" >"$TMP/groups/cpu.max"
	echo "${1/max/-1}" >"$TMP/groups/cpu/cpu.cfs_quota_us"
	echo 100000 >"$TMP/groups/cpu/cpu.cfs_period_us"
}

@test "the outermost group's quota counts, rounded up, but not one that is none, or more than the processors" {
	local quota

	needs_two_processors
	mkdir -p "$TMP/groups/cpu"
	among_groups
	needs "the right to mount" "${AMONG_GROUPS[@]}" true
	through taskset -c "$(processors_here | tail -n 2 | paste -sd ,)" "${AMONG_GROUPS[@]}"
	quota_is 1000
	workers_are 1
	for quota in 100001 max 300000; do
		quota_is "$quota"
		workers_are 2
	done
}

@test "the default number of workers leaves the processes that the control group may have for the logger and an upgrade" {
	mkdir -p "$TMP/groups/pids"
	among_groups
	needs "the right to mount" "${AMONG_GROUPS[@]}" true
	needs_two_processors
	through "${AMONG_GROUPS[@]}"
	echo 10 | tee "$TMP/groups/pids.current" >"$TMP/groups/pids/pids.current"
	echo 13 | tee "$TMP/groups/pids.max" >"$TMP/groups/pids/pids.max"
	workers_are 1
	echo max | tee "$TMP/groups/pids.max" >"$TMP/groups/pids/pids.max"
	workers_are "$(processors_here | wc -l)"
}

@test "20 descriptors: the default serves, also while a process is replaced and the program, too" {
	on_a_copy
	through prlimit --nofile=20:20
	start_echod --listen=0
	open_client a socat - "TCP4:127.0.0.1:$PORT"
	feed a hello
	wait_until got a hello
	kill -KILL "$(processes echod-worker)"
	upgrade_echod 1
	feed a again
	wait_until got a helloagain
	await_client a
	stop_echod
	[ -z "$(other_complaints)" ]
}

@test "--max-clients that leave room for one worker's descriptors alone get one worker" {
	through prlimit --nofile=64:64
	start_echod --max-clients=45
	[ "$(processes echod-worker | wc -l)" -eq 1 ]
	open_client all "$CLIENT" hold -n 45 "127.0.0.1:$PORT"
	wait_until says all holding
	await_client all
	stop_echod
	[ -z "$(other_complaints)" ]
	launch_echod --max-clients=46
	fails 'echod: --max-clients=46: a limit of 64 open files allows 45'
}

@test "a group's memory is enough for clients that never read, and for others" {
	local i

	memory_group 134217728
	# shellcheck disable=SC2016 # for the other shell to expand
	through sh -c 'echo $$ >"$0/cgroup.procs" && exec "$@"' "$GROUP"
	stdout_to /dev/null
	start_echod --workers=2
	note_family
	for ((i = 0; i < 75; i++)); do
		open_client "s$i" "$CLIENT" stuck -b 6000000 "127.0.0.1:$PORT"
	done
	for ((i = 0; i < 75; i++)); do
		wait_until says "s$i" '^sent 6000000$'
	done
	others_are_served
	no_crash_report
	signal_echod INT
	wait_until is_deaf # two signals that are pending at once are one
	signal_echod INT
	await_echod 1
}

@test "when memory runs out the children go first, not the master, on which all live" {
	local pid score

	start_echod --workers=2
	score=$(cat "/proc/$PID/oom_score_adj")
	for pid in $(children); do
		[ "$(cat "/proc/$pid/oom_score_adj")" -gt "$score" ]
	done
	stop_echod
}

arguments() {
	ps -o args= -p "$1"
}

@test "each process shows in its arguments what it is" {
	local pid

	start_echod --workers=2
	arguments "$PID" | grep -q -- '--workers=2$'
	for pid in $(children); do
		arguments "$pid"
	done | sort | cmp - <(printf 'echod: %s\n' logger 'worker 0' 'worker 1')
	stop_echod
}

@test "an end that has to wait for clients says so, once" {
	start_echod --workers=2 --drain-timeout=9m
	open_client a socat - "TCP4:127.0.0.1:$PORT"
	open_client b nc 127.0.0.1 "$PORT"
	wait_until has_accepted 2
	kill -INT "$PID"
	wait_until reported 'echod: waiting for [12] clients\?, at most 5[0-9]* s more; the same signal again ends it at once'
	await_client a
	kill "${CLIENT_PID[b]}"
	await_end "$PID"
	[ "$STATUS" -eq 0 ]
	[ "$(complaints | wc -l)" -eq 1 ]
}
