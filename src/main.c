/*
 * echod: a TCP echo server that tells who said what.
 *
 * The one place that knows all three kinds of process: the master accepts connections, workers
 * serve them, the logger writes down what they said.
 */
#include "logger/logger.h"
#include "master/master.h"
#include "options.h"
#include "worker/worker.h"

int main(int argc, char *argv[])
{
	static const struct crew crew = {
		.worker = worker_run,
		.logger = logger_run,
		.logger_memory_bytes = logger_memory_bytes,
	};
	struct options options;

	switch (options_parse(argc, argv, &options)) {
	case OPTIONS_EXIT:
		return 0;
	case OPTIONS_FAILED:
		return 1;
	case OPTIONS_WRONG:
		return 2;
	case OPTIONS_RUN:
		break;
	}
	return master_run(&options, &crew, argv);
}
