#!/usr/bin/env bats
# What undoes the forms of the log: small logs made by hand pass, and whatever is damaged in them is found.

# shellcheck disable=SC2016 # a dollar in a script for sed is its own

load helper/server

# The three streams: of lines; of the characters from U+0003 on, cut in the middle of U+0083; of U+061B to U+061D.
make_manifests() {
	cat >"$TMP/lines.sent" <<-'END'
		seed 1 lines
		127.0.0.1:5000 33 20 20
	END
	cat >"$TMP/utf8.sent" <<-'END'
		seed 1 utf8
		127.0.0.1:5001 0 132 132
		[::1]:5002 3087 6 6
	END
}

# passes [OPTION...]: the log, in this FORM, has all that the manifests tell.
passes() {
	"$CLIENT" logsplit -o "$FORM" "$@" "$TMP/log" "$TMP"/*.sent
}

# finds WHAT SED-SCRIPT: the log damaged so does not pass, and one line says that, by this extended expression.
finds() {
	sed -E "$2" "$TMP/log" >"$TMP/damaged"
	run ! cmp -s "$TMP/log" "$TMP/damaged"
	finds_in_damaged "$1"
}

finds_in_damaged() {
	run -1 "$CLIENT" logsplit -o "$FORM" "$TMP/damaged" "$TMP"/*.sent
	echo "wanted: $1; got: $output"
	[ "${#lines[@]}" -eq 1 ]
	grep -Eq "^client: log(, line [0-9]+)?: $1" <<<"$output"
}

# finds_cut BYTES: the log without its last bytes does not pass.
finds_cut() {
	head -c "-$1" "$TMP/log" >"$TMP/damaged"
	finds_in_damaged 'it has no end|.* does not end|no stop'
}

# --- escaped ---

make_escaped() {
	FORM=escaped
	make_manifests
	cat >"$TMP/log" <<'END'
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000: c33 l0 ;
127.0.0.1:5000: c33 l1 \
[::1]:5002* connected to [::1]:7007
[::1]:5002: ؛\xd8\x9c\xd8\
127.0.0.1:5001* connected to 127.0.0.1:7007
127.0.0.1:5001: \x03\x04\x05\x06\x07\x08	
127.0.0.1:5001: \x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f !"#\
[::1]:5002: \x9d\
127.0.0.1:5001: $%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\x7f\xc2\x80\xc2\x81\xc2\x82\xc2\
127.0.0.1:5000: WKmT\
127.0.0.1:5000* dropped 4 bytes
127.0.0.1:5000* closed: client_end, received 20, echoed 16, dropped 4
127.0.0.1:5001* closed: client_reset, received 132, echoed 132, dropped 0
[::1]:5002* closed: buffer_full, received 6, echoed 0, dropped 6
END
}

@test "escaped: a log that is right passes, and nothing is missed that is wrong with a line" {
	make_escaped
	passes
	finds 'not what 127.0.0.1:5000 sent as byte 16' 's/WKmT/wKmT/'
	finds 'not what 127.0.0.1:5000 sent as byte 8' '2s/$/\\/;3d' # a newline is left out
	finds 'not what 127.0.0.1:5001 sent as byte 29' 's/ !"#/!"#/'
	finds '127.0.0.1:5000 did not send more than 20 bytes' '11s/WKmT/&W/'
	finds 'not what 127.0.0.1:5000 sent as byte 16' '3s/.$//' # a line that is said to be whole
	finds '127.0.0.1:5000 did not send more than 20 bytes' '11s/.$//'
	finds 'byte 0x08 of an unsafe character' 's/\\x08/\x08/'
	finds 'byte 0x0d of an unsafe character' 's/\\r/\r/'
	finds 'byte 0xd8 of an unsafe character' 's/\\xd8\\x9c/\xd8\x9c/'
	finds 'byte 0x9d of an unsafe character' 's/\\x9d/\x9d/'
	finds 'a backslash that stands for nothing' 's/\\r/\\t/'
	finds 'a backslash that stands for nothing' 's/\\x9d/\\9d/'
	finds '.x without its two lower-case digits' 's/\\x9d/\\x9D/'
	finds '.x without its two lower-case digits' 's/\\x0b/\\x+b/'
	finds '.x0d, which has another form' 's/\\r/\\x0d/'
	finds '.x24, which has another form' '10s/\$/\\x24/'
	finds '.x09, which has another form' 's/\t/\\x09/'
	finds 'neither data nor an event|it does not begin' '2s/: /:/'
	finds 'it does not begin with ADDRESS:PORT' '3s/^/ /'
	finds 'it does not begin with ADDRESS:PORT' '3s/5000/05000/'
	finds 'it does not begin with ADDRESS:PORT' '9s/::1/::0:1/'
	finds 'it does not begin with ADDRESS:PORT' '4s/^/\n/'
	finds_cut 1
	finds_cut 2
	finds_cut 66
}

@test "escaped: with -c a character within a line must not be escaped byte by byte" {
	make_escaped
	passes -c
	sed -i 's/؛/\\xd8\\x9b/' "$TMP/log"
	passes
	run -1 passes -c
	grep -Fx "client: log, line 5: U+061B is escaped for nothing" <<<"$output"
}

@test "escaped: nothing is missed that is wrong with the order of lines" {
	make_escaped
	finds '127.0.0.1:5000 is not connected' '1d'
	finds '127.0.0.1:5000 is connected already' '1p'
	finds '127.0.0.1:5000 connects more often than that client did' '13p;13s/.*/127.0.0.1:5000* connected to 127.0.0.1:7007/'
	finds '127.0.0.1:5009 is an ADDRESS:PORT that no client had' '1s/5000/5009/'
	finds 'not what 127.0.0.1:5000 sent' '2p'
	finds 'the line before is cut for nothing' '9{h;d};10G' # two pieces have become neighbours
	finds 'the line before is cut for nothing' '2s/ l0/\\\n127.0.0.1:5000: &/'
	finds 'the connection of 127.0.0.1:5000 has ended before' '11{h;d};13{s/20, echoed 16/16, echoed 12/;G}'
	finds 'the connection of 127.0.0.1:5000 has ended before' '13p'
	finds 'the connection of 127.0.0.1:5000 has ended before' '12{h;d};13G'
	finds 'the connection of 127.0.0.1:5000 does not end' '13d'
	finds '127.0.0.1:5000 is not announced' '/:5000/d'
}

