#!/usr/bin/env bats
#
# --proxy-protocol: the log knows the true client, wherever a header is cut and whoever is killed meanwhile; what has
# none is closed.

load helper/kills

setup_file() {
	# Five seconds, for all of them at once.
	begin late at_once end_late replaced stalled
}

SIGNATURE='\r\n\r\n\0\r\nQUIT\n'

# say BYTES [PART...]: what a client gets that sends this, given as to printf(1), in so many pieces, and its end.
say() {
	local part

	{
		for part; do
			# shellcheck disable=SC2059 # it has NULs in it
			printf "$part"
		done
	} | socat -t 20 - "TCP:127.0.0.1:$PORT" 3>&- 2>/dev/null || true
}

# attend NAME BYTES: a client of this name that sends this, given as to printf(1), and ends when the server ends it.
attend() {
	(
		close_feeds
		exec {to}<>"/dev/tcp/127.0.0.1/$PORT"
		# shellcheck disable=SC2059 # it has NULs in it
		printf "$2" >&"$to"
		exec cat <&"$to"
	) >"$TMP/$1.out" 2>"$TMP/$1.err" 3>&- &
	started "$1"
}

# the_ends WANTED...: after stop_echod, so did connections end, by an escaped log.
the_ends() {
	sed -n 's/^\([^*]*\)\* closed: /\1 /p' "$LOG" | sed -E 's/^127.0.0.1:[0-9]+ /real /' |
		diff - <(printf '%s\n' "$@")
}

@test "both versions name the client, and data may follow at once: what the log shows" {
	start_echod --workers=1 --proxy-protocol --output=escaped --verbose
	[ "$(say 'PROXY TCP4 192.0.2.1 192.0.2.2 4001 7\r\none\n')" = one ]
	[ "$(say 'PROXY TCP6 2001:db8::1 ::1 4002 7\r\ntwo\n')" = two ]
	[ "$(say "$SIGNATURE"'\x21\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x0f\xa3\0\7three\n')" = three ]
	[ "$(say "$SIGNATURE"'\x21\x21\0\x27\x20\1\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\4................\x0f\xa4\0\7\4\0\0four\n')" = four ]
	[ "$(say 'PROXY TCP4 192.0.2.5 192.0.2.2 4005 7\r\n')" = '' ]
	stop_echod
	cmp "$LOG" - <<-END
		192.0.2.1:4001* connected to 127.0.0.1:$PORT
		192.0.2.1:4001: one
		192.0.2.1:4001* closed: client_end, received 4, echoed 4, dropped 0
		[2001:db8::1]:4002* connected to 127.0.0.1:$PORT
		[2001:db8::1]:4002: two
		[2001:db8::1]:4002* closed: client_end, received 4, echoed 4, dropped 0
		192.0.2.1:4003* connected to 127.0.0.1:$PORT
		192.0.2.1:4003: three
		192.0.2.1:4003* closed: client_end, received 6, echoed 6, dropped 0
		[2001:db8::4]:4004* connected to 127.0.0.1:$PORT
		[2001:db8::4]:4004: four
		[2001:db8::4]:4004* closed: client_end, received 5, echoed 5, dropped 0
		192.0.2.5:4005* connected to 127.0.0.1:$PORT
		192.0.2.5:4005* closed: client_end, received 0, echoed 0, dropped 0
	END
	complaints | diff - <(cat <<-'END'
		echod: 192.0.2.1:4001: closed, received 4, echoed 4, dropped 0
		echod: [2001:db8::1]:4002: closed, received 4, echoed 4, dropped 0
		echod: 192.0.2.1:4003: closed, received 6, echoed 6, dropped 0
		echod: [2001:db8::4]:4004: closed, received 5, echoed 5, dropped 0
		echod: 192.0.2.5:4005: closed, received 0, echoed 0, dropped 0
	END
	)
}

