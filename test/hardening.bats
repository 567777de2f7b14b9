#!/usr/bin/env bats
# What the compiler and the linker have done to make the program hard to take over.

load helper/server

# segment TYPE: the flags of the program's segments of this type, a line each.
segment() {
	readelf -lW "$ECHOD" | awk -v type="$1" '$1 == type { $1 = $2 = $3 = $4 = $5 = $6 = $NF = ""; print }' | tr -d ' '
}

dynamic() {
	readelf -dW "$ECHOD"
}

imports() {
	readelf --dyn-syms -W "$ECHOD" | awk '{ print $8 }' | grep -qE "$1"
}

@test "it lies anywhere in memory: position-independent, and no text is relocated" {
	readelf -hW "$ECHOD" | grep -q 'Type: *DYN'
	dynamic | grep -q 'FLAGS_1.* PIE'
	run ! grep -q TEXTREL <(dynamic)
}

@test "what the linker has put in place can only be read: full RELRO" {
	[ "$(segment GNU_RELRO)" = R ]
	dynamic | grep -q 'FLAGS.*BIND_NOW'
}

@test "no memory can be both written and executed, the stack not executed" {
	[ "$(segment GNU_STACK)" = RW ]
	run ! grep W <(segment LOAD | grep E)
}

@test "libc alone is linked, from where the system has it" {
	if is_built_with_sanitizers; then
		skip "sanitizers have libraries of their own"
	fi
	[ "$(dynamic | sed -n 's/.*(NEEDED).*\[\(.*\)\]/\1/p' | grep -v '^ld-linux')" = libc.so.6 ]
	run ! grep -E 'RPATH|RUNPATH' <(dynamic)
}

@test "stacks are protected, and functions of libc check their bounds" {
	if is_built_with_sanitizers; then
		skip "sanitizers do this their way"
	fi
	imports '^__stack_chk_fail(@|$)'
	imports '^__(memcpy|snprintf|vsnprintf)_chk(@|$)'
}

# The third level alone knows how much room a pointer has whose size is known when the program runs.
@test "the bounds are checked at the highest level that compiler and C library have" {
	local flags

	if is_built_with_sanitizers; then
		skip "sanitizers do this their way"
	fi
	flags=$(make -C "$TEST_FOLDER/.." -n -W src/main.c V=1 all 2>/dev/null | grep -o 'D_FORTIFY_SOURCE=[0-9]' | sort -u)
	if echo '#include <stdlib.h>' | "${CC:-cc}" -Werror -O2 -D_FORTIFY_SOURCE=3 -x c -fsyntax-only - 2>/dev/null; then
		[ "$flags" = D_FORTIFY_SOURCE=3 ]
	else
		[ "$flags" = D_FORTIFY_SOURCE=2 ]
	fi
}

# marks FILE: the kinds of protection of control flow that it is marked with.
marks() {
	readelf -nW "$1" 2>/dev/null | grep -oE 'IBT|SHSTK|BTI|PAC' | sort -u
}

# The linker marks what is made of objects that are all marked, those of the C library, too.
@test "control flow is protected where the platform has that" {
	local object start

	case $(uname -m) in
	x86_64) [ "$(marks "$(objects)/main.o" | tr '\n' ' ')" = 'IBT SHSTK ' ] ;;
	aarch64) [ "$(marks "$(objects)/main.o" | tr '\n' ' ')" = 'BTI PAC ' ] ;;
	*) skip "none is known for $(uname -m)" ;;
	esac
	for object in "$(objects)"/*/*.o; do
		[ "$(marks "$object")" = "$(marks "$(objects)/main.o")" ]
	done
	start=$("${CC:-cc}" -print-file-name=Scrt1.o)
	if [ -n "$(marks "$start")" ]; then
		[ "$(marks "$ECHOD")" = "$(marks "$(objects)/main.o")" ]
	fi
}

objects() {
	echo "$TEST_FOLDER/../.build/${BUILD:-release}/objects/src"
}
