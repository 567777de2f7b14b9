# GNU make builds echod. `make help` prints this comment.
#
# Targets:
#   all              ./echod (what make does without a target)
#   run              starts it, with the options in ARGS: make run ARGS='--no-echo'
#   install          the program, its manual page, bash's completion and units for systemd, below DESTDIR
#                    and PREFIX
#   uninstall        takes away what install put there
#   clean            takes away everything built
#   test, check      all tests
#   bench            measures against a bare echo server and against what else is installed
#   coverage         a table of what the tests reach of src/; needs clang and llvm, and is no part of the
#                    continuous integration: it takes as long as all tests
#   fuzz             looks for bytes that do harm, FUZZ_SECONDS (60) for each fuzzer; needs clang
#   torture          kills and replaces processes for minutes, among clients that behave and among hostile ones
#   lint             everything that is checked by reading alone; its parts are
#                    lint-format, lint-man, lint-shell, lint-cppcheck, lint-tidy and lint-analyzer
#   fault            the program that can be told to die at each of its commit points
#   hostile          the program whose worker can be told to attack all others
#   test-programs    what the tests are run with
#   fuzz-programs    the fuzzers, which make fuzz runs
#   bench-programs   what is measured with
#   help             this text
#
# Variables:
#   V=1              prints whole commands; make -s prints none
#   WERROR=1         warnings are errors
#   BUILD=NAME       builds in .build/NAME, so that builds with different flags live side by side; all but
#                    release, the default, have their echod there, too; five have flags of their own:
#                    sanitize (address and undefined behaviour), coverage, fuzz, fault and hostile (the
#                    targets of these names make them)
#   PREFIX=FOLDER    where to install (/usr/local)
#   DESTDIR=FOLDER   put in front of PREFIX, for packages
#   CC, AR, CFLAGS, CPPFLAGS, LDFLAGS, LDLIBS   the user's: make CC=clang CFLAGS='-O3 -g'

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

# Counters in files that are mapped: processes that are killed have counted, too, and nothing is asked of the
# kernel later than at the start. The name is in the program, for tests that start it with another environment.
PROFILES := $(CURDIR)/.build/coverage/profiles
ifneq ($(filter coverage%,$(BUILD)),)
CC := clang
BUILD_FLAGS := -fprofile-instr-generate=$(PROFILES)/%m%c.profraw -fcoverage-mapping \
	-mllvm -runtime-counter-relocation
BUILD_LDFLAGS := -fprofile-instr-generate
COUNTED := coverage-
endif

ifeq ($(BUILD),fuzz)
CC := clang
SANITIZE_FLAGS := -fsanitize=address,undefined,fuzzer-no-link -fno-sanitize-recover=all -fno-omit-frame-pointer
FUZZ_MAIN :=
FUZZ_LDFLAGS := -fsanitize=fuzzer
else
FUZZ_MAIN = $(call objects,test/fuzz/replay.c)
endif

