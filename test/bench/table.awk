# Makes the table from the lines of results that `run` collected:
#
#     WORKLOAD <tab> CONTENDER <tab> ROUND <tab> KEY=VALUE KEY=VALUE ... [<tab> TEXT]
#
# Every ratio is taken between two contenders of the same round; shown are its median, minimum and
# maximum over the rounds. The goals are those of the project; whether one is met changes nothing.

function label(contender)
{
	return contender in labels ? labels[contender] : contender
}

# Writes a number with about three digits, or up to six before the point: 1.23, 12.3, 123, 1,234.
function figure(number,    text)
{
	if (number < 10)
		return sprintf("%.2f", number)
	if (number < 100)
		return sprintf("%.1f", number)
	if (number >= 999999.5)
		return sprintf("%.1fM", number / 1e6)
	text = sprintf("%.0f", number)
	return length(text) > 3 ? substr(text, 1, length(text) - 3) "," substr(text, length(text) - 2) : text
}

# A bar of so many cells, of which `full` fills all, with a mark where 1 is.
function bar(ratio, full, cells,    eighths, mark, text, i)
{
	eighths = int(ratio / full * cells * 8 + 0.5)
	mark = int(cells / full + 0.5)
	for (i = 1; i <= cells; i++) {
		if (i == cells && ratio > full)
			text = text "▶"
		else if (eighths >= 8)
			text = text "█"
		else if (eighths > 0)
			text = text parts[eighths]
		else if (i == mark)
			text = text "▕"
		else
			text = text " "
		eighths -= 8
	}
	return text
}

function sort(count,    i, j, value)
{
	for (i = 2; i <= count; i++) {
		value = sorted[i]
		for (j = i - 1; j >= 1 && sorted[j] > value; j--)
			sorted[j + 1] = sorted[j]
		sorted[j + 1] = value
	}
}

# Sets low, middle and high of what is in sorted[]; false if there is nothing.
function summarize(count)
{
	if (count == 0)
		return 0
	sort(count)
	low = sorted[1]
	high = sorted[count]
	middle = (sorted[int((count + 1) / 2)] + sorted[int((count + 2) / 2)]) / 2
	return 1
}

# The figures themselves.
function figures_of(workload, contender, key,    round, count)
{
	count = 0
	for (round = 1; round <= last_round; round++)
		if ((workload, contender, round, key) in value)
			sorted[++count] = value[workload, contender, round, key]
	return summarize(count)
}

# One contender's figures divided by the other's of the same round.
function ratios_of(workload, contender, other, key,    round, count, divisor)
{
	count = 0
	for (round = 1; round <= last_round; round++) {
		if (!((workload, contender, round, key) in value && (workload, other, round, key) in value))
			continue
		divisor = value[workload, other, round, key]
		if (divisor > 0)
			sorted[++count] = value[workload, contender, round, key] / divisor
	}
	return summarize(count)
}

# The same figures as parts of a limit.
function parts_of(workload, contender, key, limit,    round, count)
{
	count = 0
	for (round = 1; round <= last_round; round++)
		if ((workload, contender, round, key) in value)
			sorted[++count] = value[workload, contender, round, key] / limit
	return summarize(count)
}

# "met" or "not met" by the median in `middle` as it is shown, and counts it.
function verdict(goal, less,    shown)
{
	if (goal == "")
		return ""
	judged++
	shown = sprintf("%.2f", middle) + 0
	if (less ? shown <= goal : shown >= goal) {
		met++
		return "met"
	}
	return "not met"
}

# The first columns of a row: a ratio whose summary is set, as figure, range and bar, and the verdict.
function ratio_columns(contender, full, goal, less)
{
	printf "  %-24s%6s  %-13s%s  %-8s", label(contender), figure(middle), figure(low) ".." figure(high),
		bar(middle, full, 24), verdict(goal, less)
}

# The absolute columns: what was measured, and the server's processor time for each of it.
function absolute_columns(workload, contender)
{
	figures_of(workload, contender, "rate")
	printf "%10s", figure(middle)
	if (figures_of(workload, contender, "cpu_us")) {
		printf "%9s", figure(middle)
		if (contender != "baseline" && ratios_of(workload, contender, "baseline", "cpu_us"))
			printf "%7s %s", figure(middle), bar(middle, 1.5, 6)
	}
	printf "\n"
}

