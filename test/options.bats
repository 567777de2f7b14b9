#!/usr/bin/env bats
#
# The command line as far as it can be seen without a server: what is refused and how, help and version.
#
# Should a wrong value be taken after all, the server that starts gets a free port and is ended by timeout(1).

setup() {
	: "${ECHOD:?is set by make test}"
	cd "$BATS_TEST_TMPDIR" || return
}

# Runs echod; leaves its exit status in $status, its output in the files out and err.
echod() {
	status=0
	timeout 20 "$ECHOD" --listen=127.0.0.1:0 "$@" >out 2>err || status=$?
}

# echod, with these arguments, says this one line, nothing else, and exits 2.
refused() {
	local line="echod: $1"
	shift
	echod "$@"
	printf '%s\n' "$line" | cmp - err && [ "$status" -eq 2 ] && [ ! -s out ] && return
	echo "arguments: $*"
	echo "exit status: $status"
	echo "expected: $line"
	cat err
	return 1
}

# echod takes these arguments: it comes as far as the --version behind them.
accepted() {
	echod "$@" --version
	[ "$status" -eq 0 ] && [ ! -s err ] && [ -s out ] && return
	echo "arguments: $*"
	echo "exit status: $status"
	cat err
	return 1
}

@test "an unknown option is refused by the name that was typed" {
	refused "unknown option 'x' in '-x'" -x
	refused "unknown option 'x' in '-nxq'" -nxq
	refused "unknown option '?' in '-?'" '-?'
	refused "unknown option ':' in '-:'" -:
	refused "unknown option '+' in '-+'" -+
	refused "unknown option '=' in '-n=1'" -n=1
	refused "unknown option '--frobnicate'" --frobnicate
	refused "unknown option '--frobnicate=3'" --frobnicate=3
	refused "unknown option '--Quiet'" --Quiet
}

@test "a shortened long option is taken if it is unique and refused if it is not" {
	accepted --quie
	accepted --max-c=3
	refused "ambiguous option '--max=3'" --max=3
	refused "ambiguous option '--ver'" --ver
	refused "ambiguous option '--buf=1M'" --buf=1M
	accepted --buffer=1M
}

@test "an option that needs a value is refused without one" {
	local option
	for option in -b -B -c -C -d -f -i -l -o -s -u -w --buffer --buffer-total --max-clients --max-per-address \
		--drain-timeout --when-full --idle-timeout --listen --output --stall-timeout --user --workers; do
		refused "$option: the option needs a value" "$option"
	done
	refused "-nw: the option needs a value" -nw
}

@test "an option without a value is refused with one" {
	local option
	for option in --no-echo=1 --quiet=x --verbose= --help=me --version=2; do
		refused "$option: the option takes no value" "$option"
	done
}

@test "an operand is a value of --listen, before, between and behind the options" {
	local expected="is not PORT, IPV4:PORT or [IPV6]:PORT with a PORT from 0 to 65535"
	accepted 8080
	accepted 8080 -v 127.0.0.1:7 --workers=2 '[::1]:7' :9
	refused "--listen: 'extra' $expected" extra
	refused "--listen: 'extra' $expected" 7 -n extra --help
	refused "--listen: '' $expected" ''
	refused "--listen: '-' $expected" -
	refused "--listen: '--help' $expected" -- --help
	refused "--listen: '-v' $expected" 7 -- 8 -v --help
}

@test "--port and -p are refused with what to write instead" {
	local advice="a port is given by itself, as in 'echod 7', or with --listen"
	refused "unknown option 'p' in '-p'; $advice" -p 8080
	refused "unknown option 'p' in '-p8080'; $advice" -p8080
	refused "unknown option 'p' in '-np'; $advice" -np 8080
	refused "unknown option '--port'; $advice" --port 8080
	refused "unknown option '--port=8080'; $advice" --port=8080
	refused "unknown option '--ports'" --ports
	refused "unknown option '--por'" --por
}

@test "--workers takes 1 to 256 and nothing else" {
	local value
	for value in 1 2 256 007; do
		accepted --workers="$value"
		accepted -w "$value"
		accepted "-w$value"
	done
	for value in '' 0 257 -1 +1 ' 1' '1 ' 1x x 0x10 1.5 1e2 1K 4294967297 18446744073709551617; do
		refused "--workers: '$value' is not a number from 1 to 256" --workers="$value"
		refused "--workers: '$value' is not a number from 1 to 256" -w "$value"
	done
}

@test "--max-clients and --max-per-address take 1 to 2147483647 and nothing else" {
	local name value
	for value in 1 1000 2147483647; do
		accepted --max-clients="$value"
		accepted -c "$value"
		accepted --max-per-address="$value"
		accepted -C "$value"
	done
	for value in '' 0 -1 +1 ' 1' '1 ' 1x x 1K 2147483648 4294967297 18446744073709551617; do
		for name in max-clients max-per-address; do
			refused "--$name: '$value' is not a number from 1 to 2147483647" --"$name=$value"
		done
		refused "--max-clients: '$value' is not a number from 1 to 2147483647" -c "$value"
		refused "--max-per-address: '$value' is not a number from 1 to 2147483647" -C "$value"
	done
}

