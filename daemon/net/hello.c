/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/net/hello.h"

#include <string.h>

#include "daemon/limits.h"

/* Content types of records, and the one type of message that is looked at. */
#define CHANGE_CIPHER_SPEC 20
#define HANDSHAKE 22
#define APPLICATION_DATA 23
#define CLIENT_HELLO 1

static size_t
least(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Messages of a handshake, in as many records as the peer likes. */
static bool
follow_messages(struct hello *h, const uint8_t *bytes, size_t len)
{
	while (len > 0) {
		size_t n;

		if (h->n_message < sizeof(h->message)) {
			n = least(len, sizeof(h->message) - h->n_message);
			memcpy(h->message + h->n_message, bytes, n);
			h->n_message += (uint8_t)n;
			if (h->n_message == sizeof(h->message))
				h->message_left = (uint32_t)h->message[1] << 16 |
				    (uint32_t)h->message[2] << 8 | h->message[3];
		} else {
			n = least(len, h->message_left);
			h->message_left -= (uint32_t)n;
		}
		bytes += n;
		len -= n;
		if (h->n_message < sizeof(h->message))
			continue;
		if (h->message[0] == CLIENT_HELLO && h->message_left > LIMIT_HELLO_BYTES)
			return false;
		if (h->message_left == 0)
			h->n_message = 0;
	}
	return true;
}

bool
hello_may_go_on(struct hello *h, const uint8_t *bytes, size_t len, bool is_12)
{
	while (len > 0 && !h->is_over) {
		size_t n;

		if (h->n_record < sizeof(h->record)) {
			n = least(len, sizeof(h->record) - h->n_record);
			memcpy(h->record + h->n_record, bytes, n);
			h->n_record += (uint8_t)n;
			if (h->n_record < sizeof(h->record))
				return true;
			h->record_left = (uint16_t)(h->record[3] << 8 | h->record[4]);
			h->is_over = h->record[0] == APPLICATION_DATA ||
			    (h->record[0] == CHANGE_CIPHER_SPEC && is_12);
		} else {
			n = least(len, h->record_left);
			if (h->record[0] == HANDSHAKE && !follow_messages(h, bytes, n))
				return false;
			h->record_left -= (uint16_t)n;
		}
		bytes += n;
		len -= n;
		if (h->record_left == 0)
			h->n_record = 0;
	}
	return true;
}
