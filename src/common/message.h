/*
 * Messages that others write for the process that has something to say.
 *
 * Where stderr is the same file or terminal as the log they go through the log: only the logger knows whether it stands
 * in the middle of a line there. Else the master writes those of the workers, which have no stderr: it may be a file.
 * While clients are served and a logger runs nobody writes straight there: what a client sends could look like somebody
 * else's line then. What of a worker's finds no room the master is told, too (master/hearsay.h).
 *
 * A worker speaks of itself or of its connections, and its lines begin accordingly; whoever takes one from it sees
 * to that.
 */
#ifndef ECHOD_MESSAGE_H
#define ECHOD_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/address.h"
#include "common/record.h"
#include "options.h"

enum { MESSAGE_HEAD_BYTES = 80 };

/*
 * Writes how a message begins and a final NUL into text, and returns its length: of a connection, whose slot is below
 * RECORD_OF_WORKERS, "echod: ADDRESS:PORT: " with this peer, of a worker "echod: worker NUMBER: ", else "echod: ".
 */
size_t message_head(uint32_t slot, const struct address *peer, char text[MESSAGE_HEAD_BYTES]);

/*
 * Is this one line with its newline, at its end, without other control characters, that begins as it must? What workers
 * say, who never name anything that a user has named, is ASCII: the rest has characters that a terminal obeys.
 */
bool message_is_sound(uint32_t slot, const struct address *peer, const char *line, size_t length);

/*
 * Puts a message's line, of at most RECORD_MESSAGE_MAX_BYTES with its newline, into the pipe to the logger, whose
 * writing end does not wait. The origin says whose it is: slot, generation, peer and seal. All of it or, with false,
 * nothing: the pipe has no room, or has no reader any more.
 */
bool message_send(int pipe_fd, const struct record *origin, const struct options *options, const char *line,
		  size_t length);

/* The same, but waits for room: 50 milliseconds, of several messages that find none only the first. */
bool message_send_patiently(int pipe_fd, const struct record *origin, const struct options *options,
			    const char *line, size_t length);

/*
 * Has the master say a line, of at most CHANNEL_TEXT_BYTES with its newline, that is about a connection, by its slot's
 * index, or about CHANNEL_NOBODY. Waits for room as message_send_patiently() does; false: the channel has had none, or
 * the master is gone.
 */
bool message_tell(int channel_fd, uint64_t about, const char *line, size_t length);

#endif