@test "json shows the proxy, too, where the header names a client" {
	local proxy

	start_echod --workers=1 --proxy-protocol --output=json
	open_client proxy socat -d -d -t 20 - "TCP:127.0.0.1:$PORT"
	feed proxy $'PROXY TCP4 192.0.2.1 192.0.2.2 4001 7\r\n'
	wait_until has_lines 2
	proxy=$(sed -n 's/.* successfully connected from local address AF=2 //p' "$TMP/proxy.err")
	await_client proxy
	say 'PROXY UNKNOWN\r\n'
	stop_echod
	jq -r 'select(.event.action == "open") | .client.address, .server.port, .network.peer.address // "none"' "$LOG" |
		cmp - <(printf '%s\n' 192.0.2.1 "$PORT" 127.0.0.1 127.0.0.1 "$PORT" none)
	[ "127.0.0.1:$(jq 'select(.network.peer) | .network.peer.port' "$LOG")" = "$proxy" ]
}

@test "headers that name no client over TCP: the real address counts" {
	local header

	start_echod --workers=1 --proxy-protocol --output=escaped
	for header in 'PROXY UNKNOWN\r\n' 'PROXY UNKNOWN any \n thing\r\n' "$SIGNATURE"'\x20\0\0\0' \
		"$SIGNATURE"'\x20\x11\0\x0c\xc0\0\2\1\xc0\0\2\2\x0f\xa3\0\7' "$SIGNATURE"'\x21\0\0\2xx' \
		"$SIGNATURE"'\x21\x12\0\x0c\xc0\0\2\1\xc0\0\2\2\x0f\xa3\0\7' "$SIGNATURE"'\x21\x31\0\0'; do
		[ "$(say "$header"'x\n')" = x ]
	done
	stop_echod
	the_ends real\ client_end,\ received\ 2,\ echoed\ 2,\ dropped\ 0{,,,,,,}
	[ -z "$(complaints)" ]
}

@test "a header of 65551 bytes is taken" {
	start_echod --workers=1 --proxy-protocol
	[ "$(say "$SIGNATURE"'\x21\x11\xff\xff\xc0\0\2\1\xc0\0\2\2\x0f\xa3\0\7' '%065523d' 'x\n')" = x ]
	stop_echod
	expect_log $'New connection from 192.0.2.1:4003\n192.0.2.1:4003: x\n'
}

@test "what is no header is closed at once, logged and, now and then, reported" {
	local wrong count=0

	start_echod --workers=1 --proxy-protocol --output=escaped
	for wrong in 'GET / HTTP/1.1\r\n\r\n' 'x' 'PROXY TCP4 192.0.2.1 192.0.2.2 4001\r\nx\n' '%0108d' \
		"PROXY UNKNOWN $(printf '%092d' 1)"'\r\n' "$SIGNATURE"'\x31\x11\0\x0c' "$SIGNATURE"'\x22\x11\0\x0c' \
		"$SIGNATURE"'\x21\x41\0\x0c' "$SIGNATURE"'\x21\x11\0\x0bxxxxxxxxxxx'; do
		attend "wrong$((++count))" "$wrong"
		await_end "${CLIENT_PID[wrong$count]}"
		got "wrong$count" ''
	done
	stop_echod
	the_ends real\ proxy,\ received\ 0,\ echoed\ 0,\ dropped\ 0{,,,,,,,,}
	[ "$(wc -l <"$LOG")" -eq 18 ]
	complaints | sed -E 's/127.0.0.1:[0-9]+/REAL/' | cmp - <(echo 'echod: REAL: wrong PROXY header, closing')
}

# start_cuts OPTION...: every header is cut at every byte, and its first piece has arrived.
start_cuts() {
	open_client cuts "$CLIENT" cuts -s "$SEED" -m "$TMP/cuts.sent" "$@" "127.0.0.1:$PORT"
	wait_until says_or_ends cuts '^cut '
	says cuts '^cut '
}

is_replaced() {
	[ -n "$(processes echod-worker)" ] && [ "$(processes echod-worker)" != "$1" ]
}

