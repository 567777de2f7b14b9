#!/usr/bin/env bats
#
# The forms of the log: from the log alone each client's stream can be put together again, whatever it sent and
# whoever is killed; and no byte of a client reaches a terminal that could do something to it.

load helper/kills

FORMS=(escaped hex json)

# parses: is each line of the log JSON to another program, too, and are they in order?
parses() {
	local lines

	lines=$(wc -l <"$LOG")
	[ "$(jq -c .event.sequence "$LOG" | wc -l)" -eq "$lines" ]
	jq .event.sequence "$LOG" | cmp - <(seq 0 $((lines - 1)))
}

# survives FORM KIND: the log of this form is exact under kills and upgrades, with payload of this kind.
survives() {
	start_echod --workers=2 --output="$1"
	start_swarm streams -n 4 -c 5000 -w 65536 -k 2000 -y "$2"
	start_swarm half-closing -b 30000 -n 4 -k 1000 -y "$2"
	start_swarm resetting -b 30000 -n 4 -r -k 1000 -y "$2"
	kill_at_random "$(by_length 5 30)" -i 50 -t echod-worker -t echod-logger
	upgrade_echod 2
	kill_at_random "$(by_length 5 30)" -i 50 -t echod-worker -t echod-logger
	await_swarm streams
	await_swarm half-closing
	await_swarm resetting
	stop_echod
	splits "$1" streams half-closing resetting
	[ "$1" != json ] || parses
	rm "$TMP"/*.in
}

survives_kinds() {
	local kind

	on_a_copy
	for kind in utf8 forged random text; do
		survives "$1" "$kind"
	done
}

setup_file() {
	local form

	for form in "${FORMS[@]}"; do
		begin "$form" survives_kinds "$form"
	done
}

@test "escaped: every stream is in the log, byte for byte, under kills and upgrades" {
	ends_well escaped
}

@test "hex: every stream is in the log, byte for byte, under kills and upgrades" {
	ends_well hex
}

@test "json: every stream is in the log, byte for byte, under kills and upgrades" {
	ends_well json
}

# talk FORM: a client says something with a character that is cut by a pause, and another one comes in between. Sets
# A and B, where they are.
talk() {
	start_echod --workers=1 --output="$1"
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a $'hello\n\e[31m\xe2\x82'
	wait_until got a $'hello\n\e[31m\xe2\x82'
	printf 'x\\y\r\n' | nc -N 127.0.0.1 "$PORT" 3>&-
	feed a $'\xac: forged'
	wait_until got a $'hello\n\e[31m\xe2\x82\xac: forged'
	await_client a
	wait_until status_is 0 workers clients
	stop_echod
	A=$(source_of 1)
	B=$(source_of 2)
}

@test "escaped: what it looks like" {
	talk escaped
	cmp "$LOG" - <<-END
		$A* connected to 127.0.0.1:$PORT
		$A: hello
		$A: \\x1b[31m\\
		$B* connected to 127.0.0.1:$PORT
		$B: x\\\\y\\r
		$B* closed: client_end, received 5, echoed 5, dropped 0
		$A: €: forged\\
		$A* closed: client_end, received 22, echoed 22, dropped 0
	END
}

@test "hex: what it looks like" {
	talk hex
	cmp "$LOG" - <<-END
		$A* connected to 127.0.0.1:$PORT
		$A 00000000  68 65 6c 6c 6f 0a 1b 5b  33 31 6d e2 82           |hello..[31m..|
		$B* connected to 127.0.0.1:$PORT
		$B 00000000  78 5c 79 0d 0a                                    |x\\y..|
		$B* closed: client_end, received 5, echoed 5, dropped 0
		$A 0000000d  ac 3a 20 66 6f 72 67 65  64                       |.: forged|
		$A* closed: client_end, received 22, echoed 22, dropped 0
	END
}

@test "hex: a long stream's lines are full, but for the last of what was received at once" {
	start_echod --workers=1 --output=hex
	"$CLIENT" stream -n 1 -b 500000 -c 65536 -w 500000 -m "$TMP/long.sent" "127.0.0.1:$PORT"
	stop_echod
	splits hex long
	# Each receive may end in a line that is not full; none takes less than a record's room.
	[ "$(grep -cE ' {3,}\|.{1,15}\|$' "$LOG")" -le $((500000 / 4032 + 1)) ]
}

@test "json: what jq makes of it" {
	talk json
	[ "$(jq -r .event.action "$LOG" | tr '\n' ' ')" = 'start open data open data close data close stop ' ]
	[ "$(jq -r 'select(.event.action == "data") | .data' "$LOG")" = $'hello\n\e[31m\nx\\y\r\n\n€: forged' ]
	[ "$(jq -c 'select(.event.action == "close") | [.event.reason, .client.bytes, .server.bytes, .dropped_bytes]' "$LOG")" = $'["client_end",5,5,0]\n["client_end",22,22,0]' ]
	[ "$(jq -r 'select(.event.action == "open") | .server.port' "$LOG" | uniq)" = "$PORT" ]
	[ "$(jq -r 'select(.event.action == "start") | .process.pid' "$LOG")" = "$PID" ]
	[ "$(jq -r '.connection.id // empty' "$LOG" | sort -u | wc -l)" -eq 2 ]
	# No line has a byte that a terminal could mind.
	[ "$(LC_ALL=C tr -d '\n\040-\176' <"$LOG" | od -An -c | tr -d ' \n')" = '342202254' ]
}

@test "json: a client that is reset, one cut at the shutdown, one that was not echoed: the reasons and the counts" {
	start_echod --workers=1 --output=json --drain-timeout=0 --when-full=close --buffer=64K
	"$CLIENT" reset -n 1 "127.0.0.1:$PORT" sent
	"$CLIENT" stuck -b 24000000 "127.0.0.1:$PORT" </dev/null || true
	open_client stays "$CLIENT" hold "127.0.0.1:$PORT"
	wait_until says stays '^holding 1$'
	stop_echod
	[ "$(jq -r 'select(.event.action == "close") | .event.reason' "$LOG" | tr '\n' ' ')" = 'client_reset buffer_full shutdown ' ]
	[ "$(jq 'select(.event.reason == "buffer_full") | .client.bytes == .server.bytes + .dropped_bytes' "$LOG")" = true ]
}

@test "what is dropped is told of: each range in json, each count in escaped, and together what the end says" {
	local form

	for form in json escaped; do
		start_echod --workers=1 --verbose --output="$form" --buffer=64K
		"$CLIENT" stuck -b 12000000 -m "$TMP/stuck.sent" "127.0.0.1:$PORT" </dev/null
		wait_until status_is 0 workers clients
		stop_echod
		splits "$form" stuck
		[ "$form" != json ] || parses
		rm "$TMP/stuck.sent"
	done
	grep -q '\* dropped [1-9][0-9]* bytes$' "$LOG"
	[ "$(sed -n 's/.*\* dropped \([0-9]*\) bytes$/\1/p' "$LOG" | awk '{ sum += $1 } END { print sum + 0 }')" -eq "$(number_after dropped "$(grep ' closed, received ' "$ERR")")" ]
}


@test "--skip-empty: who sends nothing leaves no trace in any form, and is counted" {
	local form

	for form in tagged plain escaped hex json; do
		start_echod --workers=1 --skip-empty --output="$form"
		nc -N 127.0.0.1 "$PORT" </dev/null 3>&-
		"$CLIENT" reset -n 3 "127.0.0.1:$PORT" connected
		wait_until status_is 0 workers clients
		[ "$form" = json ] || [ ! -s "$LOG" ]
		printf 'hello\n' | nc -N 127.0.0.1 "$PORT" 3>&-
		stop_echod
		[ "$form" != json ] || [ "$(jq -r .event.action "$LOG" | tr '\n' ' ')" = 'start open data close stop ' ]
		[ "$form" != tagged ] || [ "$(wc -l <"$LOG")" -eq 2 ]
	done
}

@test "--log-bytes: only the beginning of each connection is in the log, and how much is not" {
	start_echod --workers=1 --log-bytes=7 --output=json
	printf '0123456789' | nc -N 127.0.0.1 "$PORT" 3>&-
	stop_echod
	[ "$(jq -r 'select(.event.action == "data") | .data' "$LOG")" = 0123456 ]
	[ "$(jq -c 'select(.event.action == "close") | [.client.bytes, .server.bytes, .unlogged]' "$LOG")" = '[10,10,3]' ]

	start_echod --workers=1 --log-bytes=7
	[ "$(printf '0123456789' | nc -N 127.0.0.1 "$PORT" 3>&-)" = 0123456789 ]
	stop_echod
	[ "$(sed -E 's/127\.0\.0\.1:[0-9]+/PEER/' "$LOG")" = $'New connection from PEER\nPEER: 0123456\nPEER: [3 bytes not logged]' ]

	start_echod --workers=1 --log-bytes=0 --output=escaped
	printf '0123456789' | nc -N 127.0.0.1 "$PORT" 3>&-
	stop_echod
	[ "$(wc -l <"$LOG")" -eq 2 ]
	grep -q 'closed: client_end, received 10, echoed 10, dropped 0, 10 bytes not logged$' "$LOG"
}

@test "tagged on a terminal: nothing that a client sends reaches it raw, and elsewhere everything does" {
	stdout_to_terminal socat
	start_echod --workers=1
	"$CLIENT" payload -b 200000 -y random >"$TMP/random"
	{ printf '\t\\ \xe2\x82\xac \xc2\x9b \xe2\x80\xae \xed\xa0\x80 \xc0\x80'; cat "$TMP/random"; } | nc -N 127.0.0.1 "$PORT" >"$TMP/echo" 3>&-
	stop_echod
	wait_until ends_with "$TMP/shown" "$(tail -c 1 "$TMP/random" | od -An -tx1 | tr -d ' ')"
	close_terminal
	grep -qF $'\t\\ \xe2\x82\xac \\xc2\\x9b \\xe2\\x80\\xae \\xed\\xa0\\x80 \\xc0\\x80' "$TMP/shown"
	# No control character but newline and tab, and every other byte is part of valid UTF-8.
	[ "$(LC_ALL=C tr -d '\n\t\040-\176\200-\377' <"$TMP/shown" | wc -c)" -eq 0 ]
	iconv -f UTF-8 -t UTF-8 "$TMP/shown" | cmp - "$TMP/shown"
	run ! grep -qP '[\x{80}-\x{9f}\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}]' "$TMP/shown"
}

@test "tagged on a terminal: what is text is shown as it is, and so is everything else of the log" {
	local a b

	stdout_to_terminal socat
	start_echod --workers=1 --no-echo
	LOG=$TMP/shown
	open_client a nc -N 127.0.0.1 "$PORT"
	feed a $'one\n'
	wait_until has_lines 2
	printf 'three' | nc -N 127.0.0.1 "$PORT" 3>&-
	wait_until has_lines 3
	feed a $'two €\n'
	await_client a
	stop_echod
	wait_until has_lines 5
	close_terminal
	a=$(peer 1)
	b=$(peer 2)
	log_is "New connection from $a
$a: one
New connection from $b
$b: three
$a: two €
"
}

# ends_with FILE HEX: is that the last byte shown, be it raw or escaped?
ends_with() {
	[ "$(tail -c 1 "$1" | od -An -tx1 | tr -d ' ')" = "$2" ] || [ "$(tail -c 2 "$1")" = "$2" ]
}
