/*
 * The service manager's part, for tests where there is none, or none that would do what is wrong.
 */
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "client.h"
#include "options.h"

enum { FIRST_FD = 3, MESSAGE_BYTES = 4096, NOW_USECS = 60000000 };

/* A socket as asked for, at the descriptor; the others below it are open, up to 2. */
static void open_socket(const char *place, const char *kind, int wanted_fd)
{
	bool datagram = strcmp(kind, "datagram") == 0;
	struct target target;
	char text[ADDRESS_BYTES];
	int on = 1, fd;

	target_parse(&target, place);
	fd = socket(target.address.ss_family, datagram ? SOCK_DGRAM : SOCK_STREAM, 0);
	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0 ||
	    bind(fd, (struct sockaddr *)&target.address, target.length) != 0)
		fail_errno("%s", place);
	if (strcmp(kind, "listening") == 0 && listen(fd, SOMAXCONN) != 0)
		fail_errno("%s", place);
	local_text(fd, text);
	fprintf(stderr, "client: socket at %s\n", text);
	if (fd != wanted_fd && (dup2(fd, wanted_fd) < 0 || close(fd) != 0))
		fail_errno("descriptor %d", wanted_fd);
}

static void set_number(const char *name, long value)
{
	char text[24];

	snprintf(text, sizeof(text), "%ld", value);
	if (setenv(name, text, 1) != 0)
		fail_errno("%s", name);
}

/*
 * client activate: hands sockets, bound to each ADDRESS:PORT and listening unless KIND is bound or datagram, over to
 * COMMAND. With -w that is executed when the first client has come.
 */
int activate_main(int argc, char *argv[])
{
	const char *kind = "listening";
	bool wait = false;
	const struct command_option table[] = {
		OPTION('w', &wait, 0),
		OPTION('k', &kind, 0),
		{ .kind = OPTION_END },
	};
	char **words = parse_options(argc, argv, table, -3);
	int count = 0;

	for (; *words != NULL && strcmp(*words, "run") != 0; words++)
		open_socket(*words, kind, FIRST_FD + count++);
	if (*words == NULL || count == 0)
		fail("activate needs ADDRESS:PORT run COMMAND");
	set_number("LISTEN_PID", getpid());
	set_number("LISTEN_FDS", count);
	if (wait)
		(void)await(FIRST_FD, POLLIN);
	execvp(words[1], words + 1);
	fail_errno("%s", words[1]);
}

static int open_mailbox(const char *name)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	size_t length = strlen(name);
	int fd = socket(AF_UNIX, SOCK_DGRAM, 0);

	if (length >= sizeof(address.sun_path))
		fail("%s is too long", name);
	memcpy(address.sun_path, name, length);
	if (name[0] == '@')
		address.sun_path[0] = '\0';
	if (fd < 0 || bind(fd, (struct sockaddr *)&address,
			   (socklen_t)(offsetof(struct sockaddr_un, sun_path) + length)) != 0)
		fail_errno("%s", name);
	return fd;
}

/* Shows a message in one line; a time that is not long ago as "now". */
static void show(const char *message)
{
	static const char name[] = "MONOTONIC_USEC=";
	const char *time = strstr(message, name);
	size_t before = time != NULL ? (size_t)(time - message) + strlen(name) : strlen(message);
	char *end = NULL;
	int64_t ago = time != NULL ? now_usecs() - strtoll(message + before, &end, 10) : -1;
	char line[MESSAGE_BYTES];

	if (ago >= 0 && ago < NOW_USECS && *end == '\0')
		snprintf(line, sizeof(line), "%.*snow", (int)before, message);
	else
		snprintf(line, sizeof(line), "%s", message);
	for (char *at = line; (at = strchr(at, '\n')) != NULL;)
		*at = '|';
	say("%s", line);
}

/*
 * client notified: a datagram socket at a path, or with @ at an abstract name. Writes each message as a line, in which
 * "|" stands for a newline; with -d it reads none.
 */
int notified_main(int argc, char *argv[])
{
	bool deaf = false;
	const struct command_option table[] = { OPTION('d', &deaf, 0), { .kind = OPTION_END } };
	char **words = parse_options(argc, argv, table, 1);
	int fd = open_mailbox(words[0]);

	say("bound");
	if (deaf)
		await_go_on();
	for (;;) {
		char message[MESSAGE_BYTES];
		ssize_t length = recv(fd, message, sizeof(message) - 1, 0);

		if (length < 0)
			fail_errno("%s", words[0]);
		message[length] = '\0';
		show(message);
	}
}