@test "escaped: nothing is missed that is wrong with an event" {
	make_escaped
	finds 'received 21, but the log has told of 20 bytes' '13s/received 20/received 21/'
	finds 'received 19, but the log has told of 20 bytes' '13s/received 20/received 19/'
	finds 'dropped 3, but 4 were said before' '13s/dropped 4/dropped 3/'
	finds 'echoed and dropped are more than received' '13s/echoed 16/echoed 17/'
	finds '127.0.0.1:5000 did not send more than 20 bytes' '13s/$/, 5 bytes not logged/'
	finds '127.0.0.1:5000 did not send more than 20 bytes' '12s/dropped (.*)/\1 not logged/'
	finds 'not an event' '13s/$/, 0 bytes not logged/'
	finds 'not an event' '13s/client_end/Client end/'
	finds 'not an event' '13s/20/020/'
	finds 'not an event' '13s/20/18446744073709551636/'
	finds 'not an event' '12s/bytes/byte/'
	finds 'not an event' '12s/4/-4/'
	finds 'not an event' '12s/$/ /'
	finds 'not an event' '12s/dropped/Dropped/'
	finds 'nothing is dropped' '12s/4/0/'
	finds 'connected to what is not ADDRESS:PORT' '1s/7007/70070/'
}

# The same port three times; the second one's log has a hole, and the third one's end is not logged.
make_reused() {
	cat >"$TMP/lines.sent" <<-'END'
		seed 1 lines
		127.0.0.1:5000 33 9 9
		127.0.0.1:5000 40 20 24
		127.0.0.1:5000 33 15 15
	END
	rm -f "$TMP/utf8.sent"
}

@test "escaped: a port that is used again, bytes that are not logged, a connection that was reset" {
	FORM=escaped
	make_reused
	cat >"$TMP/log" <<'END'
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000: c33 l0 ;
127.0.0.1:5000* closed: client_end, received 9, echoed 9, dropped 0
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000: c40 l0\
127.0.0.1:5000* 12 bytes not logged
127.0.0.1:5000: o7a\
127.0.0.1:5000* closed: client_reset, received 21, echoed 21, dropped 0, 12 bytes not logged
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000: c33 l\
127.0.0.1:5000* closed: client_end, received 15, echoed 15, dropped 0, 10 bytes not logged
END
	passes
	finds '127.0.0.1:5000 sent 24 bytes, and 18 are there' '7d;8s/21/18/g'
	finds '11 bytes not logged, but 12 were said before' '8s/12 bytes/11 bytes/'
	finds 'received 21, but the log has told of 22 bytes' '8s/12 bytes/13 bytes/'
	finds 'received 15, but the log has told of 14 bytes' '$s/10/9/'
	finds 'not what 127.0.0.1:5000 sent' '6s/12 /11 /'
	finds '127.0.0.1:5000 is connected already' '3d'
	finds 'the connection of 127.0.0.1:5000 has ended' '4d'
	finds '127.0.0.1:5000 connects more often' '9h;10,11H;${p;x}'
	finds '127.0.0.1:5000 is not announced' '9,11d'
}

