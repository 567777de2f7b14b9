/* The census: counts are those of a plain list, whatever comes, moves and goes, and networks are what they are said to be. */
#include "master/census.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

enum { CONNECTIONS = 40, ADDRESSES = 60, STEPS = 20000 };

/* Which address each connection counts for; -1: none. */
static int model[CONNECTIONS];

static struct address address_of(const char *text)
{
	struct address address = { .port = 0 };

	CHECK(address_from_text(&address, text) == 0);
	return address;
}

/* The so many-th of some addresses, each of a network of its own, of which half are IPv4. */
static struct address numbered(int number)
{
	char text[ADDRESS_TEXT_BYTES];

	snprintf(text, sizeof(text), number % 2 == 0 ? "192.0.2.%d:7" : "[2001:db8:0:%d::7]:7", number);
	return address_of(text);
}

static uint32_t model_of(int number)
{
	uint32_t count = 0;

	for (int i = 0; i < CONNECTIONS; i++)
		count += model[i] == number;
	return count;
}

static bool agree(const struct census *census)
{
	for (int number = 0; number < ADDRESSES; number++) {
		struct address address = numbered(number);

		if (census_of(census, &address) != model_of(number))
			return false;
	}
	return true;
}

/* Most connections count for something, and often many for the same. */
static void check_against_model(unsigned seed)
{
	struct census census;

	CHECK(census_open(&census, CONNECTIONS) == 0);
	memset(model, -1, sizeof(model));
	srandom(seed);
	for (int i = 0; i < STEPS; i++) {
		int connection = (int)(random() % CONNECTIONS);
		int number = (int)(random() % (seed % 2 == 0 ? ADDRESSES : 5));
		struct address address = numbered(number);

		if (random() % 4 == 0) {
			census_forget(&census, (size_t)connection);
			model[connection] = -1;
		} else {
			census_count(&census, (size_t)connection, &address);
			model[connection] = number;
		}
		if (i % 100 == 0)
			CHECK(agree(&census));
	}
	CHECK(agree(&census));
	census_close(&census);
}

static bool same(const char *text, const char *other_text)
{
	struct address address = address_of(text), other = address_of(other_text);
	struct network network = network_of(&address), other_network = network_of(&other);

	return memcmp(&network, &other_network, sizeof(network)) == 0;
}

static bool reads(const char *address_text, const char *expected)
{
	struct address address = address_of(address_text);
	struct network network = network_of(&address);
	char text[NETWORK_TEXT_BYTES];

	network_text(&network, text);
	return strcmp(text, expected) == 0;
}

static void check_networks(void)
{
	CHECK(same("192.0.2.1:7", "192.0.2.1:8"));
	CHECK(same("192.0.2.1:7", "[::ffff:192.0.2.1]:7"));
	CHECK(!same("192.0.2.1:7", "192.0.2.2:7"));
	CHECK(same("[2001:db8::1]:7", "[2001:db8::ffff:0:0:2]:7"));
	CHECK(!same("[2001:db8::1]:7", "[2001:db8:0:1::1]:7"));
	CHECK(!same("[::1]:7", "0.0.0.1:7"));
	CHECK(reads("192.0.2.1:7", "192.0.2.1"));
	CHECK(reads("[::ffff:192.0.2.1]:7", "192.0.2.1"));
	CHECK(reads("[2001:db8::1]:7", "2001:db8::/64"));
	CHECK(reads("[2001:db8:1111:2222:3333:4444:5555:6666]:7", "2001:db8:1111:2222::/64"));
	CHECK(reads("[::1]:7", "::/64"));
}

static void check_off(void)
{
	struct census census = { .crowds = NULL };
	struct address address = numbered(0);

	census_count(&census, 7, &address);
	CHECK(census_of(&census, &address) == 0);
	census_forget(&census, 7);
	census_close(&census);
}

/* What a child could read of the tables it could be made to tell. */
static void check_child(void)
{
	struct census census;
	struct address address = numbered(0);
	unsigned char resident;
	pid_t pid;
	int status = 1;

	CHECK(census_open(&census, CONNECTIONS) == 0);
	census_count(&census, 7, &address);
	pid = fork();
	if (pid == 0)
		_exit(mincore(census.crowds, 1, &resident) != 0 && mincore(census.members, 1, &resident) != 0
			      ? 0
			      : 2);
	CHECK(pid > 0 && waitpid(pid, &status, 0) == pid);
	CHECK(status == 0);
	census_close(&census);
}

int main(void)
{
	for (unsigned seed = 1; seed <= 6; seed++)
		check_against_model(seed);
	check_networks();
	check_off();
	check_child();
	return unit_result();
}
