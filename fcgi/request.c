#include "config.h"

#include "fcgi/request.h"

#include <errno.h>
#include <stdlib.h>

enum err
request_init_length(struct request *r)
{
	const char *text = params_get(&r->params, "CONTENT_LENGTH");
	char	*end;

	if (text == NULL || *text == '\0')	/* nginx may leave it empty */
		return ERR_NONE;
	if (*text < '0' || *text > '9')
		return ERR_BAD_REQUEST;
	errno = 0;
	r->content_length = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0')
		return ERR_BAD_REQUEST;
	r->has_length = true;
	return ERR_NONE;
}

enum err
request_write(struct request *r, const void *bytes, size_t n)
{
	enum err err = response_write(&r->response, bytes, n);

	if (r->tap != NULL)
		r->tap(r, bytes, n);
	r->changed(r);
	return err;
}

void
request_end(struct request *r, const void *bytes, size_t n)
{
	response_end(&r->response, bytes, n);
	if (r->tap != NULL)
		r->tap(r, bytes, n);
	r->changed(r);
}

void
request_abort(struct request *r)
{
	response_abort(&r->response);
	r->changed(r);
}
