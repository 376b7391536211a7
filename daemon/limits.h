/* SPDX-License-Identifier: Apache-2.0 */
/* Every limit of the serving side: number, unit and reason; one per line. */
#ifndef KEBAO_DAEMON_LIMITS_H
#define KEBAO_DAEMON_LIMITS_H

/* One request. */
#define LIMIT_HEAD_BYTES 16384u          /* request line and headers: ten times a browser's */
#define LIMIT_SMALL_HEAD_BYTES 2048u     /* room at first: most heads fit */
#define LIMIT_HEADERS 64u                /* headers of one request: browsers send about 20 */
#define LIMIT_TARGET_BYTES 4096u         /* path of 1,024 bytes, percent-encoded, fits */
#define LIMIT_BODY_PIECE_BYTES (64u << 10) /* one call of a sink; many may wait for the disk */
#define LIMIT_BODY_REST_BYTES (4u << 10) /* less than this of an upload waits for more in memory */
#define LIMIT_REPLY_HEADERS_BYTES 8192u  /* headers a route may add */

/* One connection. */
#define LIMIT_SLAB_BYTES (256u << 10)    /* TLS records per send(): few calls, bounded */
#define LIMIT_SLAB_KEPT 8u               /* free blocks that a loop keeps */
#define LIMIT_REQUESTS_KEPT 16u          /* free blocks for heads that a loop keeps */
#define LIMIT_SEND_PIECE_BYTES (192u << 10) /* read at once to send: fits a block as records */
#define LIMIT_UNSENT_BYTES (1u << 20)    /* the kernel keeps about this to send, then we wait */
#define LIMIT_SEND_LEAST_BYTES (16u << 10) /* read to send, however slow the peer: one record */
#define LIMIT_PARKED_BYTES (64u << 10)   /* a rest up to this is moved out of its block to wait */
#define LIMIT_SMALL_REPLY_BYTES (64u << 10) /* shorter ones do not wait for a share of the line */
#define LIMIT_LINGER_BYTES (1u << 20)    /* thrown away after an error reply, then cut */
#define LIMIT_UNCOUNTED_BYTES 16384u    /* held whole: up to this, connections are what counts */
#define LIMIT_TURN_BYTES (512u << 10)    /* of a reply before others' turn; the kernel has room */
#define LIMIT_TURNS_PER_POLL 32          /* of connections, until the kernel is asked for others */
#define LIMIT_LANE_US 500u               /* of a loop's time for one address before others' turn */
#define LIMIT_LANE_READS 2u              /* blocks that pools fill, of one address and loop */
#define LIMIT_VAIN_EVENTS 4u             /* of a connection that queues: then it is disarmed */
#define LIMIT_REQUESTS_PER_TURN 16u      /* pipelined requests before others' turn */

#define LIMIT_HELLO_BYTES 8192u          /* a client's hello; with what is new in it 2,500 */
#define LIMIT_CERT_LIST_BYTES 4096       /* of a client: ours has 500 to 1,000, alone */
#define LIMIT_CERTS_OF_HOLDER 8u         /* good at one time, of an enrolment and its renewals */
#define LIMIT_TLS_STEPS 256u             /* beside data: new keys take a few, each 100 GiB */

/* Deadlines: a slow peer may be honest (an office shares 2 Mbit/s), a silent one is not. */
#define LIMIT_HANDSHAKE_MS 15000u        /* TLS handshake: four flights on a satellite line */
#define LIMIT_HEAD_MS 15000u             /* a head is one packet or two */
#define LIMIT_IDLE_MS 75000u             /* a handshake costs many requests: keep connections */
#define LIMIT_STALL_MS 60000u            /* no byte at all: the peer is gone */
#define LIMIT_GRACE_MS 30000u            /* time before the minimum rate counts */
#define LIMIT_MIN_RATE_BYTES_S 1024u     /* slower is not a transfer */
#define LIMIT_LINGER_MS 2000u            /* for the peer to read an error */
#define LIMIT_DRAIN_MS 30000u            /* SIGTERM: systemd kills after 90 s */
#define LIMIT_ALLOWED_MS 15000u          /* revocation ends running transfers within a minute */
#define LIMIT_TRIM_HANDSHAKES 64u        /* since memory was last given back: worth a walk ... */
#define LIMIT_TRIM_MS 3000u              /* ... at the first quiet tick, or after so long */
#define LIMIT_TICK_MS 500u               /* how exactly deadlines are kept */

/* The process. */
#define LIMIT_CONNECTIONS 4096u          /* 17 KB each when idle: 70 MB */
#define LIMIT_CONNECTIONS_PER_ADDRESS 128u /* an office behind one address */
#define LIMIT_CONNECTIONS_PER_CERTIFICATE 32u /* kebao has 4, a browser 6; some at one time */
#define LIMIT_WORKERS 64u                /* threads with a loop */
#define LIMIT_POOL_THREADS 64u           /* threads of one pool */
#define LIMIT_LISTEN 16u                 /* addresses */
#define LIMIT_ACCEPTS_PER_TURN 64u       /* accepted before other events get their turn */
#define LIMIT_ACCEPT_SILENT_S 1          /* the kernel keeps a peer that says nothing this long */
#define LIMIT_ACCEPT_PAUSE_MS 200u       /* at a cap or without descriptors */

/* Bodies and answers held whole, under way at one time (net/budget.h). */
#define LIMIT_BUDGET_OWNER_BYTES (1u << 20) /* a score of long answers that nobody reads */
#define LIMIT_BUDGET_KNOWN_BYTES (24u << 20) /* of each, all with a certificate */
#define LIMIT_BUDGET_ADDRESSES_BYTES (12u << 20) /* of each, all without one that counts */

/* Files. */
#define LIMIT_FREE_SPACE_RESERVE_BYTES (1ull << 30) /* what uploads leave on the disk by default */
#define LIMIT_CONFIG_BYTES 65536u        /* kebaod.conf */
#define LIMIT_WEIGHTS 512u               /* in it: all associations, and some firms */
#define LIMIT_LINE_RATE_MIN 16384u       /* bytes per second: one grant of a share */
#define LIMIT_LINE_RATE_MAX (1ull << 40) /* the same: arithmetic of shares is exact below */
#define LIMIT_CONFIG_LIST 32u            /* values of a list in it: names of one certificate */
#define LIMIT_TICKET_KEY_S 43200         /* s until ticket keys change; the last is still read */

/* Patches, made at low priority. */
#define PATCH_LEVEL 9u           /* of zstd, where none is configured: seconds, not minutes */
#define PATCH_RELEASES 3u        /* earlier releases with a patch, where nothing is configured */
#define LIMIT_PATCH_LEVEL 19u    /* higher ones need more memory than a hub has for this */
#define LIMIT_PATCH_RELEASES 10u /* as many as are live */

#endif
