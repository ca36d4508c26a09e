/* record.h - FastCGI records on the wire (FastCGI 1.0 specification, section 3.3). */
#ifndef FCGI_RECORD_H
#define FCGI_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { RECORD_HEAD = 8, RECORD_CONTENT_MAX = 65528 };

/* A piece of one record's content, as it arrived. */
struct record_piece {
	uint8_t		 type;		/* FCGI_BEGIN_REQUEST ... of <fastcgi.h> */
	uint16_t	 id;
	uint16_t	 record_len;	/* content length of the whole record */
	const char	*data;
	size_t		 len;
	bool		 last;		/* the record's content ends with this piece */
};

/* Takes a byte stream apart; keeps nothing but a partial header. */
struct record_reader {
	uint8_t		 head[RECORD_HEAD];
	uint8_t		 head_len;
	uint8_t		 padding_left;
	uint16_t	 content_left;
};

/*
 * Read from BYTES until a piece is there. Returns how many bytes were used and
 * sets *FOUND; unused bytes are to be offered again. A record whose version is
 * not 1 sets *BAD: the stream cannot be followed any further.
 */
size_t	record_read(struct record_reader *, const char *bytes, size_t n,
	    struct record_piece *, bool *found, bool *bad);

/* Write a header without padding into OUT. LEN at most 65535. */
void	record_head(uint8_t out[RECORD_HEAD], uint8_t type, uint16_t id,
	    size_t len);

/* A header that no server accepts (version 0): it makes every server break off. */
void	record_poison(uint8_t out[RECORD_HEAD], uint16_t id);
#endif
