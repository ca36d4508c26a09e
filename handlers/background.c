#include "config.h"

#include "handlers/background.h"

#include <stdlib.h>

struct background {
	uv_work_t	 work;
	struct exchange	*x;		/* NULL: the request has ended */
	struct db	*db;
	bool		 ok;
	bool		(*run)(struct db *, struct object *);
	void		(*done)(struct exchange *, bool, const struct object *);
	struct object	 object;
};

static void
background_on_work(uv_work_t *work)
{
	struct background *b = work->data;

	b->ok = b->run(b->db, &b->object);
}

static void
background_on_done(uv_work_t *work, int status)
{
	struct background *b = work->data;
	struct exchange *x = b->x;

	if (x != NULL)
		x->background = NULL;
	if (x != NULL && !x->request->gone)
		b->done(x, b->ok && status == 0, &b->object);
	free(b);
}

void
background_run(struct exchange *x, const struct object *object,
    bool (*run)(struct db *, struct object *),
    void (*done)(struct exchange *, bool, const struct object *))
{
	struct background *b = calloc(1, sizeof *b);

	if (b == NULL)
		abort();
	*b = (struct background){ .x = x, .db = x->app->db, .run = run,
		.done = done, .object = *object };
	b->work.data = b;
	x->background = b;
	uv_queue_work(x->app->loop, &b->work, background_on_work,
	    background_on_done);
}

void
background_detach(struct exchange *x)
{
	if (x->background != NULL)
		x->background->x = NULL;
	x->background = NULL;
}
