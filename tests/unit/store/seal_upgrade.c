/* Keys that were sealed before they had a purpose are sealed anew, once. */
#include "config.h"

#include "store/seal_upgrade.h"

#include "conf/provider.h"
#include "store/store.h"
#include "tests/unit/conf/dir.h"
#include "tests/unit/store/before.h"

#define SEAL "0707070707070707070707070707070707070707070707070707070707070707"
#define OTHER "08" "07070707070707070707070707070707070707070707070707070707070707"

struct fixture {
	struct place	*place;
	struct dir	*dir;
	struct db	*db;
	struct seal	 seal;
};

/* SECRET, as it was sealed then, in SQL: x'...'. */
static const char *
sealed(const char *secret, int byte)
{
	static char texts[8][1200];
	static unsigned next;
	char	*text = texts[next++ % 8];
	unsigned char key[SEAL_KEY], bytes[SEAL_MAX];
	size_t	 n = strlen(secret);

	memset(key, byte, sizeof key);
	randombytes_buf(bytes, 24);
	crypto_secretbox_easy(bytes + 24, (const unsigned char *)secret, n,
	    bytes, key);
	strcpy(text, "x'");
	sodium_bin2hex(text + 2, 1100, bytes, n + 40);
	return strcat(text, "'");
}

static void
insert_channel(char *sql, int id, const char *url, const char *blob)
{
	sprintf(sql + strlen(sql), "INSERT INTO channels VALUES (%d, 'c%d', "
	    "'openai', '%s', %s, 'hint', NULL, 10, 0, 1, 1, 1);", id, id, url,
	    blob);
}

static int
set_up(void **state)
{
	struct fixture *x = calloc(1, sizeof *x);
	static char sql[8192];

	if (sodium_init() < 0 || dir_setup((void **)&x->dir) != 0)
		return -1;
	log_open(NULL, LOG_LEVEL_ERROR);
	x->place = place_make();
	setenv("UPGRADE_SEAL", SEAL, 1);
	unsetenv("GIVEN_KEY");
	sql[0] = '\0';
	insert_channel(sql, 1, "http://one/v1", sealed("sk-one", 7));
	insert_channel(sql, 2, "HTTPS://Two:8443/v1", sealed("sk-two", 7));
	insert_channel(sql, 3, "http://bare/v1", "NULL");
	sprintf(sql + strlen(sql), "INSERT INTO secrets VALUES ('GIVEN_KEY', "
	    "%s, 'h', 1), ('NOBODYS_KEY', %s, 'h', 1);",
	    sealed("sk-given", 7), sealed("sk-nobodys", 7));
	before_make(x->place->dir, sql);
	x->db = db_create(x->place->dir);
	memset(x->seal.key, 7, SEAL_KEY);
	sprintf(sql, "state_dir = \"%s\"; auth: { seal_key_env = "
	    "\"UPGRADE_SEAL\"; };", x->place->dir);
	dir_write(x->dir, "sluice.conf", sql);
	dir_write(x->dir, "providers.d/a.conf", "base_url = "
	    "\"http://file/v1\"; api_key_env = \"GIVEN_KEY\"; models = ( { "
	    "name = \"m\"; endpoints = ( { path = \"x\"; base_url = "
	    "\"http://end/v1\"; } ); } );");
	*state = x;
	return 0;
}

static int
tear_down(void **state)
{
	struct fixture *x = *state;

	database_remove(x->place, x->db);
	dir_teardown((void **)&x->dir);
	free(x);
	return 0;
}

static void
upgrade(struct fixture *x)
{
	struct conf *conf = dir_load(x->dir, NULL);

	assert_non_null(conf);
	seal_upgrade_run(x->db, conf);
	conf_free(conf);
}