@test "--buffer and --buffer-total take a size and nothing else" {
	local name value
	for value in 1 65536 64K 64k 2M 2m 1G 1g 1024G 1024g 1099511627776; do
		accepted --buffer="$value" --buffer-total="$value"
		accepted -b "$value" -B "$value"
	done
	for value in '' 0 0K 0M -1 -1K +1 ' 1' '1 ' '1 K' K x 1x 1KB 1kb 1KiB 1T 1t 1.5M 1MM 1K1 1025G 1099511627777 \
		17179869184G 18446744073709551616 18446744073709551617K; do
		for name in buffer buffer-total; do
			refused "--$name: '$value' is not a size from 1 to 1024G (a number, then K, M, G or nothing)" \
				--"$name=$value"
		done
	done
}

@test "--drain-timeout, --idle-timeout and --stall-timeout take a time and nothing else" {
	local name value
	for value in 0 0ms 0s 0m 1 10 250ms 10s 2m 2147483647ms 2147483 2147483s 35791m; do
		accepted --drain-timeout="$value" --idle-timeout="$value" --stall-timeout="$value"
		accepted -d "$value" -i "$value" -s "$value"
	done
	for value in '' -1 +1 ' 1' '1 ' '1 s' s ms x 1x 1S 1h 1sec 1.5s 1mss 1s1 2147483648ms 2147484 2147484s 35792m \
		18446744073709551616 18446744073709552s; do
		for name in drain-timeout idle-timeout stall-timeout; do
			refused "--$name: '$value' is not a time from 0 to 2147483647ms (a number, then ms, s, m or nothing)" \
				--"$name=$value"
		done
	done
}

@test "--when-full takes drop, pause, close and nothing else" {
	local value
	for value in drop pause close; do
		accepted --when-full="$value"
		accepted -f "$value"
	done
	for value in '' Drop 'drop,' 'drop ' ' drop' dropp dro 0; do
		refused "--when-full: '$value' is not drop, pause or close" --when-full="$value"
	done
}

@test "--output takes a form of the log and nothing else" {
	local value
	for value in tagged plain escaped hex json; do
		accepted --output="$value"
		accepted -o "$value"
	done
	for value in '' Plain 'plain ' ' plain' plainly tag terminal; do
		refused "--output: '$value' is not tagged, plain, escaped, hex or json" --output="$value"
	done
}

@test "--status-socket takes a path that a socket's address has room for" {
	local longest
	longest=$(printf '%0107d' 0)
	accepted --status-socket="$longest"
	accepted --status-socket socket
	refused "--status-socket: '${longest}0' is not a path of 1 to 107 bytes" --status-socket="${longest}0"
	refused "--status-socket: '' is not a path of 1 to 107 bytes" --status-socket=
	refused "--status-socket: the option needs a value" --status-socket
}

@test "--user takes USER or USER:GROUP, and no part of it is empty" {
	local value
	for value in nobody nobody:nogroup 7 7:8 no-such-user; do
		accepted --user="$value"
		accepted -u "$value"
	done
	for value in '' : :nogroup nobody:; do
		refused "--user: '$value' is not USER or USER:GROUP" --user="$value"
	done
}

@test "what is left out of the log must be told, which --output=plain could not" {
	refused '--log-bytes: --output=plain could not say what is left out' --log-bytes=7 --output=plain
	refused '--when-log-stalls=drop: --output=plain could not say what is left out' -L drop -o plain
}

@test "--listen takes a port, alone or after an address, and nothing else" {
	local value
	for value in 0 7 1234 65535 127.0.0.1:7 0.0.0.0:0 '[::1]:7' '[::]:65535' '[::ffff:127.0.0.1]:7' :7 '*:7' \
		:0 '*:65535'; do
		accepted --listen="$value"
		accepted -l "$value"
	done
	for value in '' -1 +7 ' 7' '7 ' 7x x 65536 4294967303 18446744073709551623 : '*' '*7' '*:' '**:7' \
		'*:*:7' :*:7 ::7 :65536 '*:65536' ':[::1]:7' 127.0.0.1 127.0.0.1: \
		127.0.0.1:65536 127.0.0.1:7x '127.0.0.1: 7' 127.0.0.256:7 127.1:7 127.0.0.01:7 ::1 ::1:7 '[::1]' \
		'[::1]7' '[::1]:' '[::1]:65536' '[::1' '[127.0.0.1]:7' '[]:7' '[::1%lo]:7' localhost:7; do
		refused "--listen: '$value' is not PORT, IPV4:PORT or [IPV6]:PORT with a PORT from 0 to 65535" \
			--listen="$value"
	done
}

