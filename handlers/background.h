/* background.h - work that may block, on the thread pool, for one request. */
#ifndef HANDLERS_BACKGROUND_H
#define HANDLERS_BACKGROUND_H

#include "handlers/exchange.h"

struct background;

/*
 * Run WORK(db, job) on the thread pool, then DONE(exchange, job) on the loop and
 * FREE(job). When the client has left by then, WORK is done all the same, but
 * DONE is only called where the exchange drains. JOB is the background's from now on and must not point
 * into the request's arena. One at a time for each exchange.
 */
void	background_run(struct exchange *, void *job,
	    void (*work)(struct db *, void *job),
	    void (*done)(struct exchange *, void *job),
	    void (*free)(void *job));

/* The same with nobody who waits for it: DB work that a request leaves behind. */
void	background_run_alone(struct app *, void *job,
	    void (*work)(struct db *, void *job), void (*free)(void *job));

/* The exchange ends: what still runs for it goes on alone. */
void	background_detach(struct exchange *);
#endif
