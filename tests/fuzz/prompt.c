/*
 * Whatever a body says, one with a prompt in it is JSON, and begins with that
 * where it should.
 */
#include "config.h"

#include "handlers/prompt.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "handlers/body.h"
#include "handlers/route.h"
#include "tests/fuzz/fuzz.h"

/* The input: a byte for the path, one for the other edits, then the body. */
enum { HEAD = 2, ROOM = 16384 };

static const struct {
	const char	*path;
	enum member	 member;
	const char	*item;		/* what a prompt in an array begins with */
} apis[] = {
	{ "/v1/chat/completions", MEMBER_MESSAGES,
	  "[{\"role\":\"system\",\"content\":\"say \\\"hi\\\"\\n\"}" },
	{ "/v1/responses", MEMBER_INSTRUCTIONS, NULL },
	{ "/v1/messages", MEMBER_SYSTEM,
	  "[{\"type\":\"text\",\"text\":\"say \\\"hi\\\"\\n\"}" },
};
enum { API_COUNT = sizeof apis / sizeof apis[0] };

/* One prompt, read as a process reads it. */
static struct prompt_list *
make_list(void)
{
	char	 dir[] = "/tmp/sluice-fuzz.XXXXXX", command[64];
	struct watch_found found;
	struct prompt_list *list;
	struct watch *watch;
	struct db *db;

	must(mkdtemp(dir) != NULL);
	db = db_create(dir);
	must(prompts_set(db, PROMPTS_GLOBAL, "", "say \"hi\"\n", 1) ==
	    PROMPTS_DONE);
	watch = watch_create(db);
	watch_read(watch, &found);
	watch_free(watch);
	db_free(db);
	list = watch_take(&found, WATCH_PROMPTS);
	watch_drop(&found);
	snprintf(command, sizeof command, "rm -r %s", dir);
	must(system(command) == 0);
	must(list != NULL);
	return list;
}

/* As the gateway reads what it sends. */
static bool
scan(struct json_scan *s, const void *text, size_t n)
{
	static struct spelling spelling;

	for (size_t i = spelling.count; i < MEMBER__MAX; i++)
		spelling_add(&spelling, exchange_members[i]);
	json_scan_init_strict(s, &spelling);
	return json_scan_feed(s, text, n) == ERR_NONE &&
	    json_scan_end(s) == ERR_NONE;
}

static bool
begins(const char *text, const struct json_range *range, const char *with)
{
	return range->end - range->start > strlen(with) &&
	    memcmp(text + range->start, with, strlen(with)) == 0;
}

static void
check(struct exchange *x, const struct body *b, size_t api, bool inject)
{
	static const struct plan_step step = { .model = "another" };
	static char text[ROOM];
	struct json_scan after;
	const struct json_range *range = &after.ranges[apis[api].member];
	struct splice s;

	if (body_splice(x, b, &step, inject && !b->asks_usage, &s) !=
	    ERR_NONE)
		return;
	must(s.len < sizeof text);
	must(splice_read(&s, 0, text, sizeof text) == (ssize_t)s.len);
	must(scan(&after, text, s.len));
	if (b->prompt == NULL)
		return;
	if (range->kind == JSON_ARRAY)
		must(range->has_items && begins(text, range, apis[api].item));
	else
		must(range->kind == JSON_STRING && begins(text, range,
		    "\"say \\\"hi\\\"\\n"));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static struct prompt_list *list;
	struct snapshot snapshot = { .default_model = "usual" };
	struct arena arena;
	struct json_scan json;
	struct route route = { .dialect = n > 0 && data[0] & 1 ?
		ROUTE_DIALECT_MESSAGES : 0 };
	struct exchange x = { .scan = &json, .route = &route };
	struct body body;
	size_t	 api;

	if (n < HEAD || n > 4096 || !scan(&json, data + HEAD, n - HEAD))
		return 0;
	if (list == NULL)
		list = make_list();
	api = data[0] % API_COUNT;
	arena_init(&arena, 1024);
	x.call = (struct call){ .arena = &arena, .snapshot = &snapshot,
		.prompts = list, .path = apis[api].path };
	spool_init(&x.body, data[0] >= 0xF8 ? 16 : 8192);
	must(spool_append(&x.body, data + HEAD, n - HEAD) == ERR_NONE);
	if (body_read(&x, &body) == ERR_NONE) {
		body.prompt = prompt_find(&x);
		check(&x, &body, api, data[1] & 1);
	}
	spool_fini(&x.body);
	arena_fini(&arena);
	return 0;
}
