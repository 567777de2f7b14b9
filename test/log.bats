#!/usr/bin/env bats
# The data log: nothing lost, nothing torn, nothing altered.

load helper/clients

@test "writers on all workers at full speed: the log, split by its prefixes, gives every stream back" {
	start_echod --workers=8
	"$CLIENT" stream -n 16 -b 1500000 -c 65536 -s 5 -m "$TMP/sent" "127.0.0.1:$PORT"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
}

@test "lines written whole by 64 clients of 8 workers at once are whole in the log" {
	start_echod --workers=8
	"$CLIENT" pingpong -k 64 -n 300 -m "$TMP/sent" "127.0.0.1:$PORT"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
	[ "$(grep -c ';$' "$LOG")" -eq 19200 ]
	run ! grep -Evx -e '(127\.0\.0\.1:[0-9]+: )?c[0-9]+ l[0-9]+ [^ ;]*;' \
		-e 'New connection from 127\.0\.0\.1:[0-9]+' "$LOG"
}

@test "the log has the same bytes as were sent, whatever they are" {
	head -c 1000000 /dev/urandom >"$TMP/sent"
	start_echod
	nc -N 127.0.0.1 "$PORT" <"$TMP/sent" >/dev/null
	stop_echod
	cmp "$LOG" <(
		printf 'New connection from %s\n%s: ' "$(peer 1)" "$(peer 1)"
		cat "$TMP/sent"
	)
}

@test "plain: the same without prefixes" {
	local a b

	start_echod --output=plain
	open_client a nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 1
	a=$(peer 1)
	feed a $'one\n'
	wait_until got a $'one\n'
	open_client b nc -N 127.0.0.1 "$PORT"
	wait_until has_accepted 2
	b=$(peer 2)
	feed b $'two\n'
	wait_until got b $'two\n'
	feed a $'three\n'
	wait_until got a $'one\nthree\n'
	await_client a
	await_client b
	stop_echod
	expect_log "New connection from $a
one
New connection from $b
two
three
"
}