/* What SQL answers, as opened for PURPOSE (NULL: as before); "" if it does not. */
static const char *
opened(struct fixture *x, const char *sql, const struct seal_purpose *purpose)
{
	static char secret[SEAL_SECRET_MAX + 1];
	sqlite3_stmt *stmt = managed_prepare(db_get(x->db), sql);
	const void *bytes;
	size_t	 n;
	bool	 ok;

	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	bytes = sqlite3_column_blob(stmt, 0);
	n = (size_t)sqlite3_column_bytes(stmt, 0);
	ok = purpose == NULL ?
	    seal_open_unbound(&x->seal, bytes, n, secret) :
	    seal_open(&x->seal, purpose, bytes, n, secret);
	sqlite3_finalize(stmt);
	return ok ? secret : "";
}

static const char *
channel(struct fixture *x, int id, const char *origin)
{
	char	 sql[64], name[16];
	const struct seal_purpose purpose = { SEAL_CHANNEL, name, origin };

	snprintf(name, sizeof name, "%d", id);
	snprintf(sql, sizeof sql, "SELECT sealed FROM channels WHERE id = %d",
	    id);
	return opened(x, sql, origin == NULL ? NULL : &purpose);
}

static const char *
variable(struct fixture *x, const char *place)
{
	char	 sql[128];
	const struct seal_purpose purpose = { SEAL_VARIABLE, "GIVEN_KEY",
		place };

	snprintf(sql, sizeof sql, "SELECT sealed FROM secrets WHERE name = "
	    "'GIVEN_KEY' AND place = '%s'", place);
	return opened(x, sql, *place == '\0' ? NULL : &purpose);
}

static int64_t
number(struct fixture *x, const char *sql)
{
	return database_number(db_get(x->db), sql);
}

static void
all_keys_are_sealed_for_their_origins(void **state)
{
	struct fixture *x = *state;
	int64_t	 changes;

	assert_string_equal(channel(x, 1, NULL), "sk-one");
	assert_int_equal(number(x, "SELECT is_bound FROM sealing"), 0);
	changes = number(x, "SELECT n FROM changes WHERE kind = 'managed'");
	upgrade(x);
	assert_string_equal(channel(x, 1, "http://one:80"), "sk-one");
	assert_string_equal(channel(x, 1, NULL), "");
	assert_string_equal(channel(x, 2, "https://two:8443"), "sk-two");
	assert_string_equal(variable(x, "http://file:80"), "sk-given");
	assert_string_equal(variable(x, "http://end:80"), "sk-given");
	assert_int_equal(number(x, "SELECT count(*) FROM secrets"), 3);
	assert_int_equal(number(x, "SELECT is_bound FROM sealing"), 1);
	assert_true(number(x, "SELECT n FROM changes WHERE kind = 'managed'")
	    > changes);
}

static void
it_is_done_once(void **state)
{
	struct fixture *x = *state;
	int64_t	 changes;
	char	 sql[1400];

	upgrade(x);
	changes = number(x, "SELECT n FROM changes WHERE kind = 'managed'");
	upgrade(x);
	assert_int_equal(number(x, "SELECT n FROM changes WHERE kind = "
	    "'managed'"), changes);
	snprintf(sql, sizeof sql, "UPDATE channels SET base_url = "
	    "'http://evil/v1', sealed = %s WHERE id = 1",
	    sealed("sk-before", 7));
	database_run(x->db, sql);
	upgrade(x);
	assert_string_equal(channel(x, 1, "http://evil:80"), "");
	assert_string_equal(channel(x, 1, NULL), "sk-before");
}

/* What no file names waits for the file. */
static void
a_secret_waits_for_its_file(void **state)
{
	struct fixture *x = *state;

	upgrade(x);
	dir_write(x->dir, "providers.d/b.conf", "base_url = "
	    "\"http://late/v1\"; api_key_env = \"NOBODYS_KEY\";");
	upgrade(x);
	assert_int_equal(number(x, "SELECT count(*) FROM secrets WHERE "
	    "name = 'NOBODYS_KEY' AND place = 'http://late:80'"), 1);
	assert_int_equal(number(x, "SELECT count(*) FROM secrets WHERE "
	    "place = ''"), 0);
}

