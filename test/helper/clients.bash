# Clients of the server: nc, socat and the test client, fed and looked at while they run.

# shellcheck source=test/helper/server.bash
source "$(dirname "${BASH_SOURCE[0]}")/server.bash"

# started NAME: the process just put into the background, with 3>&-, is the client of this name.
started() {
	CLIENT_PID[$1]=$!
	STARTED[$!]=1
}

# close_feeds: for what a subshell is to run: who holds a client's input open keeps it from ending.
close_feeds() {
	local feed

	for feed in "${CLIENT_FEED[@]}"; do
		exec {feed}>&-
	done
}

# open_client NAME COMMAND...: a client whose input the test feeds it piece by piece. Its output goes to
# NAME.out and NAME.err.
open_client() {
	local name=$1 feed

	mkfifo "$TMP/$name.in"
	# What an earlier client of this name has said must not be taken for this one's.
	: >"$TMP/$name.out"
	(
		close_feeds
		exec "${@:2}" <"$TMP/$name.in" >"$TMP/$name.out" 2>"$TMP/$name.err" 3>&-
	) &
	started "$name"
	exec {feed}>"$TMP/$name.in"
	CLIENT_FEED[$name]=$feed
}

# feed NAME TEXT: gives the client some input.
feed() {
	printf '%s' "$2" >&"${CLIENT_FEED[$1]}"
}

# end_input NAME: the client's input ends.
end_input() {
	local feed=${CLIENT_FEED[$1]}

	exec {feed}>&-
	unset "CLIENT_FEED[$1]"
}

# await_client NAME: ends the client's input, if that is still to be done; the client must end, and well.
await_client() {
	if [ -n "${CLIENT_FEED[$1]}" ]; then
		end_input "$1"
	fi
	await_end "${CLIENT_PID[$1]}"
	if [ -e "$TMP/$1.err" ]; then
		cat "$TMP/$1.err"
	fi
	[ "$STATUS" -eq 0 ]
}

# says NAME PATTERN: has the client written a line that matches?
says() {
	grep -q "$2" "$TMP/$1.out"
}

# got NAME TEXT: has exactly this come out of the client?
got() {
	cmp -s "$TMP/$1.out" <(printf '%s' "$2")
}

# is_served NAME TEXT: the client is fed the last letter of TEXT, which is all that it has sent so far, and gets it back.
is_served() {
	feed "$1" "${2: -1}"
	wait_until got "$1" "$2"
}

# others_are_served OPTION...: other clients use the server now, a line at a time, and each is answered soon.
others_are_served() {
	"$CLIENT" pingpong -k 4 -n 250 "$@" "127.0.0.1:$PORT"
}

# read_on COMMAND...: after stall_stdout; from now on the log is read by this command, into $TMP/log.
read_on() {
	(
		close_feeds
		exec "$@" <"$TMP/pipe" >"$TMP/log" 3>&- {HELD}>&-
	) &
	started log_reader
}

# read_to_the_end: after stop_echod; the log is complete in $LOG.
read_to_the_end() {
	exec {HELD}>&-
	await_client log_reader
	LOG=$TMP/log
}

# stdout_to_terminal COMMAND...: the server's stdout is to be a terminal, and what it shows is in $TMP/shown; the
# command, which ends in socat(1) and its options, reads it. Skips the test where there can be no terminal.
stdout_to_terminal() {
	mountpoint -q /dev/pts || skip "needs /dev/pts"
	"$@" -u "PTY,link=$TMP/tty,raw,echo=0" "OPEN:$TMP/shown,creat" 3>&- &
	started terminal
	wait_until [ -e "$TMP/tty" ]
	exec {TERMINAL}<>"$TMP/tty" # what it has not shown yet would be lost with the last who has it open
	stdout_to "$TMP/tty"
}

close_terminal() {
	exec {TERMINAL}>&-
}
