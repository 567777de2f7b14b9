#!/usr/bin/env bats
# --user: who was root is root no more, in no process, and serves on.

load helper/kills

# as UID GID [OPTION...]: what runs a command as this user, in no other groups unless setpriv(1) is told otherwise.
as() {
	local groups=(--clear-groups)

	[ "$#" -eq 2 ] || groups=()
	AS=(setpriv --reuid="$1" --regid="$2" "${groups[@]}" "${@:3}")
}

needs_root() {
	as 65534 65534
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	"${AS[@]}" true 2>/dev/null || skip "needs root's right to become another user"
}

# reachable_copy: the server is to run from a binary of its own that other users can execute, too.
reachable_copy() {
	on_a_copy
	chmod a+x "$BATS_RUN_TMPDIR" "$BATS_RUN_TMPDIR/test" "$TMP" "$TMP/bin"
	as 65534 65534
	"${AS[@]}" "$BINARY" --version >/dev/null 2>&1 || skip "needs a temporary folder that other users reach"
}

# rights PID: the process's ids, groups and capabilities, and whether it can get any.
rights() {
	sed -nE '/^(Uid|Gid|Groups|CapInh|CapPrm|CapEff|CapAmb|NoNewPrivs):/p' "/proc/$1/status" | tr -s '\t \n' ' '
}

# all_are UID GID: is each of the server's processes this user, and nothing else?
all_are() {
	local none=0000000000000000 pid

	for pid in "$PID" $(children); do
		[ "$(rights "$pid")" = "Uid: $1 $1 $1 $1 Gid: $2 $2 $2 $2 Groups: CapInh: $none CapPrm: $none CapEff: $none CapAmb: $none NoNewPrivs: 1 " ] || {
			rights "$pid"
			return 1
		}
	done
}

# find_low_port: sets LOW_PORT, below 1024, on which nothing listens and which root alone may have.
find_low_port() {
	local first

	first=$(cat /proc/sys/net/ipv4/ip_unprivileged_port_start)
	[ "$first" -gt 1000 ] || skip "needs ports for root alone"
	LOW_PORT=$((first - 1))
	while (: <>"/dev/tcp/127.0.0.1/$LOW_PORT") 2>/dev/null; do
		LOW_PORT=$((LOW_PORT - 1))
	done
}

# fails LINE: the server ends at once with status 1, and this is all that it says.
fails() {
	await_end "$PID"
	[ "$STATUS" -eq 1 ]
	diff <(echo "echod: $1") "$ERR"
}

@test "root on a port below 1024: no process stays root, also after kills and an upgrade, and the log is whole" {
	local uid gid pid

	needs_root
	find_low_port
	reachable_copy
	uid=$(id -u nobody)
	gid=$(id -g nobody)
	as 0 0 --groups=0,1,2
	through "${AS[@]}"
	install -m 600 /dev/null "$LOG"
	start_echod --workers=2 --verbose --user=nobody "127.0.0.1:$LOW_PORT"
	[ "$PORT" -eq "$LOW_PORT" ]
	all_are "$uid" "$gid"
	start_swarm streams -n 4 -w 65536 -k 2000
	kill_loggers 1
	for pid in $(processes echod-worker); do
		kill -KILL "$pid"
	done
	others_are_served -m "$TMP/others.sent"
	all_are "$uid" "$gid"
	upgrade_echod 2
	others_are_served -m "$TMP/late.sent"
	all_are "$uid" "$gid"
	await_swarm streams
	stop_echod
	is_exact streams others late
	[ -z "$(other_complaints)" ]
}

@test "the children of who was root are killed before the master when memory runs out" {
	local pid

	needs_root
	start_echod --workers=1 --user=nobody
	for pid in $(children); do
		[ "$(cat "/proc/$pid/oom_score_adj")" -gt "$(cat "/proc/$PID/oom_score_adj")" ]
	done
	stop_echod
}

@test "the logger can read what it has written, though the user may not open the file" {
	local fd

	needs_root
	install -m 600 /dev/null "$LOG"
	start_echod --workers=1 --user=nobody
	kill_loggers 1
	fd=$(find "/proc/$(processes echod-logger)/fd" -lname "$LOG" ! -name 1 -printf '%f\n')
	grep -q '^flags:.*0$' "/proc/$(processes echod-logger)/fdinfo/$fd"
	stop_echod
}

@test "users and groups are names or numbers, and a user's group is its own unless another is named" {
	local who nobody own
	local -A expected

	needs_root
	nobody=$(id -u nobody)
	own=$(id -g nobody)
	expected=([nobody]="$nobody $own" [nobody:daemon]="$nobody $(id -g daemon)" ["$nobody"]="$nobody $own"
		["$nobody:123456"]="$nobody 123456" [1234567:123456]="1234567 123456")
	for who in "${!expected[@]}"; do
		start_echod --workers=1 --user="$who" --listen=127.0.0.1:0
		# shellcheck disable=SC2086 # two words
		all_are ${expected[$who]}
		stop_echod
	done
}

@test "a user or group that there is not, and root, are refused" {
	local who

	while IFS='|' read -r who line; do
		launch_echod --user="$who" --listen=127.0.0.1:0
		fails "--user: $line"
	done <<-'END'
		no-such-user|'no-such-user' is not a user of this system
		nobody:no-such-group|'no-such-group' is not a group of this system
		1234567|'1234567' has no group of its own, name one: 1234567:GROUP
		4294967295:1|'4294967295' is not a user of this system
		1x:1|'1x' is not a user of this system
		root|'root' is root
		0:65534|'0' is root
	END
}

@test "who may not become that user, or leave its groups, does not serve" {
	needs_root
	as 65534 65534
	through "${AS[@]}"
	launch_echod --user=daemon --listen=127.0.0.1:0
	fails '--user=daemon: Operation not permitted'
	launch_echod --user=65534:1 --listen=127.0.0.1:0
	fails '--user=65534:1: Operation not permitted'
	as 65534 65534 --groups=1,2
	through "${AS[@]}"
	launch_echod --user=65534:65534 --listen=127.0.0.1:0
	fails '--user=65534:65534: Operation not permitted'
}

@test "who is that user already serves as that, with no capability that it was given" {
	needs_root
	as 65534 65534
	through "${AS[@]}" --inh-caps=+net_bind_service --ambient-caps=+net_bind_service
	start_echod --workers=1 --user=65534:65534 --listen=127.0.0.1:0
	all_are 65534 65534
	others_are_served
	stop_echod
}

@test "a program on disk that the user cannot execute: an upgrade says so, and the running one goes on" {
	needs_root
	reachable_copy
	start_echod --workers=1 --user=nobody
	chmod 700 "$BINARY"
	kill -USR2 "$PID"
	wait_until reported 'echod: upgrade: .*/bin/echod: Permission denied'
	others_are_served
	stop_echod
}
