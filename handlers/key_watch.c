#include "config.h"

#include "handlers/key_watch.h"

#include "base/log.h"

/* Requests in flight go on with the list that they began with. */
static void
key_watch_use(struct key_watch *w, struct key_list *list)
{
	if (list == NULL)
		return;
	key_list_unref(w->app->keys);
	w->app->keys = list;
}

void
key_watch_init(struct key_watch *w, struct app *app)
{
	*w = (struct key_watch){ .app = app,
		.reader = key_reader_create(app->db) };
	key_watch_use(w, key_reader_read(w->reader));
}

void
key_watch_fini(struct key_watch *w)
{
	key_reader_free(w->reader);
	key_list_unref(w->app->keys);
	w->app->keys = NULL;
}

static void
key_watch_on_work(uv_work_t *work)
{
	struct key_watch *w = work->data;

	w->found = key_reader_read(w->reader);
}

static void
key_watch_on_done(uv_work_t *work, int status)
{
	struct key_watch *w = work->data;
	struct key_list *found = w->found;

	(void)status;
	w->is_busy = false;
	w->found = NULL;
	if (found != NULL)
		log_info("clients' keys read: %zu", key_list_count(found));
	key_watch_use(w, found);
}

void
key_watch_tick(struct key_watch *w)
{
	if (w->is_busy)
		return;
	w->is_busy = true;
	w->work.data = w;
	uv_queue_work(w->app->loop, &w->work, key_watch_on_work,
	    key_watch_on_done);
}
