# GNU make. The usual targets: all (gives ./echod), run, test, install, uninstall, clean.
#
#   make CC=clang CFLAGS='-O3 -g'     CC, CFLAGS, CPPFLAGS, LDFLAGS and LDLIBS are the user's
#   make install DESTDIR=/tmp/stage PREFIX=/usr
#   make BUILD=sanitize test          the suite on a build with address and undefined-behaviour sanitizers
#   make BUILD=fault                  a build that can be told to die at each of its commit points
#   make run ARGS='--no-echo'
#
# BUILD names the folder .build/$(BUILD) that holds everything compiled, so that builds with different flags
# can live side by side. BUILD=release, the default, links ./echod; any other links .build/$(BUILD)/echod.
# WERROR=1 makes warnings errors.

VERSION := 0.1.0
BUILD ?= release
PREFIX ?= /usr/local

OUT := .build/$(BUILD)
ifeq ($(BUILD),release)
BINARY := echod
else
BINARY := $(OUT)/echod
endif

ifeq ($(BUILD),sanitize)
CFLAGS ?= -O1 -g
SANITIZE_FLAGS := -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
else
CFLAGS ?= -O2 -g
endif

# See src/common/fault.h.
ifeq ($(BUILD),fault)
FAULT_FLAGS := -DECHOD_FAULTS
FAULT_SOURCES := $(wildcard test/fault/*.c)
endif

# --- flags ---

# Is this flag known to the compiler on this processor?
supported = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

WARNING_FLAGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla \
	$(if $(WERROR),-Werror)

HARDENING_CFLAGS := -fPIE -fstack-protector-strong \
	$(call supported,-fstack-clash-protection) $(call supported,-fcf-protection)
HARDENING_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack

# _FORTIFY_SOURCE needs an optimising compiler, hides errors from the sanitizers, and may be the user's already.
OPTIMISES := $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
ifeq ($(SANITIZE_FLAGS)$(findstring FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
HARDENING_CPPFLAGS := $(if $(OPTIMISES),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif

SOURCE_FLAGS := -D_GNU_SOURCE -DECHOD_VERSION='"$(VERSION)"' -Isrc
COMPILE = $(CC) -std=c17 $(SOURCE_FLAGS) $(FAULT_FLAGS) $(HARDENING_CPPFLAGS) $(CPPFLAGS) $(WARNING_FLAGS) \
	$(HARDENING_CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS) -MMD -MP -c
LINK = $(CC) $(SANITIZE_FLAGS) $(CFLAGS) $(HARDENING_LDFLAGS) $(LDFLAGS)

# --- files ---

SOURCES := $(sort $(wildcard src/*.c src/*/*.c)) $(FAULT_SOURCES)
# Every file here is a program of its own ...
PROGRAM_SOURCES := $(sort $(wildcard test/*.c test/unit/*.c))
BENCH_SOURCES := $(sort $(wildcard test/bench/*.c))
# ... and these make one together.
CLIENT_SOURCES := $(sort $(wildcard test/client/*.c))
# Programs of their own again, with what these of the client share.
TORTURE_SOURCES := $(sort $(wildcard test/torture/*.c))
TORTURE_SHARED := test/client/client.c test/client/payload.c

C_FILES := $(SOURCES) $(PROGRAM_SOURCES) $(BENCH_SOURCES) $(CLIENT_SOURCES) $(TORTURE_SOURCES)
HEADERS := $(sort $(wildcard src/*.h src/*/*.h test/*.h test/*/*.h))

objects = $(patsubst %.c,$(OUT)/objects/%.o,$(1))

# All of src but main(), for the test programs to link what they need of it.
LIBRARY := $(OUT)/echod.a

CLIENT := $(if $(CLIENT_SOURCES),$(OUT)/test/client)
PROGRAMS := $(PROGRAM_SOURCES:%.c=$(OUT)/%)
BENCH_PROGRAMS := $(BENCH_SOURCES:test/%.c=$(OUT)/%)
TORTURE_PROGRAMS := $(TORTURE_SOURCES:%.c=$(OUT)/%)

# --- building ---