# The heading of a group of rows with a ratio; `scale` belongs above the bars.
function heading(title, scale, goal, unit, processor_time)
{
	return sprintf("  %-24s%6s  %-13s%-26s%-8s%10s%9s%7s\n", title, "ratio", "min..max", scale, goal,
		unit, processor_time ? "cpu µs" : "", processor_time ? "ratio" : "")
}

function against_baseline(workload,    i, contender, goal)
{
	goal = goals[workload]
	printf "%s", heading("against the baseline", scale_to_1_5,
		goal == "" ? "" : sprintf("≥ %.2f  ", goal), units[workload], 1)
	for (i = 1; i <= contender_count; i++) {
		contender = contenders_list[i]
		if (is_peer[contender] || !figures_of(workload, contender, "rate"))
			continue
		if (contender == "baseline") {
			printf "  %-24s%55s", label(contender), ""
			absolute_columns(workload, contender)
		} else if (ratios_of(workload, contender, "baseline", "rate")) {
			ratio_columns(contender, 1.5, goal, 0)
			absolute_columns(workload, contender)
		}
	}
}

function against_peers(workload,    i, contender, goal, above)
{
	above = heading("echod against the peers", scale_to_6, "goal", units[workload], 1)
	for (i = 1; i <= contender_count; i++) {
		contender = contenders_list[i]
		if (!is_peer[contender] || !ratios_of(workload, "null", contender, "rate"))
			continue
		printf "%s", above
		above = ""
		goal = is_logging[contender] ? 3 : workload ~ /^(ping|connect)/ ? 1.3 : ""
		ratio_columns(contender, 6, goal, 0)
		absolute_columns(workload, contender)
	}
}

function latencies(workload,    i, k, contender, key, count)
{
	count = split("p50_us p99_us p999_us", keys, " ")
	printf "  %-24s%26s%26s%26s\n", workload == "mixed" ? "latency of the ping-pong" : "latency",
		"p50 µs  ratio        ", "p99 µs  ratio        ", "p99.9 µs  ratio        "
	for (i = 1; i <= contender_count; i++) {
		contender = contenders_list[i]
		if (!figures_of(workload, contender, keys[1]))
			continue
		printf "  %-24s", label(contender)
		for (k = 1; k <= count; k++) {
			key = keys[k]
			figures_of(workload, contender, key)
			printf "%11s", figure(middle)
			if (contender == "baseline")
				printf "%15s", ""
			else if (ratios_of(workload, contender, "baseline", key))
				printf "%7s %s", figure(middle), bar(middle, 1.5, 7)
		}
		printf "\n"
	}
}

function against_limit(workload, key, limit, unit,    i, contender)
{
	printf "%s", heading("against the limit", scale_to_1_5, "≤ 1.00  ", unit, 0)
	for (i = 1; i <= contender_count; i++) {
		contender = contenders_list[i]
		if (!parts_of(workload, contender, key, limit))
			continue
		ratio_columns(contender, 1.5, contender == "baseline" ? "" : 1, 1)
		figures_of(workload, contender, key)
		printf "%10s", figure(middle)
		if (figures_of(workload, contender, "before_bytes")) {
			printf "   %s MB", figure(middle / 1e6)
			figures_of(workload, contender, "after_bytes")
			printf " to %s MB", figure(middle / 1e6)
		}
		printf "\n"
	}
}

# Who could not be measured, one line for each reason.
function missing(workload,    i, contender, reason, names, peers, order, count)
{
	for (i = 1; i <= contender_count; i++) {
		contender = contenders_list[i]
		if (!((workload, contender) in trouble))
			continue
		reason = trouble[workload, contender]
		if (!(reason in names))
			order[++count] = reason
		names[reason] = names[reason] (names[reason] == "" ? "" : ", ") label(contender)
		peers[reason] += is_peer[contender]
	}
	for (i = 1; i <= count; i++)
		printf "  %s: %s\n", peers[order[i]] == 7 ? "the peers" : names[order[i]], order[i]
}

