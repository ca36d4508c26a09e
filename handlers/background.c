#include "config.h"

#include "handlers/background.h"

#include <stdlib.h>

struct background {
	uv_work_t	 work;
	struct exchange	*x;		/* NULL: the request has ended */
	struct db	*db;
	void		*job;
	void		(*run)(struct db *, void *);
	void		(*done)(struct exchange *, void *);
	void		(*free)(void *);
};

static void
background_on_work(uv_work_t *work)
{
	struct background *b = work->data;

	b->run(b->db, b->job);
}

static void
background_on_done(uv_work_t *work, int status)
{
	struct background *b = work->data;
	struct exchange *x = b->x;

	(void)status;			/* nothing is ever cancelled */
	if (x != NULL)
		x->background = NULL;
	if (x != NULL && (!x->request->gone || x->drains))
		b->done(x, b->job);
	b->free(b->job);
	free(b);
}

static struct background *
queue(struct app *app, const struct background *wanted)
{
	struct background *b = calloc(1, sizeof *b);

	if (b == NULL)
		abort();
	*b = *wanted;
	b->db = app->db;
	b->work.data = b;
	uv_queue_work(app->loop, &b->work, background_on_work,
	    background_on_done);
	return b;
}

void
background_run(struct exchange *x, void *job,
    void (*work)(struct db *, void *), void (*done)(struct exchange *, void *),
    void (*free_job)(void *))
{
	const struct background b = { .x = x, .job = job, .run = work,
		.done = done, .free = free_job };

	x->background = queue(x->app, &b);
}

void
background_run_alone(struct app *app, void *job,
    void (*work)(struct db *, void *), void (*free_job)(void *))
{
	const struct background b = { .job = job, .run = work,
		.free = free_job };

	queue(app, &b);
}

void
background_detach(struct exchange *x)
{
	if (x->background != NULL)
		x->background->x = NULL;
	x->background = NULL;
}
