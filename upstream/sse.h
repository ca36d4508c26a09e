/* sse.h - follow a server-sent event stream without holding it back. */
#ifndef UPSTREAM_SSE_H
#define UPSTREAM_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

/*
 * Reads along while the bytes are relayed (WHATWG HTML section 9.2, "Server-sent
 * events": LF, CR and CRLF end a line, "data:" with or without a space, comments
 * begin with a colon). Keeps one event's data until the first token is seen,
 * then only the line state, so a long stream costs a few bytes.
 */
struct sse {
	bool		 at_boundary;	/* an event of ours may follow as it is; if not, "\n\n" goes before it */
	bool		 token_seen;	/* an event with real output went by, or 64 KiB of one */
	bool		 done_seen;	/* "data: [DONE]", or a terminal event of /v1/responses or /v1/messages */
	unsigned long	 events;	/* complete events with data, so far */

	/* private */
	struct buf	 data;		/* of the current event, while it is wanted */
	char		 line[80];	/* the current line's beginning */
	unsigned char	 line_len;	/* bytes kept in line[] */
	bool		 first_line;	/* the only one that may begin with a BOM */
	bool		 after_cr;	/* a line feed now belongs to the last line end */
	bool		 line_kept;	/* data has the line's value so far */
	bool		 event_open;	/* a field of the current event was seen */
	bool		 has_data;	/* one of them was data */
};

void	sse_init(struct sse *);
void	sse_fini(struct sse *);

/* Note what N more bytes of the stream contain. Never fails; never alters them. */
void	sse_feed(struct sse *, const char *bytes, size_t n);

/*
 * True when one event's DATA (N bytes of JSON) carries real output. Not output:
 * a chat chunk whose choices are empty or hold only a role and empty or null
 * fields; a completions chunk with empty text; response.created, .in_progress
 * and .queued; message_start and ping; [DONE]; no data at all. Everything else
 * counts, unknown shapes and bad JSON included, so that an odd provider is
 * never held up.
 */
bool	sse_is_token(const char *data, size_t n);
#endif
