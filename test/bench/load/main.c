/*
 * The load generator: one thread, one epoll, and every byte that comes back is compared with what
 * was sent.
 *
 *     load ping-pong -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS | -n COUNT] [-s PID] [-f FILLING]
 *     load paced     -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] -r RATE [-s PID] [-f FILLING]
 *     load stream    -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] [-s PID] [-f FILLING]
 *     load mixed     -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] [-s PID]
 *     load connect   -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS | -n COUNT] [-s PID] [-1]
 *     load idle      -p PORT [-c CLIENTS] [-s PID]
 *     load recover   -p PORT [-c CLIENTS] [-b BYTES] [-t SECONDS] -k PID
 *     load compiler
 *
 *     ping-pong  each of CLIENTS sends BYTES, waits for their echo, and again
 *     paced      RATE messages of BYTES a second, by all of CLIENTS in turn, whether echoes come back or not; latency
 *                counts from when a message was due
 *     stream     each of CLIENTS has BYTES on their way, there and back, all the time
 *     mixed      CLIENTS streams and one ping-pong of 64 bytes
 *     connect    CLIENTS at a time connect, send BYTES, read their echo, close, and again; each comes
 *                from an address of its own, or with -1 from 127.0.0.1, where ports may run out
 *     idle       CLIENTS connect, one after another, have 64 bytes echoed, and stay until standard input ends; the
 *                answer, how long that took for each, comes before they wait
 *     recover    CLIENTS ping slowly for SECONDS, then process PID is killed, and every client pings
 *     compiler   says what this program was compiled with
 *
 * What is sent is FILLING: `random` bytes, which is the default, or `text`, lines of ASCII words. All workloads
 * take -f, and it is the same bytes in every run.
 *
 * The answer is one line of KEY=VALUE on standard output. Processor time is that of process -s and
 * all its descendants within the measured seconds. Exit status 1 and a line on standard error if a
 * byte is wrong or missing, or if nothing comes back for five seconds.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../../client/options.h"
#include "load.h"

enum { CLIENTS_MAX = 50000 };

const char *workload;
unsigned port;
uint32_t clients_wanted = 1;
size_t bytes_wanted = PING_BYTES;
double seconds_wanted = 1;
uint64_t operations_wanted;
double rate_wanted;
unsigned server_pid;
unsigned victim_pid;
bool one_address;
const char *filling = "random";

static const struct command_option table[] = {
	OPTION('p', &port, UINT16_MAX),
	OPTION('c', &clients_wanted, CLIENTS_MAX),
	OPTION('b', &bytes_wanted, 1000000000),
	OPTION('t', &seconds_wanted, 3600),
	OPTION('n', &operations_wanted, UINT64_MAX),
	OPTION('r', &rate_wanted, 100000000),
	OPTION('s', &server_pid, INT32_MAX),
	OPTION('k', &victim_pid, INT32_MAX),
	OPTION('1', &one_address, 0),
	OPTION('f', &filling, 0),
	{ .kind = OPTION_END },
};

void fail(const char *format, ...)
{
	va_list arguments;

	fflush(stdout);
	fprintf(stderr, "load: %s: ", workload);
	va_start(arguments, format);
	vfprintf(stderr, format, arguments);
	va_end(arguments);
	fputc('\n', stderr);
	exit(1);
}

static void compiler(void)
{
#ifdef __clang__
	puts("clang " __clang_version__);
#else
	puts("gcc " __VERSION__);
#endif
}

int main(int argc, char *argv[])
{
	static const struct {
		const char *name;
		void (*run)(void);
	} workloads[] = {
		{ "ping-pong", ping_pong },
		{ "paced", paced },
		{ "stream", stream },
		{ "mixed", mixed },
		{ "connect", connect_and_close },
		{ "idle", idle },
		{ "recover", recover },
		{ "compiler", compiler },
	};

	workload = argc > 1 ? argv[1] : "usage";
	for (size_t i = 0; i < sizeof(workloads) / sizeof(*workloads); i++) {
		if (strcmp(workload, workloads[i].name) == 0) {
			parse_options(argc - 1, argv + 1, table, 0);
			if (clients_wanted == 0 || bytes_wanted == 0)
				fail("wrong arguments");
			clients_prepare();
			workloads[i].run();
			if (fflush(stdout) != 0)
				fail("standard output: %s", strerror(errno));
			return 0;
		}
	}
	fail("WORKLOAD and its options, see the top of main.c");
}
