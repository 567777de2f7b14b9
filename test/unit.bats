#!/usr/bin/env bats
#
# The pure pieces, each by the C program of its name in test/unit/.

# Runs a unit test; what it prints is shown if it fails.
unit() {
	"${TEST_PROGRAMS:?is set by make test}/unit/$1"
}

@test "addresses: text both ways, the mapped form, and every wrong text is refused" {
	unit address
}

@test "messages: one line and one write each, nothing forges a line, a full stderr stalls nobody" {
	unit diag
}

@test "the echo ring: bytes come out as they went in, at every wrap" {
	unit ring
}

@test "the queue: first in, first out, each number at most once" {
	unit queue
}

@test "timers: each goes off once, never early, at most a tick late" {
	unit wheel
}

@test "records: none crosses a block, and a seal is of one connection and peer" {
	unit record
}

@test "what is a record and what is not: the others' come out whole, whatever a worker writes around and into them" {
	unit sieve
}

@test "the budget: what is taken and given back, and how little of a worker's claims the others believe" {
	unit budget
}

@test "the audit: which memory of a worker is taken for a lie, and when" {
	unit audit
}

@test "the table: of a dead worker's blocks its successor is left what it needs, and of a batch that is none nothing" {
	unit table
}

@test "PROXY headers: each at every length, whom it names, and what is none" {
	unit proxy
}

@test "UTF-8: what is a character, what is unsafe to show, what may yet become a character" {
	unit utf8
}

@test "the log's forms: what records look like in each, and none is longer than it may be" {
	unit forms
}

@test "marks: found wherever they begin and end, and nothing else is" {
	unit mark
}

@test "SipHash: what the reference implementation gives" {
	unit siphash
}

@test "the census: each network's connections, whatever comes, moves and goes" {
	unit census
}

@test "the filters on system calls: every call that there is, and each argument that matters" {
	unit sandbox
}

@test "the fuzzers' seeds: nothing comes of them that must not" {
	local seeds count=0

	for seeds in "$BATS_TEST_DIRNAME"/fuzz/seeds/*; do
		"$TEST_PROGRAMS/fuzz/$(basename "$seeds")" "$seeds"/*
		count=$((count + 1))
	done
	[ "$count" -eq "$(find "$BATS_TEST_DIRNAME/fuzz" -name '*.c' ! -name replay.c | wc -l)" ]
}

@test "no unit test is left out here" {
	local source
	for source in "$BATS_TEST_DIRNAME"/unit/*.c; do
		grep -qx $'\t'"unit $(basename "$source" .c)" "$BATS_TEST_FILENAME" || {
			echo "$source is not run"
			return 1
		}
	done
}
