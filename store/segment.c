#include "config.h"

#include "store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "store/guard.h"
#include "store/hashes.h"

enum { WAIT_STEP_MS = 1, WAIT_MAX_MS = 5000, PATH_SIZE = 4160 };

/*
 * All that a file may ever have is mapped at once; but what it has not yet may
 * not be touched, lest somebody looks through all readable memory (valgrind
 * does). How much may be is in a page of our own before the mapping.
 */
struct own_page {
	_Atomic uint32_t chunks;
};

static const char magic[8] = "sluice\n";

enum found {
	FOUND_GOOD,
	FOUND_NOTHING,
	FOUND_DAMAGED,
	FOUND_OTHER_VERSION,
	FOUND_UNUSABLE			/* errno says why */
};

static void
path_of(char path[PATH_SIZE], const char *dir, const char *name)
{
	snprintf(path, PATH_SIZE, "%s/%s", dir, name);
}

static bool
set_lock(int fd, short type, off_t byte)
{
	struct flock lock = { .l_type = type, .l_whence = SEEK_SET,
	    .l_start = byte, .l_len = 1 };

	if (fcntl(fd, F_OFD_SETLK, &lock) == 0)
		return true;
	if (errno == EACCES)
		errno = EAGAIN;
	return false;
}

/*
 * A new file at PATH. What root makes (sluicectl) is for who serves: it belongs
 * to the directory's owner. Only a file of our own making is given away.
 */
static int
make_file(const char *dir, const char *path)
{
	struct stat st;
	int	 fd;

	fd = open(path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd >= 0 && geteuid() == 0 && stat(dir, &st) == 0 &&
	    fchown(fd, st.st_uid, st.st_gid) != 0)
		log_warn("%s stays root's: %s", path, strerror(errno));
	return fd;
}

/* Whoever is first makes it. */
static int
gate_file(const char *dir)
{
	char	 path[PATH_SIZE];
	int	 fd;

	path_of(path, dir, "state.lock");
	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0 && errno == ENOENT)
		fd = make_file(dir, path);
	if (fd < 0 && errno == EEXIST)
		fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	return fd;
}

/* Between these two there is one process that looks at or makes the file. */
static int
gate_open(const char *dir, enum segment_mode mode)
{
	const struct timespec step = { .tv_nsec = WAIT_STEP_MS * 1000000 };
	int	 fd = gate_file(dir),
		 waited_ms = mode == SEGMENT_START ? 0 : WAIT_MAX_MS;

	if (fd < 0)
		return -1;
	while (!set_lock(fd, F_WRLCK, 0)) {
		if (errno != EAGAIN || waited_ms >= WAIT_MAX_MS) {
			close(fd);
			return -1;
		}
		nanosleep(&step, NULL);
		waited_ms += WAIT_STEP_MS;
	}
	return fd;
}

static void
gate_close(int fd)
{
	int	 saved = errno;

	close(fd);
	errno = saved;
}

static struct layout_head
head_make(void)
{
	struct layout_head head = { .version = LAYOUT_VERSION,
	    .slots = LAYOUT_SLOTS, .size_bytes = layout_bytes(LAYOUT_BASE_CHUNKS) };

	memcpy(head.magic, magic, sizeof magic);
	head.check = hashes_make(&head, offsetof(struct layout_head, check));
	return head;
}

/* A file may be longer than it says: its grower died, or is not done yet. */
static bool
size_is_good(off_t size, uint32_t more_chunks)
{
	return more_chunks <= LAYOUT_CHUNKS - LAYOUT_BASE_CHUNKS &&
	    size >= (off_t)layout_bytes(LAYOUT_BASE_CHUNKS + more_chunks) &&
	    size <= (off_t)layout_bytes(LAYOUT_CHUNKS);
}

static enum found
head_judge(const struct layout_head *head, off_t size, uint32_t more_chunks)
{
	const struct layout_head good = head_make();

	if (memcmp(head->magic, magic, sizeof magic) != 0 || head->check !=
	    hashes_make(head, offsetof(struct layout_head, check)))
		return FOUND_DAMAGED;
	if (head->version != LAYOUT_VERSION)
		return FOUND_OTHER_VERSION;
	return size_is_good(size, more_chunks) &&
	    memcmp(head, &good, sizeof good) == 0 ? FOUND_GOOD : FOUND_DAMAGED;
}

