#!/usr/bin/env bats
# Who does what: one master that accepts, workers that serve, one logger that writes.

load helper/clients

@test "one echod, its workers and one logger, each named so, are there when it says that it listens" {
	start_echod --workers=3
	[ "$(descendants "$PID" | wc -l)" -eq 4 ]
	[ "$(processes echod)" = "$PID" ]
	[ "$(processes echod-worker | wc -l)" -eq 3 ]
	[ "$(processes echod-logger | wc -l)" -eq 1 ]
	stop_echod
}

# note_sockets: takes down the inodes of all the sockets that there are now.
note_sockets() {
	awk '{ print $10 }' /proc/net/tcp | sort -u >"$TMP/tcp"
	awk '{ print $7 }' /proc/net/unix | sort -u >"$TMP/unix"
}

# sockets tcp|unix PID: the process's sockets of this family.
sockets() {
	find "/proc/$2/fd" -lname 'socket:*' -printf '%l\n' | tr -dc '0-9\n' | sort | join - "$TMP/$1"
}

@test "connections are spread evenly over the workers, each held by one worker and the master alone" {
	local worker

	start_echod --workers=4
	open_client eight "$CLIENT" hold -n 8 "127.0.0.1:$PORT"
	wait_until says eight holding
	note_sockets
	[ "$(sockets tcp "$PID" | wc -l)" -eq 9 ]
	for worker in $(processes echod-worker); do
		[ "$(sockets tcp "$worker" | wc -l)" -eq 2 ]
		sockets tcp "$worker" >>"$TMP/held"
		[ "$(sockets tcp "$worker" | join - <(sockets tcp "$PID") | wc -l)" -eq 2 ]
	done
	[ "$(sort -u "$TMP/held" | wc -l)" -eq 8 ]
	[ -z "$(sockets tcp "$(processes echod-logger)")" ]
	await_client eight
	stop_echod
}

@test "no worker holds a channel of a sibling, of the master's or of the logger's" {
	local pid

	start_echod --workers=4
	note_sockets
	for pid in "$PID" $(descendants "$PID"); do
		sockets unix "$pid" >>"$TMP/held"
	done
	for pid in $(processes echod-worker); do
		[ "$(sockets unix "$pid" | wc -l)" -eq 1 ]
	done
	sort "$TMP/held" | uniq -d >"$TMP/shared"
	cmp "$TMP/shared" /dev/null
	stop_echod
}

@test "no worker has stdout open, nor the pipe's reading end" {
	local pid pipe

	start_echod --workers=2
	find "/proc/$(processes echod-logger)/fd" -lname "$LOG" | grep -q .
	for pid in $(processes echod-worker); do
		[ -z "$(find "/proc/$pid/fd" -lname "$LOG")" ]
		pipe=$(find "/proc/$pid/fd" -lname 'pipe:*' -printf '%f\n')
		grep -q '^flags:.*1$' "/proc/$pid/fdinfo/$pipe"
	done
	stop_echod
}

# trace CALLS ARGUMENT...: starts the server and has these system calls of its processes written down.
trace() {
	under_strace -ff -ttt -o "$TMP/trace" -e "trace=$1"
	shift
	start_echod "$@"
	WORKERS=$(processes echod-worker)
	LOGGER=$(processes echod-logger)
}

stop_traced_echod() {
	local pid

	stop_echod
	for pid in $PID $WORKERS $LOGGER; do
		wait_until grep -q '+++ exited with 0 +++$' "$TMP/trace.$pid"
	done
}

# time_of PATTERN PID: when the process first made such a call, in microseconds.
time_of() {
	sed -nE "s/^([0-9]+)\.([0-9]+) $1.*/\1\2/p" "$TMP/trace.$2" | head -n 1
}

@test "it says that it listens only when the workers and the logger have become what they are" {
	local said pid

	trace prctl,write --workers=3
	stop_traced_echod
	said=$(time_of 'write\(2, "echod: listening' "$PID")
	for pid in $WORKERS $LOGGER; do
		[ "$(time_of 'prctl\(PR_SET_NAME, "echod-(worker|logger)"' "$pid")" -lt "$said" ]
	done
}

# calls PATTERN PID...: how many of the calls of these processes match.
calls() {
	local pattern=$1 pid

	shift
	for pid; do
		cut -d ' ' -f 2- "$TMP/trace.$pid"
	done | grep -Ec "^$pattern" || true
}

@test "the master alone accepts, the workers receive descriptors, the logger alone writes to stdout" {
	local handing=accept,accept4,sendmsg,sendmmsg,recvmsg,recvmmsg
	local writing=write,writev,pwrite64,pwritev,splice,sendfile

	trace "$handing,$writing" --workers=2
	"$CLIENT" stream -H -n 10 -b 3000 "127.0.0.1:$PORT"
	stop_traced_echod

	# shellcheck disable=SC2086 # a word for each worker
	{
		[ "$(calls 'accept4?\(.* = [0-9]+$' "$PID")" -eq 10 ]
		[ "$(calls 'accept4?\(' $WORKERS "$LOGGER")" -eq 0 ]
		[ "$(calls 'sendm.*SCM_RIGHTS' "$PID")" -eq 10 ]
		[ "$(calls 'sendm.*SCM_RIGHTS' $WORKERS "$LOGGER")" -eq 0 ]
		[ "$(calls 'recvm.*SCM_RIGHTS' $WORKERS)" -eq 10 ]
		[ "$(calls 'recvm.*SCM_RIGHTS' "$PID" "$LOGGER")" -eq 0 ]
		[ "$(calls '(p?writev?(64)?|splice|sendfile)\(1,' "$LOGGER")" -ge 1 ]
		[ "$(calls '(p?writev?(64)?|splice|sendfile)\(1,' "$PID" $WORKERS)" -eq 0 ]
	}
}

@test "the source: no wing includes a file of another, and the hall and the options none of any wing" {
	local source=$TEST_FOLDER/../src

	[ "$(find "$source"/{master,worker,logger,common} -name '*.c' | wc -l)" -gt 10 ]
	run ! grep -rE '#include ".*(worker|logger)/' "$source/master"
	run ! grep -rE '#include ".*(master|logger)/' "$source/worker"
	run ! grep -rE '#include ".*(master|worker)/' "$source/logger"
	run ! grep -rE '#include ".*(master|worker|logger)/' "$source/common" "$source"/options.[ch]
}