function block(workload)
{
	printf "\n%s\n", titles[workload]
	if (workload == "memory")
		against_limit(workload, "client_bytes", 256, "bytes")
	else if (workload == "recovery")
		against_limit(workload, "resumed_ms", 50, "ms")
	else
		against_baseline(workload)
	if (workload !~ /^(memory|recovery)$/)
		against_peers(workload)
	if (workload ~ /^(ping|mixed|connect)/)
		latencies(workload)
	missing(workload)
}

BEGIN {
	FS = "\t"
	workload_count = split(workloads, workloads_list, " ")
	contender_count = split(contenders, contenders_list, " ")
	split("▏ ▎ ▍ ▌ ▋ ▊ ▉", parts, " ")
	scale_to_1_5 = sprintf("0%15s%8s", "1", "1.5")
	scale_to_6 = sprintf("0%3s%20s", "1", "6")
	contenders_list[++contender_count] = "one-worker"

	labels["null"] = "echod, log to /dev/null"
	labels["file"] = "echod, log to a file"
	labels["pipe"] = "echod, log to a pipe"
	labels["one-worker"] = "echod --workers=1"
	labels["socat-v"] = "socat -v (logs)"
	labels["tcpserver"] = "tcpserver cat"
	labels["recordio"] = "recordio cat (logs)"
	labels["tcpsvd"] = "tcpsvd cat"
	labels["xinetd"] = "xinetd's own echo"
	split("socat socat-v ncat tcpserver recordio tcpsvd xinetd", list, " ")
	for (i in list)
		is_peer[list[i]] = 1
	is_logging["socat-v"] = is_logging["recordio"] = 1

	titles["ping-1"] = "ping-pong of 64 bytes, 1 client"
	titles["ping-1-pinned"] = "ping-pong of 64 bytes, 1 client, all processes on one processor"
	titles["ping-64"] = "ping-pong of 64 bytes, 64 clients"
	titles["ping-1000"] = "ping-pong of 64 bytes, 1,000 clients"
	titles["ping-1k"] = "ping-pong of 1 KiB, 64 clients"
	titles["stream-4"] = "streams, 4 clients with 1 MB on the way"
	titles["stream-64"] = "streams, 64 clients with 100 KB on the way"
	titles["mixed"] = "a ping-pong of 64 bytes beside 8 streams with 1 MB on the way, one worker"
	titles["connect"] = "connect, echo 64 bytes, close, 32 at a time"
	titles["memory"] = "memory of " figure(idle_clients) " idle clients, all processes, for each client"
	titles["recovery"] = "kill -9 of a worker, " figure(recover_clients) " clients: time to the last echo"

	goals["ping-1"] = 0.97
	goals["ping-64"] = goals["ping-1000"] = goals["connect"] = 1
	goals["ping-1k"] = goals["stream-4"] = 0.95
	goals["stream-64"] = 0.9

	units["stream-4"] = units["stream-64"] = units["mixed"] = "MB/s"
	units["ping-1"] = units["ping-1-pinned"] = units["ping-64"] = units["ping-1000"] = "/s"
	units["ping-1k"] = units["connect"] = "/s"
}

{
	if ($4 ~ /^(failed|left_out)=/) {
		trouble[$1, $2] = ($4 ~ /^failed/ ? "failed: " : "") $5
		next
	}
	if ($3 + 0 > last_round)
		last_round = $3 + 0
	count = split($4, pairs, " ")
	for (i = 1; i <= count; i++) {
		split(pairs[i], pair, "=")
		value[$1, $2, $3, pair[1]] = pair[2]
	}
}

END {
	print machine
	printf "%d rounds of %s s, the peers in %d, took %d:%02d. ", rounds, seconds, peer_rounds, spent / 60,
		spent % 60
	print "The contenders take turns; a ratio is of one round."
	print "Rate: more is better. Latency, memory, processor time (cpu): less is better. The last is that"
	print "of all the server's processes for each echo or MB; the load generator has to share with them."
	print "Against the peers echod's log goes to /dev/null, like theirs."
	for (w = 1; w <= workload_count; w++)
		block(workloads_list[w])
	printf "\n%d of %d goals met\n", met, judged
}
