#include "config.h"

#include "handlers/prompts_print.h"

#include <stdbool.h>
#include <string.h>

#include "base/json.h"
#include "base/when.h"

enum { LINE_MAX_BYTES = 1 << 20 };

static enum err
put_name(struct buf *out, const struct prompts_record *r)
{
	return r->scope == PROMPTS_GLOBAL ? buf_puts(out, "null") :
	    json_write_string(out, r->name, strlen(r->name));
}

static enum err
put_text(struct buf *out, const char *text)
{
	enum err err = buf_puts(out, ",\"text\":");

	return err != ERR_NONE ? err :
	    json_write_string(out, text, strlen(text));
}

static enum err
put_times(struct buf *out, const struct prompts_record *r)
{
	char	 created[WHEN_TEXT_SIZE], updated[WHEN_TEXT_SIZE];

	when_format(r->created, created);
	when_format(r->updated, updated);
	return buf_printf(out, ",\"created_at\":\"%s\",\"updated_at\":\"%s\"}",
	    created, updated);
}

enum err
prompts_print_record(struct buf *out, const struct prompts_record *r)
{
	enum err err = buf_printf(out, "{\"scope\":\"%s\",\"name\":",
		    prompts_scope_name(r->scope));

	if (err == ERR_NONE)
		err = put_name(out, r);
	if (err == ERR_NONE)
		err = put_text(out, r->text);
	return err == ERR_NONE ? put_times(out, r) : err;
}

void
prompts_print_line(const struct prompts_record *r, FILE *out)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	if (prompts_print_record(&line, r) == ERR_NONE)
		fprintf(out, "%.*s\n", (int)buf_len(&line), buf_data(&line));
	buf_fini(&line);
}

static void
put_line(void *arg, const struct prompts_record *r)
{
	prompts_print_line(r, arg);
}

enum prompts_end
prompts_print_json(struct db *db, FILE *out)
{
	return prompts_each(db, put_line, out);
}

/* ---- The table. ---- */

struct print {
	FILE		*out;
	bool		 is_measuring;
	int		 width;		/* of the names */
};

static const char *
shown_name(const struct prompts_record *r)
{
	return r->scope == PROMPTS_GLOBAL ? "-" : r->name;
}

static void
put_row(void *arg, const struct prompts_record *r)
{
	struct print *p = arg;
	const char *name = shown_name(r);
	int	 n = (int)strlen(name);
	char	 updated[WHEN_TEXT_SIZE];

	if (p->is_measuring) {
		p->width = n > p->width ? n : p->width;
		return;
	}
	when_format(r->updated, updated);
	fprintf(p->out, "%-6s  %-*s  %-20s  %5zu\n",
	    prompts_scope_name(r->scope), p->width, name, updated,
	    strlen(r->text));
}

/* Read twice: before anything is printed the width must be known. */
enum prompts_end
prompts_print_table(struct db *db, FILE *out)
{
	struct print p = { .out = out, .is_measuring = true,
		.width = sizeof "name" - 1 };
	enum prompts_end end = prompts_each(db, put_row, &p);

	if (end != PROMPTS_DONE)
		return end;
	p.is_measuring = false;
	fprintf(out, "%-6s  %-*s  %-20s  %5s\n", "scope", p.width, "name",
	    "updated", "bytes");
	return prompts_each(db, put_row, &p);
}
