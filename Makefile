# SPDX-License-Identifier: Apache-2.0
#
# The only build file.  `make demo` and `make check` are the two commands; docs/CONTRIBUTING.md
# explains the others.  Folders are the source lists: a new .c file is compiled without an edit here.
CONFIG ?= debug
PREFIX ?= /usr/local
FUZZ_SECONDS ?= 60
JOBS   ?= $(shell nproc)
B      := build/$(CONFIG)

opt.debug   := -O0 -g3
opt.asan    := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
opt.tsan    := -O1 -g3 -fsanitize=thread -fno-omit-frame-pointer
opt.release := -O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPIE
opt.fuzz    := -O1 -g -fsanitize=fuzzer-no-link,address,undefined -fno-sanitize-recover=all
# One short line per step; V=1 shows the commands.
say := $(if $(V),,@)printf '  %-3s %s\n'
$(if $(opt.$(CONFIG)),,$(error CONFIG=$(CONFIG)? use debug, asan, tsan or release))

WARN     := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
CFLAGS   := -std=gnu11 -pthread $(WARN)
CPPFLAGS := -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
LDFLAGS  := -pthread -Wl,-z,relro,-z,now
# libFuzzer comes with clang; its warnings are not the ones we build by.
ifeq ($(CONFIG),fuzz)
CC       := clang-14
CFLAGS   := -std=gnu11 -pthread -w
endif

LIBS_catalog := -lzstd -lcjson -lutf8proc -lz -lsqlite3 -lcrypto -lm
LIBS_daemon  := -levent_core -levent_pthreads -lssl $(LIBS_catalog)
LIBS_client  := -lcurl -larchive -lssl $(LIBS_catalog)

# Everything below a folder, mains left out.
part = $(patsubst %.c,$(B)/%.o,$(filter-out %main.c,$(sort $(shell find $(1) -name '*.c' 2>/dev/null))))
# The object of a main, empty as long as there is none.
main = $(patsubst %.c,$(B)/%.o,$(shell find $(1) -name '$(2)' 2>/dev/null))

CATALOG := $(B)/libcatalog.a
DAEMON  := $(B)/libdaemon.a
CLIENT  := $(B)/libclient.a
LLHTTP  := $(B)/libllhttp.a

main_kebaod := $(call main,daemon,kebaod_main.c)
main_signer := $(call main,daemon,signer_main.c)
main_kebao  := $(call main,clients,kebao_main.c)
PROGRAMS := $(if $(main_kebaod),$(B)/kebaod) $(if $(main_signer),$(B)/kebaod-signer) \
	$(if $(main_kebao),$(B)/kebao)

