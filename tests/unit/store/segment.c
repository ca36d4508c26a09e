/* The file is made once, checked at each start, and locked by who lives. */
#include "config.h"

#include "store/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/log.h"
#include "store/hashes.h"
#include "tests/unit/store/children.h"

static int
set_up(void **state)
{
	struct place *p = place_make();

	log_open(NULL, LOG_LEVEL_ERROR);
	if (mkdir(p->state_dir, 0700) != 0)
		return -1;
	*state = p;
	return 0;
}

static int
tear_down(void **state)
{
	place_remove(*state);
	return 0;
}

static ino_t
inode_of(const char *path)
{
	struct stat st;

	assert_int_equal(lstat(path, &st), 0);
	return st.st_ino;
}

/* Open, look that all is well, close. The inode. */
static ino_t
open_once(struct place *p)
{
	struct segment s;
	struct stat st;

	assert_true(segment_open(&s, p->state_dir, SEGMENT_START));
	assert_int_equal(lstat(p->state, &st), 0);
	assert_true(S_ISREG(st.st_mode));
	assert_int_equal(st.st_size, layout_bytes(LAYOUT_BASE_CHUNKS));
	assert_int_equal(s.inode, st.st_ino);
	assert_true(segment_is_current(&s, p->state_dir));
	assert_int_equal(s.map->head.version, LAYOUT_VERSION);
	segment_close(&s);
	segment_unmap(s.map);
	return st.st_ino;
}

