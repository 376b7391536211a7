/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/app/init_text.h"

#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "daemon/app/init.h"

int
init_text_config(const struct init_options *o, struct buf *out, struct err *e)
{
	if (buf_printf(out, e,
	        "# Configuration of kebaod; kebaod.conf(5) describes every key.\n"
	        "\n"
	        "state = %s\n"
	        "listen = [::]:%u\n"
	        "listen = 0.0.0.0:%u\n",
	        o->state_dir, o->port, o->port) == -1)
		return -1;
	for (size_t i = 0; i < o->n_hostnames; i++)
		if (buf_printf(out, e, "hostname = %s\n", o->hostnames[i]) == -1)
			return -1;
	if ((o->name_zh != NULL && buf_printf(out, e, "name.zh = %s\n", o->name_zh) == -1) ||
	    (o->name_en != NULL && buf_printf(out, e, "name.en = %s\n", o->name_en) == -1) ||
	    buf_printf(out, e, "passphrase_file = %s/keys/online.pass\n", o->state_dir) == -1)
		return -1;
	return buf_add_text(out,
	    "\n"
	    "# What uploads must leave free on the disk, and what one publisher may store.\n"
	    "#free_space_reserve = 2G\n"
	    "#publisher_quota = 500G\n",
	    e);
}

static int
add_url(const struct init_options *o, struct buf *out, struct err *e)
{
	const char *host = o->hostnames[0];
	bool is_v6 = strchr(host, ':') != NULL;

	if (buf_printf(out, e, "https://%s%s%s", is_v6 ? "[" : "", host, is_v6 ? "]" : "") == -1)
		return -1;
	return o->port == 443 ? 0 : buf_printf(out, e, ":%u", o->port);
}

int
init_text_advice(const struct init_options *o, const char *code, struct buf *out, struct err *e)
{
	struct buf url = BUF_INIT;
	int rc = -1;

	if (add_url(o, &url, e) == -1)
		goto out;
	if (buf_printf(out, e,
	        "课程中心已建立 / The hub is ready: %s\n"
	        "\n"
	        "1. 启动 / Start it (not as root):\n"
	        "     kebaod --config %s/kebaod.conf\n"
	        "2. 管理员在自己的电脑上登记（注册码 %d 天内有效，只能使用一次）\n"
	        "   The administrator enrols on another machine (good once, for %d days):\n"
	        "     kebao enroll %s %s\n"
	        "3. 将离线密钥移出本机 / Carry the offline keys off this machine:\n"
	        "     %s\n"
	        "   root-*.pem：锁入保险柜，分开存放 / to a safe, each to its own\n"
	        "   targets.pem：交管理员，用于设立频道 / to the administrator, for channels\n",
	        o->state_dir, o->state_dir, INIT_INVITATION_DAYS, INIT_INVITATION_DAYS,
	        buf_text(&url), code, o->offline_dir) == -1)
		goto out;
	if (geteuid() == 0 &&
	    buf_printf(out, e,
	        "4. 本目录现属 root，而 kebaod 不以 root 运行，请改属主\n"
	        "   This directory belongs to root, as whom kebaod does not run:\n"
	        "     chown -R USER %s\n",
	        o->state_dir) == -1)
		goto out;
	rc = 0;
out:
	buf_clear(&url);
	return rc;
}
