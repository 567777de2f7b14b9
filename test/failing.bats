#!/usr/bin/env bats
#
# The kernel fails: calls of each process, once or for a second, under clients that come and go. Whatever fails, the
# service lives, no byte is lost, no processor is busy with trying, and a few lines say what it was.
#
# The suite tries the most important cases, the torture all of the table; CASE='worker write ENOMEM once' one alone.

load helper/kills

setup_file() {
	# LeakSanitizer cannot do its work in a traced process.
	export ASAN_OPTIONS=detect_leaks=0
}

# The calls of each process, and errors of theirs that its manual lists. Not among them are those that say that the
# other side is gone (EPIPE, ECONNRESET), and what ends one client or the log as the manual page says.
CASES='
master poll ENOMEM EINVAL EINTR
master accept4 EPERM EMFILE ENFILE ENOBUFS ENOMEM EPROTO ECONNABORTED EINTR
master sendmsg ENOBUFS ENOMEM EINTR ETOOMANYREFS
master recvmsg ENOMEM ENOBUFS EINTR
master close EINTR EIO
worker epoll_wait EINTR EINVAL
worker recvmsg ENOMEM ENOBUFS EINTR
worker recvfrom ENOMEM ENOBUFS EINTR
worker writev ENOBUFS ENOMEM EINTR EAGAIN
worker write ENOMEM EINTR EIO ENOBUFS
worker vmsplice ENOMEM EINTR EINVAL
worker epoll_ctl ENOMEM ENOSPC
worker shutdown ENOBUFS
worker close EINTR EIO
adopter getsockopt ENOMEM ENOBUFS
adopter ioctl ENOMEM EINTR
adopter epoll_ctl ENOMEM ENOSPC
adopter epoll_create1 EMFILE ENOMEM
adopter prctl EPERM
adopter close_range ENOSYS EPERM ENOMEM
adopter clone EAGAIN ENOMEM
logger read ENOMEM EINTR EIO
logger writev ENOMEM ENOBUFS EINTR EIO ENOSPC EDQUOT
logger lseek EINVAL ENOMEM
relay writev ENOMEM EINTR
relay splice ENOMEM EINTR EAGAIN ENOSPC
relay ioctl ENOMEM EINTR
successor %%stat ENOMEM EIO
successor lseek ENOMEM
successor fcntl ENOMEM
'

SPIN=1000 # failures in a second; twelve clients of a worker may each have one every 20 ms

# Those of which the suite takes a look at each time: WHO CALL ERROR once|lasting.
IMPORTANT=(
	"master poll ENOMEM once" "master poll EINVAL lasting" "master accept4 EPERM lasting"
	"master accept4 EMFILE lasting" "worker recvfrom ENOMEM lasting" "worker writev ENOBUFS once"
	"worker writev ENOBUFS lasting" "worker write ENOMEM once"
	"worker write ENOMEM lasting" "worker recvmsg ENOMEM once" "adopter getsockopt ENOMEM once"
	"adopter ioctl ENOMEM once" "adopter epoll_ctl ENOSPC once" "adopter epoll_ctl ENOMEM lasting"
	"logger writev ENOMEM once" "logger writev ENOMEM lasting" "logger lseek EINVAL once"
	"logger writev ENOSPC lasting" "logger writev EDQUOT once" "relay splice ENOSPC lasting"
	"relay splice ENOMEM lasting" "relay ioctl ENOMEM once" "successor %%stat ENOMEM once"
	"master accept4 ECONNABORTED lasting" "worker epoll_wait EINVAL once" "logger read ENOMEM once"
	"logger writev EINTR once" "relay splice EAGAIN once"
)

# Does it not last, by its nature, or end the log if it does, as the manual page says?
is_passing() {
	case $1 in
	*EINTR | *EAGAIN | "logger EI"* | "successor EI"*) true ;;
	*) false ;;
	esac
}

# all_cases: a line for each, once and lasting.
all_cases() {
	local who call errors error

	while read -r who call errors; do
		for error in $errors; do
			echo "$who $call $error once"
			is_passing "$who $error" || echo "$who $call $error lasting"
		done
	done < <(grep . <<<"$CASES")
}

failures() {
	grep -c INJECTED "$TMP/trace"
}

# The failure is to last for a second, in which the call may be tried again now and then. (How busy the process is
# does not tell: a traced one mostly waits for the tracer.)
is_no_spin() {
	local count

	sleep 1
	count=$(failures)
	echo "failed $count times"
	[ "$count" -lt "$SPIN" ]
}

# start_for WHO: a server, with its log in a file or through the relay; its process PROCESS is the one to fail.
# A call that a tracer has fail is one of no number to the kernel, and a filter would end who makes it.
start_for() {
	[ "$1" != relay ] || log_through_a_pipe
	start_echod --workers=1 --no-sandbox
	case $1 in
	master | adopter | successor) PROCESS=$PID ;;
	worker) PROCESS=$(processes echod-worker) ;;
	*) PROCESS=$(processes echod-logger) ;;
	esac
}

# has_failed CASE: has the call? In the torture it may be one that did not come by.
has_failed() {
	grep -qs INJECTED "$TMP/trace" || { [ -n "${TORTURE:-}" ] && note "not met: $1"; }
}

await_others() {
	await_end "${CLIENT_PID[others]}"
	[ "$STATUS" -eq 0 ]
}

# call_fails "WHO CALL ERROR once|lasting"
call_fails() {
	local who call error form inject

	read -r who call error form <<<"$1"
	start_for "$who"
	open_client swarm "$CLIENT" swarm -n 8 -b 20000 -k 400 -c 4096 -m "$TMP/swarm.sent" "127.0.0.1:$PORT"
	wait_until says swarm 'all echo'
	inject=$call:error=$error
	[ "$form" = lasting ] || inject+=:when=1
	case $who in
	# What the master forks next is traced, too.
	adopter) attach "$PROCESS" -f -e "trace=$call" -e "inject=$inject" ;;
	successor) attach "$PROCESS" -f -P "$(realpath "$LOG")" -e "trace=$call" -e "inject=$inject" ;;
	*) attach "$PROCESS" -e "trace=$call" -e "inject=$inject" ;;
	esac
	case $who in
	adopter) kill -KILL "$(processes echod-worker)" ;;
	successor) kill -KILL "$(processes echod-logger)" ;;
	esac
	wait_until has_failed "$1"
	[ "$form" = once ] || is_no_spin
	# A second of failing, and what a process that has died again and again waits before it is started.
	others_are_served -t 8000 -m "$TMP/others.sent" &
	started others
	detach # before: what lasts may keep them waiting
	await_others
	await_client swarm
	kill -TERM "$PID"
	await_end "$PID"
	[ "$STATUS" -eq 0 ]
	await_log
	"$CLIENT" logsplit "$LOG" "$TMP/swarm.sent" "$TMP/others.sent"
	[ "$(grep -c . "$ERR")" -le 15 ]
	run ! grep 'forbidden system call' "$ERR"
}

@test "calls that fail, once or for a second: the service lives, nothing is lost, and nothing spins" {
	local at cases=("${IMPORTANT[@]}")

	needs_tracing
	[ -z "${TORTURE:-}" ] || mapfile -t cases < <(all_cases | shuf --random-source=<(yes "$SEED"))
	[ -z "${CASE:-}" ] || cases=("$CASE")
	note "${#cases[@]} cases"
	for ((at = 0; at < ${#cases[@]}; at += 7)); do
		at_once call_fails "${cases[@]:at:7}"
	done
}