@test "headers cut at every byte: exact, also if the worker is killed or the server is upgraded between the pieces" {
	local worker

	on_a_copy
	for event in nothing kill upgrade; do
		start_echod --workers=1 --proxy-protocol --output=json
		start_cuts
		worker=$(processes echod-worker)
		case $event in
		kill)
			kill -KILL "$worker"
			wait_until is_replaced "$worker"
			;;
		upgrade) upgrade_echod 1 ;;
		esac
		await_client cuts
		stop_echod
		splits json cuts
		[ -z "$(other_complaints)" ]
		rm "$TMP"/cuts.*
	done
}

@test "connections that end within a header, at every byte of it, have sent nothing, and end at once" {
	local cuts

	start_echod --workers=1 --proxy-protocol --output=json
	start_cuts -e
	await_client cuts
	stop_echod
	cuts=$(sed -n 's/^cut //p' "$TMP/cuts.out")
	jq -c 'select(.event.action == "close") | [.event.reason, .client.bytes > 0, .event.duration >= 5000000000]' "$LOG" |
		sort | uniq -c | sed 's/^ *//' |
		diff - <(printf '%s\n' '1 ["client_end",true,false]' "$cuts [\"proxy\",false,false]")
	[ "$(jq 'select(.event.action == "open") | .client.port' "$LOG" | wc -l)" -eq $((cuts + 1)) ]
	complaints | sed -E 's/127.0.0.1:[0-9]+/REAL/' | cmp - <(echo 'echod: REAL: ended before its PROXY header, closing')
}

@test "workers killed at random under clients behind a proxy: every echo, the log and the counts are exact" {
	on_a_copy
	start_echod --workers=2 --proxy-protocol --verbose
	start_swarm streams -P -n 4 -c 2048 -w 65536 -k 4000
	start_swarm short -P -b 3000 -n 8 -k 1000
	start_swarm resetting -P -r -b 3000 -n 4 -k 1000
	kill_at_random "$(by_length 6 300)" -i 50 -t echod-worker -t echod-logger
	upgrade_echod 2
	kill_at_random "$(by_length 6 300)" -i 50 -t echod-worker -t echod-logger
	await_swarm streams
	await_swarm short
	await_swarm resetting
	stop_echod
	is_exact streams short resetting
	[ -z "$(other_complaints)" ]
}

@test "--skip-empty: who connects and leaves, or sends just a header, leaves no line; a wrong header does" {
	local header

	start_echod --workers=1 --proxy-protocol --skip-empty --output=escaped
	for header in '' 'PROXY UNKNOWN\r\n' "$SIGNATURE"'\x20\0\0\0' 'PROXY TCP4 192.0.2.1 192.0.2.2 4001 7\r\n'; do
		say "$header"
	done
	socat /dev/null "TCP:127.0.0.1:$PORT,linger=0" 3>&-
	wait_until status_is 0 workers clients
	[ ! -s "$LOG" ]
	[ -z "$(other_complaints)" ]
	say 'PROXY'
	say 'PROXY UNKNOWN\r\nx\n'
	stop_echod
	the_ends 'real proxy, received 0, echoed 0, dropped 0' 'real client_end, received 2, echoed 2, dropped 0'
	other_complaints | sed -E 's/127.0.0.1:[0-9]+/REAL/' | cmp - <(echo 'echod: REAL: ended before its PROXY header, closing')
}

# holds BYTES: so many bytes, on IPv4, wait in the kernel for the server on one of its connections.
holds() {
	awk -v port="$(printf ':%04X' "$PORT")" -v queued="$(printf ':%08X' "$1")" '
		substr($2, 9) == port && $4 != "0A" && substr($5, 9) == queued { found = 1 }
		END { exit !found }' /proc/net/tcp
}

# A header of version 2 with 20000 bytes behind the addresses, and a line.
long_header() {
	# shellcheck disable=SC2059 # it has NULs in it
	printf "$SIGNATURE"'\x21\x11\x4e\x2c\xc0\0\2\3\xc0\0\2\2\x0f\xa3\0\7'
	printf '%020000d' 0
	printf 'x\n'
}

