# shellcheck shell=bash
# Completes echod's command line in bash, with nothing but bash; `make install` puts it where bash-completion looks.

# Letters, and names, of which those that want a value end in "=".
_echod_options='-b -B -c -C -d -E -f -h -i -l -L -n -o -P -q -s -u -v -V -w --buffer= --buffer-total= --drain-timeout=
	--help --idle-timeout= --listen= --log-bytes= --max-clients= --max-per-address= --no-echo --no-sandbox --output= --proxy-protocol
	--quiet --skip-empty --stall-timeout= --status-socket= --user= --verbose --version --when-full= --when-log-stalls=
	--workers='

# Completes the value of an option; false if the option has none.
_echod_value() {
	local option=$1 value=$2

	case $option in
	-f | --when-full) mapfile -t COMPREPLY < <(compgen -W 'drop pause close' -- "$value") ;;
	-L | --when-log-stalls) mapfile -t COMPREPLY < <(compgen -W 'wait drop' -- "$value") ;;
	-o | --output) mapfile -t COMPREPLY < <(compgen -W 'tagged plain escaped hex json' -- "$value") ;;
	--status-socket)
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$value")
		;;
	-u | --user) mapfile -t COMPREPLY < <(compgen -u -- "$value") ;;
	-[bBcCdilsw]) ;; # nobody knows
	*) [[ $option == --?* && " ${_echod_options//[[:space:]]/ } " == *" $option= "* ]] ;;
	esac
}

_echod() {
	local word=${COMP_WORDS[COMP_CWORD]} at=$((COMP_CWORD - 1)) earlier

	COMPREPLY=()
	# Behind a redirection there is a file, whatever stands before it.
	if [[ ${COMP_WORDS[at]} == *[\<\>]* ]]; then
		compopt -o filenames 2>/dev/null
		mapfile -t COMPREPLY < <(compgen -f -- "$word")
		return 0
	fi
	# bash takes the "=" before a value as a word of its own.
	if [ "$word" = '=' ]; then
		word=
	elif [ "${COMP_WORDS[at]}" = '=' ]; then
		at=$((at - 1))
	fi
	for earlier in "${COMP_WORDS[@]:1:at}"; do
		[ "$earlier" != '--' ] || return 0 # behind it there are addresses alone
	done
	if _echod_value "${COMP_WORDS[at]}" "$word" || [[ $word != -* ]]; then
		return 0
	fi
	mapfile -t COMPREPLY < <(compgen -W "$_echod_options" -- "$word")
	if [[ ${#COMPREPLY[@]} -eq 1 && ${COMPREPLY[0]} == *= ]]; then
		compopt -o nospace 2>/dev/null
	fi
}

complete -F _echod echod
