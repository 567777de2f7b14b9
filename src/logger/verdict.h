/* What the logger decided to do with a record, which stands in its copy of it on the desk. */
#ifndef ECHOD_LOGGER_VERDICT_H
#define ECHOD_LOGGER_VERDICT_H

enum verdict {
	VERDICT_NEWLINE = 1,  /* end the line the output stands in first */
	VERDICT_TAG = 2,      /* write the peer's address before the payload */
	VERDICT_REPEATED = 4, /* write nothing: all of it was had before */
};

#endif