@test "escaped: a connection that the log need not mention may be missing, and nothing else of it may be wrong" {
	FORM=escaped
	cat >"$TMP/lines.sent" <<-'END'
		seed 1 lines
		127.0.0.1:5000 33 9 9
		?127.0.0.1:5001 33 0 9
	END
	cat >"$TMP/log" <<'END'
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000: c33 l0 ;
127.0.0.1:5000* closed: client_end, received 9, echoed 9, dropped 0
END
	passes
	cat >>"$TMP/log" <<'END'
127.0.0.1:5001* connected to 127.0.0.1:7007
127.0.0.1:5001: c33 l0\
127.0.0.1:5001* closed: client_reset, received 6, echoed 0, dropped 6
END
	passes
	finds '127.0.0.1:5000 is not announced' '1,3d'
	finds 'not what 127.0.0.1:5001 sent' '5s/l0/l1/'
	finds 'the connection of 127.0.0.1:5001 does not end' '6d'
	finds '127.0.0.1:5001 is not connected' '4d'
}

@test "escaped: of a server that was killed the log need not have its end" {
	make_escaped
	head -n 11 "$TMP/log" | head -c -2 >"$TMP/cut"
	mv "$TMP/cut" "$TMP/log"
	passes -u
	run ! passes
	sed -i '$s/WKmT$/WKm/' "$TMP/log"
	run ! passes -u
	sed -i 's/ 20 20$/ 10 20/' "$TMP/lines.sent"
	passes -u
}

# --- hex ---