@test "a shutdown: who was to send a header gets its end, and what is behind one that has arrived is echoed" {
	start_echod --workers=1 --proxy-protocol --output=escaped
	open_client whole nc -N 127.0.0.1 "$PORT"
	wait_until status_is 1 workers clients
	attend silent ''
	attend half 'PROXY TCP4 192.0.2.1 192.'
	wait_until status_is 3 workers clients
	# Who is served behind them shows that the worker has them all.
	"$CLIENT" stream -P -n 1 -b 10 "127.0.0.1:$PORT"
	kill -STOP "$(processes echod-worker)"
	long_header >&"${CLIENT_FEED[whole]}"
	wait_until holds 20030
	signal_echod TERM
	wait_until is_deaf
	kill -CONT "$(processes echod-worker)"
	await_end "${CLIENT_PID[silent]}"
	await_end "${CLIENT_PID[half]}"
	await_client whole
	got silent ''
	got half ''
	got whole $'x\n'
	await_echod 0
	[ "$(grep -c '^192.0.2.3:4003: x$' "$LOG")" -eq 1 ]
	[ "$(grep -c '^127.0.0.1:[0-9]*\* closed: shutdown, received 0, echoed 0, dropped 0$' "$LOG")" -eq 2 ]
	[ -z "$(other_complaints)" ]
}

# ends COUNT: have so many connections ended for want of a header?
ends() {
	[ "$(jq 'select(.event.reason == "proxy")' "$LOG" | grep -c duration)" -ge "$1" ]
}

# The server is replaced again and again, which gives nobody more time.
replaced() {
	local deadline=$((SECONDS + WAIT_SECONDS))

	on_a_copy
	start_echod --workers=1 --proxy-protocol --output=json
	attend silent ''
	attend partial 'PROXY TCP4 192.0.2.1 192.'
	attend inside "$SIGNATURE"'\x21\x11\0\x1c\xc0\0\2\1\xc0\0\2\2\x0f\xa3\0\7more'
	open_client behind nc -N 127.0.0.1 "$PORT"
	feed behind $'PROXY UNKNOWN\r\n'
	until ends 3; do
		[ "$SECONDS" -lt "$deadline" ]
		upgrade_echod 1
	done
	feed behind $'still there\n'
	wait_until got behind $'still there\n'
	await_end "${CLIENT_PID[silent]}"
	await_end "${CLIENT_PID[partial]}"
	await_end "${CLIENT_PID[inside]}"
	await_client behind
	stop_echod
	jq -c 'select(.event.action == "close") | [.event.reason, .client.bytes, .client.address]' "$LOG" | sort |
		diff - <(printf '%s\n' '["client_end",12,"127.0.0.1"]' '["proxy",0,"127.0.0.1"]'{,,})
	jq -e -s 'map(select(.event.reason == "proxy").event.duration) | min >= 5000000000' "$LOG"
}

# While nobody reads the log headers are read all the same, and data waits.
stalled() {
	stall_stdout
	start_echod --workers=1 --proxy-protocol --when-full=pause # a slow client must not lose its echo
	open_client bulk "$CLIENT" stream -P -S -n 1 -b 40000000 -w 40000000 "127.0.0.1:$PORT"
	wait_until says bulk '^stalled [0-9]*$'
	open_client whole nc -N 127.0.0.1 "$PORT"
	attend silent ''
	open_client wrong nc -N 127.0.0.1 "$PORT"
	wait_until status_is 4 workers clients
	feed whole $'PROXY UNKNOWN\r\nx\n'
	feed wrong x
	wait_until reported 'echod: 127.0.0.1:[0-9]*: wrong PROXY header, closing'
	run ! is_gone "${CLIENT_PID[silent]}"
	await_end "${CLIENT_PID[silent]}"
	got whole ''
	(
		close_feeds
		exec cat "$TMP/pipe" >/dev/null 3>&-
	) &
	started log_reader
	wait_until got whole $'x\n'
	await_client whole
	await_client bulk
	end_input wrong
	stop_echod
	other_complaints | sed -E 's/127.0.0.1:[0-9]+/REAL/' | cmp - <(echo 'echod: REAL: wrong PROXY header, closing')
}

end_late() {
	"$1"
}

@test "without a header in five seconds, and not before: closed, whoever is replaced meanwhile or does not read the log" {
	ends_well late
}
