#include "config.h"

#include "handlers/echo.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include <uv.h>

#include "base/clock.h"
#include "base/json.h"
#include "base/tree.h"
#include "gateway/gate.h"
#include "handlers/echo_text.h"
#include "handlers/reply.h"

enum { CHUNK_MAX_BYTES = 1 << 20, DELAY_MAX_MS = 10000, STALL_MS = 60000 };

/* An answer that is written word by word. */
struct echo {
	uv_timer_t	 timer;
	struct exchange	*x;		/* NULL: the request has ended, the timer closes */
	bool		 is_chat;
	bool		 wants_usage;
	const char	*id, *model;	/* JSON-ready id, plain model name */
	int64_t		 created;
	const char	*next;		/* of the words not yet sent */
	unsigned	 step;
	unsigned	 delay_ms;
	size_t		 prompt_tokens, answer_tokens;
};

bool
echo_is_configured(const struct snapshot *s)
{
	for (size_t i = 0; i < s->roster.count; i++)
		if (s->roster.entries[i].provider->kind == CONF_KIND_ECHO)
			return true;
	return false;
}

static bool
shows_key(const struct exchange *x, const char *key)
{
	for (size_t i = 0; i < x->credentials.count; i++)
		if (gate_equal(x->credentials.shown[i], key))
			return true;
	return false;
}

/* The echo provider whose key the client shows, or NULL. */
static const struct conf_provider *
echo_find_provider(const struct exchange *x)
{
	const struct roster *r = &x->call.snapshot->roster;

	for (size_t i = 0; i < r->count; i++) {
		const struct roster_entry *e = &r->entries[i];

		if (e->provider->kind == CONF_KIND_ECHO &&
		    shows_key(x, e->key))
			return e->provider;
	}
	return NULL;
}

enum err
echo_check(const struct exchange *x)
{
	if (echo_find_provider(x) != NULL)
		return ERR_NONE;
	return echo_is_configured(x->call.snapshot) ?
	    ERR_INVALID_API_KEY : ERR_NOT_FOUND;
}

/* After echo_check: never NULL. */
static const struct conf_provider *
echo_get_provider(const struct exchange *x)
{
	return echo_find_provider(x);
}

/* The request body as a tree, which the caller frees; NULL after an error reply. */
static yajl_val
echo_parse(struct exchange *x)
{
	const char *text = spool_memory(&x->body);
	yajl_val tree;

	if (text == NULL) {
		reply_error(x, ERR_BODY_TOO_LARGE, NULL);
		return NULL;
	}
	tree = tree_parse(text, x->body.len);
	if (tree == NULL)
		reply_error(x, ERR_JSON_SYNTAX, NULL);
	else
		x->call.model = echo_text_model(x->call.arena, tree);
	return tree;
}

static void
put_choice(struct buf *out, const struct echo *e, const char *text, size_t n,
    bool first, bool last)
{
	buf_puts(out, "\"choices\":[{\"index\":0,");
	if (!e->is_chat) {
		buf_puts(out, "\"text\":");
		json_write_string(out, text, n);
	} else {
		buf_printf(out, "\"delta\":{%s", first ?
		    "\"role\":\"assistant\"," : "");
		buf_puts(out, "\"content\":");
		json_write_string(out, text, n);
		buf_puts(out, "}");
	}
	buf_printf(out, ",\"logprobs\":null,\"finish_reason\":%s}]",
	    last ? "\"stop\"" : "null");
}

static void
put_usage(struct buf *out, const struct echo *e)
{
	buf_printf(out, "\"usage\":{\"prompt_tokens\":%zu,"
	    "\"completion_tokens\":%zu,\"total_tokens\":%zu}",
	    e->prompt_tokens, e->answer_tokens,
	    e->prompt_tokens + e->answer_tokens);
}

static void
put_head(struct buf *out, const struct echo *e, const char *object)
{
	buf_printf(out, "{\"id\":\"%s\",\"object\":\"%s\",\"created\":%"
	    PRId64 ",\"model\":", e->id, object, e->created);
	json_write_string(out, e->model, strlen(e->model));
	buf_puts(out, ",");
}

static const char *
chunk_object(const struct echo *e)
{
	return e->is_chat ? "chat.completion.chunk" : "text_completion";
}

static void
echo_send(struct echo *e, struct buf *out)
{
	exchange_note_byte(e->x);
	request_write(e->x->request, buf_data(out), buf_len(out));
	buf_fini(out);
}

static void
echo_end(struct echo *e)
{
	struct buf out;

	buf_init(&out, CHUNK_MAX_BYTES);
	if (e->wants_usage) {
		buf_puts(&out, "data: ");
		put_head(&out, e, chunk_object(e));
		buf_puts(&out, "\"choices\":[],");
		put_usage(&out, e);
		buf_puts(&out, "}\n\n");
	}
	buf_puts(&out, "data: [DONE]\n\n");
	uv_timer_stop(&e->timer);
	request_end(e->x->request, buf_data(&out), buf_len(&out));
	buf_fini(&out);
}

/* Nobody has read for too long. */
static void
echo_on_stall(uv_timer_t *timer)
{
	struct echo *e = timer->data;

	e->x->call.outcome = ERR_TIMEOUT_IDLE;
	request_abort(e->x->request);
}