make_hex() {
	FORM=hex
	make_manifests
	cat >"$TMP/log" <<'END'
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000 00000000  63 33 33 20 6c 30 20 3b  0a 63 33 33 20 6c 31 20  |c33 l0 ;.c33 l1 |
[::1]:5002* connected to [::1]:7007
[::1]:5002 00000000  d8 9b d8 9c d8                                    |.....|
127.0.0.1:5001* connected to 127.0.0.1:7007
127.0.0.1:5001 00000000  03 04 05 06 07 08 09 0a                           |........|
127.0.0.1:5001 00000008  0b 0c 0d 0e 0f 10 11 12  13 14 15 16 17 18 19 1a  |................|
127.0.0.1:5001 00000018  1b 1c 1d 1e 1f 20 21 22  23 24 25 26 27 28 29 2a  |..... !"#$%&'()*|
[::1]:5002 00000005  9d                                                |.|
127.0.0.1:5001 00000028  2b 2c 2d 2e 2f 30 31 32  33 34 35 36 37 38 39 3a  |+,-./0123456789:|
127.0.0.1:5001 00000038  3b 3c 3d 3e 3f 40 41 42  43 44 45 46 47 48 49 4a  |;<=>?@ABCDEFGHIJ|
127.0.0.1:5001 00000048  4b 4c 4d 4e 4f 50 51 52  53 54 55 56 57 58 59 5a  |KLMNOPQRSTUVWXYZ|
127.0.0.1:5001 00000058  5b 5c 5d 5e 5f 60 61 62  63 64 65 66 67 68 69 6a  |[\]^_`abcdefghij|
127.0.0.1:5001 00000068  6b 6c 6d 6e 6f 70 71 72  73 74 75 76 77 78 79 7a  |klmnopqrstuvwxyz|
127.0.0.1:5001 00000078  7b 7c 7d 7e 7f c2 80 c2  81 c2 82 c2              |{|}~........|
127.0.0.1:5000 00000010  57 4b 6d 54                                       |WKmT|
127.0.0.1:5000* dropped 4 bytes
127.0.0.1:5000* closed: client_end, received 20, echoed 16, dropped 4
127.0.0.1:5001* closed: client_reset, received 132, echoed 132, dropped 0
[::1]:5002* closed: buffer_full, received 6, echoed 0, dropped 6
END
}

@test "hex: a log that is right passes, and nothing is missed that is wrong with a line" {
	make_hex
	passes
	finds 'not what 127.0.0.1:5000 sent as byte 16' 's/57 4b/56 4b/;s/WKmT/VKmT/'
	finds '4 bytes do not look so' 's/WKmT/wKmT/'
	finds '4 bytes do not look so' 's/WKmT/WKmT /'
	finds '4 bytes do not look so' 's/57 4b/56 4b/'
	finds '4 bytes do not look so' '16s/  \|/ |/'
	finds '4 bytes do not look so' '16s/$/ /'
	finds '4 bytes do not look so' '16s/.$//'
	finds '8 bytes do not look so' '7s/12  13/12 13/'
	finds '16 bytes do not look so' '6s/$/&/;7s/\|$/.|/'
	finds '12 bytes do not look so' '15s/\.\|$/\xc2|/'
	finds '15 bytes do not look so' '7s/1a/1A/'
	finds 'no bytes' '7s/0b/0B/'
	finds 'no bytes' '9s/9d/9D/'
	finds 'no bytes' '9s/9d/  /'
	finds 'no two spaces behind the offset' '2s/00000000 /00000000/'
	finds 'no offset of 8 digits' '8s/00000018/00000018 /;8s/00000018/0018/'
	finds 'no offset of 8 digits' '8s/00000018/000000018/'
	finds 'no offset of 8 digits' '16s/00000010/0000001A/'
	finds 'offset 19 where 18 is due' '8s/00000018/00000019/'
	finds 'offset 100000018 where 18 is due' '8s/00000018/100000018/'
	finds 'neither data nor an event|it does not begin' '2s/5000/& /;2s/ /: /'
	finds 'it does not begin with ADDRESS:PORT' '9s/\[::1\]/::1/'
	finds_cut 1
	finds_cut 2
	finds_cut 66
}

@test "hex: nothing is missed that is wrong with the order of lines, or with an event" {
	make_hex
	finds '127.0.0.1:5000 is not connected' '1d'
	finds '127.0.0.1:5000 is connected already' '1p'
	finds 'offset 0 where 10 is due' '2p'
	finds 'offset 18 where 8 is due' '7d'
	finds 'offset 28 where 18 is due' '8{h;d};10G'
	finds 'received 20, but the log has told of 16 bytes' '16d'
	finds 'the connection of 127.0.0.1:5000 has ended' '16{h;d};18{s/20, echoed 16/16, echoed 12/;G}'
	finds 'the connection of 127.0.0.1:5000 does not end' '18d'
	finds 'received 19, but the log has told of 20' '18s/20/19/'
	finds 'dropped 0, but 4 were said before' '18s/dropped 4/dropped 0/'
	finds 'not an event' '17s/bytes/bytes?/'
}

@test "hex: a port that is used again, and bytes that are not logged" {
	FORM=hex
	make_reused
	cat >"$TMP/log" <<'END'
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000 00000000  63 33 33 20 6c 30 20 3b  0a                       |c33 l0 ;.|
127.0.0.1:5000* closed: client_end, received 9, echoed 9, dropped 0
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000 00000000  63 34 30 20 6c 30                                 |c40 l0|
127.0.0.1:5000* 12 bytes not logged
127.0.0.1:5000 00000012  6f 37 61                                          |o7a|
127.0.0.1:5000* closed: client_reset, received 21, echoed 21, dropped 0, 12 bytes not logged
127.0.0.1:5000* connected to 127.0.0.1:7007
127.0.0.1:5000 00000000  63 33 33 20 6c                                    |c33 l|
127.0.0.1:5000* closed: client_end, received 15, echoed 15, dropped 0, 10 bytes not logged
END
	passes
	finds 'offset 12 where 6 is due' '6d'
	finds 'offset 12 where 11 is due' '6s/12 /11 /'
	finds 'offset 0 where 9 is due' '3,4d'
}

# --- json ---

make_json() {
	FORM=json
	make_manifests
	cat >"$TMP/log" <<'END'
{"time":"2026-11-25T04:40:02.000001Z","event":{"action":"start","sequence":7},"service":{"name":"echod","version":"0.1.0"},"process":{"pid":42}}
{"time":"2026-11-25T04:40:02.000010Z","event":{"action":"open","sequence":8},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000},"server":{"address":"127.0.0.1","port":7007},"network":{"transport":"tcp","type":"ipv4"}}
{"time":"2026-11-25T04:40:02.000020Z","event":{"action":"data","sequence":9},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000},"offset":0,"length":16,"data":"c33 l0 ;\nc33 l1 "}
{"time":"2026-11-25T04:40:02.000030Z","event":{"action":"open","sequence":10},"connection":{"id":"b"},"client":{"address":"::1","port":5002},"server":{"address":"::1","port":7007},"network":{"transport":"tcp","type":"ipv6"}}
{"time":"2026-11-25T04:40:02.000040Z","event":{"action":"data","sequence":11},"connection":{"id":"b"},"client":{"address":"::1","port":5002},"offset":0,"length":4,"data":"؛\u061c"}
{"time":"2026-11-25T04:40:02.000015Z","event":{"action":"open","sequence":12},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5001},"server":{"address":"127.0.0.1","port":7007},"network":{"transport":"tcp","type":"ipv4"}}
{"time":"2026-11-25T04:40:02.000050Z","event":{"action":"data","sequence":13},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5001},"offset":0,"length":29,"data":"\u0003\u0004\u0005\u0006\u0007\b\t\n\u000b\f\r\u000e\u000f\u0010\u0011\u0012\u0013\u0014\u0015\u0016\u0017\u0018\u0019\u001a\u001b\u001c\u001d\u001e\u001f"}
{"time":"2026-11-25T04:40:02.000060Z","event":{"action":"data","sequence":14},"connection":{"id":"b"},"client":{"address":"::1","port":5002},"offset":4,"length":2,"data":"؝"}
{"time":"2026-11-25T04:40:02.000060Z","event":{"action":"data","sequence":15},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5001},"offset":29,"length":100,"data":" !\"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\\]^_`abcdefghijklmnopqrstuvwxyz{|}~\u007f\u0080\u0081"}
{"time":"2026-11-25T04:40:02.000061Z","event":{"action":"data","sequence":16},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5001},"offset":129,"length":3,"data_base64":"woLC"}
{"time":"2026-11-25T04:40:02.000070Z","event":{"action":"data","sequence":17},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000},"offset":16,"length":4,"data":"WKmT"}
{"time":"2026-11-25T04:40:02.000070Z","event":{"action":"drop","sequence":18,"reason":"buffer_full"},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000},"offset":16,"length":4}
{"time":"2026-11-25T04:40:02.000080Z","event":{"action":"close","sequence":19,"reason":"client_end","duration":70000},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000,"bytes":20},"server":{"bytes":16},"dropped_bytes":4}
{"time":"2026-11-25T04:40:02.000080Z","event":{"action":"close","sequence":20,"reason":"client_reset","duration":65000},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5001,"bytes":132},"server":{"bytes":132},"dropped_bytes":0}
{"time":"2026-11-25T04:40:02.000080Z","event":{"action":"close","sequence":21,"reason":"buffer_full","duration":50000},"connection":{"id":"b"},"client":{"address":"::1","port":5002,"bytes":6},"server":{"bytes":0},"dropped_bytes":6}
{"time":"2026-11-25T04:40:02.000090Z","event":{"action":"stop","sequence":22},"process":{"pid":42}}
END
}

