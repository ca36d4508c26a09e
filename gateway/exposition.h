/* exposition.h - families as text: Prometheus' text format 0.0.4. */
#ifndef GATEWAY_EXPOSITION_H
#define GATEWAY_EXPOSITION_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "gateway/families.h"

enum { EXPOSITION_LE_MAX = 24 };

/* One family on its way to a buffer, whose ceiling is an ERR_NO_MEMORY. */
struct exposition {
	struct buf	*out;
	const struct family_info *family;
	char		 le[FAMILY_BOUNDS_MAX + 1][EXPOSITION_LE_MAX];
};

/* The head, unless PREVIOUS (or NULL) has the same name and so had it. */
enum err exposition_begin(struct exposition *, struct buf *out,
	    const struct family_info *, const struct family_info *previous);

/*
 * The lines of one series. LABELS is what stands between the braces, N bytes,
 * STATE_TEXT_MAX at most, perhaps none; CELLS are those of the family's group.
 * What has counted nothing yet is not shown, but for gauges.
 */
enum err exposition_put(const struct exposition *, const char *labels,
	    size_t n, const uint64_t *cells);
#endif