/* The next word with the space before it. */
static void
echo_on_timer(uv_timer_t *timer)
{
	struct echo *e = timer->data;
	size_t	 n = strspn(e->next, " ");
	bool	 last;
	struct buf out;

	n += strcspn(e->next + n, " ");
	last = e->next[n] == '\0';
	buf_init(&out, CHUNK_MAX_BYTES);
	buf_puts(&out, "data: ");
	put_head(&out, e, chunk_object(e));
	put_choice(&out, e, e->next, n, e->step++ == 0, last);
	buf_puts(&out, "}\n\n");
	e->next += n;
	echo_send(e, &out);
	if (last)
		echo_end(e);
	else if (response_is_full(&e->x->request->response))
		uv_timer_start(timer, echo_on_stall, STALL_MS, 0);
}

/* Without a delay a word still has a turn of the loop to itself. */
static void
echo_writable(struct exchange *x)
{
	struct echo *e = x->state;

	uv_timer_start(&e->timer, echo_on_timer, e->delay_ms,
	    e->delay_ms > 0 ? e->delay_ms : 1);
}

static void
echo_cancel(struct exchange *x)
{
	struct echo *e = x->state;

	uv_timer_stop(&e->timer);
}

static void
echo_on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void
echo_release(struct exchange *x)
{
	struct echo *e = x->state;

	uv_close((uv_handle_t *)&e->timer, echo_on_closed);
}

static void
echo_stream(struct exchange *x, const struct echo *made)
{
	struct echo *e = malloc(sizeof *e);
	struct response *r = &x->request->response;

	if (e == NULL)
		abort();
	*e = *made;
	uv_timer_init(x->app->loop, &e->timer);
	e->timer.data = e;
	x->state = e;
	x->writable = echo_writable;
	x->cancel = echo_cancel;
	x->release = echo_release;
	reply_begin(x, 200);
	response_field(r, "Content-Type", "text/event-stream; charset=utf-8");
	response_field(r, "Cache-Control", "no-cache");
	response_field(r, "X-Accel-Buffering", "no");
	echo_writable(x);
}

static void
echo_whole(struct exchange *x, const struct echo *e)
{
	struct buf out;

	buf_init(&out, LIMIT_ECHO_BYTES);
	put_head(&out, e, e->is_chat ? "chat.completion" : "text_completion");
	buf_puts(&out, "\"choices\":[{\"index\":0,");
	buf_puts(&out, e->is_chat ?
	    "\"message\":{\"role\":\"assistant\",\"content\":" : "\"text\":");
	json_write_string(&out, e->next, strlen(e->next));
	buf_printf(&out, "%s,\"logprobs\":null,\"finish_reason\":\"stop\"}],",
	    e->is_chat ? "}" : "");
	put_usage(&out, e);
	buf_puts(&out, "}");
	reply_json(x, 200, &out);
}

static void
echo_answer(struct exchange *x, bool is_chat)
{
	const struct conf_provider *p = echo_get_provider(x);
	struct arena *arena = x->call.arena;
	yajl_val tree;
	const char *prompt;
	struct echo e = { .x = x, .is_chat = is_chat };

	if ((tree = echo_parse(x)) == NULL)
		return;
	prompt = is_chat ? echo_text_last_message(arena, tree) :
	    echo_text_prompt(arena, tree);
	e.model = x->call.model;
	e.created = p->mtime;
	e.id = echo_text_id(arena, is_chat ? "chatcmpl" : "cmpl", prompt);
	e.next = arena_printf(arena, "You said: %s", prompt);
	e.prompt_tokens = echo_text_words(prompt);
	e.answer_tokens = echo_text_words(e.next);
	e.delay_ms = (unsigned)echo_text_number(tree, "delay_ms", p->delay_ms,
	    DELAY_MAX_MS);
	e.wants_usage = echo_text_wants_usage(tree);
	x->call.stream = echo_text_flag(tree, "stream");
	yajl_tree_free(tree);
	if (x->call.stream)
		echo_stream(x, &e);
	else
		echo_whole(x, &e);
}

void
echo_handle_chat(struct exchange *x)
{
	echo_answer(x, true);
}

void
echo_handle_completion(struct exchange *x)
{
	echo_answer(x, false);
}

void
echo_handle_embedding(struct exchange *x)
{
	yajl_val tree;
	struct buf out;

	if ((tree = echo_parse(x)) == NULL)
		return;
	buf_init(&out, LIMIT_ECHO_BYTES);
	buf_puts(&out, "{\"object\":\"list\",\"data\":[");
	if (!echo_text_put_embeddings(&out, tree)) {
		buf_fini(&out);
		yajl_tree_free(tree);
		reply_error(x, ERR_BAD_REQUEST,
		    "The demo upstream does not make that many numbers.");
		return;
	}
	buf_puts(&out, "],\"model\":");
	json_write_string(&out, x->call.model, strlen(x->call.model));
	buf_puts(&out, ",\"usage\":{\"prompt_tokens\":0,"
	    "\"total_tokens\":0}}");
	yajl_tree_free(tree);
	reply_json(x, 200, &out);
}

void
echo_handle_models(struct exchange *x)
{
	const struct conf_provider *p = echo_get_provider(x);
	struct buf out;

	buf_init(&out, LIMIT_ECHO_BYTES);
	buf_puts(&out, "{\"object\":\"list\",\"data\":[");
	for (size_t i = 0; i < p->model_count; i++) {
		const struct conf_model *m = &p->models[i];
		const char *name = m->target != NULL ? m->target : m->name;

		buf_puts(&out, i > 0 ? ",{\"id\":" : "{\"id\":");
		json_write_string(&out, name, strlen(name));
		buf_printf(&out, ",\"object\":\"model\",\"created\":%" PRId64
		    ",\"owned_by\":\"echo\"}", p->mtime);
	}
	buf_puts(&out, "]}");
	reply_json(x, 200, &out);
}
