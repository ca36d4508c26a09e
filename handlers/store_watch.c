#include "config.h"

#include "handlers/store_watch.h"

#include "base/log.h"

/* Requests in flight go on with the lists that they began with. */
static void
store_watch_use(struct store_watch *w)
{
	struct app *app = w->app;
	struct key_list *keys = w->found.lists[WATCH_KEYS];
	struct prompt_list *prompts = w->found.lists[WATCH_PROMPTS];
	struct managed_list *managed = w->found.lists[WATCH_MANAGED];

	app->keys_unread = w->found.is_blind;
	if (keys != NULL) {
		key_list_unref(app->keys);
		app->keys = keys;
	}
	if (prompts != NULL) {
		prompt_list_unref(app->prompts);
		app->prompts = prompts;
	}
	if (managed != NULL) {
		managed_list_unref(app->managed);
		app->managed = managed;
		if (app->join != NULL)
			app->join(app);
	}
	if (w->found.lists[WATCH_SALTS] != NULL) {
		salts_free(app->salts);
		app->salts = w->found.lists[WATCH_SALTS];
	}
}

void
store_watch_init(struct store_watch *w, struct app *app)
{
	*w = (struct store_watch){ .app = app,
		.watch = watch_create(app->db) };
	app->watch = w;
	watch_read(w->watch, &w->found);
	store_watch_use(w);
}

void
store_watch_fini(struct store_watch *w)
{
	watch_free(w->watch);
	key_list_unref(w->app->keys);
	prompt_list_unref(w->app->prompts);
	w->app->keys = NULL;
	w->app->prompts = NULL;
	managed_list_unref(w->app->managed);
	w->app->managed = NULL;
	salts_free(w->app->salts);
	w->app->salts = NULL;
}

static void
store_watch_on_work(uv_work_t *work)
{
	struct store_watch *w = work->data;

	watch_read(w->watch, &w->found);
}

static void
store_watch_on_done(uv_work_t *work, int status)
{
	struct store_watch *w = work->data;

	(void)status;
	w->is_busy = false;
	if (w->found.lists[WATCH_KEYS] != NULL)
		log_info("clients' keys read: %zu",
		    key_list_count(w->found.lists[WATCH_KEYS]));
	if (w->found.lists[WATCH_PROMPTS] != NULL)
		log_info("system prompts read: %zu",
		    prompt_list_count(w->found.lists[WATCH_PROMPTS]));
	store_watch_use(w);
	if (w->again)
		store_watch_look(w);
}

void
store_watch_look(struct store_watch *w)
{
	w->again = w->is_busy;
	if (w->is_busy)
		return;
	w->is_busy = true;
	w->work.data = w;
	uv_queue_work(w->app->loop, &w->work, store_watch_on_work,
	    store_watch_on_done);
}
