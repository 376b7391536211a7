/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Why a call failed.  A call that can fail returns 0 or -1 (or a pointer or
 * NULL) and takes struct err *e last.  The class decides what the program does
 * next; the text is one line for a person: what was being done, to which
 * object, what was wanted, what was found.
 */
#ifndef KEBAO_CATALOG_BASE_ERR_H
#define KEBAO_CATALOG_BASE_ERR_H

enum err_class {
	ERR_NONE,
	ERR_BAD_INPUT, /* what we were given is malformed, illegal or over a limit */
	ERR_UNTRUSTED, /* a signature, hash, version or date forbids believing it */
	ERR_NOT_FOUND, /* it is not there, or not for the one who asks */
	ERR_DENIED,    /* the identity may not do this */
	ERR_CONFLICT,  /* somebody else was first: refresh and try again */
	ERR_BUSY,      /* a limit of the moment (space, quota, lock): later */
	ERR_NETWORK,   /* the peer cannot be reached or broke off: retry */
	/* a role we held, and that is listed, is not given: access ended, or a lie */
	ERR_WITHHELD,
	ERR_WITHDRAWN, /* a release its publisher recalled: not to be had, whoever asks */
	ERR_SYSTEM,    /* this machine: memory, disk, permissions */
};

struct err {
	enum err_class class;
	int sys;        /* errno at the moment of failure, or 0 */
	char text[400]; /* one line of valid UTF-8; bytes from a peer are already quoted */
};

/* Fill *e (NULL is allowed) and return -1, so a check and its report are one statement. */
int err_set(struct err *e, enum err_class class, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: class ERR_SYSTEM, errno kept and named at the end. */
int err_errno(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Out of memory is an ordinary failure: class ERR_SYSTEM. */
int err_nomem(struct err *e);

/* Lets the compiler see what these return, so that it knows where outputs are set. */
#define err_set(...) ({ (void)err_set(__VA_ARGS__); -1; })
#define err_errno(...) ({ (void)err_errno(__VA_ARGS__); -1; })
#define err_nomem(e) ({ (void)err_nomem(e); -1; })

/* Put "context: " in front of the text, keeping class and sys. */
void err_within(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Space may come back: a failure for want of it (ENOSPC, EDQUOT) becomes ERR_BUSY.  Returns -1. */
int err_full_is_busy(struct err *e);

/* A short word for logs and JSON: "bad-input", "untrusted", ... */
const char *err_class_name(enum err_class class);

/*
 * Make bytes from outside printable inside a message: valid printable UTF-8
 * stays, everything else becomes \xHH, and what does not fit is cut with "...".
 * out receives at most size bytes including the NUL; size >= 8.  Returns out.
 */
const char *err_quote(char *out, unsigned long size, const void *bytes, unsigned long len);

#endif
