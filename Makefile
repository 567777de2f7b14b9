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
#   torture          kills and replaces processes for minutes
#   lint             everything that is checked by reading alone; its parts are
#                    lint-format, lint-man, lint-shell, lint-cppcheck and lint-tidy
#   fault            the program that can be told to die at each of its commit points
#   test-programs    what the tests are run with
#   bench-programs   what is measured with
#   help             this text
#
# Variables:
#   V=1              prints whole commands; make -s prints none
#   WERROR=1         warnings are errors
#   BUILD=NAME       builds in .build/NAME, so that builds with different flags live side by side; all but
#                    release, the default, have their echod there, too; two have flags of their own:
#                    sanitize (address and undefined behaviour) and fault (the target fault makes it)
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

# See src/common/fault.h.
ifeq ($(BUILD),fault)
FAULT_FLAGS := -DECHOD_FAULTS
FAULT_SOURCES := $(wildcard test/fault/*.c)
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
	$(call supported,-fstack-clash-protection) $(call supported,-fcf-protection)
HARDENING_LDFLAGS := -pie -Wl,-z,relro,-z,now -Wl,-z,noexecstack

# _FORTIFY_SOURCE needs an optimising compiler, hides errors from the sanitizers, and may be the user's already.
OPTIMISES := $(filter-out -O0,$(lastword $(filter -O%,$(CFLAGS))))
ifeq ($(SANITIZE_FLAGS)$(findstring FORTIFY_SOURCE,$(CPPFLAGS) $(CFLAGS)),)
HARDENING_CPPFLAGS := $(if $(OPTIMISES),-U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
endif

SOURCE_FLAGS := -D_GNU_SOURCE -DECHOD_VERSION='"$(VERSION)"' -Isrc
COMPILE = $(call short,CC $<)$(CC) -std=c17 $(SOURCE_FLAGS) $(FAULT_FLAGS) $(HARDENING_CPPFLAGS) $(CPPFLAGS) \
	$(WARNING_FLAGS) $(HARDENING_CFLAGS) $(SANITIZE_FLAGS) $(CFLAGS) -MMD -MP -c
LINK = $(call short,LINK $@)$(CC) $(SANITIZE_FLAGS) $(CFLAGS) $(HARDENING_LDFLAGS) $(LDFLAGS)

# --- files ---

SOURCES := $(sort $(wildcard src/*.c src/*/*.c)) $(FAULT_SOURCES)
# Every file here is a program of its own ...
PROGRAM_SOURCES := $(sort $(wildcard test/*.c test/unit/*.c))
BENCH_SOURCES := $(sort $(wildcard test/bench/*.c))
# ... and these folders make one each.
CLIENT_SOURCES := $(sort $(wildcard test/client/*.c))
LOAD_SOURCES := $(sort $(wildcard test/bench/load/*.c)) test/client/options.c

C_FILES := $(sort $(SOURCES) $(PROGRAM_SOURCES) $(BENCH_SOURCES) $(CLIENT_SOURCES) $(LOAD_SOURCES))
HEADERS := $(sort $(wildcard src/*.h src/*/*.h test/*.h test/*/*.h test/*/*/*.h))

objects = $(patsubst %.c,$(OUT)/objects/%.o,$(1))

# All of src but main(), for the test programs to link what they need of it.
LIBRARY := $(OUT)/echod.a

CLIENT := $(OUT)/test/client
LOAD := $(OUT)/bench/load
PROGRAMS := $(PROGRAM_SOURCES:%.c=$(OUT)/%)
BENCH_PROGRAMS := $(BENCH_SOURCES:test/%.c=$(OUT)/%)

# --- building ---

.PHONY: all run test check test-programs fault bench bench-programs torture install uninstall clean
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
	@rm -f $@
	$(call short,AR $@)$(AR) rcs $@ $^

$(PROGRAMS): $(OUT)/%: $(OUT)/objects/%.o $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(CLIENT): $(call objects,$(CLIENT_SOURCES)) $(LIBRARY)
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(LOAD): $(call objects,$(LOAD_SOURCES))
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

$(BENCH_PROGRAMS): $(OUT)/%: $(OUT)/objects/test/%.o
	@mkdir -p $(@D)
	$(LINK) -o $@ $^ $(LDLIBS)

test-programs: $(CLIENT) $(PROGRAMS)

bench-programs: $(BENCH_PROGRAMS) $(LOAD)

fault:
	$(MAKE) --no-print-directory BUILD=fault all

-include $(patsubst %.o,%.d,$(call objects,$(C_FILES)))

# --- running ---

TESTS ?= $(sort $(wildcard test/*.bats))

# Debian's names of what the tests need besides a compiler.
TEST_PACKAGES := bats netcat-openbsd socat jq strace valgrind procps util-linux

# What the scripts under test/ get to know.
TEST_ENVIRONMENT = BUILD='$(BUILD)' ECHOD='$(CURDIR)/$(BINARY)' TEST_PROGRAMS='$(CURDIR)/$(OUT)/test' \
	BENCH_PROGRAMS='$(CURDIR)/$(OUT)/bench' FAULT_ECHOD='$(CURDIR)/.build/fault/echod'

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

test: $(BINARY) test-programs bench-programs fault
	$(call short,TEST $(BUILD))$(TEST_ENVIRONMENT) bats $(TESTS)

bench: $(BINARY) bench-programs
	$(call short,BENCH $(BUILD))$(TEST_ENVIRONMENT) test/bench/run

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
LINT_FLAGS = $(SOURCE_FLAGS) -DECHOD_FAULTS
LINT_FILES := $(sort $(C_FILES) $(wildcard test/fault/*.c))
SCRIPTS := .ci/run $(sort $(wildcard src/*/*.bash test/*.bats test/*.bash test/*/*.bash test/*/run))

.PHONY: lint lint-format lint-cppcheck lint-tidy lint-shell lint-man

lint: lint-format lint-man lint-shell lint-cppcheck lint-tidy

lint-format:
	$(call short,LINT clang-format)clang-format --dry-run -Werror $(LINT_FILES) $(HEADERS)

# missingIncludeSystem: the C library's headers are not read, cppcheck knows its functions by itself.
# redundantContinue: it is how the empty body of a loop is written here.
lint-cppcheck:
	$(call short,LINT cppcheck)cppcheck --quiet --error-exitcode=1 --std=c11 \
		--enable=warning,performance,portability,style \
		--suppress=missingIncludeSystem --suppress=redundantContinue \
		$(LINT_FLAGS) $(LINT_FILES)

# One run for each file: in a run over several, version 14 takes every va_list of the later ones as not set.
lint-tidy:
	$(call short,LINT clang-tidy)printf '%s\n' $(LINT_FILES) | xargs -P "$$(nproc)" -I FILE \
		clang-tidy --quiet FILE -- -std=c17 $(LINT_FLAGS) $(WARNING_FLAGS)

# SC2153: variables in capitals are set by the helper that a test loads.
lint-shell:
	$(call short,LINT shellcheck)shellcheck --external-sources --exclude=SC2153 $(SCRIPTS)

lint-man:
	$(call short,LINT mandoc)mandoc -T lint -W warning man/echod.1