# See src/common/fault.h.
ifneq ($(filter fault %-fault,$(BUILD)),)
BUILD_FLAGS += -DECHOD_FAULTS
BUILD_SOURCES := $(wildcard test/fault/*.c)
endif

# See src/common/hostile.h.
ifneq ($(filter hostile %-hostile,$(BUILD)),)
BUILD_FLAGS += -DECHOD_HOSTILE
BUILD_SOURCES := $(wildcard test/hostile/*.c)
endif

# --- output ---

# $(call short,LINE) before a command has LINE printed in its place: not with V=1, and nothing at all with -s.
ifneq ($(V),1)
short = @$(if $(findstring s,$(firstword -$(MAKEFLAGS))),,echo '$(1)';)
endif

# --- flags ---

# Is this flag known to the compiler on this processor?
supported = $(shell $(CC) -Werror $(1) -x c -c /dev/null -o /dev/null 2>/dev/null && echo $(1))

WARNING_FLAGS := -Wall -Wextra -Wpedantic -Wshadow -Wconversion -Wstrict-prototypes -Wvla \
	$(if $(WERROR),-Werror)

HARDENING_CFLAGS := -fPIE -fstack-protector-strong \
	$(call supported,-fstack-clash-protection) $(call supported,-fcf-protection) \
	$(call supported,-mbranch-protection=standard)
HARDENING_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack

# The third level where there is one: a C library without it says so.
FORTIFY := $(shell $(CC) -Werror -O2 -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3 -include stdlib.h \
	-x c -fsyntax-only /dev/null 2>/dev/null && echo 3 || echo 2)

# _FORTIFY_SOURCE needs an optimising compiler, hides errors from the sanitizers, and may be the user's already.
OPTIMISES := $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
ifeq ($(SANITIZE_FLAGS)$(findstring FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
HARDENING_CPPFLAGS := $(if $(OPTIMISES),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=$(FORTIFY))
endif

SOURCE_FLAGS := -D_GNU_SOURCE -DECHOD_VERSION='"$(VERSION)"' -Isrc -I$(OUT)
COMPILE = $(call short,CC $<)$(CC) -std=c17 $(SOURCE_FLAGS) $(BUILD_FLAGS) $(HARDENING_CPPFLAGS) $(CPPFLAGS) \
	$(WARNING_FLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS) -MMD -MP -c
LINK = $(call short,LINK $@)$(CC) $(SANITIZE_FLAGS) $(BUILD_LDFLAGS) $(CFLAGS) $(HARDENING_LDFLAGS) $(LDFLAGS)

# --- files ---

SOURCES := $(sort $(wildcard src/*.c src/*/*.c)) $(BUILD_SOURCES)
# Every file here is a program of its own ...
PROGRAM_SOURCES := $(sort $(wildcard test/unit/*.c))
BENCH_SOURCES := $(sort $(wildcard test/bench/*.c))
# ... and these folders make one each.
CLIENT_SOURCES := $(sort $(wildcard test/client/*.c))
FUZZ_SOURCES := $(sort $(filter-out test/fuzz/replay.c,$(wildcard test/fuzz/*.c)))
LOAD_SOURCES := $(sort $(wildcard test/bench/load/*.c)) test/client/options.c

C_FILES := $(sort $(SOURCES) $(PROGRAM_SOURCES) $(BENCH_SOURCES) $(CLIENT_SOURCES) $(LOAD_SOURCES) $(FUZZ_SOURCES) \
	test/fuzz/replay.c)
HEADERS := $(sort $(wildcard src/*.h src/*/*.h test/*/*.h test/*/*/*.h))

objects = $(patsubst %.c,$(OUT)/objects/%.o,$(1))

# All of src but main(), for the test programs to link what they need of it.
LIBRARY := $(OUT)/echod.a

CLIENT := $(OUT)/test/client
LOAD := $(OUT)/bench/load
PROGRAMS := $(PROGRAM_SOURCES:%.c=$(OUT)/%)
FUZZERS := $(FUZZ_SOURCES:%.c=$(OUT)/%)
BENCH_PROGRAMS := $(BENCH_SOURCES:test/%.c=$(OUT)/%)

# --- building ---

.PHONY: all run test check test-programs fault hostile coverage fuzz fuzz-programs bench bench-programs torture install uninstall clean
.DELETE_ON_ERROR:
.SUFFIXES:
.SECONDARY:

all: $(BINARY)

$(OUT)/objects/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(COMPILE) -o $@ $<

# The names of the system calls of the processor that is compiled for; see src/master/calls.c.
CALLS := $(OUT)/calls.inc

$(call objects,src/master/calls.c): $(CALLS)

$(CALLS): Makefile
	@mkdir -p $(@D)
	$(call short,MAKE $@)echo '#include <sys/syscall.h>' | $(CC) -E -dM - | \
		sed -n 's/^#define SYS_\([a-z0-9_]*\) .*/[SYS_\1] = "\1",/p' | sort >$@

$(BINARY): $(call objects,$(SOURCES))
	$(LINK) -o $@ $^ $(LDLIBS)

$(LIBRARY): $(call objects,$(filter-out src/main.c,$(SOURCES)))
	@rm -f $@
	$(call short,AR $@)$(AR) rcs $@ $^

$(PROGRAMS): $(OUT)/%: $(OUT)/objects/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(OUT)/test/fuzz/forms: $(call objects,test/client/base64.c test/client/json.c test/client/utf8.c)

$(FUZZERS): $(OUT)/%: $(OUT)/objects/%.o $(FUZZ_MAIN) $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) $(FUZZ_LDFLAGS) -o $@ $^ $(LDLIBS)

$(CLIENT): $(call objects,$(CLIENT_SOURCES)) $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(LOAD): $(call objects,$(LOAD_SOURCES))
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(BENCH_PROGRAMS): $(OUT)/%: $(OUT)/objects/test/%.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

test-programs: $(CLIENT) $(PROGRAMS) $(FUZZERS)

bench-programs: $(BENCH_PROGRAMS) $(LOAD)

fault hostile:
	$(MAKE) --no-print-directory BUILD=$(COUNTED)$@ all

-include $(patsubst %.o,%.d,$(call objects,$(C_FILES)))

# --- running ---

TESTS ?= $(sort $(wildcard test/*.bats))

# Debian's names of what the tests need besides a compiler.
TEST_PACKAGES := bats netcat-openbsd socat jq strace valgrind procps util-linux

# What the scripts under test/ get to know.
TEST_ENVIRONMENT = BUILD='$(BUILD)' ECHOD='$(CURDIR)/$(BINARY)' TEST_PROGRAMS='$(CURDIR)/$(OUT)/test' \
	BENCH_PROGRAMS='$(CURDIR)/$(OUT)/bench' FAULT_ECHOD='$(CURDIR)/.build/$(COUNTED)fault/echod' \
	HOSTILE_ECHOD='$(CURDIR)/.build/$(COUNTED)hostile/echod'

# echod's standard output is its log, so what make says while building goes elsewhere.
run:
	@{ $(MAKE) --no-print-directory -q $(BINARY) || $(MAKE) --no-print-directory $(BINARY); } >&2
	@exec ./$(BINARY) $(ARGS)

# Known before anything is built.
ifneq ($(filter test check torture,$(MAKECMDGOALS)),)
ifeq ($(shell command -v bats 2>/dev/null),)
$(error the tests need bats and some more: apt-get install $(TEST_PACKAGES))
endif
endif

check: test

test: $(BINARY) test-programs bench-programs fault hostile
	$(call short,TEST $(BUILD))$(TEST_ENVIRONMENT) bats $(TESTS)

bench: $(BINARY) bench-programs
	$(call short,BENCH $(BUILD))$(TEST_ENVIRONMENT) test/bench/run

coverage:
	$(MAKE) --no-print-directory BUILD=coverage all test-programs bench-programs fault hostile
	COVERAGE_BUILDS='.build/coverage .build/coverage-fault .build/coverage-hostile' COVERAGE_PROFILES='$(PROFILES)' \
		test/coverage/run $(MAKE) --no-print-directory BUILD=coverage test

fuzz:
	$(call short,BUILD fuzz)$(MAKE) --no-print-directory BUILD=fuzz fuzz-programs
	$(call short,FUZZ)FUZZ_BUILD='$(CURDIR)/.build/fuzz' test/fuzz/run

fuzz-programs: $(FUZZERS)

torture: $(BINARY) test-programs bench-programs fault
	$(call short,TORTURE $(BUILD))$(TEST_ENVIRONMENT) test/torture/run

.PHONY: help
help:
	@sed -n '/^#/!q; s/^# \{0,1\}//p' $(firstword $(MAKEFILE_LIST))

# --- installing ---

# Where bash-completion looks for what completes this command, and systemd for units.
COMPLETIONS := share/bash-completion/completions
UNITS := lib/systemd/system

INSTALLED := bin/echod share/man/man1/echod.1 $(COMPLETIONS)/echod $(UNITS)/echod.service $(UNITS)/echod.socket

install: $(BINARY)
	install -d $(patsubst %,'$(DESTDIR)$(PREFIX)/%',$(sort $(dir $(INSTALLED))))
	install -m 755 $(BINARY) '$(DESTDIR)$(PREFIX)/bin/echod'
	install -m 644 man/echod.1 '$(DESTDIR)$(PREFIX)/share/man/man1/echod.1'
	install -m 644 src/completion/echod.bash '$(DESTDIR)$(PREFIX)/$(COMPLETIONS)/echod'
	install -m 644 src/systemd/echod.service src/systemd/echod.socket '$(DESTDIR)$(PREFIX)/$(UNITS)'
	sed -i 's|/usr/local/bin/|$(PREFIX)/bin/|' '$(DESTDIR)$(PREFIX)/$(UNITS)/echod.service'

uninstall:
	rm -f $(patsubst %,'$(DESTDIR)$(PREFIX)/%',$(INSTALLED))

clean:
	rm -rf .build echod

# --- checking the text ---

# The instants of faults are nothing in other builds, so here they are looked at.
LINT_FLAGS = $(SOURCE_FLAGS) -DECHOD_FAULTS -DECHOD_HOSTILE
LINT_FILES := $(sort $(C_FILES) $(wildcard test/fault/*.c test/hostile/*.c))
SCRIPTS := .ci/run $(sort $(wildcard src/*/*.bash test/*.bats test/*/*.bash test/*/run))

.PHONY: lint lint-format lint-cppcheck lint-tidy lint-analyzer lint-shell lint-man

lint: lint-format lint-man lint-shell lint-cppcheck lint-tidy lint-analyzer

lint-format:
	$(call short,LINT clang-format)clang-format --dry-run -Werror $(LINT_FILES) $(HEADERS)

# missingIncludeSystem: the C library's headers are not read, cppcheck knows its functions by itself.
# redundantContinue: it is how the empty body of a loop is written here.
lint-cppcheck: $(CALLS)
	$(call short,LINT cppcheck)cppcheck --quiet --error-exitcode=1 --std=c11 \
		--enable=warning,performance,portability,style \
		--suppress=missingIncludeSystem --suppress=redundantContinue \
		$(LINT_FLAGS) $(LINT_FILES)

# One run for each file: in a run over several, version 14 takes every va_list of the later ones as not set.
lint-tidy: $(CALLS)
	$(call short,LINT clang-tidy)printf '%s\n' $(LINT_FILES) | xargs -P "$$(nproc)" -I FILE \
		clang-tidy --quiet FILE -- -std=c17 $(LINT_FLAGS) $(WARNING_FLAGS)

# Of gcc alone, whatever CC is. What the tests are made of it need not see.
lint-analyzer: $(CALLS)
	$(call short,LINT gcc -fanalyzer)printf '%s\n' $(wildcard src/*.c src/*/*.c) | xargs -P "$$(nproc)" -I FILE \
		gcc -std=c17 $(LINT_FLAGS) -O2 -fanalyzer -Werror -c -o /dev/null FILE

# SC2153: variables in capitals are set by the helper that a test loads.
lint-shell:
	$(call short,LINT shellcheck)shellcheck --external-sources --exclude=SC2153 $(SCRIPTS)

lint-man:
	$(call short,LINT mandoc)mandoc -T lint -W warning man/echod.1
