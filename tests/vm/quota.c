/*
 * Users' quotas of a file system, for the scenario `quota`: the kernel's own calls
 * (quotactl(2)), without the tools of a distribution.
 *
 *   quota on FILE DEVICE                 makes FILE an empty list of quotas and turns it on
 *   quota off DEVICE
 *   quota allow DEVICE USER KIB FILES    what USER may have beyond what it has now;
 *                                        `-` is no limit
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/quota.h>

/* include/uapi/linux/quota.h: the format that has 64 bits. */
#define FORMAT 4

/* fs/quota/quotaio_v2.h: header, what holds for all, and the root of an empty tree. */
static int make(const char *path)
{
	uint32_t file[512] = { 0xd9c01f11, 1, /* grace */ 7 * 86400, 7 * 86400, 0, /* blocks */ 2 };
	FILE *out = fopen(path, "wb");
	return !out || fwrite(file, sizeof file, 1, out) != 1 || fclose(out);
}

static uint64_t limit(const char *more, uint64_t now)
{
	return strcmp(more, "-") ? now + strtoull(more, NULL, 10) : 0;
}

static int allow(const char *device, int user, const char *kib, const char *files)
{
	struct dqblk quota;
	if (quotactl(QCMD(Q_GETQUOTA, USRQUOTA), device, user, (char *)&quota))
		return 1;
	quota.dqb_bhardlimit = limit(kib, (quota.dqb_curspace + 1023) / 1024);
	quota.dqb_ihardlimit = limit(files, quota.dqb_curinodes);
	quota.dqb_valid = QIF_LIMITS;
	return quotactl(QCMD(Q_SETQUOTA, USRQUOTA), device, user, (char *)&quota);
}

int main(int count, char **words)
{
	int failed = 1;
	if (count == 4 && !strcmp(words[1], "on"))
		failed = make(words[2]) ||
			 quotactl(QCMD(Q_QUOTAON, USRQUOTA), words[3], FORMAT, words[2]);
	else if (count == 3 && !strcmp(words[1], "off"))
		failed = quotactl(QCMD(Q_QUOTAOFF, USRQUOTA), words[2], 0, NULL);
	else if (count == 6 && !strcmp(words[1], "allow"))
		failed = allow(words[2], atoi(words[3]), words[4], words[5]);
	if (failed)
		perror("quota");
	return failed != 0;
}