@test "--listen and operands may be given 16 times together" {
	local -a listens=()
	local port
	# One is there already, see echod().
	for port in {2..16}; do
		listens+=(-l "127.0.0.1:$port")
	done
	accepted "${listens[@]}"
	refused "--listen: '127.0.0.1:17' is one too many, 16 are allowed" "${listens[@]}" -l 127.0.0.1:17
	refused "--listen: '127.0.0.1:17' is one too many, 16 are allowed" "${listens[@]}" 127.0.0.1:17
}

@test "flags can be combined in one word and repeated, and the last of two values counts" {
	accepted -nqvq
	accepted -nqvw3
	accepted -w 1 -w 2
	refused "--workers: '0' is not a number from 1 to 256" -w 1 -w 0
	refused "--workers: '0' is not a number from 1 to 256" -w 0 -w 1
}

@test "a wrong value cannot break or forge a line of stderr" {
	refused "--output: 'a?echod: listening?[2J' is not tagged, plain, escaped, hex or json" --output=$'a\nechod: listening\e[2J'
}

@test "a wrong value of any length gives one line of at most 1,024 bytes" {
	local digits
	digits=$(printf '%0100000d' 0)
	echod --workers="$digits"
	[ "$status" -eq 2 ]
	[ "$(wc -l <err)" -eq 1 ]
	[ "$(wc -c <err)" -eq 1024 ]
	[[ $(<err) == "echod: --workers: '00000"*... ]]
}

@test "--help names every option, on stdout alone, and exits 0" {
	local letter name
	echod --help
	[ "$status" -eq 0 ]
	[ ! -s err ]
	[ "$(awk 'length > 80' out)" = "" ]
	while read -r letter name; do
		grep -q -- "^  -$letter, --$name " out || grep -q -- "^  -$letter, --$name=" out || {
			echo "missing: -$letter --$name"
			return 1
		}
	done <<-'OPTIONS'
		l listen
		w workers
		b buffer
		B buffer-total
		f when-full
		c max-clients
		C max-per-address
		d drain-timeout
		i idle-timeout
		s stall-timeout
		n no-echo
		o output
		L when-log-stalls
		E skip-empty
		P proxy-protocol
		u user
		q quiet
		v verbose
		h help
		V version
	OPTIONS
	grep -q -- '^      --log-bytes=' out
	grep -q -- '^      --no-sandbox ' out
	grep -q -- '^      --status-socket=' out
	cp out long
	echod -h
	[ "$status" -eq 0 ]
	cmp out long
}

@test "--help shows an example that is taken" {
	local -a words
	echod --help
	read -ra words < <(sed -n 's/^Example: echod \([^>]*\) >.*/\1/p' out)
	[ "${#words[@]}" -gt 0 ]
	accepted "${words[@]}"
}

@test "the usage line of --help has every option" {
	local letter usage
	echod --help
	usage=$(sed -n '/^Usage:/,/^A TCP/p' out | tr -d '\n')
	while read -r letter; do
		[[ $usage =~ \[-[A-Za-z]*$letter ]] || {
			echo "not in the usage line: -$letter"
			return 1
		}
	done < <(sed -n 's/^  -\([A-Za-z]\), --.*/\1/p' out)
	[[ $usage =~ \[--log-bytes=SIZE\] ]]
	[[ $usage =~ \[--status-socket=PATH\] ]]
}

@test "the manual page has every option that --help names" {
	local option count=0
	echod --help
	while read -r option; do
		grep -q -- "^\.It Fl ${option:1:1} .*Fl Fl ${option#*--}\( \|$\)" "$BATS_TEST_DIRNAME/../man/echod.1" || {
			echo "not in the manual page: $option"
			return 1
		}
		count=$((count + 1))
	done < <(sed -n 's/^  \(-[A-Za-z], --[a-z-]*\).*/\1/p' out)
	[ "$count" -eq 20 ]
	grep -q '^\.It Fl Fl log-bytes ' "$BATS_TEST_DIRNAME/../man/echod.1"
	grep -q '^\.It Fl Fl status-socket ' "$BATS_TEST_DIRNAME/../man/echod.1"
}

@test "--help refers to the section that the manual page is in" {
	local section
	section=$(sed -n 's/^\.Dt ECHOD //p' "$BATS_TEST_DIRNAME"/../man/echod.*)
	echod --help
	grep -qxF "See echod($section)." out
	[ -f "$BATS_TEST_DIRNAME/../man/echod.$section" ]
}

@test "--version is one line on stdout, and exits 0" {
	echod --version
	[ "$status" -eq 0 ]
	[ ! -s err ]
	[ "$(wc -l <out)" -eq 1 ]
	[[ $(<out) =~ ^echod\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	cp out long
	echod -V
	[ "$status" -eq 0 ]
	cmp out long
}

@test "--help and --version that cannot be written are reported and exit 1" {
	local option
	for option in --help --version; do
		status=0
		"$ECHOD" "$option" >/dev/full 2>err || status=$?
		[ "$status" -eq 1 ]
		echo "echod: standard output: No space left on device" | cmp - err
	done
}
