/*
 * The logger process: one loop that reads records, decides what each looks like, and writes it.
 *
 * It is disposable: everything it knows is on its desk in shared memory (desk.h), so that whatever
 * instant it is killed at, its successor loses nothing and repeats nothing.
 */
#include "logger/logger.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>
#include <unistd.h>

#include "common/channel.h"
#include "common/clock.h"
#include "common/commit.h"
#include "common/diag.h"
#include "common/sandbox.h"
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

/* Adds a decided record, which lies at `at` in the buffer, to the page. */
static void render(struct logger *logger, uint32_t at, const struct record *record)
{
	if (!(record->verdict & VERDICT_REPEATED))
		logger->decider.form->render(logger->page, logger->desk, record,
					     logger->desk->buffer + at + sizeof(*record));
}

/* Adds the next record, if there is one and it fits. */
static bool gather(struct logger *logger)
{
	struct page *page = logger->page;
	struct page_mark before = page_mark(page);
	struct record record;

	logger->at = decided_find(logger->desk, logger->at, &record);
	if (logger->at == desk_decided(logger->desk) || !page_has_place(page))
		return false;
	render(logger, logger->at, &record);
	if (before.bytes > 0 && page->bytes > logger->output.most_bytes) {
		page_back(page, before);
		return false;
	}
	logger->at += (uint32_t)record_bytes(&record);
	return true;
}