# finds_renumbered WHAT SED-SCRIPT: the same, and the sequence is right again: what is wrong shows by itself.
finds_renumbered() {
	sed -E "$2" "$TMP/log" >"$TMP/damaged"
	run ! cmp -s "$TMP/log" "$TMP/damaged"
	awk '{ sub(/"sequence":[0-9]+/, "\"sequence\":" 6 + NR); print }' "$TMP/damaged" >"$TMP/renumbered"
	mv "$TMP/renumbered" "$TMP/damaged"
	finds_in_damaged "$1"
}

@test "json: a log that is right passes, and nothing is missed that is wrong with the form of an object" {
	make_json
	passes
	finds 'byte [0-9]+: an unsafe character in a string as it is' 's/\\u0003/\x03/'
	finds 'byte [0-9]+: an unsafe character in a string as it is' 's/\\t/\t/'
	finds 'byte [0-9]+: an unsafe character in a string as it is' 's/\\u007f/\x7f/'
	finds 'byte [0-9]+: an unsafe character in a string as it is' 's/\\u0080/\xc2\x80/'
	finds 'byte [0-9]+: an unsafe character in a string as it is' 's/\\u061c/\xd8\x9c/'
	finds 'byte [0-9]+: a string that is not UTF-8' 's/\\u0080/\x80/'
	finds 'byte [0-9]+: a string that is not UTF-8' 's/WKmT/WKm\xed\xa0\x80/'
	finds 'byte [0-9]+: a string that is not UTF-8' 's/WKmT/WKm\xc0\xaf/'
	finds 'byte [0-9]+: .u where the log writes it in another way' 's/\\b/\\u0008/'
	finds 'byte [0-9]+: .u where the log writes it in another way' 's/\\n/\\u000a/'
	finds 'byte [0-9]+: .u where the log writes it in another way' 's/WKmT/WKm\\u0054/'
	finds 'byte [0-9]+: .u where the log writes it in another way' 's/u001a/u001A/'
	finds 'byte [0-9]+: .u where the log writes it in another way' 's/WKmT/WKm\\ud83d\\ude00/'
	finds 'byte [0-9]+: half a character' 's/WKmT/WKm\\ud83d/'
	finds 'byte [0-9]+: .u without four digits' 's/u001a/u1a/'
	finds 'byte [0-9]+: a backslash that stands for nothing' 's/\\b/\\a/'
	finds 'byte [0-9]+: ./, which the log does not write' 's,-\./,-.\\/,'
	finds 'byte [0-9]+: neither a next value nor the end' 's/WKmT/W"KmT/'
	finds 'byte [0-9]+: a string without its end' '$s/"stop".*/"stop/'
	finds 'byte [0-9]+: neither a next value nor the end' '$s/.$//'
	finds 'byte [0-9]+: more than one value' '$s/$/{}/'
	finds 'byte [0-9]+: a name without .:.' '3s/"length":/"length"/'
	finds 'byte [0-9]+: not a number' '3s/"offset":0/"offset":00/'
	finds 'byte [0-9]+: no value' '3s/"offset":0/"offset":/'
	finds 'byte [0-9]+: no string' '3s/,"data":.*/,}/'
	finds 'byte [0-9]+: not an object' '3s/.*/[]/'
	finds 'byte [0-9]+: not an object' '3s/.*//'
	finds 'offset is not a whole number' '3s/"offset":0/"offset":0.0/'
	finds 'offset is not a whole number' '3s/"offset":0/"offset":"0"/'
	finds 'length is not a whole number' '3s/"length":16/"length":-16/'
	finds 'white space between values' '3s/"offset":0/"offset": 0/'
	finds 'white space between values' '3s/$/ /'
	finds 'the keys of data are not .*' '3s/"offset":0,"length":16/"length":16,"offset":0/'
	finds 'the keys of data are not .*' '3s/"offset":0/&,"offset":0/'
	finds 'the keys of data are not .*' '3s/"offset":0,//'
	finds 'the keys of data are not .*' '3s/.$/,"data_base64":""}/'
	finds 'the keys of close are not .*' '13s/"reason":"client_end",//'
	finds 'the keys of stop are not .*' '$s/"time":"[^"]*",//'
	finds 'no action is called Data' '3s/"data"/"Data"/'
	finds_cut 1
	finds_cut 2
	finds_cut 101
}

