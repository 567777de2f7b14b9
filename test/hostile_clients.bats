#!/usr/bin/env bats
#
# Hostile clients: floods, resets in every state, the silent, the slow and the deaf, those that vanish, and whatever
# may be forged. Who behaves is served all the while, byte for byte; the log has it so; and nothing is left of the
# others.

load helper/kills

# The longest that a client may wait for its echo, where it is measured: kills leave their traces, too.
GAP_MSECS=1500

# open_flood OPTION...: hostile clients until await_client; it says when some of each manner have ended.
open_flood() {
	open_client flood "$CLIENT" flood -k 150 -s "$SEED" -m "$TMP/flood.sent" -e "$(by_length 2 20)" "$@" \
		"127.0.0.1:$PORT"
}

# await_served NAME: a swarm that nobody is to hold up.
await_served() {
	await_swarm "$1"
	# On a busy machine, and with sanitizers, a time says nothing.
	[ -z "${TORTURE:-}" ] || is_built_with_sanitizers || [ "$WORST_GAP" -le "$GAP_MSECS" ]
}

# The server's connections, as the kernel knows them; who has ended may be remembered for a while (TIME_WAIT).
connections() {
	awk -v port="$(printf ':%04X' "$PORT")" 'substr($2, 9) == port && $4 != "0A" && $4 != "06"' /proc/net/tcp
}

no_connection_is_left() {
	[ -z "$(connections)" ]
}

# nothing_is_held DESCRIPTORS: all that connections take has been given back; of descriptors, what there was before.
nothing_is_held() {
	wait_until status_is 0 workers clients
	wait_until no_connection_is_left
	wait_until sorted_descriptor_counts_are "$1"
	wait_until no_buffers_taken
	wait_until holds_no_ring_memory
}

# replace_processes: kills and, at the same time, upgrades.
replace_processes() {
	local interval=100

	[ -z "${TORTURE:-}" ] || interval=1500
	kill_at_random "$(by_length 4 120)" -i "$interval" -t echod-worker -t echod-logger 3>&- &
	started killer
	until is_gone "${CLIENT_PID[killer]}"; do
		upgrade_echod 2
		# Only who becomes older than a second is replaced at once when it dies.
		[ -z "${TORTURE:-}" ] || { pass_usecs 999999 && pass_usecs 999999; }
	done
	await_client killer
}

# withstand FORM KIND OPTION...: the server withstands hostile clients that send this kind of payload, while its
# processes are killed and replaced. They go on until each line of the array SEEN is on the server's stderr, too.
withstand() {
	local form=$1 kind=$2 before line proxied=()

	[[ " $* " != *' --proxy-protocol '* ]] || proxied=(-P)
	on_a_copy
	start_echod --workers=2 --output="$form" --verbose "${@:3}"
	before=$(sorted_descriptor_counts)
	start_swarm streams "${proxied[@]}" -n 4 -c 16384 -w 65536 -k 1000 -y "$kind"
	open_flood "${proxied[@]}" -y "$kind"
	start_swarm short "${proxied[@]}" -n 4 -b 30000 -w 65536 -k 500 -y "$kind"
	replace_processes
	wait_until says_or_ends flood '^all manners$'
	for line in "${SEEN[@]}"; do
		wait_until reported "$line"
	done
	await_client flood
	count_work flood
	await_served streams
	# Where the limit of clients is reached these have to wait in the kernel's queue.
	if [[ " $* " == *' --max-clients='* ]]; then
		await_swarm short
	else
		await_served short
	fi
	nothing_is_held "$before"
	stop_echod
	splits "$form" streams short flood
	counts_are_exact streams short
}

in_tagged() {
	withstand tagged lines --when-full=pause --buffer=64K
}

in_escaped() {
	SEEN=('echod: .*: idle for 3 s, closing' 'echod: .*: stalled for 3 s, closing')
	withstand escaped forged --idle-timeout=3s --stall-timeout=3s
}

in_json() {
	SEEN=('echod: .* PROXY header.*, closing' 'echod: .*: echo buffer full, closing')
	withstand json random --proxy-protocol --when-full=close --buffer=64K
}

in_hex() {
	SEEN=('echod: clients have to wait: the limit of 60 clients is reached'
		'echod: .* closed at once, from .*: --max-per-address=4' 'echod: .*: echo buffer full, dropping')
	withstand hex forged --max-clients=60 --max-per-address=4 --buffer=64K --buffer-total=256K
}

# In the suite they run at the same time, in the torture one after another, so that none holds up another.
setup_file() {
	local form

	[ -z "${TORTURE:-}" ] || return 0
	for form in tagged escaped json hex; do
		begin "$form" "in_$form"
	done
}

withstands() {
	if [ -n "${TORTURE:-}" ]; then
		"in_$1"
	else
		ends_well "$1"
	fi
}

@test "tagged: who behaves is served among hostile clients, with kills and upgrades, and nothing is left of them" {
	withstands tagged
}

@test "escaped: what is forged changes no line, with timeouts that end the hostile" {
	withstands escaped
}

@test "json: any bytes, behind PROXY headers that are whole, cut or wrong" {
	withstands json
}

@test "hex: more clients than may be served at once, than have buffers, and than may come from one address" {
	withstands hex
}
