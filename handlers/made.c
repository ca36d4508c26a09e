#include "config.h"

#include "handlers/made.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "handlers/object_work.h"

enum { EVENT_MAX = 1 << 20, NAMED_MAX = 512 };

struct made {
	const struct made_spec *spec;
	struct made_note note;
	struct unpaid	*unpaid;	/* once it is stored */
	struct id_list	 found;
	struct id_reader *reader;	/* made when there is something to read */
	bool		 is_scan;	/* a large answer; otherwise a stream */
	bool		 is_done;	/* nothing more is looked for */
	bool		 has_begun;	/* what names the main thing has been read */
	bool		 is_skipping;	/* an event that is too large to be kept */
	struct buf	 kept;		/* of an event that is not whole */
};

static struct made *
get_made(const struct exchange *x)
{
	return x->extra;
}

struct unpaid *
made_unpaid(const struct exchange *x)
{
	return get_made(x)->unpaid;
}

/* ---- Storing. ---- */

/* Of what the provider does not keep nothing can be asked for but containers. */
static void
drop_passing(struct made *m)
{
	size_t	 kept = 0;

	for (size_t i = 0; i < m->found.count; i++)
		if (strcmp(m->found.items[i].kind, "containers") == 0)
			m->found.items[kept++] = m->found.items[i];
	m->found.count = kept;
}

static void
on_stored(struct exchange *x, enum objects_result result,
    const struct object *o)
{
	struct made *m = get_made(x);

	(void)o;
	if (result == OBJECTS_NONE)
		log_warn("%s: what was made has the id of something of another "
		    "key; it cannot be asked for later", x->call.id);
	else if (result != OBJECTS_OK)
		log_warn("%s: what was made could not be stored; it cannot be "
		    "asked for later", x->call.id);
	else if (m->note.unpaid != NULL) {
		m->unpaid = m->note.unpaid;
		x->call.is_uncharged = true;
	}
	relay_finish(x);
}

static void
set_unpaid(struct exchange *x, struct unpaid *u, const struct object *place,
    const char *id)
{
	snprintf(u->provider, sizeof u->provider, "%s", place->provider);
	snprintf(u->url, sizeof u->url, "%s", place->url);
	snprintf(u->key_id, sizeof u->key_id, "%s", exchange_key_id(x));
	snprintf(u->id, sizeof u->id, "%s", id);
}

/* True: DONE will be called, unless it is NULL. */
static bool
store(struct exchange *x, object_work_done_fn *done)
{
	struct made *m = get_made(x);
	struct object place = { .kind = "" };
	bool	 is_storing;

	if (m->note.is_passing)
		drop_passing(m);
	is_storing = m->found.count > 0;
	if (is_storing) {
		object_work_set_place(&place, x->call.target);
		if (m->note.unpaid != NULL && done != NULL)
			set_unpaid(x, m->note.unpaid, &place,
			    m->found.items[0].id);
		object_work_put_all(x, &place, &m->found, done == NULL ? NULL :
		    m->note.unpaid, done);
	}
	m->found.count = 0;
	return is_storing;
}

/* ---- Reading. ---- */

static struct id_reader *
begin_reading(struct exchange *x)
{
	struct made *m = get_made(x);

	if (m->reader == NULL && (m->reader = malloc(sizeof *m->reader)) ==
	    NULL)
		abort();
	id_reader_init(m->reader, x->call.arena, &m->spec->table, &m->found);
	return m->reader;
}

static void
read_whole(struct exchange *x, const char *json, size_t n)
{
	struct made *m = get_made(x);

	id_reader_feed(begin_reading(x), json, n);
	id_reader_fini(m->reader);
}

static bool
has_mark(const struct made *m, const char *text, size_t n)
{
	for (const char *const *mark = m->spec->marks; *mark != NULL; mark++)
		if (memmem(text, n, *mark, strlen(*mark)) != NULL)
			return true;
	return false;
}

/* The whole answer is here; it is sent when what it names is stored. */
static void
finish(struct exchange *x, struct buf *answer)
{
	struct made *m = get_made(x);

	if (m->spec->judge != NULL)
		m->spec->judge(x, buf_data(answer), buf_len(answer), &m->note);
	if (!m->spec->is_marked_only || has_mark(m, buf_data(answer),
	    buf_len(answer)))
		read_whole(x, buf_data(answer), buf_len(answer));
	if (!store(x, on_stored))
		relay_finish(x);
}

/* ---- A large answer. ---- */

/* Its first id is its own, and is stored before more of it goes out. */
static void
scan(struct exchange *x, const char *bytes, size_t n)
{
	struct made *m = get_made(x);

	if (!id_reader_feed(m->reader, bytes, n))
		m->is_done = true;
	if (!m->has_begun && m->found.count > 0) {
		m->has_begun = true;
		store(x, on_stored);
	}
}

static void
begin_scan(struct exchange *x, const struct buf *beginning)
{
	struct made *m = get_made(x);

	m->is_scan = true;
	begin_reading(x);
	scan(x, buf_data(beginning), buf_len(beginning));
}

/* ---- A stream. ---- */

/* Length of the block up to and with its empty line, or 0 while that is not here. */
static size_t
block_length(const struct buf *stream)
{
	const char *data = buf_data(stream);
	const char *lf = memmem(data, buf_len(stream), "\n\n", 2);
	const char *crlf = memmem(data, buf_len(stream), "\r\n\r\n", 4);

	if (lf != NULL && (crlf == NULL || lf < crlf))
		return (size_t)(lf - data) + 2;
	return crlf == NULL ? 0 : (size_t)(crlf - data) + 4;
}

