#!/usr/bin/env bats
# In a container: echod is its process 1, nothing in it can be written to, and there may be no /proc.

load helper/kills

# contained PREPARATION: the server is to be process 1 of a container, prepared by this shell command there; skips
# the test where no container can be made.
contained() {
	local container=(unshare --mount --pid --fork --kill-child sh -euc
		"mount -o remount,bind,ro / && $1"' && exec "$@"' container)

	if [ "$(id -u)" -ne 0 ]; then
		container=(unshare --user --map-root-user "${container[@]:1}")
	fi
	"${container[@]}" true 2>/dev/null || skip "needs the right to make a container"
	through env ASAN_OPTIONS=detect_leaks=0 "${container[@]}"
}

# start_contained ARGUMENT...: PID is then the server as it is seen from outside, and CONTAINER what waits for it there.
start_contained() {
	on_a_copy
	start_echod "$@"
	CONTAINER=$PID
	PID=$(descendants "$CONTAINER" | head -n 1)
	[ "$(awk '$1 == "NSpid:" { print $NF }' "/proc/$PID/status")" -eq 1 ]
}

stop_contained() {
	note_family
	kill -TERM "$PID"
	PID=$CONTAINER
	await_echod 0
}

is_as_ever() {
	start_contained --workers=1
	open_client a socat - "TCP4:127.0.0.1:$PORT"
	is_served a 1
	kill -KILL "$(processes echod-worker)"
	is_served a 12
	kill_loggers 1
	is_served a 123
	upgrade_echod 1
	is_served a 1234
	await_client a
	stop_contained
	expect_log "New connection from $(peer 1)"$'\n'"$(peer 1): 1234"
}

@test "process 1, with nothing to write to: killed processes, an upgrade and the end are as ever" {
	contained 'mount -t proc proc /proc'
	is_as_ever
}

@test "process 1, and without /proc, too" {
	[ "${BUILD:-}" != sanitize ] || skip "needs a build whose runtime does without /proc"
	contained 'mount -t tmpfs none /proc'
	is_as_ever
}
