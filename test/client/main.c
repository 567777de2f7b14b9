/*
 * The test client: chooses the command.
 */
#include <stdio.h>
#include <string.h>

#include "client.h"

static const struct command {
	const char *name;
	int (*run)(int argc, char *argv[]);
	const char *usage;
} commands[] = {
	{ "stream", stream_main,
	  "[-eHPrS] [-n COUNT] [-p AT_ONCE] [-b BYTES] [-c CHUNK] [-w WINDOW] [-s SEED] [-m MANIFEST] "
	  "[-y KIND] ADDRESS:PORT" },
	{ "logsplit", logsplit_main, "[-cu] [-o FORM] LOG MANIFEST..." },
	{ "stuck", stuck_main,
	  "[-x] [-b BYTES] [-t BYTES] [-w SEGMENT] [-i MSECS] [-s SEED] [-m MANIFEST] [-y KIND] "
	  "ADDRESS:PORT" },
	{ "pingpong", pingpong_main,
	  "[-n ROUNDS] [-k CONNECTIONS] [-s SEED] [-t MSECS] [-m MANIFEST] [-y KIND] ADDRESS:PORT" },
	{ "payload", payload_main, "[-b BYTES] [-i STREAM] [-s SEED] [-y KIND]" },
	{ "hold", hold_main, "[-er] [-n COUNT] ADDRESS:PORT" },
	{ "reset", reset_main, "[-n COUNT] ADDRESS:PORT STATE" },
	{ "oob", oob_main, "[-n COUNT] [-s SEED] ADDRESS:PORT" },
	{ "nonblock", nonblock_main, "COMMAND [ARGUMENT]..." },
	{ "swarm", swarm_main,
	  "[-oPrz] [-n COUNT] [-b BYTES] [-c CHUNK] [-w WINDOW] [-k KIB] [-p PERCENT] [-s SEED] "
	  "[-m MANIFEST] [-y KIND] ADDRESS:PORT" },
	{ "flood", flood_main,
	  "[-P] [-k AT_ONCE] [-r PER_SECOND] [-n COUNT] [-t SECONDS] [-e OF_EACH] [-s SEED] [-m MANIFEST] "
	  "[-y KIND] ADDRESS:PORT" },
	{ "killer", killer_main, "[-n KILLS] [-i MSECS] [-y TIMES] [-s SEED] [-t NAME]... PID" },
	{ "loss", loss_main, "PERCENT PID" },
	{ "cuts", cuts_main, "[-e] [-s SEED] [-m MANIFEST] ADDRESS:PORT" },
	{ "activate", activate_main, "[-w] [-k KIND] -- ADDRESS:PORT... run COMMAND [ARGUMENT]..." },
	{ "notified", notified_main, "[-d] PATH | @NAME" },
	{ "parts", parts_main, "rings PID | spoil PID PEER COUNTER BYTES | relayout PID" },
};

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

int main(int argc, char *argv[])
{
	for (int i = 0; argc > 1 && i < COMMANDS; i++) {
		if (strcmp(argv[1], commands[i].name) == 0)
			return commands[i].run(argc - 1, argv + 1);
	}
	for (int i = 0; i < COMMANDS; i++)
		fprintf(stderr, "client %s %s\n", commands[i].name, commands[i].usage);
	return 2;
}
