#include "config.h"

#include "fcgi/record.h"

#include <assert.h>
#include <string.h>

#include <fastcgi.h>

static uint16_t
record_u16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

/* Skip the last record's padding, then collect the next header. */
static size_t
record_read_head(struct record_reader *r, const char *bytes, size_t n)
{
	size_t	 used, want;

	used = r->padding_left < n ? r->padding_left : n;
	r->padding_left -= (uint8_t)used;
	want = (size_t)(RECORD_HEAD - r->head_len);
	if (want > n - used)
		want = n - used;
	memcpy(r->head + r->head_len, bytes + used, want);
	r->head_len += (uint8_t)want;
	if (r->head_len == RECORD_HEAD)
		r->content_left = record_u16(r->head + 4);
	return used + want;
}

size_t
record_read(struct record_reader *r, const char *bytes, size_t n,
    struct record_piece *piece, bool *found, bool *bad)
{
	size_t	 used = 0, len;
	bool	 fresh = false;

	*found = *bad = false;
	if (r->head_len < RECORD_HEAD) {
		used = record_read_head(r, bytes, n);
		if (r->head_len < RECORD_HEAD)
			return used;
		if (r->head[0] != FCGI_VERSION_1) {
			*bad = true;
			return used;
		}
		fresh = true;
	}
	len = n - used < r->content_left ? n - used : r->content_left;
	if (len == 0 && !(fresh && r->content_left == 0))
		return used;
	r->content_left -= (uint16_t)len;
	*piece = (struct record_piece){
		.type = r->head[1], .id = record_u16(r->head + 2),
		.record_len = record_u16(r->head + 4),
		.data = bytes + used, .len = len,
		.last = r->content_left == 0,
	};
	*found = true;
	if (piece->last) {
		r->padding_left = r->head[6];
		r->head_len = 0;
	}
	return used + len;
}

void
record_head(uint8_t out[RECORD_HEAD], uint8_t type, uint16_t id, size_t len)
{
	assert(len <= 65535);
	out[0] = FCGI_VERSION_1;
	out[1] = type;
	out[2] = (uint8_t)(id >> 8);
	out[3] = (uint8_t)id;
	out[4] = (uint8_t)(len >> 8);
	out[5] = (uint8_t)len;
	out[6] = out[7] = 0;
}

void
record_poison(uint8_t out[RECORD_HEAD], uint16_t id)
{
	record_head(out, FCGI_STDOUT, id, 0);
	out[0] = 0;
}