@test "json: nothing is missed that is wrong with the order of lines" {
	make_json
	finds 'sequence 10 behind 8' '3d'
	finds 'sequence 9 behind 9' '3p'
	finds 'sequence 10 behind 8' '3{h;d};4G'
	finds 'neither behind a start nor one itself' '1d'
	finds 'no stop behind it' '$d'
	finds 'neither behind a start nor one itself' '$p;'
	finds_renumbered 'a start behind another' '1p'
	finds_renumbered 'offset 16 where 0 is due' '3d'
	finds_renumbered 'offset 0 where 16 is due' '3p'
	finds_renumbered 'connection.id b was not opened' '4d'
	finds_renumbered 'connection.id a was closed before' '13p'
	finds_renumbered 'connection.id a was closed before' '12{h;d};13G'
	finds_renumbered 'the connection of 127.0.0.1:5000 does not end' '13d'
	finds_renumbered 'data behind a drop that tells of it' '11{h;d};12G'
	finds_renumbered 'dropped a second time' '12p'
	finds_renumbered '127.0.0.1:5000 connects more often' '2p'
	finds_renumbered '127.0.0.1:5000 is not announced' '/"id":"a"/d'
	finds 'connection.id a is another.s, too' '4s/"id":"b"/"id":"a"/'
	finds 'connection.id d was not opened' '8s/"id":"b"/"id":"d"/'
	finds 'the client of connection.id b was .::1.:5002' '8s/5002/5001/'
	finds 'the time is before .*000020Z' '11s/000070/000019/'
}

