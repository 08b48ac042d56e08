/* Put before a program's C library, this lets the disk fail: after the first
 * WARIFU_TEST_SYNCS calls no file is synced any more, and each attempt is an error
 * of the device. What was written stays where the program itself can read it, as
 * on a disk whose cache is lost with the power. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static int fails(void) {
    static int left = -1;
    if (left < 0) {
        const char *given = getenv("WARIFU_TEST_SYNCS");
        left = given ? atoi(given) : 1 << 30;
    }
    if (left > 0) {
        left--;
        return 0;
    }
    errno = EIO;
    return 1;
}

int fsync(int fd) {
    return fails() ? -1 : (int)syscall(SYS_fsync, fd);
}

int fdatasync(int fd) {
    return fails() ? -1 : (int)syscall(SYS_fdatasync, fd);
}
