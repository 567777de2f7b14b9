# What the server tells of itself: the table that SIGUSR1 has it write, and the answers of its status socket.

# read_status: has the server write one.
read_status() {
	local tables

	tables=$(grep -c '^echod: limits: ' "$ERR" || true)
	kill -USR1 "$PID"
	wait_until has_tables $((tables + 1))
}

has_tables() {
	[ "$(grep -c '^echod: limits: ' "$ERR")" -ge "$1" ]
}

# status ROW COLUMN: a figure of the last table. Rows: worker0, ..., workers, logger.
status() {
	sed -n 's/^echod: worker \([0-9]\)/echod: worker\1/p; s/^echod: workers /&- /p; /^echod: logger /p' "$ERR" |
		awk -v row="$1" -v column="$2" '
			BEGIN {
				split("- name pid restarts clients received echoed dropped waiting", names)
				for (i in names)
					number[names[i]] = i
				number["written"] = number["clients"]
			}
			$2 == row { value = $number[column] }
			END { print value }'
}

# status_now ROW COLUMN
status_now() {
	read_status
	status "$1" "$2"
}

# status_is VALUE ROW COLUMN: does a new table say so?
status_is() {
	[ "$(status_now "$2" "$3")" = "$1" ]
}

# The bytes of buffers that are taken from --buffer-total, by the last table.
status_buffers() {
	sed -n 's/^echod: limits: .* clients, \([0-9]*\) of .*/\1/p' "$ERR" | tail -n 1
}

no_buffers_taken() {
	read_status
	[ "$(status_buffers)" -eq 0 ]
}

# ring_memory: the memory that echo buffers really take, in bytes.
ring_memory() {
	"$CLIENT" parts rings "$PID"
}

holds_no_ring_memory() {
	[ "$(ring_memory)" -eq 0 ]
}

# What the server has written to stderr, but for where it listens, tables, deaths and ends of connections.
other_complaints() {
	complaints | grep -v -x \
		-e 'echod: process  *pid .*' \
		-e 'echod: \(worker [0-9]*\|workers\|logger\)  *[0-9 ]*\( bytes written\)\?' \
		-e 'echod: addresses: at most .* closed at once' \
		-e 'echod: limits: .* bytes each' \
		-e 'echod: \(worker [0-9]*\|logger\): \(killed by signal\|exited with status\) .*, starting another.*' \
		-e 'echod: .*: closed, received .*' || true
}

# --- the status socket, $TMP/socket ---

# ask_into FILE: gets an answer.
ask_into() {
	socat -u "UNIX:$TMP/socket" - >"$1"
	is_whole "$1"
}

# ask: the same into $TMP/answer.
ask() {
	ask_into "$TMP/answer"
}

# is_whole FILE: is this an answer, to its last line?
is_whole() {
	[ "$(head -n 1 "$1" | cut -d ' ' -f 1-3)" = '# HELP echod_build_info' ]
	tail -n 1 "$1" | grep -qx 'echod_start_time_seconds [0-9]*'
}

# value NAME [FILE]: of the last answer, for all workers together.
value() {
	awk -v name="echod_$1" '{ split($1, key, "{") } key[1] == name { sum += $2; found = 1 }
		END { if (!found) exit 1; printf "%d\n", sum }' "${2:-$TMP/answer}"
}

# value_is VALUE NAME: does a new answer say so?
value_is() {
	ask
	[ "$(value "$2")" = "$1" ]
}