/* What the block's first data line says: *N bytes of it; NULL: it has none. */
static const char *
find_data(const char *block, size_t *n)
{
	const char *end = block + *n, *stop;
	const char *data = *n >= 5 && memcmp(block, "data:", 5) == 0 ? block :
		    memmem(block, *n, "\ndata:", 6);

	if (data == NULL)
		return NULL;
	data = (const char *)memchr(data, ':', (size_t)(end - data)) + 1;
	for (stop = data; stop < end && *stop != '\r' && *stop != '\n'; stop++)
		;
	*n = (size_t)(stop - data);
	return data;
}

/* One event. The first one that says something names the main thing. */
static void
take_block(struct exchange *x, const char *block, size_t n)
{
	struct made *m = get_made(x);
	const char *data;

	if ((m->has_begun && !has_mark(m, block, n)) ||
	    (data = find_data(block, &n)) == NULL)
		return;
	if (!m->has_begun && m->spec->judge != NULL)
		m->spec->judge(x, data, n, &m->note);
	read_whole(x, data, n);
	store(x, m->has_begun ? NULL : on_stored);
	m->has_begun = true;
}

/* Of an event that is too large only its end is of interest. */
static void
skip(struct made *m, const char *bytes, size_t n)
{
	size_t	 left = buf_len(&m->kept);

	if (left > 3)
		buf_consume(&m->kept, left - 3);
	left = n > EVENT_MAX / 2 ? EVENT_MAX / 2 : n;
	buf_append(&m->kept, bytes + (n - left), left);
}

static void
watch_stream(struct exchange *x, const char *bytes, size_t n)
{
	struct made *m = get_made(x);
	size_t	 len;

	if (m->has_begun && buf_len(&m->kept) == 0 && n >= 2 &&
	    memcmp(bytes + n - 2, "\n\n", 2) == 0 && !has_mark(m, bytes, n))
		return;			/* nearly every read is like that */
	if (m->is_skipping || buf_append(&m->kept, bytes, n) != ERR_NONE) {
		m->is_skipping = true;
		skip(m, bytes, n);
	}
	while ((len = block_length(&m->kept)) > 0) {
		if (!m->is_skipping)
			take_block(x, buf_data(&m->kept), len);
		m->is_skipping = false;
		buf_consume(&m->kept, len);
	}
	if (buf_len(&m->kept) == 0)
		buf_fini(&m->kept);
}

static void
watch(struct exchange *x, const char *bytes, size_t n)
{
	const struct made *m = get_made(x);

	if (!m->is_scan)
		watch_stream(x, bytes, n);
	else if (!m->is_done)
		scan(x, bytes, n);
}

/* ---- The end. ---- */

/* What else a large answer has named. */
static void
end(struct exchange *x)
{
	if (get_made(x)->is_scan)
		store(x, NULL);
}

static void
release(struct exchange *x)
{
	struct made *m = get_made(x);

	if (m->reader != NULL)
		id_reader_fini(m->reader);
	free(m->reader);
	buf_fini(&m->kept);
}

void
made_begin(struct exchange *x, const struct made_spec *spec)
{
	struct made *m = arena_alloc(x->call.arena, sizeof *m);

	m->spec = spec;
	m->has_begun = spec->is_marked_only;
	m->found.max = NAMED_MAX;
	buf_init(&m->kept, EVENT_MAX);
	x->extra = m;
	x->release_extra = release;
}

const struct relay_order made_order = {
	.finish = finish, .outgrown = begin_scan, .watch = watch, .end = end,
};

/* ---- What is passed through. ---- */

/*
 * Files that a batch or a job has written, that an upload has become, a thread
 * that was made with its run. The first one is of the answer itself.
 */
static const struct id_name passed_names[] = {
	{ .name = "id", .in_object = true },
	{ .name = "output_file_id", .kind = "files" },
	{ .name = "error_file_id", .kind = "files" },
	{ .name = "result_files", .kind = "files" },
	{ .name = "file", .kind = "files", .in_object = true },
	{ .name = "thread_id", .kind = "threads" },
	{ .name = "container_id", .kind = "containers" },
	{ .name = NULL }
};
static struct spelling passed_spelling;
static const char *const passed_marks[] = { "\"thread_id\"", NULL };

const struct made_spec *
made_spec_of(struct exchange *x, const char *kind)
{
	struct made_spec *spec = arena_alloc(x->call.arena, sizeof *spec);
	struct id_name *names = arena_alloc(x->call.arena,
		    sizeof passed_names);

	memcpy(names, passed_names, sizeof passed_names);
	names[0].kind = kind;
	*spec = (struct made_spec){
		.table = { .names = names, .spelling = &passed_spelling,
		    .has_top = kind != NULL },
		.marks = passed_marks,
	};
	return spec;
}

void
made_note_mentions(struct exchange *x, const struct target *target,
    const char *json, size_t n)
{
	struct id_list found = { .max = NAMED_MAX };
	struct id_reader *r = malloc(sizeof *r);
	struct object place = { .kind = "" };

	if (r == NULL)
		abort();
	id_reader_init(r, x->call.arena, &made_spec_of(x, NULL)->table,
	    &found);
	id_reader_feed(r, json, n);
	id_reader_fini(r);
	free(r);
	object_work_set_place(&place, target);
	if (found.count > 0)
		object_work_put_all(x, &place, &found, NULL, NULL);
}
