/* Connections counted by where they are from; run by the master. See census.h. */
#include "master/census.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/random.h>

#include "common/siphash.h"

enum { IPV6_PREFIX_BYTES = 8 };

/* The connections of one network. */
struct crowd {
	struct network network;
	uint32_t count; /* 0: this place in the table is free */
};

struct member {
	struct network network;
	bool counts;
};

/* ---- networks ---- */

struct network network_of(const struct address *address)
{
	struct network network = { .ip = { 0 } };

	memcpy(network.ip, address->ip, address_is_ipv4(address) ? sizeof(network.ip) : IPV6_PREFIX_BYTES);
	return network;
}

void network_text(const struct network *network, char text[NETWORK_TEXT_BYTES])
{
	struct address address = { .port = 0 };

	memcpy(address.ip, network->ip, sizeof(address.ip));
	/* They fail only for want of room, and NETWORK_TEXT_BYTES has it. */
	if (address_is_ipv4(&address))
		(void)inet_ntop(AF_INET, address.ip + sizeof(address.ip) - sizeof(struct in_addr), text,
				NETWORK_TEXT_BYTES);
	else if (inet_ntop(AF_INET6, address.ip, text, INET6_ADDRSTRLEN) != NULL)
		memcpy(text + strlen(text), "/64", sizeof("/64"));
}

/* ---- the table ---- */

/* Where in the table a network would be if no other were in its way. */
static size_t home_of(const struct census *census, const struct network *network)
{
	uint64_t words[2];

	memcpy(words, network->ip, sizeof(words));
	return (size_t)siphash(census->key, words, 2) & census->mask;
}

/* Where it is, or is to be put. */
static size_t place_of(const struct census *census, const struct network *network)
{
	size_t at = home_of(census, network);

	while (census->crowds[at].count > 0 &&
	       memcmp(&census->crowds[at].network, network, sizeof(*network)) != 0)
		at = (at + 1) & census->mask;
	return at;
}

/* Frees a place. Whoever could not be there because of who was, and is found only by passing it, moves up. */
static void empty(struct census *census, size_t hole)
{
	struct crowd *crowds = census->crowds;
	size_t mask = census->mask;

	for (size_t at = (hole + 1) & mask; crowds[at].count > 0; at = (at + 1) & mask) {
		size_t home = home_of(census, &crowds[at].network);

		if (((at - home) & mask) < ((at - hole) & mask))
			continue;
		crowds[hole] = crowds[at];
		hole = at;
	}
	crowds[hole].count = 0;
}

/* Zeroed memory that no child gets, whose first touch takes it; NULL with errno. */
static void *own_memory(size_t bytes)
{
	void *memory =
		mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (memory == MAP_FAILED)
		return NULL;
	if (madvise(memory, bytes, MADV_DONTFORK) == 0)
		return memory;
	munmap(memory, bytes);
	return NULL;
}

int census_open(struct census *census, size_t connections)
{
	size_t places = 2;

	while (places < 2 * connections)
		places *= 2;
	*census = (struct census){
		.crowds = own_memory(places * sizeof(*census->crowds)),
		.mask = places - 1,
		.members = own_memory(connections * sizeof(*census->members)),
		.connections = connections,
	};
	if (census->crowds != NULL && census->members != NULL &&
	    getrandom(census->key, sizeof(census->key), 0) == sizeof(census->key))
		return 0;
	census_close(census);
	errno = ENOMEM;
	return -1;
}

static void release(void *memory, size_t bytes)
{
	if (memory != NULL)
		munmap(memory, bytes);
}

void census_close(struct census *census)
{
	release(census->crowds, (census->mask + 1) * sizeof(*census->crowds));
	release(census->members, census->connections * sizeof(*census->members));
	*census = (struct census){ .crowds = NULL };
}

void census_count(struct census *census, size_t connection, const struct address *address)
{
	struct network network = network_of(address);
	struct crowd *crowd;

	if (census->crowds == NULL)
		return;
	census_forget(census, connection);
	census->members[connection] = (struct member){ .network = network, .counts = true };
	crowd = &census->crowds[place_of(census, &network)];
	crowd->network = network;
	crowd->count++;
}

void census_forget(struct census *census, size_t connection)
{
	struct member *member;
	size_t at;

	if (census->crowds == NULL || !census->members[connection].counts)
		return;
	member = &census->members[connection];
	member->counts = false;
	at = place_of(census, &member->network);
	if (census->crowds[at].count > 1)
		census->crowds[at].count--;
	else
		empty(census, at);
}

uint32_t census_of(const struct census *census, const struct address *address)
{
	struct network network = network_of(address);

	return census->crowds != NULL ? census->crowds[place_of(census, &network)].count : 0;
}
