#!/usr/bin/env bats
#
# What bash completes; and that manual page, --help, parser and completion have the same options.

bats_require_minimum_version 1.5.0

setup() {
	: "${ECHOD:?is set by make test}"
	FOLDER=$BATS_TEST_DIRNAME/..
	cd "$BATS_TEST_TMPDIR" || return
}

# completes WORD...: what the last of the words of a command line can become, in order. The shell that is asked
# has bash's own idea of what a word is.
completes() {
	# shellcheck disable=SC2016 # for the other shell to expand
	bash --norc -c 'source "$0"; COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)); _echod; printf "%s\n" "${COMPREPLY[@]}"' \
		"$FOLDER/src/completion/echod.bash" "$@" | LC_ALL=C sort
}

# in_help: the options of --help, letters, and names with "=" if they want a value.
in_help() {
	timeout 20 "$ECHOD" --help | sed -nE 's/^  (-.), (--[a-z-]+=?).*/\1\n\2/p; s/^      (--[a-z-]+=?).*/\1/p' |
		LC_ALL=C sort
}

# in_list: the same of the manual page's list of options.
in_list() {
	sed -nE '/^\.Sh DESCRIPTION/,/^\.Sh OUTPUT/ {
		s/^\.It Fl (.) .*, Fl Fl ([a-z-]+)( Ns (=).*)?$/-\1\n--\2\4/p
		s/^\.It Fl (.) , Fl Fl ([a-z-]+)$/-\1\n--\2/p
		s/^\.It Fl Fl ([a-z-]+)( Ns (=).*)?$/--\1\3/p
	}' "$FOLDER/man/echod.1" | LC_ALL=C sort
}

# in_synopsis: the same of its synopsis, where each option has one name.
in_synopsis() {
	sed -nE '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/ {
		s/^\.Op Fl ([A-Za-z]+)$/\1/p
		s/^\.O[op] Fl ([A-Za-z]) (Ar|Oo) .*$/\1/p
		s/^\.Op Fl Fl ([a-z-]+) Ns = .*$/--\1=/p
		s/^\.Op Fl Fl ([a-z-]+)$/--\1/p
	}' "$FOLDER/man/echod.1" | sed -E '/^--/!s/./-&\n/g' | sed '/^$/d' | LC_ALL=C sort
}

@test "the options of --help, of the manual page's list and of the completion are the same" {
	in_help >help
	[ "$(wc -l <help)" -ge 32 ]
	in_list | diff help -
	completes echod - | diff help -
	completes echod -n --output = json -- - | cmp - <(echo)
}

@test "the manual page's synopsis has every letter, and every name that has none" {
	# A name stands alone if it is not next to a letter.
	timeout 20 "$ECHOD" --help | sed -nE 's/^  (-.), .*/\1/p; s/^      (--[a-z-]+=?).*/\1/p' | LC_ALL=C sort |
		diff - <(in_synopsis)
}

@test "the parser takes every option, and a value where there is one to be taken" {
	local option status

	while read -r option; do
		status=0
		case $option in
		-? | --*[!=]) timeout 20 "$ECHOD" "$option" --version >out 2>err || status=$? ;;
		*) timeout 20 "$ECHOD" "${option%=}" >out 2>err || status=$? ;;
		esac
		case $option:$status:$(cat err) in
		--*=:2:"echod: ${option%=}: the option needs a value") ;;
		-?:[12]:"echod: --"*": '--version' is not "*) ;; # it is a value
		-?:0: | --*[!=]:0:) ;;
		*)
			echo "$option: $status, $(cat err)"
			return 1
			;;
		esac
	done < <(completes echod -)
}

# words_of OPTION: the words that the parser says the option can have; none if it takes something else.
words_of() {
	timeout 20 "$ECHOD" "$1=?" 2>&1 |
		sed -nE "/ is not (a|PORT|[A-Z]).* /!s/^echod: $1: '\?' is not //p" | sed 's/ or /, /; s/, /\n/g' | LC_ALL=C sort
}

@test "the completion has the words that the parser knows, of every option" {
	local option count=0

	while read -r option; do
		[[ $option != @(--status-socket|--user)= ]] || continue # '?' is a path, and users have names
		words_of "${option%=}" >words
		[ -s words ] || echo >words
		[ "$(wc -l <words)" -le 1 ] || count=$((count + 1))
		completes echod "${option%=}" = | diff words -
		completes echod "${option%=}" '' | diff words -
	done < <(in_help | grep '=$')
	[ "$count" -eq 3 ]
	[ "$(completes echod -f '')" = "$(completes echod --when-full '')" ]
	[ "$(completes echod -L '')" = "$(completes echod --when-log-stalls '')" ]
	[ "$(completes echod -o '')" = "$(completes echod --output '')" ]
}

@test "what has been typed is completed: names, words, files, and nothing where nobody knows" {
	: >some.file
	[ "$(completes echod --whe)" = $'--when-full=\n--when-log-stalls=' ]
	[ "$(completes echod -n --skip)" = --skip-empty ]
	[ "$(completes echod --output = j)" = json ]
	[ "$(completes echod -o e)" = escaped ]
	[ "$(completes echod --status-socket = some)" = some.file ]
	[ "$(completes echod --status-socket some)" = some.file ]
	[ "$(completes echod -n '>>' some)" = some.file ]
	[ "$(completes echod '2>' some)" = some.file ]
	[ -z "$(completes echod --listen = 127)" ]
	[ -z "$(completes echod --listen = -)" ]
	[ -z "$(completes echod -b -)" ]
	[ -z "$(completes echod so)" ]
}

@test "a shell that has read the completion uses it for echod" {
	# shellcheck disable=SC2016 # for the other shell to expand
	[ "$(bash --norc -c 'source "$0" && complete -p echod' "$FOLDER/src/completion/echod.bash")" = \
		'complete -F _echod echod' ]
}
