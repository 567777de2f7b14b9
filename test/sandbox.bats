#!/usr/bin/env bats
# The walls around the processes: what they may do, and what they have open.

load helper/kills

export WALLED=1

# is_walled_in: skips the test for a build that is not.
is_walled_in() {
	if is_built_with_sanitizers; then
		skip "a build with sanitizers has no filter on system calls"
	fi
}

# field NAME PID: of the process's status.
field() {
	sed -n "s/^$1:[[:space:]]*//p" "/proc/$2/status"
}

# limit NAME PID: the soft and the hard one.
limit() {
	sed -n "s/^$1 *\([^ ]*\) *\([^ ]*\).*/\1 \2/p" "/proc/$2/limits"
}

has_no_rights() {
	local name

	[ "$(field NoNewPrivs "$1")" -eq 1 ]
	for name in CapInh CapPrm CapEff CapAmb; do
		[ "$(field "$name" "$1")" = 0000000000000000 ]
	done
	if [ "$(id -u)" -eq 0 ]; then
		[ "$(field CapBnd "$1")" = 0000000000000000 ]
	fi
}

# Who is not root can look into a process of his own, unless that has said no.
is_hidden() {
	[ "$(stat -c %u "/proc/$1/mem")" -eq 0 ]
	if [ "$(id -u)" -ne 0 ]; then
		run ! ls "/proc/$1/fd"
	fi
}

# all_are_walled_in: in each process, after an upgrade too.
all_are_walled_in() {
	local pid

	for pid in "$PID" $(processes echod-worker) $(processes echod-logger); do
		has_no_rights "$pid"
		is_hidden "$pid"
	done
	[ "$(field Seccomp "$PID")" -eq "$(field Seccomp $$)" ]
	for pid in $(processes echod-worker) $(processes echod-logger); do
		[ "$(field Seccomp "$pid")" -eq 2 ]
		[ "$(limit 'Max processes' "$pid")" = '0 0' ]
		[ "$(limit 'Max core file size' "$pid")" = '0 0' ]
		[ "$(limit 'Max data size' "$pid")" = '0 0' ]
	done
	for pid in $(processes echod-worker); do
		[ "$(limit 'Max file size' "$pid")" = '0 0' ]
	done
}

@test "no process has rights, none is to be looked into, and each child is behind its filter, after an upgrade, too" {
	is_walled_in
	on_a_copy
	start_echod --workers=2
	all_are_walled_in
	others_are_served
	if [ "$(id -u)" -eq 0 ]; then # who can see that it is another program now
		upgrade_echod 2
		all_are_walled_in
		others_are_served
	fi
	stop_echod
}

@test "a worker has nothing open that names a file: sockets, the pipe, an epoll, /dev/null" {
	local pid

	is_walled_in
	[ "$(id -u)" -eq 0 ] || skip "needs to look into a process"
	start_echod --workers=2
	for pid in $(processes echod-worker); do
		find "/proc/$pid/fd" -type l -printf '%l\n' | sed 's/:.*//' | sort -u |
			diff <(printf '%s\n' /dev/null anon_inode pipe socket) -
	done
	stop_echod
}

@test "--no-sandbox: no filter, nothing hidden; what is left of rights is nothing all the same" {
	local pid

	start_echod --workers=2 --no-sandbox
	for pid in "$PID" $(processes echod-worker) $(processes echod-logger); do
		[ "$(field Seccomp "$pid")" -eq "$(field Seccomp $$)" ]
		has_no_rights "$pid"
		[ "$(stat -c %u "/proc/$pid/mem")" -eq "$(id -u)" ]
	done
	others_are_served
	stop_echod
}

@test "without seccomp echod does not start, and says how it does" {
	is_walled_in
	# All of prctl(2) is refused but what comes first, the process's name.
	under_strace -f -qq --seccomp-bpf -o /dev/null -e trace=prctl \
		-e inject=prctl:error=EINVAL:when=2+
	launch_echod
	await_end "$PID"
	[ "$STATUS" -eq 1 ]
	[ "$(cat "$ERR")" = 'echod: seccomp: Invalid argument; with --no-sandbox echod does without' ]
}

@test "what a worker has to say comes through the master, each line once and whole" {
	start_echod --workers=1 --buffer=64K
	open_client stuck "$CLIENT" stuck -b 12000000 "127.0.0.1:$PORT"
	wait_until reported 'echod: 127.0.0.1:[0-9]*: echo buffer full, dropping'
	await_client stuck
	stop_echod
	[ "$(grep -c 'echo buffer full' "$ERR")" -eq 1 ]
}