static void
a_new_file_is_whole_and_ours_alone(void **state)
{
	struct place *p = *state;
	struct segment s;
	struct stat st;

	assert_true(segment_open(&s, p->state_dir, SEGMENT_START));
	assert_int_equal(stat(p->state, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_true(st.st_blocks * 512 >= st.st_size);
	assert_int_equal(fcntl(s.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
	assert_int_equal(s.map->next_cell, 0);
	segment_close(&s);
	segment_unmap(s.map);
}

static void
a_good_file_is_kept(void **state)
{
	ino_t	 inode = open_once(*state);

	assert_int_equal(open_once(*state), inode);
}

static void
the_directory_is_made(void **state)
{
	struct place *p = *state;
	struct stat st;

	assert_int_equal(rmdir(p->state_dir), 0);
	open_once(p);
	assert_int_equal(stat(p->state_dir, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
}

/* sluicectl may be the first to need it, as root. */
static void
files_belong_to_the_owner_of_the_directory(void **state)
{
	struct place *p = *state;
	char	 lock[128];
	struct stat st, dir;

	if (geteuid() == 0)
		assert_int_equal(chown(p->state_dir, 65534, 65534), 0);
	assert_int_equal(stat(p->state_dir, &dir), 0);
	open_once(p);
	assert_int_equal(stat(p->state, &st), 0);
	assert_int_equal(st.st_uid, dir.st_uid);
	snprintf(lock, sizeof lock, "%s.lock", p->state);
	assert_int_equal(stat(lock, &st), 0);
	assert_int_equal(st.st_uid, dir.st_uid);
	assert_int_equal(st.st_mode & 07777, 0600);
}

static void
open_and_report(struct place *p, unsigned number)
{
	struct segment s;

	atomic_fetch_add(&p->words[0], 1);
	until(&p->words[0], 16);
	if (!segment_open(&s, p->state_dir, SEGMENT_START))
		abort();
	atomic_store(&p->words[1 + number], (uint32_t)s.inode);
	atomic_fetch_add(&s.map->next_cell, 1);
}

static void
processes_that_start_at_once_share_one_file(void **state)
{
	struct place *p = *state;
	pid_t	 pids[16];
	struct segment s;

	for (unsigned i = 0; i < 16; i++)
		pids[i] = child_start(open_and_report, p, i);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(child_wait(pids[i]), 0);
	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(p->words[1 + i],
		    (uint32_t)inode_of(p->state));
	assert_true(segment_open(&s, p->state_dir, SEGMENT_START));
	assert_int_equal(s.map->next_cell, 16);
	segment_close(&s);
	segment_unmap(s.map);
}

/* SIZE bytes at OFFSET of the file; -1: cut or grow it to OFFSET. */
static void
patch(struct place *p, off_t offset, const void *bytes, int size)
{
	int	 fd = open(p->state, O_RDWR);

	assert_true(fd >= 0);
	if (size < 0)
		assert_int_equal(ftruncate(fd, offset), 0);
	else
		assert_int_equal(pwrite(fd, bytes, (size_t)size, offset), size);
	close(fd);
}

static void
a_damaged_file_is_made_anew(void **state)
{
	static const struct { off_t offset; int size; } damages[] = {
		{ 0, 4 },					/* magic */
		{ offsetof(struct layout_head, version), 4 },
		{ offsetof(struct layout_head, slots), 4 },
		{ offsetof(struct layout_head, size_bytes), 8 },
		{ offsetof(struct layout_head, check), 8 },
		{ offsetof(struct layout, more_chunks), 4 },
	};
	const off_t base = (off_t)layout_bytes(LAYOUT_BASE_CHUNKS),
		    sizes[] = { 0, 7, 4096, base - 1,
			(off_t)layout_bytes(LAYOUT_CHUNKS) + 1 };
	ino_t	 inode = open_once(*state);

	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		patch(*state, sizes[i], NULL, -1);
		assert_int_not_equal(open_once(*state), inode);
		inode = inode_of(((struct place *)*state)->state);
	}
	for (size_t i = 0; i < sizeof damages / sizeof damages[0]; i++) {
		patch(*state, damages[i].offset, "\xA5\x5A\xA5\x5A\xA5\x5A\xA5",
		    damages[i].size);
		assert_int_not_equal(open_once(*state), inode);
		inode = inode_of(((struct place *)*state)->state);
	}
}

/* Its grower died, or is not done yet. */
static void
a_file_that_is_longer_than_it_says_is_kept(void **state)
{
	struct place *p = *state;
	const off_t base = (off_t)layout_bytes(LAYOUT_BASE_CHUNKS);
	const uint32_t more = 2;
	struct segment s;
	ino_t	 inode = open_once(p);

	patch(p, base + 5000, NULL, -1);
	assert_true(segment_open(&s, p->state_dir, SEGMENT_START));
	assert_int_equal(inode_of(p->state), inode);
	assert_true(segment_is_current(&s, p->state_dir));
	patch(p, offsetof(struct layout, more_chunks), &more, sizeof more);
	assert_true(segment_is_current(&s, p->state_dir));
	assert_int_equal(segment_chunks(s.map), LAYOUT_BASE_CHUNKS + 2);
	patch(p, (off_t)layout_bytes(LAYOUT_BASE_CHUNKS + 2) - 1, NULL, -1);
	assert_false(segment_is_current(&s, p->state_dir));
	assert_false(segment_is_whole(&s));
	segment_close(&s);
	segment_unmap(s.map);
	assert_int_not_equal(open_once(p), inode);
}

static void
what_is_no_regular_file_is_replaced(void **state)
{
	struct place *p = *state;
	char	 target[128];

	snprintf(target, sizeof target, "%s/target", p->dir);
	assert_int_equal(symlink(target, p->state), 0);
	open_once(p);
	assert_int_not_equal(access(target, F_OK), 0);
	assert_int_equal(unlink(p->state), 0);
	assert_int_equal(mkfifo(p->state, 0600), 0);
	open_once(p);
}

static void
make_other_version(struct place *p)
{
	struct layout_head head = { .version = LAYOUT_VERSION + 1,
	    .slots = 99, .size_bytes = 4096 };

	memcpy(head.magic, "sluice\n", 8);
	head.check = hashes_make(&head, offsetof(struct layout_head, check));
	open_once(p);
	patch(p, 0, &head, sizeof head);
	patch(p, 4096, NULL, -1);
}

static void
another_version_is_replaced_at_start_but_not_fought(void **state)
{
	struct place *p = *state;
	struct segment s;
	ino_t	 inode;

	make_other_version(p);
	inode = inode_of(p->state);
	assert_false(segment_open(&s, p->state_dir, SEGMENT_REFRESH));
	assert_int_equal(errno, EPROTO);
	assert_int_equal(inode_of(p->state), inode);
	assert_int_not_equal(open_once(p), inode);
}

static void
a_hole_is_filled(void **state)
{
	struct place *p = *state;
	struct layout_head head;
	struct stat st;
	int	 fd;
	ino_t	 inode;

	inode = open_once(p);
	fd = open(p->state, O_RDWR);
	assert_int_equal(read(fd, &head, sizeof head), sizeof head);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, &head, sizeof head, 0), sizeof head);
	assert_int_equal(ftruncate(fd,
	    (off_t)layout_bytes(LAYOUT_BASE_CHUNKS)), 0);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 < st.st_size);
	assert_int_equal(open_once(p), inode);
	assert_int_equal(fstat(fd, &st), 0);
	assert_true(st.st_blocks * 512 >= st.st_size);
	close(fd);
}

static void
what_a_death_left_half_made_is_in_nobodys_way(void **state)
{
	struct place *p = *state;
	char	 path[128];
	FILE	*f;

	snprintf(path, sizeof path, "%s.new", p->state);
	f = fopen(path, "w");
	fputs("half", f);
	fclose(f);
	open_once(p);
	assert_int_not_equal(access(path, F_OK), 0);
}

static void
what_cannot_be_opened_is_told(void **state)
{
	struct place *p = *state;
	struct segment s;
	char	 path[160];

	snprintf(path, sizeof path, "%s/no/such", p->dir);
	assert_false(segment_open(&s, path, SEGMENT_START));
	assert_int_equal(errno, ENOENT);
	open_once(p);
	assert_false(segment_open(&s, p->state, SEGMENT_START));
	assert_int_equal(errno, ENOTDIR);
	snprintf(path, sizeof path, "%s/x", p->state);
	assert_false(segment_open(&s, path, SEGMENT_START));
	assert_int_equal(errno, ENOTDIR);
	assert_int_equal(unlink(p->state), 0);
	assert_int_equal(mkdir(p->state, 0700), 0);
	assert_false(segment_open(&s, p->state_dir, SEGMENT_START));
	assert_int_equal(errno, EISDIR);
}

static void
private_memory_is_empty_and_not_current(void **state)
{
	struct place *p = *state;
	struct segment s;

	open_once(p);
	segment_open_private(&s);
	assert_int_equal(s.fd, -1);
	assert_int_equal(s.map->next_cell, 0);
	assert_false(segment_is_current(&s, p->state_dir));
	segment_close(&s);
	segment_unmap(s.map);
}

/* Two locks; one is let go again. */
static void
hold_a_lock(struct place *p, unsigned byte)
{
	struct segment s;

	if (!segment_open(&s, p->state_dir, SEGMENT_START) ||
	    !segment_lock(&s, LAYOUT_LOCK_SLOT + byte) ||
	    !segment_lock(&s, LAYOUT_LOCK_SLOT + byte + 1))
		abort();
	segment_unlock(&s, LAYOUT_LOCK_SLOT + byte + 1);
	report_and_stay(&p->words[0]);
}

static void
a_lock_is_its_owners_until_death(void **state)
{
	struct place *p = *state;
	struct segment s;
	pid_t	 pid;

	assert_true(segment_open(&s, p->state_dir, SEGMENT_START));
	pid = child_start(hold_a_lock, p, 7);
	until(&p->words[0], 1);
	assert_true(segment_is_locked(&s, LAYOUT_LOCK_SLOT + 7));
	assert_false(segment_lock(&s, LAYOUT_LOCK_SLOT + 7));
	assert_int_equal(errno, EAGAIN);
	assert_false(segment_is_locked(&s, LAYOUT_LOCK_SLOT + 6));
	assert_true(segment_lock(&s, LAYOUT_LOCK_SLOT + 8));
	assert_true(segment_lock(&s, LAYOUT_LOCK_SLOT + 8));
	child_kill(pid);
	assert_false(segment_is_locked(&s, LAYOUT_LOCK_SLOT + 7));
	assert_true(segment_lock(&s, LAYOUT_LOCK_SLOT + 7));
	segment_close(&s);
	segment_unmap(s.map);
}

static void
hold_the_gate(struct place *p, unsigned number)
{
	char	 path[128];
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET,
	    .l_len = 1 };
	int	 fd;

	(void)number;
	snprintf(path, sizeof path, "%s.lock", p->state);
	fd = open(path, O_RDWR | O_CREAT, 0600);
	if (fd < 0 || fcntl(fd, F_OFD_SETLK, &lock) != 0)
		abort();
	report_and_stay(&p->words[0]);
}

static void
a_refresh_waits_for_nobody(void **state)
{
	struct place *p = *state;
	struct segment s;
	pid_t	 pid = child_start(hold_the_gate, p, 0);

	until(&p->words[0], 1);
	assert_false(segment_open(&s, p->state_dir, SEGMENT_REFRESH));
	assert_int_equal(errno, EAGAIN);
	child_kill(pid);
	open_once(p);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(a_new_file_is_whole_and_ours_alone),
		TEST(a_good_file_is_kept),
		TEST(the_directory_is_made),
		TEST(files_belong_to_the_owner_of_the_directory),
		TEST(processes_that_start_at_once_share_one_file),
		TEST(a_damaged_file_is_made_anew),
		TEST(a_file_that_is_longer_than_it_says_is_kept),
		TEST(what_is_no_regular_file_is_replaced),
		TEST(another_version_is_replaced_at_start_but_not_fought),
		TEST(a_hole_is_filled),
		TEST(what_a_death_left_half_made_is_in_nobodys_way),
		TEST(what_cannot_be_opened_is_told),
		TEST(private_memory_is_empty_and_not_current),
		TEST(a_lock_is_its_owners_until_death),
		TEST(a_refresh_waits_for_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
