/*
 * The instants at which being killed would hurt most, named.
 *
 * Each lies between an effect and the store that commits it. A build with ECHOD_FAULTS, which only
 * the tests make (make BUILD=fault), can be told to die at any of them; in every other build they
 * are nothing.
 */
#ifndef ECHOD_FAULT_H
#define ECHOD_FAULT_H

#ifdef ECHOD_FAULTS

#include <stdbool.h>

/* Dies here if that is what the test asked for. Keeps errno. */
void fault_point(const char *name);

/* Did the test ask to leave this step out? */
bool fault_omits(const char *step);

#else
#define fault_point(name) ((void)0)
#define fault_omits(step) false
#endif

#endif