# One program per *_test.c: in tests/unit against the catalogue, in tests/unit/daemon and
# tests/unit/client against that part, too.
unit = $(patsubst %.c,$(B)/%,$(wildcard tests/unit/$(1)*_test.c))
UNIT := $(call unit) $(call unit,daemon/) $(call unit,client/)
comma := ,
# fault.c makes the nth call of a function fail; it names those functions itself.
FAULT := $(patsubst %.c,$(B)/%.o,$(wildcard tests/unit/fault.c))
WRAP  := $(if $(FAULT),$(addprefix -Wl$(comma)--wrap=,$(shell \
	grep -oE '\b__wrap_[a-z0-9_]+' tests/unit/fault.c | sort -u | sed s/__wrap_//)))
FUZZ  := $(patsubst tests/fuzz/%_fuzz.c,$(B)/tests/fuzz/%_fuzz,$(wildcard tests/fuzz/*_fuzz.c))
BENCH := $(patsubst %.c,$(B)/%,$(wildcard tests/bench/*_bench.c)) $(B)/tests/bench/load $(B)/tests/tools/fill
# What attacks in system tests: forged roles, a server that lies.
ATTACK := $(patsubst %.c,$(B)/%,$(wildcard tests/attack/*.c))
# Programs that tests and measurements use: bad lines, courses without content.
TOOLS := $(patsubst %.c,$(B)/%,$(wildcard tests/tools/*.c))

# What floods in system tests and asks as anybody; and the routes of kebaod, for a table of who may what.
ABUSE := $(patsubst %.c,$(B)/%,$(wildcard tests/abuse/*.c))

.PHONY: all unit-programs fuzz-programs bench-programs check-programs tuf-client unit system lint \
	check fuzz soak soak-programs \
	bench bench-serve bench-update \
	demo courses deps bench-deps install uninstall format clean
all: $(CATALOG) $(DAEMON) $(CLIENT) $(PROGRAMS)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(say) CC $@; $(CC) $(CPPFLAGS) $(CFLAGS) $(opt.$(CONFIG)) -MMD -MP -c -o $@ $<
# llhttp is C source of Debian's node-llhttp: compiled as it is, its warnings are not ours.
$(B)/llhttp/%.o: /usr/share/llhttp/%.c Makefile
	@mkdir -p $(@D)
	$(say) CC $@; $(CC) -std=gnu11 -w -I/usr/share/include/llhttp $(opt.$(CONFIG)) -c -o $@ $<
$(B)/daemon/%.o: CPPFLAGS += -isystem /usr/share/include/llhttp
$(B)/tests/%.o: CPPFLAGS += -isystem /usr/share/include/llhttp

archive = @rm -f $@; mkdir -p $(@D); $(AR) rcs $@ $^
$(CATALOG): $(call part,catalog)
	$(archive)
$(DAEMON): $(call part,daemon)
	$(archive)
$(CLIENT): $(call part,clients/kebao)
	$(archive)
$(LLHTTP): $(patsubst /usr/share/llhttp/%.c,$(B)/llhttp/%.o,$(wildcard /usr/share/llhttp/*.c))
	$(archive)

link = $(say) LD $@; $(CC) $(LDFLAGS) $(opt.$(CONFIG)) -o $@ $(filter %.o %.a,$^)
$(B)/kebaod: $(main_kebaod) $(DAEMON) $(LLHTTP) $(CATALOG)
	$(link) $(LIBS_daemon)
$(B)/kebaod-signer: $(main_signer) $(DAEMON) $(CATALOG)
	$(link) $(LIBS_daemon)
$(B)/kebao: $(main_kebao) $(CLIENT) $(CATALOG)
	$(link) $(LIBS_client)

$(B)/tests/unit/daemon/%_test: $(B)/tests/unit/daemon/%_test.o $(FAULT) $(DAEMON) $(LLHTTP) $(CATALOG)
	$(link) $(WRAP) $(LIBS_daemon) -lcmocka
# These start the real kebaod-signer.
$(B)/tests/unit/daemon/signer_test $(B)/tests/unit/daemon/init_test: | $(B)/kebaod-signer
$(B)/tests/unit/client/%_test: $(B)/tests/unit/client/%_test.o $(FAULT) $(CLIENT) $(CATALOG)
	$(link) $(WRAP) $(LIBS_client) -lcmocka
$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(FAULT) $(CATALOG)
	$(link) $(WRAP) $(LIBS_catalog) -larchive -lcmocka

# A fuzz entry is LLVMFuzzerTestOneInput: driven by libFuzzer, or by our driver, which also replays.
ifeq ($(CONFIG),fuzz)
$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(DAEMON) $(LLHTTP) $(CATALOG)
	$(link) -fsanitize=fuzzer $(LIBS_daemon)
else
$(B)/tests/fuzz/%_fuzz: $(B)/tests/fuzz/%_fuzz.o $(B)/tests/fuzz/driver.o $(DAEMON) $(LLHTTP) $(CATALOG)
	$(link) $(LIBS_daemon)
endif

$(B)/tests/bench/%: $(B)/tests/bench/%.o $(CATALOG)
	$(link) $(LIBS_catalog)
# A client that loads a server; nothing of ours is in it.
$(B)/tests/bench/load: $(B)/tests/bench/load.o
	$(link) -lssl -lcrypto
$(B)/tests/tools/%: $(B)/tests/tools/%.o
	$(link) -levent_core
$(B)/tests/tools/fill: $(B)/tests/tools/fill.o $(CATALOG)
	$(link) $(LIBS_catalog)
$(B)/tests/tools/longline: $(B)/tests/tools/longline.o
	$(link)
# A library to be preloaded; sanitizers have no business in it.
$(B)/tests/tools/diary: tests/tools/diary.c Makefile
	@mkdir -p $(@D)
	$(say) LD $@; $(CC) $(CPPFLAGS) $(CFLAGS) -O1 -g -fPIC -shared -o $@ $<

# What other people's tests of TUF clients are pointed at: docs/TESTING.md.
$(B)/tests/interop/tuf-client: $(patsubst %.c,$(B)/%.o,$(wildcard tests/interop/*.c)) $(CATALOG)
	$(link) -lcurl $(LIBS_catalog)
tuf-client: $(B)/tests/interop/tuf-client

$(B)/tests/attack/%: $(B)/tests/attack/%.o $(CATALOG)
	$(link) -lssl $(LIBS_catalog)

$(B)/tests/abuse/%: $(B)/tests/abuse/%.o
	$(link) -lssl -lcrypto
$(B)/tests/soak/%: $(B)/tests/soak/%.o
	$(link) -lssl -lcrypto
$(B)/tests/abuse/routes: $(B)/tests/abuse/routes.o $(DAEMON) $(LLHTTP) $(CATALOG)
	$(link) $(LIBS_daemon)

unit-programs: $(UNIT)
bench-programs: $(BENCH)
fuzz-programs: $(FUZZ)
unit: $(UNIT)
	@CMOCKA_MESSAGE_OUTPUT=TAP prove -e '' $(UNIT)

# --- what is built at test time --------------------------------------------------------
# Sample courses: texts of tests/fixtures/courses, with speech and slides made by tools of Debian.
COURSES := build/courses/.made
courses: $(COURSES)
$(COURSES): $(shell find tests/fixtures/courses -type f 2>/dev/null)
	tests/fixtures/courses/make.sh build/courses
	@touch $@

# A test is a program that prints TAP; these give the same script to several builds.
SYSTEM := $(patsubst tests/system/%.sh,$(B)/system/%.t,$(wildcard tests/system/[0-9]*.sh))
$(B)/system/%.t: tests/system/%.sh Makefile
	@mkdir -p $(@D)
	@printf '#!/bin/sh\nKEBAO_BIN=$(CURDIR)/$(B) exec $(CURDIR)/$<\n' >$@ && chmod +x $@
$(B)/replay.t: $(FUZZ) Makefile
	@printf '#!/bin/sh\nexec $(CURDIR)/tests/fuzz/replay.sh $(FUZZ)\n' >$@ && chmod +x $@
check-programs: all tuf-client $(UNIT) $(ATTACK) $(TOOLS) $(ABUSE) $(SYSTEM) $(B)/replay.t

# --- tests -----------------------------------------------------------------------------
LINT  := $(wildcard tests/lint/[0-9]*.sh)
# Tests wait for disks and for each other more than they compute.
PROVE := CMOCKA_MESSAGE_OUTPUT=TAP prove -e '' --timer -j$(shell expr $(JOBS) + 1)
# The last numbers first: among them are the longest, and none is to run alone in the end.
last_first = $(shell printf '%s\n' $(1) | sort -r)
built = $(MAKE) $(if $(V),,-s) --no-print-directory -j$(JOBS) CONFIG=$(1) $(2)

# Everything, in three builds; the summary of prove is the last line.
check: deps
	+@$(call built,debug,check-programs courses)
	+@$(call built,asan,check-programs)
	+@$(call built,release,all unit-programs)
	@$(PROVE) $(call last_first,$(patsubst $(B)/%,build/asan/%,$(SYSTEM))) \
		$(call last_first,$(patsubst $(B)/%,build/debug/%,$(SYSTEM))) $(LINT) \
		$(foreach c,debug asan release,$(patsubst $(B)/%,build/$(c)/%,$(UNIT))) build/asan/replay.t
system: all courses $(ATTACK) $(TOOLS) $(ABUSE) $(SYSTEM)
	@$(PROVE) $(SYSTEM)
lint: all
	@$(PROVE) $(LINT)

# libFuzzer where clang is there, else our own driver, which needs nothing.
fuzz:
ifneq ($(shell command -v clang-14),)
	+@$(call built,fuzz,fuzz-programs)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh libfuzzer $(patsubst $(B)/%,build/fuzz/%,$(FUZZ))
else
	+@$(call built,asan,fuzz-programs)
	@FUZZ_SECONDS=$(FUZZ_SECONDS) tests/fuzz/run.sh driver $(patsubst $(B)/%,build/asan/%,$(FUZZ))
endif

# The long form: an hour, or SOAK_MINUTES, of everything at once; docs/TESTING.md.
soak-programs: $(B)/tests/soak/crowd $(B)/tests/abuse/flood $(B)/tests/bench/load
soak:
	+@$(call built,release,all soak-programs)
	@KEBAO_BIN=$(CURDIR)/build/release tests/soak/soak.sh

bench:
	+@$(call built,release,all bench-programs courses)
	@KEBAO_BIN=$(CURDIR)/build/release tests/bench/run.sh

bench-serve: bench-deps
	+@$(call built,release,all bench-programs)
	@KEBAO_BIN=$(CURDIR)/build/release tests/bench/serve.sh

# A hub, a publisher, recipients, all on this machine.  With job control (-m), which wants a terminal, Ctrl-C
# ends the demo, and make with it, not make first.
demo:
	@.ci/deps build demo
	+@$(call built,release,all courses)
	@export KEBAO_BIN=$(CURDIR)/build/release; \
	if [ -t 0 ]; then exec bash -mc 'tests/demo/demo.sh; exit $$?'; else exec tests/demo/demo.sh; fi

# --- packages --------------------------------------------------------------------------
deps:
	@.ci/deps build test demo
	@tests/interop/npm.sh

# No dependence on bench-deps: a peer that is not there is named and left out.  PARTS="first publish" measures less;
# PARTS=huge is a matter of 25 GB and of many minutes.
PARTS ?= corpora first publish nothing line
bench-update:
	+@$(call built,release,all $(patsubst %,build/release/tests/tools/%,line longline))
	@for part in $(PARTS); do KEBAO_BIN=$(CURDIR)/build/release tests/bench/update_$$part.sh || exit 1; done

bench-deps:
	@tests/bench/deps.sh

# --- installation ----------------------------------------------------------------------
SBINDIR    ?= $(PREFIX)/sbin
BINDIR     ?= $(PREFIX)/bin
MANDIR     ?= $(PREFIX)/share/man
DATADIR    ?= $(PREFIX)/share/kebao
UNITDIR    ?= $(PREFIX)/lib/systemd/system
SYSCONFDIR ?= /etc
D := $(DESTDIR)

# The release build, or the one that CONFIG=... on the command line names.
I := $(if $(filter command line,$(origin CONFIG)),$(CONFIG),release)
install:
	+@$(call built,$(I),all)
	install -d $(D)$(BINDIR) $(D)$(SBINDIR) $(D)$(UNITDIR) $(D)$(DATADIR)/examples/registry
	install -d $(D)$(MANDIR)/man1 $(D)$(MANDIR)/man5 $(D)$(MANDIR)/man8
	install -m 0755 build/$(I)/kebao $(D)$(BINDIR)/
	install -m 0755 build/$(I)/kebaod build/$(I)/kebaod-signer $(D)$(SBINDIR)/
	install -m 0644 docs/man/kebao.1 $(D)$(MANDIR)/man1/
	install -m 0644 docs/man/kebaod.conf.5 $(D)$(MANDIR)/man5/
	install -m 0644 docs/man/kebaod.8 $(D)$(MANDIR)/man8/
	install -m 0644 docs/examples/registry/* $(D)$(DATADIR)/examples/registry/
	install -m 0644 docs/examples/kebaod.conf $(D)$(DATADIR)/examples/
	sed 's|@SBINDIR@|$(SBINDIR)|; s|@SYSCONFDIR@|$(SYSCONFDIR)|' docs/examples/systemd/kebaod.service \
		>$(D)$(UNITDIR)/kebaod.service
	chmod 0644 $(D)$(UNITDIR)/kebaod.service
uninstall:
	rm -f $(D)$(BINDIR)/kebao $(D)$(SBINDIR)/kebaod $(D)$(SBINDIR)/kebaod-signer
	rm -f $(D)$(MANDIR)/man1/kebao.1 $(D)$(MANDIR)/man5/kebaod.conf.5 $(D)$(MANDIR)/man8/kebaod.8
	rm -f $(D)$(UNITDIR)/kebaod.service
	rm -rf $(D)$(DATADIR)

# The house form, where clang-format is there; Debian's package is clang-format-14.
format:
	clang-format-14 -i $(shell git ls-files '*.c' '*.h')

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:
.DELETE_ON_ERROR:
