/* docs.h - GET /docs: a page that shows people what /openapi.json says. */
#ifndef HANDLERS_DOCS_H
#define HANDLERS_DOCS_H

#include <stddef.h>

#include "handlers/exchange.h"

/* web/docs.html, compiled in: a shared host gets one file. Made by Makefile.am. */
extern const unsigned char docs_page[];
extern const size_t docs_page_bytes;

void	docs_handle(struct exchange *);
#endif
