/* SPDX-License-Identifier: Apache-2.0 */
/* kebaod.conf: what is read, what is refused and with which words. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "daemon/config.h"
#include "daemon/limits.h"

static int
parse(const char *text, struct config *out, struct err *e)
{
	return config_parse(text, strlen(text), "k.conf", out, e);
}

static void
every_key_is_read(void **state)
{
	static const char text[] = "# a comment\n\n"
	    "state = /srv/hub\n"
	    "listen=127.0.0.1:0\r\n"
	    "  listen =\t[::1]:8443  \n"
	    "local_listen = 127.0.0.1:9443\n"
	    "hostname = a.example.org\nhostname = 10.0.0.1\n"
	    "name.zh = 课包 示例\nname.en = Example = hub\n"
	    "timezone = Asia/Urumqi\n"
	    "passphrase_file = /etc/kebao/pass\n"
	    "free_space_reserve = 2G\npublisher_quota = 512K\n"
	    "workers = 3\npool_threads = 5\n"
	    "max_connections = 10\nmax_connections_per_address = 2\n"
	    "max_connections_per_certificate = 7\n"
	    "line_rate = 100Mbit\nmax_transfers_per_organisation = 9\n"
	    "weight = 51:3\nweight = xz.firm:1000\nweight = anonymous:1\n"
	    "patches = off\npatch.level = 19\npatch.releases = 0\n"
	    "log_level = debug";
	struct config c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse(text, &c, &e), 0);
	assert_string_equal(c.state, "/srv/hub");
	assert_int_equal(c.listen.n, 2);
	assert_string_equal(c.listen.item[0], "127.0.0.1:0");
	assert_string_equal(c.listen.item[1], "[::1]:8443");
	assert_string_equal(c.local_listen, "127.0.0.1:9443");
	assert_int_equal(c.hostnames.n, 2);
	assert_string_equal(c.hostnames.item[1], "10.0.0.1");
	assert_string_equal(c.name_zh, "课包 示例");
	assert_string_equal(c.name_en, "Example = hub");
	assert_string_equal(c.timezone, "Asia/Urumqi");
	assert_string_equal(c.passphrase_file, "/etc/kebao/pass");
	assert_true(c.free_space_reserve == 2ull << 30);
	assert_true(c.publisher_quota == 512u << 10);
	assert_int_equal(c.workers, 3);
	assert_int_equal(c.pool_threads, 5);
	assert_int_equal(c.max_connections, 10);
	assert_int_equal(c.max_connections_per_address, 2);
	assert_int_equal(c.max_connections_per_certificate, 7);
	assert_true(c.line_rate == 12500000);
	assert_int_equal(c.max_transfers_per_organisation, 9);
	assert_int_equal(c.n_weights, 3);
	assert_int_equal(c.weights[0].kind, CONFIG_WEIGHT_REGION);
	assert_string_equal(c.weights[0].whom, "51");
	assert_int_equal(c.weights[0].weight, 3);
	assert_int_equal(c.weights[1].kind, CONFIG_WEIGHT_ORG);
	assert_int_equal(c.weights[1].weight, 1000);
	assert_int_equal(c.weights[2].kind, CONFIG_WEIGHT_ANONYMOUS);
	assert_false(c.makes_patches);
	assert_int_equal(c.patch_level, 19);
	assert_int_equal(c.patch_releases, 0);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	config_clear(&c);
}

static void
what_is_not_given_has_a_default(void **state)
{
	struct config c;
	struct err e = { 0 };

	(void)state;
	assert_int_equal(parse("state = /s\n", &c, &e), 0);
	assert_int_equal(c.listen.n, 2);
	assert_string_equal(c.listen.item[0], "[::]:8443");
	assert_string_equal(c.listen.item[1], "0.0.0.0:8443");
	assert_null(c.local_listen);
	assert_null(c.passphrase_file);
	assert_string_equal(c.timezone, "Asia/Shanghai");
	assert_true(c.free_space_reserve == LIMIT_FREE_SPACE_RESERVE_BYTES);
	assert_true(c.publisher_quota == 0);
	assert_int_equal(c.max_connections, LIMIT_CONNECTIONS);
	assert_true(c.line_rate == 0);
	assert_int_equal(c.max_transfers_per_organisation, 0);
	assert_int_equal(c.n_weights, 0);
	assert_true(c.makes_patches);
	assert_int_equal(c.patch_level, PATCH_LEVEL);
	assert_int_equal(c.patch_releases, PATCH_RELEASES);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	config_clear(&c);
}

static void
mistakes_are_named_with_their_line(void **state)
{
	static const struct {
		const char *text, *says;
	} bad[] = {
		{ "", "k.conf: state = DIRECTORY is missing" },
		{ "state = /s\nfoo = 1\n", "k.conf:2: unknown key \"foo\"" },
		{ "state = /s\n\x01 = 1\n", "k.conf:2: unknown key \"\\x01\"" },
		{ "state /s\n", "k.conf:1: not of the form key = value" },
		{ "# x\nstate = /s\nstate = /t\n", "k.conf:3: state is given twice" },
		{ "state =\n", "k.conf:1: state has no value" },
		{ "state = s\n", "k.conf:1: state must be an absolute path" },
		{ "STATE = /s\n", "unknown key" },
		{ "listen = 8443\n", "k.conf:1: listen must be ADDRESS:PORT" },
		{ "listen = :8443\n", "listen must be" },
		{ "listen = ::1:8443\n", "listen must be" },
		{ "listen = [::1]\n", "listen must be" },
		{ "listen = 1.2.3.4:65536\n", "listen must be" },
		{ "listen = 1.2.3.4:80x\n", "listen must be" },
		{ "hostname = bad host\n", "k.conf:1: hostname must be a name or an address" },
		{ "hostname = [::1]\n", "hostname must be" },
		{ "hostname = -a\n", "hostname must be" },
		{ "hostname = https://a.example.org\n", "hostname must be" },
		{ "local_listen = x\n", "local_listen must be" },
		{ "local_listen = 0.0.0.0:9443\n", "local_listen: 0.0.0.0:9443 is not a loopback" },
		{ "listen = localhost:80\n", "is not an address to listen on" },
		{ "free_space_reserve = 1X\n", "must be a number of bytes" },
		{ "free_space_reserve = 1KB\n", "must be a number of bytes" },
		{ "free_space_reserve = -1\n", "must be a number of bytes" },
		{ "free_space_reserve = 99999999999G\n", "must be a number of bytes" },
		{ "free_space_reserve = 99999999999999999999999\n", "must be a number of bytes" },
		{ "workers = 1000\n", "must be a number from 0 to 64" },
		{ "workers = two\n", "must be a number" },
		{ "workers = 1 2\n", "must be a number" },
		{ "max_connections = 0\n", "must be a number from 1" },
		{ "line_rate = 100\n", "line_rate must be 0 or a rate from 16384 bytes" },
		{ "line_rate = 100bit\n", "line_rate must be" },
		{ "line_rate = 1Mbits\n", "line_rate must be" },
		{ "line_rate = bit\n", "line_rate must be" },
		{ "line_rate = 99T\n", "line_rate must be" },
		{ "line_rate = fast\n", "line_rate must be" },
		{ "weight = 51\n", "weight must be WHOM:N" },
		{ "weight = 51:0\n", "weight must be" },
		{ "weight = 51:1001\n", "weight must be" },
		{ "weight = 51:x\n", "weight must be" },
		{ "weight = :3\n", "weight must be" },
		{ "weight = A/B:3\n", "weight must be" },
		{ "weight = 51:2\nweight = 51:3\n", "k.conf:2: weight of 51 is given twice" },
		{ "log_level = loud\n", "must be error, warn, info or debug" },
		{ "patches = yes\n", "patches must be on or off" },
		{ "patch.level = 20\n", "patch.level must be a number from 1 to 19" },
		{ "patch.releases = 11\n", "patch.releases must be a number from 0 to 10" },
		{ "state = /\xff\n", "is not UTF-8 text" },
	};
	struct config c;

	(void)state;
	memset(&c, 0x5a, sizeof(c));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct config before = c;
		struct err e = { 0 };

		assert_int_equal(parse(bad[i].text, &c, &e), -1);
		assert_int_equal(e.class, ERR_BAD_INPUT);
		if (strstr(e.text, bad[i].says) == NULL)
			fail_msg("\"%s\" does not say \"%s\"", e.text, bad[i].says);
		assert_memory_equal(&c, &before, sizeof(c));
	}
	assert_int_equal(config_parse("state = /a\0b", 12, "k.conf", &c, NULL), -1);
}

static void
lists_end(void **state)
{
	char text[4096] = "state = /s\n";
	struct config c;
	struct err e = { 0 };

	(void)state;
	for (unsigned i = 0; i <= LIMIT_LISTEN; i++)
		memcpy(text + strlen(text), "listen = 1.2.3.4:1\n", 20);
	assert_int_equal(parse(text, &c, &e), -1);
	assert_non_null(strstr(e.text, "k.conf:18: listen: more than 16 addresses"));
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_key_is_read),
		cmocka_unit_test(what_is_not_given_has_a_default),
		cmocka_unit_test(mistakes_are_named_with_their_line),
		cmocka_unit_test(lists_end),
	};

	return cmocka_run_group_tests_name("config", tests, NULL, NULL);
}
