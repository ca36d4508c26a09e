/* metrics.h - what requests add to /metrics, and all of it as text. */
#ifndef GATEWAY_METRICS_H
#define GATEWAY_METRICS_H

#include "base/buf.h"
#include "gateway/call.h"
#include "gateway/collection.h"
#include "store/state.h"

/* Add a settled call's counts to the state's open transaction. */
void	metrics_count(struct state *, const struct call *);

/* A try has started at the target's channel, or is over. DELTA is 1 or -1. */
void	metrics_note_try(struct state *, const struct target *, int delta);

/* How many tries are at the channel NAME, by what was collected of all processes. */
uint64_t metrics_tries(const struct collection *, const char *name);

/* A request has come, or is settled: the same for all of them. */
void	metrics_note_request(struct state *, int delta);

/* COUNT lines of the journal are lost for good. Not within a batch. */
void	metrics_note_lost_lines(struct state *, uint64_t count);

/*
 * Everything in Prometheus' text format 0.0.4, sums over all processes. S's
 * channels give the gauges that are read off their shared records. ERR_NO_MEMORY:
 * the buffer's ceiling is too low.
 */
enum err metrics_format(struct buf *, struct state *, struct snapshot *s,
	    uint64_t now_ms);
#endif
