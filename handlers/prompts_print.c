#include "config.h"

#include "handlers/prompts_print.h"

#include <stdbool.h>
#include <string.h>

#include "base/when.h"
#include "handlers/admin_json.h"

enum { LINE_MAX_BYTES = 1 << 20 };

void
prompts_print_record(struct buf *out, const struct prompts_record *r)
{
	admin_json_open(out);
	admin_json_text(out, "scope", prompts_scope_name(r->scope));
	if (r->scope == PROMPTS_GLOBAL)
		admin_json_null(out, "name");
	else
		admin_json_text(out, "name", r->name);
	admin_json_text(out, "text", r->text);
	admin_json_time(out, "created_at", r->created);
	admin_json_time(out, "updated_at", r->updated);
	admin_json_close(out);
}

void
prompts_print_line(const struct prompts_record *r, FILE *out)
{
	struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	prompts_print_record(&line, r);
	admin_json_print(&line, out);
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
