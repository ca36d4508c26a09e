/* sse.h - follow a server-sent event stream without holding it back. */
#ifndef UPSTREAM_SSE_H
#define UPSTREAM_SSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "upstream/peek.h"

/*
 * Reads along while the bytes are relayed (WHATWG HTML section 9.2, "Server-sent
 * events": LF, CR and CRLF end a line, "data:" with or without a space, comments
 * begin with a colon). Keeps one event's data until the first token is seen, or
 * as long as somebody listens to events, and of that only what came in earlier
 * bytes; a long stream costs a few bytes.
 */
struct sse {
	bool		 at_boundary;	/* an event of ours may follow as it is; if not, "\n\n" goes before it */
	bool		 token_seen;	/* an event with real output went by, or 64 KiB of one */
	bool		 done_seen;	/* "data: [DONE]", or an event that ends a stream by its type */
	bool		 finish_seen;	/* such a terminal event, or one of /v1/images; with a listener, a choice's finish_reason or a last chunk of usage, too */
	bool		 part_ended;	/* with a listener: the last event completed a part of the answer, maybe the last one */
	bool		 error_seen;	/* with a listener: an event that tells of a failure */
	bool		 error_first;	/* it came before any token */
	bool		 comment_seen;	/* a complete one */
	unsigned long	 events;	/* complete events with data, so far... */
	unsigned long	 contents;	/* ...that are not [DONE] */
	size_t		 pending;	/* how many of the last bytes are of an incomplete event or line */

	/*
	 * The listener, set after sse_init; NULL = none. Called for each complete
	 * event with data, when all of the above but the first and the last is
	 * up to date. DATA are its data lines, joined, and borrowed: they may lie
	 * in the bytes that were fed. An event with more than 64 KiB of data is not
	 * kept: PIECE hears all of it, in order, as it comes, and then EVENT with
	 * a DATA of NULL and an N of 0. Neither may feed or free.
	 */
	void		(*event)(void *arg, const char *data, size_t n);
	void		(*piece)(void *arg, const char *data, size_t n);
	void		*arg;

	/* For the listener: where the event is in the bytes that are being fed. */
	bool		 event_is_whole; /* it began in them, at event_start */
	size_t		 event_start;	/* its first field, or a comment right before */
	size_t		 event_end;	/* after the empty line; a line feed that comes later is not in */
	const char	*head;		/* where DATA is NULL: the first 64 KiB of it */
	size_t		 head_len;

	/* private */
	struct buf	 data;		/* of the current event, while it is wanted; its beginning */
	struct peek	 peek;		/* of an event that is too long for it */
	const char	*lent;		/* all of it so far, in the bytes at hand */
	size_t		 lent_len;
	char		 line[80];	/* the current line's beginning */
	unsigned char	 line_len;	/* bytes kept in line[] */
	bool		 first_line;	/* the only one that may begin with a BOM */
	bool		 after_cr;	/* a line feed now belongs to the last line end */
	bool		 line_kept;	/* data has the line's value so far */
	bool		 event_open;	/* a field of the current event was seen */
	bool		 has_data;	/* one of them was data */
	bool		 is_failure;	/* it tells of a failure */
	bool		 too_long;	/* data has only the beginning */
};

void	sse_init(struct sse *);
void	sse_fini(struct sse *);

/* Note what N more bytes of the stream contain. Never fails; never alters them. */
void	sse_feed(struct sse *, const char *bytes, size_t n);

/*
 * The stream is over: an event that its end has left open counts like others, as
 * some clients take it and some providers forget the empty line. Where that is
 * in the bytes is not told. No sse_feed may follow.
 */
void	sse_end(struct sse *);

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
