/*
 * The commit rule, by which a killed process leaves nothing that its successor cannot make out.
 *
 * First the effect, mostly a system call, then one store of one number in shared memory that counts
 * it. Whatever instant a process dies at, at most one effect is not counted yet, and the numbers
 * with what the effect left (in the kernel's sockets, pipes and files, or in shared memory) tell how
 * far that one had come.
 *
 * Each of these numbers is written by one process at a time, so no read-modify-write is needed.
 */
#ifndef ECHOD_COMMIT_H
#define ECHOD_COMMIT_H

#include <stdatomic.h>

#include "common/fault.h"

/*
 * Counts an effect: what stands before it in the program is done before the store, what stands after
 * it is done after. Death is no other processor, so it is the compiler alone that must not reorder.
 */
#define commit(number, value)                                            \
	(atomic_store_explicit((number), (value), memory_order_release), \
	 atomic_signal_fence(memory_order_seq_cst))

/* The same; the instant between the effect and this store has a name (common/fault.h). */
#define commit_at(instant, number, value) (fault_point(instant), commit((number), (value)))

/* What was counted last, by whichever process. */
#define committed(number) atomic_load_explicit((number), memory_order_acquire)

#endif