@test "json: nothing is missed that is wrong with a value" {
	local padding

	make_json
	finds 'not what 127.0.0.1:5000 sent as byte 17' 's/WKmT/WkmT/'
	finds 'length 4, but 5 bytes' 's/WKmT/WKmTo/'
	finds 'length 5, but 4 bytes' '11s/"length":4/"length":5/'
	finds '127.0.0.1:5000 did not send more than 20 bytes' '11s/"length":4/"length":5/;s/WKmT/WKmTo/'
	finds 'length 0' '11s/"length":4/"length":0/;s/WKmT//'
	finds 'offset 17 where 16 is due' '11s/"offset":16/"offset":17/'
	finds 'data_base64 is not base64' 's/woLC/woL/'
	finds 'data_base64 is not base64' 's/woLC/wo-C/'
	finds 'data_base64 is not base64' 's/woLC/woLCwp==/'
	finds 'data_base64 is not base64' 's/woLC/woLC====/'
	finds 'data_base64 is not base64' 's/woLC/wo==woLC/'
	finds 'data_base64, but the data is UTF-8' '11s/"data":"WKmT"/"data_base64":"V0ttVA=="/'
	finds 'received 21, but the log has told of 20 bytes' '13s/"bytes":20/"bytes":21/'
	finds 'received 19, but 19 is dropped' '13s/"bytes":20/"bytes":19/'
	finds 'dropped 3, but 4 were said before' '13s/"dropped_bytes":4/"dropped_bytes":3/'
	finds 'echoed and dropped are more than received' '13s/"bytes":16/"bytes":17/'
	finds 'unlogged is 0' '13s/.$/,"unlogged":0}/'
	finds '127.0.0.1:5000 did not send more than 20 bytes' '13s/.$/,"unlogged":1}/'
	finds '127.0.0.1:5000 did not send more than 20 bytes' '12s/"length":4/"length":5/'
	finds 'event.reason is not a name' '12s/buffer_full/Buffer full/'
	finds 'the time is not of the form' '3s/02\.000020Z/02.00002Z/'
	finds 'the time is not of the form' '3s/T04/ 04/'
	finds 'there is no such time' '3s/11-25/11-31/'
	finds 'there is no such time' '3s/04:40/24:40/'
	finds 'service.name is not echod' '1s/echod/Echod/'
	finds 'network.type is not ipv6' '4s/ipv6/ipv4/'
	finds 'client.address and client.port are no address and port' '2s/127\.0\.0\.1/127.1/'
	finds 'client.address and client.port are no address and port' '2s/5000/500000/'
	finds 'connection.id is empty or has a NUL in it' '2s/"id":"a"/"id":""/'
	# 16384 bytes with the newline may be, and no more.
	padding=$((16384 - $(tail -n 1 "$TMP/log" | wc -c) - 7))
	sed -i '$s/.$//' "$TMP/log"
	truncate -s -1 "$TMP/log"
	printf ',"x":"%*s"}\n' "$padding" '' >>"$TMP/log"
	[ "$(tail -n 1 "$TMP/log" | wc -c)" -eq 16384 ]
	passes
	finds 'it is longer than 16384 bytes' '$s/"x":"/& /'
}

