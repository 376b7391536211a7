/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a ClientHello announces (RFC 8446, 4 and 5.1), read along with the bytes of a handshake:
 * OpenSSL makes room for 131,396 bytes where a peer only says that so many will come.  A hello of
 * today has 500 to 2,500 bytes.
 */
#ifndef KEBAO_DAEMON_NET_HELLO_H
#define KEBAO_DAEMON_NET_HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zero at the beginning of a connection. */
struct hello {
	uint8_t record[5];      /* header of the record that is being read */
	uint8_t message[4];     /* header of the message */
	uint8_t n_record, n_message;
	uint16_t record_left;
	uint32_t message_left;
	bool is_over;           /* from here on all is encrypted */
};

/*
 * The next bytes that the client sent.  is_12: TLS 1.2 is agreed on; there what follows
 * ChangeCipherSpec is encrypted.  false: a hello of more than LIMIT_HELLO_BYTES is announced.
 */
bool hello_may_go_on(struct hello *h, const uint8_t *bytes, size_t len, bool is_12);

#endif
