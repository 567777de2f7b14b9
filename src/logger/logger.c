/*
 * The logger process: one loop that reads records, decides what each looks like, and writes it.
 *
 * It is disposable: everything it knows is on its desk in shared memory (desk.h), so that whatever
 * instant it is killed at, its successor loses nothing and repeats nothing.
 */
#include "logger/logger.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "logger/decide.h"
#include "logger/desk.h"
#include "logger/form.h"
#include "logger/output.h"
#include "logger/page.h"
#include "logger/verdict.h"
#include "options.h"

enum {
	PAUSE_MSECS = 1,              /* between reads, while little comes */
	PAUSE_LESS_BYTES = 16 * 1024, /* after a read of more, the next one follows at once */
	TOUCH_BYTES = 4096,           /* no page is smaller */
	RUN_CHANCE_BITS = 12,
};

struct logger {
	const struct seat *seat;
	struct desk *desk;
	struct output output;
	struct decider decider;
	uint32_t at;   /* the first record that is not all written */
	uint64_t done; /* bytes of it, as it looks in the output, that are */
	struct page *page;
};

size_t logger_memory_bytes(uint32_t slots)
{
	return desk_bytes(slots);
}

/* ---- writing ---- */

/* Adds the record at `at`, which has been decided, to the page; returns its size in the buffer. */
static uint32_t render(struct logger *logger, uint32_t at)
{
	const uint8_t *bytes = logger->desk->buffer + at;
	struct record record;

	record_find(&record, bytes, DESK_BUFFER_BYTES - at, logger->seat->key);
	if (!(record.verdict & VERDICT_REPEATED))
		logger->decider.form->render(logger->page, logger->desk, &record, bytes + sizeof(record));
	return (uint32_t)record_bytes(&record);
}

/* Adds the next record if it fits. */
static bool gather(struct logger *logger)
{
	struct page *page = logger->page;
	struct page_mark before = page_mark(page);
	uint32_t bytes;

	if (!page_has_place(page))
		return false;
	bytes = render(logger, logger->at);
	if (before.bytes > 0 && page->bytes > logger->output.most_bytes) {
		page_back(page, before);
		return false;
	}
	logger->at += bytes;
	return true;
}

/* Puts on the page what was decided and is not written, as much as fits; moves on to what did not. */
static void gather_decided(struct logger *logger)
{
	uint32_t decided = desk_decided(logger->desk);

	page_clear(logger->page);
	while (logger->at < decided && gather(logger)) {
		if (logger->done > 0)
			page_skip(logger->page, logger->done);
		logger->done = 0;
	}
}

/* Writes everything that was decided. -1 with errno if standard output cannot be written. */
static int write_decided(struct logger *logger)
{
	while (logger->at < desk_decided(logger->desk)) {
		gather_decided(logger);
		if (output_write(&logger->output, logger->page->pieces, logger->page->count) != 0)
			return -1;
	}
	return 0;
}

/* ---- the buffer ---- */

static void empty_buffer(struct logger *logger)
{
	struct desk *desk = logger->desk;

	/* In this order: a buffer that is empty has its origin where the output is (see resume()). */
	desk_mark(desk, 0, 0);
	commit_at("empty", &desk->buffer_origin, committed(&desk->progress.written));
	commit(&desk->buffer_sequence, desk->text.sequence);
	logger->at = 0;
}

/*
 * Finds what a predecessor read and did not count: new records follow, with no decision in them
 * yet. What lies behind them is old: a decided record, or payload, where the key will not be.
 */
static void find_unmarked(struct logger *logger)
{
	struct desk *desk = logger->desk;
	uint32_t filled = desk_filled(desk);
	struct record record;

	while (record_find(&record, desk->buffer + filled, DESK_BUFFER_BYTES - filled, logger->seat->key) ==
		       RECORD_WHOLE &&
	       record.verdict == 0)
		filled += (uint32_t)record_bytes(&record);
	desk_mark(desk, desk_decided(desk), filled);
}

/* Finds the record that the output has come to. */
static void find_written(struct logger *logger)
{
	struct desk *desk = logger->desk;
	uint32_t decided = desk_decided(desk);

	logger->at = 0;
	logger->done = committed(&desk->progress.written) - committed(&desk->buffer_origin);
	while (logger->at < decided) {
		uint32_t bytes;

		page_clear(logger->page);
		bytes = render(logger, logger->at);
		if (logger->done < logger->page->bytes)
			return;
		logger->done -= logger->page->bytes;
		logger->at += bytes;
	}
}

/* Sits down at the desk where a predecessor, if there was one, was interrupted. */
static int resume(struct logger *logger)
{
	struct desk *desk = logger->desk;

	if (output_open(&logger->output, desk, logger->seat) != 0)
		return -1;
	if (committed(&desk->marks) == 0) {
		commit(&desk->buffer_origin, committed(&desk->progress.written));
		commit(&desk->buffer_sequence, desk->text.sequence);
	}
	find_unmarked(logger);
	find_written(logger);
	gather_decided(logger);
	if (output_settle(&logger->output, logger->page->pieces, logger->page->count) != 0)
		return -1;
	find_written(logger);
	return 0;
}

