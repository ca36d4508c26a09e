/* call.h - the one struct that walks with a request, from intake to settling. */
#ifndef GATEWAY_CALL_H
#define GATEWAY_CALL_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/err.h"
#include "base/id.h"
#include "gateway/snapshot.h"

/* Text for the journal where log.bodies is set. */
struct call_text {
	struct buf	 buf;
	bool		 is_cut;	/* there was more */
};

struct call {
	struct arena	*arena;		/* the request's */
	struct snapshot	*snapshot;	/* a reference, held from begin to settle */
	char		 id[ID_SIZE];
	uint64_t	 start_us;	/* monotonic */
	uint64_t	 start_wall_us;
	const char	*client_host;	/* never NULL */
	const char	*method;
	const char	*path;		/* as routed, decoded */

	const char	*model;		/* as the client asked for it, or NULL */
	bool		 stream;
	const struct target *target;	/* NULL: none was chosen */
	const char	*target_model;

	int		 status;	/* HTTP status told to the client, 0 = none */
	enum err	 outcome;	/* ERR_NONE: the answer is complete, whatever its status */
	uint64_t	 first_byte_us;	/* monotonic; 0 = no answer byte was sent */
	uint64_t	 bytes;		/* of the answer's body */
	const struct call_text *request_text, *answer_text;	/* NULL: not logged */
};
#endif
