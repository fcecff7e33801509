// SPDX-License-Identifier: GPL-2.0
/*
 * Starts another kernel without the firmware, and looks at memory from there.
 *
 *	kexec-into now KERNEL INITRD CMDLINE	at once, as "kexec -e" does
 *	kexec-into crash KERNEL INITRD CMDLINE	keeps it ready for a panic
 *	kexec-into look ADDRESS LENGTH		writes physical memory to standard output
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kexec.h>
#include <linux/reboot.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_image(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		err(1, "%s", path);
	return fd;
}

static void load(char **argv, unsigned long flags)
{
	if (syscall(SYS_kexec_file_load, open_image(argv[0]), open_image(argv[1]),
		    strlen(argv[2]) + 1, argv[2], flags))
		err(1, "kexec_file_load");
}

static int look(char **argv)
{
	uint64_t address = strtoull(argv[0], NULL, 0), len = strtoull(argv[1], NULL, 0);
	int fd = open("/dev/mem", O_RDONLY);
	char *memory;

	if (fd < 0)
		err(1, "/dev/mem");
	memory = mmap(NULL, len, PROT_READ, MAP_SHARED, fd, (off_t)address);
	if (memory == MAP_FAILED)
		err(1, "/dev/mem at %#llx", (unsigned long long)address);
	if (fwrite(memory, 1, len, stdout) != len || fflush(stdout))
		err(1, "standard output");
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "look"))
		return look(argv + 2);
	if (argc == 5 && !strcmp(argv[1], "crash")) {
		load(argv + 2, KEXEC_FILE_ON_CRASH);
		return 0;
	}
	if (argc != 5 || strcmp(argv[1], "now"))
		errx(2, "usage: kexec-into now|crash KERNEL INITRD CMDLINE, or look ADDRESS LENGTH");
	load(argv + 2, 0);
	if (syscall(SYS_reboot, LINUX_REBOOT_MAGIC1, LINUX_REBOOT_MAGIC2, LINUX_REBOOT_CMD_KEXEC,
		    NULL))
		err(1, "reboot");
	return 0;
}
