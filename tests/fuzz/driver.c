/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives one LLVMFuzzerTestOneInput where libFuzzer is not at hand, and replays corpora in
 * every `make check`.
 *
 *	x_fuzz FILE-OR-DIRECTORY...          each file once
 *	x_fuzz --seconds N [--seed S] DIR... mutate what is in the directories
 *
 * Mutating happens in a child; the input it is at lies in memory shared with the parent, which
 * saves it as crash-<seed>-<number> in the working directory when the child dies.
 */
#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define INPUT_BYTES (1u << 20)
#define MAX_SEEDS 20000u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	uint8_t *data; /* owned */
	size_t len;
};

struct corpus {
	struct input *items; /* owned, and each data */
	size_t n;
};

/* What parent and child share. */
struct stage {
	uint64_t n_runs;
	uint64_t len;
	uint8_t data[INPUT_BYTES];
};

static void
die(const char *what)
{
	fprintf(stderr, "fuzz driver: %s: %s\n", what, strerror(errno));
	exit(2);
}

static void
add_file(struct corpus *c, const char *path)
{
	FILE *f = fopen(path, "rb");
	uint8_t *data = malloc(INPUT_BYTES);
	size_t len;

	if (f == NULL || data == NULL)
		die(path);
	len = fread(data, 1, INPUT_BYTES, f);
	if (ferror(f))
		die(path);
	(void)fclose(f); /* only read */
	c->items = realloc(c->items, (c->n + 1) * sizeof(*c->items));
	if (c->items == NULL)
		die("memory");
	/* Exactly as long as the content, so that a read past its end is seen. */
	c->items[c->n].data = realloc(data, len > 0 ? len : 1);
	if (c->items[c->n].data == NULL)
		die("memory");
	c->items[c->n].len = len;
	c->n++;
}

static void
add_path(struct corpus *c, const char *path)
{
	struct stat st;
	struct dirent **names = NULL;
	int n;

	if (stat(path, &st) == -1)
		die(path);
	if (!S_ISDIR(st.st_mode)) {
		add_file(c, path);
		return;
	}
	n = scandir(path, &names, NULL, alphasort);
	if (n == -1)
		die(path);
	for (int i = 0; i < n; i++) {
		char *child = NULL;

		if (names[i]->d_name[0] != '.' && c->n < MAX_SEEDS) {
			if (asprintf(&child, "%s/%s", path, names[i]->d_name) == -1)
				die("memory");
			add_path(c, child);
			free(child);
		}
		free(names[i]);
	}
	free(names);
}

static void
corpus_clear(struct corpus *c)
{
	for (size_t i = 0; i < c->n; i++)
		free(c->items[i].data);
	free(c->items);
}

/* xorshift64*: small, and the same on every machine. */
static uint64_t
next(uint64_t *s)
{
	*s ^= *s >> 12;
	*s ^= *s << 25;
	*s ^= *s >> 27;
	return *s * 0x2545f4914f6cdd1dull;
}

static size_t
below(uint64_t *s, size_t n)
{
	return n == 0 ? 0 : (size_t)(next(s) % n);
}

static void
remove_range(struct stage *in, uint64_t *s)
{
	size_t at = below(s, in->len);
	size_t n = 1 + below(s, in->len - at < 64 ? in->len - at : 64);

	if (n > in->len - at)
		n = in->len - at;
	memmove(in->data + at, in->data + at + n, in->len - at - n);
	in->len -= n;
}

/* Copy some bytes of another input (or the same) to some place. */
static void
splice(struct stage *in, const struct input *from, uint64_t *s)
{
	size_t from_at = below(s, from->len), at = below(s, in->len + 1);
	size_t n = 1 + below(s, from->len - from_at);

	if (n > from->len - from_at)
		n = from->len - from_at;
	if (n > INPUT_BYTES - in->len)
		n = INPUT_BYTES - in->len;
	memmove(in->data + at + n, in->data + at, in->len - at);
	memcpy(in->data + at, from->data + from_at, n);
	in->len += n;
}

/* Numbers that sit at borders, written in either byte order. */
static void
put_number(struct stage *in, uint64_t *s)
{
	static const uint64_t borders[] = { 0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x100000,
		0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffffffff, UINT64_MAX };
	uint64_t v = borders[below(s, sizeof(borders) / sizeof(borders[0]))];
	size_t width = (size_t)1 << below(s, 4), at;
	bool is_big = next(s) & 1;

	if (in->len < width)
		return;
	at = below(s, in->len - width + 1);
	for (size_t i = 0; i < width; i++)
		in->data[at + (is_big ? width - 1 - i : i)] = (uint8_t)(v >> (8 * i));
}

