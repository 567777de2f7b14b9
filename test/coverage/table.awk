# Reads what llvm-cov exports in the form of lcov, of one program or of several, and prints the table.
#
# A line that is known not to be reached is known by its file, its function and its text, once for each time it is in
# the file of known lines: numbers of lines change.

BEGIN {
	while ((getline line < known) > 0)
		if (line !~ /^#/ && line != "")
			expected[line]++
}

/^SF:/ {
	file = substr($0, 4)
	sub("^" root, "", file)
}

/^FN:/ {
	split(substr($0, 4), part, ",")
	sub(/.*:/, "", part[2]) # a static function's file
	function_at[file, part[1]] = part[2]
}

/^DA:/ {
	split(substr($0, 4), part, ",")
	if (!((file, part[1]) in count))
		count[file, part[1]] = 0
	count[file, part[1]] += part[2]
	if (part[1] + 0 > last[file])
		last[file] = part[1] + 0
}

# What is not reached of a file as ranges of lines; a line without code does not end one.
function add_range(from, to) {
	ranges = ranges (ranges == "" ? "" : " ") (from == to ? from : from "-" to)
}

function judge(number, text, name, line) {
	gsub(/^[ \t]+|[ \t]+$/, "", text)
	if (text ~ /^[{}]*;?$/)
		return
	line = file " " name ": " text
	if (expected[line] > 0)
		expected[line]--
	else
		missing = missing file ":" number ": " name ": " text "\n"
}

function read_file(number, text, name, from, to) {
	total = hit = from = 0
	ranges = ""
	for (number = 1; (getline text < file) > 0; number++) {
		if ((file, number) in function_at)
			name = function_at[file, number]
		if (!((file, number) in count))
			continue
		total++
		if (count[file, number] > 0) {
			hit++
			if (from > 0)
				add_range(from, to)
			from = 0
			continue
		}
		if (from == 0)
			from = number
		to = number
		judge(number, text, name)
	}
	if (from > 0)
		add_range(from, to)
	close(file)
}

function percent(part, whole) {
	return int(1000 * part / whole) / 10
}

END {
	sort = "sort"
	printf "%-28s %6s %8s %8s  %s\n", "file", "lines", "reached", "percent", "not reached"
	for (file in last) {
		read_file()
		printf "%-28s %6d %8d %8.1f  %s\n", file, total, hit, percent(hit, total), ranges | sort
		lines += total
		reached += hit
	}
	close(sort)
	printf "%-28s %6d %8d %8.1f\n", "all", lines, reached, percent(reached, lines)
	if (missing != "")
		printf "\nnot reached, and not in %s:\n%s", known, missing
	for (line in expected)
		if (expected[line] > 0)
			spare = spare line "\n"
	if (spare != "")
		printf "\nin %s, but reached this time, or not there any more:\n%s", known, spare
	exit !lines || 100 * reached < least * lines
}
