#!/usr/bin/env bats
#
# make bench: that it runs and prints, not how fast anything is.

setup_file() {
	export BATS_TEST_TIMEOUT=300
}

# quick_bench: a short run of everything; output is its progress and the table.
quick_bench() {
	run env -u MAKEFLAGS BENCH_QUICK=1 \
		make --no-print-directory --silent -C "$BATS_TEST_DIRNAME/.." BUILD="${BUILD:-release}" bench
	echo "$output"
}

# block TITLE: the rows of the table under this title.
block() {
	awk -v title="$1" '$0 == "" { inside = 0 } inside { print } index($0, title) == 1 { inside = 1 }' \
		<<<"$output"
}

# measured ROW BLOCK: does a row of the block start so, with a ratio and its range?
measured() {
	grep -qE "^  $1 +[0-9.,-]+  [0-9.,-]+\.\.[0-9.,-]+ " <<<"$2"
}

# accepted ROW BLOCK: does a row say what memory a client takes, how long it waits, and what it costs?
accepted() {
	grep -qE "^  $1 +-?[0-9]+ +[0-9.,]+ +[0-9.,]+ " <<<"$2"
}

# recovered ROW BLOCK: does such a row end with two times?
recovered() {
	grep -qE "^  $1 +-?[0-9]+ +[0-9.,]+ +[0-9.,]+ .* [0-9.,]+ +[0-9.,]+$" <<<"$2"
}

@test "make bench measures echod in every workload, each with its log to /dev/null, to a file and to a pipe" {
	local title rows row

	quick_bench
	[ "$status" -eq 0 ]
	for title in 'ping-pong of 64 bytes, 1 client' 'ping-pong of 64 bytes, 1 client, all' \
		'ping-pong of 64 bytes, 64 clients' 'ping-pong of 64 bytes, 1,000 clients' \
		'ping-pong of 1 KiB, 64 clients' 'streams, 4 clients' 'streams, 64 clients' \
		'a ping-pong of 64 bytes beside 8 streams' 'connect, echo 64 bytes, close'; do
		rows=$(block "$title")
		[[ $rows == *$'\n'"  baseline  "* ]]
		measured 'echod, log to /dev/null' "$rows"
		measured 'echod, log to a file' "$rows"
		measured 'echod, log to a pipe' "$rows"
	done
	for title in 'a tenth' half; do
		rows=$(block "64 clients, messages of 64 bytes due at $title")
		[[ $rows == *$'\n'"  baseline  "* ]]
		for row in 'log to /dev/null' 'log to a file' 'log to a pipe' '-o escaped' '-o hex' '-o json'; do
			grep -qE "^  echod,? $row +[0-9.,]+ +[0-9.]+.*  p50 (not )?met  p99 (not )?met$" <<<"$rows"
		done
	done
	for title in '64 bytes, 1 client' '64 bytes, 64 clients' '1 KiB, 64 clients'; do
		rows=$(block "ping-pong of $title, the server on one processor, the load on another")
		if [ "$(nproc)" -eq 1 ]; then
			[[ $rows == *'not run: there is only one processor'* ]]
			continue
		fi
		for row in '/dev/null' 'a file' 'a pipe'; do
			grep -qE "^  echod, log to $row +[0-9.]+ .* (not )?met .* (not )?met$" <<<"$rows"
		done
	done
	measured 'echod, log to /dev/null' "$(block 'memory of 500 idle clients')"
	measured 'echod, log to /dev/null' "$(block 'kill -9 of a worker')"
	measured 'echod --workers=1' "$(block 'kill -9 of a worker')"
	[[ $output == *'goals met' ]]
	[[ $output == *'[1/'*' left)'* ]]
	rows=$(block 'forms of the log: streams of text')
	measured 'echod -o escaped' "$rows"
	measured 'echod -o json' "$rows"
	rows=$(block 'forms of the log: streams of random bytes')
	measured 'echod -o hex' "$rows"
	measured 'echod -o json' "$rows"
	rows=$(block 'forms of the log: ping-pong')
	for title in escaped hex json; do
		[[ $rows == *$'\n''  echod -o tagged  '* ]]
		measured "echod -o $title" "$rows"
	done
	rows=$(block 'growth: ping-pong of 64 bytes, echod')
	for row in 'baseline, 10' 'baseline, 100' 'echod, 10' 'echod, 100'; do
		measured "$row clients" "$rows"
		accepted "$row clients" "$rows"
	done
	recovered 'echod, 100 clients' "$rows"
	rows=$(block 'growth: ping-pong of 64 bytes, 100 clients')
	for row in 1 2; do
		measured "echod --workers=$row" "$rows"
		recovered "echod --workers=$row" "$rows"
	done
	# what the peers did is no concern of this test, but each is measured or said to be missing
	rows=$(block 'ping-pong of 64 bytes, 64 clients')
	for title in socat 'socat -v' ncat 'tcpserver cat' 'recordio cat' 'tcpsvd cat' "xinetd's own echo"; do
		[[ $rows == *"$title"* ]]
	done
}

@test "make bench has no more clients than there may be descriptors" {
	local rows

	ulimit -n 330 # of which 256 are not for clients
	BENCH_WORKLOADS=growth BENCH_CONTENDERS='baseline null' quick_bench
	[ "$status" -eq 0 ]
	rows=$(block 'growth: ping-pong of 64 bytes, echod')
	recovered 'echod, 74 clients' "$rows"
	accepted 'baseline, 74 clients' "$rows"
	[[ $rows != *', 100 clients'* ]]
	measured 'echod --workers=2' "$(block 'growth: ping-pong of 64 bytes, 74 clients')"
}