@test "json: a port that is used again, bytes that are not logged, and another run" {
	FORM=json
	make_reused
	cat >"$TMP/log" <<'END'
{"time":"2026-11-25T04:40:02.000001Z","event":{"action":"start","sequence":1},"service":{"name":"echod","version":"0.1.0"},"process":{"pid":42}}
{"time":"2026-11-25T04:40:02.000010Z","event":{"action":"open","sequence":2},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000},"server":{"address":"127.0.0.1","port":7007},"network":{"transport":"tcp","type":"ipv4"}}
{"time":"2026-11-25T04:40:02.000020Z","event":{"action":"data","sequence":3},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000},"offset":0,"length":9,"data":"c33 l0 ;\n"}
{"time":"2026-11-25T04:40:02.000030Z","event":{"action":"open","sequence":4},"connection":{"id":"b"},"client":{"address":"127.0.0.1","port":5000},"server":{"address":"127.0.0.1","port":7007},"network":{"transport":"tcp","type":"ipv4"}}
{"time":"2026-11-25T04:40:02.000030Z","event":{"action":"close","sequence":5,"reason":"client_end","duration":20000},"connection":{"id":"a"},"client":{"address":"127.0.0.1","port":5000,"bytes":9},"server":{"bytes":9},"dropped_bytes":0}
{"time":"2026-11-25T04:40:02.000040Z","event":{"action":"data","sequence":6},"connection":{"id":"b"},"client":{"address":"127.0.0.1","port":5000},"offset":0,"length":6,"data":"c40 l0"}
{"time":"2026-11-25T04:40:02.000050Z","event":{"action":"lost","sequence":7},"connection":{"id":"b"},"client":{"address":"127.0.0.1","port":5000},"offset":6,"length":12}
{"time":"2026-11-25T04:40:02.000060Z","event":{"action":"data","sequence":8},"connection":{"id":"b"},"client":{"address":"127.0.0.1","port":5000},"offset":18,"length":3,"data":"o7a"}
{"time":"2026-11-25T04:40:02.000070Z","event":{"action":"close","sequence":9,"reason":"client_reset","duration":40000},"connection":{"id":"b"},"client":{"address":"127.0.0.1","port":5000,"bytes":21},"server":{"bytes":21},"dropped_bytes":0,"unlogged":12}
{"time":"2026-11-25T04:40:02.000080Z","event":{"action":"stop","sequence":10},"process":{"pid":42}}
{"time":"2026-11-25T04:40:03.000001Z","event":{"action":"start","sequence":1},"service":{"name":"echod","version":"0.1.0"},"process":{"pid":43}}
{"time":"2026-11-25T04:40:03.000010Z","event":{"action":"open","sequence":2},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5000},"server":{"address":"127.0.0.1","port":7007},"network":{"transport":"tcp","type":"ipv4"}}
{"time":"2026-11-25T04:40:03.000020Z","event":{"action":"data","sequence":3},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5000},"offset":0,"length":5,"data":"c33 l"}
{"time":"2026-11-25T04:40:03.000030Z","event":{"action":"close","sequence":4,"reason":"client_end","duration":20000},"connection":{"id":"c"},"client":{"address":"127.0.0.1","port":5000,"bytes":15},"server":{"bytes":15},"dropped_bytes":0,"unlogged":10}
{"time":"2026-11-25T04:40:03.000040Z","event":{"action":"stop","sequence":5},"process":{"pid":43}}
END
	passes
	finds 'offset 6 where 5 is due|not what .*' '6s/c40 l0/c40 l/;6s/"length":6/"length":5/'
	finds 'offset 18 where 17 is due' '7s/"length":12/"length":11/'
	finds '11 bytes not logged, but 12 were said before' '9s/"unlogged":12/"unlogged":11/'
	finds 'received 15, but the log has told of 14 bytes' '14s/"unlogged":10/"unlogged":9/'
	finds 'connection.id a is another.s, too' '12s/"id":"c"/"id":"a"/'
	finds 'a start behind another|sequence 1 behind 9' '10d'
	finds 'neither behind a start nor one itself' '11d'
	sed -i '$d' "$TMP/log"
	run ! passes
	passes -u
}

# --- payload ---

@test "a message of the server's among the lines passes, and nothing is missed that is wrong with it" {
	make_escaped
	sed -i '3a echod: worker 0: said so' "$TMP/log"
	passes
	finds 'byte 0x07 in a message' '4s/said/\x07&/'
	finds 'it does not begin with ADDRESS:PORT' '4s/:/;/'

	make_hex
	sed -i '3a echod: worker 0: said so' "$TMP/log"
	passes
	finds 'byte 0x7f in a message' '4s/said/\x7f&/'

	make_json
	sed -i -e '16s/22/23/' -e '16i {"time":"2026-11-25T04:40:02.000090Z","event":{"action":"message","sequence":22},"message":"worker 0: said so"}' "$TMP/log"
	passes
	finds 'message is empty' '16s/worker 0: said so//'
	finds 'the keys of message are not these' '16s/"message":"worker/"data":"worker/'
	finds 'sequence 23 behind 21' '16d'
}

@test "every kind of payload comes back, cut at every place, and each seed and stream has its own" {
	local kind

	start_echod --output=plain
	for kind in lines text utf8 forged random; do
		"$CLIENT" stream -n 4 -b 300000 -c 700 -y "$kind" -m "$TMP/$kind.sent" "127.0.0.1:$PORT"
		[ "$(head -n 1 "$TMP/$kind.sent")" = "seed 1 $kind" ]
		"$CLIENT" pingpong -n 200 -y "$kind" "127.0.0.1:$PORT"
		"$CLIENT" stuck -x -b 100000 -y "$kind" "127.0.0.1:$PORT" </dev/null
		"$CLIENT" swarm -n 2 -b 20000 -y "$kind" "127.0.0.1:$PORT" < <(:)
		"$CLIENT" payload -y "$kind" -s 2 >"$TMP/$kind.2"
		"$CLIENT" payload -y "$kind" -s 2 -i 1 >"$TMP/$kind.2.1"
		run ! cmp -s "$TMP/$kind.2" "$TMP/$kind.2.1"
		run ! cmp -s "$TMP/$kind.2" <("$CLIENT" payload -y "$kind")
		cmp "$TMP/$kind.2" <("$CLIENT" payload -y "$kind" -s 2)
	done
	stop_echod
	run -1 "$CLIENT" payload -y Lines
}