/* Works off the buffer and empties it, but for the beginning of a record. -1 as write_decided(). */
static int work_off(struct logger *logger)
{
	struct desk *desk = logger->desk;
	bool sound = decide_all(desk, &logger->decider);

	if (write_decided(logger) != 0)
		return -1;
	output_caught_up(&logger->output);
	if (!sound)
		diag("logger: %u bytes from the pipe are no records and are lost",
		     desk_filled(desk) - desk_decided(desk));
	if (!sound || desk_decided(desk) == desk_filled(desk))
		empty_buffer(logger);
	return 0;
}

/* ---- the server's own start and end ---- */

/* Adds a record of this kind to the buffer, which holds no beginning of another. */
static void add_own_record(struct logger *logger, enum record_type type, const void *note, size_t bytes)
{
	struct desk *desk = logger->desk;
	uint32_t filled = desk_filled(desk);
	struct record record = {
		.key = logger->seat->key,
		.type = (uint8_t)type,
		.length = (uint16_t)bytes,
		.time_usecs = clock_calendar_usecs(),
	};

	memcpy(desk->buffer + filled, &record, sizeof(record));
	memcpy(desk->buffer + filled + sizeof(record), note, bytes);
	desk_mark(desk, desk_decided(desk), filled + (uint32_t)record_bytes(&record));
}

/* By the clock, as nothing else tells runs apart, and by chance, as other machines' clocks say the same. */
static uint64_t new_run(void)
{
	uint64_t chance = 0;

	if (getrandom(&chance, sizeof(chance), GRND_NONBLOCK) != sizeof(chance))
		chance = 0;
	return clock_calendar_usecs() << RUN_CHANCE_BITS | chance >> (64 - RUN_CHANCE_BITS);
}

/* The first logger of a run begins the log. */
static void add_start(struct logger *logger)
{
	struct desk *desk = logger->desk;
	uint32_t pid = (uint32_t)getppid();

	if (!logger->decider.form->tells_server || desk->text.started || desk_filled(desk) > 0)
		return;
	commit(&desk->run, new_run());
	add_own_record(logger, RECORD_START, &pid, sizeof(pid));
}

/* The last one ends it. */
static int add_stop(struct logger *logger)
{
	if (!logger->decider.form->tells_server || logger->desk->text.stopped ||
	    desk_filled(logger->desk) > 0)
		return 0;
	add_own_record(logger, RECORD_STOP, "", 0);
	return work_off(logger);
}

/* ---- the process ---- */

/* Reads what is in the pipe, waiting for something; 0 at its end, -1 with errno. */
static ssize_t read_pipe(struct logger *logger)
{
	struct desk *desk = logger->desk;
	uint32_t filled = desk_filled(desk);
	ssize_t bytes;

	do
		bytes = read(logger->seat->pipe_fd, desk->buffer + filled, DESK_BUFFER_BYTES - filled);
	while (bytes < 0 && errno == EINTR);
	fault_point("read");
	if (bytes > 0)
		desk_mark(desk, desk_decided(desk), filled + (uint32_t)bytes);
	return bytes;
}

/*
 * Lets records gather. A logger that waits in read() is woken by every write, which costs the workers
 * a quarter of their time where they share a processor with it; one that sleeps is not. But at
 * the rate of a fast stream the pipe is full before a pause is over, and the workers wait.
 */
static void pause_after(ssize_t bytes)
{
	if (bytes < PAUSE_LESS_BYTES)
		poll(NULL, 0, PAUSE_MSECS);
}

static int loop(struct logger *logger)
{
	ssize_t bytes = PAUSE_LESS_BYTES;

	add_start(logger);
	do {
		if (work_off(logger) != 0)
			return SEAT_OUTPUT_GONE;
		pause_after(bytes);
		bytes = read_pipe(logger);
	} while (bytes > 0);
	if (bytes < 0)
		return 1;
	return add_stop(logger) == 0 ? 0 : SEAT_OUTPUT_GONE;
}

/*
 * A page that cannot be had must end this process here, not in the middle of a read: that would leave the
 * beginning of a record on the desk and in the pipe all of it.
 */
static void touch_buffer(struct desk *desk)
{
	for (size_t at = 0; at < DESK_BUFFER_BYTES; at += TOUCH_BYTES)
		atomic_fetch_or((_Atomic uint8_t *)(desk->buffer + at), 0);
	atomic_fetch_or((_Atomic uint8_t *)(desk->buffer + DESK_BUFFER_BYTES - 1), 0);
}

static int attach(struct logger *logger, struct seat *seat)
{
	static struct page page;
	struct channel_message ready = { .type = CHANNEL_READY };

	*logger = (struct logger){
		.seat = seat,
		.desk = seat->memory.base,
		.page = &page,
		.decider = { .key = seat->key,
			     .slots = (uint32_t)((seat->memory.bytes - sizeof(struct desk)) /
						 sizeof(struct source)),
			     .form = form_of(seat->options->output) },
	};
	if (seat_take(seat) != 0)
		return -1;
	touch_buffer(logger->desk);
	return channel_send_patiently(seat->channel_fd, &ready);
}

int logger_run(struct seat *seat)
{
	static struct logger logger;
	int status = 1;

	if (attach(&logger, seat) == 0) {
		status = resume(&logger) == 0 ? loop(&logger) : SEAT_OUTPUT_GONE;
		if (status == 0 && seat->discard)
			diag("standard output: %ju bytes of the log are lost",
			     (uintmax_t)log_lost(&logger.desk->progress));
	}
	if (status == SEAT_OUTPUT_GONE)
		diag_errno("standard output");
	else if (status != 0)
		diag_errno("logger");
	return status;
}
