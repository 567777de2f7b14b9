#!/usr/bin/env bats
# Behind a real HAProxy that sends PROXY headers: the log knows its clients as if they had come themselves.

load helper/kills

# The same port as the server's, on another address.
FRONT=127.0.0.2

# start_haproxy LINE...: HAProxy in front of the server, with these lines for its servers.
start_haproxy() {
	type haproxy >/dev/null 2>&1 || skip "needs haproxy"
	cat >"$TMP/haproxy.cfg" <<-END
		global
		    maxconn 200
		    nbthread 1
		    stats socket $TMP/haproxy.sock mode 600 level admin expose-fd listeners
		defaults
		    mode tcp
		    timeout connect 10s
		    timeout client 60s
		    timeout server 60s
		listen echo
		    bind $FRONT:$PORT
		$(printf '    %s\n' "$@")
	END
	# Its processes are to hold neither bats nor a client's input.
	(
		close_feeds
		exec haproxy -W -f "$TMP/haproxy.cfg" >"$TMP/haproxy.out" 2>&1 3>&-
	) &
	started haproxy
	wait_until listens "$FRONT" "$PORT"
}

# listens ADDRESS PORT: does anything, by the kernel's tables?
listens() {
	local address

	# shellcheck disable=SC2046 # a word for each number, the last one first
	address=$(printf '%02X' $(tr . '\n' <<<"$1" | tac))
	awk '$4 == "0A" { print $2 }' /proc/net/tcp | grep -qx "$address:$(printf '%04X' "$2")"
}

# The workers that HAProxy's master has started, by its own word.
haproxy_forks() {
	grep -c 'New worker.* forked' "$TMP/haproxy.out" || true
}

has_forked() {
	[ "$(haproxy_forks)" -gt "$1" ] && [ "$(grep -c 'Loading success' "$TMP/haproxy.out")" -gt "$1" ]
}

# reloads COUNT: has it, which had forked so often? A signal that finds its master starting anew is lost, so that it is
# sent again now and then.
reloads() {
	! has_forked "$1" || return 0
	((looks++ % 10)) || kill -USR2 "${CLIENT_PID[haproxy]}"
	return 1
}

# reload_haproxy: another process of it takes over what it listens on; the old one ends with its connections.
reload_haproxy() {
	local looks=0

	wait_until reloads "$(haproxy_forks)"
}

stop_haproxy() {
	kill -TERM "${CLIENT_PID[haproxy]}"
	await_end "${CLIENT_PID[haproxy]}"
}

@test "versions 1 and 2: the log has the true clients, and half-closed streams go through whole" {
	local version

	for version in send-proxy send-proxy-v2; do
		start_echod --workers=2 --proxy-protocol --output=json
		start_haproxy "server echod 127.0.0.1:$PORT $version"
		"$CLIENT" stream -H -n 20 -b 100000 -m "$TMP/streams.sent" "$FRONT:$PORT"
		stop_haproxy
		stop_echod
		splits json streams
		jq -r 'select(.event.action == "open") | .network.peer.address // "none"' "$LOG" >"$TMP/proxies"
		[ "$(sort "$TMP/proxies" | uniq -c)" = '     20 127.0.0.1' ]
		[ -z "$(complaints)" ]
		rm "$TMP"/*.sent
	done
}

@test "HAProxy is reloaded and workers are killed under load: every echo, the log and the counts are exact" {
	local i

	start_echod --workers=2 --proxy-protocol --verbose
	start_haproxy "server echod 127.0.0.1:$PORT send-proxy-v2"
	start_through streams -n 4 -c 2048 -w 65536 -k 4000
	start_through short -n 8 -b 20000 -k 2000
	for ((i = 0; i < $(by_length 4 40); i++)); do
		reload_haproxy
		kill_at_random 1 -i 20 -t echod-worker
	done
	await_swarm streams
	await_swarm short
	stop_haproxy
	stop_echod
	is_exact streams short
	[ -z "$(other_complaints)" ]
}

# start_through NAME OPTION...: start_swarm, with HAProxy in between.
start_through() {
	open_client "$1" "$CLIENT" swarm -s $((SEED + ${#CLIENT_PID[@]})) -m "$TMP/$1.sent" "${@:2}" "$FRONT:$PORT"
	wait_until says_or_ends "$1" 'all echo'
	says "$1" 'all echo'
}

# all_are_checked COUNT: does HAProxy know of so many servers that they are well, and has this one told of as many
# ends as there are with --verbose, some times over?
all_are_checked() {
	[ "$(socat - "UNIX:$TMP/haproxy.sock" <<<'show stat' 3>&- | grep -c ',L[47]OK,')" -eq "$1" ] &&
		[ "$(grep -c ': closed, received 0, ' "$ERR")" -ge $((10 * $1)) ]
}

# check_all OPTION...: health checks of all kinds, of a server with these options. The last kind just connects; without
# "linger" it would be reset before anybody could accept it.
check_all() {
	start_echod --workers=1 --proxy-protocol --output=escaped --verbose "$@"
	start_haproxy "default-server inter 10ms" \
		"server v1 127.0.0.1:$PORT check send-proxy" \
		"server v2 127.0.0.1:$PORT check send-proxy-v2" \
		"server only-checks 127.0.0.1:$PORT check check-send-proxy" \
		"backend connects" "option tcp-check" "tcp-check connect linger" \
		"server none 127.0.0.1:$PORT check inter 10ms"
	wait_until all_are_checked 4
	stop_haproxy
	stop_echod
}

@test "health checks: with --skip-empty no line is left by them, be it of a header or of none" {
	check_all --skip-empty
	[ ! -s "$LOG" ]
	[ -z "$(other_complaints)" ]
}

@test "health checks: without it, one that sends a header is a connection, and one that does not is wrong" {
	check_all
	[ "$(grep -c '\* closed: client_[a-z]*, received 0, echoed 0, dropped 0$' "$LOG")" -ge 10 ]
	[ "$(grep -c '\* closed: proxy, received 0, echoed 0, dropped 0$' "$LOG")" -ge 1 ]
	[ "$(grep -c '\* connected to ' "$LOG")" -eq "$(grep -c '\* closed: ' "$LOG")" ]
	other_complaints | sed -E 's/127.0.0.1:[0-9]+/REAL/' | cmp - <(echo 'echod: REAL: ended before its PROXY header, closing')
}