.PHONY: all run test test-programs fault bench bench-programs torture install uninstall clean
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

all: $(BINARY)

$(OUT)/objects/%.o: %.c
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

$(BINARY): $(call objects,$(SOURCES))
	$(LINK) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(call objects,$(filter-out src/main.c,$(SOURCES)))
	rm -f $@
	$(AR) rcs $@ $^

$(PROGRAMS): $(OUT)/%: $(OUT)/objects/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(CLIENT): $(call objects,$(CLIENT_SOURCES))
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(TORTURE_PROGRAMS): $(OUT)/%: $(OUT)/objects/%.o $(call objects,$(TORTURE_SHARED)) $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(BENCH_PROGRAMS): $(OUT)/%: $(OUT)/objects/test/%.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

test-programs: $(CLIENT) $(PROGRAMS) $(TORTURE_PROGRAMS)

bench-programs: $(BENCH_PROGRAMS)

fault:
	$(MAKE) --no-print-directory BUILD=fault all

-include $(patsubst %.o,%.d,$(call objects,$(C_FILES)))

# --- running ---

# What the scripts under test/ get to know.
TEST_ENVIRONMENT = BUILD='$(BUILD)' ECHOD='$(CURDIR)/$(BINARY)' TEST_PROGRAMS='$(CURDIR)/$(OUT)/test' \
	BENCH_PROGRAMS='$(CURDIR)/$(OUT)/bench' FAULT_ECHOD='$(CURDIR)/.build/fault/echod'

run: $(BINARY)
	exec ./$(BINARY) $(ARGS)

test: $(BINARY) test-programs bench-programs fault
	$(TEST_ENVIRONMENT) bats $(sort $(wildcard test/*.bats))

bench: $(BINARY) bench-programs
	$(TEST_ENVIRONMENT) test/bench/run

torture: $(BINARY) test-programs bench-programs fault
	$(TEST_ENVIRONMENT) test/torture/run

# --- installing ---

install: $(BINARY)
	install -d '$(DESTDIR)$(PREFIX)/sbin' '$(DESTDIR)$(PREFIX)/share/man/man8'
	install -m 755 $(BINARY) '$(DESTDIR)$(PREFIX)/sbin/echod'
	install -m 644 man/echod.8 '$(DESTDIR)$(PREFIX)/share/man/man8/echod.8'

uninstall:
	rm -f '$(DESTDIR)$(PREFIX)/sbin/echod' '$(DESTDIR)$(PREFIX)/share/man/man8/echod.8'

clean:
	rm -rf .build echod

# --- checking the text ---

# The instants of faults are nothing in other builds, so here they are looked at.
LINT_FLAGS = $(SOURCE_FLAGS) -DECHOD_FAULTS
LINT_FILES := $(sort $(C_FILES) $(wildcard test/fault/*.c))
SCRIPTS := .ci/run $(sort $(wildcard test/*.bats test/*.bash test/*/*.bash test/*/run))

.PHONY: lint lint-format lint-cppcheck lint-tidy lint-shell lint-man

lint: lint-format lint-man lint-shell lint-cppcheck lint-tidy

lint-format:
	clang-format --dry-run -Werror $(LINT_FILES) $(HEADERS)

# missingIncludeSystem: the C library's headers are not read, cppcheck knows its functions by itself.
# redundantContinue: it is how the empty body of a loop is written here.
lint-cppcheck:
	cppcheck --quiet --error-exitcode=1 --std=c11 --enable=warning,performance,portability,style \
		--suppress=missingIncludeSystem --suppress=redundantContinue \
		$(LINT_FLAGS) $(LINT_FILES)

# One run for each file: in a run over several, version 14 takes every va_list of the later ones as not set.
lint-tidy:
	printf '%s\n' $(LINT_FILES) | xargs -P "$$(nproc)" -I FILE \
		clang-tidy --quiet FILE -- -std=c17 $(LINT_FLAGS) $(WARNING_FLAGS)

# SC2153: variables in capitals are set by the helper that a test loads.
lint-shell:
	shellcheck --external-sources --exclude=SC2153 $(SCRIPTS)

lint-man:
	mandoc -T lint -W warning man/echod.8