/*
 * A hole in the file would be a SIGBUS on a full disk. Not posix_fallocate: its
 * stand-in where the file system cannot writes to what others may be writing.
 */
static bool
fill_holes(int fd, const struct stat *st)
{
	return (off_t)st->st_blocks * 512 >= st->st_size ||
	    fallocate(fd, 0, 0, st->st_size) == 0 || errno != ENOSPC;
}

static size_t
page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static struct own_page *
own_page(struct layout *map)
{
	return (struct own_page *)((char *)map - page_size());
}

/* Of the file FD, or -1: of memory. NULL, with errno. */
static struct layout *
reserve(int fd)
{
	size_t	 page = page_size();
	char	*all = mmap(NULL, page + sizeof(struct layout), PROT_NONE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (all == MAP_FAILED)
		return NULL;
	if (mprotect(all, page, PROT_READ | PROT_WRITE) == 0 && (fd < 0 ||
	    mmap(all + page, sizeof(struct layout), PROT_NONE,
	    MAP_SHARED | MAP_FIXED, fd, 0) != MAP_FAILED) &&
	    mprotect(all + page, layout_bytes(LAYOUT_BASE_CHUNKS),
	    PROT_READ | PROT_WRITE) == 0) {
		atomic_store(&((struct own_page *)all)->chunks,
		    LAYOUT_BASE_CHUNKS);
		return (struct layout *)(all + page);
	}
	munmap(all, page + sizeof(struct layout));
	return NULL;
}

static enum found
map_file(struct segment *s, int fd)
{
	struct layout_head head;
	uint32_t more = UINT32_MAX;	/* another version may have no such word */
	struct stat st;
	enum found found;

	if (fstat(fd, &st) != 0)
		return FOUND_UNUSABLE;
	if (!S_ISREG(st.st_mode) ||
	    pread(fd, &head, sizeof head, 0) != sizeof head ||
	    pread(fd, &more, sizeof more, offsetof(struct layout,
	    more_chunks)) < 0)
		return FOUND_DAMAGED;
	found = head_judge(&head, st.st_size, more);
	if (found != FOUND_GOOD)
		return found;
	if (!fill_holes(fd, &st))
		return FOUND_UNUSABLE;
	s->map = reserve(fd);
	if (s->map == NULL)
		return FOUND_UNUSABLE;
	guard_open(s->map, sizeof(struct layout));
	s->fd = fd;
	s->device = st.st_dev;
	s->inode = st.st_ino;
	return FOUND_GOOD;
}

static enum found
attach(struct segment *s, const char *path)
{
	enum found found;
	int	 fd, saved;

	fd = open(path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return errno == ENOENT ? FOUND_NOTHING :
		    errno == ELOOP ? FOUND_DAMAGED : FOUND_UNUSABLE;
	found = map_file(s, fd);
	saved = errno;
	if (found != FOUND_GOOD)
		close(fd);
	errno = saved;
	return found;
}

static bool
write_new(int fd)
{
	const struct layout_head head = head_make();
	int	 failed = posix_fallocate(fd, 0,
	    (off_t)layout_bytes(LAYOUT_BASE_CHUNKS));

	if (failed != 0)
		errno = failed;
	return failed == 0 && pwrite(fd, &head, sizeof head, 0) == sizeof head;
}

static bool
build(const char *dir, const char *path)
{
	char	 fresh[PATH_SIZE];
	int	 fd, saved;
	bool	 ok;

	path_of(fresh, dir, "state.new");
	unlink(fresh);
	fd = make_file(dir, fresh);
	if (fd < 0)
		return false;
	ok = write_new(fd) && rename(fresh, path) == 0;
	saved = errno;
	close(fd);
	if (!ok)
		unlink(fresh);
	errno = saved;
	return ok;
}

bool
segment_open(struct segment *s, const char *dir, enum segment_mode mode)
{
	char	 path[PATH_SIZE];
	enum found found, before;
	int	 gate;

	mkdir(dir, 0750);
	gate = gate_open(dir, mode);
	if (gate < 0)
		return false;
	path_of(path, dir, "state");
	found = before = attach(s, path);
	if (found == FOUND_OTHER_VERSION && mode == SEGMENT_REFRESH) {
		errno = EPROTO;
		found = FOUND_UNUSABLE;
	}
	if (found != FOUND_GOOD && found != FOUND_UNUSABLE)
		found = build(dir, path) ? attach(s, path) : FOUND_UNUSABLE;
	/* Where it cannot be, the caller says so once, and asks every second. */
	if (found == FOUND_GOOD && (before == FOUND_DAMAGED ||
	    before == FOUND_OTHER_VERSION))
		log_warn("%s is %s: it is made anew", path,
		    before == FOUND_DAMAGED ? "damaged" :
		    "of another version of sluice");
	gate_close(gate);
	return found == FOUND_GOOD;
}

void
segment_open_private(struct segment *s)
{
	*s = (struct segment){ .fd = -1 };
	s->map = reserve(-1);
	if (s->map == NULL)
		abort();
}

void
segment_close(struct segment *s)
{
	if (s->fd >= 0)
		close(s->fd);
	s->fd = -1;
}

void
segment_unmap(struct layout *map)
{
	if (map == NULL)
		return;
	guard_close(map);
	munmap(own_page(map), page_size() + sizeof *map);
}

static bool
covers(const struct stat *st, const struct layout *map)
{
	return size_is_good(st->st_size, atomic_load_explicit(
	    &map->more_chunks, memory_order_relaxed));
}

bool
segment_is_current(const struct segment *s, const char *dir)
{
	char	 path[PATH_SIZE];
	struct stat st;

	path_of(path, dir, "state");
	return s->fd >= 0 && stat(path, &st) == 0 &&
	    st.st_ino == s->inode && st.st_dev == s->device &&
	    covers(&st, s->map);
}

bool
segment_is_whole(const struct segment *s)
{
	struct stat st;

	return s->fd < 0 || (fstat(s->fd, &st) == 0 && covers(&st, s->map));
}

unsigned
segment_chunks(struct layout *map)
{
	_Atomic uint32_t *open = &own_page(map)->chunks;
	uint32_t more = atomic_load(&map->more_chunks),
		 count = more > LAYOUT_CHUNKS - LAYOUT_BASE_CHUNKS ?
		     LAYOUT_CHUNKS : LAYOUT_BASE_CHUNKS + more;

	if (count <= atomic_load(open))
		return count;
	if (mprotect(map, layout_bytes(count), PROT_READ | PROT_WRITE) != 0)
		return atomic_load(open);
	atomic_store(open, count);
	return count;
}

bool
segment_has_chunk(struct layout *map, uint32_t chunk)
{
	return chunk < atomic_load_explicit(&own_page(map)->chunks,
	    memory_order_relaxed) || chunk < segment_chunks(map);
}

/*
 * Not where somebody has cut the file: it would look whole again, while some have
 * pages of their own in its place. Where the file system cannot allocate,
 * posix_fallocate writes: to what nobody uses before more_chunks tells of it.
 */
static bool
extend(const struct segment *s, unsigned count)
{
	int	 failed = s->fd < 0 ? 0 : !segment_is_whole(s) ? EIO :
	    posix_fallocate(s->fd, (off_t)layout_bytes(count),
	    (off_t)(layout_bytes(LAYOUT_GROW_CHUNKS) - layout_bytes(0)));

	if (failed == 0)
		atomic_store(&s->map->more_chunks, count +
		    LAYOUT_GROW_CHUNKS - LAYOUT_BASE_CHUNKS);
	errno = failed;
	return failed == 0;
}

bool
segment_grow(const struct segment *s, unsigned count)
{
	bool	 done;
	int	 saved;

	if (count + LAYOUT_GROW_CHUNKS > LAYOUT_CHUNKS) {
		errno = ENOSPC;
		return false;
	}
	if (s->fd < 0)
		return extend(s, count);
	if (!segment_lock(s, LAYOUT_LOCK_GROW))
		return false;
	done = segment_chunks(s->map) > count || extend(s, count);
	saved = errno;
	segment_unlock(s, LAYOUT_LOCK_GROW);
	errno = saved;
	return done;
}

bool
segment_lock(const struct segment *s, off_t byte)
{
	return set_lock(s->fd, F_WRLCK, byte);
}

void
segment_unlock(const struct segment *s, off_t byte)
{
	set_lock(s->fd, F_UNLCK, byte);
}

bool
segment_is_locked(const struct segment *s, off_t byte)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_start = byte, .l_len = 1 };

	return fcntl(s->fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