static void
another_seal_key_changes_nothing(void **state)
{
	static const char *const keys[] = { OTHER, "x", "" };
	struct fixture *x = *state;

	for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
		setenv("UPGRADE_SEAL", keys[i], 1);
		upgrade(x);
		assert_string_equal(channel(x, 1, NULL), "sk-one");
		assert_string_equal(variable(x, ""), "sk-given");
		assert_int_equal(number(x, "SELECT is_bound FROM sealing"), 0);
	}
	setenv("UPGRADE_SEAL", SEAL, 1);
	upgrade(x);
	assert_string_equal(channel(x, 1, "http://one:80"), "sk-one");
}

/* One that nobody can open holds up nothing, and gets no second chance. */
static void
a_damaged_one_is_left_behind(void **state)
{
	struct fixture *x = *state;
	char	 sql[1400];

	snprintf(sql, sizeof sql, "UPDATE channels SET sealed = %s "
	    "WHERE id = 1", sealed("sk-lost", 9));
	database_run(x->db, sql);
	database_run(x->db, "UPDATE channels SET base_url = 'nowhere' "
	    "WHERE id = 3");
	upgrade(x);
	assert_string_equal(channel(x, 2, "https://two:8443"), "sk-two");
	assert_int_equal(number(x, "SELECT is_bound FROM sealing"), 1);
}

static void
what_is_sealed_in_between_stays(void **state)
{
	struct fixture *x = *state;
	struct managed_change c = { .base_url = "http://new/v1",
		.api_key = "sk-new", .seal = &x->seal };

	assert_int_equal(managed_channels_set(x->db, 1, &c, 5),
	    MANAGED_DONE);
	upgrade(x);
	assert_string_equal(channel(x, 1, "http://new:80"), "sk-new");
	assert_string_equal(channel(x, 2, "https://two:8443"), "sk-two");
}

/* Several processes at once: each key is sealed once, and none is lost. */
static void
run_one(struct place *p, unsigned n)
{
	struct db *db = db_create(p->dir);
	struct conf *conf;
	char	 path[128];

	(void)n;
	while (p->words[0] == 0)
		sched_yield();
	snprintf(path, sizeof path, "%s/sluice.conf", getenv("UPGRADE_DIR"));
	conf = conf_load(path, NULL, NULL, NULL);
	seal_upgrade_run(db, conf);
	conf_free(conf);
	db_free(db);
}

static void
processes_do_it_at_once(void **state)
{
	struct fixture *x = *state;
	pid_t	 pids[4];

	setenv("UPGRADE_DIR", x->dir->path, 1);
	for (unsigned i = 0; i < 4; i++)
		pids[i] = child_start(run_one, x->place, i);
	x->place->words[0] = 1;
	for (unsigned i = 0; i < 4; i++)
		waitpid(pids[i], NULL, 0);
	assert_string_equal(channel(x, 1, "http://one:80"), "sk-one");
	assert_string_equal(channel(x, 2, "https://two:8443"), "sk-two");
	assert_string_equal(variable(x, "http://file:80"), "sk-given");
}

/* A database that is made now knows no such keys. */
static void
a_new_database_has_no_keys_of_before(void **state)
{
	struct fixture *x = *state;
	struct place *place = place_make();
	struct db *db = db_create(place->dir);

	(void)x;
	assert_int_equal(database_number(db_get(db),
	    "SELECT is_bound FROM sealing"), 1);
	database_remove(place, db);
}

int
main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(all_keys_are_sealed_for_their_origins),
		TEST(it_is_done_once),
		TEST(a_secret_waits_for_its_file),
		TEST(another_seal_key_changes_nothing),
		TEST(a_damaged_one_is_left_behind),
		TEST(what_is_sealed_in_between_stays),
		TEST(processes_do_it_at_once),
		TEST(a_new_database_has_no_keys_of_before),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
