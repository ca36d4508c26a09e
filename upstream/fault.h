/* fault.h - what an error answer means for the next attempt. */
#ifndef UPSTREAM_FAULT_H
#define UPSTREAM_FAULT_H

#include <stdbool.h>
#include <stddef.h>

enum fault {
	FAULT_NONE,
	FAULT_RATE,			/* too much at once: later */
	FAULT_SERVER,			/* the provider is at fault: again, or elsewhere */
	FAULT_KEY,			/* the key, its rights or its money: with another one */
	FAULT_CONTEXT,			/* too long for this model: with another one */
	FAULT_MODEL,			/* the model is not there: maybe elsewhere */
	FAULT_POLICY,			/* the content is refused: final */
	FAULT_REQUEST			/* the request is at fault: final */
};

/*
 * Of an HTTP answer. BODY (N bytes) may be empty or cut short and need not be
 * JSON. Codes inside it count only as whole JSON strings that are values, so
 * that no text it quotes can look like one; well-known sentences count anywhere
 * in its first 16 KiB.
 */
enum fault fault_of_answer(int status, const char *body, size_t n);

/*
 * The HTTP status that an error object with a status of 200 should have had, by
 * its code, its type or what it says; 502 where they tell nothing.
 */
int	fault_status_of_error(const char *body, size_t n);

/* Does the BODY of an answer with status 404 speak of MODEL, as it was asked for? */
bool	fault_names_model(const char *body, size_t n, const char *model);

/* Of an event that tells of an error in a stream whose status was 200. */
enum fault fault_of_event(const char *data, size_t n);
#endif