static void
mutate(struct stage *in, const struct corpus *c, uint64_t *s)
{
	static const char ascii[] = "{}[]\",:\\/0123456789eE+-. \r\n%aA";

	for (size_t round = 1 + below(s, 8); round > 0; round--) {
		if (in->len == 0) {
			splice(in, &c->items[below(s, c->n)], s);
			continue;
		}
		switch (below(s, 7)) {
		case 0:
			in->data[below(s, in->len)] ^= (uint8_t)(1u << below(s, 8));
			break;
		case 1:
			in->data[below(s, in->len)] = (uint8_t)next(s);
			break;
		case 2:
			in->data[below(s, in->len)] = (uint8_t)ascii[below(s, sizeof(ascii) - 1)];
			break;
		case 3:
			remove_range(in, s);
			break;
		case 4:
			put_number(in, s);
			break;
		case 5:
			in->len = below(s, in->len + 1);
			break;
		default:
			splice(in, &c->items[below(s, c->n)], s);
			break;
		}
	}
}

static void
run_exact(const uint8_t *data, size_t len)
{
	uint8_t *exact = malloc(len > 0 ? len : 1);

	if (exact == NULL)
		die("memory");
	memcpy(exact, data, len);
	/* its verdict is not ours: it aborts on a fault */
	(void)LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

static void
mutate_until(struct stage *in, const struct corpus *c, uint64_t seed, time_t end)
{
	uint64_t s = seed;

	while (time(NULL) < end) {
		const struct input *base = &c->items[below(&s, c->n)];

		memcpy(in->data, base->data, base->len);
		in->len = base->len;
		mutate(in, c, &s);
		in->n_runs++;
		run_exact(in->data, in->len);
	}
}

static int
save_crash(const struct stage *in, uint64_t seed)
{
	char name[80];
	FILE *f;

	(void)snprintf(name, sizeof(name), "crash-%llu-%llu", (unsigned long long)seed,
	    (unsigned long long)in->n_runs); /* fits */
	f = fopen(name, "wb");
	if (f == NULL || fwrite(in->data, 1, in->len, f) != in->len || fclose(f) != 0)
		die(name);
	fprintf(stderr, "fuzz driver: seed %llu, run %llu: input saved as %s\n",
	    (unsigned long long)seed, (unsigned long long)in->n_runs, name);
	return 1;
}

static int
fuzz(struct corpus *c, long seconds, uint64_t seed)
{
	struct stage *in = mmap(NULL, sizeof(*in), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	int wait_status;
	pid_t pid;

	if (in == MAP_FAILED)
		die("memory");
	if (c->n == 0) {
		static const char empty[] = "{}";

		c->items = calloc(1, sizeof(*c->items));
		if (c->items == NULL || (c->items[0].data = malloc(2)) == NULL)
			die("memory");
		memcpy(c->items[0].data, empty, 2);
		c->items[0].len = 2;
		c->n = 1;
	}
	fflush(NULL);
	pid = fork();
	if (pid == -1)
		die("fork");
	if (pid == 0) {
		mutate_until(in, c, seed, time(NULL) + seconds);
		corpus_clear(c);
		exit(0);
	}
	if (waitpid(pid, &wait_status, 0) == -1)
		die("wait");
	if (!WIFEXITED(wait_status) || WEXITSTATUS(wait_status) != 0)
		return save_crash(in, seed);
	printf("%llu runs, seed %llu\n", (unsigned long long)in->n_runs,
	    (unsigned long long)seed);
	return 0;
}

int
main(int argc, char **argv)
{
	struct corpus c = { NULL, 0 };
	long seconds = 0;
	uint64_t seed = (uint64_t)time(NULL);
	int rc = 0;

	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--seconds") == 0 && i + 1 < argc)
			seconds = strtol(argv[++i], NULL, 10);
		else if (strcmp(argv[i], "--seed") == 0 && i + 1 < argc)
			seed = strtoull(argv[++i], NULL, 10);
		else
			add_path(&c, argv[i]);
	}
	if (seconds > 0) {
		rc = fuzz(&c, seconds, seed | 1);
	} else {
		for (size_t i = 0; i < c.n; i++)
			run_exact(c.items[i].data, c.items[i].len);
		printf("%zu inputs\n", c.n);
	}
	corpus_clear(&c);
	return rc;
}
