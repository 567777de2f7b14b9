#!/usr/bin/env bats
# The three exercises, with nc and socat as clients and the exact transcript of each.

load helper/clients

# kernel_holds PEER BYTES: so many bytes from PEER, on IPv4, wait in the kernel for the server.
kernel_holds() {
	local server client queued

	server=$(printf ':%04X' "$PORT")
	client=$(printf ':%04X' "${1##*:}")
	queued=$(printf ':%08X' "$2")
	awk -v server="$server" -v client="$client" -v queued="$queued" '
		substr($2, 9) == server && substr($3, 9) == client && substr($5, 9) == queued { found = 1 }
		END { exit !found }' /proc/net/tcp
}

# The ADDRESS:PORT that a "socat -d -d" has connected from.
socat_address() {
	sed -n 's/.* successfully connected from local address AF=2 //p' "$TMP/$1.err"
}

socat_is_connected() {
	[ -n "$(socat_address "$1")" ]
}

@test "exercise 1: one client after another; the second waits in the kernel and loses nothing" {
	local a b

	start_echod --no-echo --max-clients=1 --output=plain
	open_client first nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	a=$(peer 1)
	feed first $'first line\nmiddle of'
	expect_log "New connection from $a"$'\nfirst line\nmiddle of'

	open_client second socat -d -d -t 30 - "TCP4:127.0.0.1:$PORT"
	wait_until socat_is_connected second
	b=$(socat_address second)
	feed second $'from the queue\nits end'
	wait_until kernel_holds "$b" 22

	feed first ' a line'
	expect_log "New connection from $a"$'\nfirst line\nmiddle of a line'
	await_client first
	wait_until has_accepted 2
	feed second $' and more\n'
	await_client second
	stop_echod
	expect_log "New connection from $a
first line
middle of a line
New connection from $b
from the queue
its end and more
"
	got first ''
	got second ''
}

# Is this the end of the log?
ends_with() {
	cmp -s <(tail -c "${#1}" "$LOG") <(printf '%s' "$1")
}

@test "exercise 2: interleaved writers without final newlines, each change of source marked" {
	local a b c

	start_echod --no-echo
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	a=$(peer 1)
	feed a 'hello'
	expect_log "New connection from $a
$a: hello"
	feed a ', world'
	expect_log "New connection from $a
$a: hello, world"

	open_client b socat -d -d -t 30 - "TCP4:127.0.0.1:$PORT"
	wait_until has_accepted 2
	b=$(peer 2)
	wait_until socat_is_connected b
	[ "$b" = "$(socat_address b)" ]
	feed a $'!\n'
	expect_log "New connection from $a
$a: hello, world
New connection from $b
$a: !
"
	feed b $'whole line\n'
	expect_log "New connection from $a
$a: hello, world
New connection from $b
$a: !
$b: whole line
"
	feed b $'two\nlines'
	expect_log "New connection from $a
$a: hello, world
New connection from $b
$a: !
$b: whole line
two
lines"
	feed a $'\n'
	expect_log "New connection from $a
$a: hello, world
New connection from $b
$a: !
$b: whole line
two
lines
$a: 
"
	feed b ' of b'
	open_client c nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 3
	c=$(peer 3)
	feed c 'c'
	wait_until ends_with "$c: c"
	feed b $' again\n'
	wait_until ends_with $' again\n'
	await_client a
	await_client b
	await_client c
	stop_echod
	expect_log "New connection from $a
$a: hello, world
New connection from $b
$a: !
$b: whole line
two
lines
$a: 
$b:  of b
New connection from $c
$c: c
$b:  again
"
	got a ''
	got b ''
	got c ''
}

@test "exercise 3: everyone gets back what he wrote, and the log is as in exercise 2" {
	local a b c

	start_echod
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	a=$(peer 1)
	open_client b socat -d -d -t 30 - "TCP4:127.0.0.1:$PORT"
	wait_until has_accepted 2
	b=$(peer 2)
	feed a 'no newline'
	wait_until got a 'no newline'
	feed b $'one\ntwo'
	wait_until got b $'one\ntwo'
	feed a ' yet'
	wait_until got a 'no newline yet'
	open_client c nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 3
	c=$(peer 3)
	feed a $', but now\n'
	wait_until got a $'no newline yet, but now\n'
	feed c 'hi'
	wait_until got c 'hi'
	feed b $'\n'
	wait_until got b $'one\ntwo\n'
	await_client a
	await_client b
	await_client c
	stop_echod
	expect_log "New connection from $a
New connection from $b
$a: no newline
$b: one
two
$a:  yet
New connection from $c
$a: , but now
$c: hi
$b: 
"
	got a $'no newline yet, but now\n'
	got b $'one\ntwo\n'
	got c 'hi'
}
