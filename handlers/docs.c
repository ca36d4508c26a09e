#include "config.h"

#include "handlers/docs.h"

#include <string.h>

#include <sodium.h>

#include "base/buf.h"
#include "handlers/reply.h"

enum { PAGE_MAX_BYTES = 1 << 20, POLICY_MAX_BYTES = 1024 };

/*
 * What the page may do: run its own script, have its own style and fetch from
 * where it came from (CSP Level 3).
 */
static const char policy_rest[] = "; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'";

/* The element TAG's text, by its hash (CSP Level 3 section 2.3.1). */
static void
put_hash(struct buf *out, const char *begin_tag, const char *end_tag)
{
	const unsigned char *start, *end;
	unsigned char hash[crypto_hash_sha256_BYTES];
	char	 text[sodium_base64_ENCODED_LEN(sizeof hash,
		    sodium_base64_VARIANT_ORIGINAL)];

	start = memmem(docs_page, docs_page_bytes, begin_tag,
	    strlen(begin_tag));
	if (start == NULL)
		return;
	start += strlen(begin_tag);
	end = memmem(start, (size_t)(docs_page + docs_page_bytes - start),
	    end_tag, strlen(end_tag));
	if (end == NULL)
		return;
	crypto_hash_sha256(hash, start, (size_t)(end - start));
	sodium_bin2base64(text, sizeof text, hash, sizeof hash,
	    sodium_base64_VARIANT_ORIGINAL);
	buf_printf(out, " 'sha256-%s'", text);
}

static void
put_policy(struct exchange *x)
{
	struct buf policy;

	buf_init(&policy, POLICY_MAX_BYTES);
	buf_puts(&policy, "default-src 'none'; script-src");
	put_hash(&policy, "<script>", "</script>");
	buf_puts(&policy, "; style-src");
	put_hash(&policy, "<style>", "</style>");
	buf_append(&policy, policy_rest, sizeof policy_rest);
	response_field(&x->request->response, "Content-Security-Policy",
	    buf_data(&policy));
	buf_fini(&policy);
}

void
docs_handle(struct exchange *x)
{
	struct response *r = &x->request->response;
	struct buf body;

	/* From "/docs/" the page's links would lead below it. */
	if (x->path.raw[x->path.raw_len - 1] == '/') {
		reply_begin(x, 308);
		response_field(r, "Location", "../docs");
		request_end(x->request, NULL, 0);
		return;
	}
	buf_init(&body, PAGE_MAX_BYTES);
	buf_append(&body, docs_page, docs_page_bytes);
	reply_begin_page(x, 200);
	put_policy(x);
	response_field(r, "X-Content-Type-Options", "nosniff");
	response_field(r, "Referrer-Policy", "no-referrer");
	reply_body(x, "text/html; charset=utf-8", &body);
}
