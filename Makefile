# SPDX-License-Identifier: Apache-2.0
# The only build file.  `make demo` and `make check` are the two commands; see docs/CONTRIBUTING.md.
CONFIG ?= debug
PREFIX ?= /usr/local
B      := build/$(CONFIG)

opt.debug   := -O0 -g3
opt.asan    := -O1 -g3 -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer
opt.release := -O2 -g -D_FORTIFY_SOURCE=3 -fstack-protector-strong -fPIE
$(if $(opt.$(CONFIG)),,$(error CONFIG=$(CONFIG)? use debug, asan or release))

CFLAGS_WARN := -Wall -Wextra -Wshadow -Wstrict-prototypes -Wmissing-prototypes -Wpointer-arith \
	-Wwrite-strings -Wvla -Wformat=2 -Wundef -Werror
CFLAGS   := -std=gnu11 -pthread $(CFLAGS_WARN)
CPPFLAGS := -I. -D_GNU_SOURCE -D_FILE_OFFSET_BITS=64
LDFLAGS  := -pthread

LIBS_catalog := -lzstd -lcjson -lutf8proc -lz -lcrypto -lsqlite3
LIBS_daemon  := -levent_core -levent_pthreads -lssl -lcrypto
LIBS_client  := -lcurl -lssl -lcrypto

# All sources below a folder, mains left out; the folders are the source lists.
part = $(patsubst %.c,$(B)/%.o,$(filter-out %main.c,$(sort $(shell find $(1) -name '*.c' 2>/dev/null))))

CATALOG := $(B)/libcatalog.a
UNIT    := $(patsubst tests/unit/%_test.c,$(B)/tests/unit/%_test,$(wildcard tests/unit/*_test.c))

.PHONY: all unit check clean
all: $(CATALOG)

$(B)/%.o: %.c Makefile
	@mkdir -p $(@D)
	$(CC) $(CPPFLAGS) $(CFLAGS) $(opt.$(CONFIG)) -MMD -MP -c -o $@ $<

$(CATALOG): $(call part,catalog)
	@rm -f $@
	$(AR) rcs $@ $^

$(B)/tests/unit/%_test: $(B)/tests/unit/%_test.o $(CATALOG)
	$(CC) $(LDFLAGS) $(opt.$(CONFIG)) -o $@ $^ $(LIBS_catalog) -lcmocka

unit: $(UNIT)
	@for t in $^; do $$t || exit 1; done

check: unit

clean:
	rm -rf build

-include $(shell find $(B) -name '*.d' 2>/dev/null)
.SECONDARY:
