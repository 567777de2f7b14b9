#!/usr/bin/env bats
# --max-per-address: who has enough connections gets no more, and nobody else notices.

load helper/kills

# from ADDRESS: says hello from there, and nothing more; fails if the echo is not just that.
from() {
	[ "$(printf hello | socat -t 10 - "TCP4:127.0.0.1:$PORT,bind=$1" 2>"$TMP/from.err")" = hello ]
}

# refused_from ADDRESS: a client there, which has sent nothing, reads end-of-file and nothing before.
refused_from() {
	timeout 20 socat -u "TCP4:127.0.0.1:$PORT,bind=$1" "CREATE:$TMP/refused" && [ ! -s "$TMP/refused" ]
}

# hold NAME COUNT: so many clients of 127.0.0.1, which stay and have had an echo.
hold() {
	open_client "$1" "$CLIENT" hold -n "$2" "127.0.0.1:$PORT"
	wait_until says "$1" holding
}

# The connections that the server has closed at once: what it has reported of them, all in all, ...
reported_sum() {
	awk '/ closed at once, from .*: --max-per-address=/ { sum += $2 } END { print sum + 0 }' "$ERR"
}

# ... and what its table says.
counted() {
	read_status
	sed -n 's/^echod: addresses: at most [0-9]* clients each, \([0-9]*\) connections closed at once$/\1/p' "$ERR" |
		tail -n 1
}

@test "more from one address are closed at once; others are served, and so is it when one of its own has ended" {
	start_echod --workers=2 --max-per-address=3
	hold two 2
	open_client third nc -N 127.0.0.1 "$PORT"
	feed third x
	wait_until got third x
	refused_from 127.0.0.1
	wait_until reported 'echod: 1 connection closed at once, from 127\.0\.0\.1: --max-per-address=3'
	from 127.0.0.2
	run ! from 127.0.0.1
	[ "$(counted)" -eq 2 ]
	await_client third
	wait_until status_is 2 workers clients
	from 127.0.0.1
	await_client two
	stop_echod
	[ "$(reported_sum)" -eq 2 ]
	# two, the third, and one of each address
	[ "$(grep -c '^New connection from ' "$LOG")" -eq 5 ]
	[ "$(grep -c '^New connection from 127\.0\.0\.2:' "$LOG")" -eq 1 ]
}

@test "without the option an address may have any number, and the table does not speak of it" {
	start_echod --workers=1
	hold many 100
	[ -z "$(counted)" ]
	await_client many
	stop_echod
	[ -z "$(other_complaints)" ]
}

counted_is() {
	[ "$(counted)" = "$1" ]
}

@test "many that are closed are reported in a line a second, which come to their number" {
	local began=$SECONDS i

	start_echod --workers=1 --max-per-address=1
	hold one 1
	open_client other socat - "TCP4:127.0.0.1:$PORT,bind=127.0.0.2"
	feed other x
	wait_until got other x
	for ((i = 0; i < 200; i++)); do
		: <>"/dev/tcp/127.0.0.1/$PORT"
		[ $((i % 20)) -ne 0 ] || refused_from 127.0.0.2
	done
	wait_until counted_is 210
	await_client one
	await_client other
	stop_echod
	[ "$(reported_sum)" -eq 210 ]
	reported 'echod: [0-9]* connections closed at once, from 127\.0\.0\.[12] and others: --max-per-address=1'
	# one at once, one for each second, one at the end
	[ "$(grep -c ' closed at once, from ' "$ERR")" -le $((SECONDS - began + 3)) ]
	[ "$(grep -c '^New connection from ' "$LOG")" -eq 2 ]
}

@test "killed workers and upgrades: connections that are there count, those that have gone do not" {
	on_a_copy
	start_echod --workers=2 --max-per-address=3
	hold three 3
	refused_from 127.0.0.1
	upgrade_echod 2
	refused_from 127.0.0.1
	kill -KILL "$(processes echod-worker | head -n 1)"
	refused_from 127.0.0.1
	[ "$(counted)" -eq 3 ]
	await_client three
	wait_until status_is 0 workers clients
	hold two 2
	upgrade_echod 2
	hold third 1
	refused_from 127.0.0.1
	[ "$(counted)" -eq 4 ]
	await_client two
	await_client third
	stop_echod
	[ "$(reported_sum)" -eq 4 ]
}

@test "of IPv6 it is the first 64 bits that count" {
	local inside address addresses=(2001:db8::1 2001:db8::ffff:0:0:1 2001:db8:0:1::1)
	# shellcheck disable=SC2016 # for the other shell to expand
	local alone=(unshare --net sh -ec 'ip link set lo up; for i in "$1" "$2" "$3"; do
		ip address add "$i/128" dev lo nodad; done; shift 3; exec "$@"' sh "${addresses[@]}")

	"${alone[@]}" true 2>/dev/null || skip "needs ip(8) and a network of its own with IPv6"
	through "${alone[@]}"
	start_echod --workers=1 --max-per-address=1 --listen='[::]:0'
	inside=(nsenter --net --target "$PID" socat)
	address="TCP6:[2001:db8::1]:$PORT"
	open_client one "${inside[@]}" - "$address,bind=[2001:db8::1]"
	feed one x
	wait_until got one x
	timeout 20 "${inside[@]}" -u "$address,bind=[2001:db8::ffff:0:0:1]" "CREATE:$TMP/refused"
	[ ! -s "$TMP/refused" ]
	wait_until reported 'echod: 1 connection closed at once, from 2001:db8::/64: --max-per-address=1'
	[ "$(printf hello | "${inside[@]}" -t 10 - "$address,bind=[2001:db8:0:1::1]")" = hello ]
	await_client one
	stop_echod
}

# behind_proxy NAME ADDRESS: a client whose PROXY header names this address, and which then is fed.
behind_proxy() {
	open_client "$1" socat STDIO "TCP4:127.0.0.1:$PORT"
	feed "$1" "PROXY TCP4 $2 127.0.0.1 4000 7"$'\r\n'
}

# is_refused NAME: the client is ended, and gets nothing.
is_refused() {
	wait_until is_gone "${CLIENT_PID[$1]}"
	got "$1" ''
}

count_the_true_clients() {
	local client

	on_a_copy
	start_echod --workers=1 --proxy-protocol --max-per-address=2
	behind_proxy a 192.0.2.1
	is_served a 1
	behind_proxy b 192.0.2.1
	is_served b 1
	behind_proxy c 192.0.2.1
	is_refused c
	behind_proxy d 192.0.2.2
	is_served d 1
	kill -KILL "$(processes echod-worker)"
	is_served a 12
	behind_proxy e 192.0.2.1
	is_refused e
	upgrade_echod 1
	is_served b 12
	behind_proxy f 192.0.2.1
	is_refused f
	await_client a
	wait_until status_is 2 workers clients
	behind_proxy g 192.0.2.1
	is_served g 1
	[ "$(counted)" -eq 3 ]
	for client in b d g; do
		await_client "$client"
	done
	stop_echod
	[ "$(reported_sum)" -eq 3 ]
	[ "$(grep -c '^New connection from 192.0.2.1:4000$' "$LOG")" -eq 3 ]
	[ "$(grep -c '^New connection from ' "$LOG")" -eq 4 ]
}

@test "behind a proxy the true client counts, through a kill and an upgrade, and who is refused is not in the log" {
	count_the_true_clients
}

@test "a worker that dies while it asks whether a client may stay costs that client nothing" {
	local i

	on_a_fault_build ECHOD_FAULT=known:2:3
	start_echod --workers=1 --proxy-protocol --max-per-address=1
	for i in 1 2 3 4 5 6; do
		behind_proxy "c$i" "192.0.2.$i"
		is_served "c$i" 1
	done
	behind_proxy more 192.0.2.3
	is_refused more
	for i in 1 2 3 4 5 6; do
		is_served "c$i" 12
		await_client "c$i"
	done
	stop_echod
	[ "$(grep -c '^New connection from ' "$LOG")" -eq 6 ]
}

# has_let_go PID COUNT: has the worker fewer descriptors?
has_let_go() {
	[ "$(find "/proc/$1/fd" -mindepth 1 | wc -l)" -lt "$2" ]
}

@test "a shutdown serves a client of which it was not known whether it may stay" {
	local worker count

	start_echod --workers=1 --proxy-protocol --max-per-address=1
	open_client a socat STDIO "TCP4:127.0.0.1:$PORT"
	wait_until status_is 1 workers clients
	worker=$(processes echod-worker)
	count=$(find "/proc/$worker/fd" -mindepth 1 | wc -l)
	kill -STOP "$PID"
	feed a $'PROXY TCP4 192.0.2.1 127.0.0.1 4000 7\r\nhello'
	wait_until has_let_go "$worker" "$count" # and what it asks is on its way to the master
	kill -TERM "$PID"
	kill -CONT "$PID"
	note_family
	wait_until got a hello
	await_client a
	await_echod 0
	expect_log $'New connection from 192.0.2.1:4000\n192.0.2.1:4000: hello'
}
