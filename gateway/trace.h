/* trace.h - W3C Trace Context: the traceparent that a request goes upstream with. */
#ifndef GATEWAY_TRACE_H
#define GATEWAY_TRACE_H

#include <stdbool.h>

#include "base/arena.h"

/* Is TEXT (NULL is not) a traceparent of a version that can be read (section 3.2)? */
bool	trace_is_parent(const char *text);

/*
 * A new one for the request called ID (as id_make makes them, and as random),
 * sampled: the journal keeps its trace id, which begins with the request's. In
 * ARENA.
 */
const char *trace_make_parent(struct arena *, const char *id);

/* The trace id of a traceparent: 32 hex digits, in ARENA. */
const char *trace_id(struct arena *, const char *parent);
#endif
