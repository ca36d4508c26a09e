/* openapi_form.h - what a route takes, as JSON Schema says it. */
#ifndef HANDLERS_OPENAPI_FORM_H
#define HANDLERS_OPENAPI_FORM_H

#include "base/buf.h"
#include "handlers/fields.h"
#include "handlers/route.h"

/* ,"requestBody":{...}; NULL: the route takes no members, which adds nothing. */
void	openapi_form_put_body(struct buf *, const struct form *);

/* ,"parameters":[...]; NULL: nothing can be asked, which adds nothing. */
void	openapi_form_put_query(struct buf *, const struct route_query *);
#endif