/* Puts on the page what was decided and is not written, as much as fits; moves on to what did not. */
static void gather_decided(struct logger *logger)
{
	page_clear(logger->page);
	while (gather(logger)) {
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

/*
 * Clears what a connection has sent that looks like records: a successor that looks for records that were not counted
 * would find these, without the ones around them, which are none any more.
 */
static void clean_buffer(struct desk *desk)
{
	memset(desk->buffer, 0, committed(&desk->dirty));
	commit(&desk->dirty, 0);
}

static void empty_buffer(struct logger *logger)
{
	struct desk *desk = logger->desk;

	/*
	 * In this order: no place has a decision when it is used again, and a buffer that is empty has its origin
	 * where the output is (see resume()).
	 */
	commit(&desk->decision_at, 0);
	desk_mark(desk, 0, 0);
	commit_at("empty", &desk->buffer_origin, committed(&desk->progress.written));
	commit(&desk->buffer_sequence, desk->text.sequence);
	clean_buffer(desk);
	commit(&desk->progress.in_hand, 0);
	logger->at = 0;
}

/* Finds the record that the output has come to. */
static void find_written(struct logger *logger)
{
	struct desk *desk = logger->desk;
	uint32_t decided = desk_decided(desk);
	struct record record;

	logger->at = 0;
	logger->done = committed(&desk->progress.written) - committed(&desk->buffer_origin);
	while ((logger->at = decided_find(desk, logger->at, &record)) < decided) {
		page_clear(logger->page);
		render(logger, logger->at, &record);
		if (logger->done < logger->page->bytes)
			return;
		logger->done -= logger->page->bytes;
		logger->at += (uint32_t)record_bytes(&record);
	}
}

/* Sits down at the desk where a predecessor, if there was one, was interrupted. */
static int resume(struct logger *logger)
{
	struct desk *desk = logger->desk;

	if (output_resume(&logger->output) != 0)
		return -1;
	if (committed(&desk->marks) == 0) {
		clean_buffer(desk);
		commit(&desk->buffer_origin, committed(&desk->progress.written));
		commit(&desk->buffer_sequence, desk->text.sequence);
	}
	/* What a predecessor read and did not count; what lies behind that was decided, or is no record. */
	decide_find_uncounted(desk, &logger->decider.sieve);
	find_written(logger);
	gather_decided(logger);
	if (output_settle(&logger->output, logger->page->pieces, logger->page->count) != 0)
		return -1;
	find_written(logger);
	return 0;
}

/*
 * Works off the buffer, with what this process has to say meanwhile, and empties it. What is at its end is all there,
 * too, or no record: a read takes all that is in the pipe. -1 as write_decided().
 */
static int work_off(struct logger *logger)
{
	do {
		decide_all(logger->desk, &logger->decider);
		if (write_decided(logger) != 0)
			return -1;
		output_caught_up(&logger->output);
	} while (desk_decided(logger->desk) < desk_filled(logger->desk));
	empty_buffer(logger);
	return 0;
}

/* ---- the server's own start and end, and its logger's messages ---- */

/* Adds a record of this kind to the buffer. */
static void add_own_record(const struct logger *logger, enum record_type type, const void *note, size_t bytes)
{
	struct desk *desk = logger->desk;
	uint32_t filled = desk_filled(desk);
	uint8_t *at = desk->buffer + filled;
	struct record record = {
		.mark = RECORD_MARK,
		.type = (uint8_t)type,
		.length = (uint16_t)bytes,
		.padding = RECORD_TAIL_BYTES,
		.slot = RECORD_OF_LOGGER,
		.seal = record_seal(logger->decider.sieve.key, RECORD_OF_LOGGER, 0, NULL),
		.time_usecs = clock_calendar_usecs(),
	};

	/* The mark goes first and comes last: a record that a killed logger has only begun is none. */
	memset(at, 0, RECORD_MARK_BYTES);
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(at + RECORD_MARK_BYTES, (const uint8_t *)&record + RECORD_MARK_BYTES,
	       sizeof(record) - RECORD_MARK_BYTES);
	memcpy(at + sizeof(record), note, bytes);
	record_complete(at);
	atomic_signal_fence(memory_order_seq_cst);
	memcpy(at, &record.mark, sizeof(record.mark));
	desk_mark(desk, desk_decided(desk), filled + (uint32_t)record_bytes(&record));
}

/*
 * Has a message stand in the log behind what is in the buffer: written straight it might stand in the middle of a
 * client's line, whose rest would look like a line of somebody else. There is room for a few; more is left out.
 */
static bool add_message(const void *context, const char *line, size_t length)
{
	const struct logger *logger = context;
	size_t bytes = sizeof(struct record) + length + RECORD_TAIL_BYTES;

	if (bytes <= DESK_BUFFER_BYTES - desk_filled(logger->desk))
		add_own_record(logger, RECORD_MESSAGE, line, length);
	return true;
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
	if (bytes > 0) {
		desk_mark(desk, desk_decided(desk), filled + (uint32_t)bytes);
		commit(&desk->progress.in_hand, desk_filled(desk));
	}
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
	if (logger->seat->options->messages_in_log && !logger->seat->discard)
		diag_through(add_message, logger);
	do {
		if (work_off(logger) != 0)
			return SEAT_OUTPUT_GONE;
		pause_after(bytes);
		bytes = read_pipe(logger);
	} while (bytes > 0);
	if (bytes < 0)
		return 1;
	decide_tell(&logger->decider);
	return work_off(logger) == 0 && add_stop(logger) == 0 ? 0 : SEAT_OUTPUT_GONE;
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

static struct sieve sieve_of(const struct seat *seat)
{
	return (struct sieve){
		.key = { seat->record_key[0], seat->record_key[1] },
		.slots = (uint32_t)((seat->memory.bytes - sizeof(struct desk)) / sizeof(struct source)),
		.workers = seat->number,
		.peers_are_claimed = seat->options->proxy_protocol,
	};
}

static int attach(struct logger *logger, struct seat *seat)
{
	static struct page page;

	*logger = (struct logger){
		.seat = seat,
		.desk = seat->memory.base,
		.page = &page,
		.decider = { .sieve = sieve_of(seat), .form = form_of(seat->options->output) },
	};
	logger->decider.sieve.liars = calloc(logger->decider.sieve.slots, sizeof(uint32_t));
	if (logger->decider.sieve.liars == NULL || seat_take(seat) != 0)
		return -1;
	touch_buffer(logger->desk);
	return 0;
}

static int serve(struct logger *logger)
{
	struct channel_message ready = { .type = CHANNEL_READY };
	const struct seat *seat = logger->seat;

	if (output_open(&logger->output, logger->desk, seat) != 0)
		return SEAT_OUTPUT_GONE;
	tzset(); /* which opens files */
	if (sandbox_enter(seat, 0) != 0 || channel_send_patiently(seat->channel_fd, &ready) != 0)
		return 1;
	return resume(logger) == 0 ? loop(logger) : SEAT_OUTPUT_GONE;
}

int logger_run(struct seat *seat)
{
	static struct logger logger;
	int status = 1;

	if (attach(&logger, seat) == 0) {
		status = serve(&logger);
		diag_through(NULL, NULL);
		decide_tell(&logger.decider);
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
