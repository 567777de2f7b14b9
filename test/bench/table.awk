# Makes the table from the lines of results that `run` collected:
#
#     WORKLOAD <tab> CONTENDER <tab> ROUND <tab> KEY=VALUE KEY=VALUE ... [<tab> TEXT]
#
# Every ratio is taken between two contenders of the same round; shown are its median, minimum and
# maximum over the rounds. The goals are those of the project; whether one is met changes nothing.

# Against whom a workload's contenders are measured.
function reference(workload)
{
	return workload in of_forms ? "tagged" : "baseline"
}

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

# Summarizes a contender's figures, each divided by `other`: nothing, a number, or a contender's of the same round.
function figures_of(workload, contender, key, other,    round, count, divisor)
{
	count = 0
	for (round = 1; round <= last_round; round++) {
		divisor = other == "" ? 1 : other
		if (other ~ /^[a-z]/)
			divisor = ((workload, other, round, key) in value) ? value[workload, other, round, key] : 0
		if (((workload, contender, round, key) in value) && divisor > 0)
			sorted[++count] = value[workload, contender, round, key] / divisor
	}
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

# The absolute columns: what was measured, and the server's processor time for each of it, with a verdict where there
# is a goal for that.
function absolute_columns(workload, contender)
{
	figures_of(workload, contender, "rate")
	printf "%10s", figure(middle)
	if (figures_of(workload, contender, "cpu_us")) {
		printf "%9s", figure(middle)
		if (contender != reference(workload) && figures_of(workload, contender, "cpu_us", reference(workload))) {
			printf "%7s %s", figure(middle), bar(middle, 1.5, 6)
			if (workload in cpu_goals)
				printf "  %s", verdict(cpu_goals[workload], 1)
		}
	}
	printf "\n"
}

# The heading of a group of rows with a ratio; `scale` belongs above the bars.
function heading(title, scale, goal, unit, processor_time)
{
	return sprintf("  %-24s%6s  %-13s%-26s%-8s%10s%9s%7s\n", title, "ratio", "min..max", scale, goal,
		unit, processor_time ? "cpu µs" : "", processor_time ? "ratio" : "")
}

function against_reference(workload, contender,    goal)
{
	goal = (workload, contender) in form_goals ? form_goals[workload, contender] : goals[workload]
	if (contender == reference(workload))
		printf "  %-24s%55s", label(contender), ""
	else if (figures_of(workload, contender, "rate", reference(workload)))
		ratio_columns(contender, 1.5, goal, 0)
	else
		return
	absolute_columns(workload, contender)
}

function against_peer(workload, contender)
{
	if (!figures_of(workload, "null", "rate", contender))
		return
	if (!peers_shown++)
		printf "%s", heading("echod against the peers", scale_to_6, "goal", units[workload], 1)
	ratio_columns(contender, 6, is_logging[contender] ? 3 : workload ~ /^(ping|connect)/ ? 1.3 : "", 0)
	absolute_columns(workload, contender)
}

# A verdict on one of the latencies whose ratio is in `middle`, where there is a goal.
function latency_verdict(workload, k)
{
	if (!((workload, k) in latency_goals))
		return ""
	return "  " substr(percentiles[k], 1, 3) " " verdict(latency_goals[workload, k], 1)
}

function latencies(workload, contender,    k, said)
{
	printf "  %-24s", label(contender)
	for (k = 1; k <= 3; k++) {
		figures_of(workload, contender, percentiles[k])
		printf "%11s", figure(middle)
		if (contender == reference(workload))
			printf "%15s", ""
		else if (figures_of(workload, contender, percentiles[k], reference(workload))) {
			printf "%7s %s", figure(middle), bar(middle, 1.5, 7)
			said = said latency_verdict(workload, k)
		}
	}
	printf "%s\n", said
}

function against_limit(workload, contender)
{
	figures_of(workload, contender, limit_keys[workload], limits[workload])
	ratio_columns(contender, 1.5, contender == "baseline" ? "" : 1, 1)
	figures_of(workload, contender, limit_keys[workload])
	printf "%10s", figure(middle)
	if (figures_of(workload, contender, "before_bytes")) {
		printf "   %s MB", figure(middle / 1e6)
		figures_of(workload, contender, "after_bytes")
		printf " to %s MB", figure(middle / 1e6)
	}
	printf "\n"
}

# ---- growth: what is measured is a server with a number of clients or of workers, such as null-100 ----

function in_full(count)
{
	return count < 1000 ? count : figure(count)
}

function growing_label(contender,    part)
{
	split(contender, part, "-")
	if (part[1] == "workers")
		return "echod --workers=" part[2]
	return (part[1] == "null" ? "echod" : part[1]) ", " in_full(part[2]) " clients"
}

# What a contender of a kind is compared with: itself with 100 clients, or with one worker.
function growing_reference(kind)
{
	return kind == "workers" ? "workers-1" : kind "-100"
}

# A figure and its ratio to that of the reference, or blanks for what there is not.
function growing_columns(contender, key, other, digits, ratio_digits)
{
	if (figures_of("growth", contender, key))
		printf "%" digits "s", key == "client_bytes" ? sprintf("%.0f", middle) : figure(middle)
	else
		printf "%" digits "s", ""
	if (ratio_digits && figures_of("growth", contender, key, other))
		printf "%" ratio_digits "s", figure(middle)
	else if (ratio_digits)
		printf "%" ratio_digits "s", ""
}

# Processor time for each echo, its ratio first, and the rate.
function growing_cost(contender, other)
{
	if (figures_of("growth", contender, "cpu_us", other))
		ratio_columns(contender, 3, contender == "null-10000" ? cost_goal : "", 1)
	else
		printf "  %-24s%55s", label(contender), ""
	growing_columns(contender, "cpu_us", "", 10)
	growing_columns(contender, "rate", other, 10, 7)
	printf "\n"
}

function growing_rest(contender, other)
{
	printf "  %-24s", label(contender)
	growing_columns(contender, "client_bytes", "", 12)
	growing_columns(contender, "accept_us", "", 12)
	growing_columns(contender, "accept_cpu_us", other, 9, 7)
	if (figures_of("growth", contender, "accept_cpu_us", other))
		printf " %s", bar(middle, 3, 15)
	else
		printf "%16s", ""
	growing_columns(contender, "undisturbed_ms", "", 15)
	growing_columns(contender, "resumed_ms", "", 13)
	printf "\n"
}

# How many times the processor time for an echo with 100 clients is that with 10,000; 0 if it is not known.
function grown(server, round,    few, many)
{
	few = server "-100"
	many = server "-10000"
	if (!(("growth", few, round, "cpu_us") in value) || !(("growth", many, round, "cpu_us") in value))
		return 0
	return value["growth", many, round, "cpu_us"] / value["growth", few, round, "cpu_us"]
}

# How much more echod's processor time grows than the baseline's.
function growth_beside(    round, count)
{
	count = 0
	for (round = 1; round <= last_round; round++)
		if (grown("null", round) > 0 && grown("baseline", round) > 0)
			sorted[++count] = grown("null", round) / grown("baseline", round)
	if (summarize(count))
		printf "  from 100 clients to 10,000 echod's grows %s times (%s..%s) as much as the baseline's\n",
			figure(middle), figure(low), figure(high)
}

# The rows of one kind of contender, with what an echo costs, or with the rest.
function growing_rows(kind, rest,    i)
{
	for (i = 1; i <= contender_count; i++) {
		if (index(contenders_list[i], kind "-") != 1 || !figures_of("growth", contenders_list[i], "rate"))
			continue
		if (rest)
			growing_rest(contenders_list[i], growing_reference(kind))
		else
			growing_cost(contenders_list[i], growing_reference(kind))
	}
}

function growing_heading(against, goal)
{
	printf "  %-24s%6s  %-13s%-26s%-8s%10s%10s%7s\n", "cpu against " against, "ratio", "min..max",
		sprintf("0%7s%16s", "1", "3"), goal, "cpu µs", "/s", "ratio"
}

function growing_rest_heading()
{
	printf "  %-24s%12s%12s%9s%7s %-15s%15s%13s\n", "memory, accept, recovery", "bytes each", "accept µs",
		"cpu µs", "ratio", sprintf("0%4s%10s", "1", "3"), "all echoed ms", "recovery ms"
}

function growth_block()
{
	growing_heading("100 clients", sprintf("≤ %.2f", cost_goal))
	growing_rows("baseline", 0)
	growing_rows("null", 0)
	growth_beside()
	growing_rest_heading()
	growing_rows("baseline", 1)
	growing_rows("null", 1)
	printf "\ngrowth: ping-pong of 64 bytes, %s clients, echod with more and more workers\n",
		in_full(workers_clients)
	growing_heading("one worker", "")
	growing_rows("workers", 0)
	growing_rest_heading()
	growing_rows("workers", 1)
	print "  Accept: one client after another, each until its first echo. The last two: from when all clients ping at"
	print "  once until the last echo, in peace, and with a worker killed at that instant."
	missing("growth")
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

# Where messages come at a pace the rate says nothing.
function paced_block(workload,    i)
{
	printf "  goals: p50 ≤ %.2f, p99 ≤ %.2f of the baseline\n", latency_goals[workload, 1], latency_goals[workload, 2]
	latency_heading("latency")
	for (i = 1; i <= contender_count; i++)
		if (figures_of(workload, contenders_list[i], percentiles[1]))
			latencies(workload, contenders_list[i])
	missing(workload)
}

function latency_heading(title)
{
	printf "  %-24s%26s%26s%26s\n", title, "p50 µs  ratio        ", "p99 µs  ratio        ",
		"p99.9 µs  ratio        "
}

function block(workload,    i, contender, goal, against)
{
	printf "\n%s\n", titles[workload]
	if ((workload, 1) in latency_goals) {
		paced_block(workload)
		return
	}
	if (workload == "growth") {
		growth_block()
		return
	}
	if (workload in of_forms)
		printf "  goals: %s\n", goals_said[workload]
	if (workload in cpu_goals)
		printf "  goals: rate ≥ %.2f, processor time ≤ %.2f of the baseline\n", goals[workload], cpu_goals[workload]
	goal = workload in limits ? "≤ 1.00  " : workload in goals ? sprintf("≥ %.2f  ", goals[workload]) : ""
	against = workload in limits ? "limit" : workload in of_forms ? "form tagged" : "baseline"
	printf "%s", heading("against the " against, scale_to_1_5, goal, units[workload], !(workload in limits))
	for (i = 1; i <= contender_count; i++) {
		contender = contenders_list[i]
		if (workload in limits) {
			if (figures_of(workload, contender, limit_keys[workload]))
				against_limit(workload, contender)
		} else if (!is_peer[contender] && figures_of(workload, contender, "rate")) {
			against_reference(workload, contender)
		}
	}
	peers_shown = 0
	for (i = 1; i <= contender_count; i++)
		if (is_peer[contenders_list[i]])
			against_peer(workload, contenders_list[i])
	if (workload ~ /^(ping|mixed|connect)/)
		latency_heading(workload == "mixed" ? "latency of the ping-pong" : "latency")
	for (i = 1; i <= contender_count; i++)
		if (workload ~ /^(ping|mixed|connect)/ && figures_of(workload, contenders_list[i], percentiles[1]))
			latencies(workload, contenders_list[i])
	missing(workload)
}

function describe(name, unit, goal, title)
{
	units[name] = unit
	titles[name] = title
	if (goal != "")
		goals[name] = goal
}

# Workloads that compare the log's forms have goals like "escaped=0.6 json=0.6".
function describe_forms(name, unit, form_goals_text, title,    i, count, pairs, pair)
{
	describe(name, unit, "", title)
	of_forms[name] = 1
	count = split(form_goals_text, pairs, " ")
	for (i = 1; i <= count; i++) {
		split(pairs[i], pair, "=")
		form_goals[name, pair[1]] = pair[2]
		goals_said[name] = goals_said[name] (i > 1 ? ", " : "") pair[1] " ≥ " sprintf("%.2f", pair[2])
	}
}

function describe_paced(name, title)
{
	describe(name, "/s", "", title)
	latency_goals[name, 1] = 1.1
	latency_goals[name, 2] = 1.25
}

# What an echo costs, where nobody else takes part of the server's processor.
function describe_apart(name, title)
{
	describe(name, "/s", 0.97, title ", the server on one processor, the load on another")
	cpu_goals[name] = 1.03
}

function limit(name, key, most)
{
	limit_keys[name] = key
	limits[name] = most
}

function peer(name, text, logs)
{
	labels[name] = text == "" ? name : text
	is_peer[name] = 1
	is_logging[name] = logs
}

BEGIN {
	FS = "\t"
	workload_count = split(workloads, workloads_list, " ")
	contender_count = split(contenders, contenders_list, " ")
	split("▏ ▎ ▍ ▌ ▋ ▊ ▉", parts, " ")
	split("p50_us p99_us p999_us", percentiles, " ")
	scale_to_1_5 = sprintf("0%15s%8s", "1", "1.5")
	scale_to_6 = sprintf("0%3s%20s", "1", "6")
	contenders_list[++contender_count] = "one-worker"

	labels["null"] = "echod, log to /dev/null"
	labels["file"] = "echod, log to a file"
	labels["pipe"] = "echod, log to a pipe"
	labels["one-worker"] = "echod --workers=1"
	labels["tagged"] = "echod -o tagged"
	labels["escaped"] = "echod -o escaped"
	labels["hex"] = "echod -o hex"
	labels["json"] = "echod -o json"
	peer("socat")
	peer("socat-v", "socat -v (logs)", 1)
	peer("ncat")
	peer("tcpserver", "tcpserver cat")
	peer("recordio", "recordio cat (logs)", 1)
	peer("tcpsvd", "tcpsvd cat")
	peer("xinetd", "xinetd's own echo")

	describe("ping-1", "/s", 0.97, "ping-pong of 64 bytes, 1 client")
	describe("ping-1-pinned", "/s", "", "ping-pong of 64 bytes, 1 client, all processes on one processor")
	describe("ping-64", "/s", 1, "ping-pong of 64 bytes, 64 clients")
	describe("ping-1000", "/s", 1, "ping-pong of 64 bytes, 1,000 clients")
	describe("ping-1k", "/s", 0.95, "ping-pong of 1 KiB, 64 clients")
	describe("stream-4", "MB/s", 0.95, "streams, 4 clients with 1 MB on the way")
	describe("stream-64", "MB/s", 0.9, "streams, 64 clients with 100 KB on the way")
	describe("mixed", "MB/s", "", "a ping-pong of 64 bytes beside 8 streams with 1 MB on the way, one worker")
	describe_paced("paced-tenth", "64 clients, messages of 64 bytes due at a tenth of the baseline's rate")
	describe_paced("paced-half", "64 clients, messages of 64 bytes due at half of the baseline's rate")
	describe("connect", "/s", 1, "connect, echo 64 bytes, close, 32 at a time")
	describe_apart("ping-1-apart", "ping-pong of 64 bytes, 1 client")
	describe_apart("ping-64-apart", "ping-pong of 64 bytes, 64 clients")
	describe_apart("ping-1k-apart", "ping-pong of 1 KiB, 64 clients")
	describe("memory", "bytes", "", "memory of " figure(idle_clients) " idle clients, all processes, for each client")
	limit("memory", "client_bytes", 256)
	describe("recovery", "ms", "", "kill -9 of a worker, " figure(recover_clients) " clients: time to the last echo")
	limit("recovery", "resumed_ms", 50)
	describe_forms("text", "MB/s", "escaped=0.6 json=0.6",
		"forms of the log: streams of text, 4 clients with 1 MB on the way")
	describe_forms("random", "MB/s", "hex=0.25 json=0.4",
		"forms of the log: streams of random bytes, 4 clients with 1 MB on the way")
	describe_forms("ping-forms", "/s", "escaped=0.95 hex=0.95 json=0.95",
		"forms of the log: ping-pong of 64 bytes of text, 64 clients")
	describe("growth", "/s", "", "growth: ping-pong of 64 bytes, echod with as many workers as by default")
	cost_goal = 1.1
}

{
	there[$1] = 1
	if ($1 == "growth" && !($2 in grows)) {
		grows[$2] = 1
		contenders_list[++contender_count] = $2
		labels[$2] = growing_label($2)
	}
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
		if (workloads_list[w] in there)
			block(workloads_list[w])
	printf "\n%d of %d goals met\n", met, judged
}
