/* Writes pages as the game does: 16 bytes at a time, from the front, without a lock, and as quickly
 * as a compiled program can. tests/telemetry/test_torn_pages.py compiles it and hands it the pages.
 *
 *     torn_writer PHYSICS GRAPHICS PAGES REST_NS
 *
 * PHYSICS, GRAPHICS: files of shared memory. PAGES: a file of records, each a physics page and a
 * graphics page. It writes record after record with REST_NS in between, again and again, until its
 * standard input is closed; then it prints how many it wrote, and the records (from 1) during which
 * the system held it up for more than HELD_UP_NS.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { PHYSICS = 592, GRAPHICS = 304, CHUNK = 16, HELD_UP_NS = 10000, LOOK_EVERY = 256 };

typedef struct { uint64_t words[2]; } chunk;

static int64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static void *map(const char *path, int flags, int protection, size_t *size)
{
    struct stat facts;
    int file = open(path, flags);
    if (file < 0 || fstat(file, &facts) < 0) { perror(path); exit(1); }
    *size = facts.st_size;
    void *memory = mmap(NULL, *size, protection, MAP_SHARED, file, 0);
    if (memory == MAP_FAILED) { perror(path); exit(1); }
    return memory;
}

static void write_page(volatile chunk *page, const chunk *data, int bytes)
{
    for (int i = 0; i < bytes / CHUNK; i++) {
        page[i].words[0] = data[i].words[0];
        page[i].words[1] = data[i].words[1];
    }
}

static int ended(void)
{
    struct pollfd input = {.fd = 0, .events = POLLIN};
    return poll(&input, 1, 0) != 0;
}

int main(int count, char **arguments)
{
    if (count != 5) return 2;
    size_t size;
    volatile chunk *physics = map(arguments[1], O_RDWR, PROT_READ | PROT_WRITE, &size);
    volatile chunk *graphics = map(arguments[2], O_RDWR, PROT_READ | PROT_WRITE, &size);
    const char *pages = map(arguments[3], O_RDONLY, PROT_READ, &size);
    int64_t rest_ns = atoll(arguments[4]);
    size_t records = size / (PHYSICS + GRAPHICS);
    struct sched_param priority = {.sched_priority = 1};
    sched_setscheduler(0, SCHED_FIFO, &priority); /* where we may: undisturbed */
    char *held_up = calloc(records, 1);
    long written = 0;
    for (int64_t due_ns = now_ns(); written % LOOK_EVERY || !ended(); written++) {
        const char *record = pages + written % records * (PHYSICS + GRAPHICS);
        while (now_ns() < due_ns)
            ;
        int64_t began_ns = now_ns();
        write_page(physics, (const chunk *)record, PHYSICS);
        write_page(graphics, (const chunk *)(record + PHYSICS), GRAPHICS);
        int64_t done_ns = now_ns();
        if (done_ns - began_ns > HELD_UP_NS) held_up[written % records] = 1;
        due_ns = done_ns + rest_ns;
    }
    printf("{\"writes\": %ld, \"held_up\": [0", written);
    for (size_t i = 0; i < records; i++)
        if (held_up[i]) printf(", %zu", i + 1);
    puts("]}");
    return 0;
}
