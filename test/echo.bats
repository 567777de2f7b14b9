#!/usr/bin/env bats
# What comes back: every byte, to everyone, whatever the number of clients and workers.

load helper/clients

@test "printf hi | nc -N gets its hi" {
	start_echod
	printf hi | nc -N 127.0.0.1 "$PORT" >"$TMP/back"
	cmp "$TMP/back" <(printf hi)
	stop_echod
	expect_log "New connection from $(peer 1)
$(peer 1): hi"
}

@test "an IPv6 client gets its hi and is shown as [::1]:PORT" {
	start_echod --listen='[::1]:0'
	grep -qx "echod: listening on \[::1\]:$PORT" "$ERR"
	printf hi | nc -N ::1 "$PORT" >"$TMP/back"
	cmp "$TMP/back" <(printf hi)
	stop_echod
	[[ $(peer 1) =~ ^\[::1\]:[0-9]+$ ]]
	expect_log "New connection from $(peer 1)
$(peer 1): hi"
}

@test "8 MiB of any bytes through a half-closing nc and a half-closing socat come back identical" {
	head -c 8388608 /dev/urandom >"$TMP/sent"
	start_echod
	nc -N 127.0.0.1 "$PORT" <"$TMP/sent" >"$TMP/nc"
	cmp "$TMP/sent" "$TMP/nc"
	socat -t 30 - "TCP4:127.0.0.1:$PORT" <"$TMP/sent" >"$TMP/socat"
	cmp "$TMP/sent" "$TMP/socat"
	stop_echod
}

@test "a client that half-closes without a byte gets its end-of-file" {
	start_echod --verbose
	nc -N 127.0.0.1 "$PORT" </dev/null >"$TMP/back"
	cmp "$TMP/back" /dev/null
	stop_echod
	expect_log "New connection from $(peer 1)
"
	reported "echod: $(peer 1): closed, received 0, echoed 0, dropped 0"
}

@test "--no-echo sends nothing back" {
	start_echod --no-echo --verbose
	printf hi | nc -N 127.0.0.1 "$PORT" >"$TMP/back"
	cmp "$TMP/back" /dev/null
	stop_echod
	expect_log "New connection from $(peer 1)
$(peer 1): hi"
	reported "echod: $(peer 1): closed, received 2, echoed 0, dropped 0"
}

@test "1,000 clients at once over 4 workers: every echo and the log, split by its prefixes, are byte-exact" {
	start_echod --workers=4
	"$CLIENT" stream -H -n 1000 -b 20000 -c 9000 -s 4 -m "$TMP/sent" "127.0.0.1:$PORT"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
}

@test "1, 2, 3, 8 and 32 workers serve alike" {
	local workers

	for workers in 1 2 3 8 32; do
		start_echod --workers="$workers"
		[ "$(processes echod-worker | wc -l)" -eq "$workers" ]
		"$CLIENT" stream -H -n 40 -b 50000 -s "$workers" -m "$TMP/sent" "127.0.0.1:$PORT"
		stop_echod
		"$CLIENT" logsplit "$LOG" "$TMP/sent"
	done
}

@test "with a buffer smaller than any chunk and --when-full=pause not a byte is lost" {
	start_echod --workers=2 --buffer=997 --when-full=pause
	"$CLIENT" stream -H -n 8 -b 1000000 -c 65536 -w 100000000 -m "$TMP/sent" "127.0.0.1:$PORT"
	stop_echod
	"$CLIENT" logsplit "$LOG" "$TMP/sent"
}

@test "urgent bytes stay in their place among the others" {
	start_echod
	"$CLIENT" oob -n 500 "127.0.0.1:$PORT"
	others_are_served
	stop_echod
}
