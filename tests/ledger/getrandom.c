/* For LD_PRELOAD: what getrandom(2) answers to who draws a key of 16 bytes.

   KEY_ANSWERS  for each call a word, the last one for all that follow: a number of bytes, or -N for the errno N
   KEY_LOG      a file that gets a line for each of these calls: the bytes asked for */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <unistd.h>

ssize_t getrandom(void *buffer, size_t size, unsigned flags)
{
    static int calls;
    const char *answers = getenv("KEY_ANSWERS");
    int answer = 0, used, log;
    char line[32];

    if (answers == NULL || size > 16 || flags != 0)
        return syscall(SYS_getrandom, buffer, size, flags);
    for (int left = ++calls; left > 0 && sscanf(answers, "%d%n", &answer, &used) == 1; left--)
        answers += used;
    log = open(getenv("KEY_LOG"), O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);
    if (write(log, line, (size_t)snprintf(line, sizeof line, "%zu\n", size)) < 0)
        abort();
    close(log);
    if (answer < 0) {
        errno = -answer;
        return -1;
    }
    return syscall(SYS_getrandom, buffer, (size_t)answer < size ? (size_t)answer : size, flags);
}
